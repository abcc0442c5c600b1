#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# After a reboot.

setup() { load lib; }

@test "after a reboot the service is up, with its accounts and files" {
	run systemctl is-active sallyportd
	assert_output active
	is_served
	[ "$(stat -c %s /srv/sallyport/alice/sent)" -eq 300000 ]
}
