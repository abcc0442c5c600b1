#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The broker by itself: build/tests/helpers/broker_host plays the master and the monitors, and PostgreSQL is a real one.

bats_require_minimum_version 1.5.0
load lib
load store

setup_file()
{
	store_need
	store_start --tls
	store_schema
}

teardown_file()
{
	store_end
}

setup()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root: the broker runs as another user"
	new_place
	BROKER_ID=$(id -u nobody)
	BROKER_GROUP=$(id -g nobody)
	SAID=$DIR/said
	HOST_PID=
	install -d -g "$BROKER_GROUP" -m 750 "$DIR/store"
	STORE_PORT=$(cat "$STORE_DIR/port")
	[ -e "$STORE_DIR/data/postmaster.pid" ] || store_run    # a test before this one has failed
	store_psql -qc 'DELETE FROM sallyport.account'
}

teardown()
{
	[ -z "$HOST_PID" ] || end_broker
	[ -z "${FAKE_PID-}" ] || kill "$FAKE_PID" 2>/dev/null || :
	[ ! -e "$STORE_DIR/data/postmaster.pid" ] || store_signal CONT
	rm -rf "$DIR"
}

# Start the server again on its socket, whose name stays; for tests that need no TCP.
store_again()
{
	STORE_TLS='' store_run
}

# write_store_conf CONNECT [LINE...]
write_store_conf()
{
	local connect=$1
	shift
	printf '%s\n' "connect = \"$connect\"" "$@" >"$DIR/store/store.conf"
	chgrp "$BROKER_GROUP" "$DIR/store/store.conf"
	chmod 640 "$DIR/store/store.conf"
}

# start_broker [VERSION]
start_broker()
{
	local version=${1-}
	[ -n "$version" ] || version=$(cat "$BATS_TEST_DIRNAME/../../VERSION")
	rm -f "$DIR/tell" "$SAID"
	mkfifo "$DIR/tell"
	exec 7<>"$DIR/tell"
	[ -z "${FIRST-}" ] || echo "$FIRST" >&7    # before the broker asks
	"$BUILD/tests/helpers/broker_host" "$BUILD/sallyport-broker" "$BROKER_ID" "$BROKER_GROUP" "$version" \
		"$DIR/store/store.conf" <"$DIR/tell" >"$SAID" 2>&1 3>&- 7>&- &
	HOST_PID=$!
	says started
	BROKER_PID=$(sed -n 's/^started //p' "$SAID")
}

end_broker()
{
	exec 7>&-
	wait_until -t 5 is_gone "$HOST_PID" || kill -9 "$HOST_PID"
	wait "$HOST_PID" 2>/dev/null || :
	HOST_PID=
}

tell()
{
	echo "$*" >&7
}

# said PATTERN: a line that began so has come
said()
{
	grep -q -- "^$1" "$SAID"
}

says()
{
	wait_until said "$1" || { cat "$SAID" >&2; return 1; }
}

count_said()
{
	grep -c -- "^$1" "$SAID" || :
}

# ask TAG NAME: ask for an account; its answer is in $ANSWER, and how long that took in $MS.
ask()
{
	tell "find $1 $2"
	says "$1 "
	ANSWER=$(sed -n "s/^$1 //p" "$SAID")
	MS=$(sed -n "s/^$1 .* *ms=\([0-9]*\).*/\1/p" "$SAID")
}

start_up()
{
	start_broker
	says 'state up'
}

@test "the broker finds an account, and knows that there is no other" {
	store_account alice secret
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	says 'log store-up'
	ask a alice
	[[ $ANSWER =~ ^found=account\ kept=0\ id=[1-9][0-9]*\ ms=[0-9]+\ len=[0-9]+\ text=alice:\$6\$ ]]
	ask b bob
	[[ $ANSWER =~ ^found=nobody\ kept=0\ id=0\ .*text=\$6\$\.+\$\.+$ ]]
	ask c ''
	[[ $ANSWER =~ ^closed ]]
}

