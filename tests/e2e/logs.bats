#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The content of the log, and that no client can forge it.

load lib

setup()
{
	new_place
}

teardown()
{
	data_close
	end_place
}

serve()
{
	write_config "$@"
	add_user alice secret
	start_server
	HOME_DIR=$DIR/home/alice
}

# A session with a bit of everything.
a_session()
{
	ftp_login alice secret
	ftp 'TYPE I' 200
	ftp_passive
	ftp 'STOR file' 150
	printf 12345 >&"$DATA"
	data_close
	ftp_reply
	ftp_receive 'RETR file' /dev/null
	ftp_receive LIST /dev/null
	ftp QUIT 221
	ftp_close
}

# The lines of the only session, without time and pid.
session_lines()
{
	grep ' session=' "$LOG" | sed -E 's/^[^ ]+ sallyportd\[[0-9]+\]: //'
}

json()
{
	python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
'"$1" "$LOG"
}

@test "transfers just before QUIT are logged, also where the monitor is late and has another question to answer first" {
	serve
	echo content >"$HOME_DIR/f"
	py <<-'END'
		for before in range(2, 8):
		    c = Control().login()
		    for _ in range(before):
		        c.get("f")
		    monitor = Session().monitor
		    time.sleep(0.1)     # it has made listeners ahead
		    os.kill(monitor, signal.SIGSTOP)
		    for _ in range(3):  # one listener is enough for them
		        c.get("f")
		    c.ask("QUIT", 221)
		    assert c.socket.recv(1) == b""
		    os.kill(monitor, signal.SIGCONT)
		    wait_until(no_session, "the end of the session")
	END
	wait_until test "$(log_count ' disconnect ')" -eq 6
	assert_equal "$(log_count ' transfer ')" $((2 + 3 + 4 + 5 + 6 + 7 + 6 * 3))
	assert_equal "$(log_count ' disconnect .*reason="quit"')" 6
}

@test "text: the events of a session, one line each" {
	serve
	a_session
	wait_until log_has ' disconnect '
	session=$(sed -n 's/.* connect session=\([0-9a-f]*\) .*/\1/p' "$LOG")
	[ "${#session}" -eq 16 ]
	common="session=$session address=127.0.0.1 process=monitor"
	run session_lines
	assert_line --index 0 "info connect $common message=\"plain\""
	assert_line "info login $common user=\"alice\" message=\"read-write\""
	assert_line --regexp "^info transfer $common user=\"alice\" direction=\"up\" bytes=5 milliseconds=[0-9]+ result=\"ok\" type=\"image\" path=\"/file\"$"
	assert_line --regexp "^info transfer $common user=\"alice\" direction=\"down\" bytes=5 milliseconds=[0-9]+ result=\"ok\" type=\"image\" path=\"/file\"$"
	assert_line --regexp "^info transfer $common user=\"alice\" direction=\"list\" bytes=[0-9]+ milliseconds=[0-9]+ result=\"ok\" .*path=\"/\"$"
	assert_line --regexp "^info disconnect $common user=\"alice\" reason=\"quit\" milliseconds=[0-9]+ bytes_down=[0-9]+ bytes_up=5$"
}

@test "text: time in UTC, whatever the zone of the server" {
	TZ=Asia/Tokyo serve
	a_session
	wait_until log_has ' disconnect '
	stamp=$(sed -n 's/^\([^ ]*\) .* disconnect .*/\1/p' "$LOG")
	[[ $stamp =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$ ]]
	age=$(($(date +%s) - $(date -d "$stamp" +%s)))
	[ "$age" -ge 0 ] && [ "$age" -lt 60 ]
}

@test "JSON: each line parses and has its fields, the address before what a client chose" {
	serve 'log { target = "'"$LOG"'" level = "debug" format = "json" }'
	a_session
	ftp_raw <<-'END'
		< 220
		> USER "x\x1b\xff\\,"event":"login"
		< 331
		> PASS y
		< 530
	END
	wait_until log_has 'login-failed'
	json '
events = {line["event"] for line in lines}
assert {"listening", "ready", "connect", "login", "transfer", "disconnect", "login-failed"} <= events, events
for line in lines:
    keys = list(line)
    assert keys[:4] == ["time", "level", "event", "pid"], keys
    for chosen in ("user", "name", "path", "detail", "reason"):
        if chosen in keys and "address" in keys:
            assert keys.index("address") < keys.index(chosen), keys
failed = [line for line in lines if line["event"] == "login-failed"]
assert len(failed) == 1 and failed[0]["address"] == "127.0.0.1"
assert "\n" not in failed[0]["name"]
assert len([line for line in lines if line["event"] == "login"]) == 1
transfers = [line for line in lines if line["event"] == "transfer"]
assert [t["direction"] for t in transfers] == ["up", "down", "list"], transfers
assert transfers[0]["bytes"] == 5 and transfers[0]["path"] == "/file"
'
}

