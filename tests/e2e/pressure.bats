#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# When memory or processes are short: one session ends, or one client is refused; the master goes on.

load lib

setup()
{
	new_place
	write_config 'limits { sessions-per-address = 1000 sessions-per-user = 1000 }'
	GROUP=
}

teardown()
{
	end_place
	[ -z "$GROUP" ] || wait_until rmdir "$GROUP"
}

# score PID
score()
{
	cat "/proc/$1/oom_score_adj"
}

# descendants PID: print its children, and theirs.
descendants()
{
	local pid
	for pid in $(children_of "$1"); do
		echo "$pid"
		descendants "$pid"
	done
}

all_but_the_master_have()
{
	local pid
	for pid in $(descendants "$SERVER_PID"); do
		[ "$(score "$pid")" = "$1" ] || { echo "$pid ($(cat "/proc/$pid/cmdline")): $(score "$pid")" && return 1; }
	done
}

# without_right: print the words before a program that may not lower its value.
without_right()
{
	has_right && echo setpriv --bounding-set -sys_resource --inh-caps -sys_resource
	:
}

has_right()
{
	setpriv --dump | grep -q '^Capability bounding set:.*sys_resource'
}

# The server, a session, and a program that it runs, before and after an upgrade: master and others have these
# values.
values_are()
{
	ftp_login alice secret
	assert_equal "$(score "$SERVER_PID")" "$1"
	[ "$(descendants "$SERVER_PID" | wc -l)" -ge 7 ]	# logger, hooks, its launcher, metrics, a session of three
	all_but_the_master_have "$2"
	rm -f "$DIR/out/score"
	curl -sS -T "$DIR/data" "$(url alice:secret data)"
	wait_until test -s "$DIR/out/score"
	assert_equal "$(cat "$DIR/out/score")" "$2"
	ftp_close
}

start_with_hook()
{
	printf '#!/bin/sh\ncat /proc/self/oom_score_adj >%s\n' "$DIR/out/score" >"$DIR/hook"
	chmod 755 "$DIR/hook"
	mkdir "$DIR/out"
	chown sallyport "$DIR/out"
	write_config "on-upload = \"$DIR/hook\"" 'hook-user = "sallyport"'
	printf data >"$DIR/data"
	start_server_with "$@"
	add_user alice secret
}

upgrade()
{
	kill -USR2 "$SERVER_PID"
	wait_until log_has 'upgrade .*has taken over'
	SERVER_PID=$(cat "$DIR/run/sallyportd.pid")
	find_ports
}

@test "the master is protected, and no process of its own is, nor a program that it runs" {
	has_right || skip "no CAP_SYS_RESOURCE here: nobody can be protected"
	start_with_hook choom -n 0 --
	values_are -500 0
	upgrade
	values_are -500 0
}

@test "a value of the service manager stays the master's alone" {
	has_right || skip "no CAP_SYS_RESOURCE here: nobody can be protected"
	# shellcheck disable=SC2046 # words
	start_with_hook choom -n -200 -- $(without_right)
	values_are -200 0
}

@test "without the right to be protected, sessions stand above the master all the same" {
	# shellcheck disable=SC2046 # words
	start_with_hook choom -n 300 -- $(without_right)
	values_are 300 400
	upgrade
	values_are 300 400
}

# --- a cgroup of the test's own ---

# make_group: a memory cgroup, GROUP, for the server.
make_group()
{
	local top=/sys/fs/cgroup
	if [ -d "$top/memory" ]; then
		GROUP=$top/memory/sallyport-test.$$
		GROUP_LIMIT=memory.limit_in_bytes GROUP_USAGE=memory.usage_in_bytes
	else
		GROUP=$top/sallyport-test.$$
		GROUP_LIMIT=memory.max GROUP_USAGE=memory.current
		grep -qw memory "$top/cgroup.subtree_control" 2>/dev/null || GROUP=
	fi
	if [ -z "$GROUP" ] || ! mkdir "$GROUP" 2>/dev/null; then
		GROUP=
		skip "no memory cgroup can be made here"
	fi
	# swap would only slow it down
	echo 0 >"$GROUP/memory.swappiness" 2>/dev/null || echo 0 >"$GROUP/memory.swap.max" 2>/dev/null || :
}

