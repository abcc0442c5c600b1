#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The database's half of quotas over several nodes: random walks over the functions of the ledger, and what a node that
# lies can do. SHARES_WALKS=N walks N times, and tries every mutant ("make test-cluster").

load lib
load store

setup_file()
{
	store_need
	command -v python3 >/dev/null || skip 'python3 is not installed'
	store_start
	store_schema
}

teardown_file()
{
	store_end
}

walk()
{
	timeout "${WALK_TIMEOUT:-90}" python3 "$BATS_TEST_DIRNAME/../cluster/walk.py" "$(store_connect postgres)" "$@"
}

# As the role of a server.
ask()
{
	PGOPTIONS='' timeout 60 psql -X -v ON_ERROR_STOP=1 -h "$STORE_SOCKETS" -p "$STORE_PORT" -U sallyport_node -d sallyport \
		-Atq -F' ' -c "$1"
}

# fresh NAME LIMITS: an account of that name, as $account, and two nodes as $a and $b, whose boots are $boot_a and $boot_b.
fresh()
{
	store_psql -qc "SELECT sallyport.account_remove('$1')" >/dev/null
	store_add "$1:*:200000:200000:/srv/$1:$2"
	account=$(store_psql -c "SELECT id FROM sallyport.account WHERE name = '$1'")
	boot_a=$(cat /proc/sys/kernel/random/uuid)
	boot_b=$(cat /proc/sys/kernel/random/uuid)
	a=$(ask "SELECT sallyport.node_hello('a', '$boot_a')")
	b=$(ask "SELECT sallyport.node_hello('b', '$boot_b')")
}

# credit NODE SHARE SEQ NET KEEP WANT [SESSIONS]: bytes alone; the outcome, the share and what it allows.
credit()
{
	local boot=boot_$1
	ask "SELECT o_outcome, o_share, o_allow_bytes FROM sallyport.credit($account, ${!1}, '${!boot}', $2, $3, ${7:-1}, $4, 0,
		$5, 0, $6, 0, 0, 0)"
}

# Open the account on a node, counted: it holds BYTES. Sets $share.
open_counted()
{
	local boot=boot_$1 count
	read -r share count < <(ask "SELECT o_share, o_count FROM sallyport.credit($account, ${!1}, '${!boot}', 0, 1, 1, 0, 0,
		0, 0, 0, 0, 0, 0)")
	[ "$(ask "SELECT sallyport.counted($account, ${!1}, '${!boot}', $share, 2, 0, 0, $2, 0, $count)")" = t ]
}

# What the account uses for certain, and what it may use.
base_and_slack()
{
	store_psql -F' ' -c "SELECT base_bytes, slack_bytes, is_counted FROM sallyport.usage WHERE account = $account"
}

@test "random walks: nodes die, messages are lost, late and doubled, quotas change: every promise is kept" {
	if [ -n "${SHARES_WALKS-}" ]; then
		WALK_TIMEOUT=3600 run walk --walks "$SHARES_WALKS"
	else
		run walk --seconds 15
	fi
	assert_success
	assert_output --partial 'every promise was kept'
	assert_output --regexp '^[1-9]'
}

@test "the walks judge: they find mistakes in the functions" {
	local mutant mutants='bury-without-slack refused-not-recalled'
	[ -z "${SHARES_WALKS-}" ] || mutants=$(python3 "$BATS_TEST_DIRNAME/../cluster/walk.py" --mutants)
	for mutant in $mutants; do
		WALK_TIMEOUT=700 run walk --mutant "$mutant" --seconds 600
		[ "$status" -eq 0 ] || fail "$mutant was not found: $output"
		assert_output --regexp '^seed [0-9]+, step'
	done
}

@test "eight nodes and an administrator at the same accounts: nobody is a deadlock's victim, and no more is lent than there is" {
	run walk --crowd 5
	assert_success
	assert_output --partial 'no deadlock, and the sums hold'
}

