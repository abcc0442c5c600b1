#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# TLS on data connections: which client owns them, how they end, and what works meanwhile.

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
	start_tls_server
	export DIR
}

teardown()
{
	end_place
}

restart_with()
{
	stop_server
	: >"$LOG"
	: >"$DIR/stderr"
	write_tls_config "$@"
	start_server
	find_tls_ports
}

# --- which client owns them ---

@test "TLS 1.3: 200 data connections on the ticket of one control connection" {
	ftps <<-'END'
		c = Control(tls=context(TLS13)).login()
		first = c.socket.session
		for i in range(200):
		    c.put('file', b'%d' % i, session=first)
		assert c.get('file') == b'199'
	END
}

@test "TLS 1.2 without tickets: 200 data connections by session id" {
	ftps <<-'END'
		c = Control(tls=context(TLS12, tickets=False)).login()
		assert not c.socket.session.has_ticket
		for i in range(200):
		    c.put('file', b'%d' % i)
		assert c.get('file') == b'199'
	END
}

@test "TLS 1.2 with tickets" {
	ftps <<-'END'
		c = Control(tls=context(TLS12)).login()
		assert c.socket.session.has_ticket
		for i in range(20):
		    c.put('file', b'%d' % i)
	END
}

@test "TLS 1.3: a client that uses each ticket once does not run out, even if it only uploads" {
	ftps <<-'END'
		c = Control(tls=context(TLS13)).login()
		seen = set()
		for i in range(30):
		    session = c.socket.session
		    assert session.id not in seen, 'out of tickets after %d' % i
		    seen.add(session.id)
		    d = c.open('STOR file', session)
		    d.sendall(b'x' * 1000)
		    d.unwrap().close()
		    c.expect(226)
	END
}

@test "no session, 522; the next data connection that resumes is served" {
	ftps <<-'END'
		c = Control().login()
		for i in range(3):
		    d = c.open('STOR file', session=None)
		    c.expect(522)
		c.put('file', b'1')
	END
	assert_equal "$(log_count ' tls-not-resumed ')" 3
	[ "$(cat "$DIR/home/alice/file")" = 1 ]
}

@test "the session of another control connection is not resumed, 522" {
	ftps <<-'END'
		for version in TLS12, TLS13:
		    for tickets in True, False:
		        a = Control(tls=context(version, tickets)).login()
		        b = Control(tls=a.context).login()
		        d = b.open('STOR file', session=a.socket.session)
		        assert not d.session_reused
		        b.expect(522)
	END
}

@test "who comes first to a passive port gains nothing that the next one accepts" {
	ftps <<-'END'
		for version in TLS12, TLS13:
		    for tickets in True, False:
		        c = Control(tls=context(version, tickets)).login()
		        d = c.open('STOR file', session=None)
		        try:
		            d.recv(1)  # so that a ticket, if any comes, is taken in
		        except ssl.SSLError:
		            pass
		        stolen = d.session
		        c.expect(522)
		        d = c.open('STOR file', session=stolen)
		        code, text = c.reply()
		        assert code == 522, (version, tickets, text)
		        c.put('file', b'1')
	END
}

@test "a port that serves several transfers: a second client there resumes nothing, and no port is announced twice after it" {
	ftps <<-'END'
		c, ports = Control().login(), []
		def announce():
		    ports.append(int(re.search(r'\|\|\|(\d+)\|', c.ask('EPSV', 229))[1]))
		    return ports[-1]
		def transfer():
		    raw = socket.create_connection((HOST, announce()), WAIT_S)
		    c.ask('STOR file', 150)
		    d = c.protect(raw, c.socket.session)
		    d.sendall(b'genuine')
		    d.unwrap().close()
		    c.expect(226)
		for _ in range(20):
		    transfer()
		assert len(set(ports)) < 15, ports
		thief = socket.create_connection((HOST, announce()), WAIT_S)
		late = socket.create_connection((HOST, ports[-1]), WAIT_S)
		c.ask('STOR file', 150)
		try:
		    c.protect(thief, None).sendall(b'forged')
		except (OSError, ssl.SSLError):
		    pass
		c.expect(522)
		known = set(ports)
		del ports[:]
		for _ in range(20):
		    transfer()
		assert not known & set(ports) and len(set(ports)) >= 19, (known, ports)
		assert open(os.environ['DIR'] + '/home/alice/file').read() == 'genuine'
	END
}

