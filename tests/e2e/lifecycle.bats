#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Start, reload, drain, stop; and what is left when a process is killed.
# shellcheck disable=SC2030,SC2031 # output is that of run

load lib

setup()
{
	new_place
}

teardown()
{
	data_close
	end_place
	[ -z "${OTHER_PLACE-}" ] || rm -rf "$OTHER_PLACE"
}

serve()
{
	write_config "$@"
	add_user alice secret
	start_server
	HOME_DIR=$DIR/home/alice
}

get()
{
	curl -sS --max-time 30 "$@"
}

# Open a second session, which should survive. OTHER is its control connection.
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

is_banner()
{
	ftp_open && ftp_close
	[ "$REPLY_TEXT" = "220 $1"$'\n' ]
}

ends()
{
	wait_until -t "${1:-10}" is_gone "$SERVER_PID"
}

# --- the test kills a process ---

# kill_in_transfer PROTOCOL|FILES|MONITOR
kill_in_transfer()
{
	local which=$1
	ALARM_EXPECTED=1
	serve
	ftp_login alice secret
	ftp_stuck big
	find_session
	other_session
	kill -KILL "${!which}"
	for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
		wait_until is_gone "$pid"
	done
	# the client sees both connections end
	timeout 20 cat <&"$DATA" >/dev/null || [ $? -ne 124 ]
	timeout 20 cat <&"$FTP" >/dev/null || [ $? -ne 124 ]
	other_goes_on
	exec {OTHER}>&-
	wait_until no_session
	wait_until has_no_zombie
	wait_until log_has ": critical alarm .*died=\"${which,,}\""
	assert_equal "$(log_count ' critical alarm ')" 1
	printf 'still here' >"$HOME_DIR/g"
	assert_equal "$(get "$(url alice:secret g)")" "still here"
}

@test "kill -9 of protocol in mid-transfer" {
	kill_in_transfer PROTOCOL
	log_has 'alarm session=[0-9a-f]+ address=127.0.0.1 process=monitor user="alice" died="protocol" died_pid=[0-9]+ signal=9'
}

@test "kill -9 of files in mid-transfer" {
	kill_in_transfer FILES
}

@test "kill -9 of the monitor in mid-transfer" {
	kill_in_transfer MONITOR
}

@test "kill -9 of files in mid-upload: the old file stays, and the name is free" {
	ALARM_EXPECTED=1
	serve
	echo old >"$HOME_DIR/f"
	chown "$(stat -c %u:%g "$HOME_DIR")" "$HOME_DIR/f"
	ftp_login alice secret
	ftp_passive
	ftp 'STOR f' 150
	echo new >&"$DATA"
	find_session
	kill -KILL "$FILES"
	for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
		wait_until is_gone "$pid"
	done
	assert_equal "$(cat "$HOME_DIR/f")" old
	get -T "$CONF" "$(url alice:secret f)"
	cmp "$CONF" "$HOME_DIR/f"
}

@test "kill -9 of the logger: another one is started, and sessions go on" {
	ALARM_EXPECTED=1
	serve
	other_session
	for pid in $(children_of "$SERVER_PID"); do
		[ -n "$(children_of "$pid")" ] || kill -KILL "$pid"
	done
	wait_until log_has ': critical alarm .*logger'
	other_goes_on
	exec {OTHER}>&-
	wait_until log_has ' disconnect .*user="alice"'
}

@test "kill -9 of the master: all sessions end, and a new one starts at once" {
	serve
	ftp_login alice secret
	ftp_stuck big
	find_session
	logger=$(children_of "$SERVER_PID" | tr ' ' '\n' | grep -vx "$MONITOR" | grep .)
	kill -KILL "$SERVER_PID"
	for pid in "$MONITOR" "$PROTOCOL" "$FILES" "$logger"; do
		wait_until is_gone "$pid"
	done
	sed -i "s/^listen .*/listen = {\"127.0.0.1:$PORT\"}/" "$CONF"
	: >"$LOG"
	start_server
	ftp_close
	data_close
	ftp_login alice secret
}

# --- signals ---

@test "SIGTERM: a running transfer is finished, an idle session is told, nobody comes in" {
	serve
	ftp_login alice secret
	ftp_stuck big 16M
	other_session
	kill -TERM "$SERVER_PID"
	assert_equal "$(timeout 20 head -n 1 <&"$OTHER")" $'421 Service is shutting down; closing\r'
	exec {OTHER}>&-
	run bash -c "exec 5<>/dev/tcp/127.0.0.1/$PORT"
	assert_failure
	is_gone "$SERVER_PID" && fail "the server did not wait for the transfer"
	assert_equal "$(timeout 60 cat <&"$DATA" | wc -c)" 16777216
	ftp_reply
	assert_equal "$REPLY" 226
	ftp_reply
	assert_equal "$REPLY" 421
	ends
	assert_file_not_exists "$DIR/run/sallyportd.pid"
}

