#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What is kept of files that clients replace and remove: keep=30d, SITE VERSIONS and SITE RESTORE.

load lib
load home-lib

setup()
{
	new_home_place
}

teardown()
{
	end_place
}

# Steps that several tests share.
STEPS='
KEEP = HOME_DIR + "/.sallyport-keep"
ID = re.compile(r"^ (\d{14}) (\d+) (\d{5}\.\d{14}\.\d{4})$", re.M)

def versions(c, path):
    return [(int(size), id) for _, size, id in ID.findall(c.ask("SITE VERSIONS " + path, 200))]

def restored(c, path, id, content):
    c.ask("SITE RESTORE %s %s" % (path, id), 250)
    assert c.get(path) == content, path

# The state: magic, the clock of the keep, that of the host, bytes; the number of files follows.
def state():
    with open(KEEP + "/state", "rb") as file:
        return struct.unpack("=8sQQQ", file.read(32))

def write_state(clock, seen, size):
    with open(KEEP + "/state", "r+b") as file:
        file.write(struct.pack("=8sQQQ", b"sp-keep1", clock, seen, size))

def kept():
    return sum(len([f for f in files if f.count(".") == 1]) for _, _, files in os.walk(KEEP))
import contextlib, re, shutil, struct
'

@test "on a file system with short names nothing is kept, so what is there stays, and config check says so" {
	serve '--keep 30d'
	need_trace
	py <<-END
		$STEPS
		c = Control().login("alice", "secret")
		c.put("a", b"old")
	END
	# each answer of fstatfs says FAT
	strace -f -e trace=fstatfs -e 'inject=fstatfs:poke_exit=@arg2=444d000000000000' -o "$DIR/calls" -p "$SERVER_PID" 2>"$DIR/strace" 3>&- &
	tracer=$!
	wait_until grep -q attached "$DIR/strace"
	py <<-END
		$STEPS
		c = Control().login("alice", "secret")
		c.ask("DELE a", 550)
		connection = c.connect()
		c.ask("STOR a", 150)
		connection.sendall(b"new")
		connection.close()
		assert "cannot be kept" in c.expect(553, 550, 450), "replaced"
		c.put("b", b"a new one")
	END
	kill "$tracer"
	wait "$tracer" || true
	assert_equal "$(cat "$HOME_DIR/a")" old
	assert_dir_not_exist "$KEEP"
	run strace -f -qq -e trace=fstatfs -e 'inject=fstatfs:poke_exit=@arg2=444d000000000000' -o "$DIR/calls" \
		"$BUILD/sallyportctl" -c "$CONF" config check
	assert_success
	assert_output --partial "keep of 'alice': the file system of its home gives files short names"
	run ctl config check
	refute_output --partial 'short names'
}

@test "what an upload, a copy, a rename, DELE or RMDA takes away is listed and restored" {
	serve '--keep 30d'
	py <<-END
		$STEPS
		c = Control().login()
		assert 'Nothing is kept' in c.ask('SITE VERSIONS /a', 200)
		c.put('a', b'one')
		assert not os.path.exists(KEEP)
		c.put('a', b'second')
		c.put('other', b'copied')
		c.ask('SITE CPFR other', 350)
		c.ask('SITE CPTO a', 250)
		c.ask('RNFR other', 350)
		c.ask('RNTO a', 250)
		c.ask('DELE a', 250)
		assert [size for size, _ in versions(c, 'a')] == [6, 6, 6, 3], versions(c, 'a')
		ids = [id for _, id in versions(c, '/a')]
		assert ids == sorted(ids, reverse=True)
		restored(c, 'a', ids[3], b'one')
		assert len(versions(c, 'a')) == 3
		# over what is there: that is kept in turn
		restored(c, 'a', ids[2], b'second')
		assert sorted(size for size, _ in versions(c, 'a')) == [3, 6, 6]
		c.ask('MKD d', 257)
		c.ask('MKD d/e f', 257)
		c.put('d/e f/x y', b'deep')
		c.ask('RMDA d', 250)
		assert not os.path.exists(HOME_DIR + '/d')
		(size, id), = versions(c, '/d/e f/x y')
		c.ask('SITE RESTORE /d/e f/x y ' + id, 550)	# its directory is gone
		c.ask('MKD d', 257)
		c.ask('MKD d/e f', 257)
		restored(c, '/d/e f/x y', id, b'deep')
		for bad in 'a', 'a 1', 'a ' + ids[0][:-1] + 'x', 'a ' + '0' * 25:
		    c.ask('SITE RESTORE ' + bad, 501, 550, 553)
		c.ask('SITE RESTORE nothing ' + ids[0], 550)
	END
}

