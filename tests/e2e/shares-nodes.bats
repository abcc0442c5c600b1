#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Two servers with the same homes and the same accounts in PostgreSQL: quotas and max-sessions hold for both together,
# whatever dies. SHARES_KILLS: how often something is killed in the long test (100 in 'make test-cluster'). STORE_LONG: more
# failovers, and a partition that outlasts a real lease.

load lib
load store

NODES='a b'

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
	install -d -m 755 "$DIR/libexec"
	install -m 755 "$BUILD/sallyport-broker" "$BUILD/sallyport-store" "$DIR/libexec"
	store_psql -qc 'DELETE FROM sallyport.account' -c 'DELETE FROM sallyport.share' -c 'DELETE FROM sallyport.ghost' \
		-c 'DELETE FROM sallyport.node'
	PID_a='' PID_b='' CONNECT_a='' CONNECT_b='' IN_NET=''
}

teardown()
{
	local node status=0
	for node in $NODES; do
		end_node "$node" || status=1
	done
	SERVER_PID=
	[ -z "$IN_NET" ] || end_net
	[ ! -e "$STORE_DIR/standby" ] || store_end_standby "$STORE_DIR/standby"
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
	# shellcheck disable=SC2086 # a command with its arguments
	$IN_NET "$BUILD/sallyportd" -f -c "$CONF" </dev/null >"$DIR/$node/stdout" 2>"$DIR/$node/stderr" 3>&- &
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
	local node=$1 connect=CONNECT_$1
	shift
	connect=${!connect}
	mkdir "$DIR/$node"
	install -m 0640 -g "$BROKER" /dev/null "$DIR/$node/store.conf"
	printf '%s\n' "connect = \"${connect:-$(store_connect sallyport_node)}\"" "node = \"$node\"" >"$DIR/$node/store.conf"
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
	# one that was started again by a script has another id
	pid=$(cat "$DIR/$1/run/sallyportd.pid" 2>/dev/null || echo "$SERVER_PID")
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
	} | PORT=$PORT_a LIMIT=${LIMIT:-120} PY_IN=$IN_NET py
}

# A network of the test's own, with a loopback and a packet filter; the database and all servers move into it. The database
# is 127.0.0.2 to node a, and 127.0.0.3 to node b.
new_net()
{
	command -v iptables >/dev/null || skip "iptables is not installed"
	mkfifo "$DIR/net"
	unshare --net -- sh -c 'ip link set lo up && iptables -A INPUT -s 192.0.2.1 -j DROP && echo up >"$1" && exec sleep 600' \
		sh "$DIR/net" 3>&- 2>"$DIR/net-errors" &
	NET_PID=$!
	timeout 20 cat "$DIR/net" | grep -q up || skip "no network of its own, or no packet filter in it: $(cat "$DIR/net-errors")"
	IN_NET="nsenter --net=/proc/$NET_PID/ns/net --"
	STORE_PREFIX=$IN_NET STORE_OPTIONS='-c listen_addresses=127.0.0.2,127.0.0.3'
	store_stop
	store_run
	store_hba 'host all sallyport_node 127.0.0.0/8 trust'
	CONNECT_a="host=127.0.0.2 port=$STORE_PORT dbname=sallyport user=sallyport_node sslmode=disable"
	CONNECT_b="host=127.0.0.3 port=$STORE_PORT dbname=sallyport user=sallyport_node sslmode=disable"
}

end_net()
{
	store_stop
	STORE_PREFIX='' STORE_OPTIONS='' IN_NET=''
	kill "$NET_PID"
	wait "$NET_PID" 2>/dev/null || :
	store_write_hba
	store_run
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
		# on a busy machine one may give up before it was its turn to ask
		assert set(answers[:20]) <= {552, 452} and answers[:20].count(552) >= 10, answers
		assert set(answers[20:]) <= {226, 552, 452}, answers
		for node in "a", "b":
		    assert used(dora(node))[0][0] == 20971520
	END
	assert_equal "$(store_psql -c "SELECT o_base_bytes + o_slack_bytes + coalesce(o_net_bytes, 0) FROM sallyport.quota_show('dora') LIMIT 1")" 20971520
}

