#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# HASH of what was just transferred: files hashes it while the bytes pass, for clients that ask for hashes, and what it
# answers is that of the file as it is now.

load lib

setup()
{
	new_place
}

teardown()
{
	data_close
	end_place
}

serve()
{
	write_config 'limits { sessions-per-user = 20 concurrent-work = 2 work-per-user = 1 }' "$@"
	add_user alice secret
	start_server
}

STEPS='
import hashlib, time

SIZE = 24 << 20
SLACK = 512 << 10    # bytes that files reads for other reasons
CONTENT = hashlib.shake_256(b"hash.bats").digest(1 << 20) * (SIZE >> 20)

def sha(data, name="sha256"):
    return hashlib.new(name, data).hexdigest()

def files_pid(user="alice"):
    """The files process of the only session: the one that has become the user."""
    uid = os.stat(os.path.join(os.environ["DIR"], "home", user)).st_uid

    def find():
        found = []
        for monitor in children(int(os.environ["SERVER_PID"])):
            for pid in children(monitor):
                try:
                    if "\nUid:\t%d\t" % uid in open("/proc/%d/status" % pid).read():
                        found.append(pid)
                except OSError:
                    pass
        return found
    wait_until(lambda: len(find()) == 1, "the files process")
    return find()[0]

def has_read(pid):
    """Bytes that a process has read by now."""
    return int(open("/proc/%d/io" % pid).read().split("rchar: ")[1].split()[0])

def has_settled(pid):
    """It reads no more."""
    before = has_read(pid)
    time.sleep(0.3)
    return has_read(pid) == before

def home(name):
    return os.path.join(HOME_DIR, name)

def make(name, content=CONTENT, age_s=3600):
    """A file that nobody has changed of late: its times are of the past, so is the one of its inode."""
    with open(home(name), "wb") as file:
        file.write(content)
    st = os.stat(HOME_DIR)
    os.chown(home(name), st.st_uid, st.st_gid)
    os.utime(home(name), (time.time() - age_s,) * 2)

def begin(algorithm=None):
    c = Control().login()
    if algorithm:
        c.ask("OPTS HASH " + algorithm, 200)
    return c, files_pid()

def hash_of(c, name):
    return c.ask("HASH " + name, 213).split()[3]

def reads_for(pid, act, expected=0):
    """How many bytes files reads for an act, and until it rests afterwards; and what the act returns. Work of low priority
    may pause for long: it is waited for as far as it is expected."""
    before = has_read(pid)
    result = act()
    wait_until(lambda: has_read(pid) - before >= expected, "%d bytes" % expected)
    wait_until(lambda: has_settled(pid), "rest")
    return has_read(pid) - before, result
'

# The inode's time cannot be set back: the file must have been left alone for some seconds.
grow_old()
{
	sleep 4
}

@test "HASH after an upload: it was hashed while it came, and the answer reads nothing" {
	serve
	py <<-END
		$STEPS
		for algorithm, name in ('SHA-256', 'sha256'), ('MD5', 'md5'):
		    c, pid = begin(algorithm)
		    read, _ = reads_for(pid, lambda: c.put('up', CONTENT), SIZE)
		    assert SIZE <= read < SIZE + SLACK, read
		    read, digest = reads_for(pid, lambda: hash_of(c, 'up'))
		    assert digest == sha(CONTENT, name), digest
		    assert read < SLACK, read
		    c.close()
		    wait_until(lambda: is_gone(pid), 'the end of the session')
	END
}

@test "HASH after a download: the same" {
	serve
	py <<-END
		$STEPS
		make('down')
	END
	grow_old
	py <<-END
		$STEPS
		c, pid = begin('SHA-256')
		read, content = reads_for(pid, lambda: c.get('down'), SIZE)
		assert content == CONTENT
		assert SIZE <= read < SIZE + SLACK, read
		read, digest = reads_for(pid, lambda: hash_of(c, 'down'))
		assert digest == sha(CONTENT) and read < SLACK, (digest, read)
		# what was kept with the file is not computed again
		read, content = reads_for(pid, lambda: c.get('down'))
		assert read < SLACK, read
	END
}

@test "a session that asks for no hash has none computed, and a guess that is wrong twice is given up" {
	serve
	py <<-END
		$STEPS
		for name in 'abcd':
		    make(name)
	END
	grow_old
	py <<-END
		$STEPS
		c, pid = begin()
		read, _ = reads_for(pid, lambda: (c.get('a'), c.put('up', CONTENT)))
		assert read < SLACK, read
		c.close()
		wait_until(lambda: is_gone(pid), 'the end of the session')

		c, pid = begin('SHA-256')
		reads = [reads_for(pid, lambda: c.get(name), SIZE * (name in 'ab'))[0] for name in 'abcd']
		assert min(reads[:2]) >= SIZE and max(reads[2:]) < SLACK, reads
		# HASH itself is the sign that there is a use for it
		hash_of(c, 'a')
		read, _ = reads_for(pid, lambda: c.get('b'), SIZE)
		assert read >= SIZE, read
	END
}

