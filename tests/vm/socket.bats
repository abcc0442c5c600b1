#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyportd.socket: systemd keeps port 21 open, and a restart refuses nobody.

setup() { load lib; }

teardown() { ftp_close; }

@test "as the example says, the socket is enabled beside the service, and the login works" {
	new_account alice
	install -m 644 /usr/share/doc/sallyport-server/examples/sallyportd.socket /etc/systemd/system/
	systemctl daemon-reload
	systemctl stop sallyportd
	systemctl enable --now sallyportd.socket
	systemctl start sallyportd
	run ss --no-header --listening --tcp --processes 'sport = :21'
	assert_line --partial '"systemd"'
	assert_line --partial '"sallyportd"'
	is_served
}

@test "a client that connects while the service is stopped is served: systemd starts it" {
	systemctl stop sallyportd.service
	run systemctl is-active sallyportd.service
	assert_output inactive
	is_served
	run systemctl is-active sallyportd.service
	assert_output active
}

has_ended()
{
	! kill -0 "$1" 2>/dev/null
}

# A client that is in the old server already, and moves nothing, is told 421 by it. The others connect to systemd's socket.
@test "during a restart clients wait instead of being refused" {
	local old
	old=$(master_pid)
	systemctl --no-block restart sallyportd.service
	wait_until -t 60 has_ended "$old"
	for _ in 1 2 3; do
		is_served
	done
	assert_not_equal "$(master_pid)" "$old"
}
