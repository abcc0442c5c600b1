#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# logrotate by its timer's service, as Debian runs it: the log goes on in a new file, and no session ends.

setup() { load lib; }

@test "rotated by force, each line is in one of the two files" {
	new_account alice
	home_file alice big 4000000
	set_key target '"/var/log/sallyport/sallyport.log"'
	systemctl reload sallyportd
	is_served
	wait_until -t 30 test -s /var/log/sallyport/sallyport.log
	hold_download big
	# the very service, with "force" for all that it rotates
	mkdir -p /etc/systemd/system/logrotate.service.d
	printf '[Service]\nExecStart=\nExecStart=/usr/sbin/logrotate --force /etc/logrotate.conf\n' >/etc/systemd/system/logrotate.service.d/force.conf
	systemctl daemon-reload
	systemctl start logrotate.service
	assert_file_exists /var/log/sallyport/sallyport.log.1
	is_served
	wait_until -t 30 grep -q ' login ' /var/log/sallyport/sallyport.log
	end_download big
	cmp "$DIR/big" /srv/sallyport/alice/big
	grep -q ' login ' /var/log/sallyport/sallyport.log.1
	# what ends after the rotation is logged in the new file
	wait_until -t 30 grep -q ' transfer .*big' /var/log/sallyport/sallyport.log
	assert_equal "$(stat -c %a /var/log/sallyport/sallyport.log)" 600
}

@test "a second rotation compresses the first" {
	systemctl start logrotate.service
	assert_file_exists /var/log/sallyport/sallyport.log.2.gz
	is_served
	run journalctl --unit logrotate --boot --output cat
	refute_output --partial error
}
