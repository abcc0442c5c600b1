#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The init script from start to stop, with the exit codes of the LSB.

load lib

setup()
{
	new_place
	write_config
	SCRIPT=$BATS_TEST_DIRNAME/../../etc/init.d/sallyportd
	PIDFILE=$DIR/run/sallyportd.pid
	export SALLYPORTD_DEFAULT=$DIR/default
	cat >"$SALLYPORTD_DEFAULT" <<-EOF
		DAEMON='$BUILD/sallyportd'
		CONFIG='$CONF'
		PIDFILE='$PIDFILE'
	EOF
}

# A server in the background is no child of the test, so its pid file names it.
teardown()
{
	if [ -s "$PIDFILE" ]; then
		SERVER_PID=$(cat "$PIDFILE")
	fi
	end_place
}

# A sanitizer's logger keeps standard error for its reports, and "run" would wait until that closes.
init()
{
	local status=0
	if ! is_asan; then
		"$SCRIPT" "$@" 3>&-
		return
	fi
	"$SCRIPT" "$@" >"$DIR/stderr" 2>&1 3>&- || status=$?
	cat "$DIR/stderr"
	return "$status"
}

greeting()
{
	find_ports
	ftp_open
	ftp_close
	[ "$REPLY" = 220 ]
}

@test "start: serves when it returns" {
	run init start
	assert_success
	assert_file_exists "$PIDFILE"
	greeting
	run init status
	assert_success
}

@test "start: a second one changes nothing" {
	init start
	before=$(cat "$PIDFILE")
	run init start
	assert_success
	assert_equal "$(cat "$PIDFILE")" "$before"
}

@test "stop: all processes are gone when it returns" {
	init start
	pid=$(cat "$PIDFILE")
	run init stop
	assert_success
	is_gone "$pid"
	assert_file_not_exists "$PIDFILE"
	run init status
	assert_failure 3
}

@test "stop: nothing to stop is no failure" {
	run init stop
	assert_success
}

@test "status: running, dead with a pid file, not running" {
	run init status
	assert_failure 3
	init start
	run init status
	assert_success
	pid=$(cat "$PIDFILE")
	kill -KILL "$pid"
	wait_until is_gone "$pid"
	run init status
	assert_failure 1
	# "start" removes it
	run init start
	assert_success
	greeting
}

@test "status: a number that another program has is not ours" {
	mkdir -p "$DIR/run"
	sleep 60 3>&- &
	sleeper=$!
	echo "$sleeper" >"$PIDFILE"
	run init status
	assert_failure 1
	run init stop
	assert_success
	kill -0 "$sleeper"
	kill "$sleeper"
}

@test "restart: another process on the same port, from running and from stopped" {
	run init restart
	assert_success
	first=$(cat "$PIDFILE")
	greeting
	sed -i "s/^listen .*/listen = {\"127.0.0.1:$PORT\"}/" "$CONF"
	run init restart
	assert_success
	[ "$(cat "$PIDFILE")" != "$first" ]
	is_gone "$first"
	greeting
}

@test "restart: a bad configuration does not stop the server" {
	init start
	first=$(cat "$PIDFILE")
	echo 'no-such-key = 1' >>"$CONF"
	run init restart
	assert_failure 1
	assert_output --partial no-such-key
	assert_equal "$(cat "$PIDFILE")" "$first"
	greeting
}

@test "try-restart: does nothing unless it runs" {
	run init try-restart
	assert_success
	assert_file_not_exists "$PIDFILE"
	init start
	first=$(cat "$PIDFILE")
	run init try-restart
	assert_success
	[ "$(cat "$PIDFILE")" != "$first" ]
}

@test "reload and force-reload: the same process, the new configuration" {
	for action in reload force-reload; do
		run init "$action"
		assert_failure 7
	done
	init start
	first=$(cat "$PIDFILE")
	for action in reload force-reload; do
		sed -i '/^banner/d' "$CONF"
		echo "banner = \"after $action\"" >>"$CONF"
		run init "$action"
		assert_success
		wait_until banner_is "after $action"
	done
	assert_equal "$(cat "$PIDFILE")" "$first"
}

banner_is()
{
	find_ports && ftp_open && ftp_close
	case $REPLY_TEXT in *"$1"*) return 0 ;; esac
	return 1
}

@test "reload: a bad configuration is told and changes nothing" {
	init start
	echo 'no-such-key = 1' >>"$CONF"
	run init reload
	assert_failure 1
	assert_output --partial no-such-key
	greeting
}

@test "start: a bad configuration is told" {
	echo 'no-such-key = 1' >>"$CONF"
	run init start
	assert_failure 1
	assert_output --partial no-such-key
	assert_file_not_exists "$PIDFILE"
}

@test "start: a port in use is told" {
	start_server
	taken=$PORT
	sed -i "s/^listen .*/listen = {\"127.0.0.1:$taken\"}/; s|$DIR/run|$DIR/run2|" "$CONF"
	sed -i "s|$DIR/run/|$DIR/run2/|" "$SALLYPORTD_DEFAULT"
	run init start
	assert_failure 1
	assert_output --partial "$taken"
	assert_file_not_exists "$DIR/run2/sallyportd.pid"
}

@test "not installed is 5, not configured is 6, a wrong action is 2" {
	run init frobnicate
	assert_failure 2
	run init
	assert_failure 2
	rm "$CONF"
	run init start
	assert_failure 6
	echo 'DAEMON=/nonexistent/sallyportd' >>"$SALLYPORTD_DEFAULT"
	run init start
	assert_failure 5
}

@test "the header is one that init systems understand" {
	for key in Provides Required-Start Required-Stop Default-Start Default-Stop Short-Description; do
		grep -qE "^# $key:" "$SCRIPT"
	done
	head -n 1 "$SCRIPT" | grep -qx '#!/bin/sh'
}