@test "a user name cannot forge a line, a field or a color" {
	serve
	before=$(wc -l <"$LOG")
	ftp_raw <<-'END'
		< 220
		> USER x" reason="ok" address=192.0.2.1\x1b[2J\xc2\x9b\xff\\ \x7f
		< 331
		> PASS y
		< 530
		> USER root\r2026-01-01T00:00:00.000Z sallyportd[1]: critical alert died="all"
		< 331
		> PASS y
		< 530
		> QUIT
		< 221
	END
	wait_until log_has ' disconnect '
	# connect, two failed logins, quit, disconnect
	assert_equal "$(($(wc -l <"$LOG") - before))" 5
	run grep -aF 'name="x\x22 reason=\x22ok\x22 address=192.0.2.1\x1b[2J\xc2\x9b\xff\x5c \x7f" reason="unknown user"' "$LOG"
	assert_success
	run grep -ac '^[^ ]* sallyportd\[[0-9]*\]: critical' "$LOG"
	assert_output 0
	run grep -aP '[\x00-\x08\x0b-\x1f\x7f]' "$LOG"
	assert_output ""
	# a filter of failed logins finds the client's address
	run sed -nE 's/^.* login-failed session=[0-9a-f]+ address=([^ ]+) .*/\1/p' "$LOG"
	assert_output $'127.0.0.1\n127.0.0.1'
}

@test "a file name cannot either" {
	serve
	ftp_login alice secret
	ftp_passive
	ftp 'STOR a" result="none" \ é' 150
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
	touch "$HOME_DIR/"$'b\n2026 sallyportd[1]: critical alarm \e[31m'
	chmod 644 "$HOME_DIR"/*
	ftp_receive 'LIST' "$DIR/list"
	run cat "$DIR/list"
	assert_line --partial 'b?2026 sallyportd[1]: critical alarm ?[31m'
	wait_until log_has 'direction="list"'
	run grep -F 'path="/a\x22 result=\x22none\x22 \x5c é"' "$LOG"
	assert_success
	assert_equal "$(log_count ' critical alarm ')" 0
}

@test "xferlog: a line for each file, as wu-ftpd wrote them" {
	serve "log { target = \"$LOG\" xferlog = \"$DIR/xferlog\" }"
	a_session
	ftp_login alice secret
	ftp_passive
	ftp 'STOR with blank' 150
	data_close
	ftp_reply
	ftp QUIT 221
	wait_until log_has 'path="/with blank"'
	has_three_lines()
	{
		[ "$(wc -l <"$DIR/xferlog")" -eq 3 ]
	}
	wait_until has_three_lines
	run cat "$DIR/xferlog"
	stamp='[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}'
	assert_line --index 0 --regexp "^$stamp [0-9]+ 127.0.0.1 5 /file b _ i r alice ftp 0 \* c$"
	assert_line --index 1 --regexp "^$stamp [0-9]+ 127.0.0.1 5 /file b _ o r alice ftp 0 \* c$"
	assert_line --index 2 --regexp "^$stamp [0-9]+ 127.0.0.1 0 /with_blank a _ i r alice ftp 0 \* c$"
}

# Start a server that logs no port.
start_in_silence()
{
	"$BUILD/sallyportd" -f -c "$CONF" </dev/null >"$DIR/stdout" 2>"$DIR/stderr" 3>&- &
	SERVER_PID=$!
	wait_until finds_port
}

finds_port()
{
	PORT=$(ss -Hltnp4 | sed -n "s/.* 127\.0\.0\.1:\([0-9]*\) .*pid=$SERVER_PID,.*/\1/p" | head -n 1)
	[ -n "$PORT" ] && [ -s "$DIR/run/sallyportd.pid" ]
}

@test "levels: warning leaves out the day's events" {
	write_config "log { target = \"$DIR/quiet\" level = \"warning\" }"
	add_user alice secret
	start_in_silence
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 331
		> PASS wrong
		< 530
		> USER alice
		< 331
		> PASS secret
		< 230
		> QUIT
		< 221
	END
	wait_until grep -q ' login-failed ' "$DIR/quiet"
	assert_equal "$(wc -l <"$DIR/quiet")" 1
}

@test "a full log disk blocks no session, and the loss is told" {
	[ -c /dev/full ] || skip "this machine has no /dev/full"
	mkdir "$DIR/logs"
	mount -t tmpfs -o size=64k none "$DIR/logs" 2>/dev/null || skip "a mount is not permitted here"
	LOG=$DIR/logs/log
	serve
	head -c 1000000 /dev/zero >"$DIR/logs/fill" 2>/dev/null || :
	for _ in 1 2 3 4 5 6; do
		a_session
	done
	rm "$DIR/logs/fill"
	a_session
	wait_until log_has ' warning log-dropped .*lines=[0-9]+'
	stop_server INT
	umount "$DIR/logs"
}

