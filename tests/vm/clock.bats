#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A clock that is wrong or jumps, and a configuration that is broken: the server is right again by itself.

setup() { load lib; }

told() # PATTERN
{
	journalctl --boot --output cat --unit sallyportd | grep -qE "$1"
}

status_has() # PATTERN
{
	sallyportctl status | grep -qE "$1"
}

jump() # TIME
{
	date --set "$1" >/dev/null
}

@test "the clock jumps ahead, beyond the certificate, and back: sessions and bans go on, the log says what is wrong" {
	new_account alice
	sed -i 's/^\( *\)require = .*/\1require = no/' "$CONF"
	systemctl reload sallyportd
	sallyportctl ban add 192.0.2.1 --for 1h
	ftp_login alice secret
	jump '+5 years'
	ftp NOOP 200
	wait_until -t 60 told 'certificate-ends .*has expired; renew it; it is used all the same'
	status_has '^certificate: +has expired'
	run sallyportctl ban list --json
	[ "$(jq '.[0].seconds_left' <<<"$output")" -gt 3000 ]
	status_has '^started: .* [0-9]+[sm] ago'
	jump '-5 years'
	ftp NOOP 200
	ftp QUIT 221
	wait_until -t 60 status_has '^certificate: +good until'
	is_served
}

@test "a start with a clock of long ago is served, and right when the clock is" {
	local now
	now=$(date +%s)
	jump 2001-01-01
	run sallyportd -t
	assert_success
	assert_output --partial 'is not valid yet; check the clock (warning)'
	systemctl restart sallyportd
	service_has ActiveState active
	wait_until -t 60 status_has '^certificate: +is not valid yet'
	secure_curl --insecure --list-only "$URL/" >/dev/null
	jump "@$now"
	wait_until -t 60 status_has '^certificate: +good until'
	is_served
}

@test "a start that fails is tried again until the file is right" {
	sed -i '1i no-such-key = 1' "$CONF"
	run systemctl restart sallyportd
	assert_failure
	# systemd gives up after five starts in ten seconds, unless it is told otherwise
	has_tried() { [ "$(systemctl show --property NRestarts --value sallyportd)" -ge 6 ]; }
	wait_until -t 150 has_tried
	sed -i '1d' "$CONF"
	wait_until -t 60 is_served
}