@test "names that SQL could take for something else are names" {
	local name i=0
	for name in "o'neil" 'semi;colon' 'back\slash' '$1' 'ünï-çødé' 'a"b' "$(printf '%064d' 7)"; do
		i=$((i + 1))
		store_account "$name" secret "$DIR/home/n$i"
	done
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	i=0
	for name in "o'neil" 'semi;colon' 'back\slash' '$1' 'ünï-çødé' 'a"b' "$(printf '%064d' 7)"; do
		i=$((i + 1))
		ask "n$i" "$name"
		[[ $ANSWER == *" text=$name:"* ]]
	done
	ask no "' OR '1'='1"
	[[ $ANSWER == found=nobody* ]]
	# bytes that the database would answer with an error; none of the connections suffers
	for i in 1 2 3 4 5 6; do
		ask "bad$i" $'\xff\xfe'
		[[ $ANSWER == found=nobody* ]]
	done
	assert_equal "$(count_said 'log')" 1
}

@test "a channel that breaks the table is closed, and no other" {
	store_account alice secret
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	tell "garbage g"
	says 'g closed'
	tell "twice t alice nobody"
	says 't closed'
	ask a alice
	[[ $ANSWER == found=account* ]]
	said 'g closed'
	# the answer about the first name is not kept for the second one
	store_stop
	says 'state down'
	ask n nobody
	[[ $ANSWER == found=not-now* ]]
}

@test "it ends when the master is gone" {
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	tell hang-up
	says 'gone exit=0'
}

@test "the broker has its own identity, no power, and holds its channels and connections alone" {
	local set
	write_store_conf "$(store_connect sallyport_node)" 'connections = 3'
	start_up
	wait_until eval '[ "$(store_psql -c "SELECT count(*) FROM pg_stat_activity WHERE usename = '"'sallyport_node'"'")" = 3 ]'
	assert_equal "$(status_of "$BROKER_PID" Uid)" "$BROKER_ID $BROKER_ID $BROKER_ID $BROKER_ID"
	assert_equal "$(status_of "$BROKER_PID" Gid)" "$BROKER_GROUP $BROKER_GROUP $BROKER_GROUP $BROKER_GROUP"
	assert_equal "$(status_of "$BROKER_PID" Groups)" "$BROKER_GROUP"
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		assert_equal "$set $(status_of "$BROKER_PID" "$set")" "$set 0000000000000000"
	done
	assert_equal "$(status_of "$BROKER_PID" Seccomp)" 2
	assert_equal "$(status_of "$BROKER_PID" NoNewPrivs)" 1
	# not dumpable: its files of /proc belong to root
	assert_equal "$(stat -c %u "/proc/$BROKER_PID/environ")" 0
	assert_equal "$(sed -n 's/^Max core file size  *\([0-9]*\) .*/\1/p' "/proc/$BROKER_PID/limits")" 0
	assert_equal "$(sed -n 's/^Max processes  *\([0-9]*\) .*/\1/p' "/proc/$BROKER_PID/limits")" 0
	assert_equal "$(readlink "/proc/$BROKER_PID/fd/"* | grep -v '^/dev/null$' | sed 's/:.*//' | sort | uniq -c | tr -s ' ' | tr '\n' ,)" \
		' 1 anon_inode, 5 socket,'
	assert_equal "$(cat "/proc/$BROKER_PID/comm")" sallyport-brok
	assert_equal "$(tr -d '\0' <"/proc/$BROKER_PID/cmdline")" 'sallyportd: broker up'
}

# --- down and up ---

# The postmaster and all that it has started.
store_signal()
{
	local pid
	pid=$(store_pid)
	kill -"$1" "$pid" $(pgrep -P "$pid")
}

kill_store()
{
	local pid
	pid=$(store_pid)
	store_signal KILL
	wait_until is_gone "$pid"
	rm -f "$STORE_DIR/data/postmaster.pid" "$STORE_SOCKETS"/.s.*    # it may be a zombie, which counts as alive
}

@test "a restart: the names that were asked for are known meanwhile, others are not, and then all are" {
	store_account alice secret
	store_account carol secret
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	ask a alice
	store_stop
	says 'state down'
	says 'log store-down message=.*\(connection to server on socket\|server closed the connection\)'
	ask kept alice
	[[ $ANSWER == found=account\ kept=1\ *text=alice:* ]]
	ask new carol
	[[ $ANSWER == found=not-now*text= ]]
	[ "$MS" -lt 1000 ]
	store_again
	wait_until eval '[ "$(count_said "state up")" -ge 2 ]'
	ask again carol
	[[ $ANSWER == found=account\ kept=0* ]]
	assert_equal "$(count_said 'log store-down') $(count_said 'log store-up')" '1 2'
}

