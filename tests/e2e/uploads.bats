#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# An upload is whole or it is not there, whichever process dies at whichever moment; and it goes on where it broke off.

load lib

setup()
{
	new_place
}

teardown()
{
	data_close
	end_place
	[ -z "${MEMORY-}" ] || rm -rf "$MEMORY"
}

serve()
{
	write_config "$@"
	add_user alice secret
	start_server
}

# Steps that several tests share.
STEPS='
OLD = b"old content"
NEW = os.urandom(1500000)
SIZES = 1, 4096, 65537, 262144, 262145, 1200000

def path(name):
    return os.path.join(HOME_DIR, name)

def content(name):
    with open(path(name), "rb") as file:
        return file.read()

def broken_off(name, size):
    """An upload of which so many bytes have come; control and data connection."""
    c = Control().login()
    d = c.open("STOR " + name)
    d.sendall(NEW[:size])
    wait_until(lambda: size_of(path(partial_name(name))) == size, "%d bytes of %s" % (size, name))
    return c, d

def put_old(name):
    with open(path(name), "wb") as file:
        file.write(OLD)
    home = os.stat(HOME_DIR)
    os.chown(path(name), home.st_uid, home.st_gid)

def kept(name):
    return content(partial_name(name))

def resume(name, size, command):
    c = Control().login()
    assert sorted(c.names()) == sorted(n for n in os.listdir(HOME_DIR) if n[0] != "."), c.names()
    if not os.path.exists(path(name)):
        assert c.size(name) == size, c.size(name)
    if command == "APPE":
        c.put(name, NEW[size:], "APPE")
    else:
        c.put(name, NEW[size:], at=size)
    assert content(name) == NEW
    assert not os.path.exists(path(partial_name(name)))
    c.ask("QUIT", 221)
    c.close()
    wait_until(no_session, "the end of all sessions")
'

@test "each process is killed at many points of an upload: the old file stays, and it is resumed" {
	ALARM_EXPECTED=1
	serve 'upload-sync = no'
	py <<-END
		$STEPS
		for kind in 'protocol', 'files', 'monitor':
		    for i, size in enumerate(SIZES):
		        put_old('f')
		        for name in 'f', 'g':
		            c, d = broken_off(name, size)
		            session = Session()
		            session.kill(kind)
		            session.wait_until_gone()
		            d.close()
		            assert content('f') == (OLD if name == 'f' else NEW), (kind, size)
		            assert size_of(path(partial_name(name))) == size
		            # where both files exist, REST with the partial's size refers to the partial
		            resume(name, size, 'APPE' if name == 'g' and i % 2 else 'REST')
		        os.unlink(path('g'))
	END
}

@test "all processes and the master are killed at once in mid-upload: the old file stays, and it is resumed" {
	ALARM_EXPECTED=1
	serve 'upload-sync = no'
	for size in 1 262145 1200000; do
		SIZE=$size py <<-END
			$STEPS
			put_old('f')
			for name in 'f', 'g':
			    c, d = broken_off(name, int(os.environ['SIZE']))
			    session = Session()
			    if name == 'g':
			        session.kill('master', 'monitor', 'protocol', 'files')
			    else:
			        session.kill('protocol')
			    session.wait_until_gone()
			assert content('f') == OLD
		END
		wait "$SERVER_PID" || :
		: >"$LOG"
		start_server
		SIZE=$size py <<-END
			$STEPS
			for name in 'f', 'g':
			    NEW = kept(name) + NEW[int(os.environ['SIZE']):]
			    resume(name, int(os.environ['SIZE']), 'REST')
			    os.unlink(path(name))
		END
	done
}

