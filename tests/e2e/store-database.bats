#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Accounts in PostgreSQL, from the client to the database and back: what counts at once, what an outage does, and what
# nobody may ask.
#
# store-login.bats has a broker that misbehaves, and broker.bats the broker alone. tests/cluster/README.md says which promise
# is tested where. "make test-cluster" (STORE_LONG=1) runs the long forms.

load lib
load store

setup_file()
{
	store_start_for_broker
}

teardown_file()
{
	store_end_for_broker
}

setup()
{
	new_place
	STORE=$DIR/etc/store.conf
	install -d -m 755 "$DIR/libexec"
	install -m 755 "$BUILD/sallyport-broker" "$DIR/libexec/sallyport-broker"
	install -m 0640 -g "$BROKER" /dev/null "$STORE"
	store_psql -qc 'DELETE FROM sallyport.account'
	STOPPED=
}

teardown()
{
	[ -z "$STOPPED" ] || go_on
	ftp_close
	[ -z "${CLONE-}" ] || end_clone
	[ -z "${OTHER_PID-}" ] || { kill -INT "$OTHER_PID" && wait "$OTHER_PID"; } || :
	end_place
	[ -e "$STORE_DIR/data/postmaster.pid" ] || store_run
}

# connects_to CONNECTION [LINE...]
connects_to()
{
	local connection=$1
	shift
	printf '%s\n' "connect = \"$connection\"" "$@" >"$STORE"
}

# serve [LINE...]: with a users file, which has breakglass, and the database.
serve()
{
	if ! [ -s "$DIR/etc/users" ]; then
		write_config
		add_user breakglass secret --uid 150001 --gid 150001
	fi
	[ -s "$STORE" ] || connects_to "$(store_connect sallyport_node)"
	write_config "accounts = \"$DIR/etc/users,postgresql:$STORE\"" "broker-user = \"$BROKER\"" \
		"libexec-directory = \"$DIR/libexec\"" "home-directory = \"$DIR/home\"" 'uid-range = "200000-299999"' \
		"log { target = \"$LOG\" level = \"debug\" }" "$@"
	start_server
	wait_until -t 20 store_is up
}

store_is()
{
	[ "$(ctl --json status | jq -r .store.state)" = "$1" ]
}

# refused NAME PASSWORD
refused()
{
	ftp_open
	ftp "USER $1" 331
	ftp "PASS $2" 530
	ftp_close
}

not_now()
{
	ftp_open
	ftp "USER $1" 331
	ftp "PASS $2" 421
	assert_equal "$REPLY_TEXT" "421 Accounts cannot be looked up now; try again later"$'\n'
	ftp_close
}

logs_in()
{
	ftp_close
	ftp_login "$1" "$2"
	ftp_close
}

# set_line NAME SED-COMMAND: change the line of an account in the database, as the administrator's role may.
set_line()
{
	local line
	line=$(store_psql -c "SELECT o_line FROM sallyport.account_find('$1')" | sed "$2")
	[ "$(store_psql -v "line=$line" <<<"SELECT sallyport.account_set(:'line', NULL, NULL, NULL)")" = t ]
}

# All processes of PostgreSQL stand still, or go on.
stand_still()
{
	STOPPED=$(store_pid)
	# shellcheck disable=SC2046 # several
	kill -STOP "$STOPPED" $(children_of "$STOPPED")
}

go_on()
{
	# shellcheck disable=SC2046 # several
	kill -CONT "$STOPPED" $(children_of "$STOPPED")
	STOPPED=
}

@test "curl, lftp and sallyport log in with an account of the database, and use the home" {
	store_account dora secret
	serve
	echo content >"$DIR/file"
	curl -sS -T "$DIR/file" "ftp://dora:secret@127.0.0.1:$PORT/by-curl"
	if command -v lftp >/dev/null; then
		lftp -c "set ftp:ssl-allow no; open -u dora,secret -p $PORT 127.0.0.1; put $DIR/file -o by-lftp; bye"
	else
		cp "$DIR/file" "$DIR/home/dora/by-lftp"
	fi
	HOME=$DIR SALLYPORT_PASSWORD=secret "$BUILD/sallyport" --plaintext put "$DIR/file" "ftp://dora@127.0.0.1:$PORT/by-sallyport"
	for name in by-curl by-lftp by-sallyport; do
		cmp "$DIR/file" "$DIR/home/dora/$name"
	done
}

