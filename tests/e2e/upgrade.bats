#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A new program takes over with the listening sockets, or finds them open: nobody is refused, nobody is cut off.
# shellcheck disable=SC2030,SC2031 # output is that of run

load lib

setup()
{
	new_place
	OLD_PID=
	PROGRAM=$BUILD/sallyportd
}

teardown()
{
	local status=0
	: >"$DIR/connect.stop"
	data_close
	[ -z "${OTHER-}" ] || exec {OTHER}>&-
	find_server
	end_place || status=1
	[ -z "$OLD_PID" ] || wait_until is_gone "$OLD_PID" || { kill -KILL "$OLD_PID" && status=1; }
	return "$status"
}

serve()
{
	write_config "$@"
	add_user alice secret
	start_server
	OLD_PID=$SERVER_PID
}

# The pid file names the server.
find_server()
{
	local pid
	pid=$(cat "$DIR/run/sallyportd.pid" 2>/dev/null) || return 0
	[ -z "$pid" ] || is_gone "$pid" || SERVER_PID=$pid
}

has_new_server()
{
	local pid
	pid=$(cat "$DIR/run/sallyportd.pid" 2>/dev/null)
	[ -n "$pid" ] && [ "$pid" != "$SERVER_PID" ] && log_has " upgrade .*process $pid has taken over"
}

upgrade()
{
	kill -USR2 "$SERVER_PID"
	wait_until has_new_server
	find_server
}

# Connect, read the greeting and close, again and again in the background; write "N connections, M failures" into
# $DIR/connect.
connect_all_the_time()
{
	python3 - "$PORT" "$DIR/connect" 3>&- <<'END' &
import os, socket, sys
port, result = int(sys.argv[1]), sys.argv[2]
good = bad = 0
while not os.path.exists(result + ".stop"):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
            ok = s.recv(100).startswith(b"220 ")
    except OSError as error:
        ok = False
        print("connect:", error, file=sys.stderr)
    good += ok
    bad += not ok
    if good == 1:
        open(result + ".running", "w").close()
with open(result + ".new", "w") as out:
    out.write(f"{good} connections, {bad} failures\n")
os.rename(result + ".new", result)
END
	wait_until test -e "$DIR/connect.running"
}

nobody_was_refused()
{
	: >"$DIR/connect.stop"
	wait_until -t 20 test -s "$DIR/connect"
	run cat "$DIR/connect"
	assert_output --regexp '^[1-9][0-9]* connections, 0 failures$'
}

other_session()
{
	exec {OTHER}<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'USER alice\r\nPASS secret\r\n' >&"$OTHER"
	timeout 20 grep -q -m 1 ^230 <&"$OTHER"
}

other_goes_on()
{
	printf 'PWD\r\n' >&"$OTHER"
	timeout 20 grep -q -m 1 '^257 ' <&"$OTHER"
}

# A copy of the program that a test may replace.
own_program()
{
	PROGRAM=$DIR/sallyportd
	cp "$BUILD/sallyportd" "$PROGRAM"
	BUILD_OF_TEST=$BUILD
	mkdir "$DIR/build"
	ln -s "$PROGRAM" "$DIR/build/sallyportd"
	ln -s "$BUILD/sallyportctl" "$DIR/build/sallyportctl"
	BUILD=$DIR/build
}

@test "SIGUSR2 during a download of 1 GiB: it ends byte for byte, and nobody is refused" {
	serve
	truncate -s 1G "$DIR/home/alice/big"
	printf 'the end' | dd of="$DIR/home/alice/big" bs=1 seek=1073741800 conv=notrunc status=none
	chown "$(stat -c %u:%g "$DIR/home/alice")" "$DIR/home/alice/big"
	connect_all_the_time
	# the reader pauses until the new server is there
	mkfifo "$DIR/pipe"
	curl -sS --max-time 120 "ftp://alice:secret@127.0.0.1:$PORT/big" -o "$DIR/pipe" 3>&- &
	curl=$!
	exec {PIPE}<"$DIR/pipe"
	cmp - <(head -c 1000000 "$DIR/home/alice/big") < <(head -c 1000000 <&"$PIPE")
	upgrade
	is_gone "$OLD_PID" && fail "the old server did not wait for its download"
	timeout 120 cmp - <(tail -c +1000001 "$DIR/home/alice/big") <&"$PIPE"
	exec {PIPE}<&-
	wait "$curl"
	wait_until is_gone "$OLD_PID"
	wait_until log_has ' upgrade .*the former server has ended'
	nobody_was_refused
	ftp_login alice secret
	log_has ' transfer .*direction="down" bytes=1073741824 .*result="ok"'
}

