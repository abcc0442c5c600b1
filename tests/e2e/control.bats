# SPDX-License-Identifier: ISC
# sallyportctl queries and controls the running server over its control socket.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	new_place
	write_config
	start_server
	add_user alice secret
	WATCHER=
}

teardown()
{
	data_close
	[ -z "$WATCHER" ] || kill "$WATCHER" 2>/dev/null || :
	end_place
}

# ask SECONDS: a raw control client that sends its standard input, and prints what arrives.
ask()
{
	timeout "$1" python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
try:
    s.sendall(sys.stdin.buffer.read())
except BrokenPipeError:
    pass
try:
    while (got := s.recv(65536)):
        sys.stdout.buffer.write(got)
except ConnectionResetError:
    pass
' "$DIR/run/control"
}

sessions()
{
	ctl session list --json | jq length
}

session_count_is()
{
	[ "$(sessions)" = "$1" ]
}

# The logger's sockets of clients that watch; it has no other connections of the control socket.
watchers_are()
{
	local pid fd inode count=0
	for pid in $(children_of "$SERVER_PID"); do
		[ -z "$(children_of "$pid")" ] || continue
		for fd in "/proc/$pid/fd/"*; do
			inode=$(readlink "$fd" | sed -n 's/^socket:\[\(.*\)\]$/\1/p')
			if [ -n "$inode" ] && grep -qE " $inode $DIR/run/control" /proc/net/unix; then
				count=$((count + 1))
			fi
		done
	done
	[ "$count" = "$1" ]
}

@test "session list shows who is on and what moves" {
	run -0 ctl session list --json
	assert_output '[]'
	ftp_login alice secret
	run -0 ctl session list
	assert_line --regexp '^ID +USER +ADDRESS +TLS +SINCE \(UTC\) +IDLE +STATE +BYTES +RATE +% +PATH$'
	assert_line --regexp '^[0-9a-f]{16} +alice +127\.0\.0\.1 +- +[0-9:]{8} +[0-9]+s +idle '
	ftp_stuck 'big file' 64M
	run -0 ctl session list
	assert_line --regexp ' download +[0-9.]+M +[0-9.]+M/s +[0-9]+% /big file$'
	run -0 ctl session list --json
	[ "$(jq -r '.[0] | [.user, .address, .state, .verb, .path, .size] | join(" ")' <<<"$output")" = \
		'alice 127.0.0.1 download RETR /big file 67108864' ]
	[ "$(jq '.[0].bytes > 100000 and .[0].bytes_down == .[0].bytes and .[0].percent < 100' <<<"$output")" = true ]
}

@test "names in the list cannot hurt a terminal" {
	ftp_login alice secret
	ftp $'CWD \033]0;owned\007' 550
	run -0 ctl session list
	assert_line --partial '/\x1b]0;owned\x07'
}

@test "a hundred sessions are listed while they transfer" {
	stop_server
	: >"$LOG"
	write_config 'limits { sessions-per-address = 200 sessions-per-user = 200 }'
	start_server
	truncate -s 64M "$DIR/home/alice/big"
	chown "$(stat -c %u:%g "$DIR/home/alice")" "$DIR/home/alice/big"
	python3 - "$PORT" >"$DIR/many" 3>&- <<-'END' &
		import re, socket, sys, time
		port, kept = int(sys.argv[1]), []
		def said(s, code):
		    line = s.readline().decode()
		    while line[3:4] == "-":
		        line = s.readline().decode()
		    assert line.startswith(code), line
		    return line
		for i in range(100):
		    s = socket.create_connection(("127.0.0.1", port))
		    f = s.makefile("rb")
		    s.sendall(b"USER alice\r\nPASS secret\r\nTYPE I\r\nEPSV\r\n")
		    kept.append((s, f))
		for s, f in kept[:]:
		    for code in ("220", "331", "230", "200"):
		        said(f, code)
		    data = socket.create_connection(("127.0.0.1", int(re.search(r"\d{4,}", said(f, "229")[3:])[0])))
		    s.sendall(b"RETR big\r\n")
		    said(f, "150")
		    kept.append(data)
		print("all", flush=True)
		time.sleep(60)
	END
	WATCHER=$!
	all_move() { grep -q all "$DIR/many"; }
	wait_until -t 40 all_move
	downloads() { [ "$(ctl session list --json | jq '[.[] | select(.state == "download" and .bytes > 0 and .path == "/big")] | length')" = 100 ]; }
	wait_until downloads
	run -0 ctl session list
	assert_equal "$(grep -c ' download .* /big$' <<<"$output")" 100
	assert_equal "$(ctl session list --json | jq '[.[].id] | unique | length')" 100
	ctl session list --watch >"$DIR/screen" 3>&- & second=$!
	screens() { [ "$(grep -c ' 100 sessions ' "$DIR/screen")" -ge 2 ]; }
	wait_until screens
	kill "$second"
	run -0 ctl session kick --user alice
	assert_output '100 sessions ended'
	wait_until session_count_is 0
}