@test "/dev/full as a target blocks no session" {
	write_config 'log { target = "/dev/full" }'
	add_user alice secret
	start_in_silence
	for _ in 1 2 3; do
		a_session
	done
}

# Print the lines of standard error, which loses none, without the reports of lost lines.
told_lines()
{
	grep -c -v ' log-dropped ' "$DIR/stderr"
}

sum_of_losses()
{
	sed -n 's/.* log-dropped .*lines=\([0-9]*\).*/\1/p' "$@" | awk '{ sum += $1 } END { print sum + 0 }'
}

@test "a target that takes nothing: the other one is told how much, ever more seldom, and of nothing else" {
	local before pause
	write_config 'log { target = "/dev/full" }'
	add_user alice secret
	start_in_silence
	for _ in 1 2 3 4 5 6 7 8; do
		a_session
		sleep 0.3	# lines come for longer than a second
	done
	every_loss_is_told() { [ "$(sum_of_losses "$DIR/stderr")" -eq "$(told_lines)" ]; }
	wait_until -t 20 every_loss_is_told
	# takes 2.4 seconds or more: attempts at 0, 1 and 3 seconds, and at 7 and 15 where this machine is slow
	before=$(grep -c ' log-dropped ' "$DIR/stderr")
	[ "$before" -le 5 ] || fail "$(cat "$DIR/stderr")"
	sleep 2.5	# a line that tells of itself came once a second
	assert_equal "$(grep -c ' log-dropped ' "$DIR/stderr")" "$before"
	# the end of the server reports each loss too
	a_session
	stop_server
	assert every_loss_is_told
}

@test "a full disk that has room again: the log tells exactly what it lacks" {
	mkdir "$DIR/logs"
	mount -t tmpfs -o size=64k none "$DIR/logs" 2>/dev/null || skip "a mount is not permitted here"
	LOG=$DIR/logs/log
	write_config "log { target = \"$LOG\" }"
	add_user alice secret
	start_in_silence
	a_session
	wait_until log_has ' disconnect '
	# the log is complete to the last byte: the server loses a line as a whole
	head -c 1000000 /dev/zero >>"$DIR/logs/fill" 2>/dev/null || :
	size=$(stat -c %s "$LOG")
	head -c $((4096 - size % 4096)) /dev/zero | tr '\0' '\n' >>"$LOG"
	for _ in 1 2 3; do a_session; done
	wait_until grep -q ' log-dropped ' "$DIR/stderr"
	rm "$DIR/logs/fill"
	a_session
	wait_until log_has ' warning log-dropped .*lines=[0-9]+'
	stop_server
	kept=$(grep -c -v -e '^$' -e ' log-dropped ' "$LOG")
	assert_equal "$((kept + $(sum_of_losses "$LOG")))" "$(told_lines)"
	umount "$DIR/logs"
}

@test "a standing logger blocks no session" {
	serve
	for pid in $(children_of "$SERVER_PID"); do
		[ -n "$(children_of "$pid")" ] || logger=$pid
	done
	kill -STOP "$logger"
	for _ in 1 2 3 4 5; do
		a_session
	done
	kill -CONT "$logger"
	wait_until log_has ' disconnect '
}

# A young machine: the server's clock shows a few seconds, as it does soon after the machine boots.
start_young()
{
	local offset=$(($(cut -d. -f1 /proc/uptime) - 5))
	unshare --time --monotonic="-$offset" --fork true 2>/dev/null || skip "no time namespace can be made here"
	unshare --time --monotonic="-$offset" --fork "$BUILD/sallyportd" -f -c "$CONF" </dev/null >"$DIR/stdout" \
		2>"$DIR/stderr" 3>&- &
	STARTER=$!
	has_started() { SERVER_PID=$(children_of "$STARTER") && SERVER_PID=${SERVER_PID% } && [ -n "$SERVER_PID" ]; }
	wait_until has_started
	wait_until finds_port
}

@test "a target that takes nothing in the first minute of the machine keeps no processor busy" {
	local ticks logger
	write_config 'log { target = "/dev/full" }'
	add_user alice secret
	start_young
	a_session
	# shellcheck disable=SC2046 # the children are words
	logger=$(grep -la logger $(children_of "$SERVER_PID" | sed 's|[0-9][0-9]*|/proc/&/cmdline|g') | cut -d / -f 3)
	ticks=$(awk '{ print $14 + $15 }' "/proc/$logger/stat")
	sleep 1
	ticks=$(($(awk '{ print $14 + $15 }' "/proc/$logger/stat") - ticks))
	kill "$SERVER_PID"
	wait "$STARTER" || :
	SERVER_PID=
	[ "$ticks" -le 20 ] || fail "$ticks ticks in a second"
}
