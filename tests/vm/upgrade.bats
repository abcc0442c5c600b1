#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# After upgrades, systemd stops, restarts and watches the server as before the first one.
# shellcheck disable=SC2030,SC2031,SC2119 # output is that of run; stop_server is none of lib.bash

setup_file()
{
	load lib
	# a plain password over loopback; what stands still must do so for as long as this machine needs
	sed -i -e 's/^\( *\)require = .*/\1require = no/' -e 's/^\( *\)stall = .*/\1stall = "1h"/' /etc/sallyport/sallyport.conf
	systemctl reload sallyportd
	new_account alice
	home_file alice big 16777216
}

setup()
{
	load lib
	OTHERS=
	CURSOR=$(journalctl -q -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
	systemctl start sallyportd
}

teardown()
{
	local fd
	ftp_close
	data_close
	for fd in $OTHERS; do
		exec {fd}>&-
	done
	if [ -z "${BATS_TEST_COMPLETED-}" ]; then
		journal | tail -n 60
		systemctl status --no-pager sallyportd || :
	fi
	rm -f /etc/sallyport/broken.conf
	systemctl reset-failed sallyportd
}

# What systemd and the server have logged since the test began.
journal()
{
	journalctl -q --after-cursor="$CURSOR" --output=short-monotonic
}

# upgrade [N]: N times; the main process is systemd's own child each time.
upgrade()
{
	local count=${1:-1} old
	while [ "$count" -gt 0 ]; do
		old=$(master_pid)
		sallyportctl upgrade
		wait_until -t 60 eval "[ \"\$(master_pid)\" != $old ]"
		assert_equal "$(status_of "$(master_pid)" PPid)" 1
		count=$((count - 1))
	done
}

# A session whose download stands still; sets FD and FD_DATA, which stuck_ends uses.
stuck_session()
{
	ftp_login alice secret
	ftp 'TYPE I' 200
	ftp_passive
	ftp 'RETR big' 150
	wait_until -t 60 data_is_full
	FD=$FTP FD_DATA=$DATA
	OTHERS+=" $FD $FD_DATA"
	FTP=
	DATA=
}

# stuck_ends FD FD_DATA: its download is read to the end, and complete.
stuck_ends()
{
	assert_equal "$(timeout 60 cat <&"$2" | wc -c)" 16777216
	FTP=$1
	ftp_reply
	FTP=
	assert_equal "$REPLY" 226
}

nobody_was_killed()
{
	run journal
	refute_output --partial 'not our child'
	refute_output --partial 'Killing process'
	refute_output --partial 'remains running after unit stopped'
	refute_output --regexp 'sallyportd.service: (Main process exited|Failed with result)'
}

@test "stop after three upgrades: transfers of all servers end well, and nothing is killed" {
	stuck_session
	first=$FD first_data=$FD_DATA
	upgrade
	stuck_session
	second=$FD second_data=$FD_DATA
	upgrade 2
	ftp_login alice secret
	systemctl stop --no-block sallyportd
	# an idle session ends at once
	ftp_reply
	assert_equal "$REPLY" 421
	service_has ActiveState deactivating
	stuck_ends "$first" "$first_data"
	service_has ActiveState deactivating
	stuck_ends "$second" "$second_data"
	wait_until -t 60 service_has ActiveState inactive
	nobody_was_killed
}

@test "restart after an upgrade: a transfer of the old server ends well, then the new one serves" {
	stuck_session
	upgrade
	systemctl restart --no-block sallyportd
	wait_until -t 60 service_has ActiveState deactivating
	stuck_ends "$FD" "$FD_DATA"
	wait_until -t 60 service_has ActiveState active
	ftp_login alice secret
	nobody_was_killed
}

@test "kill -9 of the new server while the old one drains: the unit starts again and listens" {
	ftp_login alice secret
	upgrade
	FTP_OLD=$FTP
	OTHERS+=" $FTP_OLD"
	FTP=
	killed=$(master_pid)
	kill -KILL "$killed"
	serves_again()
	{
		[ "$(master_pid)" != "$killed" ] && [ "$(systemctl is-active sallyportd)" = active ]
	}
	wait_until -t 60 serves_again
	ftp_login alice secret
	assert_equal "$(systemctl show --property=NRestarts --value sallyportd)" 1
	# as a crash of the first server ends all sessions, so does this one
	timeout 30 cat <&"$FTP_OLD" >/dev/null || [ "$?" -ne 124 ]
}

@test "many upgrades: one process more for none of them, and reload reaches the one that serves" {
	upgrade 5
	wait_until -t 60 eval "[ \$(pgrep -c -f '^sallyportd: master') -eq 1 ]"
	run systemctl reload sallyportd
	assert_success
	ftp_login alice secret
	systemctl stop sallyportd
	nobody_was_killed
}

@test "SIGUSR2 with a mistake in the configuration: the server goes on, and stops well" {
	old=$(master_pid)
	sed '1i no-such-key = 1' /etc/sallyport/sallyport.conf >/etc/sallyport/broken.conf
	cp -p /etc/sallyport/sallyport.conf /etc/sallyport/good.conf
	cat /etc/sallyport/broken.conf >/etc/sallyport/sallyport.conf
	run sallyportctl -c /etc/sallyport/good.conf upgrade
	mv /etc/sallyport/good.conf /etc/sallyport/sallyport.conf
	assert_failure 1
	assert_output --partial 'no-such-key: unknown key'
	assert_output --partial 'this one goes on'
	assert_equal "$(master_pid)" "$old"
	ftp_login alice secret
	ftp_close
	systemctl stop sallyportd
	nobody_was_killed
}
