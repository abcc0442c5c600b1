#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A proxy in front: the header before the fork, health checks, data connections through the proxy. The first
# half sends the header byte by byte (proxied.py), the second half has HAProxy in front.
#
# PROXY_CHECKS: how many health checks a test makes where it counts them (default: 500).

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
	export NODE=127.0.0.2 NODE_PORT BUILD
	PROXY_CHECKS=${PROXY_CHECKS:-500}
	export PROXY_CHECKS
	HAPROXY=
}

teardown()
{
	[ -z "$HAPROXY" ] || { kill "$HAPROXY" 2>/dev/null && wait "$HAPROXY" 2>/dev/null; } || :
	end_place
}

# serve [LINE...]: listen for a proxy of 127.0.0.1 on NODE, and for clients on 127.0.0.1.
serve()
{
	write_config 'listen = {"127.0.0.1:0"}' 'listen-proxied = {"127.0.0.2:0"}' "$@"
	grep -q '^proxy-from' "$CONF" || sed -i '1i proxy-from = {"127.0.0.1", "::1"}' "$CONF"
	[ -e "$DIR/home/alice" ] || add_user alice secret
	start_server
	find_node
}

find_node()
{
	NODE_PORT=$(sed -n 's/.* listening address=127\.0\.0\.2 .*port=\([0-9]*\) tls="no" for="proxy".*/\1/p' "$LOG" | tail -n 1)
	NODE_TLS_PORT=$(sed -n 's/.* listening address=127\.0\.0\.2 .*port=\([0-9]*\) tls="implicit" for="proxy".*/\1/p' "$LOG" | tail -n 1)
	[ -n "$NODE_PORT" ]
}

# proxied <SCRIPT: run Python with everything of proxied.py.
proxied()
{
	{
		printf '%s\n' 'from proxied import *'
		cat
	} | py
}

porter_pid()
{
	local pid
	for pid in $(children_of "$SERVER_PID"); do
		[ "$(cat "/proc/$pid/comm")" != sallyport-port ] || echo "$pid"
	done
}

has_porter()
{
	[ -n "$(porter_pid)" ]
}

# --- the process ---

@test "a server without listeners for a proxy starts no porter; a reload starts and ends it" {
	write_config
	add_user alice secret
	start_server
	run has_porter
	assert_failure
	cp "$CONF" "$DIR/plain"
	sed -i '1i listen-proxied = {"127.0.0.2:0"}\nproxy-from = {"127.0.0.1"}' "$CONF"
	ctl reload
	wait_until find_node
	wait_until has_porter
	proxied <<-'EOF'
		Proxied(v2()).login().ask("QUIT", 221)
	EOF
	cp "$DIR/plain" "$CONF"
	ctl reload
	wait_until -t 5 eval '! has_porter'
	ftp_login alice secret
}

@test "a porter that dies after the last listener for a proxy has gone is not replaced" {
	ALARM_EXPECTED=1
	serve
	wait_until has_porter
	proxied <<-'EOF'
		import signal
		with connect() as sock:
		    sock.sendall(b"PROXY ")
		    path = os.environ["CONF"]
		    lines = [line for line in open(path) if not line.startswith(("listen-proxied", "proxy-from"))]
		    open(path, "w").writelines(lines)
		    subprocess.run([os.environ["BUILD"] + "/sallyportctl", "-c", path, "reload"], check=True)
		    waiting = porters()
		    expect(len(waiting) == 1, "the porter waits for the header", waiting)
		    os.kill(waiting[0], signal.SIGKILL)
		    expect(rest(sock) == b"", "an answer")
	EOF
	sleep 1.5 # another one would be started after a second
	run has_porter
	assert_failure
}

@test "a porter that dies or hangs is replaced, and who comes meanwhile is served" {
	ALARM_EXPECTED=1
	serve
	wait_until has_porter
	proxied <<-'EOF'
		import signal
		for n in range(3):    # the second one is another one's a second after it was started
		    wait_until(porters, "a porter")
		    os.kill(porters()[0], signal.SIGKILL)
		    wait_until(lambda: log().count("porter died") == n + 1, "the line about its end")
		    Proxied(v2()).login().ask("QUIT", 221)
		wait_until(porters, "a porter")
		os.kill(porters()[0], signal.SIGSTOP)
		with connect() as sock:
		    expect(rest(sock) == b"", "served by a porter that is stopped")
		wait_until(lambda: log().count("porter died") == 4, "the end of the porter that hangs")
		Proxied(v2()).login()
	EOF
}

# --- headers ---