@test "figures that no ledger has are refused, and change nothing" {
	fresh alice 'quota=1000'
	open_counted a 100
	local before figures
	before=$(base_and_slack)
	for figures in "$share, 3, -1, 0, 0, 0, 0, 0, 0" "$share, 3, 1, 9223372036854775807, 0, 0, 0, 0, 0" \
		"$share, 3, 1, -9223372036854775808, 0, 0, 0, 0, 0" "$share, 3, 1, 0, 0, -9223372036854775808, 0, 0, 0" \
		"$share, 3, 1, 0, 0, 0, 0, -1, 0" "$share, 3, 1, 0, 0, 0, 0, 9223372036854775807, 0" "$share, 0, 1, 0, 0, 0, 0, 0, 0" \
		"$share, -1, 1, 0, 0, 0, 0, 0, 0" "-1, 3, 1, 0, 0, 0, 0, 0, 0" "0, 3, 1, 5, 0, 0, 0, 0, 0" "$share, 3, 1, NULL, 0, 0, 0, 0, 0" \
		"NULL, 3, 1, 0, 0, 0, 0, 0, 0"; do
		run ask "SELECT sallyport.credit($account, $a, '$boot_a', $figures, 0, 0)"
		assert_failure
		assert_output --partial 'figures that no ledger has'
	done
	run ask "SELECT sallyport.counted($account, $a, '$boot_a', $share, 3, 0, 0, -5, 0, 0)"
	assert_output --partial 'figures that no ledger has'
	run ask 'SELECT sallyport.expire(2147483647)'
	assert_output --partial 'figures that no ledger has'
	run ask 'SELECT sallyport.credit(1, 1, NULL, 92233720368547758080, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)'
	assert_failure
	[ "$(base_and_slack)" = "$before" ]
}

@test "a share belongs to its node: with another one's number, or an older boot, it is gone" {
	fresh bob 'quota=1000'
	open_counted a 100
	[ "$(credit b "$share" 3 0 0 0)" = '3  ' ]
	[ "$(ask "SELECT sallyport.share_close($account, $b, '$boot_b', $share, 3, 0, 0)")" = f ]
	[ "$(ask "SELECT sallyport.share_close($account, $a, '$boot_b', $share, 3, 0, 0)")" = f ]
	local old=$boot_a
	boot_a=$(cat /proc/sys/kernel/random/uuid)
	[ "$(ask "SELECT sallyport.node_hello('a', '$boot_a')")" = "$a" ]
	[ -z "$(ask "SELECT sallyport.node_hello('a', '$old')")" ]
	[ "$(credit a "$share" 3 0 0 0)" = '3  ' ]
}

@test "the last number of all stops the share that has it, and nothing else" {
	fresh carol 'quota=1000'
	open_counted a 100
	[ "$(credit a "$share" 9223372036854775807 0 0 300)" = "0 $share 300" ]
	[ "$(credit a "$share" 9223372036854775807 0 0 0)" = "7 $share 300" ]
	[ "$(credit b 0 1 0 0 600 | cut -d' ' -f1,3)" = '0 600' ]
	[ "$(credit a 0 1 0 0 0 | cut -d' ' -f1,3)" = '0 0' ]
	[ "$(base_and_slack)" = '100 300 t' ]
}

@test "a node that went over its share, or removed more than there was: nothing is granted until the home is counted" {
	local net
	for net in 501 -101; do
		fresh dave 'quota=1000'
		open_counted a 100
		[ "$(credit a "$share" 3 0 0 500)" = "0 $share 500" ]
		[ "$(credit a "$share" 4 "$net" "$net" 0)" = '3  ' ]
		[ "$(base_and_slack)" = '100 500 f' ]
		[ "$(credit b 0 1 0 0 1 | cut -d' ' -f1)" = 6 ]
	done
}

@test "a quota that goes below what is used and lent: nothing more is granted, and what is lent stays" {
	fresh erin 'quota=1000'
	open_counted a 100
	[ "$(credit a "$share" 3 0 0 500)" = "0 $share 500" ]
	store_psql -qc "SELECT sallyport.account_set('erin:*:200000:200000:/srv/erin:quota=300', NULL, 300, NULL)" >/dev/null
	[ "$(credit a "$share" 4 200 500 10)" = "1 $share 500" ]
	[ "$(credit b 0 1 0 0 10 | cut -d' ' -f1)" = 1 ]
	[ "$(credit a "$share" 5 150 150 0)" = "0 $share 150" ]
	[ "$(credit b 0 2 0 0 50 | cut -d' ' -f1,3)" = '0 50' ]
}

@test "sessions are counted over all nodes; those of a dead node end with its lease" {
	fresh frank 'max-sessions=3'
	[ "$(credit a 0 1 0 0 0 2 | cut -d' ' -f1)" = 0 ]
	[ "$(credit b 0 1 0 0 0 2)" = '5 0 ' ]
	[ "$(credit b 0 1 0 0 0 1 | cut -d' ' -f1)" = 0 ]
	store_psql -qc "UPDATE sallyport.node SET lease_until = '-infinity' WHERE name = 'a'"
	[ "$(credit b 0 2 0 0 0 3 | cut -d' ' -f1)" = 0 ]
}

