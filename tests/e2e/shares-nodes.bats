#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Two servers with the same homes and the same accounts in PostgreSQL: quotas and max-sessions hold for both together,
# whatever dies. SHARES_KILLS: how often something is killed in the long test (100 in 'make test-cluster').

load lib
load store

NODES='a b'

setup_file()
{
	store_need
	[ -x "$BUILD/sallyport-broker" ] || skip "this build has no sallyport-broker: libpq is not installed"
	BROKER=sp-broker-$$
	export BROKER
	useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$BROKER"
	store_start
	store_schema
}

teardown_file()
{
	[ -z "${BROKER-}" ] || wait_until userdel "$BROKER"
	store_end
}

setup()
{
	new_place
	install -d -m 755 "$DIR/libexec"
	install -m 755 "$BUILD/sallyport-broker" "$DIR/libexec/sallyport-broker"
	store_psql -qc 'DELETE FROM sallyport.account' -c 'DELETE FROM sallyport.share' -c 'DELETE FROM sallyport.ghost' \
		-c 'DELETE FROM sallyport.node'
	PID_a='' PID_b=''
}

teardown()
{
	local node status=0
	for node in $NODES; do
		end_node "$node" || status=1
	done
	SERVER_PID=
	end_place || status=1
	[ -e "$STORE_DIR/data/postmaster.pid" ] || store_run
	return "$status"
}

# use_node NODE: its configuration and log from now on.
use_node()
{
	CONF=$DIR/$1/sallyport.conf LOG=$DIR/$1/log
	eval "SERVER_PID=\$PID_$1"
	export CONF LOG SERVER_PID
}

# start_node NODE [LINE...]
start_node()
{
	local before node=$1
	shift
	use_node "$node"
	[ -d "$DIR/$node" ] || write_node "$node" "$@"
	before=$(times_ready)
	"$BUILD/sallyportd" -f -c "$CONF" </dev/null >"$DIR/$node/stdout" 2>"$DIR/$node/stderr" 3>&- &
	SERVER_PID=$!
	eval "PID_$node=$SERVER_PID"
	wait_until -t 30 server_is_settled "$before"
	! is_gone "$SERVER_PID" || { cat "$DIR/$node/stderr" >&2 && return 1; }
	find_ports
	eval "PORT_$node=$PORT"
	export PORT_a PORT_b PID_a PID_b
	wait_until -t 20 node_is_known "$node"
}

node_is_known()
{
	[ "$(store_psql -c "SELECT count(*) FROM sallyport.node WHERE name = '$1' AND lease_until > now()")" = 1 ]
}

# write_node NODE [LINE...]
write_node()
{
	local node=$1
	shift
	mkdir "$DIR/$node"
	install -m 0640 -g "$BROKER" /dev/null "$DIR/$node/store.conf"
	printf '%s\n' "connect = \"$(store_connect sallyport_node)\"" "node = \"$node\"" >"$DIR/$node/store.conf"
	write_config 'listen = {"127.0.0.1:0"}' "accounts = \"postgresql:$DIR/$node/store.conf\"" "broker-user = \"$BROKER\"" \
		"libexec-directory = \"$DIR/libexec\"" "home-directory = \"$DIR/home\"" 'uid-range = "200000-299999"' \
		"state-directory = \"$DIR/$node/state\"" "runtime-directory = \"$DIR/$node/run\"" \
		"log { target = \"$LOG\" level = \"debug\" }" \
		'limits { sessions-per-address = 500 sessions-per-user = 500 }' "$@"
}

end_node()
{
	local status=0 pid
	use_node "$1"
	pid=$SERVER_PID
	[ -z "$pid" ] || { kill -CONT "$pid" && kill -INT "$pid"; } 2>/dev/null || :
	[ -z "$pid" ] || wait_until -t 10 is_gone "$pid" || { kill -KILL "$pid" && status=1; }
	[ -n "${ALARM_EXPECTED-}" ] || ! log_has ': critical alarm ' || status=1
	! grep -qE 'AddressSanitizer|LeakSanitizer|runtime error:' "$DIR/$1/stderr" 2>/dev/null || status=1
	if [ "$status" -ne 0 ] || [ -z "${BATS_TEST_COMPLETED-}" ]; then
		echo "--- node $1"
		grep -v ' debug ' "$LOG" 2>/dev/null | tail -n 40 || :
	fi
	return "$status"
}

# both [LINE...]: both nodes serve.
both()
{
	local node
	for node in $NODES; do
		start_node "$node" "$@"
	done
}

# nodes <SCRIPT: Python with everything of ftp.py and shares_nodes.py.
nodes()
{
	{
		echo 'from shares_nodes import *'
		cat
	} | PORT=$PORT_a LIMIT=${LIMIT:-120} py
}

# L1
@test "30 uploads over two servers end at the exact byte of the quota; what is over it is 552" {
	store_account dora secret "$DIR/home/dora" quota=20971520
	both
	nodes <<-'END'
		fill("a", 19 << 20)
		large = [(node, "%s-large-%d" % (node, i), 3 << 20) for i in range(10) for node in ("a", "b")]
		small = [(node, "%s-small-%d" % (node, i), 30000) for i in range(5) for node in ("a", "b")]
		answers = race(large + small)
		print(answers)
		assert size() == 20971520, size()
		assert set(answers[:20]) == {552}, answers
		assert set(answers[20:]) <= {226, 552}, answers
		assert used(dora("b"))[0][0] == 20971520
	END
	assert_equal "$(store_psql -c "SELECT o_base_bytes + o_slack_bytes + coalesce(o_net_bytes, 0) FROM sallyport.quota_show('dora') LIMIT 1")" 20971520
}