@test "an upload is shown, with its size when the client has announced it" {
	ftp_login alice secret
	ftp 'TYPE I' 200
	ftp 'ALLO 1000' 202
	ftp_passive
	ftp 'STOR up' 150
	printf 'x%.0s' {1..250} >&"$DATA"
	moved() { [ "$(ctl session list --json | jq -r '.[0] | [.state, .bytes, .percent] | join(" ")')" = 'upload 250 25' ]; }
	wait_until moved
}

@test "no ghost is left when a session is killed" {
	ftp_login alice secret
	find_session
	[ "$(sessions)" = 1 ]
	ALARM_EXPECTED=1
	kill -KILL "$MONITOR"
	wait_until session_count_is 0
	run -0 ctl status --json
	[ "$(jq '.sessions' <<<"$output")" = 0 ]
}

@test "a session is kicked by id, user and address, also in mid-transfer" {
	ftp_login alice secret
	ftp_stuck big
	id=$(ctl session list --json | jq -r '.[0].id')
	run -0 ctl session kick "$id"
	assert_output '1 session ended'
	ftp_reply
	assert_equal "$REPLY" 426
	ftp_reply
	assert_equal "$REPLY_TEXT" $'421 The administrator has ended this session\n'
	wait_until log_has ' disconnect .* reason="kicked"'
	wait_until session_count_is 0
	data_close
	ftp_close
	ftp_login alice secret
	run -0 ctl session kick --user alice
	ftp_reply
	assert_equal "$REPLY" 421
	ftp_close
	ftp_login alice secret
	run -0 ctl session kick --address 127.0.0.1
	ftp_reply
	assert_equal "$REPLY" 421
}

@test "a kick ends a session whose monitor does nothing any more" {
	ftp_login alice secret
	find_session
	kill -STOP "$MONITOR" "$PROTOCOL" "$FILES"
	run -0 ctl session kick --user alice
	wait_until -t 25 log_has ': error killed .*user="alice".* reason="it was told to end and did not"'
	wait_until is_gone "$MONITOR"
	wait_until is_gone "$PROTOCOL"
	wait_until is_gone "$FILES"
	ftp_close
	wait_until session_count_is 0
	ftp_login alice secret
}

@test "the login timeout ends a session whose monitor does nothing any more" {
	stop_server
	: >"$LOG"	# its lines would pass for those of the next server
	write_config 'timeouts { login = "1s" }'
	start_server
	ftp_open
	find_session
	kill -STOP "$MONITOR"
	wait_until -t 25 log_has ': error killed .* reason="it did not end at the login timeout"'
	wait_until is_gone "$MONITOR"
	wait_until is_gone "$PROTOCOL"
	wait_until session_count_is 0
}

