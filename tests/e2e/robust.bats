#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The machine refuses the server processes, memory or disk, or kills one of its processes: the log says so,
# and service goes on.

# shellcheck disable=SC2030,SC2031	# each test is a shell of its own

load lib

setup()
{
	new_place
}

teardown()
{
	[ -z "${GROUP-}" ] || echo max >"$GROUP/pids.max"
	end_place
	[ -z "${GROUP-}" ] || wait_until rmdir "$GROUP" 2>/dev/null
	if [ -n "${DISK-}" ]; then
		umount "$DISK"
		rmdir "$DISK"
	fi
}

# small_disk: a file system of 64 KiB at $DISK, outside of what the test removes.
small_disk()
{
	DISK=$(mktemp -d /tmp/sallyport-disk.XXXXXX)
	chmod 755 "$DISK"
	if ! mount -t tmpfs -o mode=755,size=64k,nr_inodes=64 none "$DISK" 2>/dev/null; then
		rmdir "$DISK"
		DISK=
		skip "a mount is not permitted here"
	fi
}

fill_disk()
{
	! cat /dev/zero >"$DISK/fill" 2>/dev/null
}

# limit_processes: put the server and its children into a group that may have only so many processes.
limit_processes()
{
	local group
	group=$(mktemp -d /sys/fs/cgroup/pids/sallyport-test.XXXXXX 2>/dev/null) || skip "no group of processes can be made here"
	GROUP=$group
	[ -e "$GROUP/pids.max" ] || skip "processes cannot be counted here"
	for pid in "$SERVER_PID" $(children_of "$SERVER_PID"); do
		echo "$pid" >"$GROUP/cgroup.procs"
	done
}

allow_more()
{
	echo "$(($(cat "$GROUP/pids.current") + $1))" >"$GROUP/pids.max"
}

serve()
{
	write_config "$@"
	add_user alice secret
	start_server
}

@test "no process for a session, whichever is missing: the client is told, the log says why, the next one is served" {
	serve
	limit_processes
	allow_more 0
	exec {FTP}<>"/dev/tcp/127.0.0.1/$PORT"
	ftp_reply
	assert_equal "$REPLY" 421
	wait_until log_has ' warning refused .*reply="421 No resources.*message="Resource temporarily unavailable: .*pids.max'
	ftp_close
	allow_more 1
	exec {FTP}<>"/dev/tcp/127.0.0.1/$PORT"
	ftp_reply
	[ "$REPLY" != 220 ] || ftp_reply	# the greeting may be on its way already
	assert_equal "$REPLY" 421
	wait_until log_has ' error accept-failed .*protocol process cannot be forked: Resource temporarily unavailable'
	wait_until log_has ' disconnect .*reason="resources"'
	ftp_close
	wait_until no_session
	allow_more 2
	ftp_open
	ftp 'USER alice' 331
	ftp 'PASS secret' 421
	wait_until log_has ' error accept-failed .*message="login of alice: files process cannot be forked: EAGAIN '
	ftp_close
	echo max >"$GROUP/pids.max"
	ftp_login alice secret
}

@test "no process for the loader of accounts: those in force stay, and it is tried again" {
	serve
	ftp_open
	limit_processes
	allow_more 0
	add_user bob secret
	ftp 'USER bob' 331
	ftp 'PASS secret' 530
	wait_until log_has ' error accounts-refused .*loader cannot be started: Resource temporarily unavailable'
	echo max >"$GROUP/pids.max"
	wait_until bob_logs_in
}

bob_logs_in()
{
	curl -s -m 10 "$(url bob:secret)" >/dev/null
}

@test "a log file on a full disk: sessions go on, and what was lost is told when there is room" {
	local round
	small_disk
	LOG=$DISK/log
	serve
	fill_disk
	for round in {1..12}; do	# the last page of the file has room yet
		curl -s -m 10 -o /dev/null "$(url alice:secret)"
	done
	ftp_login alice secret
	ftp 'MKD kept' 257
	ftp 'QUIT' 221
	rm "$DISK/fill"
	wait_until log_has ' warning log-dropped .*lines=[1-9]'
	LOG=$DIR/log
}

