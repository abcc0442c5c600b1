#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What nodes that share a database tell each other: bans, lifted bans, sessions that end. Two servers, a and b, with
# directories of their own, and one PostgreSQL. A database that lies is at the end.

bats_require_minimum_version 1.5.0
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

declare -gA DIR_OF CONF_OF LOG_OF PORT_OF PID_OF

setup()
{
	store_psql -qc 'DELETE FROM sallyport.account; DELETE FROM sallyport.ban; DELETE FROM sallyport.kick'
	NODE=
	for node in a b; do
		new_place
		DIR_OF[$node]=$DIR CONF_OF[$node]=$CONF LOG_OF[$node]=$LOG
		prepare_node "$node" "$(store_connect sallyport_node)"
	done
	HOMES=${DIR_OF[a]}/home
}

teardown()
{
	local node status=0
	ftp_close
	[ -z "${FAKE_PID-}" ] || kill "$FAKE_PID" 2>/dev/null || :
	for node in a b; do
		at "$node"
		end_place || status=1
		PID_OF[$node]=
	done
	[ -e "$STORE_DIR/data/postmaster.pid" ] || store_run
	return "$status"
}

# at NODE: everything is about this one from now on.
at()
{
	if [ -n "$NODE" ]; then
		PORT_OF[$NODE]=${PORT-} PID_OF[$NODE]=${SERVER_PID-}
	fi
	NODE=$1
	DIR=${DIR_OF[$1]} CONF=${CONF_OF[$1]} LOG=${LOG_OF[$1]} PORT=${PORT_OF[$1]-} SERVER_PID=${PID_OF[$1]-}
}

# prepare_node NAME CONNECTION, in $DIR
prepare_node()
{
	install -d -m 755 "$DIR/libexec"
	install -m 755 "$BUILD/sallyport-broker" "$BUILD/sallyport-store" "$DIR/libexec"
	NODE=$1 prepare_store "$2"
	write_config
	add_user local secret --uid 150001 --gid 150001
}

# prepare_store CONNECTION
prepare_store()
{
	printf '%s\n' "connect = \"$1\"" "node = \"node-$NODE\"" >"$DIR/etc/store.conf"
	chgrp "$BROKER" "$DIR/etc/store.conf"
	chmod 640 "$DIR/etc/store.conf"
}

# serve [LINE...]: start this node, and wait until it hears the others, or for AWAITS.
serve()
{
	case $* in *limits*) ;; *) set -- 'limits { login-failures = 3 ban-time = "10m" }' "$@" ;; esac
	write_config "accounts = \"$DIR/etc/users,postgresql:$DIR/etc/store.conf\"" "broker-user = \"$BROKER\"" \
		"libexec-directory = \"$DIR/libexec\"" "home-directory = \"$HOMES\"" 'uid-range = "200000-299999"' \
		"log { target = \"$LOG\" level = \"debug\" }" "$@"
	start_server
	wait_until -t 20 "${AWAITS-hears_nodes}"
}

serve_both()
{
	at a
	serve "$@"
	at b
	serve "$@"
}

restart_node()
{
	stop_server "$@"
	start_server
}

hears_nodes()
{
	[ "$(ctl --json status | jq .store.hears_nodes)" = true ]
}

store_is_up()
{
	[ "$(ctl --json status | jq -r .store.state)" = up ]
}

hears_none()
{
	! hears_nodes
}

# fail_from ADDRESS: three wrong passwords
fail_from()
{
	python3 - "$1" "$PORT" <<-'EOF'
		import socket, sys
		for _ in range(3):
		    with socket.create_connection(("127.0.0.1", int(sys.argv[2])), 20, (sys.argv[1], 0)) as sock:
		        lines = sock.makefile("rwb", buffering=0)
		        lines.readline()
		        for line in b"USER local\r\n", b"PASS wrong\r\n":
		            lines.write(line)
		            lines.readline()
	EOF
}

