#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Passive ports that serve several transfers, and a hostile second client at the client's own address: what comes to
# such a port before it is announced again is never the data connection.

load lib

setup()
{
	new_place
}

teardown()
{
	end_place
}

serve()
{
	write_config "$@"
	add_user alice secret
	echo content >"$DIR/home/alice/f"
	start_server
}

# against: a Python script with a client whose ports are known, and the thief
against()
{
	{
		cat <<-'END'
			import collections
			USES_MAX = 16

			class Client(Control):
			    """Notes each port that is announced."""
			    def __init__(self, *args, **kwargs):
			        super().__init__(*args, **kwargs)
			        self.ports = []

			    def announce(self):
			        self.ports.append(int(re.search(r"\|\|\|(\d+)\|", self.ask("EPSV", 229))[1]))
			        return self.ports[-1]

			    def connect(self):
			        return socket.create_connection((HOST, self.announce()), WAIT_S, self.source)

			    def works(self):
			        assert self.get("f") == b"content\n"

			    def warm(self):
			        """Go on until a port was announced again, and has served that transfer."""
			        for turn in range(100):
			            self.works()
			            if len(set(self.ports)) < len(self.ports):
			                return self
			        raise AssertionError("no port is announced twice: %r" % self.ports)

			def listening():
			    """The kernel names listeners first; a machine may have very many other connections."""
			    ports = set()
			    with open("/proc/net/tcp") as table:
			        next(table)
			        for row in map(str.split, table):
			            if row[3] != "0A":
			                break
			            ports.add(int(row[1].split(":")[1], 16))
			    return ports

			def listens(port):
			    return port in listening()

			def come(port):
			    """A connection from the client's own address."""
			    return socket.create_connection((HOST, port), WAIT_S)

			def gets_nothing(thief):
			    try:
			        assert thief.recv(100) == b"", "a stranger was served"
			    except ConnectionResetError:
			        pass
			    thief.close()
		END
		cat
	} | py
}

@test "ports serve several transfers, in turn, and no more than they may" {
	serve
	against <<-'END'
		c = Client().login()
		for turn in range(150):
		    c.works()
		    c.put("up", b"%d" % turn)
		    assert open(HOME_DIR + "/up").read() == "%d" % turn
		uses = collections.Counter(c.ports)
		assert len(uses) < 60, "ports are hardly used again: %r" % uses
		assert max(uses.values()) <= USES_MAX, uses
		pairs = sum(a == b for a, b in zip(c.ports[100:], c.ports[101:]))
		assert pairs < 10, "ports do not take turns: %r" % c.ports
		c.ask("QUIT", 221)
	END
	refute log_has ' data-refused '
}

@test "a port is not announced any more after two seconds, whatever its uses" {
	serve
	against <<-'END'
		c = Client().login().warm()
		end, first = time.monotonic() + 5, {}
		while time.monotonic() < end:
		    c.works()
		    age = time.monotonic() - first.setdefault(c.ports[-1], time.monotonic())
		    assert age < 2.9, "announced for %.1f s" % age
		    time.sleep(0.2)
		assert len(set(c.ports)) > 2
	END
}

@test "a port is not announced again by a session that was idle" {
	serve
	against <<-'END'
		c = Client().login().warm()
		used = set(c.ports)
		wait_until(lambda: not used & listening(), "the end of the listeners")
		c.works()
		c.ask("QUIT", 221)
	END
}

@test "no port stays open during a transfer that lasts, nor while nothing but NOOP comes" {
	serve
	truncate -s 64M "$DIR/home/alice/big"
	against <<-'END'
		def warm():
		    """In the end with ports that rest."""
		    c = Client().login().warm()
		    assert set(c.ports) & listening()
		    return c

		def all_close(c, but=None, meanwhile=None):
		    def is_done():
		        if meanwhile:
		            c.ask(meanwhile, 200)
		        return not (set(c.ports) - {but}) & listening()
		    wait_until(is_done, "the end of the ports that rest", 6)

		c = warm()
		with c.open("STOR up") as data:
		    all_close(c)
		c.expect(226)
		c = warm()
		with c.open("RETR big") as data:    # nobody reads
		    all_close(c)
		c.expect(426)
		c = warm()
		all_close(c, meanwhile="NOOP")
		c = warm()
		port = c.announce()
		c.ask("RETR f", 150)                # nobody comes
		all_close(c, but=port)
		assert listens(port)
		c.ask("ABOR", 426)
		c.expect(226)
		# bytes flow all the time, but few
		c = warm()
		with c.open("STOR up") as data:
		    stop = threading.Event()
		    def flow():
		        while not stop.is_set():
		            data.sendall(b"x")
		            time.sleep(0.01)
		    flowing = threading.Thread(target=flow)
		    flowing.start()
		    try:
		        all_close(c)
		    finally:
		        stop.set()
		        flowing.join()
		c.expect(226)
		c.works()
		c.ask("QUIT", 221)
	END
}

