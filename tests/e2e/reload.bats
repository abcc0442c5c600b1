#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Reload: all of a new configuration or nothing, and nobody is cut off by it.
# shellcheck disable=SC2030,SC2031 # output is that of run

load lib

setup()
{
	new_place
}

teardown()
{
	[ -z "${LOAD_PID-}" ] || kill "$LOAD_PID" 2>/dev/null || :
	[ -z "${TAKEN_PID-}" ] || kill "$TAKEN_PID" 2>/dev/null || :
	data_close
	end_place
}

serve()
{
	write_config "$@"
	add_user alice secret
	start_server
}

reload_count()
{
	log_count ' (reload|reload-refused) .*configuration in force'
}

reloaded_since()
{
	[ "$(reload_count)" -gt "$1" ]
}

# Reload, and wait for its outcome.
reload()
{
	local before
	before=$(reload_count)
	kill -HUP "$SERVER_PID"
	wait_until reloaded_since "$before"
}

# is_refused PATTERN: nothing has changed, and the log matches the pattern.
is_refused()
{
	wait_until log_has " error [a-z-]*-refused .*$1"
	wait_until log_has ' error reload-refused .*the configuration in force stays'
	ftp_open
	assert_equal "$REPLY_TEXT" $'220 sallyport ready\n'
	ftp_close
	ftp_login alice secret
	ftp_close
}

# change_to LINE...: another configuration, with another banner, on the same port.
change_to()
{
	write_config "listen = {\"127.0.0.1:$PORT\"}" 'banner = "not this one"' "$@"
}

can_connect()
{
	timeout 5 bash -c "exec 5<>/dev/tcp/127.0.0.1/$1" 2>/dev/null
}

@test "an error in the configuration: the old one stays, the log has file and line" {
	serve
	change_to 'limits { sessions = 0 }'
	reload
	is_refused "$CONF:3: limits.sessions"
}

@test "a users file that is missing, open to others or damaged: the old one stays" {
	serve
	change_to "accounts = \"$DIR/etc/others\""
	reload
	is_refused "$CONF:3: accounts: .*$DIR/etc/others"
	: >"$DIR/etc/others"
	chmod 644 "$DIR/etc/others"
	reload
	is_refused "$CONF:3: accounts: .*$DIR/etc/others.*chmod"
	printf '# good\nno account\n' >"$DIR/etc/others"
	chmod 600 "$DIR/etc/others"
	reload
	is_refused "$CONF:3: accounts: $DIR/etc/others:2"
}

@test "a certificate that is missing or none: the old one stays" {
	serve
	change_to "tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" }"
	reload
	is_refused "$CONF:3: tls.certificate: cannot open .*$DIR/etc/cert.pem"
	echo no certificate >"$DIR/etc/cert.pem"
	(umask 077 && echo no key >"$DIR/etc/key.pem")
	reload
	is_refused "$CONF:3: tls.certificate: .*$DIR/etc/"
}

@test "a log file that cannot be opened: the old one stays; one that can takes over" {
	serve
	change_to "log { target = \"$DIR/missing/log\" level = \"debug\" }"
	reload
	is_refused "$CONF:3: log.target: cannot open log file '$DIR/missing/log'"
	change_to "log { target = \"$DIR/other\" level = \"debug\" }"
	kill -HUP "$SERVER_PID"
	wait_until grep -q ' reload .*in force' "$DIR/other"
	ftp_open
	ftp_close
	wait_until grep -q ' connect .*' "$DIR/other"
}

@test "log.target changes from a file to standard error: the file gets no more lines" {
	serve
	write_config "listen = {\"127.0.0.1:$PORT\"}" 'log { target = "stderr" level = "debug" }'
	kill -HUP "$SERVER_PID"
	wait_until grep -q 'reload .*configuration in force' "$DIR/stderr"
	kill -HUP "$SERVER_PID"
	wait_until eval '[ "$(grep -c "reload .*configuration in force" "$DIR/stderr")" -eq 2 ]'
	run grep -c 'configuration in force' "$LOG"
	assert_output 0
}

@test "a port that is taken: the old listeners stay, and the log says which, why and where" {
	serve
	taken=$(free_port)
	python3 -c "
import socket, time
s = socket.create_server(('127.0.0.1', $taken))
open('$DIR/taken', 'w').close()
time.sleep(60)" 3>&- &
	TAKEN_PID=$!
	wait_until test -e "$DIR/taken"
	other=$(free_port)
	write_config 'banner = "not this one"' "listen = {\"127.0.0.1:$other\"," " \"127.0.0.1:$taken\"}"
	sed -i '$d' "$CONF"
	sed -i '/^listen = .*:0"/d' "$CONF"
	echo "log { target = \"$LOG\" level = \"debug\" }" >>"$CONF"
	reload
	is_refused "$CONF:3: listen: cannot listen on 127.0.0.1 port $taken: Address already in use"
	# the refused reload closes what it had opened
	run can_connect "$other"
	assert_failure
}