@test "SIGTERM: a transfer that takes longer than drain is ended" {
	serve 'timeouts { drain = "1s" }'
	ftp_login alice secret
	ftp_stuck big
	kill -TERM "$SERVER_PID"
	ends
}

@test "a second SIGTERM ends at once" {
	serve 'timeouts { drain = "1h" }'
	ftp_login alice secret
	ftp_stuck big
	kill -TERM "$SERVER_PID"
	wait_until log_has ' stop .*transfers may finish'
	kill -TERM "$SERVER_PID"
	ends
}

@test "SIGINT ends at once, and sessions are told" {
	serve 'timeouts { drain = "1h" }'
	other_session
	ftp_login alice secret
	ftp_stuck big
	kill -INT "$SERVER_PID"
	assert_equal "$(timeout 20 head -n 1 <&"$OTHER")" $'421 Service is shutting down; closing\r'
	exec {OTHER}>&-
	ends
}

@test "SIGHUP: the new configuration is in force, and sessions stay" {
	serve
	other_session
	sed -i '/^banner/d' "$CONF"
	echo 'banner = "after the reload"' >>"$CONF"
	kill -HUP "$SERVER_PID"
	wait_until log_has ' reload .*configuration in force'
	wait_until is_banner 'after the reload'
	other_goes_on
	exec {OTHER}>&-
}

@test "SIGHUP: a bad configuration changes nothing, and is logged with its line" {
	serve
	cp "$CONF" "$CONF.good"
	{
		echo 'banner = "not this one"'
		echo 'no-such-key = 1'
	} >>"$CONF"
	kill -HUP "$SERVER_PID"
	wait_until log_has " error reload-refused .*$CONF:$(wc -l <"$CONF").*no-such-key"
	is_banner 'sallyport ready'
	cp "$CONF.good" "$CONF"
	echo 'listen-tls = {"192.0.2.1:9"}' >>"$CONF"
	kill -HUP "$SERVER_PID"
	wait_until log_has ' error reload-refused .*(192.0.2.1|certificate)'
	is_banner 'sallyport ready'
}

@test "SIGHUP: listeners come and go" {
	serve
	first=$PORT
	second=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	other_session
	sed -i "s/^listen .*/listen = {\"127.0.0.1:$second\"}/" "$CONF"
	kill -HUP "$SERVER_PID"
	wait_until log_has " listening address=127.0.0.1 .*port=$second"
	ftp_open 127.0.0.1 "$second"
	ftp_close
	run bash -c "exec 5<>/dev/tcp/127.0.0.1/$first"
	assert_failure
	other_goes_on
	exec {OTHER}>&-
}

@test "SIGHUP after a rename: the log goes on in a new file, for running sessions too" {
	serve
	ftp_login alice secret
	mv "$LOG" "$LOG.1"
	kill -HUP "$SERVER_PID"
	wait_until test -e "$LOG"
	wait_until log_has ' reload '
	ftp QUIT 221
	ftp_close
	wait_until log_has ' disconnect .*user="alice"'
	run grep disconnect "$LOG.1"
	assert_output ""
}

@test "20 reloads: no descriptor is lost" {
	serve
	count()
	{
		find "/proc/$SERVER_PID/fd" -mindepth 1 | wc -l
	}
	reload_and_wait()
	{
		local before
		before=$(log_count ' reload .*in force')
		kill -HUP "$SERVER_PID"
		wait_until reloaded_more_than "$before"
	}
	reloaded_more_than()
	{
		[ "$(log_count ' reload .*in force')" -gt "$1" ] && log_has ' accounts-loaded '
	}
	reload_and_wait
	before=$(count)
	for _ in $(seq 20); do
		reload_and_wait
	done
	has_no_more()
	{
		[ "$(count)" -le "$before" ]
	}
	wait_until has_no_more
}

# --- options, and what prevents a start ---

@test "-V, -h, -t and wrong options: exit codes" {
	write_config
	run "$BUILD/sallyportd" -V
	assert_success
	assert_output --regexp '^sallyportd [0-9]+\.[0-9]+'
	run "$BUILD/sallyportd" -h
	assert_success
	assert_output --partial 'usage:'
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_success
	run "$BUILD/sallyportd" -x
	assert_failure 2
	run "$BUILD/sallyportd" extra
	assert_failure 2
	run "$BUILD/sallyportd" -t -c "$DIR/missing"
	assert_failure 1
	assert_output --partial "$DIR/missing"
}