@test "kill -9 of the database" {
	store_account alice secret
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	ask a alice
	kill_store
	ask b alice
	[[ $ANSWER == found=account\ kept=1* ]]
	[ "$MS" -lt 3000 ]
	says 'state down'
	store_again
	wait_until eval '[ "$(count_said "state up")" -ge 2 ]'
	ask c alice
	[[ $ANSWER == found=account\ kept=0* ]]
}

@test "a database that has stopped without a word: kept names within 3 s, others are not known now" {
	store_account alice secret
	store_account carol secret
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	ask a alice
	ask nobody bob
	store_signal STOP
	ask b alice
	[[ $ANSWER == found=account\ kept=1* ]]
	[ "$MS" -lt 3000 ]
	ask c carol
	# what is to be verified costs as accounts do
	[[ $ANSWER =~ ^found=not-now.*text=\$6\$\.+\$\.+$ ]]
	[ "$MS" -lt 3000 ]
	says 'log store-down message=the database has not answered within 2 s'
	# it is known now: nobody waits for it again
	ask d alice
	[[ $ANSWER == found=account\ kept=1* ]]
	[ "$MS" -lt 1000 ]
	tell 'many m 200 nobody'
	says 'm '
	said 'm account=0 nobody=0 not-now=200 closed=0'
	sleep 3    # it stays so, and there is one line
	store_signal CONT
	wait_until eval '[ "$(count_said "state up")" -ge 2 ]'
	ask e carol
	[[ $ANSWER == found=account\ kept=0* ]]
	assert_equal "$(count_said 'log store-down') $(count_said 'log store-up')" '1 2'
}

@test "an idle connection notices by itself that the database has stopped" {
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	store_signal STOP
	wait_until -t 20 said 'state down'
	store_signal CONT
	wait_until -t 20 eval '[ "$(count_said "state up")" -ge 2 ]'
}

@test "grace 0: nothing is kept" {
	store_account alice secret
	write_store_conf "$(store_connect sallyport_node)" 'grace = "0"'
	start_up
	ask a alice
	store_stop
	says 'state down'
	ask b alice
	[[ $ANSWER == found=not-now* ]]
	store_again
}

@test "an answer is as old as grace at most" {
	store_account alice secret
	write_store_conf "$(store_connect sallyport_node)" 'grace = "3s"'
	start_up
	ask a alice
	store_stop
	says 'state down'
	ask b alice
	[[ $ANSWER == found=account\ kept=1* ]]
	sleep 3.5    # the grace is over, which nothing tells
	ask c alice
	[[ $ANSWER == found=not-now* ]]
	store_again
}

@test "an account that was deleted is not kept" {
	store_account alice secret
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	ask a alice
	store_psql -qc "SELECT sallyport.account_remove('alice')"
	ask b alice
	[[ $ANSWER == found=nobody* ]]
	store_stop
	says 'state down'
	ask c alice
	[[ $ANSWER == found=not-now* ]]
	store_again
}

@test "connections that an administrator ends come back, and the database was never down" {
	store_account alice secret
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	sleep 2.5    # a connection that has held for a while
	store_psql -qc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sallyport_node'" >/dev/null
	ask a alice
	[[ $ANSWER == found=account\ kept=0* ]]
	assert_equal "$(count_said 'log store-down')" 0
}

@test "a database that is not there yet: the broker waits for it" {
	store_stop
	write_store_conf "$(store_connect sallyport_node)"
	start_broker
	says 'state down'
	ask a alice
	[[ $ANSWER == found=not-now* ]]
	store_again
	wait_until said 'state up'
}

@test "questions that come before the first connection wait for it" {
	store_account alice secret
	write_store_conf "$(store_connect sallyport_node)"
	start_broker
	ask a alice
	[[ $ANSWER == found=account\ kept=0* ]]
}