@test "quota recount: what somebody else has put into the home is in the figure of all servers afterwards" {
	store_account dora secret "$DIR/home/dora" quota=16777216
	both
	printf '%s\n' "connect = \"$(store_connect sallyport_admin)\"" >"$DIR/admin.conf"
	chmod 600 "$DIR/admin.conf"
	nodes <<-'END'
		c = dora("a")
		c.put("one", b"x" * 1000)
		assert used(c)[0][0] == 1000
	END
	head -c 5000 /dev/zero >"$DIR/home/dora/two"
	chown --reference="$DIR/home/dora" "$DIR/home/dora/two"
	use_node a
	run ctl quota recount dora --store-conf "$DIR/admin.conf"
	assert_success
	assert_output --regexp 'dora +6000 +16777216'
	nodes <<-'END'
		c = dora("b")
		wait_until(lambda: c.put("three", b"x" * 1000, codes=(226, 450, 452)).startswith("226"), "the count")
		assert used(c)[0][0] == 7000 == size(), used(c)
		c.put("four", b"x" * (16777216 - 7000))
		c.put("five", b"x", codes=(552,))
	END
}

@test "the first quota of an account: the home is counted at the first upload, and is not said to be counted before" {
	printf '%s\n' "connect = \"$(store_connect sallyport_admin)\"" >"$DIR/admin.conf"
	chmod 600 "$DIR/admin.conf"
	store_account dora secret "$DIR/home/dora"
	both
	head -c 5000 /dev/zero >"$DIR/home/dora/old"
	chown --reference="$DIR/home/dora" "$DIR/home/dora/old"
	use_node a
	run ctl user set dora --quota 1M --store-conf "$DIR/admin.conf"
	assert_success
	assert_output 'dora: changed'
	run ctl quota show dora --store-conf "$DIR/admin.conf"
	assert_success
	assert_output --regexp 'dora +5000 +1048576'
	# what a sallyportctl of before asks of the server
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"count-home\tdora\n")
answer = s.recv(4096)
assert answer == b"{\"done\":true}\n", answer
' "$DIR/a/run/control"
	nodes <<-'END'
		began = time.monotonic()
		c = dora("a")
		wait_until(lambda: c.put("new", b"x" * 1000, codes=(226, 450, 452)).startswith("226"), "the count")
		assert time.monotonic() - began < 10, time.monotonic() - began
		assert used(c)[0][0] == 6000 == size(), used(c)
	END
	run ctl quota show dora --store-conf "$DIR/admin.conf"
	assert_success
	assert_output --regexp 'dora +6000 +1048576'
	refute_output --partial 'cannot read'
}

# L6
@test "a server that is idle gives back what it has borrowed when another one needs it" {
	store_account dora secret "$DIR/home/dora" 'quota=16777216 quota-files=20'
	both
	nodes <<-'END'
		a = dora("a")
		a.put("one", b"1")
		assert int(sql("SELECT sum(allow_bytes - net_bytes) FROM sallyport.share")) > 1000000
		b = dora("b")
		began = time.monotonic()
		b.put("all", b"x" * 16777215)
		print(time.monotonic() - began)
		assert time.monotonic() - began < 5
		assert size() == 16777216
		assert "552" in a.put("two", b"2", codes=(552,))
		b.ask("DELE all", 250)
		a.put("two", b"2" * 16777215)
	END
}

# L7
@test "max-sessions=1: never two sessions, at whichever servers they log in; one that is killed leaves its place at once" {
	store_account dora secret "$DIR/home/dora" max-sessions=1
	both
	LIMIT=$((120 + ${SHARES_LOGINS:-20} * 2)) nodes <<-'END'
		def log_in(node, found):
		    control = Control(port=port_of(node))
		    control.greet()
		    control.ask("USER dora", 331)
		    control.send("PASS secret")
		    if control.reply()[0] == 230:
		        found.append((node, control))
		    else:
		        control.socket.close()
		for turn in range(int(os.environ.get("SHARES_LOGINS", 20))):
		    found = []
		    threads = [threading.Thread(target=log_in, args=(node, found)) for node in ("a", "b", "a", "b")]
		    for thread in threads:
		        thread.start()
		    for thread in threads:
		        thread.join()
		    assert len(found) == 1, found
		    node, control = found[0]
		    if turn % 2:
		        control.ask("QUIT", 221)
		    else:
		        for pid in monitors(node):
		            kill_group(pid)
		    other = "a" if node == "b" else "b"
		    wait_until(lambda: can_log_in(other), "the place")
		    wait_until(lambda: not monitors("a") and not monitors("b") and not int(sql("SELECT coalesce(sum(sessions), 0) FROM sallyport.share")))
	END
	ALARM_EXPECTED=1
}

