#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The kernel's view of each process of a session, before and after login.

load lib

setup()
{
	new_place
	write_config
	add_user alice secret
	start_server
	SERVICE_UID=$(id -u sallyport)
	SERVICE_GID=$(id -g sallyport)
	ALICE_UID=$(stat -c %u "$DIR/home/alice")
	ALICE_GID=$(stat -c %g "$DIR/home/alice")
}

teardown()
{
	end_place
}

# is_walled PID UID GID: it has this identity alone, no capability, a filter, and no_new_privs; no other process may
# inspect it.
is_walled()
{
	assert_equal "$(status_of "$1" Uid)" "$2 $2 $2 $2"
	assert_equal "$(status_of "$1" Gid)" "$3 $3 $3 $3"
	assert_equal "$(status_of "$1" Groups)" "$3"
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		assert_equal "$set $(status_of "$1" "$set")" "$set 0000000000000000"
	done
	assert_equal "$(status_of "$1" Seccomp)" 2
	assert_equal "$(status_of "$1" NoNewPrivs)" 1
	# root owns the files of /proc/PID when the process is not dumpable
	assert_equal "$(stat -c %u "/proc/$1/environ")" 0
	assert_equal "$(tr -d '\0' <"/proc/$1/environ" | wc -c)" 0
}

limit_of()
{
	sed -n "s/^$2  *\([0-9a-z]*\) .*/\1/p" "/proc/$1/limits"
}

has_no_process_or_core_limit()
{
	assert_equal "$(limit_of "$1" 'Max processes')" 0
	assert_equal "$(limit_of "$1" 'Max core file size')" 0
}

# Print the kinds of a process's descriptors: "socket", "anon_inode:...", paths.
descriptors_of()
{
	local fd
	for fd in "/proc/$1/fd/"*; do
		readlink "$fd"
	done
}

count_sockets()
{
	descriptors_of "$1" | grep -c '^socket:' || :
}

# tcp_inodes: print the inodes of TCP sockets that some process may hold.
tcp_sockets_of()
{
	local link inode
	for link in $(descriptors_of "$1" | sed -n 's/^socket:\[\(.*\)\]$/\1/p'); do
		inode=$link
		awk -v inode="$inode" '$10 == inode { print inode }' /proc/net/tcp /proc/net/tcp6
	done
}

@test "before login: protocol is the service user in an empty root" {
	ftp_open
	find_session
	[ -z "$FILES" ]
	is_walled "$PROTOCOL" "$SERVICE_UID" "$SERVICE_GID"
	has_no_process_or_core_limit "$PROTOCOL"
	assert_equal "$(readlink "/proc/$PROTOCOL/root")" "$DIR/run/empty"
	assert_equal "$(readlink "/proc/$PROTOCOL/cwd")" "$DIR/run/empty"
	assert_equal "$(ls -A "/proc/$PROTOCOL/root/")" ""
}

@test "before login: only protocol holds the client's connection" {
	ftp_open
	find_session
	assert_equal "$(tcp_sockets_of "$PROTOCOL" | wc -l)" 1
	assert_equal "$(tcp_sockets_of "$MONITOR" | wc -l)" 0
}

@test "before login: the monitor has a filter too" {
	ftp_open
	find_session
	assert_equal "$(status_of "$MONITOR" Seccomp)" 2
	assert_equal "$(status_of "$MONITOR" NoNewPrivs)" 1
	assert_equal "$(stat -c %u "/proc/$MONITOR/environ")" 0
}

@test "after login: files is the user, in the home" {
	ftp_login alice secret
	find_session
	[ -n "$FILES" ]
	is_walled "$FILES" "$ALICE_UID" "$ALICE_GID"
	has_no_process_or_core_limit "$FILES"
	assert_equal "$(readlink "/proc/$FILES/root")" "$DIR/home/alice"
	assert_equal "$(tcp_sockets_of "$FILES" | wc -l)" 0
}

@test "after login: the monitor is the service user in the empty root, protocol what it was" {
	ftp_login alice secret
	find_session
	is_walled "$MONITOR" "$SERVICE_UID" "$SERVICE_GID"
	is_walled "$PROTOCOL" "$SERVICE_UID" "$SERVICE_GID"
	has_no_process_or_core_limit "$MONITOR"
	assert_equal "$(readlink "/proc/$MONITOR/root")" "$DIR/run/empty"
	assert_equal "$(readlink "/proc/$PROTOCOL/root")" "$DIR/run/empty"
	assert_equal "$(tcp_sockets_of "$MONITOR" | wc -l)" 0
}

@test "after login: no process of the session has uid 0, and each has its own filter" {
	ftp_login alice secret
	find_session
	for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
		run status_of "$pid" Uid
		refute_output --regexp '(^| )0( |$)'
	done
	# files and monitor keep the filter that the monitor had before login, below their own
	assert_equal "$(status_of "$PROTOCOL" Seccomp_filters)" 1
	assert_equal "$(status_of "$FILES" Seccomp_filters)" 2
	assert_equal "$(status_of "$MONITOR" Seccomp_filters)" 2
}