@test "two thousand sessions ask over four connections" {
	store_account alice secret
	write_store_conf "$(store_connect sallyport_node)" 'connections = 4'
	start_up
	tell 'open o 2000'
	says 'o opened'
	tell 'many m 2000 nobody'
	says 'm '
	said 'm account=0 nobody=2000 not-now=0 closed=0'
	assert_equal "$(store_psql -c "SELECT count(*) FROM pg_stat_activity WHERE usename = 'sallyport_node'")" 4
	ask a alice
	[[ $ANSWER == found=account\ kept=0* ]]
}

# --- a database that lies ---

# start_fake MODE [WORD...]: the words go into the connection string.
start_fake()
{
	local mode=$1
	shift
	rm -f "$DIR/fake-port"
	"$BATS_TEST_DIRNAME/fake-postgres" "$mode" "$DIR/fake-port" >"$DIR/fake-log" 2>&1 3>&- 7>&- &
	FAKE_PID=$!
	wait_until test -e "$DIR/fake-port"
	FAKE_PORT=$(cat "$DIR/fake-port")
	write_store_conf "host=127.0.0.1 port=$FAKE_PORT dbname=sallyport user=sallyport_node sslmode=disable${*:+ $*}"
}

end_fake()
{
	kill "$FAKE_PID"
	wait "$FAKE_PID" 2>/dev/null || :
	FAKE_PID=
}

# The most memory that the broker has ever had, in MiB.
peak_of_broker()
{
	awk '/^VmHWM:/ { print int($2 / 1024) }' "/proc/$BROKER_PID/status"
}

# The broker lives, has not been stopped at a call, and its memory is bounded.
is_well()
{
	local peak
	! said gone || { cat "$SAID" >&2; return 1; }
	! said alarm || { cat "$SAID" >&2; return 1; }
	peak=$(peak_of_broker)
	is_asan || [ "$peak" -lt 300 ] || { echo "the broker had $peak MiB" >&2; return 1; }
}

# Each ends the broker, and a new one begins.
restart_with_fake()
{
	[ -z "$HOST_PID" ] || end_broker
	[ -z "${FAKE_PID-}" ] || end_fake
	start_fake "$@"
	start_broker
}

@test "the false database of these tests is believed when it tells the truth" {
	restart_with_fake honest
	says 'state up'
	ask a alice
	[[ $ANSWER == found=account\ kept=0*text=alice:* ]]
	is_well
}

@test "an account's line that is none is not passed on, with an event, and the connection stays" {
	local mode
	for mode in long-line newline nul no-line bad-id; do
		restart_with_fake "$mode"
		says 'state up'
		ask a alice
		[[ $ANSWER == found=not-now\ kept=0\ id=0* ]]
		says 'log store-refused account=alice message=its '
		run -1 said 'state down'
		is_well
	done
	restart_with_fake bad-decoy
	says 'state up'
	ask a alice
	[[ $ANSWER == found=nobody*len=0\ text= ]]
	is_well
}

@test "an answer that is none ends the connection, with an event" {
	local mode
	for mode in rows no-row columns binary copy copy-in early-sync error garbage half silent; do
		restart_with_fake "$mode"
		says 'state up'
		ask "$mode" alice
		[[ $ANSWER == found=not-now* ]] || { echo "$mode: $ANSWER" >&2; return 1; }
		wait_until grep -qE '^log store-(down|strange) message=.' "$SAID"
		is_well
	done
}

@test "what a database sends without an end is not kept" {
	local mode
	for mode in big-row big-error endless-row notices-alone notifications parameters; do
		restart_with_fake "$mode"
		says 'state up'
		ask "$mode" alice
		[[ $ANSWER == found=not-now* ]] || { echo "$mode: $ANSWER" >&2; return 1; }
		[ "$MS" -lt 5000 ]
		is_well
	done
	restart_with_fake notices
	says 'state up'
	ask a alice
	[[ $ANSWER == found=account* || $ANSWER == found=not-now* ]]
	is_well
}

