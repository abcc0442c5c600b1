#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What the metrics process serves, and to which clients.

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

# serve [LINE...]: start a server with metrics on a free port. Sets PAGE.
serve()
{
	write_config "$@" 'metrics-listen = "127.0.0.1:0"'
	add_user alice secret
	start_server
	find_page
}

find_page()
{
	PAGE=$(sed -n 's/.* metrics .*message="served on \(http:[^"]*\)".*/\1/p' "$LOG" | tail -n 1)
	[ -n "$PAGE" ]
}

scrape()
{
	curl -sS --fail "$PAGE"metrics
}

# metric NAME: its value.
metric()
{
	scrape | "$BATS_TEST_DIRNAME/prometheus-check" | sed -n "s/^sallyport_$1 //p"
}

metric_is()
{
	[ "$(metric "$1")" = "$2" ]
}

# status CURL-OPTION...: print the status of the answer.
status()
{
	curl -sS -o /dev/null -w '%{http_code}' "$@"
}

# The metrics process is the child of the master that holds a listening socket of the page.
metrics_pid()
{
	local pid inode
	inode=$(awk -v port="$(printf '%04X' "$(port_of_page)")" '$4 == "0A" && $2 ~ ":"port"$" { print $10 }' /proc/net/tcp)
	for pid in $(children_of "$SERVER_PID"); do
		! find "/proc/$pid/fd" -lname "socket:\[$inode\]" 2>/dev/null | grep -q . || echo "$pid"
	done
}