@test "what is resumed is read once, beginning included" {
	serve
	py <<-END
		$STEPS
		make('down')
		make('up', b'', 0)
	END
	grow_old
	py <<-END
		$STEPS
		half = SIZE // 2
		c, pid = begin('SHA-256')
		def fetch():
		    c.ask('RANG 0 %d' % (half - 1), 350)
		    assert hash_of(c, 'down') == sha(CONTENT[:half])
		    c.ask('REST %d' % half, 350)
		    assert c.get('down') == CONTENT[half:]
		    return hash_of(c, 'down')
		read, digest = reads_for(pid, fetch)
		assert digest == sha(CONTENT)
		assert SIZE <= read < SIZE + SLACK, read
		c.close()
		wait_until(lambda: is_gone(pid), 'the end of the session')

		# an upload that is broken off leaves a partial
		c, pid = begin()
		os.unlink(home('up'))
		connection = c.open('STOR up')
		connection.sendall(CONTENT[:half])
		wait_until(lambda: [n for n in os.listdir(HOME_DIR) if n.endswith('.partial') and os.stat(home(n)).st_size == half], 'the half')
		c.close()
		connection.close()
		wait_until(lambda: is_gone(pid), 'the end of the session')
		c, pid = begin('SHA-256')
		def send():
		    size = c.size('up')
		    c.ask('RANG 0 %d' % (size - 1), 350)
		    assert hash_of(c, 'up') == sha(CONTENT[:size])
		    c.put('up', CONTENT[size:], at=size)
		    return hash_of(c, 'up')
		read, digest = reads_for(pid, send)
		assert digest == sha(CONTENT)
		assert SIZE <= read < SIZE + SLACK, read
	END
}

@test "a file that changes meanwhile, or right afterwards, in place or not: HASH is that of what is there" {
	serve
	py <<-END
		$STEPS
		for name in 'abcd':
		    make(name)
	END
	grow_old
	py <<-END
		$STEPS
		OTHER = CONTENT[::-1]

		def write_in_place(name):
		    """The same size and time: only the inode's own time tells."""
		    st = os.stat(home(name))
		    with open(home(name), 'r+b') as file:
		        file.write(OTHER)
		    os.utime(home(name), ns=(st.st_atime_ns, st.st_mtime_ns))

		def replace(name):
		    make('new', OTHER)
		    os.rename(home('new'), home(name))

		def grow(name):
		    with open(home(name), 'ab') as file:
		        file.write(b'more')

		c, pid = begin('SHA-256')
		for name, change in ('a', write_in_place), ('b', replace), ('c', grow):
		    c.get(name)
		    change(name)
		    assert hash_of(c, name) == sha(open(home(name), 'rb').read()), change
		    c.put('up', CONTENT)
		    change('up')
		    assert hash_of(c, 'up') == sha(open(home('up'), 'rb').read()), change
		# in the middle of a download
		connection = c.open('RETR d')
		connection.recv(4096, socket.MSG_WAITALL)
		write_in_place('d')
		receive(connection)
		connection.close()
		c.expect(226)
		assert hash_of(c, 'd') == sha(OTHER)
		# another session uploads over it
		c.put('up', CONTENT)
		d = Control().login()
		d.put('up', OTHER)
		assert hash_of(c, 'up') == sha(OTHER)
	END
}

@test "uploads in place are not hashed beside: programs of this host may write to them" {
	serve 'uploads = "in-place"'
	py <<-END
		$STEPS
		c, pid = begin('SHA-256')
		read, _ = reads_for(pid, lambda: c.put('up', CONTENT))
		assert read < SLACK, read
		assert hash_of(c, 'up') == sha(CONTENT)
	END
}

@test "on-upload gets the digest of a file that was read once" {
	cat >"$BATS_TEST_TMPDIR/hook" <<-END
		#!/bin/sh
		echo "\$SALLYPORT_HASH" >>$DIR/out/digests
	END
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/hook"
	cp "$BATS_TEST_TMPDIR/hook" "$DIR/hook"
	mkdir "$DIR/out"
	chown sallyport "$DIR/out"
	serve "on-upload = \"$DIR/hook\""
	py <<-END
		$STEPS
		c, pid = begin('SHA-256')
		read, _ = reads_for(pid, lambda: c.put('up', CONTENT), SIZE)
		assert SIZE <= read < SIZE + SLACK, read
		digests = os.path.join(os.environ['DIR'], 'out', 'digests')
		wait_until(lambda: os.path.exists(digests) and open(digests).read(), 'the hook')
		assert open(digests).read().strip() == sha(CONTENT)
		assert hash_of(c, 'up') == sha(CONTENT)
	END
}