@test "sessions that end without a word are told apart from later ones" {
	fresh frida 'max-sessions=2'
	local left="SELECT sallyport.share_sessions($account, $a, '$boot_a'"
	read -r _ share _ < <(credit a 0 1 0 0 0 2)
	[ "$(credit b 0 1 0 0 0 1)" = '5 0 ' ]
	[ "$(ask "$left, $share, 1, 1)")" = t ]
	[ "$(credit b 0 1 0 0 0 1 | cut -d' ' -f1)" = 0 ]
	[ "$(ask "$left, $share, 1, 2)")" = t ]    # it never raises the number
	[ "$(credit b 0 2 0 0 0 1 | cut -d' ' -f1)" = 0 ]
	credit a "$share" 2 0 0 0 1
	[ "$(ask "$left, $share, 1, 0)")" = f ]    # it was said before the last message
	[ "$(credit b 0 3 0 0 0 2)" = '5 0 ' ]
	[ "$(ask "SELECT sallyport.share_sessions($account, $b, '$boot_b', $share, 9, 0)")" = f ]
	[ "$(ask "SELECT sallyport.share_sessions($account, $a, '$boot_b', $share, 9, 0)")" = f ]
	run ask "$left, $share, 9, -1)"
	assert_output --partial 'figures that no ledger has'
}

# credit_of BROKER ALONE SHARE SEQ SESSIONS: of node a; the outcome.
credit_of()
{
	ask "SELECT o_outcome FROM sallyport.credit($account, $a, '$boot_a', $3, $4, $5, 0, 0, 0, 0, 0, 0, 0, 0, $1, $2)"
}

@test "two brokers of a node, after an upgrade: their sessions count together, until one of them is alone" {
	fresh fritz 'max-sessions=3'
	local left="SELECT sallyport.share_sessions($account, $a, '$boot_a'"
	read -r _ share _ < <(ask "SELECT o_outcome, o_share FROM sallyport.credit($account, $a, '$boot_a', 0, 1, 2, 0, 0, 0, 0,
		0, 0, 0, 0, 11, true)")
	[ "$(credit_of 12 false "$share" 2 1)" = 0 ]
	[ "$(credit b 0 1 0 0 0 1)" = '5 0 ' ]
	[ "$(credit_of 12 false "$share" 3 2)" = 5 ]
	# what the old one says later is about its own
	[ "$(credit_of 11 false "$share" 4 2)" = 0 ]
	[ "$(credit b 0 2 0 0 0 1)" = '5 0 ' ]
	[ "$(ask "$left, $share, 4, 1, 11, false)")" = t ]
	[ "$(credit b 0 3 0 0 0 1 | cut -d' ' -f1)" = 0 ]
	[ "$(ask "$left, $share, 3, 0, 11, false)")" = f ]
	[ "$(ask "$left, $share, 9, 0, 13, false)")" = f ]
	# the old one was killed
	[ "$(credit_of 12 false "$share" 5 2)" = 5 ]
	[ "$(credit_of 12 true "$share" 6 2)" = 0 ]
	[ "$(store_psql -c "SELECT sessions FROM sallyport.share WHERE id = $share")" = 2 ]
}

@test "however many brokers a node names, its share keeps sixteen" {
	fresh fiona 'quota=1000'
	local broker
	open_counted a 0
	for broker in $(seq 3 25); do
		[ "$(credit_of "$broker" false "$share" "$broker" 1)" = 0 ]
	done
	[ "$(store_psql -F' ' -c "SELECT cardinality(voices), sessions FROM sallyport.share WHERE id = $share")" = '16 16' ]
}