@test "a flood of notifications: some are dropped, with one event, and logins go on" {
	restart_with_fake flood
	says 'state up'
	says 'log store-strange message=the database sends more notifications than are read'
	for i in 1 2 3 4; do
		ask "e$i" alice
		[[ $ANSWER == found=account* ]]
	done
	assert_equal "$(count_said 'log store-strange') $(count_said 'state')" '1 1'
	is_well
	# each is the same: there may be news
	restart_with_fake flood-news
	says 'state up'
	ask news alice
	[[ $ANSWER == found=account* ]]
	is_well
	# those that nobody listens for, or that are too long
	restart_with_fake flood-others
	says 'state up'
	ask others alice
	[[ $ANSWER == found=account* ]]
	is_well
}

@test "notifications without an end end their connection" {
	local mode
	for mode in flood-endless flood-endless-others; do
		restart_with_fake "$mode"
		says 'state up'
		says 'log store-strange message=the database sends '
		sleep 2    # it begins again and again, without a line for each
		[ "$(count_said 'log store-')" -lt 8 ]
		is_well
	done
}

@test "when the connection that listens ends, another one listens, and hears what was told meanwhile" {
	write_store_conf "$(store_connect sallyport_node)" 'connections = 2'
	start_up
	says 'says news_told'
	# the oldest one
	store_psql -qc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sallyport_node'
		ORDER BY backend_start LIMIT 1" >/dev/null
	wait_until eval '[ "$(count_said "says news_told")" = 2 ]'
	assert_equal "$(count_said 'log store-down')" 0
}

@test "a server that lets nobody in is down, and nobody waits for it" {
	local mode
	for mode in mute noise drip kerberos unasked flap blind; do
		restart_with_fake "$mode"
		wait_until grep -qE '^log store-(down|strange) message=.' "$SAID"
		ask "$mode" alice
		[[ $ANSWER == found=not-now* ]] || [ "$mode" = unasked ] || [ "$mode" = flap ] || { echo "$mode: $ANSWER" >&2; return 1; }
		[ "$MS" -lt 3000 ]
		sleep 1    # tries go on, without a line for each
		[ "$(count_said 'log store-')" -lt 8 ]
		is_well
	done
}

@test "an error about one account is that account's alone" {
	restart_with_fake error
	says 'state up'
	for i in 1 2 3 4 5 6 7 8; do
		ask "e$i" alice
		[[ $ANSWER == found=not-now* ]]
	done
	says 'log store-strange message=permission denied for function account_find; the user'
	assert_equal "$(count_said 'log store-strange') $(count_said 'state')" '1 1'
	is_well
}

@test "Kerberos is refused with words" {
	restart_with_fake kerberos
	says 'log store-down message=.*the broker has no Kerberos'
}

@test "a password that a server repeats does not get into the log" {
	restart_with_fake echo "password=what-only-the-database-knows"
	says "log store-down message=.*wrong password '\*\*\*'; for you"
	run -1 grep what-only "$SAID"
}

@test "a schema of another version is strange, and the event says what cures it" {
	restart_with_fake version
	says 'state strange'
	says 'log store-strange message=the schema of the database is version 7, and this server knows 1 to 1; upgrade the server'
	ask a alice
	[[ $ANSWER == found=not-now* ]]
}

# --- names, several hosts, TLS ---

# On TCP as well, with TLS; tests before this one may have left it on its socket alone.
need_tcp()
{
	if [ "$(store_psql -c "SHOW listen_addresses")" != 127.0.0.1 ]; then
		store_stop
		store_run
	fi
	store_psql -qc "ALTER ROLE sallyport_node PASSWORD 'node'"
}

# write_tls_conf HOST [WORD...]: the name is looked up by the master.
write_tls_conf()
{
	local host=$1
	shift
	rm -rf "$DIR/store/ca.pem"
	install -g "$BROKER_GROUP" -m 640 "$STORE_DIR/tls/ca.pem" "$DIR/store/ca.pem"
	write_store_conf "host=$host port=$STORE_PORT dbname=sallyport user=sallyport_node password=node sslrootcert=$DIR/store/ca.pem${*:+ $*}"
}

@test "over TLS, with the name that the certificate has, which the master looks up" {
	need_tcp
	store_account alice secret
	write_tls_conf localhost
	FIRST='address localhost 127.0.0.1' start_broker
	wait_until said 'state up'
	said 'lookup localhost'
	ask a alice
	[[ $ANSWER == found=account\ kept=0* ]]
	assert_equal "$(store_psql -c "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'sallyport_node'")" t
	tell 'many m 500 nobody'
	says 'm '
	said 'm account=0 nobody=500 not-now=0 closed=0'
}

