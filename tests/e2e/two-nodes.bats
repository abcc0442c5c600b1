#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Two nodes with the same homes behind HAProxy. The configuration of all three is that of docs/CLUSTER.md, with other
# addresses and ports; each node has directories and a users file of its own.

load lib
load tls-lib

PAGE=$BATS_TEST_DIRNAME/../../docs/CLUSTER.md
NODES='a b'

setup_file()
{
	make_authority
}

setup()
{
	command -v haproxy >/dev/null || skip "haproxy is not installed"
	new_place
	export HAPROXY_SOCKET=$DIR/haproxy.sock PORT TLS_PORT RANGE_A RANGE_B
	WITHOUT_TLS=yes
	HAPROXY=
	PID_a='' PID_b=''
}

teardown()
{
	local node status=0
	[ -z "${HAPROXY-}" ] || { kill "$HAPROXY" 2>/dev/null && wait "$HAPROXY" 2>/dev/null; } || :
	[ -n "${DIR-}" ] || return 0
	for node in $NODES; do
		end_node "$node" || status=1
	done
	SERVER_PID=
	[ -n "${BATS_TEST_COMPLETED-}" ] || cat "$DIR/haproxy.log" 2>/dev/null || :
	end_place
	return "$status"
}

# --- the configuration of the page ---

# page_block FILE: the example that begins with "# FILE".
page_block()
{
	awk -v first="    # $1" '$0 == first { on = 1 } on && /^[^ ]/ { exit } on { sub(/^    /, ""); print }' "$PAGE"
}

# Two ranges of 24 ports for data, and five ports; none of them is taken on an address that is used here.
draw_ports()
{
	python3 -c '
import random, socket
addresses = [(socket.AF_INET, host) for host in ("127.0.0.1", "127.0.0.21", "127.0.0.22")]
if socket.has_ipv6 and "'"$(has_ipv6 && echo yes)"'":
    addresses.append((socket.AF_INET6, "::1"))
def free(port):
    for family, host in addresses:
        with socket.socket(family) as s:
            try:
                s.bind((host, port))
            except OSError:
                return False
    return True
for low in random.sample(range(10000, 31000), 200):
    if all(free(port) for port in range(low, low + 54)):
        print("%d-%d" % (low, low + 23), "%d-%d" % (low + 24, low + 47), *range(low + 48, low + 54))
        break'
}

# localize <TEXT: with addresses and ports of this machine; nothing of the page's is left.
localize()
{
	local text ipv6=()
	has_ipv6 || ipv6=(-e '/2001:db8::10/d')
	text=$(sed -e "s/10\.0\.0\.1:2121/127.0.0.21:$PLAIN_A/" -e "s/10\.0\.0\.1:2990/127.0.0.21:$IMPLICIT_A/" \
		-e "s/10\.0\.0\.2:2121/127.0.0.22:$PLAIN_B/" -e "s/10\.0\.0\.2:2990/127.0.0.22:$IMPLICIT_B/" \
		-e "s/10\.0\.0\.1 /127.0.0.21 /; s/10\.0\.0\.2 /127.0.0.22 /; s/10\.0\.0\.5/127.0.0.1/" \
		-e "s/:21\$/:$PORT/; s/:990\$/:$TLS_PORT/" \
		-e "s/50000-50499/$RANGE_A/; s/50500-50999/$RANGE_B/" "${ipv6[@]}" \
		-e "s/192\.0\.2\.10/127.0.0.1/; s/\[2001:db8::10\]/[::1]/" \
		-e "s|/run/haproxy/admin\.sock|$HAPROXY_SOCKET|")
	printf '%s\n' "$text"
	! printf '%s\n' "$text" | grep -nE '10\.0\.0\.|192\.0\.2\.|2001:db8|:21$|50[05]' >&2
}