@test "a lock, a new password, an expiry and a deletion count at the next login" {
	store_account dora secret
	serve
	logs_in dora secret
	set_line dora 's/^dora:/dora:!/'
	refused dora secret
	set_line dora 's/^dora:!/dora:/'
	logs_in dora secret
	set_line dora "s|^dora:[^:]*:|dora:$(openssl passwd -6 another):|"
	refused dora secret
	logs_in dora another
	set_line dora 's/$/expires=2001-01-01/'
	refused dora another
	store_psql -qc "SELECT sallyport.account_remove('dora')"
	refused dora another
	log_has 'login-failed .* name="dora" reason="account has expired"'
	log_has 'login-failed .* name="dora" reason="unknown user"'
}

# start_other: a second server of the same database, with places of its own; the test's own stays the one of "ctl".
# Sets OTHER_PORT, and OTHER_CONF for its sallyportctl, with the administrator's role.
start_other()
{
	local own_conf=$CONF own_log=$LOG own_pid=$SERVER_PID own_port=$PORT
	OTHER_CONF=$DIR/etc/other.conf
	sed -e "s|$DIR/log|$DIR/log-other|; s|$DIR/state|$DIR/state-other|; s|\"$DIR/run\"|\"$DIR/run-other\"|" "$CONF" >"$OTHER_CONF"
	(umask 077 && echo "connect = \"$(store_connect sallyport_admin)\"" >"$DIR/etc/admin.conf")
	ln "$BUILD/sallyport-store" "$DIR/libexec/" 2>/dev/null || install -m 755 "$BUILD/sallyport-store" "$DIR/libexec/"
	CONF=$OTHER_CONF LOG=$DIR/log-other
	start_server
	OTHER_PID=$SERVER_PID OTHER_PORT=$PORT
	wait_until -t 20 store_is up
	CONF=$own_conf LOG=$own_log SERVER_PID=$own_pid PORT=$own_port
}

# other_user VERB NAME [OPTION...]: sallyportctl user of the other server
other_user()
{
	"$BUILD/sallyportctl" -c "$OTHER_CONF" user "$1" "$2" --store postgresql --store-conf "$DIR/etc/admin.conf" "${@:3}"
}

@test "two servers: what sallyportctl of one changes counts at the next login on the other" {
	serve 'limits { login-failures = 100 }'
	start_other
	other_user add dora --password-stdin <<<secret
	logs_in dora secret
	other_user passwd dora --password-stdin <<<another
	refused dora secret
	logs_in dora another
	other_user lock dora
	refused dora another
	other_user unlock dora
	logs_in dora another
	other_user set dora --expires 2001-01-01
	refused dora another
	other_user set dora --expires never
	logs_in dora another
	# and where it was changed
	PORT=$OTHER_PORT logs_in dora another
	other_user del dora
	refused dora another
	PORT=$OTHER_PORT refused dora another
}

@test "names that SQL could take for something else log in, and the role of a node reads no table" {
	serve 'limits { login-failures = 100 }'
	for name in "o'brien" 'x"y' 'a;b' 'back\slash' '$1' 'müller' "$(printf 'n%.0s' {1..64})"; do
		store_account "$name" secret "$DIR/home/$(echo -n "$name" | md5sum | cut -c1-8)"
		logs_in "$name" secret
	done
	refused "' OR '1'='1" secret
	for query in 'SELECT * FROM sallyport.account' "SELECT sallyport.account_lines('', 10)" \
		"SELECT sallyport.account_remove('dora')" 'CREATE TABLE x (y int)'; do
		run psql -X -h "$STORE_SOCKETS" -p "$STORE_PORT" -U sallyport_node -d sallyport -Atc "$query"
		assert_failure
		assert_output --partial 'permission denied'
	done
}