# greeting ADDRESS: the code of the first reply to a client from there
greeting()
{
	python3 - "$1" "$PORT" <<-'EOF'
		import socket, sys
		with socket.create_connection(("127.0.0.1", int(sys.argv[2])), 20, (sys.argv[1], 0)) as sock:
		    print(sock.recv(100)[:3].decode())
	EOF
}

refuses()
{
	[ "$(greeting "$1")" = 421 ]
}

welcomes()
{
	[ "$(greeting "$1")" = 220 ]
}

# rows CONDITION: of the table of bans
rows()
{
	store_psql -c "SELECT count(*) FROM sallyport.ban WHERE $1"
}

has_rows()
{
	[ "$(rows "$2")" = "$1" ]
}

@test "a ban by failures, and one by hand, reach the other node, with an event" {
	serve_both
	at a
	fail_from 127.0.0.9
	refuses 127.0.0.9
	at b
	wait_until -t 5 refuses 127.0.0.9
	wait_until log_has ' warning ban address=127\.0\.0\.9 .*reason="failures" seconds=[0-9]+ node="node-a"'
	run -0 ctl ban add 2001:db8:0:7::1 --for 1h
	assert_output '2001:db8:0:7::1 is banned; the other servers hear of it'
	at a
	wait_until -t 5 eval 'ctl ban list | grep -q "^2001:db8:0:7::/64 .* administrator"'
	log_has ' warning ban address=2001:db8:0:7::/64 .*reason="administrator" seconds=3[0-9]+ node="node-b"'
	run -0 ctl status
	assert_line --regexp '^other nodes: +heard; 1 of their bans are in force here'
	# which server this is, for whoever looks at numbers
	assert_equal "$(ctl --json metrics | jq -c '.store.node | [.name, .standing, .lease]')" '["node-a","known",true]'
	# whose word each is, at both
	run -0 ctl ban list
	assert_line --regexp '^ADDRESS .* BY +SERVER$'
	assert_line --regexp '^127\.0\.0\.9 .* failures +this server$'
	assert_line --regexp '^2001:db8:0:7::/64 .* administrator node-b$'
	assert_equal "$(ctl --json ban list | jq -c '[.[] | {address, by, node}] | sort_by(.address)')" \
		'[{"address":"127.0.0.9","by":"failures","node":null},{"address":"2001:db8:0:7::/64","by":"administrator","node":"node-b"}]'
	at b
	assert_equal "$(ctl --json ban list | jq -c '[.[] | [.address, .node]] | sort')" \
		'[["127.0.0.9","node-a"],["2001:db8:0:7::/64",null]]'
	at a
	# each node has it once: no echo
	sleep 1
	assert_equal "$(log_count ' warning ban ')" 2
}

@test "a ban takes a second at most" {
	serve_both
	at a
	began=$(date +%s%N)
	ctl ban add 127.0.0.9 >/dev/null
	at b
	until log_has ' ban address=127\.0\.0\.9 '; do
		[ $(($(date +%s%N) - began)) -lt 20000000000 ]
		sleep 0.01
	done
	took=$((($(date +%s%N) - began) / 1000000))
	echo "# $took ms" >&3
	[ "$took" -lt 1000 ]
}

@test "a ban that is lifted on one node is lifted on both" {
	serve_both
	at a
	fail_from 127.0.0.9
	at b
	wait_until refuses 127.0.0.9
	ctl ban del 127.0.0.9
	welcomes 127.0.0.9
	at a
	wait_until welcomes 127.0.0.9
	log_has ' info unban address=127\.0\.0\.9 .*reason="administrator" refused=[0-9]+ node="node-b"'
	# it may be banned again
	fail_from 127.0.0.9
	at b
	wait_until refuses 127.0.0.9
}