@test "SIGUSR2: an idle session goes on in the old server, which leaves when it ends" {
	serve
	other_session
	upgrade
	other_goes_on
	ftp_login alice secret
	exec {OTHER}>&-
	OTHER=
	wait_until is_gone "$OLD_PID"
	ftp NOOP 200
	assert_equal "$(cat "$DIR/run/sallyportd.pid")" "$SERVER_PID"
}

@test "three upgrades in a row, each with a session: all go on, and SIGTERM reaches all" {
	serve
	pids=$SERVER_PID
	other_session
	first=$OTHER
	upgrade
	pids+=" $SERVER_PID"
	other_session
	second=$OTHER
	retiring=$SERVER_PID
	upgrade
	log_has "process $SERVER_PID has taken over; 1 session goes on in process $retiring, and 1 in servers before it"
	pids+=" $SERVER_PID"
	OTHER=$first
	other_goes_on
	OTHER=$second
	other_goes_on
	ftp_login alice secret
	kill -TERM "$SERVER_PID"
	for fd in "$first" "$second" "$FTP"; do
		assert_equal "$(timeout 20 head -n 1 <&"$fd")" $'421 Service is shutting down; closing\r'
	done
	exec {first}>&- {second}>&-
	OTHER=
	for pid in $pids; do
		wait_until is_gone "$pid"
	done
	assert_file_not_exists "$DIR/run/sallyportd.pid"
}

# Start three servers, each with a session of its own in $first, $second and $FTP, and their processes in $pids.
three_servers()
{
	pids=$SERVER_PID
	other_session
	first=$OTHER
	upgrade
	pids+=" $SERVER_PID"
	other_session
	second=$OTHER
	between=$SERVER_PID
	upgrade
	pids+=" $SERVER_PID"
	ftp_login alice secret
	OTHER=
}

all_are_gone()
{
	local pid
	for pid in $pids; do
		wait_until is_gone "$pid"
	done
}

@test "kill -9 of the server between: its sessions count no more, reload and stop reach the oldest" {
	serve 'limits { sessions-per-user = 3 }'
	three_servers
	kill -KILL "$between"
	wait_until log_has ' upgrade .*the former server has ended'
	# the oldest and the present session count, and no other
	wait_until eval "ctl status | grep -qE '^former servers: +1 more'"
	OTHER=$first
	other_goes_on
	mv "$LOG" "$LOG.1"
	ctl reload
	exec {second}>&-
	kill -TERM "$SERVER_PID"
	for fd in "$first" "$FTP"; do
		assert_equal "$(timeout 20 head -n 1 <&"$fd")" $'421 Service is shutting down; closing\r'
	done
	exec {first}>&-
	OTHER=
	all_are_gone
	# the oldest one has logged its stop in the new file
	assert_equal "$(log_count " sallyportd\\[$OLD_PID\\]: info stop ")" 1
	assert_file_not_exists "$DIR/run/sallyportd.pid"
}

@test "kill -9 of the server that serves: the one before starts another, whose stop reaches all" {
	serve
	three_servers
	kill -KILL "$SERVER_PID"
	pids=${pids% *}
	wait_until -t 20 has_new_server
	find_server
	pids+=" $SERVER_PID"
	assert_equal "$(log_count 'nobody listens any more')" 1
	wait_until eval "ctl status | grep -qE '^former servers: +2 more'"
	kill -TERM "$SERVER_PID"
	for fd in "$first" "$second"; do
		assert_equal "$(timeout 20 head -n 1 <&"$fd")" $'421 Service is shutting down; closing\r'
	done
	exec {first}>&- {second}>&-
	all_are_gone
}

@test "kill -9 of both later servers: the oldest one starts another" {
	serve
	three_servers
	# both upgrades at once: neither server may start one in place of the other
	kill -STOP "$between"
	kill -KILL "$SERVER_PID" "$between"
	pids=$OLD_PID
	wait_until -t 20 has_new_server
	find_server
	pids+=" $SERVER_PID"
	find_ports
	ftp_close
	ftp_login alice secret
	OTHER=$first
	other_goes_on
	kill -TERM "$SERVER_PID"
	assert_equal "$(timeout 20 head -n 1 <&"$first")" $'421 Service is shutting down; closing\r'
	exec {first}>&- {second}>&-
	OTHER=
	all_are_gone
}