@test "who waits at a port before it is announced again gets nothing, and the port is given up" {
	serve
	against <<-'END'
		for way in ("waits", "has sent", "is gone", "came twice"):
		    for turn in range(5):
		        c = Client().login().warm()
		        thieves = []
		        known = set(c.ports) & listening()
		        assert known
		        for port in known:
		            thief = come(port)
		            if way == "has sent":
		                thief.sendall(b"forged")
		            if way == "came twice":
		                thieves.append(come(port))
		            if way == "is gone":
		                thief.close()
		            else:
		                thieves.append(thief)
		        for name in ["up%d" % i for i in range(9)]: # as many as the session may have ports
		            c.put(name, b"genuine")
		            assert open(HOME_DIR + "/" + name).read() == "genuine"
		            assert c.ports[-1] not in known, "the port is announced in spite of the strangers"
		        for thief in thieves:
		            gets_nothing(thief)
		        # from now on each port is announced once
		        later = []
		        for _ in range(20):
		            c.works()
		            later.append(c.ports[-1])
		        assert not set(later) & known and len(set(later)) >= 19, (way, turn, known, c.ports)
		        c.ask("QUIT", 221)
	END
	wait_until log_has ' data-refused .*detail="a stranger on a passive port that was not announced yet"'
}

@test "who comes to all known ports all the time gets nothing but by chance, and not for long" {
	serve
	against <<-'END'
		# each connection in the moment between an announcement and the client's own could be the client's: a port that
		# is announced again must not be one that the thief has come to before
		stop, targets, lock = threading.Event(), set(), threading.Lock()
		def knock():
		    while not stop.is_set():
		        with lock:
		            ports = list(targets)
		        for port in ports:
		            try:
		                with socket.create_connection((HOST, port), 1) as thief:
		                    thief.sendall(b"forged")
		            except OSError:
		                pass
		thieves = [threading.Thread(target=knock) for _ in range(3)]
		[t.start() for t in thieves]
		stolen = 0
		try:
		    for session in range(10):
		        c = Client().login().warm()
		        with lock:
		            targets.clear()
		            targets.update(c.ports)
		        lost = 0
		        for turn in range(20):
		            c.put("up", b"genuine")
		            lost += open(HOME_DIR + "/up").read() != "genuine"
		        assert lost <= 2, "the thief came first %d times" % lost
		        c.socket.close()
		finally:
		    stop.set()
		    [t.join() for t in thieves]
	END
}

@test "after ABOR, and after nobody came in time, a port is closed" {
	serve 'timeouts { data-connect = "1s" }'
	against <<-'END'
		def is_closed(port):
		    wait_until(lambda: not listens(port), "the end of port %d" % port)

		c = Client().login().warm()
		port = c.announce()
		c.ask("STOR up", 150)
		c.ask("ABOR", 426)
		c.expect(226)
		is_closed(port)
		c.warm()
		port = c.announce()
		c.ask("ABOR", 226)
		is_closed(port)
		c.warm()
		port = c.announce()
		c.ask("RETR f", 150)
		c.expect(425)
		is_closed(port)
		c.warm()
		port = c.announce()
		c.ask("PORT 127,0,0,1,200,0", 200)
		is_closed(port)
		# ABOR in the middle of a transfer: who comes to its port then gets nothing of the next one
		for _ in range(5):
		    c = Client().login().warm()
		    with c.open("STOR up") as data:
		        data.sendall(b"half")
		        c.ask("ABOR", 426)
		        c.expect(226)
		    thieves = [come(port) for port in set(c.ports) & listening()]
		    assert thieves
		    for _ in range(9):
		        c.works()
		    for thief in thieves:
		        gets_nothing(thief)
	END
}

@test "one port at a time: who comes after the client is dropped, and is not the next client" {
	serve
	against <<-'END'
		for _ in range(5):
		    c = Client().login().warm()
		    data = c.connect()
		    thief = come(c.ports[-1])
		    thief.sendall(b"forged")
		    c.ask("STOR up", 150)
		    data.sendall(b"genuine")
		    data.close()
		    c.expect(226)
		    for name in ("up2", "up3", "up4", "up5", "up6", "up7", "up8", "up9"):
		        c.put(name, b"genuine")
		        assert open(HOME_DIR + "/" + name).read() == "genuine"
		    gets_nothing(thief)
		    c.ask("QUIT", 221)
	END
}

@test "in a small range sessions take turns with the ports, and none keeps one for its next transfers" {
	local low=$((20000 + RANDOM % 5000 * 2))
	serve "passive-ports = \"$low-$((low + 1))\""
	against <<-'END'
		sessions = [Client().login() for _ in range(4)]
		for turn in range(10):
		    for c in sessions:
		        c.works()
	END
}