@test "a node that was away gets bans, and hears which were lifted; bans last over restarts of all" {
	serve_both
	at a
	fail_from 127.0.0.9
	ctl ban add 127.0.0.10 --for 1h
	at b
	wait_until refuses 127.0.0.10
	stop_server
	at a
	ctl ban del 127.0.0.9
	ctl ban add 127.0.0.11 --for 1h
	wait_until has_rows 1 "address = '127.0.0.11'"
	store_stop
	store_run
	at b
	start_server
	wait_until welcomes 127.0.0.9
	refuses 127.0.0.10
	wait_until refuses 127.0.0.11
	wait_until -t 20 hears_nodes
	assert_equal "$(ctl --json ban list | jq -c '[.[] | [.address, .node]] | sort')" \
		'[["127.0.0.10","node-a"],["127.0.0.11","node-a"]]'
	# what b had in its file does not come back as news
	welcomes 127.0.0.9
	at a
	wait_until -t 20 hears_nodes
	welcomes 127.0.0.9
}

@test "limits.never-ban holds on each node" {
	at a
	serve
	at b
	serve 'limits { never-ban = {"127.0.0.9"} }'
	at a
	ctl ban add 127.0.0.9
	ctl ban add 127.0.0.10
	at b
	wait_until refuses 127.0.0.10
	welcomes 127.0.0.9
	run -0 ctl ban list
	refute_line --partial 127.0.0.9
	at a
	refuses 127.0.0.9
}

@test "while the database is away bans and lifts are local, and are told afterwards, also after a restart" {
	serve_both
	at a
	ctl ban add 127.0.0.9
	ctl ban add 127.0.0.12
	at b
	wait_until refuses 127.0.0.12
	store_stop
	wait_until hears_none
	fail_from 127.0.0.10
	run -0 ctl ban add 127.0.0.11
	assert_output '127.0.0.11 is banned here; the other servers hear of it when the database answers'
	ctl ban del 127.0.0.9
	at a
	wait_until hears_none
	welcomes 127.0.0.10
	refuses 127.0.0.9
	ctl ban del 127.0.0.12
	wait_until grep -q '^127.0.0.12 .* lifted$' "$DIR/state/bans"
	restart_node
	store_run
	wait_until -t 20 refuses 127.0.0.10
	wait_until refuses 127.0.0.11
	wait_until welcomes 127.0.0.9
	at b
	wait_until -t 20 welcomes 127.0.0.12
	welcomes 127.0.0.9
}

news_is_locked()
{
	[ "$(store_psql -c "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ]
}

@test "a node that holds the numbers of news locked: bans of others wait, and their logins do not" {
	at a
	echo 'connections = 1' >>"$DIR/etc/store.conf"
	serve
	store_stop
	wait_until hears_none
	local holder i
	for i in $(seq 30); do
		ctl ban add "127.7.0.$i" >/dev/null
	done
	stop_server
	store_run
	# what ban_tell() locks until the end of the transaction
	store_psql -c 'BEGIN' -c 'UPDATE sallyport.news SET last = last + 1' -c 'SELECT pg_sleep(60)' >/dev/null 2>&1 3>&- &
	holder=$!
	wait_until news_is_locked
	local before
	before=$(log_count ' store-down ')
	start_server
	wait_until -t 20 hears_nodes
	sleep 4    # twice as long as a database may be silent
	assert_equal "$(log_count ' store-down ')" "$before"
	store_is_up
	assert_equal "$(rows true)" 0
	store_psql -qc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
	wait "$holder" || :
}

@test "a kick ends the sessions of an account on both nodes, and those that begin later go on" {
	store_account dora secret "$HOMES/dora"
	serve_both
	at b
	ftp_login dora secret
	at a
	run -0 ctl session kick --user dora
	assert_output '0 sessions ended here; the other servers are told'
	at b
	ftp_reply
	assert_equal "$REPLY" 421
	ftp_close
	wait_until log_has ' info kick .*of="dora" node="node-a" sessions=1'
	ftp_login dora secret
	# it hears of all again, and the session began after the kick
	store_psql -qc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sallyport_node'" >/dev/null
	sleep 3
	ftp NOOP 200
	# an address, and a server by itself
	at a
	run -1 ctl session kick --user dora --here
	run -0 ctl session kick --address 127.0.0.1
	at b
	ftp_reply
	assert_equal "$REPLY" 421
}