@test "an administrator sees the nodes: when they were heard last, and what they hold" {
	fresh karl 'quota=1000'
	store_psql -qc "DELETE FROM sallyport.ghost; DELETE FROM sallyport.share; DELETE FROM sallyport.node"
	fresh karl 'quota=1000'
	credit a 0 1 0 0 0 3 >/dev/null
	store_psql -qc "UPDATE sallyport.node SET lease_until = lease_until - interval '45 s' WHERE name = 'b'"
	run store_psql -F' ' -U sallyport_admin -c 'SELECT * FROM sallyport.node_list()'
	assert_line --index 0 --regexp '^a [0-5] t 1 3$'
	assert_line --index 1 --regexp '^b (4[5-9]|50) f 0 0$'
	store_psql -qc "SELECT sallyport.node_forget('a')" >/dev/null
	assert_equal "$(store_psql -F' ' -U sallyport_admin -c "SELECT * FROM sallyport.node_list() WHERE o_name = 'a'")" 'a  f 1 3'
	run ask 'SELECT * FROM sallyport.node_list()'
	assert_failure
	assert_output --partial 'permission denied'
}

@test "the answer says on how many nodes the account has sessions" {
	fresh leo 'quota=1000'
	local nodes="SELECT o_nodes FROM sallyport.credit($account"
	[ "$(ask "$nodes, $a, '$boot_a', 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)")" = 1 ]
	[ "$(ask "$nodes, $b, '$boot_b', 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)")" = 2 ]
	[ "$(ask "$nodes, $a, '$boot_a', 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)")" = 2 ]
	[ "$(ask "$nodes, $b, '$boot_b', 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)")" = 1 ]
}

@test "a line and its limits are changed together, or not at all" {
	fresh grace 'quota=1000'
	run store_psql -c "UPDATE sallyport.account SET options = 'quota=1G' WHERE name = 'grace'"
	assert_failure
	assert_output --partial limits_are_of_these_options
	run store_psql -c "SELECT sallyport.account_add('{x:*:1:1:/x:}', '{}', '{NULL}', '{NULL}')"
	assert_failure
	assert_output --partial 'each line needs its limits'
}

@test "an account that goes takes its shares along; one of the same name begins anew" {
	fresh heidi 'quota=1000'
	open_counted a 100
	store_psql -qc "SELECT sallyport.account_remove('heidi')" >/dev/null
	[ "$(credit a "$share" 3 10 10 50)" = '3  ' ]
	fresh heidi 'quota=1000'
	[ "$(credit a 0 1 0 0 50 | cut -d' ' -f1,3)" = '4 0' ]
}

@test "an administrator sees who holds what, and declares a node dead" {
	fresh ivan 'quota=1000'
	open_counted a 100
	credit a "$share" 3 0 0 540
	credit a "$share" 4 40 540 0
	local show="SELECT o_quota_bytes, o_base_bytes, o_slack_bytes, o_haunted, o_node, o_net_bytes, o_allow_bytes
		FROM sallyport.quota_show('ivan')"
	[ "$(store_psql -F' ' -U sallyport_admin -c "$show")" = '1000 100 0 {} a 40 540' ]
	store_psql -qc "UPDATE sallyport.node SET lease_until = '-infinity' WHERE name = 'a'"
	ask 'SELECT sallyport.expire(100)'
	[ "$(store_psql -F' ' -U sallyport_admin -c "$show")" = '1000 140 500 {a}   ' ]
	[ "$(credit b 0 1 0 0 600 | cut -d' ' -f1)" = 6 ]
	[ "$(store_psql -U sallyport_admin -c "SELECT sallyport.node_forget('a')")" = 0 ]
	[ "$(credit b 0 2 0 0 600 | cut -d' ' -f1)" = 4 ]
	[ -z "$(ask "SELECT sallyport.node_hello('a', '$boot_a')")" ]
	run ask "SELECT sallyport.node_forget('b')"
	assert_failure
	assert_output --partial 'permission denied'
}

@test "the name of a node belongs to the role that said hello first" {
	fresh judy 'quota=1000'
	store_psql -qc 'CREATE ROLE other_node LOGIN IN ROLE sallyport_node'
	[ -z "$(store_psql -U other_node -c "SELECT sallyport.node_hello('a', gen_random_uuid())")" ]
	open_counted a 100
	[ "$(store_psql -U other_node -c "SELECT o_outcome FROM sallyport.credit($account, $a, '$boot_a', $share, 3, 1,
		0, 0, 0, 0, 0, 0, 0, 0)")" = 3 ]
	store_psql -qc 'DROP ROLE other_node'
}