@test "a kick of nobody fails, and says so" {
	run -1 ctl session kick 0123456789abcdef
	assert_output "sallyportctl: no session with this id; 'sallyportctl session list' lists them"
	run -1 ctl session kick --user alice
	assert_output --partial 'no session with this user'
	run -1 ctl session kick --address 192.0.2.1
	assert_output --partial 'no session with this address'
	run -1 ctl session kick --address nonsense
	assert_output --partial 'not a numeric IPv4 or IPv6 address'
	run -2 ctl session kick
	assert_output --partial 'needs one of ID, --user NAME, --address ADDRESS'
	run -2 ctl session kick 0123456789abcdef --user alice
}

@test "a notice is an extra line of the next reply" {
	ftp_login alice secret
	run -0 ctl session notify 'going down at noon'
	assert_output '1 session told'
	ftp NOOP 200
	assert_equal "$(head -n 1 <<<"$REPLY_TEXT")" '200-going down at noon'
	assert_equal "$(wc -l <<<"$REPLY_TEXT")" 3	# with the newline of <<<
	ftp NOOP 200
	refute [ "$REPLY_TEXT" != "${REPLY_TEXT#200-}" ]
	# programs that read numbers see no advice; a reply of several lines has it in front
	ctl session notify --user alice 'one'
	ctl session notify --session "$(ctl session list --json | jq -r '.[0].id')" 'two'
	ftp EPSV 229
	refute [ "$REPLY_TEXT" != "${REPLY_TEXT#229-}" ]
	ftp FEAT 211
	assert_equal "$(head -n 3 <<<"$REPLY_TEXT")" $'211-one\n211-two\n211-Features:'
	run -0 ctl session notify --user nobody 'x' || :
	assert_output --partial 'no session with this user'
	run -2 ctl session notify $'two\nlines'
}

@test "watch tells events as they happen, whatever the level of the log" {
	run -0 ctl log-level error
	ctl session watch >"$DIR/events" 3>&- & WATCHER=$!
	ctl session watch --json >"$DIR/events.json" 3>&- & second=$!
	wait_until watchers_are 2
	ftp_login alice secret
	ftp_receive MLSD >/dev/null
	ftp QUIT 221
	ended() { grep -q '^[0-9:]* disconnect .*user=alice.* reason=quit' "$DIR/events"; }
	wait_until ended
	grep -q '^[0-9:]* connect .*address=127.0.0.1' "$DIR/events"
	grep -q '^[0-9:]* login .*user=alice' "$DIR/events"
	grep -q '^[0-9:]* transfer .*user=alice direction=list bytes=' "$DIR/events"
	assert_equal "$(jq -r .event <"$DIR/events.json" | paste -sd' ')" 'connect login transfer disconnect'
	assert_equal "$(log_count ' transfer ')" 0
	kill "$second"
}

@test "watch goes on when the logger dies or another server takes over, and says which; it ends with the server" {
	local second status=0
	ALARM_EXPECTED=1
	ctl session watch >"$DIR/events" 2>"$DIR/told" 3>&- & WATCHER=$!
	wait_until watchers_are 1
	kill -KILL "$(pgrep -f -P "$SERVER_PID" ": logger")"
	wait_until grep -q "logger has ended" "$DIR/told"
	wait_until watchers_are 1
	ftp_login alice secret
	wait_until grep -q ' login .*user=alice' "$DIR/events"
	ftp_close
	wait_until grep -q ' disconnect ' "$DIR/events"
	run -0 ctl upgrade
	second=$(cat "$DIR/run/sallyportd.pid")
	SERVER_PID=$second
	wait_until watchers_are 1
	ftp_login alice secret
	ftp QUIT 221
	twice() { [ "$(grep -c ' login .*user=alice' "$DIR/events")" -eq 2 ]; }
	wait_until twice
	stop_server
	wait "$WATCHER" || status=$?
	WATCHER=
	assert_equal "$status" 1
	run cat "$DIR/told"
	assert_line --index 0 "sallyportctl: the server's logger has ended, and another one starts; events in between are not shown"
	assert_line --index 1 "sallyportctl: process $second serves now, and its events follow; those in between are not shown"
	assert_line --index 2 'sallyportctl: the server has stopped'
	assert_equal "${#lines[@]}" 3
}