@test "keys that change with a restart only are told" {
	serve
	change_to 'service-user = "nobody"' "state-directory = \"$DIR/other\""
	reload
	log_has " warning reload .*$CONF:3: service-user: changes with a restart only"
	log_has " warning reload .*$CONF:4: state-directory: changes with a restart only"
	ftp_login alice secret
}

@test "an address becomes '*' and back on one port: the listener is there all the time" {
	serve "listen = {\"127.0.0.1:$(free_port)\"}"
	write_config "listen = {\"*:$PORT\"}"
	reload
	log_has " listening address=0.0.0.0 .*port=$PORT"
	ftp_login alice secret
	ftp_close
	write_config "listen = {\"127.0.0.1:$PORT\"}"
	reload
	ftp_login alice secret
	ftp_close
	# a server of another user cannot share the port
	run python3 -c "
import os, socket
os.setuid($(id -u nobody))
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(('127.0.0.1', $PORT))"
	assert_failure
	assert_output --partial 'Address already in use'
}

@test "a listener changes from plain to implicit TLS on its port" {
	write_config "tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" require = no }"
	ctl cert self-signed --name localhost >/dev/null
	add_user alice secret
	start_server
	write_config "tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" require = no }" \
		'listen = {}' "listen-tls = {\"127.0.0.1:$PORT\"}"
	reload
	run curl -sSk --max-time 20 "ftps://alice:secret@127.0.0.1:$PORT/"
	assert_success
}

@test "who waits in the queue of a listener that goes away is served" {
	serve
	second=$(free_port)
	write_config "listen = {\"127.0.0.1:$second\"}"
	# the server stands still while the test opens three connections and asks for the reload
	kill -STOP "$SERVER_PID"
	exec {A}<>"/dev/tcp/127.0.0.1/$PORT" {B}<>"/dev/tcp/127.0.0.1/$PORT" {C}<>"/dev/tcp/127.0.0.1/$PORT"
	kill -HUP "$SERVER_PID"
	kill -CONT "$SERVER_PID"
	for fd in "$A" "$B" "$C"; do
		assert_equal "$(timeout 20 head -n 1 <&"$fd")" $'220 sallyport ready\r'
	done
	exec {A}>&- {B}>&- {C}>&-
	wait_until log_has " listening address=127.0.0.1 .*port=$second"
	run can_connect "$PORT"
	assert_failure
}

@test "50 reloads while clients load: no connection is refused and no transfer fails" {
	serve
	head -c 200000 /dev/urandom >"$DIR/home/alice/f"
	chown "$(stat -c %u:%g "$DIR/home/alice")" "$DIR/home/alice/f"
	second=$(free_port)
	"$BATS_TEST_DIRNAME/ftp-load" "$PORT" alice secret f "$DIR/home/alice/f" "$DIR/load" 3>&- &
	LOAD_PID=$!
	wait_until test -s "$DIR/load.running"
	for i in $(seq 25); do
		write_config "listen = {\"127.0.0.1:$PORT\", \"127.0.0.1:$second\"}" "banner = \"round $i\""
		reload
		write_config "listen = {\"127.0.0.1:$PORT\"}" "banner = \"round $i\""
		reload
	done
	assert_equal "$(log_count ' reload .*configuration in force')" 50
	: >"$DIR/load.stop"
	wait_until -t 20 test -s "$DIR/load"
	run cat "$DIR/load"
	assert_output --regexp '^[1-9][0-9]* transfers, 0 failures$'
	LOAD_PID=
}

@test "no descriptor is left: who comes is told so, without a busy loop, and it heals" {
	serve
	prlimit --pid "$SERVER_PID" --nofile="$(find "/proc/$SERVER_PID/fd" -mindepth 1 | wc -l):"
	run timeout 10 bash -c "exec 5<>/dev/tcp/127.0.0.1/$PORT; head -n 1 <&5"
	assert_output --partial '421 No resources for another session'
	log_has ' error accept-failed .*Too many open files'
	before=$(awk '{ print $14 + $15 }' "/proc/$SERVER_PID/stat")
	for _ in 1 2 3 4 5; do
		run timeout 10 bash -c "exec 5<>/dev/tcp/127.0.0.1/$PORT; head -n 1 <&5"
		assert_output --partial '421'
	done
	[ $(($(awk '{ print $14 + $15 }' "/proc/$SERVER_PID/stat") - before)) -lt 20 ]
	prlimit --pid "$SERVER_PID" --nofile=1000:
	ftp_login alice secret
}