@test "the database stands still: who was there of late logs in within seconds, others read 421, and it goes on by itself" {
	store_account dora secret
	store_account eve secret
	serve 'limits { login-failures = 3 ban-time = "1m" }'
	logs_in dora secret
	ftp_login dora secret
	standing=$FTP
	stand_still
	SECONDS=0
	logs_in_meanwhile dora secret
	[ "$SECONDS" -le 6 ]
	not_now eve secret
	not_now nobody secret
	not_now dora wrong
	SECONDS=0
	logs_in_meanwhile dora secret
	logs_in_meanwhile breakglass secret
	[ "$SECONDS" -le 15 ]
	# the long form: a minute, and nobody waits longer at its end than at its beginning
	while [ -n "${STORE_LONG-}" ] && [ "$SECONDS" -lt 60 ]; do
		local began=$SECONDS
		logs_in_meanwhile dora secret
		[ $((SECONDS - began)) -le 3 ]
		logs_in_meanwhile breakglass secret
		not_now eve secret
		sleep 2
	done
	go_on
	wait_until -t 15 store_is up
	FTP=$standing
	ftp NOOP 200
	wait_until logs_in eve secret
	assert_equal "$(log_count ' store-down ')" 1
	assert_equal "$(log_count ' store-up ')" 2
	assert_equal "$(ctl --json status | jq .bans)" 0
	assert_equal "$(log_count ' login-failed ')" 0
}

# logs_in_meanwhile NAME PASSWORD: another connection stays
logs_in_meanwhile()
{
	local other=${FTP-}
	FTP=
	ftp_login "$1" "$2"
	ftp_close
	FTP=$other
}

@test "postgres is killed and started again: no session ends, and logins go on within seconds" {
	store_account dora secret
	store_account eve secret
	serve
	ftp_login dora secret
	standing=$FTP
	kill -KILL "$(store_pid)"
	wait_until store_is down
	FTP=
	not_now eve secret
	rm -f "$STORE_DIR/data/postmaster.pid"
	wait_until store_run
	SECONDS=0
	wait_until -t 10 logs_in eve secret
	[ "$SECONDS" -le 6 ]
	FTP=$standing
	ftp NOOP 200
}

# A standby that follows the server of the test. Sets CLONE, its directory.
start_clone()
{
	CLONE=$STORE_DIR/clone
	store_hba 'local replication all trust'
	install -d -o postgres -g postgres -m 700 "$CLONE"
	store_as_postgres timeout 60 "$STORE_BIN/pg_basebackup" -h "$STORE_SOCKETS" -p "$STORE_PORT" -U postgres -D "$CLONE" -R -c fast --no-sync
	install -d -o postgres -g postgres -m 755 "$STORE_DIR/run2"
	store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$CLONE" -l "$CLONE/log" -w -t 30 \
		-o "-p $STORE_PORT -c unix_socket_directories=$STORE_DIR/run2" start >/dev/null 3>&-
}

end_clone()
{
	store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$CLONE" -m immediate -w -t 30 stop >/dev/null 2>&1 || :
	rm -rf "$CLONE" "$STORE_DIR/run2"
	CLONE=
}

@test "the primary is stopped and the standby promoted: logins go on there" {
	store_account dora secret
	store_account eve secret
	start_clone
	connects_to "host=$STORE_SOCKETS,$STORE_DIR/run2 port=$STORE_PORT dbname=sallyport user=sallyport_node target_session_attrs=read-write"
	serve
	ftp_login dora secret
	standing=$FTP
	FTP=
	# what was written is there
	wait_until sh -c "psql -X -h '$STORE_DIR/run2' -p $STORE_PORT -U postgres -d sallyport -Atc \"SELECT o_line FROM sallyport.account_find('eve')\" | grep -q eve"
	store_stop immediate
	store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$CLONE" -w -t 30 promote >/dev/null
	SECONDS=0
	wait_until -t 10 logs_in eve secret
	[ "$SECONDS" -le 8 ]
	FTP=$standing
	ftp NOOP 200
}