# libraries_of PID: print which of them are in its memory
libraries_of()
{
	sed -n 's|.*/lib\([a-z]*\)[-a-z]*\.so.*|\1|p' "/proc/$1/maps" | sort -u | tr '\n' ' '
}

@test "a process of a session lacks the libraries that it has no use for" {
	skip_if_asan "a sanitizer reads all of them"
	readelf -d "$BUILD/sallyportd" | grep -q NEEDED || skip "this server was linked without shared libraries"
	ftp_login alice secret
	find_session
	for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
		run libraries_of "$pid"
		assert_output --partial 'c '
		refute_output --regexp 'seccomp|confuse|jansson|pam|audit|ssl'
	done
	run libraries_of "$PROTOCOL"
	refute_output --regexp 'crypt|cap'
	run libraries_of "$FILES"
	assert_output --partial 'crypto '
	refute_output --regexp 'crypt |cap'
}

@test "after login: nobody holds a descriptor of a directory but files, and that only of the home" {
	skip_if_asan "sanitizers report to standard error, a file here"
	ftp_login alice secret
	ftp "PWD" 257
	find_session
	for pid in "$MONITOR" "$PROTOCOL"; do
		run bash -c "readlink /proc/$pid/fd/* | grep '^/' | grep -v '^/dev/null'"
		assert_output ""
	done
	run bash -c "readlink /proc/$FILES/fd/* | grep '^/' | grep -v '^/dev/null'"
	assert_output "$DIR/home/alice"
}

@test "no session process holds the listening socket, the users file or a log" {
	ftp_login alice secret
	find_session
	for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
		run descriptors_of "$pid"
		refute_output --partial "$DIR/etc"
		refute_output --partial "$LOG"
		refute_output --partial memfd
		for inode in $(tcp_sockets_of "$pid"); do
			run awk -v inode="$inode" '$10 == inode { print $4 }' /proc/net/tcp /proc/net/tcp6
			refute_output 0A
		done
	done
}

# Print the sockets of a process that could send to a name: all but TCP, and channels that have their peer.
strange_sockets_of()
{
	local inode
	for inode in $(descriptors_of "$1" | sed -n 's/^socket:\[\(.*\)\]$/\1/p'); do
		# type 5 is SOCK_SEQPACKET, state 3 is connected (proc_net(5))
		awk -v inode="$inode" '
			FILENAME ~ /tcp/ { known = known || $10 == inode; next }
			$7 == inode { known = known || ($5 == "0005" && $6 == "03") }
			END { if (!known) print inode }' /proc/net/tcp /proc/net/tcp6 /proc/net/unix
	done
}

@test "no session process holds a socket that sends to whom it likes" {
	ftp_login alice secret
	ftp EPSV 229
	find_session
	for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
		[ "$(count_sockets "$pid")" -ge 2 ]
		run strange_sockets_of "$pid"
		assert_output ""
	done
}

@test "the logger is the service user in the empty root" {
	local logger=
	for pid in $(children_of "$SERVER_PID"); do
		[ -n "$(children_of "$pid")" ] || logger=$pid
	done
	[ -n "$logger" ]
	is_walled "$logger" "$SERVICE_UID" "$SERVICE_GID"
	assert_equal "$(readlink "/proc/$logger/root")" "$DIR/run/empty"
}

@test "the porter is the service user in the empty root, and holds its channel alone" {
	stop_server
	write_config 'listen-proxied = {"127.0.0.2:0"}' 'proxy-from = {"127.0.0.1"}'
	start_server
	local pid porter=
	wait_until eval 'grep -qx sallyport-port $(printf "/proc/%s/comm " $(children_of "$SERVER_PID"))'
	for pid in $(children_of "$SERVER_PID"); do
		[ "$(cat "/proc/$pid/comm")" != sallyport-port ] || porter=$pid
	done
	wait_until eval '[ "$(readlink "/proc/'"$porter"'/root")" = "$DIR/run/empty" ]'
	wait_until eval '[ "$(status_of '"$porter"' Seccomp)" = 2 ]'
	is_walled "$porter" "$SERVICE_UID" "$SERVICE_GID"
	run bash -c "readlink /proc/$porter/fd/* | grep -vE '^(/dev/null|anon_inode:\[eventpoll\])$' | wc -l"
	is_asan || assert_output 1
}

@test "the processes of a session are gone after QUIT" {
	ftp_login alice secret
	find_session
	ftp QUIT 221
	for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
		wait_until is_gone "$pid"
	done
	assert_equal "$(monitor_pids)" ""
}

@test "the session ends when one of its processes is killed, and an alarm says so" {
	ALARM_EXPECTED=1
	for which in PROTOCOL FILES MONITOR; do
		ftp_login alice secret
		find_session
		kill -KILL "${!which}"
		for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
			wait_until is_gone "$pid"
		done
		ftp_close
	done
	wait_until log_has 'critical alarm .*died="protocol"'
	wait_until log_has 'critical alarm .*died="files"'
	wait_until log_has 'critical alarm .*died="monitor"'
}
