#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyportctl against a taken-over server: its output never moves a terminal's cursor, changes a colour or
# turns the direction of writing.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	new_place
	mkdir -p "$DIR/run"
	write_config
	SERVER_PID=
	fake_server
}

teardown()
{
	kill "$FAKE" 2>/dev/null || :
	wait "$FAKE" 2>/dev/null || :
	end_place
}

# A server that answers every request with keys and texts that no honest server sends. The logger and the metrics
# process produce what the administrator reads, and no other process checks it on the way.
fake_server()
{
	python3 - "$DIR/run" 3>&- <<-'END' &
		import json, os, socket, sys, threading
		evil = "a\x1b[2J\x1b]0;title\x07\x08\r\n\x7fb\x9b31m\u202egnp.\u2066c\u061c\u2028d\ufeff\"\\"
		numbers = {"since": 1, "idle": 2, "bytes": 3, "rate": 4, "percent": 5, "seconds_left": 6, "until": 7,
		           "sessions": 8, "seconds": 9, "pid": 10}
		texts = "id user address tls state path by time level event version log_level config_file report".split()
		row = {**{key: evil for key in texts}, **numbers, "transfer": True, evil: evil, evil + "n": 1,
		       "config": {evil: evil}, "totals": {k: {evil: 1} for k in ("refused", "logins", "transfers", "failures")}}
		def lines(request):
		    if request.startswith("ban-del"):
		        return [{"error": evil}]
		    if request.split("\t")[0] in ("session-list", "session-watch", "ban-list"):
		        return [row, {"done": True}]
		    return [{**row, "done": True, "good": request != "reload" or not os.path.exists(sys.argv[1] + "/bad")}]
		def control(connection):
		    request = connection.makefile().readline().strip()
		    for line in lines(request):
		        connection.sendall(json.dumps(line, ensure_ascii=False).encode() + b"\n")
		    connection.close()
		def metrics(connection):
		    request = connection.makefile().readline().strip()
		    body = json.dumps(row, ensure_ascii=False) if "json" in request else "ok 1\n" + evil + "\nx 2\n"
		    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + body.encode() + (b"" if "json" in request else b"\xff\x9b\n"))
		    connection.close()
		def serve(name, answer):
		    server = socket.socket(socket.AF_UNIX)
		    server.bind(sys.argv[1] + "/" + name)
		    server.listen(10)
		    while True:
		        answer(server.accept()[0])
		for name, answer in (("control", control), ("metrics.sock", metrics)):
		    threading.Thread(target=serve, args=(name, answer)).start()
	END
	FAKE=$!
	wait_until test -S "$DIR/run/control" -a -S "$DIR/run/metrics.sock"
}

# harmless WORD...: sallyportctl's output is safe for a terminal on both streams, and its JSON has the server's
# words unchanged.
harmless()
{
	run --separate-stderr ctl "$@"
	# shellcheck disable=SC2154 # run sets it
	printf '%s\n' "$output" "$stderr" >"$DIR/printed"
	[ -s "$DIR/printed" ]
	python3 - "$DIR/printed" <<-'END'
		import sys, unicodedata
		text = open(sys.argv[1], "rb").read().decode()
		assert text.strip(), "nothing was printed"
		for c in text:
		    assert c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp", "Co", "Cs"), (hex(ord(c)), text)
	END
}

faithful()
{
	harmless "$@"
	printf '%s' "$output" | python3 -c '
import json, sys
said = json.dumps(json.loads(sys.stdin.read()), ensure_ascii=False)
assert "b\u009b31m\u202egnp.\u2066c\u061c\u2028d\ufeff" in said, said
'
}

@test "lists, status and words of success are escaped" {
	harmless session list
	assert_output --partial 'a\x1b[2J'
	assert_output --partial '\xe2\x80\xae'
	harmless session watch
	assert_output --partial '\x1b[2J'
	harmless ban list
	harmless ban add 192.0.2.1
	harmless session kick --user alice
	harmless session notify hello
	harmless status
	harmless drain
	harmless stop
	harmless log-level debug
	harmless reload
	harmless metrics
	assert_line 'x 2'
}

@test "a report of lines keeps its lines; errors are escaped" {
	touch "$DIR/run/bad"
	harmless reload
	[[ $stderr == *'a\x1b[2J'*'\x7fb'* ]]
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 2 ]
	harmless ban del 192.0.2.1
	assert_equal "$status" 1
	[[ $stderr == *'\x1b[2J'* ]]
}

@test "JSON is ASCII and says what the server said" {
	faithful --json session list
	faithful --json session watch
	faithful --json ban list
	faithful --json status
	faithful --json reload
	faithful --json drain
	faithful --json metrics
}