@test "a server between leaves with its own last session, before the oldest one" {
	serve
	three_servers
	exec {second}>&-
	wait_until is_gone "$between"
	OTHER=$first
	other_goes_on
	wait_until eval "ctl status | grep -qE '^former servers: +1 more'"
	exec {first}>&-
	OTHER=
	wait_until is_gone "$OLD_PID"
	ftp NOOP 200
}

at_prompt()
{
	exec {OTHER}<>"/dev/tcp/127.0.0.1/$PORT"
	timeout 20 grep -q -m 1 '^220 ' <&"$OTHER"
}

# log_in_late REPLY: a client logs in that had connected before an upgrade
log_in_late()
{
	printf 'USER alice\r\nPASS secret\r\n' >&"$OTHER"
	timeout 30 grep -q -m 1 "^$1 " <&"$OTHER"
}

# logs_in CODE: the reply to the password of a new connection.
logs_in()
{
	ftp_close
	ftp_open
	ftp 'USER alice' 331
	ftp_send 'PASS secret'
	ftp_reply
	[ "$REPLY" = "$1" ]
}

@test "a login in the old server counts in the new one, and those of the new one count there" {
	local first
	serve 'limits { sessions-per-user = 2 }'
	at_prompt
	first=$OTHER
	at_prompt
	upgrade
	logs_in 230
	log_in_late 230
	# the account has two sessions now, one in each server
	exec {SECOND}<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'USER alice\r\nPASS secret\r\n' >&"$SECOND"
	timeout 20 grep -q -m 1 '^530 ' <&"$SECOND"
	exec {SECOND}>&-
	second=$OTHER
	OTHER=$first
	log_in_late 530
	# the end of a session there makes room here
	exec {second}>&-
	wait_until log_has ' disconnect .*user="alice"'
	exec {SECOND}<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'USER alice\r\nPASS secret\r\n' >&"$SECOND"
	timeout 20 grep -q -m 1 '^230 ' <&"$SECOND"
	exec {SECOND}>&- {first}>&-
	OTHER=
}

@test "max-sessions of an account holds for logins in the oldest of three servers, whichever lives" {
	serve
	printf 'secret\n' | ctl user add bob --password-stdin --max-sessions 1
	bob_may() # REPLY
	{
		ftp_close
		ftp_open
		ftp 'USER bob' 331
		ftp_send 'PASS secret'
		ftp_reply
		[ "$REPLY" = "$1" ]
	}
	at_prompt
	first=$OTHER
	upgrade
	other_session
	between=$SERVER_PID
	upgrade
	bob_may 230
	printf 'USER bob\r\nPASS secret\r\n' >&"$first"
	timeout 30 grep -q -m 1 '^530 ' <&"$first"
	kill -KILL "$between"
	wait_until log_has ' upgrade .*the former server has ended'
	ftp_close
	printf 'USER bob\r\nPASS secret\r\n' >&"$first"
	timeout 30 grep -q -m 1 '^230 ' <&"$first"
	wait_until bob_may 530
	exec {first}>&-
}

@test "SIGTERM after an upgrade: a transfer of the old server is finished first" {
	serve
	ftp_login alice secret
	ftp_stuck big 16M
	upgrade
	kill -TERM "$SERVER_PID"
	wait_until eval "[ \$(log_count ' stop .*transfers may finish') -eq 2 ]"
	is_gone "$SERVER_PID" && fail "the new server did not wait for the old one"
	assert_equal "$(timeout 60 cat <&"$DATA" | wc -c)" 16777216
	ftp_reply
	assert_equal "$REPLY" 226
	wait_until is_gone "$OLD_PID"
	wait_until is_gone "$SERVER_PID"
}

@test "limits count the sessions of both servers" {
	serve 'limits { sessions-per-address = 2 }'
	other_session
	upgrade
	ftp_login alice secret
	run timeout 10 bash -c "exec 5<>/dev/tcp/127.0.0.1/$PORT; head -n 1 <&5"
	assert_output --partial '421 Too many sessions from your address'
	exec {OTHER}>&-
	OTHER=
	wait_until is_gone "$OLD_PID"
	comes_in()
	{
		timeout 10 bash -c "exec 5<>/dev/tcp/127.0.0.1/$PORT; head -n 1 <&5" | grep -q ^220
	}
	wait_until comes_in
}