@test "the logger is killed while its file cannot be opened: one follows, with what was said meanwhile" {
	small_disk
	LOG=$DISK/sub/log
	mkdir "$DISK/sub"
	serve
	ALARM_EXPECTED=1
	ftp_login alice secret
	cp "$LOG" "$DIR/log"
	mv "$DISK/sub" "$DISK/away"
	kill -KILL "$(logger_pid)"
	curl -s -m 10 -o /dev/null "$(url alice:secret)"
	wait_until grep -q 'cannot open log file .*; it is tried again' "$DIR/stderr"
	mv "$DISK/away" "$DISK/sub"
	wait_until log_has ' critical alarm .*logger died'
	wait_until log_counts 2 ' info login .*user="alice"'
	assert_equal "$(logger_pid | wc -l)" 1
	LOG=$DIR/log
}

# Print which processes have the log's file open for writing: the logger alone, when there is one.
logger_pid()
{
	local pid
	for pid in $(children_of "$SERVER_PID"); do
		! tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q ' logger\|: logger' || echo "$pid"
	done
}

@test "a state directory that is full: who has a quota is refused with the reason, others and bans are served" {
	local inodes=1
	small_disk
	serve "state-directory = \"$DISK\"" "log { target = \"$LOG\" }" 'limits { login-failures = 9 }'
	add_user bob secret --quota 1M
	fill_disk
	while { : >"$DISK/$inodes"; } 2>/dev/null; do
		inodes=$((inodes + 1))
	done
	ftp_open
	ftp 'USER bob' 331
	ftp 'PASS secret' 421
	wait_until log_has " error accept-failed .*message=\"login of bob: quota ledger cannot be opened in '$DISK/ledger': ENOSPC .*make room there"
	ftp_close
	ftp_login alice secret
	ctl ban add 192.0.2.7
	ctl ban list | grep -q 192.0.2.7
	wait_until log_has ' error bans-file .*cannot be kept over a restart.*No space left on device'
	rm -f "$DISK/fill" "$DISK/"[0-9]*
	ftp_close
	ftp_login bob secret
}

@test "helpers are killed again and again: each is told and replaced, and sessions notice nothing" {
	local pid round
	serve
	ALARM_EXPECTED=1
	ftp_login alice secret
	for round in 1 2; do
		for pid in $(children_of "$SERVER_PID"); do
			[ -n "$(children_of "$pid")" ] || kill -KILL "$pid"
		done
		ftp 'NOOP' 200
		wait_until log_counts "$round" 'logger died'
		wait_until log_counts "$round" 'metrics died'
		wait_until -t 5 curl -s -m 5 -o /dev/null "$(url alice:secret)"
		wait_until helpers_are_back
	done
	ftp 'NOOP' 200
}

log_counts()
{
	[ "$(log_count "$2")" -ge "$1" ]
}

helpers_are_back()
{
	[ "$(pgrep -cf -P "$SERVER_PID" ': (logger|metrics)')" -eq 2 ]
}

@test "the users file is replaced a hundred times while clients log in: nobody is refused" {
	local round refused=0
	serve
	(
		for round in {1..100}; do
			cp -p "$DIR/etc/users" "$DIR/etc/next"
			mv "$DIR/etc/next" "$DIR/etc/users"
			sleep 0.01
		done
	) 3>&- &
	for round in {1..20}; do
		curl -s -m 10 -o /dev/null "$(url alice:secret)" || refused=$((refused + 1))
	done
	wait $!
	assert_equal "$refused" 0
	[ "$(log_count accounts-loaded)" -ge 3 ]
	refute log_has accounts-refused
}

@test "connections that vanish at once leave neither descriptor nor process nor memory behind" {
	local before after
	serve 'limits { sessions = 2000 sessions-per-address = 2000 }'
	vanish 100
	wait_until no_session
	before=$(held)
	vanish 400
	wait_until -t 20 no_session
	wait_until same_descriptors "${before% *}"
	after=$(held)
	[ "${after#* }" -le "$((${before#* } + 1024))" ]
	ftp_login alice secret
}

same_descriptors()
{
	[ "$(find "/proc/$SERVER_PID/fd" -mindepth 1 | wc -l)" -le "$1" ]
}

# Print the number of the master's descriptors, and its memory in KiB.
held()
{
	echo "$(find "/proc/$SERVER_PID/fd" -mindepth 1 | wc -l) $(status_of "$SERVER_PID" RssAnon | cut -d' ' -f1)"
}

# Half of the connections end with a reset.
vanish()
{
	timeout 60 python3 - "$1" "$PORT" <<'EOF'
import socket, struct, sys
for i in range(int(sys.argv[1])):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 10)
    if i % 2:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
EOF
}