@test "an account that is locked or deleted on one node is so on the other; sessions go on until they are kicked" {
	store_account dora secret "$HOMES/dora"
	serve_both
	at b
	ftp_login dora secret
	at a
	printf '%s\n' "connect = \"$(store_connect sallyport_admin)\"" >"$DIR/etc/admin.conf"
	chmod 600 "$DIR/etc/admin.conf"
	ctl user lock dora
	at b
	ftp NOOP 200
	kept=$FTP
	FTP=
	ftp_open
	ftp 'USER dora' 331
	ftp 'PASS secret' 530
	ftp_close
	at a
	ctl session kick --user dora
	at b
	FTP=$kept
	ftp_reply
	assert_equal "$REPLY" 421
}

# seconds that a download of 2 MiB takes
download_time()
{
	curl -sS -o /dev/null -w '%{time_total}' "ftp://dora:secret@127.0.0.1:$PORT/file"
}

@test "servers share the rate of an account, also of one without a quota" {
	store_account dora secret "$HOMES/dora" 'rate-down=1M'
	truncate -s 2M "$HOMES/dora/file"
	serve_both
	at b
	alone=$(download_time)
	at a
	ftp_login dora secret
	at b
	wait_until eval '[ "$(store_psql -c "SELECT count(*) FROM sallyport.share WHERE sessions > 0")" = 1 ]'
	both=$(download_time)
	echo "# alone $alone s, beside a session on the other server $both s" >&3
	# 2 s and 4 s; a slow machine needs longer
	awk "BEGIN { exit !($alone < 3.6 && $both >= 3.7) }"
	ftp NOOP 200
	ftp QUIT 221
	ftp_close
	wait_until eval '[ "$(store_psql -c "SELECT count(*) FROM sallyport.share WHERE sessions > 0")" = 0 ]'
	again=$(download_time)
	awk "BEGIN { exit !($again < 3.6) }"
}

@test "without the database a kick is local, and says so" {
	serve_both
	store_stop
	at a
	wait_until hears_none
	ftp_login local secret
	run -0 --separate-stderr ctl session kick --user local
	assert_output '1 session ended here'
	# shellcheck disable=SC2154 # run sets it
	[[ $stderr == *"the other servers are not told (not-now): the database does not answer; run this on each of them"* ]]
	ftp_reply
	assert_equal "$REPLY" 421
	run -1 --separate-stderr ctl session kick --user local
	assert_output '0 sessions ended here'
}