@test "the level of the log changes for running sessions, until a reload" {
	ftp_login alice secret
	run -0 ctl log-level critical
	assert_output 'logging from level critical on, until the next reload'
	ftp_receive MLSD >/dev/null
	run -0 ctl log-level info
	ftp_receive NLST >/dev/null
	wait_until log_has ' transfer '
	assert_equal "$(log_count ' transfer ')" 1
	run -2 ctl log-level loud
	assert_output "sallyportctl: no level 'loud'; use debug, info, warning, error or critical"
	run -2 ctl log-level
}

@test "status tells version, sessions, totals and the configuration in force" {
	printf 'hello' >"$DIR/home/alice/f"
	ftp_login alice secret
	ftp 'USER alice' 503 || :
	ftp_receive 'RETR f' "$DIR/got"
	ftp_receive MLSD >/dev/null
	run -0 ctl status
	assert_line --regexp '^sallyportd: +serving, version [0-9.]+, pid '"$SERVER_PID"'$'
	assert_line --regexp '^sessions: +1 of 2000 \(50 an address, 20 a user\)$'
	assert_line --regexp '^logins: +1 ok, 0 wrong-password'
	assert_line --regexp '^transfers: +1 down, 0 up, 1 list$'
	assert_line --regexp '^    limits.sessions-per-user +20$'
	run -0 ctl status --json
	assert_equal "$(jq -r '[.state, .sessions, .totals.connections, .totals.bytes.down, .config."runtime-directory"] | join(" ")' <<<"$output")" \
		"serving 1 1 5 $DIR/run"
}

@test "status tells since when the server runs" {
	local before
	stop_server
	before=$EPOCHSECONDS
	start_server
	run -0 ctl status --json
	assert_equal "$(jq --argjson before "$before" --argjson now "$EPOCHSECONDS" \
		'.started >= $before - 1 and .started <= $now and .uptime <= $now - $before' <<<"$output")" true
}

@test "reload reports how it went" {
	run -0 ctl reload
	assert_output 'configuration in force'
	echo 'banner = "new words"' >>"$CONF"
	run -0 ctl reload
	ftp_open
	assert_equal "$REPLY_TEXT" $'220 new words\n'
	ftp_close
	last=$(wc -l <"$CONF")
	echo 'limits { sessions = many }' >>"$CONF"
	run -1 ctl reload
	assert_line --regexp "^sallyportctl: $CONF:$((last + 1)): .*sessions: .*'many'"
	assert_line --partial 'the configuration in force stays'
	ftp_open
	assert_equal "$REPLY_TEXT" $'220 new words\n'
	run -1 ctl reload --json
	[ "$(jq .good <<<"$output")" = false ]
	run -0 ctl status --json
	assert_equal "$(jq -r .config.banner <<<"$output")" 'new words'
	sed -i '$d' "$CONF"
	echo 'broken line' >>"$DIR/etc/users"
	run -1 ctl reload
	assert_line --regexp "^sallyportctl: .*$DIR/etc/users:[0-9]+: "
}

@test "a storm of reloads fails no transfer" {
	head -c 20M /dev/urandom >"$DIR/home/alice/big"
	ftp_login alice secret
	ftp 'TYPE I' 200
	for _ in {1..20}; do ctl reload >/dev/null || echo failed >>"$DIR/failed"; kill -HUP "$SERVER_PID"; done 3>&- & WATCHER=$!
	for _ in {1..8}; do
		ftp_receive 'RETR big' "$DIR/got"
		cmp "$DIR/home/alice/big" "$DIR/got"
		curl -sS --max-time 30 -u alice:secret "ftp://127.0.0.1:$PORT/big" -o "$DIR/got2"
		cmp "$DIR/home/alice/big" "$DIR/got2"
	done
	wait "$WATCHER"
	WATCHER=
	assert_not_exist "$DIR/failed"
}