@test "limits count the sessions of all servers, and no longer those that have ended" {
	local first second
	serve 'limits { sessions-per-user = 2 }'
	exec {first}<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'USER alice\r\nPASS secret\r\n' >&"$first"
	timeout 20 grep -q -m 1 '^230 ' <&"$first"
	upgrade
	exec {second}<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'USER alice\r\nPASS secret\r\n' >&"$second"
	timeout 20 grep -q -m 1 '^230 ' <&"$second"
	upgrade
	run ctl status
	assert_line --regexp '^former servers: +2 more, which count for the limits$'
	logs_in 530
	# the oldest server's session ends, and the server between says so
	exec {first}>&-
	wait_until is_gone "$OLD_PID"
	wait_until logs_in 230
	wait_until eval "ctl status | grep -q '^sessions: *1 of '"
	run ctl drain
	assert_output 'no new connections; 2 sessions have 30 s for their transfers'
	exec {second}>&-
}

@test "more sessions end at once than the channel takes: none is counted any longer" {
	local count=320
	serve 'limits { sessions = 1000 sessions-per-address = 1000 }' 'timeouts { login = 5m }'
	python3 - "$PORT" "$count" "$DIR" 3>&- <<-'END' &
		import os, socket, sys, time
		port, count, place = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
		clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
		for client in clients:
		    client.settimeout(100)
		    assert client.recv(3) == b"220"
		open(place + "/greeted", "w").close()
		while not os.path.exists(place + "/leave"):
		    time.sleep(0.05)
		for client in clients[1:]:
		    client.close()
		while not os.path.exists(place + "/end"):
		    time.sleep(0.05)
	END
	clients=$!
	wait_until -t 100 test -e "$DIR/greeted"
	upgrade
	wait_until eval "ctl status | grep -q '^former servers: *$count more'"
	kill -STOP "$SERVER_PID"
	: >"$DIR/leave"
	has_one_left()
	{
		[ "$(pgrep -c -f -P "$OLD_PID" ': monitor')" -eq 1 ]
	}
	wait_until -t 60 has_one_left || { kill -CONT "$SERVER_PID" && : >"$DIR/end" && return 1; }
	kill -CONT "$SERVER_PID"
	wait_until eval "ctl status | grep -q '^former servers: *1 more'" || { : >"$DIR/end" && return 1; }
	: >"$DIR/end"
	wait "$clients"
	wait_until is_gone "$OLD_PID"
}

@test "sallyportctl reload during an upgrade: the server that has taken over is asked" {
	serve
	printf '#!/bin/sh\nsleep 2\nexec "%s" "$@"\n' "$BUILD/sallyportd" >"$DIR/slow"
	chmod 755 "$DIR/slow"
	stop_server
	cp "$BUILD/sallyportd" "$DIR/sallyportd"
	"$DIR/sallyportd" -f -c "$CONF" </dev/null >"$DIR/stdout" 2>"$DIR/stderr" 3>&- &
	SERVER_PID=$!
	OLD_PID=$SERVER_PID
	wait_until -t 30 test -s "$DIR/run/sallyportd.pid"
	wait_until log_has "sallyportd\\[$OLD_PID\\].* ready "
	mv "$DIR/slow" "$DIR/sallyportd"
	kill -USR2 "$OLD_PID"
	wait_until log_has " upgrade .*starting "
	run ctl reload
	assert_success
	assert_output 'configuration in force'
	wait_until is_gone "$OLD_PID"
	find_server
	run ctl status
	assert_line --regexp "serving, .* pid $SERVER_PID\$"
}

@test "a configuration that is wrong: the old server goes on, and the log says why" {
	serve
	echo 'no-such-key = 1' >>"$CONF"
	kill -USR2 "$SERVER_PID"
	wait_until log_has " error upgrade-failed .*$CONF:[0-9]+: no-such-key"
	wait_until log_has ' error upgrade-failed .*did not start .exit status 1.; this one goes on'
	ftp_login alice secret
	ftp_close
	assert_equal "$(cat "$DIR/run/sallyportd.pid")" "$OLD_PID"
	# another upgrade can be tried
	sed -i '$d' "$CONF"
	upgrade
	ftp_login alice secret
}