# limit_memory BYTES: allow this much more than is in use.
limit_memory()
{
	echo "$(($(cat "$GROUP/$GROUP_USAGE") + $1))" >"$GROUP/$GROUP_LIMIT"
}

oom_kills()
{
	cat "$GROUP/memory.oom_control" "$GROUP/memory.events" 2>/dev/null | awk '$1 == "oom_kill" { print $2 }'
}

@test "out of memory: the fattest session ends, and is logged as what it was; another one and the master go on" {
	skip_if_asan "a sanitizer's own memory makes the master the fattest process"
	make_group
	ALARM_EXPECTED=1
	start_server_with choom -n 0 -- sh -c "'echo \$\$ >$GROUP/cgroup.procs && exec \"\$0\" \"\$@\"'"
	add_user fat secret
	add_user thin secret
	py <<-'END'
		for home in ('fat', 'thin'):
		    path = os.environ['DIR'] + '/home/' + home
		    owner = os.stat(path)
		    for i in range(40000 if home == 'fat' else 10):
		        os.mkfifo('%s/%05d%s' % (path, i, 'x' * 240))
	END
	head -c 4M /dev/urandom >"$DIR/big"
	cp "$DIR/big" "$DIR/home/thin/big"
	chmod 644 "$DIR/home/thin/big"
	ftp_login fat secret
	exec {OTHER}<>"/dev/tcp/127.0.0.1/$PORT"
	FTP=$OTHER ftp_reply
	FTP=$OTHER ftp 'USER thin' 331
	FTP=$OTHER ftp 'PASS secret' 230
	limit_memory 8388608	# so it is larger than the master before there is no more
	ftp_passive
	ftp_send 'LIST -t'	# sorts, and so keeps all of it
	timeout 60 cat <&"$DATA" >/dev/null || [ $? -ne 124 ]
	timeout 20 cat <&"$FTP" >"$DIR/replies" || [ $? -ne 124 ]
	data_close
	wait_until log_has ' critical alarm .*user="fat" died="(protocol|files)" .*signal=9 .*perhaps because memory was short'
	assert_equal "$(oom_kills)" 1
	assert_equal "$(log_count ' critical alarm ')" 1
	wait_until log_has ' disconnect .*user="fat" .*reason="(files-gone|killed)"'
	# the other session never noticed
	FTP=$OTHER ftp NOOP 200
	limit_memory 67108864	# a new one needs some, too
	curl -sS -o "$DIR/copy" "$(url thin:secret big)"
	cmp "$DIR/big" "$DIR/copy"
	exec {OTHER}>&-
	refute is_gone "$SERVER_PID"
}

# --- calls that fail in the master ---

start_short_server()
{
	skip_if_asan "sanitizers have an allocator of their own"
	printf '00' >"$DIR/shortage"
	truncate -s 4096 "$DIR/shortage"
	start_server_with env "SHORTAGE=$DIR/shortage" "$(preload shortage)"
}

# shortage MEMORY PROCESSES: "1" makes that short.
shortage()
{
	printf '%s%s' "$1" "$2" | dd of="$DIR/shortage" conv=notrunc status=none
}

# hashing_is COUNT: the server verifies this many passwords now.
hashing_is()
{
	[ "$(ctl status --json | jq .hashing)" = "$1" ]
}

@test "a monitor that is killed during a login is no failed login: nobody is banned for want of memory" {
	local monitor
	ALARM_EXPECTED=1
	write_config 'limits { login-failures = 2 }'
	start_server
	add_user alice secret
	# about two seconds each
	printf 'slow:%s:%s\n' "$(perl -e 'print crypt("secret", "\$6\$rounds=2000000\$salt")')" "300000:300000:$DIR/home/slow:" >>"$DIR/etc/users"
	install -d -o 300000 -g 300000 "$DIR/home/slow"
	for _ in 1 2 3; do
		ftp_open
		monitor=$(monitor_pids)
		ftp 'USER slow' 331
		ftp_send 'PASS secret'
		wait_until hashing_is 1
		kill -KILL "$monitor"
		wait_until hashing_is 0
		ftp_close
	done
	run ctl ban list --json
	assert_output '[]'
	ftp_login alice secret
	# a client that leaves has made a guess, as before
	ftp_close
	for _ in 1 2; do
		ftp_open
		ftp 'USER slow' 331
		ftp_send 'PASS no'
		wait_until hashing_is 1
		ftp_close
		wait_until -t 30 hashing_is 0
	done
	wait_until -t 30 log_has ' warning ban '
}