@test "with a client's certificate" {
	need_tcp
	store_hba 'hostssl all sallyport_node 127.0.0.0/8 cert'
	install -g "$BROKER_GROUP" -m 640 "$STORE_DIR/tls/node.pem" "$STORE_DIR/tls/node.key" "$DIR/store"
	write_tls_conf localhost "sslcert=$DIR/store/node.pem sslkey=$DIR/store/node.key"
	FIRST='address localhost 127.0.0.1' start_broker
	wait_until said 'state up'
	store_hba
}

@test "another name, or another CA: no connection, and the event says why" {
	need_tcp
	write_tls_conf example.net
	FIRST='address example.net 127.0.0.1' start_broker
	says 'log store-down message=.*does not match host name "example.net"'
	end_broker
	write_tls_conf localhost
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Somebody else' \
		-keyout "$DIR/other.key" -out "$DIR/store/ca.pem" 2>/dev/null
	FIRST='address localhost 127.0.0.1' start_broker
	says 'log store-down message=.*certificate verify failed'
	end_broker
	# unreadable: the reason, and not the bytes that libpq has for it
	chmod 600 "$DIR/store/ca.pem"
	chown root:root "$DIR/store/ca.pem"
	FIRST='address localhost 127.0.0.1' start_broker
	says "log store-down message=.*sslrootcert: cannot read '.*ca.pem': Permission denied; put it beside store.conf, owned by root"
	end_broker
	rm "$DIR/store/ca.pem"
	FIRST='address localhost 127.0.0.1' start_broker
	says "log store-down message=.*root certificate file .* does not exist; 'sallyportctl store check' says what to do"
	run -1 said gone
}

@test "a wrong password: the event has the server's words, and not the password" {
	need_tcp
	write_tls_conf localhost 'password=what-only-I-know'
	FIRST='address localhost 127.0.0.1' start_broker
	says "log store-down message=.*password authentication failed for user \"sallyport_node\"; 'sallyportctl store check' says what"
	run -1 grep what-only "$SAID"
}

@test "a file of passwords lies beside store.conf" {
	need_tcp
	write_tls_conf localhost
	sed -i 's/ password=node//' "$DIR/store/store.conf"
	echo '*:*:*:*:node' >"$DIR/store/.pgpass"
	chown nobody "$DIR/store/.pgpass"
	chmod 600 "$DIR/store/.pgpass"
	FIRST='address localhost 127.0.0.1' start_broker
	wait_until said 'state up'
}

@test "a name without an address, one that is looked up too slowly, and one that comes to have one" {
	need_tcp
	write_tls_conf localhost
	start_broker
	says 'log store-down message=none of the hosts'
	ask a alice
	[[ $ANSWER == found=not-now* ]]
	tell 'address localhost 127.0.0.1'
	wait_until -t 20 said 'state up'
	end_broker
	start_broker
	tell 'nothing localhost'
	says 'log store-down message=none of the hosts'
	ask b alice
	[[ $ANSWER == found=not-now* ]]
	[ "$MS" -lt 3000 ]
}

@test "two hosts, of which the first is dead, then one that says nothing" {
	local dead
	store_account alice secret
	dead=$(free_port)
	write_store_conf "host=127.0.0.1,$STORE_SOCKETS port=$dead,$STORE_PORT dbname=sallyport user=sallyport_node"
	start_up
	ask a alice
	[[ $ANSWER == found=account\ kept=0* ]]
	end_broker
	start_fake mute
	write_store_conf "host=127.0.0.1,$STORE_SOCKETS port=$FAKE_PORT,$STORE_PORT dbname=sallyport user=sallyport_node sslmode=disable"
	start_broker
	wait_until said 'state up'
	ask b alice
	[[ $ANSWER == found=account\ kept=0* ]]
	end_fake
}

