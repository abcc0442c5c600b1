#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Quotas over several nodes, the broker's side: build/tests/helpers/broker_host plays masters and monitors, and PostgreSQL is a
# real one, or one that lies.

bats_require_minimum_version 1.5.0
load lib
load store

setup_file()
{
	store_need
	store_start
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
	[ -e "$STORE_DIR/data/postmaster.pid" ] || store_run    # a test before this one has failed
	store_psql -qc 'DELETE FROM sallyport.ghost; DELETE FROM sallyport.share; DELETE FROM sallyport.node; DELETE FROM sallyport.account'
}

teardown()
{
	local node
	[ ! -e "$STORE_DIR/standby/postmaster.pid" ] || store_end_standby "$STORE_DIR/standby"
	for node in c b a; do    # each has inherited the pipes of those before it
		end_node "$node"
	done
	[ -z "${FAKE_PID-}" ] || kill "$FAKE_PID" 2>/dev/null || :
	rm -rf "$DIR"
}

# node NAME [CONNECT [NODE [BOOT]]]: a broker, whose words are in $DIR/NAME/said.
node()
{
	local name=$1 place=$DIR/$1 fd boot=${4-}
	install -d -g "$BROKER_GROUP" -m 750 "$place"
	[ -n "$boot" ] || boot=$(cat /proc/sys/kernel/random/uuid)
	printf '%s\n' "connect = \"${2:-$(store_connect sallyport_node)}\"" "node = \"${3:-$name}\"" >"$place/store.conf"
	chgrp "$BROKER_GROUP" "$place/store.conf"
	chmod 640 "$place/store.conf"
	rm -f "$place/tell" "$place/said"
	mkfifo "$place/tell"
	"$BUILD/tests/helpers/broker_host" "$BUILD/sallyport-broker" "$BROKER_ID" "$BROKER_GROUP" \
		"$(cat "$BATS_TEST_DIRNAME/../../VERSION")" "$place/store.conf" "$boot" <"$place/tell" >"$place/said" 2>&1 3>&- &
	echo $! >"$place/pid"
	exec {fd}>"$place/tell"
	echo "$fd" >"$place/fd"
	says "$name" started
}

# up NODE [ARGUMENT...]: the same, and it is known to the database.
up()
{
	node "$@"
	says "$1" "node ${3:-$1} known"
}

end_node()
{
	local place=$DIR/$1 fd pid
	[ -e "$place/fd" ] || return 0
	fd=$(cat "$place/fd")
	pid=$(cat "$place/pid")
	exec {fd}>&-
	wait_until -t 5 is_gone "$pid" || kill -9 "$pid"
	wait "$pid" 2>/dev/null || :
	rm -f "$place/fd"
}

broker_pid()
{
	sed -n 's/^started //p' "$DIR/$1/said"
}

tell()
{
	local node=$1
	shift
	echo "$*" >"$DIR/$node/tell"
}

said()
{
	grep -q -- "^$2" "$DIR/$1/said"
}

says()
{
	wait_until said "$1" "$2" || { echo "$1 did not say: $2" >&2; tail -n 40 "$DIR/$1/said" >&2; return 1; }
}

count_said()
{
	grep -c -- "^$2" "$DIR/$1/said" || :
}

has_said()
{
	[ "$(count_said "$1" "$2")" -ge "$3" ]
}

# ask NODE VERB TAG FIGURES...: the answer is in $ANSWER.
ask()
{
	local node=$1 verb=$2 tag=$3 count word=$2
	case $verb in close) word=share_close ;; join) word=found ;; esac
	count=$(count_said "$node" "$tag $word")
	shift
	tell "$node" "$*"
	wait_until has_said "$node" "$tag $word" $((count + 1)) || { tail -n 40 "$DIR/$node/said" >&2; return 1; }
	ANSWER=$(grep -- "^$tag $word" "$DIR/$node/said" | tail -n 1)
	ANSWER=${ANSWER#"$tag "}
	ANSWER=${ANSWER%% ms=*}
	[[ $ANSWER != *share=* ]] || SHARE=$(sed -n 's/.* share=\([0-9]*\) .*/\1/p' <<<"$ANSWER")
}

# account NAME OPTIONS
account()
{
	store_add "$1:*:200000:200000:/srv/$1:$2"
}

# open NODE TAG NAME: a session of the account that holds a share, whose home was counted.
open_session()
{
	ask "$1" join "$2" "$3"
	ask "$1" credit "$2" 0 1
	[[ $ANSWER == credit=* ]]
}