@test "the client that a header names is the client: log, allow-from, list of sessions" {
	serve
	ctl user set alice --allow-from 192.0.2.0/24 --allow-from 2001:db8::/32
	proxied <<-'EOF'
		def sessions():
		    return subprocess.run([os.environ["BUILD"] + "/sallyportctl", "-c", os.environ["CONF"], "session", "list"],
		                          capture_output=True, text=True).stdout

		for make in v1, v2:
		    for source, to in ((CLIENT, DIALLED), (("2001:db8::1", 40000), ("2001:db8::2", 21))):
		        p = Proxied(make(source, to)).login()
		        expect(source[0] in sessions(), source[0], sessions())
		        p.ask("QUIT", 221)
		p = Proxied(v2(("192.0.3.1", 5))).greet()
		p.ask("USER alice", 331)
		p.ask("PASS secret", 530)
		p = Proxied(v2(tlvs=b"\xea\0\x02vp\x05\0\x04\"7\n8")).login()
		expect('proxy_id="\\x227\\x0a8"' in log(), "the identification in the log")
	EOF
	log_has 'connect .*address=192\.0\.2\.1 .*proxy="127\.0\.0\.1"'
	log_has 'login .*address=192\.0\.2\.1 .*user="alice"'
	log_has 'login .*address=2001:db8::1 .*user="alice"'
	log_has 'login-failed .*address=192\.0\.3\.1'
}

@test "a header without a client stands for the proxy itself" {
	serve
	proxied <<-'EOF'
		for header in (b"PROXY UNKNOWN\r\n", UNSPEC, block(1, 0x31, b"\0" * 216)):
		    Proxied(header).login().ask("QUIT", 221)
	EOF
	assert_equal "$(log_count 'login .*address=127\.0\.0\.1 .*user="alice"')" 3
}

@test "a header that came with its connection costs the porter one look, and no wait" {
	serve
	need_trace
	wait_until has_porter
	PORTER=$(porter_pid) proxied <<-'EOF'
		import signal
		porter = int(os.environ["PORTER"])
		calls = os.environ["DIR"] + "/calls"
		tracer = subprocess.Popen(["strace", "-o", calls, "-p", str(porter)], stderr=subprocess.PIPE, text=True)
		expect("attached" in tracer.stderr.readline(), "strace")
		os.kill(porter, signal.SIGSTOP)
		clients = [Proxied(v2()) for n in range(20)]
		os.kill(porter, signal.SIGCONT)
		for client in clients:
		    client.greet().ask("QUIT", 221)
		tracer.terminate()
		tracer.communicate()
		made = open(calls).read()
		expect("epoll_ctl" not in made, "a connection was watched", made)
		expect(made.count("MSG_PEEK") == 20, "looks", made)
	EOF
}

@test "a header in pieces, and with the client's first bytes behind it" {
	serve
	proxied <<-'EOF'
		for header in (v1(), v2()):
		    p = Proxied(b"")
		    for n in range(len(header)):
		        p.raw(header[n:n + 1])
		        time.sleep(0.005)
		    p.login().ask("QUIT", 221)
		    p = Proxied(header + b"USER alice\r\nPASS secret\r\nPWD\r\n")
		    p.expect(220)
		    p.expect(331)
		    p.expect(230)
		    p.expect(257)
	EOF
}

@test "a client's own header is no header: on a session, on a direct one, in the bytes of a file" {
	serve
	proxied <<-'EOF'
		for own in (v1(("192.0.2.99", 1)), v2(("192.0.2.99", 1))):
		    p = Proxied(v2() + own).greet()
		    p.expect(500)
		    p = Proxied(v2()).login()
		    with p.open("STOR file") as data:
		        data.sendall(own + b"bytes")
		    p.expect(226)
		    expect(p.get("file") == own + b"bytes", "the file")
		    c = ftp.Control()
		    c.raw(own)
		    c.greet().expect(500)
		expect("address=192.0.2.99" not in log(), "believed")
	EOF
}