@test "max-sessions over an upgrade: the sessions of both servers of a node count, for as long as they live" {
	store_account dora secret "$DIR/home/dora" max-sessions=3
	both
	nodes <<-'END'
		def upgrade(node):
		    former = master(node)
		    send_signal(former, signal.SIGUSR2)
		    wait_until(lambda: "has taken over" in open(os.path.join(os.environ["DIR"], node, "log")).read(), "the new server")
		    assert master(node) != former
		    return former
		def counted():
		    return int(sql("SELECT coalesce(sum(sessions), 0) FROM sallyport.share"))
		old = [dora("a") for _ in range(2)]
		former = upgrade("a")
		wait_until(lambda: can_log_in("a"), "the database")
		wait_until(lambda: counted() == 2, "the end of that session")
		new = dora("a")
		assert counted() == 3, counted()
		assert not can_log_in("b")
		# one of the old server ends, without a word
		kill_group([pid for pid in children(former) if program(pid) == "sallyportd" and children(pid)][0])
		wait_until(lambda: can_log_in("b"), "its place")
		wait_until(lambda: counted() == 2, "the end of that session")
		other = dora("b")
		assert not can_log_in("a")
		# the new one's words are not about the old one's
		new.ask("QUIT", 221)
		wait_until(lambda: counted() == 2, "the end of the new server's")
	END
	ALARM_EXPECTED=1
}

@test "short sessions of one account come and go on one server: each of them logs in, and none waits for another" {
	store_account dora secret "$DIR/home/dora" quota=20971520
	both
	LIMIT=200 nodes <<-'END'
		failed = []
		def come_and_go(number, count):
		    for i in range(count):
		        begun = time.monotonic()
		        control = Control(port=port_of("a"), source="127.4.%d.%d" % (number, 1 + i))
		        try:
		            control.login("dora", "secret")
		            control.ask("QUIT", 221)
		        except (Unexpected, EOFError) as problem:
		            failed.append("%s after %.1f s" % (problem, time.monotonic() - begun))
		        control.socket.close()
		threads = [threading.Thread(target=come_and_go, args=(i, int(os.environ.get("SHARES_LOGINS", 40)))) for i in range(6)]
		for thread in threads:
		    thread.start()
		for thread in threads:
		    thread.join()
		assert not failed, failed
	END
}

# L3
@test "a broker that stands still beyond its lease: what is borrowed is used, then 452; afterwards the sessions end with 421" {
	store_account dora secret "$DIR/home/dora" quota=16777216
	both
	nodes <<-'END'
		a = dora("a")
		a.put("one", b"1")
		b = dora("b")
		os.kill(broker("a"), signal.SIGSTOP)
		a.put("within", b"x" * 1000000)
		assert "452" in a.put("beyond", b"x" * 8000000, codes=(452,))
		held = size()
		sql("UPDATE sallyport.node SET lease_until = now() - interval '1 s' WHERE name = 'a'")
		text = b.put("rest", b"y" * 16777216, codes=(452, 552))
		assert size() <= 16777216, size()
		os.kill(broker("a"), signal.SIGCONT)
		wait_until(lambda: int(sql("SELECT count(*) FROM sallyport.node WHERE lease_until > now()")) == 2)
		assert "log in again" in a.expect(421) # the question that was under way is answered at last
		b.ask("QUIT", 221)
		wait_until(lambda: can_log_in("a"))
		wait_until(lambda: shares() == 0)
		c = dora("a")
		for name in "rest", "beyond":
		    c.send("DELE " + name)
		    c.reply()
		c.put("all", b"x" * (16777216 - 1000001))
		assert size() == 16777216 and used(c)[0][0] == 16777216, (size(), used(c))
	END
}

# L4
@test "a partition: packets to the database vanish for longer than the lease; what is borrowed is used, then 452; healed, all is exact" {
	store_account dora secret "$DIR/home/dora" quota=16777216
	new_net
	both
	LIMIT=200 nodes <<-'END'
		a = dora("a")
		a.put("one", b"1")
		b = dora("b")
		cut_off("127.0.0.2")
		a.put("within", b"x" * 1000000)
		text = a.put("beyond", b"x" * 15000000, codes=(452,))
		assert "try again" in text.lower(), text
		late = dora("a") # as the broker remembers the account
		assert "452" in late.put("late", b"x" * 8000000, codes=(452,))
		if os.environ.get("STORE_LONG"):
		    wait_until(lambda: sql("SELECT lease_until < now() FROM sallyport.node WHERE name = 'a'") == "t", "the lease", 60)
		else:
		    sql("UPDATE sallyport.node SET lease_until = now() - interval '1 s' WHERE name = 'a'")
		wait_until(lambda: int(sql("SELECT count(*) FROM sallyport.share")) < 2, "the end of the share", 30)
		for i in range(16):
		    b.put("rest%d" % i, b"y" * (1 << 20), codes=(226, 452))
		assert size() <= 16777216, size()
		a.put("more", b"x" * 200000, codes=(226, 452)) # it does not know that its lease is over
		assert size() <= 16777216, size()
		heal("127.0.0.2")
		wait_until(lambda: int(sql("SELECT count(*) FROM sallyport.node WHERE lease_until > now()")) == 2, "node a", 30)
		for control in a, late:
		    control.send("NOOP")
		    wait_until(lambda: "log in again" in control.reply()[1], "the end of the session")
		b.ask("QUIT", 221)
		exact(16777216)
	END
}

