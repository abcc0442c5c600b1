#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# After a reboot with the socket enabled.

setup() { load lib; }

@test "after a reboot the socket is systemd's, and the login works" {
	run systemctl is-active sallyportd.socket
	assert_output active
	is_served
	run systemctl is-active sallyportd.service
	assert_output active
}