@test "drain lets a transfer end, stop does not" {
	ftp_login alice secret
	ftp_stuck big 8M
	run -0 ctl drain
	assert_output --regexp '^no new connections; 1 session has 30 s for its transfers$'
	wait_until log_has ' stop .*transfers may finish'
	run -0 ctl status --json
	assert_equal "$(jq -r .state <<<"$output")" draining
	[ "$(timeout 60 cat <&"$DATA" | wc -c)" = 8388608 ]
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
	wait_until is_gone "$SERVER_PID"
	assert_not_exist "$DIR/run/control"
	: >"$LOG"
	start_server
	ftp_login alice secret
	ftp_stuck big2
	run -0 ctl stop
	assert_output 'stopping; 1 session is ended'
	wait_until is_gone "$SERVER_PID"
	run -1 ctl status
	assert_output "sallyportctl: the server is not running: nothing answers at '$DIR/run/control'; start it with 'systemctl start sallyportd', or name its configuration with -c"
}

@test "only root may ask" {
	chmod 666 "$DIR/run/control"
	run timeout 10 setpriv --reuid 65534 --regid 65534 --clear-groups perl -MIO::Socket::UNIX -e '
my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!;
print while <$s>;
' "$DIR/run/control"
	assert_output --partial 'only root may ask'
	wait_until log_has ' warning control-refused '
	chmod 600 "$DIR/run/control"
	assert_equal "$(stat -c %a "$DIR/run/control")" 600
	run -0 ctl session list
}

@test "hostile control clients are refused or dropped, and the master goes on" {
	# no request, a line that is too long, a second line, binary
	run -0 ask 5 <<<'nonsense'
	assert_output '{"error":"unknown request; sallyportctl and sallyportd must be of one version"}'
	run -0 ask 5 < <(head -c 100000 /dev/zero | tr '\0' x)
	assert_output '{"error":"a request is one line of at most 2048 bytes"}'
	run -0 ask 5 <<<$'status\nstatus'
	assert_output --partial 'one line'
	run -0 ask 5 < <(printf '\377\376\n')
	assert_output --partial 'UTF-8'
}

@test "clients that are silent, half-sent or never read are dropped, and the master goes on" {
	stop_server
	: >"$LOG"
	python3 -c 'import time
for i in range(4000): print(f"198.18.{i // 250}.{i % 250} {int(time.time()) + 3600} manual")' >"$DIR/state/bans"
	start_server
	# a slow reader gets a reply whole that is longer than the socket's buffer
	assert_equal "$(ctl ban list --json | jq length)" 4000
	# these clients take every place
	python3 - "$DIR/run/control" >"$DIR/half" 3>&- <<-'END' &
		import select, socket, sys
		many = []
		for i in range(16):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    s.sendall((b"", b"sta", b"ban-list\n")[i % 3])
		    many.append(s)
		print("open", flush=True)
		many[0].settimeout(20)
		many[1].settimeout(20)
		print("silent", len(many[0].recv(1)), flush=True)
		print("half-sent", len(many[1].recv(1)), flush=True)
		# its deadline is a moment after theirs, so reading now would save it
		ended = select.poll()
		ended.register(many[2], select.POLLRDHUP)
		ended.poll(20000)
		got = b""
		while piece := many[2].recv(1 << 20):
		    got += piece
		print("never read", b"done" in got, flush=True)
	END
	WATCHER=$!
	opened() { grep -q open "$DIR/half"; }
	wait_until opened
	ftp_login alice secret
	ftp NOOP 200
	run -1 ctl session list
	assert_output --partial 'too many control connections at once'
	ftp_receive MLSD >/dev/null
	dropped() { grep -qx 'silent 0' "$DIR/half" && grep -qx 'half-sent 0' "$DIR/half"; }
	wait_until -t 15 dropped
	cut_off() { grep -qx 'never read False' "$DIR/half"; }
	wait_until -t 15 cut_off
	run -0 ctl session list
}