@test "hashing beside transfers takes turns, and gives way to requests" {
	serve
	py <<-END
		$STEPS
		def huge(name, size=64 << 30):
		    with open(home(name), 'wb') as file:
		        file.truncate(size)
		    st = os.stat(HOME_DIR)
		    os.chown(home(name), st.st_uid, st.st_gid)
		huge('huge')
	END
	grow_old
	LIMIT=150 py <<-END
		$STEPS
		uid = os.stat(HOME_DIR).st_uid

		def idle():
		    """Processes of the account that work at low priority."""
		    found = []
		    for monitor in children(int(os.environ['SERVER_PID'])):
		        for pid in children(monitor):
		            try:
		                if os.stat('/proc/%d' % pid).st_uid in (uid, 0) and os.sched_getscheduler(pid) == os.SCHED_IDLE:
		                    found.append(pid)
		            except OSError:
		                pass
		    return found

		def pour(connection):
		    try:
		        while connection.recv(1 << 20):
		            pass
		    except OSError:
		        pass

		sessions = []
		for _ in range(3):
		    c = Control().login()
		    c.ask('OPTS HASH SHA-256', 200)
		    connection = c.open('RETR huge')
		    threading.Thread(target=pour, args=(connection,), daemon=True).start()
		    sessions.append((c, connection))
		# a second of processor time is free, which takes long on a busy machine
		began = time.monotonic()
		while not idle():
		    assert time.monotonic() - began < 90, 'no turn'
		    time.sleep(0.02)
		seen = set()
		end = time.monotonic() + 8
		while time.monotonic() < end:
		    now = idle()
		    assert len(now) <= 1, now
		    seen.update(now)
		    time.sleep(0.02)
		assert len(seen) >= 2, seen
		# ABOR and what follows do not wait for a hash
		for c, connection in sessions:
		    c.send('ABOR')
		    c.expect(426)
		    c.expect(226)
		    began = time.monotonic()
		    c.ask('SIZE huge', 213)
		    assert time.monotonic() - began < 2
		    c.close()
		wait_until(lambda: not idle(), 'normal priority again')
	END
}

@test "what is free of hashing beside transfers shrinks with the sessions of the account" {
	serve
	py <<-END
		$STEPS
		with open(home('huge'), 'wb') as file:
		    file.truncate(64 << 30)
		st = os.stat(HOME_DIR)
		os.chown(home('huge'), st.st_uid, st.st_gid)
	END
	grow_old
	LIMIT=150 py <<-END
		$STEPS
		def spent_s(pid):
		    fields = open('/proc/%d/stat' % pid).read().rsplit(')', 1)[1].split()
		    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

		def all_files():
		    uid, found = os.stat(HOME_DIR).st_uid, set()
		    for monitor in children(int(os.environ['SERVER_PID'])):
		        for pid in children(monitor):
		            try:
		                if '\nUid:\t%d\t' % uid in open('/proc/%d/status' % pid).read():
		                    found.add(pid)
		            except OSError:
		                pass
		    return found

		def log_in():
		    before = all_files()
		    c = Control().login()
		    wait_until(lambda: len(all_files() - before) == 1, 'the files process')
		    return c, (all_files() - before).pop()

		def pour(connection):
		    try:
		        while connection.recv(1 << 20):
		            pass
		    except OSError:
		        pass

		def spends_before_a_turn(c, pid):
		    """Seconds of processor time."""
		    c.ask('OPTS HASH SHA-256', 200)
		    began = spent_s(pid)
		    connection = c.open('RETR huge')
		    threading.Thread(target=pour, args=(connection,), daemon=True).start()
		    end = time.monotonic() + 60
		    while os.sched_getscheduler(pid) != os.SCHED_IDLE:
		        assert time.monotonic() < end, 'no turn'
		        time.sleep(0.005)
		    spent = spent_s(pid) - began
		    c.send('ABOR')
		    c.expect(426)
		    c.expect(226)
		    return spent

		first = log_in()
		others = [log_in() for _ in range(5)]
		spent = spends_before_a_turn(*others[-1])
		assert 0.1 < spent < 0.6, spent
		spent = spends_before_a_turn(*first)
		assert spent > 0.85, spent
	END
}
