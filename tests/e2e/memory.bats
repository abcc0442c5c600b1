#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A session is forked from the master, but its memory has nothing that the master knew of other sessions.

bats_require_minimum_version 1.5.0
load lib

NAME=somebody-of-a-long-name
ADDRESS=127.88.77.66

setup()
{
	skip_if_asan "the shadow memory of a sanitizer is too large to search"
	new_place
	write_config
	add_user alice secret
	add_user "$NAME" secret
	start_server
	HOLDER=
}

teardown()
{
	[ -z "$HOLDER" ] || kill "$HOLDER" 2>/dev/null || :
	[ -z "${OTHER-}" ] || exec {OTHER}>&-
	[ -z "${DIR-}" ] || end_place
}

# holds PID TEXT...: print which of the texts the process has mapped; fails when they cannot be read.
holds()
{
	python3 - "$@" <<-'PY'
		import re, sys
		pid, texts = sys.argv[1], [text.encode() for text in sys.argv[2:]]
		looked = 0
		with open("/proc/%s/mem" % pid, "rb", 0) as memory, open("/proc/%s/maps" % pid) as maps:
		    for line in maps:
		        start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
		        if rights[0] != "r" or "[v" in line:
		            continue
		        try:
		            memory.seek(int(start, 16))
		            bytes = memory.read(int(end, 16) - int(start, 16))
		        except OSError:
		            continue
		        looked += len(bytes)
		        for text in texts:
		            if text in bytes:
		                print("%s at %s" % (text.decode(), line.strip()))
		assert looked > 1 << 20
	PY
}

# other_logs_in: open another session, of NAME, from ADDRESS, and keep its connection.
other_logs_in()
{
	# shellcheck disable=SC2153 # PORT is set by lib.bash
	exec {OTHER}< <(exec python3 -c '
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20, (sys.argv[3], 0))
f = s.makefile("rwb", 0)
f.readline()
for line in "USER " + sys.argv[2], "PASS secret":
    f.write(line.encode() + b"\r\n")
    print(f.readline().decode()[:3], flush=True)
time.sleep(300)
' "$PORT" "$NAME" "$ADDRESS")
	HOLDER=$!
	local code
	read -r -t 20 -u "$OTHER" code
	read -r -t 20 -u "$OTHER" code
	assert_equal "$code" 230
}

# next_session_knows_nothing: a new session has no such text, before or after its login.
next_session_knows_nothing()
{
	local pid known
	known=$(monitor_pids)
	ftp_open
	MONITOR=
	for pid in $(monitor_pids); do
		grep -qxF "$pid" <<<"$known" || MONITOR=$pid
	done
	[ -n "$MONITOR" ]
	session_lacks
	ftp 'USER alice' 331
	ftp 'PASS secret' 230
	session_lacks
	ftp_close
	wait_until is_gone "$MONITOR"
}

session_lacks()
{
	local pid
	for pid in "$MONITOR" $(children_of "$MONITOR"); do
		run -0 holds "$pid" "$NAME" "$ADDRESS"
		assert_output ''
	done
}

@test "the search finds a name where it is" {
	other_logs_in
	run -0 holds "$(monitor_pids | head -n 1)" "$NAME" "$ADDRESS"
	assert_output --partial "$NAME at"
	assert_output --partial "$ADDRESS at"
}

@test "the name and the address of who logged in before are not inherited" {
	other_logs_in
	next_session_knows_nothing
}

@test "what the administrator asked for is not inherited" {
	other_logs_in
	ctl session list --json >"$DIR/list"
	grep -q "$NAME" "$DIR/list"
	ctl session notify --user "$NAME" "for $NAME alone"
	next_session_knows_nothing
	ctl session kick --user "$NAME"
	next_session_knows_nothing
}

@test "a request of the administrator that is not whole yet is not inherited" {
	coproc ASKER { exec python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"session-kick\tuser\t" + sys.argv[2].encode())
print("sent", flush=True)
time.sleep(300)
' "$DIR/run/control" "$NAME"; }
	local asker=$ASKER_PID line
	read -r -t 20 -u "${ASKER[0]}" line
	next_session_knows_nothing
	kill "$asker"
}

@test "the porter, which peeks at a header, keeps nothing of what comes after it" {
	local port porter
	sed -i '1i listen-proxied = {"127.0.0.2:0"}\nproxy-from = {"127.0.0.1"}' "$CONF"
	ctl reload
	wait_until log_has 'listening address=127\.0\.0\.2 '
	port=$(sed -n 's/.* listening address=127\.0\.0\.2 .*port=\([0-9]*\).*/\1/p' "$LOG")
	python3 - "$port" <<-'PY'
		import socket, sys
		s = socket.create_connection(("127.0.0.2", int(sys.argv[1])), 20)
		s.sendall(b"PROXY TCP4 127.88.77.66 127.0.0.2 7 21\r\nUSER alice\r\nPASS what-alice-knows\r\n")
		text = b""
		while b"\r\n530 " not in text:
		    piece = s.recv(1000)
		    assert piece, text
		    text += piece
	PY
	porter=$(pgrep -P "$SERVER_PID" -x sallyport-port)
	run -0 holds "$porter" what-alice-knows
	assert_output ''
}