# beside_open_transaction STATEMENT COMMAND...: run it while another role (or HOLDER) is in a transaction that does not end.
beside_open_transaction()
{
	local statement=$1 holder result=0
	shift
	store_psql -qc 'CREATE ROLE hostile_node LOGIN IN ROLE sallyport_node'
	store_psql -U "${HOLDER-hostile_node}" -c 'BEGIN' -c "$statement" -c 'SELECT pg_sleep(60)' >/dev/null 2>&1 3>&- &
	holder=$!
	wait_until transaction_sleeps
	"$@" || result=1
	store_psql -qc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
	wait "$holder" || :
	store_psql -qc 'DROP ROLE hostile_node'
	store_psql -qc "DELETE FROM sallyport.share s USING sallyport.node n WHERE n.id = s.node AND n.name = 'hostile'" \
		-c "DELETE FROM sallyport.node WHERE name = 'hostile'"
	return "$result"
}

transaction_sleeps()
{
	[ "$(store_psql -c "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ]
}

beats_at_once()
{
	[ "$(ask "SET statement_timeout = '3s'; SELECT sallyport.node_beat($a, '$boot_a')")" = t ] &&
		[ "$(ask "SET statement_timeout = '3s'; SELECT sallyport.node_hello('a', '$boot_a')")" = "$a" ] &&
		[ "$(credit a "$share" 3 0 0 300)" = "0 $share 300" ]
}

@test "a role that says hello in the name of another node holds up nothing of it" {
	fresh julia 'quota=1000'
	open_counted a 100
	beside_open_transaction "SELECT sallyport.node_hello('a', gen_random_uuid())" beats_at_once
}

buries_others()
{
	store_psql -qc "UPDATE sallyport.node SET lease_until = '-infinity' WHERE name IN ('b', 'hostile')" &&
		[ "$(ask "SET statement_timeout = '3s'; SELECT sallyport.expire(1)")" = 1 ] &&
		[ "$(store_psql -c "SELECT count(*) FROM sallyport.share s JOIN sallyport.node n ON n.id = s.node WHERE n.name = 'b'")" = 0 ]
}

@test "a node that holds its own shares locked holds up no burial of others" {
	local uuid=11111111-1111-1111-1111-111111111111
	store_psql -qc 'DELETE FROM sallyport.share'
	fresh jim 'quota=1000'
	store_psql -qc 'CREATE ROLE hostile_node LOGIN IN ROLE sallyport_node'
	hostile=$(store_psql -U hostile_node -c "SELECT sallyport.node_hello('hostile', '$uuid')")
	share=$(store_psql -U hostile_node -c "SELECT o_share FROM sallyport.credit($account, $hostile, '$uuid', 0, 1, 1,
		0, 0, 0, 0, 0, 0, 0, 0)")
	store_psql -qc 'DROP ROLE hostile_node'
	credit b 0 1 0 0 0
	beside_open_transaction "SELECT sallyport.share_sessions($account, $hostile, '$uuid', $share, 9, 0)" buries_others
}

is_answered_in_time()
{
	[ "$(ask "SET statement_timeout = '3s'; SELECT sallyport.node_hello('a', '$boot_a')")" = 0 ] &&
		run ask "SET statement_timeout = '3s'; SELECT sallyport.node_beat($a, '$boot_a')" &&
		assert_output --partial 'lock timeout'
}

@test "a row of a node that somebody holds: its hello and its beat are answered in time for look-ups behind them" {
	fresh jill 'quota=1000'
	HOLDER=sallyport_node beside_open_transaction "SELECT sallyport.node_hello('a', '$boot_a')" is_answered_in_time
}

# Some seconds, then an error that says so.
forgets_in_time()
{
	run timeout 20 env PGOPTIONS= psql -X -h "$STORE_SOCKETS" -p "$STORE_PORT" -U sallyport_admin -d sallyport \
		-Atc "SELECT sallyport.node_forget('hostile')"
	assert_failure 1 && assert_output --partial 'a transaction of this node does not end'
}

@test "a node that holds its own row holds up its node_forget for seconds, and not for ever" {
	store_psql -qc 'CREATE ROLE hostile_node LOGIN IN ROLE sallyport_node'
	store_psql -U hostile_node -qc "SELECT sallyport.node_hello('hostile', '11111111-1111-1111-1111-111111111111')" >/dev/null
	store_psql -qc 'DROP ROLE hostile_node'
	beside_open_transaction "SELECT sallyport.node_hello('hostile', '11111111-1111-1111-1111-111111111111')" forgets_in_time
}

@test "a ledger is not read through an old snapshot" {
	fresh mallory 'quota=1000'
	run ask "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT sallyport.credit($account, $a, '$boot_a', 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)"
	assert_failure
	assert_output --partial 'READ COMMITTED'
}