@test "what the role of a node may tell is bounded" {
	local boot=11111111-1111-1111-1111-111111111111
	as_node()
	{
		PGOPTIONS='' psql -X -h "$STORE_SOCKETS" -p "$STORE_PORT" -U sallyport_node -d sallyport -Atq "$@" 2>&1
	}
	id=$(as_node -c "SELECT sallyport.node_hello('bounds', '$boot')")
	tell()
	{
		as_node -c "SELECT sallyport.ban_tell($id, '$boot', '$1', '$2', $3)"
	}
	assert_equal "$(tell 192.0.2.1 auto 60)" t
	[[ $(tell 192.0.2.0/24 auto 60) == *ERROR* ]]
	[[ $(tell 2001:db8::1 auto 60) == *ERROR* ]]
	[[ $(tell nonsense auto 60) == *ERROR* ]]
	[[ $(tell 192.0.2.1 forever 60) == *ERROR* ]]
	[[ $(tell 192.0.2.1 auto 999999999) == *ERROR* ]]
	[[ $(tell 192.0.2.1 auto 0) == *ERROR* ]]
	[[ $(as_node -c 'SELECT * FROM sallyport.ban') == *'permission denied'* ]]
	assert_equal "$(as_node -c "SELECT sallyport.ban_tell($id, gen_random_uuid(), '192.0.2.2', 'auto', 60)")" f
	# 600 a minute
	assert_equal "$(as_node -c "SELECT count(*) FILTER (WHERE sallyport.ban_tell($id, '$boot', '10.0.0.' || i % 200, 'auto', 60)) FROM generate_series(1, 700) i")" 599
	# 768 by failures, and some more by hand
	refill="UPDATE sallyport.node SET told = 0"
	for i in 1 2 3 4; do
		store_psql -qc "$refill"
		as_node -c "SELECT count(sallyport.ban_tell($id, '$boot', '10.1.$i.' || i, 'auto', 60)) FROM generate_series(1, 250) i" >/dev/null
	done
	assert_equal "$(rows true)" 768
	store_psql -qc "$refill"
	assert_equal "$(tell 192.0.2.77 manual 60)" t
	# an automatic ban shortens none, and a lift is kept as long as the ban would last
	tell 192.0.2.77 auto 5
	assert_equal "$(rows "address = '192.0.2.77' AND kind = 'manual' AND until > now() + interval '30 s'")" 1
	tell 192.0.2.77 lifted 5
	assert_equal "$(rows "address = '192.0.2.77' AND kind = 'lifted' AND until > now() + interval '30 s'")" 1
}

# --- a database that lies ---

# serve_with_fake MODE [LINE...]: node a alone
serve_with_fake()
{
	local mode=$1
	shift
	at a
	"$BATS_TEST_DIRNAME/fake-postgres" "$mode" "$DIR/fake-port" >"$DIR/fake-log" 2>&1 3>&- &
	FAKE_PID=$!
	wait_until test -e "$DIR/fake-port"
	prepare_store "host=127.0.0.1 port=$(cat "$DIR/fake-port") dbname=sallyport user=sallyport_node sslmode=disable"
	AWAITS=${AWAITS-hears_nodes} serve "$@"
}

# Bans and logins of this node work.
works_by_itself()
{
	ftp_login local secret
	ftp_close
	ctl ban add 127.0.0.9
	refuses 127.0.0.9
	ctl ban del 127.0.0.9
	welcomes 127.0.0.9
}

has_many_bans()
{
	[ "$(ctl --json status | jq .store.bans_of_others)" = 2048 ]
}

@test "a database that bans without an end: at most 2048 addresses, none of never-ban, and few lines" {
	AWAITS=true serve_with_fake news-flood 'limits { login-failures = 3 ban-time = "10m" never-ban = {"127.0.0.1"} }'
	wait_until -t 20 has_many_bans
	wait_until log_has ' warning news-flood .*dropped=[0-9]+'
	sleep 2
	has_many_bans
	assert_equal "$(log_count ' news-flood ')" 1
	[ "$(log_count ' warning ban ')" -lt 300 ]
	assert_equal "$(ctl ban list | wc -l)" 2049    # and the heading
	works_by_itself
	fail_from 127.0.0.11
	refuses 127.0.0.11
	# the file of bans takes them back, and they leave room again
	restart_node
	has_many_bans
	works_by_itself
}

@test "what is no ban and no kick is left out, with one event, and the server goes on" {
	local mode
	for mode in news-bad news-back news-no-number news-big; do
		AWAITS=store_is_up serve_with_fake "$mode" 'limits { login-failures = 3 ban-time = "10m" never-ban = {"127.0.0.1"} }'
		wait_until log_has ' warning store-(strange|down) '
		works_by_itself
		assert_equal "$(log_count ' store-(strange|down) ')" 1
		[ "$mode" = news-back ] || assert_equal "$(ctl ban list --json)" '[]'
		stop_server INT
		kill "$FAKE_PID"
		rm -f "$LOG" "$DIR/fake-port" "$DIR/state/bans"
	done
}