# kill_at_each_call KIND STEP: kill one upload after another, each at a later one of its system calls, or at each
# STEP-th.
kill_at_each_call()
{
	need_trace
	KIND=$1 STEP=$2 CALLS=$DIR/calls py <<-END
		$STEPS
		kind = os.environ['KIND']

		def upload(*options):
		    """True: it was confirmed."""
		    c = Control().login()
		    session = Session()
		    tracer = session.trace(kind, *options)
		    try:
		        c.put('f', NEW)
		        c.ask('QUIT', 221)
		        return True
		    except (EOFError, OSError, Unexpected):
		        return False
		    finally:
		        session.wait_until_gone()
		        c.close()
		        tracer.communicate()

		put_old('f')
		assert upload('-o', os.environ['CALLS'])
		with open(os.environ['CALLS']) as file:
		    names = [match[1] for match in (re.match(r'(\w+)\(', line) for line in file) if match and match[1] != 'exit_group']
		points = [(name, names[:i + 1].count(name)) for i, name in enumerate(names)]
		outcomes = {}
		for name, nth in points[::int(os.environ['STEP'])]:
		    put_old('f')
		    was_told = upload('-o', '/dev/null', '-e', 'inject=%s:signal=KILL:when=%d' % (name, nth))
		    now = content('f')
		    assert now in (OLD, NEW), (name, nth, len(now))
		    assert now == NEW or not was_told, (name, nth)
		    assert all(n in ('f', partial_name('f')) for n in os.listdir(HOME_DIR)), os.listdir(HOME_DIR)
		    left = size_of(path(partial_name('f')))
		    outcome = 'new, told' if was_told else 'new' if now == NEW else 'old and %s' % ('a part' if left else 'nothing')
		    outcomes[outcome] = outcomes.get(outcome, 0) + 1
		    if now == OLD and left:
		        assert kept('f') == NEW[:left], (name, nth)
		        resume('f', left, 'REST')
		    elif left is not None:
		        os.unlink(path(partial_name('f')))
		print(outcomes)
		assert outcomes.get('old and nothing') and outcomes.get('old and a part') and outcomes.get('new')
	END
}

@test "files is killed at each of its system calls during an upload: old or new, never a mix" {
	ALARM_EXPECTED=1
	serve
	kill_at_each_call files 1
}

@test "protocol is killed at its system calls during an upload: old or new, never a mix" {
	ALARM_EXPECTED=1
	serve
	kill_at_each_call protocol 3
}

# A taken-over protocol process that goes on as before, but keeps every descriptor of the file.
keep_descriptor()
{
	py <<-END
		$STEPS
		c = Control().login()
		session = Session()
		# close() does nothing
		tracer = session.trace('protocol', '-o', '/dev/null', '-P', path($1), '-e', 'inject=close:retval=0:syscall=getpid')
		$2
		session.wait_until_gone()
		tracer.communicate()
	END
	log_has 'alarm .*died="files" .*protocol keeps the descriptor of an upload'
}

@test "a descriptor that protocol does not give back ends the session, without a quota too" {
	ALARM_EXPECTED=1
	serve 'limits { login-failures = 10 }'
	need_trace
	keep_descriptor "partial_name('f')" "c.put('f', NEW, codes=(421,))"
	keep_descriptor "partial_name('g')" "c.open('STOR g').sendall(NEW); c.send('ABOR'); assert c.reply()[0] in (421, 426)"
	stop_server
	rm "$LOG"
	write_config 'uploads = "in-place"'
	start_server
	keep_descriptor "'h'" "put_old('h'); c.put('h', NEW, 'APPE', codes=(421,))"
}

@test "where a file system keeps no locks, the log says so, and a change after the end of an upload is noticed at the end" {
	ALARM_EXPECTED=1
	serve
	need_trace
	py <<-END
		$STEPS
		def session_without_locks(steps):
		    ended = len(logged(' disconnect ')) + 1
		    c = Control().login()
		    session = Session()
		    tracer = session.trace('files', '-o', '/dev/null', '-e', 'inject=fcntl:error=ENOLCK:syscall=getpid')
		    steps(c)
		    c.ask('QUIT', 221)
		    session.wait_until_gone()
		    tracer.communicate()
		    wait_until(lambda: len(logged(' disconnect ')) >= ended, 'the last line of the log')

		def logged(event, text=''):
		    with open(os.environ['LOG']) as log:
		        return [line for line in log if event in line and text in line]

		def alarms():
		    return logged(' alarm ', 'changed after its end')

		def asked_for(c):
		    c.put('a', NEW)
		    c.put('b', NEW)
		    c.ask('MFMT 20200101000000 a', 213)
		    c.ask('SITE CHMOD 600 a', 200)
		    c.ask('RNFR b', 350)
		    c.ask('RNTO c', 250)
		    c.ask('DELE c', 250)
		    c.put('c', OLD)

		def behind_its_back(c):
		    c.ask('MKD d', 257)
		    c.put('d/e', NEW)
		    c.put('untouched', NEW)
		    c.ask('RNFR d', 350)
		    c.ask('RNTO moved', 250)
		    with open(path('moved/e'), 'r+b') as file:    # as a descriptor that protocol kept would
		        file.write(b'changed')

		session_without_locks(asked_for)
		assert alarms() == [], alarms()
		session_without_locks(behind_its_back)
		found = alarms()
		assert len(found) == 1 and 'path="/moved/e"' in found[0], found
		assert len(logged(' walls ', 'keeps no locks')) == 2
	END
}