@test "-t: what is wrong is told with file, line, key and value" {
	while read -r line; do
		write_config "$line"
		run "$BUILD/sallyportd" -t -c "$CONF"
		assert_failure 1
		assert_output --partial "$CONF:1:"
		key=${line%% *}
		case $key in *s) inner=${line#*\{ } && [ "$inner" = "$line" ] || key=${inner%% *} ;; esac
		assert_output --partial "$key"
		run "$BUILD/sallyportd" -f -c "$CONF"
		assert_failure 1
	done <<-'END'
		no-such-key = 1
		uploads = "sometimes"
		file-mode = "999"
		passive-ports = "70000-80000"
		passive-ports = "200-100"
		upload-sync = 5 apples
		limits { sessions = 0 }
		limits { sessions = many }
		limits { no-such-key = 1 }
		timeouts { idle = "1 fortnight" }
		listen = {"nowhere"}
	END
}

@test "without root: 77, and what is needed" {
	write_config
	OTHER_PLACE=$(mktemp -d /tmp/sallyport-test.XXXXXX)
	chmod 755 "$OTHER_PLACE"
	cp "$BUILD/sallyportd" "$OTHER_PLACE"
	run setpriv --reuid=nobody --regid=nogroup --clear-groups "$OTHER_PLACE/sallyportd" -f -c "$CONF"
	assert_failure 77
	assert_output --partial root
}

# does_not_start CODE TEXT: the server prints one line that says why.
does_not_start()
{
	run timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure "$1"
	assert_output --partial "$2"
	[ "$(wc -l <<<"$output")" -le "${3:-1}" ]
}

@test "a port in use: one line" {
	serve
	taken=$PORT
	sed -i "s/^listen .*/listen = {\"127.0.0.1:$taken\"}/" "$CONF"
	does_not_start 1 "127.0.0.1 port $taken: Address already in use"
}

@test "a service user that does not exist, or is root: one line" {
	write_config 'service-user = "no-such-user-here"'
	does_not_start 1 no-such-user-here
	write_config 'service-user = "root"'
	does_not_start 1 root
}

@test "a users file that is missing, open to others, or damaged: the line and the cure" {
	write_config
	rm "$DIR/etc/users"
	does_not_start 1 "$DIR/etc/users" 2
	write_config
	chmod 644 "$DIR/etc/users"
	does_not_start 1 "$DIR/etc/users" 2
	chmod 600 "$DIR/etc/users"
	printf '# good\nno account\n' >"$DIR/etc/users"
	does_not_start 1 "$DIR/etc/users:2" 2
	assert_file_not_exists "$DIR/run/sallyportd.pid"
}

@test "a log file that cannot be opened: one line" {
	write_config "log { target = \"$DIR/missing/log\" }"
	does_not_start 1 "$DIR/missing/log"
}

@test "a state or runtime directory that others can change is refused" {
	write_config
	mkdir "$DIR/run"
	chmod 777 "$DIR/run"
	does_not_start 1 "$DIR/run"
}

@test "in the background: the parent returns when the server is ready" {
	write_config
	add_user alice secret
	timeout 20 "$BUILD/sallyportd" -c "$CONF" 3>&-
	SERVER_PID=$(cat "$DIR/run/sallyportd.pid")
	wait_until find_ports
	ftp_login alice secret
}

log_has_twice()
{
	[ "$(log_count "$1")" -ge 2 ]
}

@test "limits.sessions beyond what the system allows: the limit that is in the way is named, with its cure" {
	local limit there expected=0
	write_config 'limits { sessions = 100000 }'
	add_user alice secret
	start_server
	for limit in pid_max threads-max; do
		there=$(cat "/proc/sys/kernel/$limit")
		run grep -c "sallyportd: limits.sessions = 100000 needs 300064 processes; kernel.$limit is $there: raise it" "$DIR/stderr"
		assert_output "$((there < 300064))"
		expected=$((expected + (there < 300064)))
	done
	ftp_login alice secret
	ctl reload
	wait_until log_has ' reload .*configuration in force'
	run log_count ' reload .*limits.sessions = 100000 needs 300064 processes; kernel'
	assert_output "$expected"
	write_config 'limits { sessions = 100 }'
	ctl reload
	wait_until log_has_twice ' reload .*configuration in force'
	run log_count ' reload .*limits.sessions = 100 '
	assert_output 0
}
