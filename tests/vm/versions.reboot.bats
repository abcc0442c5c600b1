#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A reboot after two upgrades.

setup() { load lib; }

@test "after two upgrades and a reboot the newest version serves the same accounts" {
	run systemctl is-active sallyportd
	assert_output active
	is_served
	[ "$(stat -c %s /srv/sallyport/alice/sent)" -eq 4000000 ]
	run dpkg-query -W -f='${Version}' sallyport-server
	assert_output --partial newest
}