@test "on shared storage, a change after the end of an upload may be another server's, and is no alarm" {
	[ "$(stat -c %Hd /dev/shm)" -eq 0 ] || skip "/dev/shm is on a block device"
	MEMORY=$(mktemp -d /dev/shm/sallyport-uploads.XXXXXX)
	chmod 755 "$MEMORY"
	write_config
	add_user alice secret --home "$MEMORY/alice"
	start_server_with env "$(preload ceph_fuse)"
	need_trace
	MEMORY=$MEMORY py <<-'END'
		# Like a mark that a cut of the network took away.
		c = Control().login()
		tracer = Session().trace('files', '-o', '/dev/null', '-e', 'inject=fcntl:error=ENOLCK:syscall=getpid')
		c.put('f', b'new')
		with open(os.path.join(os.environ['MEMORY'], 'alice', 'f'), 'ab') as file:
		    file.write(b' and more')
		c.ask('QUIT', 221)
		tracer.communicate()
		def told():
		    with open(os.environ['LOG']) as log:
		        return [line for line in log if ' walls ' in line and 'by another server' in line]
		wait_until(told, 'the line of the log')
		assert 'warning' in told()[0] and 'path="/f"' in told()[0], told()
	END
}

@test "an upload into a file that is removed or replaced meanwhile is not confirmed; one that is renamed is" {
	serve
	py <<-END
		$STEPS
		def meanwhile(command, *steps, codes, data=b'more'):
		    put_old('f')
		    a, b = Control().login(), Control().login()
		    b.put('other', b'other')
		    d = a.open(command)
		    d.sendall(data)
		    for line, code in steps:
		        b.ask(line, code)
		    d.close()
		    return a.expect(*codes)

		gone = meanwhile('APPE f', ('DELE f', 250), codes=(553,))
		assert 'gone' in gone, gone
		assert not os.path.exists(path('f'))
		meanwhile('APPE f', ('RNFR other', 350), ('RNTO f', 250), codes=(553,))
		assert content('f') == b'other'
		meanwhile('APPE f', ('RNFR f', 350), ('RNTO g', 250), codes=(226,))
		assert content('g') == OLD + b'more'
	END
}

@test "who watches a directory sees one IN_MOVED_TO for a whole file, and none for a broken upload" {
	serve
	py <<-END
		$STEPS
		import ctypes, struct
		MOVED_TO, CREATE, CLOSE_WRITE = 0x80, 0x100, 0x8
		libc = ctypes.CDLL(None, use_errno=True)
		watch = libc.inotify_init1(os.O_NONBLOCK)
		assert libc.inotify_add_watch(watch, HOME_DIR.encode(), MOVED_TO | CREATE | CLOSE_WRITE) >= 0

		def events():
		    found, data = [], b''
		    try:
		        data = os.read(watch, 1 << 16)
		    except BlockingIOError:
		        pass
		    while data:
		        _, mask, _, length = struct.unpack_from('iIII', data)
		        found.append((mask, data[16:16 + length].rstrip(bytes(1)).decode()))
		        data = data[16 + length:]
		    return found

		c = Control().login()
		for _ in range(2):
		    c.put('f', NEW)
		    found = events()
		    assert [name for mask, name in found if mask == MOVED_TO] == ['f'], found
		    assert [name for mask, name in found if mask == CREATE] == [partial_name('f')], found
		d = c.open('STOR f')
		d.sendall(NEW)
		c.ask('ABOR', 426)
		c.expect(226)
		found = events()
		assert (CREATE, partial_name('f')) in found and not any(mask == MOVED_TO for mask, _ in found), found
	END
}