@test "a program that is missing, or none: the old server goes on; a replaced one is found by its path" {
	own_program
	serve
	mv "$PROGRAM" "$PROGRAM.away"
	kill -USR2 "$SERVER_PID"
	wait_until log_has " error upgrade-failed .*cannot execute '$DIR/build/sallyportd': No such file"
	printf '#!/bin/sh\nexit 3\n' >"$PROGRAM"
	chmod 755 "$PROGRAM"
	kill -USR2 "$SERVER_PID"
	wait_until log_has ' error upgrade-failed .*exit status 3'
	ftp_login alice secret
	ftp_close
	# a package puts another file under the same name
	cp "$BUILD_OF_TEST/sallyportd" "$PROGRAM.new"
	mv "$PROGRAM.new" "$PROGRAM"
	rm "$PROGRAM.away"
	upgrade
	ftp_login alice secret
}

@test "a certificate or accounts that are no good: the old server goes on" {
	serve
	chmod 644 "$DIR/etc/users"
	kill -USR2 "$SERVER_PID"
	wait_until log_has " error upgrade-failed .*$DIR/etc/users.*chmod"
	chmod 600 "$DIR/etc/users"
	sed -i "1i tls { certificate = \"$DIR/etc/none.pem\" key = \"$DIR/etc/key.pem\" }" "$CONF"
	kill -USR2 "$SERVER_PID"
	wait_until log_has " error upgrade-failed .*$DIR/etc/none.pem"
	ftp_login alice secret
}

@test "SIGUSR2 twice, and SIGHUP in between: one upgrade, then the reload" {
	own_program
	serve
	rm "$PROGRAM"
	cat >"$PROGRAM" <<-END
		#!/bin/sh
		until [ -e "$DIR/go" ]; do sleep 0.05; done
		exec "$BUILD_OF_TEST/sallyportd" "\$@"
	END
	chmod 755 "$PROGRAM"
	kill -USR2 "$SERVER_PID"
	wait_until log_has ' upgrade .*starting'
	kill -USR2 "$SERVER_PID"
	wait_until log_has ' warning upgrade-failed .*one is under way already'
	sed -i '/^banner/d' "$CONF"
	kill -HUP "$SERVER_PID"
	ftp_login alice secret
	ftp_close
	run log_count ' reload .*configuration in force'
	assert_output 0
	: >"$DIR/go"
	wait_until has_new_server
	find_server
	wait_until is_gone "$OLD_PID"
	wait_until log_has "sallyportd.$SERVER_PID.: info reload .*configuration in force"
	ftp_login alice secret
	assert_equal "$(log_count ' upgrade .*has taken over')" 1
}

@test "sallyportctl reload during an upgrade that fails: it follows" {
	own_program
	serve
	rm "$PROGRAM"
	printf '#!/bin/sh\nuntil [ -e "%s/go" ]; do sleep 0.05; done\nexit 3\n' "$DIR" >"$PROGRAM"
	chmod 755 "$PROGRAM"
	kill -USR2 "$SERVER_PID"
	wait_until log_has ' upgrade .*starting'
	ctl reload >"$DIR/reload" 2>&1 3>&- &
	wait_until log_has ' control .*request="reload"'
	run log_count ' reload .*configuration in force'
	assert_output 0
	: >"$DIR/go"
	wait_until log_has ' error upgrade-failed .*exit status 3'
	wait_until test -s "$DIR/reload"
	run cat "$DIR/reload"
	assert_output 'configuration in force'
	assert_equal "$(log_count ' reload .*configuration in force')" 1
	# the next upgrade does not wait for anything
	run ctl reload
	assert_output 'configuration in force'
}

@test "a stop while an upgrade waits for the end of a reload: none starts" {
	serve
	# the signals are pending at once, and the server takes them in this order
	kill -STOP "$SERVER_PID"
	kill -HUP "$SERVER_PID"
	kill -USR2 "$SERVER_PID"
	kill -TERM "$SERVER_PID"
	kill -CONT "$SERVER_PID"
	wait_until is_gone "$SERVER_PID"
	assert log_has ' error reload-refused .*the server is stopping'
	assert log_has ' error upgrade-failed .*the server is stopping'
	refute log_has ' upgrade .*starting'
}

