#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Under a service manager, a server that took over is stopped, restarted and watched as the first one was.
# shellcheck disable=SC2030,SC2031 # output is that of run

load lib

setup()
{
	new_place
	write_config
	add_user alice secret
	MANAGER=
	OTHERS=
}

teardown()
{
	local status=0 fd
	data_close
	for fd in $OTHERS; do
		exec {fd}>&-
	done
	end_manager || status=1
	[ -z "$MANAGER" ] || SERVER_PID=
	end_place || status=1
	return "$status"
}

# managed_server [COMMAND...]: tests/e2e/manager, which stands in for systemd, starts it.
managed_server()
{
	[ $# -gt 0 ] || set -- "$BUILD/sallyportd" -f -c "$CONF"
	"$BATS_TEST_DIRNAME/manager" "$DIR" -- "$@" </dev/null >"$DIR/manager.out" 2>&1 3>&- &
	MANAGER=$!
	wait_until -t 30 log_has ' ready '
	find_main
	find_ports
}

end_manager()
{
	[ -n "$MANAGER" ] || return 0
	kill -TERM "$MANAGER" 2>/dev/null || :
	[ -z "$(main_pid)" ] || kill -TERM "$(main_pid)" 2>/dev/null || :
	if ! wait_until -t 20 is_gone "$MANAGER"; then
		# shellcheck disable=SC2046 # numbers
		kill -KILL "$MANAGER" $(children_of "$MANAGER")
		return 1
	fi
	[ ! -s "$DIR/manager.out" ] || { cat "$DIR/manager.out" && return 1; }
}

# Print the pid that the manager takes for the main process.
main_pid()
{
	sed -n 's/^\(main\|alien\) //p' "$DIR/manager" 2>/dev/null | tail -n 1
}

find_main()
{
	SERVER_PID=$(main_pid)
	[ -n "$SERVER_PID" ]
}

manager_told()
{
	grep -qxE -- "$1" "$DIR/manager"
}

parent_of()
{
	status_of "$1" PPid
}

# upgrade [WAY]: afterwards SERVER_PID is the new server, the manager's main process and own child.
upgrade()
{
	local old=$SERVER_PID
	kill -USR2 "$old"
	wait_until eval "[ \"\$(main_pid)\" != $old ]"
	find_main
	wait_until log_has " upgrade .*process $SERVER_PID has taken over"
	assert_equal "$(parent_of "$SERVER_PID")" "$MANAGER"
	! manager_told 'alien .*'
}

other_session()
{
	local fd
	exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'USER alice\r\nPASS secret\r\n' >&"$fd"
	timeout 20 grep -q -m 1 ^230 <&"$fd"
	OTHERS+=" $fd"
	OTHER=$fd
}

stop_managed()
{
	kill -TERM "$MANAGER"
}

is_stopped()
{
	is_gone "$MANAGER"
}

@test "each server that takes over is the manager's own child, and its parent until then is gone" {
	managed_server
	first=$SERVER_PID
	other_session
	upgrade
	second=$SERVER_PID
	other_session
	upgrade
	assert_equal "$(parent_of "$first")" "$MANAGER"
	assert_equal "$(parent_of "$second")" "$MANAGER"
	run bash -c "tr '\\0' ' ' </proc/$first/cmdline"
	assert_output --partial 'master retired'
	# no process between them stays
	for pid in "$first" "$second" "$SERVER_PID"; do
		for child in $(children_of "$pid"); do
			run cat "/proc/$child/cmdline"
			refute_output --partial ': upgrade'
		done
	done
	ftp_login alice secret
}

@test "stop after upgrades: transfers of all servers are finished, nothing is killed" {
	managed_server
	ftp_login alice secret
	ftp_stuck first 16M
	first_ftp=$FTP first_data=$DATA
	OTHERS+=" $first_ftp $first_data"
	upgrade
	ftp_login alice secret
	ftp_stuck second 16M
	upgrade
	other_session
	stop_managed
	wait_until eval "[ \$(log_count ' stop .*transfers may finish') -eq 3 ]"
	assert_equal "$(timeout 20 head -n 1 <&"$OTHER")" $'421 Service is shutting down; closing\r'
	is_stopped && fail "the manager did not wait"
	assert_equal "$(timeout 60 cat <&"$first_data" | wc -c)" 16777216
	is_stopped && fail "the manager did not wait for the second server"
	assert_equal "$(timeout 60 cat <&"$DATA" | wc -c)" 16777216
	ftp_reply
	assert_equal "$REPLY" 226
	FTP=$first_ftp
	ftp_reply
	assert_equal "$REPLY" 226
	wait_until is_stopped
	assert manager_told 'ended 0'
	assert manager_told 'killed 0'
	assert manager_told stopped
}

@test "stop after an upgrade: the time is that of the configuration in force, for all servers" {
	managed_server
	ftp_login alice secret
	ftp_stuck big
	sed -i '1i timeouts { drain = 1 }' "$CONF"
	upgrade
	stop_managed
	wait_until -t 8 is_stopped
	assert manager_told 'ended 0'
	assert manager_told 'killed 0'
	assert_equal "$(log_count ' stopped ')" 2
}

@test "kill -9 of the new server while the old one drains: the manager starts another" {
	managed_server
	other_session
	upgrade
	old_log=$(log_count ' ready ')
	kill -KILL "$SERVER_PID"
	wait_until manager_told restarted
	assert manager_told 'ended -9'
	wait_until eval "[ \$(log_count ' ready ') -gt $old_log ]"
	find_main
	find_ports
	ftp_login alice secret
}

@test "kill -9 of the new server, and the old one is watched by nobody: it starts another, and its session goes on" {
	PORT=$(free_port)
	write_config "listen = {\"127.0.0.1:$PORT\"}"
	timeout 20 "$BUILD/sallyportd" -c "$CONF" 3>&-
	first=$(cat "$DIR/run/sallyportd.pid")
	SERVER_PID=$first
	other_session
	ctl upgrade
	second=$(cat "$DIR/run/sallyportd.pid")
	[ "$second" != "$first" ]
	kill -KILL "$second"
	wait_until log_has ' critical upgrade-failed .*the server that took over has ended'
	wait_until eval "[ \"\$(cat '$DIR/run/sallyportd.pid')\" != $second ]"
	SERVER_PID=$(cat "$DIR/run/sallyportd.pid")
	wait_until log_has " upgrade .*process $SERVER_PID has taken over"
	ftp_login alice secret
	printf 'PWD\r\n' >&"$OTHER"
	timeout 20 grep -q -m 1 '^257 ' <&"$OTHER"
	# a stop of the new server ends the old one too
	kill -TERM "$SERVER_PID"
	wait_until is_gone "$first"
	wait_until is_gone "$SERVER_PID"
	SERVER_PID=
}

@test "kill -9 of the new server, and another was started by hand: the old one ends with its sessions" {
	PORT=$(free_port)
	write_config "listen = {\"127.0.0.1:$PORT\"}"
	timeout 20 "$BUILD/sallyportd" -c "$CONF" 3>&-
	first=$(cat "$DIR/run/sallyportd.pid")
	SERVER_PID=$first
	other_session
	ctl upgrade
	kill -KILL "$(cat "$DIR/run/sallyportd.pid")"
	timeout 20 "$BUILD/sallyportd" -c "$CONF" 3>&-
	SERVER_PID=$(cat "$DIR/run/sallyportd.pid")
	[ "$(parent_of "$SERVER_PID")" != "$first" ]
	# the old server sees it at once, or with the attempt after one that found the port taken
	wait_until -t 30 log_has " warning upgrade .*process $SERVER_PID serves, and was not started by this one"
	printf 'PWD\r\n' >&"$OTHER"
	timeout 20 grep -q -m 1 '^257 ' <&"$OTHER"
	exec {OTHER}>&-
	OTHERS=
	wait_until is_gone "$first"
	ftp_login alice secret
}

@test "kill -9 of the new server before it is ready: the old one goes on, and nobody stays" {
	cp "$BUILD/sallyportd" "$DIR/sallyportd"
	managed_server "$DIR/sallyportd" -f -c "$CONF"
	old=$SERVER_PID
	rm "$DIR/sallyportd"
	printf '#!/bin/sh\necho $$ >"%s/starting"\nexec sleep 100\n' "$DIR" >"$DIR/sallyportd"
	chmod 755 "$DIR/sallyportd"
	kill -USR2 "$old"
	wait_until test -s "$DIR/starting"
	kill -KILL "$(cat "$DIR/starting")"
	wait_until log_has ' error upgrade-failed .*the new server was ended by signal 9; this one goes on'
	# the test kills its parent alone
	rm "$DIR/starting"
	kill -USR2 "$old"
	wait_until test -s "$DIR/starting"
	kill -KILL "$(parent_of "$(cat "$DIR/starting")")"
	wait_until eval "[ \$(log_count 'ended by signal 9; this one goes on') -eq 2 ]"
	wait_until is_gone "$(cat "$DIR/starting")"
	ftp_login alice secret
	# the manager stops the server meanwhile
	rm "$DIR/starting"
	kill -USR2 "$old"
	wait_until test -s "$DIR/starting"
	ftp_close
	stop_managed
	wait_until is_stopped
	assert manager_told 'killed 0'
	assert is_gone "$(cat "$DIR/starting")"
}

@test "sallyportctl upgrade: says who took over, or why not, as soon as it is known" {
	managed_server
	old=$SERVER_PID
	other_session
	echo 'no-such-key = 1' >>"$CONF"
	SECONDS=0
	run ctl upgrade
	assert_failure 1
	assert_output --regexp "^sallyportctl: sallyportd: $CONF:[0-9]+: no-such-key"
	assert_output --partial 'sallyportctl: the new server did not start (exit status 1); this one goes on'
	[ "$SECONDS" -lt 8 ]
	sed -i '$d' "$CONF"
	run ctl upgrade
	assert_success
	wait_until eval "[ \"\$(main_pid)\" != $old ]"
	find_main
	assert_output "process $SERVER_PID has taken over; 1 session goes on in process $old"
	run ctl --json upgrade
	assert_success
	assert_output --partial '"good": true'
	wait_until eval "[ \"\$(main_pid)\" != $SERVER_PID ]"
	find_main
	ftp_login alice secret
}

# --- a manager that watches the pid ---

@test "as process 1, an upgrade is refused with the reason, and sessions go on" {
	unshare --pid --fork --mount-proc true 2>/dev/null || skip "no name space of processes can be made here"
	unshare --pid --fork --kill-child --mount-proc "$BUILD/sallyportd" -f -c "$CONF" </dev/null >"$DIR/stdout" 2>"$DIR/stderr" 3>&- &
	outside=$!
	wait_until -t 30 log_has ' ready '
	SERVER_PID=$(children_of "$outside")
	SERVER_PID=${SERVER_PID% }
	find_ports
	ftp_login alice secret
	run ctl upgrade
	assert_failure 1
	assert_output --partial 'this server is process 1, and the container ends with it; start a container with the new program'
	kill -USR2 "$SERVER_PID"
	wait_until eval "[ \$(log_count ' warning upgrade-failed .*this server is process 1') -eq 2 ]"
	ftp NOOP 200
	ftp_close
}

@test "under a supervisor that waits for its end, an upgrade is refused with the reason" {
	# supervise-daemon of OpenRC, runsv of runit and others wait like this; the server looks at the name
	cat >"$DIR/supervise" <<-END
		#!/bin/sh
		"$BUILD/sallyportd" -f -c "$CONF"
		echo "\$?" >"$DIR/supervised"
	END
	chmod 755 "$DIR/supervise"
	"$DIR/supervise" </dev/null >"$DIR/stdout" 2>"$DIR/stderr" 3>&- &
	supervisor=$!
	wait_until -t 30 log_has ' ready '
	SERVER_PID=$(cat "$DIR/run/sallyportd.pid")
	find_ports
	run ctl upgrade
	assert_failure 1
	assert_output --partial "process $supervisor (supervise) started this server with -f and waits for its end; restart the service there"
	ftp_login alice secret
	ftp_close
	stop_server
	wait_until grep -qx 0 "$DIR/supervised"
}