port_of_page()
{
	local port=${PAGE##*:}
	echo "${port%/}"
}

use_port()
{
	PAGE=http://127.0.0.1:$1/
}

is_served()
{
	scrape >/dev/null 2>&1
}

@test "the exposition is well-formed and counts what happens" {
	serve
	printf 12345 >"$DIR/file"
	curl -sS --fail -T "$DIR/file" "$(url alice:secret file)"
	curl -sS --fail -o /dev/null "$(url alice:secret file)"
	run curl -sS --fail "$(url alice:wrong file)"
	assert_failure
	wait_until metric_is 'logins_total{result="ok"}' 2
	wait_until metric_is 'logins_total{result="wrong-password"}' 1
	assert_equal "$(metric 'transfers_total{direction="up"}')" 1
	assert_equal "$(metric 'transfers_total{direction="down"}')" 1
	assert_equal "$(metric 'transfer_bytes_total{direction="up"}')" 5
	assert_equal "$(metric 'transfer_bytes_total{direction="down"}')" 5
	assert_equal "$(metric transfer_duration_seconds_count)" 2
	assert_equal "$(metric 'build_info{version=.*}')" 1
	assert_equal "$(metric connections_total)" 3
	wait_until metric_is 'sessions{state="idle"}' 0
	ftp_login alice secret
	assert_equal "$(metric 'sessions{state="idle"}')" 1
	ftp_stuck large
	assert_equal "$(metric 'sessions{state="download"}')" 1
	[ "$(metric 'transfer_bytes_total{direction="down"}')" -gt 100000 ]
	if command -v promtool >/dev/null; then
		scrape | promtool check metrics
	fi
}

@test "sallyportctl metrics prints the same, with or without metrics-listen" {
	local names
	serve
	names=$(scrape | grep -v '^#' | cut -d' ' -f1)
	run ctl metrics
	assert_success
	assert_equal "$(grep -v '^#' <<<"$output" | cut -d' ' -f1)" "$names"
	ctl --json metrics | python3 -c 'import json, sys; assert json.load(sys.stdin)["sessions"] == []'
	stop_server
	run ctl metrics
	assert_failure 1
	assert_output --partial "the server is not running"
	: >"$LOG"
	sed -i '/^metrics-listen/d' "$CONF"
	start_server
	ctl metrics | "$BATS_TEST_DIRNAME/prometheus-check" >/dev/null
	assert_equal "$(stat -c '%a %U' "$DIR/run/metrics.sock")" "600 root"
}

@test "only loopback addresses and Unix sockets are accepted" {
	local value
	for value in 0.0.0.0:9121 192.0.2.1:9121 '*:9121' '[::]:9121' '[2001:db8::1]:9121'; do
		write_config "metrics-listen = \"$value\""
		run "$BUILD/sallyportd" -t -c "$CONF"
		assert_failure 1
		assert_output "sallyportd: $CONF:1: metrics-listen: not a loopback address, and the metrics have no password: '$value'; use a loopback address and port (\"127.0.0.1:9121\", \"[::1]:9121\"), \"unix:/PATH\", or \"\""
	done
	for value in 9121 localhost:9121 127.0.0.1 unix:page unix:; do
		write_config "metrics-listen = \"$value\""
		run "$BUILD/sallyportd" -t -c "$CONF"
		assert_failure 1
		assert_output --partial "$CONF:1: metrics-listen: "
	done
	for value in 127.1.2.3:9121 '[::1]:0' "unix:$DIR/page" ''; do
		write_config "metrics-listen = \"$value\""
		"$BUILD/sallyportd" -t -c "$CONF"
	done
}

@test "a Unix socket: stale ones are replaced, files are not, and it goes with the server" {
	write_config "metrics-listen = \"unix:$DIR/page\""
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$DIR/page"
	start_server
	curl -sS --fail --unix-socket "$DIR/page" http://status.example.org/metrics | "$BATS_TEST_DIRNAME/prometheus-check" >/dev/null
	stop_server
	assert_not_exists "$DIR/page"
	assert_not_exists "$DIR/run/metrics.sock"
	echo mine >"$DIR/page"
	: >"$LOG"
	start_server
	wait_until log_has " error metrics .*cannot serve metrics-listen 'unix:$DIR/page': something that is not a socket has this name; remove it; it is tried again"
	assert_equal "$(cat "$DIR/page")" mine
}

@test "whatever else is asked is refused" {
	serve
	assert_equal "$(status "$PAGE")" 200
	assert_equal "$(status "$PAGE?x=1")" 200
	assert_equal "$(status "$PAGE"sessions.json)" 200
	assert_equal "$(status "$PAGE"etc/passwd)" 404
	assert_equal "$(status --path-as-is "$PAGE"../../etc/passwd)" 404
	assert_equal "$(status -X POST -d x "$PAGE"metrics)" 405
	assert_equal "$(status -X DELETE "$PAGE"metrics)" 405
	assert_equal "$(status -H "x: $(printf '%05000d' 0)" "$PAGE"metrics)" 431
	assert_equal "$(status -H 'Host: attacker.example' "$PAGE"sessions.json)" 421
	assert_equal "$(status -H 'Host: localhost:80' "$PAGE"sessions.json)" 200
	assert_equal "$(status -H 'Host;' "$PAGE")" 200
	assert_equal "$(printf 'GET / HTTP/1.1\r\n\r\n' | raw | head -n 1)" $'HTTP/1.1 400 Bad Request\r'
	assert_equal "$(printf 'GET / HTTP/2.0\r\n\r\n' | raw | head -n 1)" $'HTTP/1.1 505 HTTP Version Not Supported\r'
	assert_equal "$(printf '\0\1\2\n\n' | raw | head -n 1)" $'HTTP/1.1 400 Bad Request\r'
}

raw()
{
	local http
	exec {http}<>"/dev/tcp/127.0.0.1/$(port_of_page)"
	cat >&"$http"
	timeout 10 cat <&"$http" | tr -d '\0'
	exec {http}>&-
}

count_connections()
{
	find "/proc/$(metrics_pid)/fd" -lname 'socket:*' | wc -l
}

has_connections()
{
	[ "$(count_connections)" -eq "$1" ]
}

@test "scrapers that send nothing or never read are dropped, and stand in nobody's way" {
	local base i
	serve
	base=$(count_connections)
	python3 - "$(port_of_page)" >"$DIR/slow" <<-'SLOW' &
		import socket, sys, time
		clients = []
		for i in range(60):
		    client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		    client.settimeout(9)
		    if i % 3 == 1:
		        client.send(b"GET /metrics HT")
		    if i % 3 == 2:
		        client.send(b"GET / HTTP/1.0\r\n\r\n")
		    clients.append(client)
		print("open", flush=True)
		for i, client in enumerate(clients):
		    try:
		        while client.recv(65536):
		            pass
		    except ConnectionResetError:
		        pass
		print("closed", flush=True)
	SLOW
	wait_until grep -q open "$DIR/slow"
	for i in 1 2 3; do
		timeout 2 curl -sS --fail -o /dev/null "$PAGE"metrics
	done
	[ "$(count_connections)" -le $((base + 32)) ]
	wait_until grep -q closed "$DIR/slow"
	wait_until has_connections "$base"
}

@test "the process has no rights, sees nothing but the board, and another one follows when it dies" {
	skip_if_asan "sanitizers need more calls"
	local pid
	serve
	pid=$(metrics_pid)
	assert_equal "$(status_of "$pid" Uid | cut -d' ' -f1-2)" "$(id -u sallyport) $(id -u sallyport)"
	assert_equal "$(status_of "$pid" CapEff)" 0000000000000000
	assert_equal "$(status_of "$pid" Seccomp)" 2
	assert_equal "$(readlink "/proc/$pid/root")" "$DIR/run/empty"
	run bash -c "readlink /proc/$pid/fd/* | grep -v -e '^/dev/null' -e ^socket:"
	assert_output ""
	# the metrics process cannot write to the board
	run grep -E ' (rw|.w).s .*sallyport-(facts|slots)' "/proc/$pid/maps"
	assert_failure
	run grep -c 'r--s .*sallyport-facts' "/proc/$pid/maps"
	assert_output 1
	ALARM_EXPECTED=1
	kill -SEGV "$pid"
	wait_until log_has ' critical alarm .*metrics died'
	wait_until is_served
	[ "$(metrics_pid)" != "$pid" ]
}

@test "a reload moves it; an address that is taken is tried until it is free" {
	local port
	serve
	port=$(port_of_page)
	ftp_login alice secret
	python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True)
sys.stdin.read()' < <(while [ ! -e "$DIR/free" ]; do sleep 0.1; done) >"$DIR/taken" &
	wait_until [ -s "$DIR/taken" ]
	sed -i "s,^metrics-listen.*,metrics-listen = \"127.0.0.1:$(cat "$DIR/taken")\"," "$CONF"
	ctl reload
	wait_until log_has ' error metrics .*Address already in use; it is tried again'
	run curl -sS "http://127.0.0.1:$port/metrics"
	assert_failure
	ftp NOOP 200
	touch "$DIR/free"
	use_port "$(cat "$DIR/taken")"
	wait_until is_served
}

