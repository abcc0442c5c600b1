#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# systemctl stop lets running transfers finish, within timeouts.drain; systemctl restart as well.

setup() { load lib; }

setup_file()
{
	load lib
	new_account alice
	home_file alice big 4000000
	set_key drain '"55s"'
	systemctl reload sallyportd
}

@test "stop: the download ends well, new clients are refused, nothing is killed" {
	hold_download big
	systemctl stop --no-block sallyportd
	wait_until -t 60 service_has ActiveState deactivating
	run ftp_open
	assert_failure
	end_download big
	cmp "$DIR/big" /srv/sallyport/alice/big
	wait_until -t 60 service_has ActiveState inactive
	service_has Result success
	run journalctl --unit sallyportd --boot --output cat
	refute_output --partial 'Killing process'
	run pgrep sallyportd
	assert_output ""
	systemctl start sallyportd
	is_served
}

@test "restart: what takes longer than timeouts.drain is cut, and the service is up again" {
	set_key drain '"3s"'
	systemctl reload sallyportd
	hold_download big
	before=$(master_pid)
	SECONDS=0
	systemctl restart sallyportd
	# long before TimeoutStopSec, at which systemd would kill
	[ "$SECONDS" -lt 50 ]
	[ "$(master_pid)" != "$before" ]
	run end_download big
	assert_failure
	run journalctl --unit sallyportd --boot --output cat
	refute_output --partial 'Killing process'
	refute_output --partial 'timed out'
	is_served
}