@test "an aborted transfer does not spoil the session for the next" {
	truncate -s 200M "$DIR/home/alice/big"
	ftps <<-'END'
		for version, tickets in (TLS12, False), (TLS12, True), (TLS13, True):
		    c = Control(tls=context(version, tickets)).login()
		    d = c.open('RETR big')
		    d.recv(1000)
		    c.ask('ABOR', 426)
		    c.expect(226)
		    d.close()
		    c.put('small', b'1')
	END
}

@test "with require-data-reuse = no many new sessions are served in one control connection" {
	restart_with tls='require-data-reuse = no'
	ftps <<-'END'
		for version in TLS12, TLS13:
		    c = Control(tls=context(version, False)).login()
		    for i in range(40):
		        c.put('file', b'1', session=None)
	END
}

@test "with require-data-reuse = no a port serves several transfers only while each resumes the session" {
	restart_with tls='require-data-reuse = no'
	ftps <<-'END'
		def ports_of(session):
		    ports = []
		    for _ in range(20):
		        ports.append(int(re.search(r'\|\|\|(\d+)\|', c.ask('EPSV', 229))[1]))
		        raw = socket.create_connection((HOST, ports[-1]), WAIT_S)
		        c.ask('STOR file', 150)
		        c.protect(raw, session()).unwrap().close()
		        c.expect(226)
		    return set(ports)
		c = Control().login()
		resumed = ports_of(lambda: c.socket.session)
		assert len(resumed) < 15, resumed
		new = ports_of(lambda: None)
		assert len(new) >= 18, new  # the first one is of before
	END
}

# --- their end ---

@test "an upload without close_notify is 426, and the old file stays" {
	echo old >"$DIR/home/alice/file"
	chown --reference="$DIR/home/alice" "$DIR/home/alice/file"
	ftps <<-'END'
		for version in TLS12, TLS13:
		    c = Control(tls=context(version)).login()
		    d = c.open('STOR file')
		    d.sendall(b'new' * 1000)
		    cut(d)
		    assert 'close_notify' in c.expect(426)
	END
	assert_equal "$(cat "$DIR/home/alice/file")" old
	assert_equal "$(log_count ' tls-cut .*refused')" 2
}

@test "an upload that ends in the middle of a record is 426" {
	ftps <<-'END'
		c = Control().login()
		raw = c.connect()
		c.ask('STOR file', 150)
		incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
		d = c.context.wrap_bio(incoming, outgoing, server_hostname=HOST, session=c.socket.session)
		while True:
		    try:
		        d.do_handshake()
		        break
		    except ssl.SSLWantReadError:
		        raw.sendall(outgoing.read())
		        incoming.write(raw.recv(65536))
		raw.sendall(outgoing.read())
		d.write(b'x' * 10000)
		raw.sendall(outgoing.read()[:5000])
		raw.shutdown(socket.SHUT_WR)
		c.expect(426)
	END
	[ ! -e "$DIR/home/alice/file" ]
}

@test "with require-close = no it is accepted, logged, and the reply says that the end is not proven" {
	restart_with tls='require-close = no'
	ftps <<-'END'
		c = Control().login()
		d = c.open('STOR file')
		d.sendall(b'new')
		cut(d)
		assert 'not proven' in c.expect(226)
	END
	assert_equal "$(cat "$DIR/home/alice/file")" new
	log_has ' tls-cut .*accepted'
}