# write_node NODE [LINE...]: its configuration from the page; places are its own, and these lines come first. For tests that
# speak FTP byte by byte, WITHOUT_TLS lets clients log in without.
write_node()
{
	local place=$DIR/$1
	mkdir -p "$place/etc"
	use_leaf server
	{
		[ $# -lt 2 ] || printf '%s\n' "${@:2}"
		page_block "/etc/sallyport/sallyport.conf of node $1" | localize |
			sed -e "s/^tls {/tls {${WITHOUT_TLS+ require = no}/" -e "s|\"/etc/sallyport/users\"|\"$place/etc/users\"|" -e "s|\"/etc/sallyport/|\"$DIR/etc/|"
		echo "state-directory = \"$place/state\""
		echo "runtime-directory = \"$place/run\""
		echo "log { target = \"$place/log\" level = \"debug\" }"
	} >"$place/etc/sallyport.conf"
	[ -e "$place/etc/users" ] || (umask 077 && : >"$place/etc/users")
}

# Fewer connections than the page has: containers may bound descriptors.
write_haproxy()
{
	page_block /etc/haproxy/haproxy.cfg | localize | sed 's/maxconn 20000/maxconn 400/' >"$DIR/haproxy.cfg"
}

# --- what runs ---

# use_node NODE: CONF, LOG and SERVER_PID, which lib.bash goes by, are this node's.
use_node()
{
	local pid=PID_$1
	CONF=$DIR/$1/etc/sallyport.conf
	LOG=$DIR/$1/log
	SERVER_PID=${!pid}
}

start_node()
{
	local before
	use_node "$1"
	before=$(times_ready)
	"$BUILD/sallyportd" -f -c "$CONF" </dev/null >"$DIR/$1/stdout" 2>"$DIR/$1/stderr" 3>&- &
	SERVER_PID=$!
	eval "PID_$1=$SERVER_PID"
	export "PID_$1"
	wait_until -t 30 server_is_settled "$before"
	! is_gone "$SERVER_PID" || { cat "$DIR/$1/stderr" >&2 && return 1; }
}

# end_node NODE: fails on an alarm, and shows the log of a test that failed.
end_node()
{
	local status=0 pid
	use_node "$1"
	# after an upgrade, and a former server beside it
	for pid in $SERVER_PID $(cat "$DIR/$1/run/sallyportd.pid" 2>/dev/null); do
		kill -INT "$pid" 2>/dev/null || continue
		wait_until -t 10 is_gone "$pid" || { kill -KILL "$pid" && status=1; }
	done
	[ -n "${ALARM_EXPECTED-}" ] || ! log_has ': critical alarm ' || status=1
	! grep -qE 'AddressSanitizer|LeakSanitizer|runtime error:' "$DIR/$1/stderr" 2>/dev/null || status=1
	if [ "$status" -ne 0 ] || [ -z "${BATS_TEST_COMPLETED-}" ]; then
		echo "--- node $1"
		tail -n 40 "$LOG" 2>/dev/null || :
	fi
	return "$status"
}

# behind_haproxy [LINE...]: both nodes, with these lines more, the account alice at both, and HAProxy, which has found them.
behind_haproxy()
{
	local node
	read -r RANGE_A RANGE_B PORT TLS_PORT PLAIN_A IMPLICIT_A PLAIN_B IMPLICIT_B < <(draw_ports)
	for node in $NODES; do
		write_node "$node" "$@"
	done
	use_node a
	add_user alice secret
	copy_users
	for node in $NODES; do
		start_node "$node"
	done
	write_haproxy
	haproxy -db -f "$DIR/haproxy.cfg" >"$DIR/haproxy.log" 2>&1 </dev/null 3>&- &
	HAPROXY=$!
	nodes <<-'END'
		wait_until(lambda: os.path.exists(os.environ["HAPROXY_SOCKET"]), "HAProxy")
		wait_until(lambda: is_in("a") and is_in("b"), "both nodes")
	END
}

# As the page says: beside the other one, then renamed.
copy_users()
{
	install -m 600 "$DIR/a/etc/users" "$DIR/b/etc/users.copy"
	mv "$DIR/b/etc/users.copy" "$DIR/b/etc/users"
}

# nodes <SCRIPT: Python with everything of ftp.py and two_nodes.py.
nodes()
{
	{
		printf '%s\n' 'from two_nodes import *' 'import subprocess, time'
		cat
	} | py
}

# only NODE: clients come to this node alone.
only()
{
	NODE=$1 nodes <<-'END'
		node = os.environ["NODE"]
		for each in NODES:
		    say_all(each, "ready" if each == node else "drain")
	END
}

@test "the page: HAProxy takes the file without a warning, config check has nothing to say, times outlast a transfer" {
	unset WITHOUT_TLS
	read -r RANGE_A RANGE_B PORT TLS_PORT PLAIN_A IMPLICIT_A PLAIN_B IMPLICIT_B < <(draw_ports)
	write_haproxy
	run haproxy -c -f "$DIR/haproxy.cfg"
	assert_success
	refute_output --regexp 'WARNING|ALERT'
	assert_equal "$(grep -cE '^ *timeout (client|server) 24h' "$DIR/haproxy.cfg")" 2
	for node in $NODES; do
		write_node "$node"
		use_node "$node"
		add_user alice secret
		run ctl config check
		assert_success
		refute_output --regexp 'prox|active-mode|passive-address'
	done
}

@test "what one node has answered is true at the other: uploads, listings, sizes, renames, removals" {
	behind_haproxy
	nodes <<-'END'
		first, second = client("a").login(), client("b").login()
		for here, there in ((first, second), (second, first)):
		    for n in range(10):
		        here.put("file%d" % n, bytes([n]) * 100000)
		    assert there.names() == ["file%d" % n for n in range(10)], there.names()
		    for n in range(10):
		        assert there.get("file%d" % n) == bytes([n]) * 100000
		    there.put("file0", b"more", "APPE")
		    assert here.size("file0") == 100004
		    here.ask("RNFR file0", 350)
		    here.ask("RNTO renamed", 250)
		    there.ask("SIZE file0", 550)
		    assert there.size("renamed") == 100004
		    for name in there.names():
		        there.ask("DELE " + name, 250)
		    assert here.names() == []
		d = first.open("STOR one")
		d.sendall(b"x" * 1000)
		wait_until(lambda: size_of(HOME_DIR + "/" + partial_name("one")) == 1000, "the first bytes")
		second.put("one", b"y", codes=(450,))
		d.close()
		first.expect(226)
		assert second.get("one") == b"x" * 1000
	END
}

@test "an account of one node is one of the other as soon as the users file is copied" {
	behind_haproxy
	use_node a
	add_user bob other
	copy_users
	nodes <<-'END'
		source = sources("b")[0]
		c = Control(source=source).login("bob", "other")
		assert node_of(c) == "b"
	END
}

# --- clients ---

# has_come FILE: it is the payload.
has_come()
{
	cmp "$DIR/payload" "$1"
	rm -f "$1"
}

# curl_there_and_back URL NAME [OPTION...]
curl_there_and_back()
{
	curls --ssl-reqd "${@:3}" -u alice:secret -T "$DIR/payload" "$1/$2" -T "$DIR/payload" "$1/$2-2"
	curls --ssl-reqd "${@:3}" -u alice:secret "$1/$2-2" -o "$DIR/back" "$1/" -o "$DIR/listing"
	grep -qE " $2\$|$2"$'\r' "$DIR/listing"
	has_come "$DIR/back"
}

# lftp_there_and_back URL NAME [SETTINGS]
lftp_there_and_back()
{
	command -v lftp >/dev/null || return 0
	timeout 60 lftp -c "set ssl:ca-file $CA; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set net:max-retries 1;
		set cmd:fail-exit yes; ${3-} open -u alice,secret $1; put $DIR/payload -o $2; put $DIR/payload -o $2-2; cls -1; get $2-2 -o $DIR/back"
	has_come "$DIR/back"
}

# own_there_and_back URL NAME [OPTION...]: the URL with its user.
own_there_and_back()
{
	SALLYPORT_PASSWORD=secret timeout 60 "$BUILD/sallyport" --ca "$CA" "${@:3}" put "$DIR/payload" "$1/$2"
	SALLYPORT_PASSWORD=secret timeout 60 "$BUILD/sallyport" --ca "$CA" "${@:3}" get "$1/$2" "$DIR/back"
	has_come "$DIR/back"
}

@test "FTPS with data connections that resume: curl, lftp, sallyport; explicit, implicit; EPSV, PASV; both families; each node" {
	local node
	unset WITHOUT_TLS
	behind_haproxy
	head -c 300000 /dev/urandom >"$DIR/payload"
	for node in $NODES; do
		only "$node"
		curl_there_and_back "ftp://127.0.0.1:$PORT" curl
		curl_there_and_back "ftps://127.0.0.1:$TLS_PORT" curl-pasv --disable-epsv
		lftp_there_and_back "ftp://127.0.0.1:$PORT" lftp 'set ftp:prefer-epsv yes;'
		lftp_there_and_back "ftps://127.0.0.1:$TLS_PORT" lftp-pasv
		own_there_and_back "ftps://alice@127.0.0.1:$TLS_PORT" own --epsv
		own_there_and_back "ftp://alice@127.0.0.1:$PORT" own-pasv --pasv
		! has_ipv6 || {
			curl_there_and_back "ftps://[::1]:$TLS_PORT" curl6
			own_there_and_back "ftp://alice@[::1]:$PORT" own6
		}
		use_node "$node"
		log_has 'login .*address=127\.0\.0\.1 .*user="alice"'
		! has_ipv6 || log_has 'login .*address=::1 .*user="alice"'
		run log_count 'data-refused|tls-reuse|tls-failed'
		assert_output 0
	done
	run -0 ls "$DIR/home/alice"
	assert_line own-pasv
	assert_line curl-pasv-2
}

# --- a node leaves ---

@test "a node that drains is taken out within three seconds; its transfer goes on, others go to the other node; it comes back" {
	behind_haproxy
	nodes <<-'END'
		source = sources("a")[0]
		c = Control(source=source).login()
		d = c.open("STOR big")
		os.kill(int(os.environ["PID_a"]), signal.SIGTERM)
		begun = time.monotonic()
		wait_until(lambda: is_out("a"), "node a is taken out")
		took = time.monotonic() - begun
		assert took < 3, took
		other = Control(source=source).login()
		assert node_of(other) == "b"
		other.put("meanwhile", b"at the other node")
		d.sendall(b"x" * 1000000)
		d.close()
		c.expect(226)
		assert other.size("big") == 1000000
	END
	wait_until is_gone "$PID_a"
	start_node a
	nodes <<-'END'
		wait_until(lambda: is_in("a"), "node a is back")
		assert Control(source=sources("a")[0]).login().get("big") == b"x" * 1000000
	END
	for node in $NODES; do # of checks there is no line
		use_node "$node"
		run log_count ' refused '
		assert_output 0
	done
}

@test "HAProxy drains a node, which is upgraded: its session goes on, new ones go to the other, and come back" {
	behind_haproxy
	nodes <<-'END'
		source = sources("a")[0]
		c = Control(source=source).login()
		say_all("a", "drain")
		other = Control(source=source).login()
		assert node_of(other) == "b"
		subprocess.run([os.environ["BUILD"] + "/sallyportctl", "-c", os.environ["DIR"] + "/a/etc/sallyport.conf", "upgrade"], check=True)
		c.put("of the old program", b"bytes")
		assert other.get("of the old program") == b"bytes"
		say_all("a", "ready")
		wait_until(lambda: is_in("a"), "node a is back")
		new = Control(source=source).login()
		assert node_of(new) == "a"
		assert new.get("of the old program") == b"bytes"
		c.ask("QUIT", 221)
	END
	refute_equal() { [ "$1" != "$2" ]; }
	refute_equal "$(cat "$DIR/a/run/sallyportd.pid")" "$PID_a"
}

@test "a node is killed in mid-upload: the client resumes at the other node, and so does sallyport by itself" {
	behind_haproxy
	nodes <<-'END'
		source = sources("a")[0]
		c = Control(source=source).login()
		d = c.open("STOR big")
		d.sendall(b"x" * 500000)
		wait_until(lambda: size_of(HOME_DIR + "/" + partial_name("big")) == 500000, "the first half")
		os.kill(int(os.environ["PID_a"]), signal.SIGKILL)
		wait_until(lambda: is_gone(int(os.environ["PID_a"])), "its end")
		other = Control(source=source).login()     # at once: HAProxy tries the other node
		assert node_of(other) == "b"
		assert other.size("big") == 500000
		other.put("big", b"y" * 500000, at=500000)
		assert other.get("big") == b"x" * 500000 + b"y" * 500000
		wait_until(lambda: is_out("a"), "node a is taken out")
	END
	wait_until is_gone "$PID_a"
	start_node a
	# the address of sallyport goes to one of them
	head -c 40000000 /dev/urandom >"$DIR/payload"
	SALLYPORT_PASSWORD=secret LIMIT=90 nodes <<-'END'
		wait_until(lambda: is_in("a"), "node a is back")
		own = Control().login()
		node = node_of(own)
		partial = HOME_DIR + "/" + partial_name("own")
		begun = time.monotonic()
		put = subprocess.Popen([os.environ["BUILD"] + "/sallyport", "--ca", os.environ["CA"], "put", os.environ["DIR"] + "/payload",
		                        "ftp://alice@127.0.0.1:%d/own" % PORT])
		wait_until(lambda: (size_of(partial) or 0) > 1000000, "some bytes")
		os.kill(int(os.environ["PID_" + node]), signal.SIGKILL)
		assert size_of(HOME_DIR + "/own") is None, "the upload was over already"
		assert put.wait(60) == 0
	END
	cmp "$DIR/payload" "$DIR/home/alice/own"
}

@test "a node that hangs is taken out, and comes back when it goes on" {
	behind_haproxy
	nodes <<-'END'
		source = sources("a")[0]
		c = Control(source=source).login()
		os.kill(int(os.environ["PID_a"]), signal.SIGSTOP)
		begun = time.monotonic()
		try:
		    wait_until(lambda: is_out("a"), "node a is taken out")
		    took = time.monotonic() - begun
		    assert took < 6, took
		    assert node_of(Control(source=source).login()) == "b"
		finally:
		    os.kill(int(os.environ["PID_a"]), signal.SIGCONT)
		c.put("file", b"by the session of before")
		wait_until(lambda: is_in("a"), "node a is back")
		assert node_of(Control(source=source).login()) == "a"
	END
}

# --- who is who ---

@test "a ban at one client address touches no other one, and is that of one node" {
	behind_haproxy 'limits { login-failures = 2 }'
	nodes <<-'END'
		bad, good = sources("a", 2)
		for n in range(2):
		    c = Control(source=bad).greet()
		    c.ask("USER alice", 331)
		    c.ask("PASS wrong", 530, 421)
		    c.close()
		def is_banned():
		    with Control(source=bad).socket as sock:
		        return b"banned" in sock.recv(4096)
		wait_until(is_banned, "the ban")
		c = Control(source=good).login()
		assert node_of(c) == "a"
		say_all("a", "drain")
		c = Control(source=bad).login()
		assert node_of(c) == "b"
	END
}

@test "strangers: at a node's listener, at its data port, and at the data port of the proxy" {
	behind_haproxy
	PLAIN_A=$PLAIN_A nodes <<-'END'
		def dial(address, port, source):
		    return socket.create_connection((address, port), WAIT_S, (source, 0))

		def is_closed(sock):
		    try:
		        return sock.recv(100) == b""
		    except ConnectionResetError:
		        return True

		assert is_closed(dial("127.0.0.21", int(os.environ["PLAIN_A"]), "127.0.0.99"))
		own, other = sources("a", 2)
		c = Control(source=own).login()
		port = int(re.search(r"\|\|\|(\d+)\|", c.ask("EPSV", 229))[1])
		c.send("STOR file")
		assert is_closed(dial("127.0.0.21", port, "127.0.0.99")), "past the proxy"
		assert is_closed(dial("127.0.0.1", port, other)), "through the proxy"
		with dial("127.0.0.1", port, own) as data:
		    data.sendall(b"bytes")
		    c.expect(150)
		c.expect(226)
		assert c.get("file") == b"bytes"
	END
	use_node a
	log_has 'refused address=127\.0\.0\.99 .*message="the address is not in proxy-from"'
	log_has 'data-refused .*stranger 127\.0\.0\.99 on a passive port'
}

# --- what is not exact ---

@test "the page: max-sessions and the quota are those of one node" {
	behind_haproxy
	use_node a
	add_user bounded secret --max-sessions 1 --quota 1M
	copy_users
	nodes <<-'END'
		first = Control(source=sources("a")[0]).login("bounded")
		second = Control(source=sources("b")[0]).login("bounded")
		third = Control(source=sources("a")[0]).greet()
		third.ask("USER bounded", 331)
		assert "Too many sessions" in third.ask("PASS secret", 530)
		for c in first, second:
		    c.put("small", b"x")     # each node has counted the home
		    used(c)
		first.put("one", b"x" * 900000)
		second.put("two", b"x" * 900000)
		assert sum(size_of(os.environ["DIR"] + "/home/bounded/" + name) for name in ("one", "two")) == 1800000
	END
}
