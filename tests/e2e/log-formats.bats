#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The log for other programs: JSON follows its schema, the journal its protocol, xferlog its manual page.

load lib

setup()
{
	new_place
	SCHEMA=$BATS_TEST_DIRNAME/../../docs/log.schema.json
}

teardown()
{
	[ -z "${JOURNALD-}" ] || kill "$JOURNALD" 2>/dev/null || :
	data_close
	end_place
}

find_python()
{
	for PYTHON in python3 /usr/bin/python3; do
		! "$PYTHON" -c 'import jsonschema' 2>/dev/null || return 0
	done
	skip "python3-jsonschema is not installed"
}

provoke()
{
	ftp_send "$1"
	ftp_reply || :
}

@test "JSON: every event that can be provoked is as the schema says" {
	find_python
	ALARM_EXPECTED=1
	write_config "log { target = \"$LOG\" level = \"debug\" format = \"json\" }" \
		"tls { certificate = \"$DIR/cert.pem\" key = \"$DIR/key.pem\" require = no }" \
		'limits { sessions-per-address = 2 }' 'passive-address = "name.invalid"'
	ctl cert self-signed --name 127.0.0.1 --days 5 >/dev/null
	add_user alice secret
	start_server

	ftp_login alice secret
	provoke 'PORT 192,0,2,1,200,1'
	ftp 'EPRT |1|127.0.0.1|1024|' 200
	ftp LIST 150
	ftp_reply
	assert_equal "$REPLY" 425
	ftp_passive
	ftp 'STOR file' 150
	printf 12345 >&"$DATA"
	data_close
	ftp_reply
	ftp_receive 'RETR file' /dev/null
	# a third and a fourth connection are too many
	exec {second}<>"/dev/tcp/127.0.0.1/$PORT"
	exec {third}<>"/dev/tcp/127.0.0.1/$PORT"
	wait_until log_has '"event":"refused"'
	exec {second}>&- {third}>&-
	find_session
	kill -ABRT "$FILES"
	wait_until log_has '"event":"alarm"'
	ftp_close
	wait_until no_session
	add_user bob secret
	curl -sk --ssl-reqd -u alice:secret "$(url alice)" >/dev/null
	curl -sk --ssl-reqd --no-sessionid -u alice:wrong "$(url alice)" >/dev/null || :
	ftp_open
	ftp 'AUTH TLS' 234
	ftp_send 'this is no handshake'
	ftp_close
	wait_until log_has '"event":"tls-failed"'
	ftp_open
	yes $'NONSENSE\r' | head -n 60 >&"$FTP" || :
	wait_until log_has '"event":"bad-commands"'
	ftp_close
	kill -HUP "$SERVER_PID"
	wait_until log_has '"event":"reload"'
	echo 'no line of an account' >>"$DIR/etc/users"
	echo junk >"$DIR/cert.pem"
	kill -HUP "$SERVER_PID"
	wait_until log_has '"event":"accounts-refused"'
	wait_until log_has '"event":"certificate-refused"'
	echo 'no-such-key = 1' >>"$CONF"
	kill -HUP "$SERVER_PID"
	wait_until log_has '"event":"reload-refused"'
	wait_until log_has '"event":"passive-address"'
	stop_server TERM
	wait_until log_has '"event":"stopped"'

	run "$PYTHON" - "$SCHEMA" "$LOG" <<-'END'
		import json, sys, jsonschema
		schema = json.load(open(sys.argv[1]))
		jsonschema.Draft202012Validator.check_schema(schema)
		validator = jsonschema.Draft202012Validator(schema)
		lines = [json.loads(line) for line in open(sys.argv[2])]
		for line in lines:
		    for error in validator.iter_errors(line):
		        print(line, error.message)
		print(*sorted({line["event"] for line in lines}))
		# the schema can refuse
		for bad in ({}, {**lines[0], "other": 1}, {**lines[0], "pid": "1"}, {**lines[0], "event": "other"}):
		    assert not validator.is_valid(bad), bad
	END
	assert_success
	assert_line --index 0 "accounts-loaded accounts-refused alarm bad-commands certificate certificate-ends certificate-refused\
 connect data-failed data-refused disconnect listening login login-failed passive-address quit ready refused reload\
 reload-refused stop stopped tls tls-failed transfer walls"
}