@test "the path of what is kept is on the disk before the old file goes" {
	serve '--keep 30d'
	need_trace
	py <<-END
		c = Control().login()
		c.put('a', b'one')
		calls = os.environ['DIR'] + '/calls'
		tracer = Session().trace('files', '-y', '-e', 'trace=fsync,renameat', '-o', calls)
		c.put('a', b'two')
		tracer.terminate()
		tracer.communicate()
		with open(calls) as file:
		    lines = file.read().splitlines()
		synced = next(i for i, line in enumerate(lines) if line.startswith('fsync(') and '/path>' in line)
		renamed = next(i for i, line in enumerate(lines) if line.startswith('renameat('))
		assert synced < renamed, lines
	END
}

@test "what an upload through a link replaces is restored through it" {
	serve '--keep 30d'
	py <<-END
		$STEPS
		c = Control().login()
		c.ask('MKD d', 257)
		c.put('d/a', b'one')
		os.symlink('d/a', HOME_DIR + '/link')
		c.put('link', b'second')
		(size, id), = versions(c, 'link')
		assert size == 3 and c.get('d/a') == b'second'
		restored(c, 'link', id, b'one')
		assert c.get('d/a') == b'one' and os.readlink(HOME_DIR + '/link') == 'd/a'
		(size, id), = versions(c, 'link')
		assert size == 6
		# a link that leads nowhere, or into the keep
		c.ask('DELE d/a', 250)
		restored(c, 'link', id, b'second')
		c.put('link', b'third')
		(size, id), *_ = versions(c, 'link')
		os.unlink(HOME_DIR + '/link')
		os.symlink('.sallyport-keep/state', HOME_DIR + '/link')
		before = state()[1:]
		c.ask('SITE RESTORE link ' + id, 550)
		assert state()[1:] == before and (size, id) in versions(c, 'link')
	END
	log_has ' restored .*bytes=3 .*path="/link"'
}

@test "RMDA of a directory that holds the home of an account leaves it what it keeps" {
	serve ''
	mkdir "$HOME_DIR/sites"
	mkdir "$HOME_DIR/sites/bob"
	chmod -R 755 "$HOME_DIR/sites"
	chown -R --reference="$HOME_DIR" "$HOME_DIR/sites"
	add_user bob secret --home "$HOME_DIR/sites/bob" --uid "$(stat -c %u "$HOME_DIR")" --gid "$(stat -c %g "$HOME_DIR")" --keep 30d
	py <<-END
		$STEPS
		bob = Control().login('bob')
		bob.put('a', b'one')
		bob.put('a', b'two')
		(size, id), = versions(bob, 'a')
		c = Control().login()
		c.put('sites/b', b'also')
		c.ask('RMDA sites', 550)
		assert c.get('sites/b') == b'also'
		restored(bob, 'a', id, b'one')
	END
}

@test "many sessions change one home at random, and no content that was uploaded is lost" {
	local seconds=${KEEP_SECONDS:-8}
	serve '--keep 30d --keep-quota 1G' 'limits { sessions-per-user = 100 }'
	env CTL="$BUILD/sallyportctl" CONF="$CONF" KEEP_SECONDS="$seconds" PYTHONDONTWRITEBYTECODE=1 \
		timeout "$((seconds + 90))" "$BATS_TEST_DIRNAME/keep-model" "$HOME_DIR"
}