@test "ALLO with the exact size proves the end; another size does not, nor does the ALLO of an earlier upload" {
	mkdir "$DIR/home/alice/directory"
	ftps <<-'END'
		c = Control().login()
		def cut_upload(*commands):
		    for line, code in commands:
		        c.ask(line, code)
		    d = c.open('STOR file')
		    d.sendall(b'12345')
		    cut(d)
		    return c.reply()[0]
		assert cut_upload(('ALLO 5', 202)) == 226
		assert cut_upload() == 426
		assert cut_upload(('ALLO 6', 202)) == 426
		assert cut_upload(('ALLO 4', 202)) == 426
		c.connect()
		c.ask('ALLO 5', 202)
		c.ask('STOR directory', 553)
		assert cut_upload() == 426
	END
}

@test "a client that never reads its data connection loses nothing of an upload" {
	head -c 3000000 /dev/urandom >"$DIR/file"
	ftps <<-'END'
		data = open(os.environ['DIR'] + '/file', 'rb').read()
		for version in TLS12, TLS13:
		    c = Control(tls=context(version)).login()
		    for i in range(10):
		        d = c.open('STOR file')
		        d.sendall(data)
		        d.setblocking(False)
		        try:
		            d.unwrap()  # close_notify; the answer is not waited for
		        except ssl.SSLWantReadError:
		            pass
		        d.close()
		        c.expect(226)
	END
	cmp "$DIR/file" "$DIR/home/alice/file"
}

@test "a slow reader gets the last byte, and close_notify" {
	head -c 3000000 /dev/urandom >"$DIR/home/alice/file"
	ftps <<-'END'
		c = Control().login()
		d = c.open('RETR file')
		got = b''
		while len(got) < 400000:
		    got += d.recv(10000)
		    time.sleep(0.02)
		time.sleep(1.5)
		while piece := d.recv(65536):
		    got += piece
		assert got == open(os.environ['DIR'] + '/home/alice/file', 'rb').read()
		d.unwrap().close()
		c.expect(226)
		# a client that reads nothing before it has read 226: the server has sent everything, and does not
		# wait for ever for the client's end
		c.put('small', got[:30000])
		d = c.open('RETR small')
		c.expect(226)
		time.sleep(0.5)
		assert receive(d) == got[:30000]
	END
}

@test "a listing and an empty file end with close_notify" {
	ftps <<-'END'
		c = Control().login()
		c.put('empty', b'')
		assert b'empty' in c.get('/', command='MLSD ')
		assert c.get('empty') == b''
	END
}

@test "a download to a client that is cut off is 426" {
	truncate -s 200M "$DIR/home/alice/big"
	ftps <<-'END'
		c = Control().login()
		d = c.open('RETR big')
		d.recv(1000)
		raw = cut(d)
		raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
		raw.close()
		c.expect(426)
		c.ask('NOOP', 200)
	END
}

@test "226 comes behind the end of the data connection" {
	echo hello >"$DIR/home/alice/file"
	ftps <<-'END'
		c = Control().login()
		d = c.open('RETR file')
		receive(d)
		c.socket.settimeout(0.3)
		started = time.monotonic()
		try:
		    c.expect(226)
		    raise SystemExit('226 while the data connection is open still')
		except TimeoutError:
		    pass
		d.unwrap().close()
		c.socket.settimeout(WAIT_S)
		c.expect(226)
	END
}

@test "a client that keeps sending behind our end is not listened to for ever" {
	echo hello >"$DIR/home/alice/file"
	ftps <<-'END'
		c = Control().login()
		d = c.open('RETR file')
		receive(d)
		stop = threading.Event()
		def send():
		    try:
		        while not stop.is_set():
		            d.sendall(b'x' * 16384)
		    except OSError:
		        pass
		sender = threading.Thread(target=send)
		sender.start()
		started = time.monotonic()
		c.expect(226)
		assert time.monotonic() - started < 5
		stop.set()
		sender.join()
	END
}

# --- what goes on meanwhile ---