@test "the broker is killed or stopped: it is started again, and no session ends" {
	ALARM_EXPECTED=1
	store_account dora secret
	serve
	ftp_login dora secret
	standing=$FTP
	wait_until no_arrivals
	before=$(count_descriptors "$SERVER_PID")
	for i in 1 2 3 4 5; do
		former=$(broker_pid)
		kill -KILL "$former"
		wait_until is_gone "$former"
		wait_until -t 20 store_is up
		FTP=
		wait_until logs_in dora secret
	done
	former=$(broker_pid)
	kill -STOP "$former"
	not_now dora secret
	logs_in breakglass secret
	kill -CONT "$former"
	sleep 3
	wait_until logs_in dora secret
	assert_equal "$(broker_pid)" "$former"
	FTP=$standing
	ftp NOOP 200
	wait_until no_arrivals
	assert_equal "$(count_descriptors "$SERVER_PID")" "$before"
}

# One session is there, that of this test.
no_arrivals()
{
	[ "$(monitor_pids | wc -l)" -eq 1 ]
}

@test "hundreds of sessions share the connections of store.conf" {
	local count=200
	[ -z "${STORE_LONG-}" ] || count=2000
	store_account dora secret
	connects_to "$(store_connect sallyport_node)" 'connections = 2'
	serve 'limits { sessions = 3000 sessions-per-address = 3000 sessions-per-user = 3000 concurrent-hashes = 16 }' 'timeouts { idle = "1h" }'
	python3 - "$PORT" "$count" <<-'PY'
		import concurrent.futures, socket, sys
		def login(n):
		    control = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
		    file = control.makefile("rwb", 0)
		    assert file.readline().startswith(b"220")
		    for line, code in ((b"USER dora", b"331"), (b"PASS secret", b"230")):
		        file.write(line + b"\r\n")
		        answer = file.readline()
		        assert answer.startswith(code), answer
		    return control, file
		with concurrent.futures.ThreadPoolExecutor(16) as pool:
		    sessions = list(pool.map(login, range(int(sys.argv[2]))))
		import subprocess, os
		# while all of them live
		query = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'sallyport_node'"
		asked = subprocess.run(["psql", "-X", "-At", "-h", os.environ["STORE_SOCKETS"], "-p", os.environ["STORE_PORT"],
		                        "-U", "postgres", "-d", "sallyport", "-c", query], capture_output=True, text=True, check=True)
		assert asked.stdout.strip() == "2", asked.stdout
		for control, file in sessions:
		    file.write(b"NOOP\r\n")
		for control, file in sessions:
		    assert file.readline().startswith(b"200")
	PY
	assert_equal "$(ctl --json status | jq .store.lookups.found)" "$count"
}

@test "a database of another schema, and a role that may not ask: store-strange, and the users file logs in" {
	serve
	store_psql -qc 'REVOKE EXECUTE ON FUNCTION sallyport.schema_version() FROM sallyport_node'
	kill -TERM "$(store_psql -c "SELECT pid FROM pg_stat_activity WHERE usename = 'sallyport_node' LIMIT 1")" || :
	store_psql -qc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sallyport_node'" >/dev/null
	wait_until -t 20 store_is strange
	not_now dora secret
	logs_in breakglass secret
	wait_until log_has 'store-strange .*permission denied'
	store_psql -qc 'GRANT EXECUTE ON FUNCTION sallyport.schema_version() TO sallyport_node'
	wait_until -t 20 store_is up
}

@test "what the database may not say is refused by the server: uid, home, hash" {
	store_account dora secret
	serve
	logs_in dora secret
	store_psql -qc "ALTER TABLE sallyport.account DISABLE TRIGGER ALL"
	for change in 's|:2[0-9]*:\(2[0-9]*\):|:150001:\1:|' 's|:[^:]*:$|:/etc:|' 's|^dora:[^:]*|dora:$6$rounds=999999999$salt$x|'; do
		line=$(store_psql -c "SELECT o_line FROM sallyport.account_find('dora')")
		set_line dora "$change" || continue
		refused dora secret
		[ "$(store_psql -v "line=$line" <<<"SELECT sallyport.account_set(:'line', NULL, NULL, NULL)")" = t ]
	done
	assert_equal "$(log_count ' store-refused ')" 3
	logs_in dora secret
}
