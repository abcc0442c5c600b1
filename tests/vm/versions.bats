#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Two upgrades of the package in a row: TLS transfers that run survive both.

setup() { load lib; }

@test "an upload and a download over TLS survive two upgrades" {
	new_account alice
	home_file alice big 4000000
	head -c 4000000 /dev/urandom >"$DIR/sent"
	set_key stall '"30m"'
	systemctl reload sallyportd
	hold_download big
	hold_upload sent
	head -c 2000000 "$DIR/sent" >&"$FEED"
	first=$(master_pid)
	install_packages newer
	second=$(master_pid)
	[ "$first" != "$second" ]
	is_served
	install_packages newest
	[ "$(master_pid)" != "$second" ]
	is_served
	end_download big
	cmp "$DIR/big" /srv/sallyport/alice/big
	tail -c 2000000 "$DIR/sent" >&"$FEED"
	exec {FEED}>&-
	wait "$UPLOAD"
	cmp "$DIR/sent" /srv/sallyport/alice/sent
	run dpkg-query -W -f='${Version}' sallyport-server
	assert_output --partial newest
}

@test "when their sessions have ended the old servers are gone" {
	wait_until -t 60 one_master
	run systemctl is-active sallyportd
	assert_output active
}

# one server is left: a child of process 1 with the name of the program
one_master()
{
	[ "$(pgrep --parent 1 --exact sallyportd | wc -l)" -eq 1 ]
}