# Also L4
@test "what is removed on a server that is cut off makes no room there: another server may have counted, and used it" {
	store_account dora secret "$DIR/home/dora" quota=16777216
	new_net
	both
	nodes <<-'END'
		a = dora("a")
		a.put("large", b"x" * 8000000)
		a.ask("QUIT", 221)
		wait_until(lambda: shares() == 0)
		cut_off("127.0.0.2")
		a = dora("a")
		a.ask("DELE large", 250)
		sql("UPDATE sallyport.usage SET is_counted = false") # quota recount
		b = dora("b")
		wait_until(lambda: b.put("all", b"y" * 16777216, codes=(226, 450, 452)).startswith("226"), "the count")
		assert "452" in a.put("again", b"x" * 8000000, codes=(452,))
		assert size() == 16777216, size()
		heal("127.0.0.2")
		wait_until(lambda: "552" in dora("a").put("again", b"x" * 8000000, codes=(452, 552)), "node a", 30)
		assert size() == 16777216 == used(dora("a"))[0][0], size()
		a.ask("QUIT", 221, 421)
		b.ask("QUIT", 221)
		exact(16777216)
	END
}

# The standby has been promoted; the former server becomes the next one's standby.
swap_servers()
{
	local former=$MAIN former_port=$PORT_OF_MAIN
	MAIN=$SPARE PORT_OF_MAIN=$PORT_OF_SPARE SPARE=$former PORT_OF_SPARE=$former_port
	echo "$PORT_OF_MAIN" >"$DIR/main-port"
}

# L5
@test "the database fails over to its synchronous standby while two servers take uploads: never a byte over, nothing lost, and exact in the end" {
	local turns=1 client turn
	[ -z "${STORE_LONG-}" ] || turns=4
	store_account dora secret "$DIR/home/dora" 'quota=12582912 quota-files=40'
	MAIN=$STORE_DIR/data PORT_OF_MAIN=$STORE_PORT SPARE=$STORE_DIR/standby PORT_OF_SPARE=5999
	store_standby "$MAIN" "$PORT_OF_MAIN" "$SPARE" "$PORT_OF_SPARE"
	CONNECT_a="host=$STORE_SOCKETS,$STORE_SOCKETS port=$PORT_OF_MAIN,$PORT_OF_SPARE dbname=sallyport user=sallyport_node target_session_attrs=read-write"
	CONNECT_b=$CONNECT_a
	echo "$PORT_OF_MAIN" >"$DIR/main-port"
	both
	LIMIT=$((120 * turns)) nodes <<-'END' &
		quota = 12582912
		seed = int(os.environ.get("SHARES_SEED", random.randrange(1 << 30)))
		print("SHARES_SEED=%d" % seed)
		draw = random.Random(seed)
		fill("a", 1000)
		held = dora("a")
		held.put("a-held", b"x" * 1000)
		clients = [Client(node, i, draw.random()) for i in range(3) for node in ("a", "b")]
		for client in clients:
		    client.start()
		refused = set()
		while not os.path.exists(os.environ["DIR"] + "/over"):
		    time.sleep(0.3)
		    with gate.closed():
		        never_over(quota, 40)
		    if os.path.exists(os.environ["DIR"] + "/down"):
		        refused.add(held.put("a-held", b"x" * quota, codes=(226, 452, 552)))
		        open(os.environ["DIR"] + "/refused", "w").close()
		for client in clients:
		    client.is_over = True
		for client in clients:
		    client.join()
		for client in clients:
		    client.check()
		print(refused, [client.codes for client in clients])
		assert all(client.codes.get(226, 0) > 3 for client in clients)
		assert any(text.startswith("452 ") for text in refused), refused
		# no session has ended for it
		held.ask("NOOP", 200)
		held.ask("QUIT", 221)
		with open(os.environ["DIR"] + "/main-port") as file:
		    os.environ["STORE_PORT"] = file.read().strip()
		exact(quota)
	END
	client=$!
	for turn in $(seq "$turns"); do
		sleep 2
		[ -e "$SPARE/postmaster.pid" ] || store_standby "$MAIN" "$PORT_OF_MAIN" "$SPARE" "$PORT_OF_SPARE"
		touch "$DIR/down"
		rm -f "$DIR/refused"
		store_stop_dir "$MAIN"
		wait_until -t 30 test -e "$DIR/refused"
		rm -f "$DIR/down"
		store_promote "$SPARE"
		swap_servers
		sleep 3
	done
	touch "$DIR/over"
	wait "$client"
	end_node b
	end_node a
	PID_a='' PID_b=''
	[ "$MAIN" = "$STORE_DIR/data" ] || store_stop_dir "$MAIN"
}