@test "the accounts that use most of their quotas are shown where that is wanted" {
	write_config 'metrics-listen = "127.0.0.1:0"' 'metrics-quota-users = 1'
	add_user alice secret --quota 1M
	add_user bob secret --quota 1M
	start_server
	find_page
	head -c 5000 /dev/zero >"$DIR/file"
	curl -sS --fail -T "$DIR/file" "$(url alice:secret file)"
	curl -sS --fail -T "$CONF" "$(url bob:secret file)"
	assert_equal "$(metric quota_used_bytes)" ""
	stop_server
	: >"$LOG"
	start_server
	find_page
	wait_until metric_is 'quota_used_bytes{user="alice"}' 5000
	assert_equal "$(metric 'quota_used_files{user="alice"}')" 1
	assert_equal "$(scrape | grep -c '^sallyport_quota_used_bytes')" 1
	run "$BATS_TEST_DIRNAME/page-check" "$PAGE"
	assert_line "alice|4.8 KiB|1 files"
	sed -i '/^metrics-quota-users/d' "$CONF"
	ctl reload
	wait_until metric_is 'quota_used_bytes{user="alice"}' ""
}

@test "a certificate has its days left" {
	local tls="tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" }"
	write_config "$tls"
	ctl cert self-signed
	serve "$tls"
	[ "$(metric certificate_days_left)" -ge 1 ]
	[ "$(metric certificate_expiry_time_seconds)" -gt "$(date +%s)" ]
	run "$BATS_TEST_DIRNAME/page-check" "$PAGE"
	assert_success
	assert_equal "$(metric tls_handshake_failures_total)" 0
}