# count_home NODE TAG BYTES FILES: with the number 2.
count_home()
{
	local count=${ANSWER#*count=}
	ask "$1" counted "$2" "$SHARE" 2 0 0 "$3" "$4" "${count%% *}"
	[ "$ANSWER" = counted=1 ]
}

sessions_of()
{
	store_psql -c "SELECT coalesce(sum(s.sessions), 0) FROM sallyport.share s JOIN sallyport.account a ON a.id = s.account WHERE a.name = '$1'"
}

has_sessions()
{
	[ "$(sessions_of "$1")" = "$2" ]
}

@test "a monitor opens a share, gets credit, counts, and closes" {
	account alice 'quota=1000 quota-files=10'
	up a
	open_session a s alice
	[[ $ANSWER == credit=granted\ share=[1-9]*\ allow=0,0\ used=0,0\ count=0\ nodes=1 ]]
	local share=$SHARE
	count_home a s 100 1
	ask a credit s "$share" 3 0 0 0 0 300 1 0 0
	assert_equal "$ANSWER" "credit=granted share=$share allow=300,1 used=100,1 count=1 nodes=1"
	ask a credit s "$share" 3 0 0 0 0 300 1 0 0
	assert_equal "$ANSWER" "credit=old-number share=$share allow=300,1 used=100,1 count=1 nodes=1"
	ask a credit s "$share" 4 200 1 300 1 800 0 0 0
	[[ $ANSWER == credit=over-quota* ]]
	ask a close s "$share" 5 200 1
	assert_equal "$ANSWER" share_close=1
	assert_equal "$(store_psql -F' ' -c 'SELECT base_bytes, base_files, slack_bytes FROM sallyport.usage')" '300 2 0'
	ask a close s "$share" 6 200 1
	assert_equal "$ANSWER" share_close=0
	ask a credit s "$share" 7 0 0
	[[ $ANSWER == credit=gone\ share=0* ]]
}

@test "a channel asks for its own account alone, and for none before it has one" {
	account alice 'quota=1000'
	account bob 'quota=1000'
	up a
	ask a join x nobody-of-that-name
	[[ $ANSWER == found=nobody* ]]
	ask a credit x 0 1
	assert_equal "$ANSWER" 'credit=Resource temporarily unavailable'
	open_session a s alice
	local share=$SHARE
	open_session a t bob
	ask a credit t "$share" 2 0 0
	[[ $ANSWER == credit=gone* ]]
	ask a close t "$share" 3 0 0
	assert_equal "$ANSWER" share_close=0
	tell a credit s "$share" 2 1152921504606846977
	says a 's credit=Invalid argument'
	tell a credit s 0 2 5
	wait_until has_said a 's credit=Invalid argument' 2
	run -1 said a gone
}

@test "sessions are counted by the broker, over nodes; one that is killed frees its place" {
	account carol 'max-sessions=3'
	up a
	up b
	open_session a s1 carol
	local share=$SHARE
	ask a join s2 carol
	ask a credit s2 "$share" 2
	[[ $ANSWER == credit=granted*nodes=1 ]]
	open_session b t1 carol
	[[ $ANSWER == credit=granted*nodes=2 ]]
	ask b join t2 carol
	ask b credit t2 "$SHARE" 2
	[[ $ANSWER == credit=too-many* ]]
	has_sessions carol 3
	tell a leave s1
	wait_until has_sessions carol 2
	ask b credit t2 "$SHARE" 3
	[[ $ANSWER == credit=granted* ]]
	# the last one of a node
	tell a leave s2
	wait_until has_sessions carol 2
	assert_equal "$(store_psql -c 'SELECT count(*) FROM sallyport.share')" 2
	# the next session goes on with the share
	ask a join s3 carol
	ask a credit s3 "$share" 9
	[[ $ANSWER == credit=granted\ share=$share* ]]
	has_sessions carol 3
}

@test "sessions that end while the database is down are told when it is back" {
	account dora 'max-sessions=2'
	up a
	open_session a s dora
	has_sessions dora 1
	store_stop
	says a 'state down'
	ask a credit s "$SHARE" 2
	assert_equal "$ANSWER" 'credit=Resource temporarily unavailable'
	assert [ "$(sed -n 's/^s credit=Res.* ms=//p' "$DIR/a/said")" -lt 100 ]
	tell a leave s
	says a 's left'
	store_run
	wait_until has_sessions dora 0
}

@test "logins at once on two nodes with max-sessions=1: never two" {
	account eve 'max-sessions=1'
	up a
	up b
	local i granted
	for i in $(seq 1 "${SHARES_LOGINS:-40}"); do
		tell a join "s$i" eve
		tell b join "t$i" eve
		says a "s$i found"
		says b "t$i found"
		tell a credit "s$i" 0 "$((i + 1))"
		tell b credit "t$i" 0 "$((i + 1))"
		says a "s$i credit"
		says b "t$i credit"
		granted=$(cat "$DIR/a/said" "$DIR/b/said" | grep -cE "^[st]$i credit=granted")
		[ "$granted" -le 1 ] || fail "two at once, in round $i"
		tell a leave "s$i"
		tell b leave "t$i"
		wait_until has_sessions eve 0
	done
	grep -qE '^[st][0-9]+ credit=granted' "$DIR/a/said" "$DIR/b/said"
}

@test "room that another node does not use is called back within a second; a session that is deaf is passed over" {
	account fay 'quota=1000'
	up a
	up b
	open_session a s fay
	local share=$SHARE
	count_home a s 0 0
	ask a credit s "$share" 3 0 0 0 0 900
	[[ $ANSWER == credit=granted*allow=900* ]]
	ask a join s2 fay
	ask a credit s2 "$share" 4 0 0 900
	tell a deaf s
	open_session b t fay
	tell b deaf t    # its own broker calls it, too
	local began ended
	began=$(date +%s%3N)
	ask b credit t "$SHARE" 2 0 0 0 0 500
	[[ $ANSWER == credit=called* ]]
	says a 's recalled'
	says a 's2 recalled'
	wait_until -t 3 eval 'ask b credit t "$SHARE" "$(($(count_said b "t credit") + 2))" 0 0 0 0 500 && [[ $ANSWER == credit=granted* ]]'
	ended=$(date +%s%3N)
	assert [ $((ended - began)) -lt 1000 ]
}

@test "two servers with one name: the first one gets nothing more, and says what to do" {
	account gus 'quota=1000'
	up a
	open_session a s gus
	local share=$SHARE
	up b '' a
	wait_until -t 15 said a 'node a refused'
	says a 's recalled'    # so that it hears at once
	says a 's credit=gone share=0'
	ask a credit s "$share" 2
	[[ $ANSWER == credit=gone\ share=0* ]]
	ask a join s2 gus
	[[ $ANSWER == found=account* ]]
	ask a credit s2 0 1
	[[ $ANSWER == credit=gone* ]]
	open_session b t gus
}

@test "a node that dies: its lease ends, and the next beat of another one buries what it held" {
	account hal 'quota=1000'
	up a
	open_session a s hal
	local share=$SHARE
	count_home a s 0 0
	ask a credit s "$share" 3 0 0 0 0 400
	end_node a
	store_psql -qc "UPDATE sallyport.node SET lease_until = '-infinity' WHERE name = 'a'"
	up b
	wait_until -t 15 eval '[ "$(store_psql -c "SELECT count(*) FROM sallyport.share")" = 0 ]'
	assert_equal "$(store_psql -F' ' -c 'SELECT base_bytes, slack_bytes FROM sallyport.usage')" '0 400'
}

@test "a ledger that somebody has locked makes nobody else wait" {
	account ina 'quota=1000'
	account jon 'quota=1000'
	up a
	open_session a s ina
	local share=$SHARE
	open_session a t jon
	local other=$SHARE
	store_psql -qc "BEGIN; SELECT 1 FROM sallyport.usage u JOIN sallyport.account a ON a.id = u.account WHERE a.name = 'ina' FOR UPDATE; SELECT pg_sleep(4); COMMIT" >/dev/null &
	local locker=$!
	wait_until eval '[ -n "$(store_psql -c "SELECT 1 FROM pg_stat_activity WHERE wait_event = '"'PgSleep'"'")" ]'
	tell a credit s "$share" 2
	ask a credit t "$other" 2
	[[ $ANSWER == credit=granted* ]]
	says a 's credit=Resource temporarily unavailable'
	run -1 said a 'state down'
	wait "$locker"
	ask a credit s "$share" 3
	[[ $ANSWER == credit=granted* ]]
}

somebody_sleeps()
{
	[ "$(store_psql -c "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ]
}

@test "a row of the node that somebody has locked: no shares for now, and look-ups go on" {
	account ivy 'quota=1000'
	up a
	end_node a
	store_psql -qc 'BEGIN' -c "SELECT * FROM sallyport.node WHERE name = 'a' FOR UPDATE" -c 'SELECT pg_sleep(30)' >/dev/null 2>&1 3>&- &
	wait_until somebody_sleeps
	node a
	says a 'state up'
	ask a join s ivy
	[[ $ANSWER == found=account* ]]
	ask a credit s 0 1
	assert_equal "$ANSWER" 'credit=Resource temporarily unavailable'
	# a beat later
	before=$(count_said a 'node ')
	wait_until -t 25 has_said a 'node ' $((before + 1))
	ask a join t ivy
	[[ $ANSWER == found=account* ]]
	run -1 said a 'state down'
	store_psql -qc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
	wait_until -t 25 said a 'node a known'
	ask a credit s 0 2
	[[ $ANSWER == credit=granted* ]]
}

# --- failover ---

# more NODE: credit for 10 bytes more than session s holds, of which all are used. What it was told is in HELD_NODE, the number
# of its last message in SEQ_NODE.
more()
{
	local -n held=HELD_$1 seq=SEQ_$1 share=SHARE_$1
	seq=$((seq + 1))
	ask "$1" credit s "$share" "$seq" "$held" 0 "$held" 0 10 0 0 0
	[[ $ANSWER != credit=granted* ]] || { held=${ANSWER#*allow=} && held=${held%%,*}; }
}

@test "the primary is killed and its standby promoted while credit is granted: nothing that was granted is lost, none is granted twice" {
	local i both sum STANDBY_PORT=5999
	account kim 'quota=2000'
	store_standby "$STORE_DIR/data" "$STORE_PORT" "$STORE_DIR/standby" "$STANDBY_PORT"
	both="host=$STORE_SOCKETS,$STORE_SOCKETS port=$STORE_PORT,$STANDBY_PORT dbname=sallyport user=sallyport_node target_session_attrs=read-write"
	up a "$both"
	up b "$both"
	open_session a s kim
	SHARE_a=$SHARE HELD_a=0 SEQ_a=2
	count_home a s 100 1
	open_session b s kim
	SHARE_b=$SHARE HELD_b=0 SEQ_b=1
	tell a deaf s    # they give nothing back by themselves
	tell b deaf s
	for i in $(seq 10); do
		more a
		more b
	done
	assert_equal "$HELD_a $HELD_b" '100 100'
	# in the middle of it: each may have been done, and its answer lost
	(sleep 0.3; store_stop immediate) 3>&- &
	until said a 'state down'; do
		more a
		more b
	done
	wait $!
	store_promote "$STORE_DIR/standby"
	wait_until -t 15 has_said a 'state up' 2
	wait_until -t 15 has_said b 'state up' 2
	sum="SELECT bool_and(s.allow_bytes >= v.held), u.base_bytes + u.slack_bytes + sum(s.allow_bytes) <= 2000, count(*)
		FROM sallyport.share s JOIN (VALUES ($SHARE_a::bigint, $HELD_a), ($SHARE_b, $HELD_b)) v (id, held) USING (id)
		JOIN sallyport.usage u ON u.account = s.account GROUP BY u.base_bytes, u.slack_bytes"
	STORE_PORT=$STANDBY_PORT store_psql -F' ' -c "$sum" >"$DIR/sums"
	assert_equal "$(cat "$DIR/sums")" 't t 2'
	# both go on with what they hold, up to the last byte
	for i in $(seq 250); do
		more a
		[[ $ANSWER == credit=granted* ]] || break
	done
	[[ $ANSWER == credit=over-quota* ]] || [[ $ANSWER == credit=called* ]]
	assert [ $((HELD_a + HELD_b)) -le 1900 ]
	more b
	[[ $ANSWER != credit=gone* ]]
	end_node b
	end_node a
	store_end_standby "$STORE_DIR/standby"
}

@test "a broker that stands still beyond its lease: what it held counts as used, and its shares are gone when it goes on" {
	account lea 'quota=1000'
	up a
	open_session a s lea
	local share=$SHARE
	count_home a s 0 0
	ask a credit s "$share" 3 0 0 0 0 400
	kill -STOP "$(broker_pid a)"
	store_psql -qc "UPDATE sallyport.node SET lease_until = '-infinity' WHERE name = 'a'"
	up b
	open_session b t lea
	ask b credit t "$SHARE" 2 0 0 0 0 700
	[[ $ANSWER == credit=not-now* ]]
	ask b credit t "$SHARE" 3 0 0 0 0 600
	[[ $ANSWER == credit=granted*allow=600,0* ]]
	kill -CONT "$(broker_pid a)"
	wait_until eval 'ask a credit s "$share" "$(($(count_said a "s credit") + 5))" 300 0 400 && [[ $ANSWER == credit=gone* ]]'
	# it opens anew, and is a node as before
	ask a credit s 0 1
	[[ $ANSWER == credit=granted*allow=0,0* ]]
	run -1 said a 'node a refused'
}

# --- a database that lies ---

# fake MODE: node a, at a database of that kind.
fake()
{
	end_node a
	[ -z "${FAKE_PID-}" ] || kill "$FAKE_PID" 2>/dev/null || :
	rm -f "$DIR/fake-port"
	"$BATS_TEST_DIRNAME/fake-postgres" "$1" "$DIR/fake-port" >"$DIR/fake-log" 2>&1 3>&- &
	FAKE_PID=$!
	wait_until test -e "$DIR/fake-port"
	node a "host=127.0.0.1 port=$(cat "$DIR/fake-port") dbname=sallyport user=sallyport_node sslmode=disable"
	says a 'state up'
}

@test "credit that was not asked for, and what is none, is not passed on, with an event, and the connection stays" {
	local mode
	fake honest
	ask a join s alice
	ask a credit s 0 1
	[[ $ANSWER == credit=granted* ]]
	for mode in credit-null credit-outcome credit-huge credit-gift credit-text credit-nul credit-count credit-nodes; do
		fake "$mode"
		ask a join s alice
		ask a credit s 0 1
		assert_equal "$mode $ANSWER" "$mode credit=Resource temporarily unavailable"
		says a 'log share-refused account_id=1 message=it'
		run -1 said a 'state down'
		run -1 said a 'gone'
	done
	fake truth
	ask a join s alice
	ask a close s 1 1
	assert_equal "$ANSWER" 'share_close=Resource temporarily unavailable'
	says a 'log share-refused account_id=1 message=its answer is neither true nor false'
}

@test "an answer to a credit that is none, or an error, is no answer; look-ups go on" {
	local mode
	for mode in credit-error credit-columns credit-rows credit-big; do
		fake "$mode"
		ask a join s alice
		ask a credit s 0 1
		assert_equal "$mode $ANSWER" "$mode credit=Resource temporarily unavailable"
		run -1 said a 'gone'
		run -1 said a 'alarm'
		wait_until eval 'ask a join "s$((n = ${n-0} + 1))" alice && [[ $ANSWER == found=account* ]]'
	done
}

@test "a database that does not know the node, or gives it a number that is none, lends it nothing" {
	local mode
	fake hello-null
	says a 'node a refused'
	ask a join s alice
	ask a credit s 0 1
	[[ $ANSWER == credit=gone\ share=0\ allow=0,0* ]]
	for mode in hello-text hello-negative hello-huge; do
		fake "$mode"
		says a 'node a unknown'
		ask a join s alice
		ask a credit s 0 1
		assert_equal "$mode $ANSWER" "$mode credit=Resource temporarily unavailable"
	done
}

@test "2000 sessions of 500 accounts ask at once: each gets an answer, and the broker stays small" {
	local i
	store_psql -qc "INSERT INTO sallyport.account (name, hash, uid, gid, home, options, quota_bytes, limits_of)
		SELECT 'u' || i, '*', 200000, 200000, '/srv/u' || i, 'quota=1000', 1000, md5('quota=1000')::uuid FROM generate_series(0, 499) i"
	up a
	for i in $(seq 0 1999); do
		echo "join s$i u$((i % 500))"
	done >"$DIR/a/tell"
	wait_until -t 30 has_said a 's[0-9]* found=account' 2000
	tell a load s 1 2000
	wait_until -t 30 said a 's load credits='
	[[ $(grep '^s load' "$DIR/a/said") =~ credits=([0-9]+)\ refused=([0-9]+) ]]
	assert [ "${BASH_REMATCH[1]}" -ge 500 ]
	assert [ $((BASH_REMATCH[1] + BASH_REMATCH[2])) -ge 2000 ]
	is_asan || assert [ "$(awk '/^VmHWM:/ { print $2 }' "/proc/$(broker_pid a)/status")" -lt 40000 ]
	run -1 said a 'state down'
}