@test "listeners that were configured otherwise meanwhile" {
	serve
	second=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	sed -i "s/^listen .*/listen = {\"127.0.0.1:$second\"}/" "$CONF"
	upgrade
	ftp_open 127.0.0.1 "$second"
	ftp_close
	wait_until is_gone "$OLD_PID"
	run timeout 5 bash -c "exec 5<>/dev/tcp/127.0.0.1/$PORT"
	assert_failure
}

@test "a server in the background is upgraded as well" {
	write_config
	add_user alice secret
	timeout 20 "$BUILD/sallyportd" -c "$CONF" 3>&-
	SERVER_PID=$(cat "$DIR/run/sallyportd.pid")
	OLD_PID=$SERVER_PID
	wait_until find_ports
	other_session
	upgrade
	other_goes_on
	ftp_login alice secret
}

@test "the service manager is told: MAINPID by the old server, then READY by the new one" {
	python3 - "$DIR/notify" "$DIR/told" 3>&- <<'END' &
import os, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1])
s.settimeout(60)
while True:
    data, ancillary, _, _ = s.recvmsg(1000, 1000)
    pid = struct.unpack("3i", ancillary[0][2])[0]
    with open(sys.argv[2], "a") as out:
        for line in data.decode().splitlines():
            out.write(f"{pid} {line}\n")
    if "STOPPING" in data.decode():
        break
END
	listener=$!
	wait_until test -S "$DIR/notify"
	write_config
	export NOTIFY_SOCKET=$DIR/notify
	start_server
	unset NOTIFY_SOCKET
	OLD_PID=$SERVER_PID
	upgrade
	wait_until grep -q "^$SERVER_PID READY=1" "$DIR/told"
	stop_server
	wait "$listener"
	run grep -v USEC "$DIR/told"
	assert_output "$OLD_PID READY=1
$OLD_PID MAINPID=$(sed -n 's/.*MAINPID=//p' "$DIR/told")
$(sed -n 's/.*MAINPID=//p' "$DIR/told") READY=1
$(sed -n 's/.*MAINPID=//p' "$DIR/told") STOPPING=1"
}

# --- socket activation ---

# activated_server NAMES ADDRESS...: start it with listening sockets, as systemd does; the first one has the port
# PORT.
activated_server()
{
	"$BATS_TEST_DIRNAME/activate" "$DIR/ports" "$1" "${@:2}" -- "$BUILD/sallyportd" -f -c "$CONF" \
		</dev/null >"$DIR/stdout" 2>"$DIR/stderr" 3>&- &
	LAUNCHER=$!
	wait_until log_has ' ready '
	find_server
	PORT=$(head -n 1 "$DIR/ports")
	export PORT
}

@test "socket activation: a restart lets those who come meanwhile wait, and refuses nobody" {
	write_config 'listen = {"127.0.0.1:0"}'
	add_user alice secret
	activated_server '' 127.0.0.1
	ftp_login alice secret
	ftp_close
	kill -TERM "$SERVER_PID"
	wait_until is_gone "$SERVER_PID"
	# no server runs; the launcher has the socket
	exec {OTHER}<>"/dev/tcp/127.0.0.1/$PORT"
	: >"$LOG"
	: >"$DIR/ports.again"
	wait_until log_has ' ready '
	find_server
	assert_equal "$(timeout 20 head -n 1 <&"$OTHER")" $'220 sallyport ready\r'
	ftp_login alice secret
}

@test "socket activation: TLS by the name of the socket, or by its port; both families by one socket" {
	write_config "tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" require = no }"
	ctl cert self-signed --name localhost >/dev/null
	add_user alice secret
	activated_server 'ftp:ftps:other' 127.0.0.1 127.0.0.1 '*'
	tls_port=$(sed -n 2p "$DIR/ports")
	dual_port=$(sed -n 3p "$DIR/ports")
	run curl -sSk --max-time 20 "ftps://alice:secret@127.0.0.1:$tls_port/"
	assert_success
	run curl -sS --max-time 20 "ftp://alice:secret@127.0.0.1:$dual_port/"
	assert_success
	# the server compares ports, and opens no second socket where it was given one
	write_config "tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" require = no }" \
		'listen = {}' "listen-tls = {\"*:$dual_port\"}"
	kill -HUP "$SERVER_PID"
	wait_until log_has " listening .*port=$dual_port tls=\"implicit\""
	run curl -sSk --max-time 20 "ftps://alice:secret@127.0.0.1:$dual_port/"
	assert_success
	ftp_login alice secret
	ftp_close
	# an upgrade keeps them
	OLD_PID=$SERVER_PID
	upgrade
	run curl -sSk --max-time 20 "ftps://alice:secret@127.0.0.1:$tls_port/"
	assert_success
	ftp_login alice secret
}

