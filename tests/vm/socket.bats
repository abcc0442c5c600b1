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

@test "during a restart clients wait instead of being refused" {
	for i in 1 2 3 4 5 6; do
		is_served || echo refused >>"$DIR/refused"
	done 3>&- &
	clients=$!
	systemctl restart sallyportd.service
	wait "$clients"
	assert_file_not_exists "$DIR/refused"
}
