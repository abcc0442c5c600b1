#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# systemctl reload takes a new configuration without cutting a session, and fails on a broken one.

setup() { load lib; }

@test "a reload takes the new configuration, and a download goes on" {
	new_account alice
	home_file alice big 4000000
	hold_download big
	before=$(master_pid)
	set_key banner '"after the reload"'
	systemctl reload sallyportd
	ftp_open
	[[ $REPLY_TEXT == *"after the reload"* ]]
	ftp_close
	end_download big
	cmp "$DIR/big" /srv/sallyport/alice/big
	assert_equal "$(master_pid)" "$before"
}

@test "a broken configuration: reload fails and says where, the running one stays" {
	before=$(master_pid)
	sed -i '1i banner = "never seen"\nno-such-key = 1' "$CONF"
	run systemctl reload sallyportd
	assert_failure
	journalctl --unit sallyportd --boot --output cat | grep -F "$CONF:2: no-such-key"
	run systemctl is-active sallyportd
	assert_output active
	assert_equal "$(master_pid)" "$before"
	ftp_open
	[[ $REPLY_TEXT == *"after the reload"* ]]
	ftp_close
	sed -i 1,2d "$CONF"
	systemctl reload sallyportd
	is_served
}