# A journald of the test's own, in a private /run, that writes each datagram as a line of JSON.
# serve_journal [VARIABLE=VALUE]: set it for the server; without it, set the log's target.
serve_journal()
{
	mkdir -p "$DIR/run-of-host/systemd/journal"
	start_journald
	write_config "log { $([ -n "${1-}" ] || echo 'target = "journal"') }"
	add_user alice secret
	unshare --mount --propagation private true 2>/dev/null || skip "a mount name space is not permitted here"
	# shellcheck disable=SC2016 # the inner shell's
	env "${1-NO=1}" unshare --mount --propagation private sh -c 'mount --bind "$1" /run && exec "$2" -f -c "$3"' - \
		"$DIR/run-of-host" "$BUILD/sallyportd" "$CONF" </dev/null >"$DIR/stdout" 2>"$DIR/stderr" 3>&- &
	SERVER_PID=$!
	wait_until -t 30 has_entry 'SALLYPORT_EVENT=ready'
	PORT=$(sed -n 's/.*"SALLYPORT_ADDRESS=127\.0\.0\.1".*"SALLYPORT_PORT=\([0-9]*\)".*/\1/p' "$DIR/journal" | tail -n 1)
}

start_journald()
{
	rm -f "$DIR/run-of-host/systemd/journal/socket"
	python3 - "$DIR/run-of-host/systemd/journal/socket" "$DIR/journal" 3>&- <<-'END' &
		import json, os, socket, sys
		inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		inbox.bind(sys.argv[1])
		with open(sys.argv[2], "a", buffering=1) as out:
		    while True:
		        text = inbox.recv(1 << 20).decode()
		        assert text.endswith("\n")
		        print(json.dumps(text.split("\n")[:-1]), file=out)
	END
	JOURNALD=$!
	wait_until test -S "$DIR/run-of-host/systemd/journal/socket"
}

has_entry()
{
	grep -qF -- "\"$1\"" "$DIR/journal" 2>/dev/null
}

@test "journal: a field for each value, and no line that a client made" {
	serve_journal
	ftp_open
	ftp 'USER mallory MESSAGE=x' 331
	ftp 'PASS no' 530
	ftp_close
	ftp_login alice secret
	ftp_receive LIST /dev/null
	ftp QUIT 221
	wait_until has_entry 'SALLYPORT_EVENT=disconnect'
	run grep -F '"SALLYPORT_EVENT=login-failed"' "$DIR/journal"
	assert_output --partial '"PRIORITY=4", "SYSLOG_FACILITY=11", "SYSLOG_IDENTIFIER=sallyportd", "SYSLOG_PID='
	assert_output --partial '"SALLYPORT_ADDRESS=127.0.0.1"'
	assert_output --partial '"SALLYPORT_NAME=mallory MESSAGE=x"'
	assert_output --partial '["MESSAGE=login-failed session='
	run grep -F '"SALLYPORT_EVENT=transfer"' "$DIR/journal"
	assert_output --partial '"SALLYPORT_USER=alice"'
	assert_output --partial '"SALLYPORT_DIRECTION=list"'
	run grep -vE '^\["MESSAGE=[^"]*(\\"[^"]*)*"(, "[A-Z][A-Z0-9_]*=[^"]*")*\]$' "$DIR/journal"
	assert_output ""
	# standard error is no journal, so it has the lines too
	grep -q ' login-failed ' "$DIR/stderr"
}

# Start as under systemd: standard error is the journal's, and the configuration sets no target.
journal_stream()
{
	: >"$DIR/stderr"
	echo "JOURNAL_STREAM=$(stat -c %d:%i "$DIR/stderr")"
}

@test "under systemd, the default is the journal, with priorities and without lines on standard error" {
	serve_journal "$(journal_stream)"
	ftp_open
	ftp 'USER mallory' 331
	ftp 'PASS no' 530
	ftp_close
	wait_until has_entry 'SALLYPORT_EVENT=disconnect'
	run grep -F '"SALLYPORT_EVENT=login-failed"' "$DIR/journal"
	assert_output --partial '"PRIORITY=4"'
	run grep -F '"SALLYPORT_EVENT=ready"' "$DIR/journal"
	assert_output --partial '"PRIORITY=6"'
	assert_equal "$(cat "$DIR/stderr")" ""
}

# start_with_stream FORMAT: the configuration asks for standard error, which is the journal's.
start_with_stream()
{
	write_config "log { target = \"stderr\" format = \"$1\" }"
	: >"$DIR/stderr"	# what a former server said is not waited for
	env "$(journal_stream)" "$BUILD/sallyportd" -f -c "$CONF" </dev/null >"$DIR/stdout" 2>"$DIR/stderr" 3>&- &
	SERVER_PID=$!
	wait_until -t 30 grep -qE '^<6>(ready |\{.*"event":"ready")' "$DIR/stderr"
}