@test "no process can be forked: that client reads 421, one line says why, and the next one is served" {
	start_short_server
	add_user alice secret
	ftp_login alice secret
	shortage 0 1
	exec {OTHER}<>"/dev/tcp/127.0.0.1/$PORT"
	run timeout 20 cat <&"$OTHER"
	exec {OTHER}>&-
	assert_output $'421 No resources for another session; try again later.\r'
	wait_until log_has ' warning refused address=127.0.0.1 .*reply="421 No resources.* message="Resource temporarily unavailable: no process is left'
	assert_equal "$(log_count '421 No resources')" 1
	ftp NOOP 200	# who is in stays
	shortage 0 0
	ftp_close
	ftp_login alice secret
	ftp_close
	wait_until no_session
	assert_equal "$(ctl status --json | jq .totals.refused.resources)" 1
}

# Ask the master for everything while it has no memory; the answers do not matter.
ask_everything()
{
	local words
	for words in status 'session list' 'session watch' 'ban list' 'ban add 192.0.2.1 --for 1h' 'ban del 192.0.2.1' \
		'log-level debug' 'session notify hello' 'session kick --user nobody' metrics reload; do
		# shellcheck disable=SC2086 # words
		timeout 2 "$BUILD/sallyportctl" -c "$CONF" $words >/dev/null 2>&1 || :
	done
	kill -HUP "$SERVER_PID"
	touch "$DIR/etc/users"
	printf '%s\n' '< 220' '> USER alice' '< 331' '> PASS wrong' '< 530' '> QUIT' '< 221' | ftp_raw || :
	curl -sS --max-time 5 -o /dev/null "$(url alice:secret f)" || :
	for words in status 'session list'; do
		# shellcheck disable=SC2086 # words
		timeout 2 "$BUILD/sallyportctl" -c "$CONF" $words >/dev/null 2>&1 || :
	done
}

@test "no allocation succeeds for a while: the master lives, and does all of its work afterwards" {
	start_short_server
	add_user alice secret
	printf data >"$DIR/home/alice/f"
	chmod 644 "$DIR/home/alice/f"
	ftp_login alice secret
	shortage 1 0
	ask_everything
	refute is_gone "$SERVER_PID"
	shortage 0 0
	ftp NOOP 200
	ftp_close
	assert_equal "$(curl -sS "$(url alice:secret f)")" data
	ctl reload
	ctl ban add 192.0.2.7 --for 1h
	run ctl ban list
	assert_output --partial 192.0.2.7
	run ctl status
	assert_output --partial serving
	# and when both are short
	shortage 1 1
	ask_everything
	shortage 0 0
	refute is_gone "$SERVER_PID"
	assert_equal "$(curl -sS "$(url alice:secret f)")" data
	ctl reload
}

child_called()
{
	local pid
	for pid in $(children_of "$SERVER_PID"); do
		! tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q "sallyportd: $1" || echo "$pid"
	done
}

@test "logger and metrics without memory: they go on, or another one is started, and nothing else ends" {
	ALARM_EXPECTED=1
	write_config 'log { target = "'"$LOG"'" level = "debug" format = "json" }'
	start_short_server
	add_user alice secret
	shortage 2 0
	ftp_open || :
	ftp_close
	for _ in 1 2 3 4 5; do
		printf '%s\n' '< 220' '> USER alice' '< 331' '> PASS secret' '> QUIT' | ftp_raw || :
		timeout 5 "$BUILD/sallyportctl" -c "$CONF" metrics >/dev/null 2>&1 || :
	done
	refute is_gone "$SERVER_PID"
	shortage 0 0
	wait_until -t 20 may_log_in
	wait_until log_has '"event":"login"'
	wait_until ctl metrics
	# the logger reports what it could not write
	wait_until log_has '"event":"log-dropped"'
	refute log_has '"signal":'
}

may_log_in()
{
	ftp_close
	ftp_login alice secret
}