@test "no verb reaches what is kept, and no listing shows it" {
	serve '--keep 30d --quota 1M'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('a', b'one')
		c.put('a', b'two')
		(size, id), = versions(c, 'a')
		day, item = id.split('.', 1)
		name = '.sallyport-keep/%s/%s/%s' % (day, os.listdir(KEEP + '/' + day)[0], item)
		assert os.path.exists(HOME_DIR + '/' + name)
		assert os.stat(KEEP).st_mode & 0o7777 == 0o700
		for path in '.sallyport-keep', name, '.sallyport-keep/state', 'd/../' + name:
		    for verb in 'SIZE', 'MDTM', 'MLST', 'CWD', 'DELE', 'RMD', 'RMDA', 'RNFR', 'HASH', 'SITE CPFR', 'MKD', 'SITE VERSIONS', 'SITE CHMOD 777', 'SITE PARTIALS DELETE':
		        c.ask(verb + ' ' + path, 550, 553)
		    c.ask('RNFR a', 350)
		    c.ask('RNTO ' + path, 550, 553)
		# names that some file system may take for it
		for name in '.SallyPort-Keep', '.\u017fallyport-keep', '.sallyport-\u212aeep', '.sally\u200dport-keep', '.sallyport-keep. .':
		    for verb in 'MKD', 'SIZE', 'RNFR', 'SITE VERSIONS':
		        c.ask(verb + ' ' + name, 550, 553)
		    c.ask('RNFR a', 350)
		    c.ask('RNTO ' + name, 550, 553)
		for name in '.sallyport', '.sallyport-kee', '.sallyport-keeper', '.sallyport-keep.d', 'sallyport-keep', '.\u00e9':
		    c.ask('MKD ' + name, 257)
		    c.ask('RMD ' + name, 250)
		assert c.ask('DSIZ /', 213).endswith(' 3')
		for command in 'LIST -aR', 'MLSD', 'NLST -a', 'NLST .s*', 'NLST .s*/*':
		    assert b'sallyport' not in c.list(command), command
		assert used(c)[0][0] == 3, used(c)
	END
	[ "$(curl -sS --user alice:secret --list-only "ftp://127.0.0.1:$PORT/")" = a ]
	run curl -sS --user alice:secret "ftp://127.0.0.1:$PORT/.sallyport-keep/state"
	[ "$status" -ne 0 ]
}

@test "a file that is renamed to itself is not kept, and one that has its name already is no longer" {
	serve '--keep 30d --quota 10000'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('a', b'one')
		c.put('a', b'four')
		c.ask('RNFR a', 350)
		c.ask('RNTO a', 250)
		assert state()[3] == 3 and kept() == 1 and c.get('a') == b'four'
		# as a kill between the second name and the rename leaves it
		(size, id), = versions(c, 'a')
		day, item = id.split('.', 1)
		item = KEEP + '/%s/%s/%s' % (day, os.listdir(KEEP + '/' + day)[0], item)
		os.unlink(item)
		os.link(HOME_DIR + '/a', item)
		write_state(state()[1], state()[2], 4)
		c.ask('SITE RESTORE a ' + id, 250)
		assert c.get('a') == b'four' and kept() == 0 and state()[3] == 0, state()
		assert used(c)[0] == (4, 1), used(c)
	END
}

@test "the quota gets back what is replaced, and a count does not see what is kept" {
	serve '--keep 30d --quota 15000'
	py <<-END
		$STEPS
		c = Control().login()
		for i in range(20):
		    c.put('a', bytes(6000 + i))
		    assert used(c)[0][0] == 6000 + i, used(c)
		assert len(versions(c, 'a')) == 19 and state()[3] == sum(range(6000, 6019))
		id = versions(c, 'a')[0][1]
		c.ask('DELE a', 250)
		assert used(c)[0][0] == 0
		restored(c, 'a', id, bytes(6018))
		assert used(c)[0][0] == 6018
		c.put('b', bytes(3000))
		assert used(c)[0][0] == 9018
	END
	ctl quota recount --wait 20 alice
	py <<-END
		c = Control().login()
		assert used(c)[0][0] == 9018, used(c)
	END
}

@test "what cannot be kept stays: keep-quota, a damaged keep, a part of a file" {
	serve '--keep 30d --keep-quota 10' 'uploads = "in-place"'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('a', b'12345678')
		c.put('a', b'abcdefgh')
		d = c.open('STOR a')
		d.sendall(b'third')
		d.close()
		assert 'cannot be kept' in c.expect(553)
		assert 'cannot be kept' in c.ask('DELE a', 550)
		c.put('b', b'x')
		c.ask('RNFR b', 350)
		assert 'cannot be kept' in c.ask('RNTO a', 553)
		assert c.get('a') == b'abcdefgh' and c.get('b') == b'x'
		c.ask('SITE PARTIALS DELETE ALL', 200)
		with c.connect():
		    assert 'whole file' in c.ask('APPE a', 553)
		with c.connect():
		    c.ask('REST 3', 350)
		    assert 'whole file' in c.ask('STOR a', 553)
		c.ask('DELE b', 250)
		assert state()[3] == 9, state()
		# a state that nobody can read is made anew, and the next session mends a sum that a kill has left too high
		with open(KEEP + '/state', 'wb') as file:
		    file.write(b'damage')
		assert 'cannot be kept' in c.ask('DELE a', 550)
		assert state()[3] == 9, state()
		write_state(state()[1], state()[2], 1000000)
		d = Control().login()
		d.put('f', b'1')
		d.ask('DELE f', 250)
		assert state()[3] == 10, state()
		# a directory that is a file keeps nothing
		os.rename(KEEP, HOME_DIR + '/away')
		with open(KEEP, 'w'):
		    pass
		c.put('e', b'1')
		assert 'cannot be kept' in c.ask('DELE e', 550)
		os.unlink(KEEP)
		os.symlink('away', KEEP)
		c.ask('DELE e', 550)
		assert c.get('e') == b'1'
	END
}

@test "what a program of the account puts in the place of a path keeps nobody waiting" {
	serve '--keep 30d'
	py <<-END
		$STEPS
		import hashlib
		c = Control().login()
		c.put('a', b'1')
		c.ask('DELE a', 250)
		c.put('e', b'2')
		path = '%s/%05d/%s/path' % (KEEP, state()[1] // 86400, hashlib.sha256(b'/e').hexdigest()[:32])

		def theirs(name):
		    os.chown(name, os.stat(HOME_DIR).st_uid, os.stat(HOME_DIR).st_gid)

		os.mkdir(os.path.dirname(path))
		theirs(os.path.dirname(path))
		os.mkfifo(path)
		theirs(path)
		assert 'cannot be kept' in c.ask('DELE e', 550)
		reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
		assert 'cannot be kept' in c.ask('DELE e', 550)
		assert os.read(reader, 100) == b''
		os.close(reader)
		assert c.get('e') == b'2'
		os.unlink(path)
		# a text that is longer, and not this path, gives way
		with open(path, 'w') as file:
		    file.write('/another')
		theirs(path)
		c.ask('DELE e', 250)
		with open(path) as file:
		    assert file.read() == '/e'
	END
	run ctl keep list alice
	assert_success
	assert_output --partial '/e'
}

@test "keep-quota bounds the number of files that are kept, too" {
	serve '--keep 30d --keep-quota 10'
	py <<-END
		$STEPS
		def files():
		    with open(KEEP + "/state", "rb") as file:
		        return struct.unpack("=Q", file.read()[32:])[0]
		c = Control().login()
		c.put('a', b'')
		c.ask('DELE a', 250)
		(size, id), = versions(c, 'a')
		assert files() == 1
		c.ask('SITE RESTORE a ' + id, 250)
		assert files() == 0
		c.put('a', b'')
		day = KEEP + '/' + id[:5]
		place = day + '/' + os.listdir(day)[0]
		for i in range(999):
		    os.close(os.open('%s/20260101000000.%04d' % (place, i), os.O_CREAT | os.O_WRONLY))
		assert kept() == 1000
		with open(KEEP + '/state', 'r+b') as file:
		    file.seek(32)
		    file.write(struct.pack('=Q', 1000000))
		assert 'cannot be kept' in c.ask('DELE a', 550)
		os.unlink(place + '/20260101000000.0000')
		Control().login().ask('DELE a', 250)
		assert files() == 1000 == kept(), files()
	END
}

@test "what changes hands while another session has the keep is looked at again" {
	serve '--keep 30d --quota 10000'
	py <<-END
		$STEPS
		import fcntl
		c = Control().login()

		@contextlib.contextmanager
		def keep_is_held(command):
		    """Send the command, which waits for the lock; what is done meanwhile is as of another session."""
		    fd = os.open(KEEP, os.O_RDONLY)
		    fcntl.flock(fd, fcntl.LOCK_EX)
		    c.send(command)
		    wait_until(lambda: waits_for_keep(), 'the lock')
		    yield
		    os.close(fd)

		# who waits has the directory open and polls: seen once, the look before the lock is over
		def waits_for_keep():
		    for process in filter(str.isdigit, os.listdir('/proc')):
		        with contextlib.suppress(OSError):
		            for fd in os.listdir('/proc/%s/fd' % process):
		                if int(process) != os.getpid() and os.readlink('/proc/%s/fd/%s' % (process, fd)) == KEEP:
		                    return True
		    return False

		# a name that a directory has taken is not removed as a file
		c.put('a', b'one')
		c.put('a', b'two')
		with keep_is_held('DELE a'):
		    os.rename(HOME_DIR + '/a', HOME_DIR + '/b')
		    os.mkdir(HOME_DIR + '/a')
		    open(HOME_DIR + '/a/inside', 'w').close()
		c.expect(550)
		assert os.path.exists(HOME_DIR + '/a/inside') and kept() == 1 and state()[3] == 3, state()
		os.unlink(HOME_DIR + '/a/inside')
		os.rmdir(HOME_DIR + '/a')
		os.rename(HOME_DIR + '/b', HOME_DIR + '/a')
		# the size that counts is that of what is kept
		with keep_is_held('DELE a'):
		    with open(HOME_DIR + '/a', 'wb') as file:
		        file.write(bytes(500))
		c.expect(250)
		assert state()[3] == 503, state()
		# another file under the name of what is restored has no room in the quota
		c.put('a', b'three')
		size, id = versions(c, 'a')[-1]
		day, item = id.split('.', 1)
		item = KEEP + '/%s/%s/%s' % (day, os.listdir(KEEP + '/' + day)[0], item)
		assert size == 3
		with keep_is_held('SITE RESTORE a ' + id):
		    os.unlink(item)
		    with open(item, 'wb') as file:
		        file.write(bytes(20000))
		c.expect(550)
		assert c.get('a') == b'three' and os.path.getsize(item) == 20000
	END
}

@test "a file that comes to a name just before a rename there is kept" {
	serve '--keep 30d'
	need_trace
	LIMIT=120 py <<-END
		$STEPS
		DELAY = 'inject=renameat,renameat2:delay_enter=2000000:when=1'

		def renames(pid):
		    with open('/proc/%d/syscall' % pid) as file:
		        return file.read().split()[0] in ('264', '316', '38', '276')

		def comes_before(begin, end, name):
		    """Another session gives a file the name when the first one has looked there, and not yet renamed."""
		    first = Control().login()
		    session = Session()
		    other = Control().login()
		    other.put('other', b'of another session')
		    data = begin(first, other)
		    other.ask('RNFR other', 350)
		    tracer = session.trace('files', '-o', '/dev/null', '-e', 'trace=renameat,renameat2', '-e', DELAY)
		    end(first, data)
		    wait_until(lambda: renames(session.files), 'the rename', 30)
		    other.ask('RNTO ' + name, 250)
		    first.expect(226, 250)
		    tracer.terminate()
		    tracer.communicate()
		    assert b'of another session' in [open(os.path.join(at, f), 'rb').read() for at, _, files in os.walk(HOME_DIR) for f in files], name
		    first.close()
		    other.close()

		def begin_rename(c, _):
		    c.put('from', b'renamed')
		    c.ask('RNFR from', 350)

		comes_before(begin_rename, lambda c, _: c.send('RNTO a'), 'a')
		wait_until(no_session, 'the end of sessions')

		# what an upload would have replaced was removed meanwhile
		def begin_upload(c, other):
		    other.put('b', b'before')
		    data = c.open('STOR b')
		    other.ask('DELE b', 250)
		    return data

		comes_before(begin_upload, lambda c, data: data.close(), 'b')
	END
}

@test "whole days go when they are old; a clock that jumps forward takes nothing early" {
	serve '--keep 10d'
	py <<-END
		$STEPS
		day = 86400
		c = Control().login()
		c.put('a', b'one')
		c.put('a', b'two')
		magic, clock, seen, size = state()
		assert size == 3 and kept() == 1
		# the host's clock has jumped by a year: one day passes, a tenth of ten
		write_state(clock, seen - 365 * day, size)
		Control().login().ask('SIZE a', 213)
		assert clock + day <= state()[1] <= clock + day + 60, (clock, state())
		assert kept() == 1
		# back again: no time passes
		write_state(clock, seen + 365 * day, size)
		Control().login().ask('SIZE a', 213)
		assert state()[1] == clock and kept() == 1
		# eleven days have passed by the keep's own clock
		write_state(clock + 10 * day, int(time.time()), size)
		Control().login().ask('SIZE a', 213)
		assert kept() == 1
		write_state(clock + 11 * day, int(time.time()), size)
		Control().login().ask('SIZE a', 213)
		assert kept() == 0 and state()[3] == 0, state()
		assert os.listdir(KEEP) == ['state']
	END
}

@test "a hundred thousand kept files: listed at once, and a login removes a part of those that are old" {
	serve '--keep 10d'
	LIMIT=300 py <<-END
		$STEPS
		c = Control().login()
		c.put('a', b'one')
		c.put('a', b'two')
		(size, id), = versions(c, 'a')
		day = KEEP + '/' + id[:5]
		owner = os.stat(KEEP)
		old = KEEP + '/%05d' % (int(id[:5]) - 20)
		os.mkdir(old, 0o700)
		os.chown(old, owner.st_uid, owner.st_gid)
		for i in range(1000):
		    place = '%s/%032x' % (old, i)
		    os.mkdir(place)
		    os.chown(place, owner.st_uid, owner.st_gid)
		    for j in range(100):
		        os.close(os.open('%s/20260101000000.%04d' % (place, j), os.O_CREAT | os.O_WRONLY))
		place = day + '/' + os.listdir(day)[0]
		for j in range(1000):
		    os.close(os.open('%s/20200101000000.%04d' % (place, j), os.O_CREAT | os.O_WRONLY))
		start = time.monotonic()
		text = c.ask('SITE VERSIONS a', 200)
		assert time.monotonic() - start < 2
		assert text.endswith(' 1001 kept') and ' and 901 more\n' in text and len(ID.findall(text)) == 100, text
		before = kept()
		start = time.monotonic()
		Control().login().ask('SIZE a', 213)
		took = time.monotonic() - start
		assert took < 10 and 5000 < before - kept() <= 10000, (took, before, kept())
	END
}

@test "killed in the middle: the old content and the new one are both there, or the old one alone" {
	ALARM_EXPECTED=1
	serve '--keep 30d'
	LIMIT=120 py <<-END
		$STEPS
		c = Control().login()
		c.put('a', b'0')
		c.close()
		for i in range(1, 25):
		    wait_until(no_session)
		    c = Control().login()
		    session = Session()
		    def put():
		        with contextlib.suppress(OSError, EOFError, Unexpected):
		            c.put('a', b'%d' % i)
		    thread = threading.Thread(target=put)
		    thread.start()
		    time.sleep(0.0015 * (i % 12))	# the random point
		    session.kill('files')
		    thread.join()
		    c.close()
		    with open(HOME_DIR + '/a', 'rb') as file:
		        now = file.read()
		    assert now.isdigit(), now
		c = Control().login()
		known = [now]
		for root, _, files in os.walk(KEEP):
		    known += [open(root + '/' + f, 'rb').read() for f in files if f.count('.') == 1]
		assert b'0' in known and now in known
	END
}

# Steps for retain: the clock of the keep, without the option keep as well.
RETAIN='
DAY = 86400
TEXT = "retained"

def until(path):
    return int(os.getxattr(HOME_DIR + "/" + path, "user.sallyport.retained-until"))

def pass_days(days):
    """So many days go by, for the keep alone."""
    write_state(state()[1] + int(days * DAY), state()[2], state()[3])
'

@test "what is retained is neither replaced, appended to, renamed nor removed before its date" {
	serve '--retain 10d'
	py <<-END
		$STEPS
		$RETAIN
		c = Control().login()
		c.put('a', b'one')
		c.ask('MKD d', 257)
		c.put('d/b', b'two')
		now = state()[1]
		assert now + 10 * DAY - 60 < until('a') <= now + 10 * DAY
		c.put('new', b'x')

		def refused():
		    for line, reply in (('STOR a', 553), ('APPE a', 553), ('DELE a', 550), ('RMDA d', 550), ('RNFR a', None), ('RNFR d', None), ('RNFR new', None), ('SITE CPFR new', None)):
		        if line in ('STOR a', 'APPE a'):
		            with c.connect():
		                assert TEXT in c.ask(line, 553), line
		        elif reply is not None:
		            assert TEXT in c.ask(line, reply), line
		        else:
		            c.ask(line, 350)
		            assert TEXT in c.ask('SITE CPTO a' if 'CPFR' in line else 'RNTO a' if 'new' in line else 'RNTO z', 550, 553), line
		    with c.connect():
		        c.ask('REST 1', 350)
		        assert TEXT in c.ask('STOR a', 553)
		    c.ask('RMD d', 550)
		    assert c.get('a') == b'one' and c.get('d/b') == b'two' and c.get('new') == b'x'
		refused()
		# the reply names the date, by the calendar of the host
		def stamp(seconds):
		    return time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(seconds))
		def says(text, path):
		    return any('until ' + stamp(until(path) + i) in text for i in range(-2, 3))
		assert says(c.ask('DELE a', 550), 'a')
		with c.connect():
		    assert says(c.ask('STOR a', 553), 'a')
		os.setxattr(HOME_DIR + '/d/b', 'user.sallyport.retained-until', str(now + 20 * DAY).encode())
		c.put('d/aa', b'earlier')
		c.put('d/zz', b'earlier')
		text = c.ask('RMDA d', 550)
		assert 'holds what is retained' in text and says(text, 'd/b'), text
		os.setxattr(HOME_DIR + '/d/b', 'user.sallyport.retained-until', str(until('d/aa')).encode())
		c.ask('RNFR d', 350)
		text = c.ask('RNTO z', 553)
		assert 'keeps its path' in text and 'until' not in text, text
		# a directory without anything in it may be renamed, and what is new comes beside the old
		c.ask('MKD e', 257)
		c.ask('RNFR e', 350)
		c.ask('RNTO e2', 250)
		c.ask('SITE CPFR a', 350)
		c.ask('SITE CPTO copy', 250)
		assert until('copy') >= until('a')
		# neither a time nor a mode moves the date
		before = until('a')
		c.ask('MFMT 19990101000000 a', 213)
		c.ask('SITE CHMOD 200 a', 200)
		assert until('a') == before and os.stat(HOME_DIR + '/a').st_mode & 0o400
		refused()
		pass_days(9)
		refused()
		pass_days(1.01)
		c.ask('RNFR a', 350)
		c.ask('RNTO a2', 250)
		c.put('a2', b'new')
		assert until('a2') > before + 9 * DAY
		assert TEXT in c.ask('DELE a2', 550)
		c.ask('RMDA d', 250)
		c.ask('DELE new', 250)
	END
	run curl -sS --user alice:secret -T /etc/hostname "ftp://127.0.0.1:$PORT/a2"
	[ "$status" -ne 0 ]
	run curl -sS --user alice:secret -Q '-DELE a2' "ftp://127.0.0.1:$PORT/"
	[ "$status" -ne 0 ]
	run lftp -u alice,secret -e "set ftp:ssl-allow no; set net:max-retries 1; rm a2; rm -r d; mv a2 z; exit" "127.0.0.1:$PORT"
	[ -e "$HOME_DIR/a2" ]
}

@test "retained: files without a date have that of their ctime, and a clock that jumps forward ends none" {
	serve '--retain 10d --keep 20d'
	py <<-END
		$STEPS
		$RETAIN
		owner = os.stat(HOME_DIR)
		def make(name):
		    with open(HOME_DIR + '/' + name, 'w') as file:
		        file.write(name)
		    os.chown(HOME_DIR + '/' + name, owner.st_uid, owner.st_gid)
		make('old')
		make('other')
		os.utime(HOME_DIR + '/old', (1, 1))
		c = Control().login()
		assert TEXT in c.ask('DELE old', 550)
		c.ask('MFMT 19990101000000 old', 213)
		c.ask('SITE CHMOD 600 other', 200)
		for name in 'old', 'other':
		    assert abs(until(name) - state()[1] - 10 * DAY) < 60
		# what came while an upload ran is retained: the reply at its end says so
		d = c.open('STOR late')
		make('late')
		d.sendall(b'an upload')
		d.close()
		assert 'stays as it is until 20' in c.expect(553)
		assert open(HOME_DIR + '/late').read() == 'late'
		c.put('a', b'one')
		# the host's clock has jumped by a year: one day passes
		write_state(state()[1], state()[2] - 365 * DAY, state()[3])
		clock = state()[1]
		# the clock of the keep stays behind: the reply has the day by the host's
		text = c.ask('DELE a', 550)
		left = until('a') - state()[1]
		assert any('until ' + time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(time.time() + left + i)) in text for i in range(-2, 3)), (text, left)
		for name in 'a', 'old', 'other':
		    assert TEXT in c.ask('DELE ' + name, 550)
		assert clock + DAY <= state()[1] <= clock + DAY + 60
		pass_days(9)
		c.ask('DELE old', 250)
		c.ask('DELE other', 250)
		c.put('a', b'two')
		assert [size for size, _ in versions(c, 'a')] == [3]
		# over a retained file nothing is restored
		assert TEXT in c.ask('SITE RESTORE a ' + versions(c, 'a')[0][1], 553)
		# what is damaged loses nothing
		with open(KEEP + '/state', 'wb') as file:
		    file.write(b'damage')
		assert TEXT in c.ask('DELE a', 550)
		shutil.rmtree(KEEP)
		os.symlink('away', KEEP)
		c.ask('DELE a', 550)
		assert c.get('a') == b'two'
	END
}