@test "ABOR and STAT in mid-transfer, in one segment with RETR, over TLS" {
	truncate -s 500M "$DIR/home/alice/big"
	ftps <<-'END'
		c = Control().login()
		raw = c.connect()
		c.send('RETR big')  # nothing is read of it: it stands still soon
		c.expect(150)
		d = c.protect(raw)
		c.ask('STAT', 213)
		c.raw(b'STAT\r\nABOR\r\nNOOP\r\n')
		c.expect(213)
		c.expect(426)
		c.expect(226)
		c.expect(200)
	END
}

@test "ABOR behind RETR in the same TLS write is seen at once" {
	truncate -s 500M "$DIR/home/alice/big"
	ftps <<-'END'
		for piece in b'RETR big\r\nABOR\r\n',:
		    c = Control().login()
		    raw = c.connect()
		    c.raw(piece)
		    c.expect(150)
		    c.expect(426)
		    c.expect(226)
		# one segment has two records: the server deciphers the second one only when a process asks for it
		c = Control(tls=context()).login()
		raw = c.connect()
		inner = socket.socket(fileno=os.dup(c.socket.fileno()))
		inner.setsockopt(socket.IPPROTO_TCP, 3, 1)  # TCP_CORK
		c.send('RETR big')
		c.send('ABOR')
		inner.setsockopt(socket.IPPROTO_TCP, 3, 0)
		c.expect(150)
		c.expect(426)
		c.expect(226)
	END
}

@test "ABOR while the server waits for the client's end gets its reply" {
	echo hello >"$DIR/home/alice/file"
	ftps <<-'END'
		c = Control().login()
		d = c.open('RETR file')
		receive(d)
		c.send('ABOR')
		c.expect(226)
		c.expect(226)
		c.ask('NOOP', 200)
	END
}

@test "a data connection on which nobody shakes hands ends by data-connect, 425; a handshake that fails is 522" {
	restart_with 'timeouts { data-connect = "1s" }'
	ftps <<-'END'
		c = Control().login()
		raw = c.connect()
		c.ask('STOR file', 150)
		c.expect(425)
		raw = c.connect()
		c.ask('STOR file', 150)
		raw.sendall(b'this is no TLS, and never was\r\n')
		c.expect(522)
		raw = c.connect()
		c.ask('STOR file', 150)
		raw.close()
		c.expect(522)
		raw = c.connect()
		c.ask('NLST', 150)
		raw.sendall(b'\x15\x03\x01\x00\x02\x02\x28')	# an alert: handshake failure
		c.expect(522)
		c.put('file', b'1')
	END
}

@test "a client whose handshakes ask for more signatures than one session may have becomes slow, and loses no transfer" {
	restart_with tls='require-data-reuse = no'
	ftps <<-'END'
		c = Control().login()
		began = time.monotonic()
		for i in range(200):
		    c.put('file', b'1', session=None)
		assert time.monotonic() - began > 1, 'a hundred more than at once, fifty a second'
	END
	# the server reports it once, if the machine was fast enough
	[ "$(log_count ' tls-failed .*are slowed down')" -le 1 ]
	[ "$(log_count ' tls-failed ')" -le 1 ]
}

@test "1 GiB up and down, byte for byte" {
	# a sixteenth of the file is random, the rest is holes
	truncate -s 1G "$DIR/big"
	for i in 0 5 9 15; do
		dd if=/dev/urandom of="$DIR/big" bs=1M count=16 seek="$((i * 64 + i))" conv=notrunc status=none
	done
	printf end | dd of="$DIR/big" bs=1 seek=$((1024 * 1024 * 1024 - 3)) conv=notrunc status=none
	curls --ssl-reqd -u alice:secret -T "$DIR/big" "ftp://127.0.0.1:$PORT/big"
	cmp "$DIR/big" "$DIR/home/alice/big"
	curls --ssl-reqd -u alice:secret "ftp://127.0.0.1:$PORT/big" | cmp "$DIR/big" -
}