@test "the status page: tables without a script, nothing from elsewhere, no client text as HTML" {
	serve
	run "$BATS_TEST_DIRNAME/page-check" "$PAGE"
	assert_success
	assert_line "user|address|TLS|state|path|done|rate|since"
	assert_line nobody
	assert_line none
	ctl ban add 192.0.2.7 --for 1h
	run "$BATS_TEST_DIRNAME/page-check" "$PAGE"
	assert_line --regexp '^192\.0\.2\.7\|20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}\|hand$'
	assert_equal "$(metric bans)" 1
	ftp_login alice secret
	ftp_stuck '<script>alert(1)<b>&"'\'
	run "$BATS_TEST_DIRNAME/page-check" "$PAGE"
	assert_success
	assert_line --regexp "^alice\|127\.0\.0\.1\|in clear\|download\|/<script>alert\(1\)<b>&\\\\x22'\|[0-9]+ %\|[0-9.]+ [KM]?i?B/s\|[0-9]+ s$"
	assert_line "ok|1"
	refute grep -q '<script>alert' <(curl -sS "$PAGE")
	curl -sS "$PAGE"sessions.json | python3 -c '
import json, sys
data = json.load(sys.stdin)
session, = data["sessions"]
assert session["user"] == "alice" and session["transfer"] and session["size"] == 67108864, session
assert session["path"] == "/<script>alert(1)<b>&\\x22\x27", session'
}

@test "the status page in a browser: its script runs and refreshes" {
	local browser
	browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
		skip "no chromium here"
	serve
	ftp_login alice secret
	timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$DIR/browser" \
		--virtual-time-budget=6000 --enable-logging=stderr --dump-dom "$PAGE" >"$DIR/dom" 2>"$DIR/browser.log"
	refute grep -iE 'Content Security Policy|Uncaught' "$DIR/browser.log"
	grep -q '<td>alice</td>' "$DIR/dom"
	# the row equals the script's, and no message reports missing answers
	grep -q '<td class="path">' "$DIR/dom"
	grep -q 'id="trouble"></p>' "$DIR/dom"
}

@test "the dashboard asks for metrics that there are" {
	local name
	serve
	scrape | grep -v '^#' | sed 's/[{ ].*//' | sort -u >"$DIR/names"
	run python3 -c '
import json, re, sys
dashboard = json.load(open(sys.argv[1]))
text = json.dumps([t["expr"] for p in dashboard["panels"] for t in p.get("targets", [])])
print("\n".join(sorted(set(re.findall(r"sallyport_[a-z_]+", text)))))' "$BATS_TEST_DIRNAME/../../etc/grafana/sallyport.json"
	assert_success
	[ "${#lines[@]}" -gt 8 ]
	for name in "${lines[@]}"; do
		grep -qx "$name" "$DIR/names" || [[ $name = sallyport_certificate_* ]] || fail "$name"
	done
}

@test "every metric stands in sallyportd(8)" {
	local name
	serve
	for name in $(scrape | sed -n 's/^# TYPE sallyport_\([a-z_]*\) .*/\1/p'); do
		grep -qx "\.It Cm $name" "$BATS_TEST_DIRNAME/../../man/sallyportd.8" || fail "$name"
	done
}