@test "the primary stops without a word, and its standby is promoted" {
	local standby=$STORE_DIR/standby standby_port=5999
	store_account alice secret
	store_hba 'local replication all trust'
	install -d -o postgres -g postgres -m 700 "$standby"
	store_as_postgres timeout 60 "$STORE_BIN/pg_basebackup" -D "$standby" -h "$STORE_SOCKETS" -p "$STORE_PORT" -U postgres -R -c fast --no-sync
	store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$standby" -l "$standby/log" -w -t 30 \
		-o "-p $standby_port -c listen_addresses= -c ssl=off" start >/dev/null 3>&- 7>&-
	write_store_conf "host=$STORE_SOCKETS,$STORE_SOCKETS port=$STORE_PORT,$standby_port dbname=sallyport user=sallyport_node target_session_attrs=read-write"
	start_up
	ask a alice
	wait_until eval '[ "$(PGOPTIONS="" psql -X -h "$STORE_SOCKETS" -p '"$standby_port"' -U postgres -d sallyport -Atc "SELECT count(*) FROM sallyport.account")" = 1 ]'
	store_signal STOP
	ask b alice
	[[ $ANSWER == found=account\ kept=1* ]]
	store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$standby" -w -t 30 promote >/dev/null
	wait_until -t 10 eval '[ "$(count_said "state up")" -ge 2 ]'
	ask c alice
	[[ $ANSWER == found=account\ kept=0* ]]
	store_signal CONT
	store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$standby" -m immediate -w -t 30 stop >/dev/null
	rm -rf "$standby"
	store_hba
}

# --- what the administrator did wrong ---

@test "a store.conf that is none: one event, and no name is known" {
	write_store_conf "host=db1 dbname=sallyport"
	start_broker
	says 'log store-down message=.*no user; write user=ROLE'
	says 'state down'
	ask a alice
	[[ $ANSWER == found=not-now* ]]
	end_broker
	write_store_conf "$(store_connect sallyport_node)" 'connections = 99'
	start_broker
	says 'log store-down message=.*store.conf:2: connections'
	end_broker
	write_store_conf "$(store_connect sallyport_node)"
	chmod 644 "$DIR/store/store.conf"
	start_broker
	says 'log store-down message=.*store.conf: .*chmod it to 0640'
	ask b alice
	[[ $ANSWER == found=not-now* ]]
}

@test "a broker of another version serves nobody, and says what to install" {
	write_store_conf "$(store_connect sallyport_node)"
	start_broker 9.9.9
	says "log store-down message=sallyport-server-postgresql $(cat "$BATS_TEST_DIRNAME/../../VERSION") does not belong to sallyport-server 9.9.9; install both of one version"
	ask a alice
	[[ $ANSWER == closed* ]]
	run -1 said 'state up'
	tell hang-up
	says 'gone exit=0'
}

@test "no schema, or no right to it, is strange, and not down" {
	store_psql -d postgres -qc "CREATE DATABASE empty"
	write_store_conf "host=$STORE_SOCKETS port=$STORE_PORT dbname=empty user=sallyport_node"
	start_broker
	says 'log store-strange message=.*schema "sallyport" does not exist; run .sallyportctl store init.'
	says 'state strange'
	end_broker
	store_psql -d postgres -qc "DROP DATABASE empty" -c "CREATE ROLE stranger LOGIN"
	write_store_conf "$(store_connect stranger)"
	start_broker
	says 'log store-strange message=.*permission denied for schema sallyport; the user'
	store_psql -d postgres -qc "DROP ROLE stranger"
}

@test "started by hand, it says who starts it" {
	run "$BUILD/sallyport-broker" 1 /etc/passwd
	assert_failure 64
	assert_output --partial 'sallyportd starts this program'
}

@test "started as root, it ends" {
	write_store_conf "$(store_connect sallyport_node)"
	run python3 -c '
import os, socket, sys
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET), socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
x, y = os.dup(a[1].fileno()), os.dup(b[1].fileno())
pid = os.fork()
if pid == 0:
    os.dup2(x, 3); os.dup2(y, 4)
    os.execv(sys.argv[1], [sys.argv[1], "0", sys.argv[2]])
print(os.waitpid(pid, 0)[1], b[0].recv(1000))' "$BUILD/sallyport-broker" "$DIR/store/store.conf"
	assert_output --partial 'with rights that it must not have'
	assert_output --regexp '^256 '
}