# L8
@test "a state directory that is wiped: the account is counted anew, and never goes over" {
	store_account dora secret "$DIR/home/dora" quota=16777216
	both
	nodes <<-'END'
		a = dora("a")
		a.put("one", b"x" * 1000000)
		kill_node("a")
		os.system("rm -rf $DIR/a/state/*")
		start_node("a")
		a = dora("a")
		wait_until(lambda: a.put("two", b"x" * (16777216 - 1000000), codes=(226, 450)).startswith("226"), "the count")
		a.put("three", b"y", codes=(552,))
		assert size() == 16777216 == used(a)[0][0]
	END
	ALARM_EXPECTED=1
}

# L9
@test "the database is restarted during an upload: 226, or 452 and the upload can be resumed" {
	store_account dora secret "$DIR/home/dora" quota=1073741824
	both
	LIMIT=300 nodes <<-'END' &
		block, blocks = os.urandom(1 << 20), 1024 if os.environ.get("STORE_LONG") else 300
		at, ended = 0, 0
		while ended != 226:
		    control = dora("a")
		    if at:
		        control.ask("REST %d" % at, 350)
		    connection = control.connect()
		    control.send("STOR large")
		    ended = control.reply()[0]
		    if ended != 150:
		        time.sleep(0.5)
		        continue
		    try:
		        connection.sendall(block[at % len(block):])
		        open(os.environ["DIR"] + "/uploading", "w").close()
		        for _ in range(at // len(block) + 1, blocks):
		            connection.sendall(block)
		            time.sleep(0.02)
		    except OSError:
		        pass
		    connection.close()
		    ended = control.reply()[0]
		    assert ended in (226, 452), ended
		    if ended == 452:
		        time.sleep(0.5)
		        at = os.stat(HOME + "/" + partial_name("large")).st_size
		        print("resumed at", at)
		with open(HOME + "/large", "rb") as file:
		    assert all(file.read(len(block)) == block for _ in range(blocks)) and not file.read(1)
		wait_until(lambda: used(dora("b"))[0][0] == blocks * len(block))
	END
	local client=$! i
	wait_until test -e "$DIR/uploading"
	for i in 1 2 3; do
		sleep 1
		store_stop immediate
		sleep 1
		store_run
	done
	wait "$client"
}

# L2
@test "sessions, brokers and servers are killed at random: never a byte over, no confirmed file lost, the figure is right in the end" {
	ALARM_EXPECTED=1
	store_account dora secret "$DIR/home/dora" 'quota=12582912 quota-files=40'
	both
	LIMIT=$((120 + ${SHARES_KILLS:-8} * 10)) nodes <<-'END'
		quota = 12582912
		seed = int(os.environ.get("SHARES_SEED", random.randrange(1 << 30)))
		print("SHARES_SEED=%d" % seed)
		draw = random.Random(seed)
		fill("a", 1000)
		clients = [Client(node, i, draw.random()) for i in range(3) for node in ("a", "b")]
		for client in clients:
		    client.start()
		acts = {"session": 0, "broker": 0, "node": 0}
		for _ in range(int(os.environ.get("SHARES_KILLS", 8))):
		    time.sleep(draw.uniform(0.2, 1.5))
		    node = draw.choice("ab")
		    act = draw.choice(("session", "session", "session", "broker", "node"))
		    acts[act] += 1
		    if act == "session":
		        kill_session(node, draw)
		    elif act == "broker":
		        kill_broker(node)
		    else:
		        kill_node(node)
		        start_node(node)
		    with gate.closed():
		        never_over(quota, 40)
		time.sleep(1)
		for client in clients:
		    client.is_over = True
		for client in clients:
		    client.join()
		for client in clients:
		    client.check()
		codes = {}
		for client in clients:
		    for code, n in client.codes.items():
		        codes[code] = codes.get(code, 0) + n
		print(acts, codes)
		assert codes.get(226, 0) > 10, codes
		wait_until(lambda: not monitors("a") and not monitors("b"), "the end of all sessions")
		never_over(quota, 40)
		exact(quota)
	END
}