@test "a proxy that lies about the family, or names no client's address, makes no session of another kind" {
	serve
	proxied <<-'EOF'
		v6 = end(("2001:db8::1", 0), socket.AF_INET6) * 2 + b"\0\1\0\x15"
		for lie in (block(1, 0x11, v6), block(1, 0x21, v2()[16:]), b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
		            b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", b"PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n"):
		    expect(checked(lie) == b"", lie)
		expect(" connect " not in log(), "a session began")
		for source, to in ((("0.0.0.0", 0), ("0.0.0.0", 0)), (("::", 0), ("::", 0)), (("255.255.255.255", 9), DIALLED),
		                   (("224.0.0.1", 9), DIALLED), (("ff02::1", 9), ("ff02::1", 21)), (("fe80::1", 9), ("fe80::2", 21))):
		    p = Proxied(v2(source, to)).login()
		    p.ask("PASV", 227, 501)
		    p.ask("EPSV", 229)
		    p.ask("PORT 127,0,0,1,200,1", 501)
		    p.ask("EPRT |1|127.0.0.2|50000|", 501, 522)
		    p.ask("QUIT", 221)
	EOF
}

@test "garbage, wrong sums, oversize and foreign speech are closed without a session, counted, and told with the reason" {
	serve
	proxied <<-'EOF'
		BAD = [b"USER alice\r\n", b"\x16\x03\x01\x02\0\x01", b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 a b c d\r\n",
		       b"PROXY " + b"x" * 200, v2()[:12] + b"\x31" + v2()[13:], block(1, 0x11, b"\0" * 521), block(1, 0x11, b"\0" * 4),
		       v2(tlvs=b"\x03\0\x04\0\0\0\0"), v2(tlvs=b"\x05\0\xff"), block(1, 0x12, b"\0" * 12)]
		for header in BAD:
		    expect(checked(header) == b"", header)
		with connect() as sock:
		    sock.sendall(v2()[:20])
		    sock.shutdown(socket.SHUT_WR)
		    expect(rest(sock) == b"", "a header that is cut off")
		count = len(BAD) + 1
		wait_until(lambda: metric('sallyport_connections_refused_total{reason="proxy-header"}') == count, "the counter")
		expect(" connect " not in log(), "a session began")
		expect('the proxy sent a wrong checksum (CRC32C)' in log() and 'the proxy sent no PROXY header' in log(), "the reasons")
		Proxied(v2()).login()
	EOF
	log_has 'warning refused address=127\.0\.0\.1 .*message="the proxy sent a header that is cut off"'
}

@test "strangers are closed before a byte is read, counted and told" {
	serve 'proxy-from = {"127.0.0.9"}'
	proxied <<-'EOF'
		for header in (v2(), LOCAL, v1()):
		    expect(checked(header) == b"", "served to a stranger")
		wait_until(lambda: metric('sallyport_connections_refused_total{reason="not-from-proxy"}') == 3, "the counter")
		Proxied(v2(), "127.0.0.9").login()
	EOF
	log_has 'warning refused address=127\.0\.0\.1 .*message="the address is not in proxy-from"'
	log_has 'connect .*proxy="127\.0\.0\.9"'
}

@test "slow headers end after five seconds, and a thousand of them hold up nobody" {
	serve
	proxied <<-'EOF'
		import resource
		resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
		begun = time.monotonic()
		slow = [connect() for n in range(1100)]
		for sock in slow[::2]:
		    sock.sendall(v2()[:7])
		Proxied(v2()).login().ask("QUIT", 221)
		expect(time.monotonic() - begun < 5, "it took %.1f s" % (time.monotonic() - begun))
		for sock in slow:
		    sock.settimeout(15)
		    expect(rest(sock) == b"", "an answer")
		expect(time.monotonic() - begun < 15, "it took %.1f s" % (time.monotonic() - begun))
		expect(log().count(" connect ") == 1, "sessions")
		expect(log().count(" refused ") <= 40, "lines", log().count(" refused "))
	EOF
	log_has 'refused .*message="the proxy sent no whole PROXY header within 5 seconds'
}

@test "a burst of more connections than wait at once loses none whose header is there" {
	[ "$(cat /proc/sys/net/core/somaxconn)" -ge 2000 ] || skip "so many connections cannot wait here (net.core.somaxconn)"
	serve
	proxied <<-'EOF'
		import resource, signal
		resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
		server = int(os.environ["SERVER_PID"])
		os.kill(server, signal.SIGSTOP)
		burst = [connect() for n in range(2000)]
		for sock in burst:
		    sock.sendall(LOCAL)
		os.kill(server, signal.SIGCONT)
		lost = [n for n, sock in enumerate(burst) if rest(sock) != b"220 ready\r\n"]
		expect(not lost, "%d connections were closed, the first is number %d" % (len(lost), (lost or [0])[0]))
	EOF
}

# --- limits ---

@test "limits and bans are those of the client, and refusals fork nothing" {
	serve 'limits { sessions-per-address = 2 login-failures = 2 }'
	proxied <<-'EOF'
		first, second = Proxied(v2()).login(), Proxied(v2()).login()
		Proxied(v2()).expect(421)
		Proxied(v2(("192.0.2.2", 9))).login().ask("QUIT", 221)
		bad = ("192.0.2.66", 7)
		for n in range(2):
		    p = Proxied(v2(bad)).greet()
		    p.ask("USER alice", 331)
		    p.ask("PASS wrong", 530, 421)
		    p.socket.close()
		wait_until(lambda: " ban " in log(), "the ban")
		begun = log().count(" connect ")
		expect("banned" in Proxied(v2(bad)).expect(421), "the reason")
		expect(log().count(" connect ") == begun, "a refusal began a session")
		Proxied(v2(("192.0.2.67", 7))).login()
		first.ask("NOOP", 200)
	EOF
	log_has 'refused address=192\.0\.2\.66 .*reply="421 Your address is banned'
}

# --- health checks ---

@test "health checks are answered without a session, a process or a line, and counted" {
	serve
	proxied <<-'EOF'
		count = int(os.environ["PROXY_CHECKS"])
		size = len(log())
		forked = lambda: [int(line.split()[1]) for line in open("/proc/stat") if line.startswith("processes")][0]
		children = lambda: open("/proc/%s/task/%s/children" % (2 * (os.environ["SERVER_PID"],))).read()
		before = children()
		for n in range(count // 2):
		    expect(checked(LOCAL) == b"220 ready\r\n", "the answer")
		    connect().close()
		wait_until(lambda: metric("sallyport_health_checks_total") == count // 2 * 2, "the counter")
		expect(len(log()) == size, log()[size:])
		expect(children() == before, "processes came and went")
	EOF
}

@test "a health check is one whatever stands in the rest of its header" {
	serve
	proxied <<-'EOF'
		ends = v2()[16:]
		for family, body in ((0x00, b"\x03\0\x04\0\0\0\0"), (0x11, ends), (0x11, ends + b"\x03\0\x04\0\0\0\0"),
		                     (0x11, ends + b"\x04\xff\xff"), (0x21, b""), (0xf3, b"x"), (0x00, b"x" * 520)):
		    expect(checked(block(0, family, body)) == b"220 ready\r\n", family, body)
		expect(checked(block(0, 0, b"x" * 521)) == b"", "more than a header may have")
		wait_until(lambda: metric("sallyport_health_checks_total") == 7, "the counter")
	EOF
	run log_count ' connect '
	assert_output 0
}

@test "a server without a place answers checks with 421, and with 220 again when there is one" {
	serve 'limits { sessions = 1 }'
	proxied <<-'EOF'
		p = Proxied(v2()).login()
		expect(checked(LOCAL).startswith(b"421 "), "full")
		p.ask("QUIT", 221)
		wait_until(lambda: checked(LOCAL) == b"220 ready\r\n", "a place")
	EOF
}

@test "connections without a login do not take a node out: checks read 220 while one of them can give way" {
	serve 'limits { sessions = 2 }'
	proxied <<-'EOF'
		idle = [Proxied(v2((name, 9))).greet() for name in ("192.0.2.8", "192.0.2.9")]
		expect(checked(LOCAL).startswith(b"421 "), "both are too young to give way")
		wait_until(lambda: checked(LOCAL) == b"220 ready\r\n", "an answer that the next client has a place")
		Proxied(v2()).login().ask("QUIT", 221)
	EOF
}

@test "a server that stops answers checks with 421 and refuses clients until the last session has ended" {
	serve 'timeouts { drain = 30 }'
	proxied <<-'EOF'
		import signal
		p = Proxied(v2()).login()
		d = p.open("STOR big")
		os.kill(int(os.environ["SERVER_PID"]), signal.SIGTERM)
		wait_until(lambda: checked(LOCAL).startswith(b"421 The server is stopping"), "the answer while it stops")
		expect("stopping" in Proxied(v2()).expect(421), "a client")
		try:
		    ftp.Control()
		    raise Unexpected("a direct client came in")
		except ConnectionRefusedError:
		    pass
		d.sendall(b"x" * 100)
		d.close()
		p.expect(226)
		wait_until(lambda: not os.path.exists("/proc/%s/fd/0" % os.environ["SERVER_PID"]), "the end of the server")
	EOF
	stop_server
}

@test "a server that stops does not wait for its porter" {
	serve
	wait_until has_porter
	proxied <<-'EOF'
		import signal
		server = int(os.environ["SERVER_PID"])
		os.kill(server, signal.SIGTERM)
		wait_until(lambda: " stopped " in log(), "its last line")
		stopped = time.monotonic()
		wait_until(lambda: ftp.is_gone(server), "its end")
		took = time.monotonic() - stopped
		expect(took < 1.5, "it took %.1f s" % took)
	EOF
	stop_server
}

# --- data connections ---

@test "proxy-data header: a stranger behind the same proxy is refused on a port, the client is served" {
	serve
	proxied <<-'EOF'
		p = Proxied(v2()).login()
		port = int(re.search(r"\|\|\|(\d+)\|", p.ask("EPSV", 229))[1])

		def dial(header, source="127.0.0.1"):
		    made = socket.create_connection((NODE, port), WAIT_S, (source, 0))
		    made.sendall(header)
		    return made

		p.send("STOR file")
		reset = dial(b"")
		reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		reset.close()
		strangers = [dial(v2(("192.0.2.9", 1))), dial(LOCAL), dial(b"hello, who is there?\r\n"), dial(v2(), "127.0.0.77")]
		for stranger in strangers:
		    expect(rest(stranger) == b"", "a stranger was served")
		own = dial(v2()[:9])
		own.sendall(v2()[9:] + b"the first bytes")
		own.sendall(b" and the last")
		p.expect(150)
		own.close()
		p.expect(226)
		expect(open(os.environ["DIR"] + "/home/alice/file").read() == "the first bytes and the last", "the file")
		expect(p.get("file") == b"the first bytes and the last", "the file that is read back")
	EOF
	# the log has a line for the first stranger of a port; a check that ends with a reset is no stranger
	log_has 'data-refused .*address=192\.0\.2\.1 .*stranger 192\.0\.2\.9 on a passive port'
}

@test "proxy-data header: a proxy without a header is told, and strangers alone are a 425" {
	serve 'timeouts { data-connect = 2 }'
	proxied <<-'EOF'
		p = Proxied(v2()).login()
		for header, line in ((v2(("192.0.2.9", 1)), "LIST"), (b"bytes of the file", "STOR file")):
		    p.dial(b"").close()
		    d = p.dial(header)
		    p.ask(line, 150)
		    p.expect(425)
		    expect(rest(d) == b"", line)
		p.ask("NOOP", 200)
	EOF
	log_has 'data-refused .*proxy 127\.0\.0\.1 on a passive port, without a PROXY header: no PROXY header'
}

@test "proxy-data through: connections of the proxy count, those past it do not" {
	serve 'proxy-data = "through"'
	proxied <<-'EOF'
		p = Proxied(v2()).login()
		past = p.dial(b"", "127.0.0.77")
		p.send("STOR file")
		expect(rest(past) == b"", "served past the proxy")
		port = past.getpeername()[1]
		with socket.create_connection((NODE, port), WAIT_S) as own:
		    own.sendall(b"bytes")
		    p.expect(150)
		p.expect(226)
		expect(open(os.environ["DIR"] + "/home/alice/file").read() == "bytes", "the file")
	EOF
}

@test "proxy-data direct: PASV tells this server, and the client's own address counts; EPSV is refused" {
	serve 'proxy-data = "direct"'
	proxied <<-'EOF'
		p = Proxied(v2(("127.0.0.77", 5))).login()
		expect("PASV" in p.ask("EPSV", 522), "what to use")
		numbers = re.search(r"\(([0-9,]+)\)", p.ask("PASV", 227))[1].split(",")
		expect(numbers[:4] == "127 0 0 2".split(), numbers)
		port = int(numbers[4]) * 256 + int(numbers[5])
		p.send("STOR file")
		with socket.create_connection((NODE, port), WAIT_S) as proxy:
		    expect(rest(proxy) == b"", "the proxy was served")
		with socket.create_connection((NODE, port), WAIT_S, ("127.0.0.77", 0)) as own:
		    own.sendall(b"bytes")
		    p.expect(150)
		p.expect(226)
	EOF
}

@test "proxy-data direct: a client of IPv6 is not sent from EPSV to PASV and back, but to IPv4" {
	serve 'proxy-data = "direct"'
	proxied <<-'EOF'
		p = Proxied(v2(("2001:db8::9", 5), ("2001:db8::1", 21))).login()
		for command, code in ("EPSV", 522), ("PASV", 501), ("PORT 192,0,2,9,200,10", 501), ("EPRT |2|2001:db8::9|5000|", 522):
		    said = p.ask(command, code)
		    expect("dial the proxy over IPv4" in said and "use " not in said, (command, said))
		p.ask("NOOP", 200)
	EOF
}

@test "active mode goes to the client that the header names, and neither to the proxy nor to a stranger" {
	serve
	proxied <<-'EOF'
		with socket.create_server(("127.0.0.77", 0)) as own:
		    port = "%d,%d" % divmod(own.getsockname()[1], 256)
		    for source in "127.0.0.77", "::ffff:127.0.0.77":
		        to = DIALLED if source != "::ffff:127.0.0.77" else ("::ffff:198.51.100.2", 21)
		        p = Proxied(v2((source, 5), to)).login()
		        for host in "127,0,0,1", "127,0,0,2", "127,0,0,78":    # the proxy, the server, a stranger
		            p.ask("PORT %s,%s" % (host, port), 501)
		        p.ask("EPRT |2|::ffff:127.0.0.1|%d|" % own.getsockname()[1], 501, 522)
		        p.ask("PORT 127,0,0,77," + port, 200)
		        p.send("STOR active")
		        data, server = own.accept()
		        expect(server[0] == NODE, server)
		        data.sendall(b"bytes")
		        p.expect(150)
		        data.close()
		        p.expect(226)
		        p.ask("QUIT", 221)
	EOF
	assert_equal "$(log_count 'login .*address=127\.0\.0\.77 .*user="alice"')" 2
}

@test "active mode is refused with the reason where the client has the other family than the node" {
	need_ipv6
	serve
	proxied <<-'EOF'
		p = Proxied(v2(("2001:db8::1", 7), ("2001:db8::2", 21))).login()
		for line, code in (("EPRT |2|2001:db8::1|40000|", 522), ("EPRT |1|192.0.2.1|40000|", 522), ("PORT 192,0,2,1,156,64", 501)):
		    expect("IPv4 to IPv6); use passive mode" in p.ask(line, code), line)
		p.ask("LIST", 425)
		expect(p.put("file", b"over IPv6"), "EPSV")
	EOF
	run log_count 'data-failed|data-refused'
	assert_output 0
	sed -i '1i active-mode = no' "$CONF"
	ctl reload
	proxied <<-'EOF'
		Proxied(v2(("2001:db8::1", 7), ("2001:db8::2", 21))).login().ask("EPRT |2|2001:db8::1|40000|", 502)
	EOF
}

@test "addresses of IPv4 within IPv6 are those of IPv4: limits, and connections for data" {
	serve 'limits { sessions-per-address = 1 }'
	proxied <<-'EOF'
		p = Proxied(v2(("::ffff:192.0.2.1", 5), ("::ffff:198.51.100.2", 21))).login()
		expect("(198,51,100,2," in p.ask("PASV", 227), "the address")
		Proxied(v2()).expect(421)
		Proxied(v1(("::ffff:192.0.2.1", 5), ("2001:db8::2", 21))).expect(421)
		stranger = p.dial(v2(("::ffff:192.0.2.9", 5), ("::ffff:198.51.100.2", 21)))
		address = stranger.getpeername()
		p.send("STOR file")
		expect(rest(stranger) == b"", "a stranger was served")
		with socket.create_connection(address, WAIT_S) as own:
		    own.sendall(v2() + b"bytes")
		    p.expect(150)
		p.expect(226)
	EOF
}

@test "PASV, EPSV and HOST go by the address that the client dialled" {
	need_ipv6
	serve
	proxied <<-'EOF'
		p = Proxied(v2()).greet()
		p.ask("HOST 127.0.0.2", 504)
		p.ask("HOST 198.51.100.2", 220)
		p.ask("USER alice", 331)
		p.ask("PASS secret", 230)
		expect("(198,51,100,2," in p.ask("PASV", 227), "the address")
		p.ask("EPSV 2", 522)
		p.ask("EPSV 1", 229)
		p = Proxied(v2(("2001:db8::1", 7), ("2001:db8::2", 21))).login()
		p.ask("PASV", 501)
		p.ask("EPSV 1", 522)
		expect(p.put("file", b"over IPv6"), "EPSV")
	EOF
	sed -i '1i passive-address = "203.0.113.5"' "$CONF"
	ctl reload
	proxied <<-'EOF'
		expect("(203,0,113,5," in Proxied(v2()).login().ask("PASV", 227), "the configured address")
	EOF
}

# --- HAProxy ---

# Print a range of ports for data that is free on both addresses.
free_range()
{
	python3 -c '
import random, socket
def free(port):
    for address in "127.0.0.1", "127.0.0.2":
        with socket.socket() as s:
            try:
                s.bind((address, port))
            except OSError:
                return False
    return True
for low in random.sample(range(10000, 31000), 100):
    if all(free(port) for port in range(low, low + 24)):
        print("%d-%d" % (low, low + 23))
        break'
}

# behind_haproxy SEND [LINE...]: HAProxy on 127.0.0.1 and ::1 (PORT, TLS_PORT), which checks the node every half
# second. The server has these lines, and TLS.
behind_haproxy()
{
	local send=$1 range ipv6=
	shift
	command -v haproxy >/dev/null || skip "haproxy is not installed"
	range=$(free_range)
	use_leaf server
	serve 'listen-proxied-tls = {"127.0.0.2:0"}' "passive-ports = \"$range\"" \
		"tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" require = no }" "$@"
	PORT=$(free_port)
	TLS_PORT=$(free_port)
	! has_ipv6 || ipv6=yes
	cat >"$DIR/haproxy.cfg" <<-EOF
		global
		    stats socket $DIR/haproxy.sock mode 600
		defaults
		    mode tcp
		    timeout connect 5s
		    timeout client 60s
		    timeout server 60s
		listen control
		    bind 127.0.0.1:$PORT
		    ${ipv6:+bind [::1]:$PORT}
		    option tcp-check
		    tcp-check expect rstring ^220
		    server a 127.0.0.2:$NODE_PORT $send check inter 500ms fall 2 rise 1 check-send-proxy
		listen implicit
		    bind 127.0.0.1:$TLS_PORT
		    server a 127.0.0.2:$NODE_TLS_PORT $send
		listen data
		    bind 127.0.0.1:$range
		    ${ipv6:+bind [::1]:$range}
		    server a 127.0.0.2 $send
	EOF
	haproxy -db -f "$DIR/haproxy.cfg" >"$DIR/haproxy.log" 2>&1 </dev/null 3>&- &
	HAPROXY=$!
	wait_until haproxy_says UP
	export PORT TLS_PORT
}

# haproxy_says UP|DOWN: HAProxy has this state for the node.
haproxy_says()
{
	python3 - "$DIR/haproxy.sock" <<-'EOF' 2>/dev/null | grep -q "$1"
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(b"show stat\n")
		text = b""
		while piece := s.recv(65536):
		    text += piece
		for line in text.decode().splitlines():
		    field = line.split(",")
		    if field[:2] == ["control", "a"]:
		        print(field[17])
	EOF
}

both_ways_through_haproxy()
{
	py <<-'EOF'
		for source in "127.0.0.12", "127.0.0.13":
		    c = Control(source=source).login()
		    for n in range(10):
		        c.put("file%d" % n, bytes([n]) * 100000)
		    for n in range(10):
		        assert c.get("file%d" % n) == bytes([n]) * 100000
		    assert len(c.names()) == 10
		    assert "(127,0,0,1," in c.ask("PASV", 227)
		    c.ask("QUIT", 221)
	EOF
	for source in 12 13; do
		log_has "login .*address=127\.0\.0\.$source .*user=\"alice\""
	done
	! has_ipv6 || {
		curl -sS --max-time 60 -T "$CONF" "ftp://alice:secret@[::1]:$PORT/conf"
		cmp "$CONF" "$DIR/home/alice/conf"
		log_has 'login .*address=::1 .*user="alice"'
	}
}

@test "HAProxy, version 1: both families, both directions, the client's address everywhere" {
	behind_haproxy send-proxy
	both_ways_through_haproxy
}

@test "HAProxy, version 2: both families, both directions, the client's address everywhere" {
	behind_haproxy send-proxy-v2
	both_ways_through_haproxy
}

@test "HAProxy, version 2 with checksums, on checks as well" {
	behind_haproxy 'send-proxy-v2 proxy-v2-options crc32c'
	both_ways_through_haproxy
	run log_count ' refused '
	assert_output 0
}

@test "HAProxy's checks leave no line; a server that stops is taken out within three seconds, while its session goes on" {
	behind_haproxy send-proxy-v2 'timeouts { drain = 30 }'
	wait_until eval '[ "$(ctl metrics | sed -n "s/^sallyport_health_checks_total //p")" -ge 3 ]'
	run log_count ' connect | refused '
	assert_output 0
	py <<-'EOF'
		c = Control(source="127.0.0.12").login()
		d = c.open("STOR big")
		os.kill(int(os.environ["SERVER_PID"]), signal.SIGTERM)
		begun = time.monotonic()

		def state():
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(os.environ["DIR"] + "/haproxy.sock")
		    s.sendall(b"show stat\n")
		    rows = [line.split(",") for line in receive(s).decode().splitlines()]
		    return next(row[17] for row in rows if row[:2] == ["control", "a"])

		wait_until(lambda: state().startswith("DOWN"), "the node is taken out")
		assert time.monotonic() - begun < 3, time.monotonic() - begun
		d.sendall(b"x" * 1000000)
		d.close()
		c.expect(226)
	EOF
	stop_server
	assert_equal "$(stat -c %s "$DIR/home/alice/big")" 1000000
}

@test "HAProxy: a ban made by failures at one client address does not touch another" {
	behind_haproxy send-proxy-v2 'limits { login-failures = 2 }'
	py <<-'EOF'
		for n in range(2):
		    c = Control(source="127.0.0.12").greet()
		    c.ask("USER alice", 331)
		    c.ask("PASS wrong", 530, 421)
		    c.close()
		def is_banned():
		    c = Control(source="127.0.0.12")
		    code, text = c.reply()
		    return code == 421 and "banned" in text
		wait_until(is_banned, "the ban")
		Control(source="127.0.0.13").login().ask("NOOP", 200)
	EOF
}

@test "HAProxy: a stranger on a data port is refused, and the client's own connection is served" {
	behind_haproxy send-proxy-v2
	py <<-'EOF'
		import re
		c = Control(source="127.0.0.12").login()
		port = int(re.search(r"\|\|\|(\d+)\|", c.ask("EPSV", 229))[1])
		stranger = socket.create_connection((HOST, port), WAIT_S, ("127.0.0.13", 0))
		c.send("STOR file")
		assert receive(stranger) == b""
		with socket.create_connection((HOST, port), WAIT_S, ("127.0.0.12", 0)) as own:
		    own.sendall(b"bytes")
		    c.expect(150)
		c.expect(226)
	EOF
	log_has 'data-refused .*address=127\.0\.0\.12 .*stranger 127\.0\.0\.13 on a passive port'
}

@test "FTPS with data connections that resume, through HAProxy: curl, lftp, sallyport, explicit and implicit" {
	behind_haproxy send-proxy-v2
	FILE=$DIR/payload
	head -c 300000 /dev/urandom >"$FILE"
	local url
	for url in "ftp://127.0.0.1:$PORT" "ftps://127.0.0.1:$TLS_PORT"; do
		curls --ssl-reqd -u alice:secret -T "$FILE" "$url/curl1" -T "$FILE" "$url/curl2"
		curls --ssl-reqd -u alice:secret "$url/curl2" -o "$DIR/back"
		cmp "$FILE" "$DIR/back"
		if command -v lftp >/dev/null; then
			timeout 60 lftp -c "set ssl:ca-file $CA; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set net:max-retries 1;
				set cmd:fail-exit yes; open -u alice,secret $url; put $FILE -o lftp1; put $FILE -o lftp2; cls -1; get lftp2 -o $DIR/lftp"
			cmp "$FILE" "$DIR/lftp"
			rm "$DIR/lftp"
		fi
	done
	for url in "ftp://alice@127.0.0.1:$PORT" "ftps://alice@127.0.0.1:$TLS_PORT"; do
		SALLYPORT_PASSWORD=secret timeout 60 "$BUILD/sallyport" --ca "$CA" put "$FILE" "$url/own"
		cmp "$FILE" "$DIR/home/alice/own"
		SALLYPORT_PASSWORD=secret timeout 60 "$BUILD/sallyport" --ca "$CA" get "$url/own" "$DIR/got"
		cmp "$FILE" "$DIR/got"
		rm "$DIR/got" "$DIR/home/alice/own"
	done
	run log_count 'data-refused|tls-reuse'
	assert_output 0
}

@test "an upgrade and a reload keep the proxied listeners, and nobody who waits is lost" {
	behind_haproxy send-proxy-v2
	py <<-'EOF'
		import subprocess
		old = Control(source="127.0.0.12").login()
		ctl = [os.environ["BUILD"] + "/sallyportctl", "-c", os.environ["CONF"]]
		failed, is_over = [], threading.Event()

		def come_and_go():
		    while not is_over.is_set():
		        try:
		            c = Control(source="127.0.0.13").login()
		            c.ask("QUIT", 221)
		            c.close()
		        except (OSError, EOFError, Unexpected) as error:
		            failed.append(repr(error))

		thread = threading.Thread(target=come_and_go)
		thread.start()
		try:
		    subprocess.run(ctl + ["reload"], check=True)
		    subprocess.run(ctl + ["upgrade"], check=True)
		    subprocess.run(ctl + ["reload"], check=True)
		finally:
		    is_over.set()
		    thread.join()
		assert not failed, failed
		old.put("file", b"of the old server")
		Control(source="127.0.0.12").login().get("file")
		old.ask("QUIT", 221)
	EOF
	SERVER_PID=$(cat "$DIR/run/sallyportd.pid")
}

# --- the configuration ---

@test "config check tells what cannot work behind a proxy" {
	write_config 'listen-proxied = {"127.0.0.2:0"}'
	run ctl config check
	assert_failure
	assert_output --regexp ':1: listen-proxied: needs proxy-from, the addresses of the proxy'
	write_config 'listen-proxied-tls = {"127.0.0.2:0"}' 'proxy-from = {"10.0.0.5"}'
	run ctl config check
	assert_failure
	assert_output --regexp ':1: listen-proxied-tls: needs a certificate'
	write_config 'listen-proxied = {"127.0.0.2:0"}' 'proxy-from = {"0.0.0.0/0"}' 'proxy-data = "through"'
	run ctl config check
	assert_output --regexp ':2: proxy-from: everybody counts as the proxy'
	assert_output --regexp 'active-mode: active data connections go from this server'
	assert_output --regexp ':3: proxy-data: with "through", only the TLS session'
	assert_output --regexp 'passive-ports: the proxy has to listen on each'
	write_config 'listen-proxied = {"127.0.0.2:0"}' 'proxy-from = {"10.0.0.5"}' 'proxy-data = "direct"' 'active-mode = no'
	run ctl config check
	assert_output --regexp 'passive-address: with proxy-data = "direct"'
	refute_output --partial active-mode
	write_config 'proxy-from = {"10.0.0.5"}'
	run ctl config check
	assert_output --regexp ':1: proxy-from: no key has an address for the proxy'
	write_config 'listen-proxied = {"127.0.0.2:0"}' 'proxy-from = {"10.0.0.5"}' 'passive-ports = "50000-50499"' 'active-mode = no'
	run ctl config check
	refute_output --regexp 'proxy|active-mode'
}