@test "standard error that the journal reads: priorities, and no second time" {
	start_with_stream text
	run grep -vE '^<[0-7]>[a-z-]+ (address=[^ ]+ )?process=' "$DIR/stderr"
	assert_output ""
	stop_server INT
	start_with_stream json
	run grep -vE '^<[0-7]>\{"time":' "$DIR/stderr"
	assert_output ""
	stop_server INT
	# what prevents a start, and advice
	echo 'no-such-key = 1' >>"$CONF"
	: >"$DIR/stderr"
	env "$(journal_stream)" "$BUILD/sallyportd" -t -c "$CONF" 2>"$DIR/stderr" || :
	run cat "$DIR/stderr"
	assert_output --regexp '^<3>sallyportd: .*no-such-key'
	env "$(journal_stream)" "$BUILD/sallyportctl" -c "$CONF" reload 2>"$DIR/stderr" || :
	run cat "$DIR/stderr"
	assert_output --regexp '^<3>sallyportctl: '
}

@test "under systemd without a socket of the journal, lines take the way over standard error" {
	[ ! -S /run/systemd/journal/socket ] || skip "this machine has a journal"
	write_config 'log { level = "info" }'
	env "$(journal_stream)" "$BUILD/sallyportd" -f -c "$CONF" </dev/null >"$DIR/stdout" 2>"$DIR/stderr" 3>&- &
	SERVER_PID=$!
	wait_until -t 30 grep -q '^<6>ready ' "$DIR/stderr"
}

@test "journal: goes on with one that was started again" {
	serve_journal
	kill "$JOURNALD"
	wait_until is_gone "$JOURNALD"
	ftp_open
	ftp_close
	rm "$DIR/journal"
	start_journald
	is_told_again()
	{
		ftp_open
		ftp_close
		has_entry 'SALLYPORT_EVENT=connect'
	}
	wait_until is_told_again
}

@test "xferlog: local time is that of TZ, where there are no files of zones as well" {
	write_config "log { target = \"$LOG\" xferlog = \"$DIR/xferlog\" }"
	add_user alice secret
	TZ=AAA-9:30 start_server
	ftp_login alice secret
	ftp_passive
	ftp 'STOR f' 150
	data_close
	ftp_reply
	ftp QUIT 221
	wait_until test -s "$DIR/xferlog"
	written=$(TZ=UTC date -d "$(cut -c 1-24 "$DIR/xferlog")" +%s)
	now=$(date +%s)
	ahead=$((written - now))
	[ "$ahead" -le $((9 * 3600 + 1800)) ]
	[ "$ahead" -gt $((9 * 3600 + 1800 - 60)) ]
}

@test "xferlog: what a parser of it reads" {
	write_config "log { target = \"$LOG\" xferlog = \"$DIR/xferlog\" }"
	add_user alice secret
	start_server
	ftp_login alice secret
	ftp 'TYPE I' 200
	for name in plain 'with  blanks' 'ünïcode'; do
		ftp_passive
		ftp "STOR $name" 150
		printf 1234567 >&"$DATA"
		data_close
		ftp_reply
	done
	ftp_stuck big
	data_close
	ftp_reply
	ftp QUIT 221
	has_lines()
	{
		[ "$(wc -l <"$DIR/xferlog")" -eq 4 ]
	}
	wait_until has_lines
	run python3 - "$DIR/xferlog" <<-'END'
		import sys, time
		for line in open(sys.argv[1], "rb"):
		    fields = line.decode().rstrip("\n").split(" ")
		    if fields[2] == "":    # a day below 10 has a blank in front
		        del fields[2]
		    assert len(fields) == 18, fields
		    when = time.mktime(time.strptime(" ".join(fields[:5]), "%a %b %d %H:%M:%S %Y"))
		    assert abs(time.time() - when) < 60, fields
		    seconds, host, size, name, kind, action, direction, access, user, service, method, who, status = fields[5:]
		    assert host == "127.0.0.1" and seconds.isdigit() and size.isdigit(), fields
		    assert (kind, action, access, user, service, method, who) == ("b", "_", "r", "alice", "ftp", "0", "*"), fields
		    print(direction, status, name, size if status == "c" else "")
	END
	assert_success
	assert_line 'i c /plain 7'
	assert_line 'i c /with__blanks 7'
	assert_line 'i c /ünïcode 7'
	assert_line 'o i /big '
}