# through_a_proxy <SCRIPT: Python with everything of proxied.py, for the first socket of the launcher.
through_a_proxy()
{
	{
		printf '%s\n' 'from proxied import *'
		cat
	} | NODE=127.0.0.1 NODE_PORT=$PORT TLS_NODE_PORT=$(sed -n 2p "$DIR/ports") BUILD=$BUILD py
}

proxied_sockets_work()
{
	through_a_proxy <<-'EOF'
		import ssl
		p = Proxied(v2()).login()
		p.ask("QUIT", 221)
		expect(checked(LOCAL) == b"220 ready\r\n", "a health check")
		expect(checked(b"USER alice\r\n") == b"", "served without a header")
		with socket.create_connection((NODE, int(os.environ["TLS_NODE_PORT"])), WAIT_S) as raw:
		    raw.sendall(v2(("192.0.2.7", 5)))
		    context = ssl._create_unverified_context()
		    with context.wrap_socket(raw) as tls:
		        expect(tls.recv(100).startswith(b"220 "), "the greeting over TLS")
	EOF
	wait_until log_has ' login .*address=192\.0\.2\.1 .*user="alice"'
	wait_until log_has ' connect .*address=192\.0\.2\.7 .*proxy="127\.0\.0\.1"'
	: >"$LOG"
}

@test "socket activation: listeners for a proxy, by name, over reload, upgrade and restart" {
	local first=127.0.0.1
	local tls="tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" require = no }"
	write_config "$tls" 'listen = {"127.0.0.9:0"}' 'proxy-from = {"127.0.0.1"}'
	ctl cert self-signed --name localhost >/dev/null
	add_user alice secret
	# a socket for both families: the proxy's address is one of IPv4 within IPv6 there
	! has_ipv6 || first='*'
	activated_server 'ftp-proxied:ftps-proxied' "$first" 127.0.0.1
	proxied_sockets_work
	ctl reload
	proxied_sockets_work
	OLD_PID=$SERVER_PID
	upgrade
	proxied_sockets_work
	# the new program keeps the sockets, the launcher has them as well: those who come while nobody is there wait
	kill -TERM "$SERVER_PID"
	wait_until is_gone "$SERVER_PID"
	through_a_proxy <<-'EOF'
		p = Proxied(v2())
		open(os.environ["DIR"] + "/ports.again", "w").close()
		p.login().ask("QUIT", 221)
	EOF
	find_server
	proxied_sockets_work
}

@test "socket activation: a socket without a name is for a proxy when a key for proxies has its port" {
	local tls="tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" require = no }"
	write_config "$tls" 'listen = {"127.0.0.9:0"}'
	ctl cert self-signed --name localhost >/dev/null
	add_user alice secret
	activated_server '' 127.0.0.1 127.0.0.1
	write_config "$tls" 'listen = {}' 'proxy-from = {"127.0.0.1"}' "listen-proxied = {\"127.0.0.1:$PORT\"}" \
		"listen-proxied-tls = {\"127.0.0.1:$(sed -n 2p "$DIR/ports")\"}"
	ctl reload
	proxied_sockets_work
}

@test "socket activation: a socket for a proxy needs proxy-from" {
	write_config 'listen = {"127.0.0.9:0"}'
	add_user alice secret
	run timeout 20 "$BATS_TEST_DIRNAME/activate" "$DIR/ports" ftp-proxied 127.0.0.1 -- "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure
	assert_output --partial proxy-from
}

@test "socket activation: what is no listening TCP socket is refused" {
	write_config
	add_user alice secret
	for kind in udp connected unix; do
		run timeout 20 "$BATS_TEST_DIRNAME/activate" "$DIR/ports" '' "$kind" -- "$BUILD/sallyportd" -f -c "$CONF"
		assert_output --partial 'descriptor 3, which was inherited (LISTEN_FDS), is no listening TCP socket'
	done
	run env LISTEN_PID=x LISTEN_FDS=1 "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_output 'sallyportd: LISTEN_FDS or LISTEN_PID is no number'
	# variables that are meant for another process
	LISTEN_PID=1 LISTEN_FDS=1 start_server
	ftp_login alice secret
}
