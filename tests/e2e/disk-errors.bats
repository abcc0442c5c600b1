#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The client gets the reason when the disk refuses, and no partial file stays under a final name.

load lib

setup()
{
	new_place
}

teardown()
{
	if mountpoint -q "$DIR/home/disk"; then
		stop_server || :
		umount "$DIR/home/disk"
	fi
	end_place
}

# A home on a small file system of its own.
serve_on_disk()
{
	mkdir "$DIR/home/disk"
	mount -t tmpfs -o "mode=755,$1" none "$DIR/home/disk" 2>/dev/null || skip "a mount is not permitted here"
	write_config 'mode-z = yes'
	add_user alice secret --home "$DIR/home/disk/alice"
	start_server
	ln -s disk/alice "$DIR/home/alice"
}

serve()
{
	write_config "$@"
	add_user alice secret
	start_server
}

# Steps that several tests share.
STEPS='
OLD, NEW = b"old content", os.urandom(1500000)

def path(name):
    return os.path.join(HOME_DIR, name)

def content(name):
    with open(path(name), "rb") as file:
        return file.read()

def put_old(name):
    with open(path(name), "wb") as file:
        file.write(OLD)
    home = os.stat(HOME_DIR)
    os.chown(path(name), home.st_uid, home.st_gid)
'

@test "a full disk: 452, the old file stays, the part is kept, and resumed when there is room again" {
	serve_on_disk size=2m
	py <<-END
		$STEPS
		c = Control().login()
		filler = os.path.dirname(os.path.realpath(HOME_DIR)) + '/filler'
		with open(filler, 'wb') as file:
		    file.write(bytes(1 << 20))
		put_old('f')
		for name in 'f', 'g':
		    assert 'No space left' in c.put(name, NEW, codes=(452,))
		    left = size_of(path(partial_name(name)))
		    assert 500000 < left < len(NEW), left
		    assert content(partial_name(name)) == NEW[:left]
		    assert content('f') == OLD and not os.path.exists(path('g'))
		    assert c.names() == ['f']
		    c.put('small', b'', codes=(226, 452))
		    os.truncate(filler, 0)
		    if name == 'g':
		        assert c.size('g') == left
		    c.put(name, NEW[left:], at=left)
		    assert content(name) == NEW
		    c.ask('DELE ' + name, 250)
		    c.ask('DELE small', 250, 550)
		    put_old('f')
		    with open(filler, 'wb') as file:
		        file.write(bytes(1 << 20))
	END
	wait_until log_has ' transfer .*result="ENOSPC"'
}

@test "a full disk: appending in place, a copy, ASCII and MODE Z say so as well" {
	serve_on_disk size=2m
	py <<-END
		$STEPS
		import zlib
		c = Control().login()
		put_old('f')
		assert 'No space left' in c.put('f', bytes(3 << 20), 'APPE', codes=(452,))
		assert content('f')[:len(OLD)] == OLD
		c.ask('DELE f', 250)
		c.put('f', NEW)
		c.ask('SITE CPFR f', 350)
		assert 'No space left' in c.ask('SITE CPTO g', 452, 550)
		assert os.listdir(HOME_DIR) == ['f']
		c.ask('TYPE A', 200)
		assert 'No space left' in c.put('a', b'line\r\n' * 300000, codes=(452,))
		c.ask('DELE a', 250)
		c.ask('MODE Z', 200)
		assert 'No space left' in c.put('z', zlib.compress(NEW * 2), codes=(452,))
		c.ask('DELE z', 250)
		assert os.listdir(HOME_DIR) == ['f'] and content('f') == NEW
	END
}

@test "no room for one more file or directory: STOR is 452, MKD 550, with the reason" {
	serve_on_disk size=2m,nr_inodes=4
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', b'1')
		for i in range(8):
		    try:
		        os.mkdir(path('d%d' % i))
		    except OSError:
		        break
		c.connect()
		assert 'No space left' in c.ask('STOR g', 452)
		assert 'No space left' in c.ask('MKD g', 550)
		os.rmdir(path('d0'))
		c.put('g', b'2')
	END
}

@test "ALLO for more than the disk has is 552 at once; for a file that is here in part, the rest counts" {
	serve_on_disk size=4m
	py <<-END
		$STEPS
		c = Control().login()
		c.ask('ALLO 1000000', 202)
		assert 'room' in c.ask('ALLO 5000000', 552)
		assert 'room' in c.ask('ALLO 9223372036854775807', 552)
		d = c.open('STOR f')
		d.sendall(bytes(3 << 20))
		wait_until(lambda: size_of(path(partial_name('f'))) == 3 << 20)
		c.ask('ABOR', 426)
		c.expect(226)
		c.ask('ALLO 4000000', 552)
		c.ask('REST %d' % (3 << 20), 350)
		c.ask('ALLO 4000000', 202)
		c.ask('NOOP', 200)
		assert c.size('f') == 3 << 20
		c.ask('ALLO 4000000', 202)
		c.ask('ALLO 5000000', 552)
	END
}

@test "a write fails: EIO 451, ENOSPC 452, EDQUOT 552; the old file stays, the part is kept and resumed" {
	serve
	need_trace
	py <<-END
		$STEPS
		for error, code, reason in ('EIO', 451, 'Input/output'), ('ENOSPC', 452, 'No space'), ('EDQUOT', 552, 'uota'):
		    for nth in 1, 3:
		        put_old('f')
		        c = Control().login()
		        d = c.open('STOR f')
		        with Failing('protocol', 'write', error, nth, path(partial_name('f'))):
		            send_all(d, NEW)
		            d.close()
		            assert reason in c.expect(code)
		        assert content('f') == OLD
		        left = size_of(path(partial_name('f'))) or 0
		        assert (left > 0) == (nth > 1)
		        c.put('f', NEW[left:], at=left)
		        assert content('f') == NEW
		        assert os.listdir(HOME_DIR) == ['f']
		        c.ask('QUIT', 221)
		        wait_until(no_session)
	END
}

# The injected error leaves the descriptor open, which no kernel does. Files therefore takes protocol for a process
# that keeps the descriptor to write later, and ends the session.
@test "close reports an error that no write reported: the upload is not confirmed, and the old file stays" {
	serve
	need_trace
	ALARM_EXPECTED=1
	py <<-END
		$STEPS
		put_old('f')
		c = Control().login()
		d = c.open('STOR f')
		with Failing('protocol', 'close', 'EIO', 1, path(partial_name('f'))):
		    d.sendall(NEW)
		    d.close()
		    c.expect(421)
		assert content('f') == OLD
	END
}

# Where nothing is synced, some file systems report only to close(2) that they could not keep what was written.
@test "close reports an error of a copy: it is not confirmed, and nothing is left of it" {
	serve 'upload-sync = no'
	need_trace
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', NEW)
		put_old('h')
		for error, code in ('EIO', 451), ('ENOSPC', 452), ('EDQUOT', 552):
		    for name in 'g', 'h':
		        c.ask('SITE CPFR f', 350)
		        with Failing('files', 'close', error, 1, path(partial_name(name))):
		            c.ask('SITE CPTO ' + name, code)
		    assert sorted(os.listdir(HOME_DIR)) == ['f', 'h'], os.listdir(HOME_DIR)
		    assert content('h') == OLD
		c.ask('SITE CPFR f', 350)
		c.ask('SITE CPTO g', 250)
		assert content('g') == NEW
	END
}

@test "a new file cannot be locked: the reason is told, and no empty file is left, nor counted" {
	write_config
	add_user alice secret --quota 10M
	start_server
	need_trace
	py <<-END
		$STEPS
		c = Control().login()
		def left_nothing():
		    assert os.listdir(HOME_DIR) == [], os.listdir(HOME_DIR)
		    assert used(c)[0] == count(HOME_DIR) == (0, 0), (used(c), count(HOME_DIR))
		for error in 'ENOLCK', 'EIO':
		    for command in 'STOR f', 'APPE f', 'STOU f':
		        with Failing('files', 'flock', error):
		            c.connect()
		            c.ask(command, 451, 450, 550)
		        left_nothing()
		c.put('f', NEW)
	END
	stop_server
	rm -f "$DIR/home/alice/f"
	write_config 'uploads = "in-place"'
	start_server
	py <<-END
		$STEPS
		c = Control().login()
		with Failing('files', 'flock', 'ENOLCK'):
		    c.connect()
		    c.ask('STOR f', 451, 450, 550)
		assert os.listdir(HOME_DIR) == [], os.listdir(HOME_DIR)
	END
}

@test "an upload in place that cannot begin leaves the old file, and the figure of the quota is the count" {
	write_config 'uploads = "in-place"'
	add_user alice secret --quota 10M
	start_server
	need_trace
	py <<-END
		$STEPS
		Control().login().put('f', OLD)
		for call, last in ('openat', 3), ('lseek', 1), ('ftruncate', 1), ('fcntl', 2), ('newfstatat', 9):
		    for nth in range(1, last + 1):
		        wait_until(no_session)
		        c = Control().login()
		        with Failing('files', call, 'EIO', nth):
		            said = c.put('f', NEW, codes=(226, 451))
		        # what fails at the end, in the file itself, is not undone
		        assert content('f') in ((NEW,) if said[:3] == '226' else (OLD, NEW)), (call, nth, said)
		        c.close()
		        c = Control().login()
		        wait_until(lambda: used(c)[0] == count(HOME_DIR), (call, nth, used(c), count(HOME_DIR)))
		        c.put('f', OLD)
		        c.close()
	END
}

@test "fsync fails: 451 or 452, the old file stays, and what may not be on the disk is not resumed" {
	serve
	need_trace
	py <<-END
		$STEPS
		for error, code in ('EIO', 451), ('ENOSPC', 452), ('EDQUOT', 552):
		    put_old('f')
		    c = Control().login()
		    with Failing('files', 'fsync', error):
		        c.put('f', NEW, codes=(code,))
		        c.put('g', NEW)
		    assert content('f') == OLD and content('g') == NEW
		    assert sorted(os.listdir(HOME_DIR)) == ['f', 'g'], os.listdir(HOME_DIR)
		    c.put('f', NEW)
		    c.ask('QUIT', 221)
		    wait_until(no_session)
	END
}

@test "the rename fails: the reason is told, the old file stays, the part is whole and goes on" {
	serve
	need_trace
	py <<-END
		$STEPS
		for error, code in ('EIO', 451), ('ENOSPC', 452), ('EDQUOT', 552):
		    put_old('f')
		    c = Control().login()
		    with Failing('files', '/^rename', error):
		        c.put('f', NEW, codes=(code,))
		    assert content('f') == OLD
		    assert content(partial_name('f')) == NEW
		    c.put('f', b'', at=len(NEW))
		    assert content('f') == NEW
		    c.ask('QUIT', 221)
		    wait_until(no_session)
	END
}

@test "the directory cannot be brought to the disk: 451, and the file is whole, old or new" {
	serve
	need_trace
	py <<-END
		$STEPS
		put_old('f')
		c = Control().login()
		with Failing('files', 'fsync', 'EIO', 2):
		    c.put('f', NEW, codes=(451,))
		assert content('f') in (OLD, NEW)
		assert os.listdir(HOME_DIR) == ['f']
	END
}

@test "what else the disk refuses: a new file, MKD, DELE, RNTO, a copy, a mode; each with the reason" {
	serve
	need_trace
	py <<-END
		$STEPS
		c = Control().login()
		put_old('f')
		for error, code, reason in ('EIO', 451, 'Input/output'), ('ENOSPC', 452, 'No space'), ('EDQUOT', 552, 'uota'):
		    with Failing('files', 'mkdirat', error):
		        assert reason in c.ask('MKD d', 552 if error == 'EDQUOT' else 550)
		    with Failing('files', '/^rename', error):
		        c.ask('RNFR f', 350)
		        assert reason in c.ask('RNTO g', code)
		    with Failing('files', 'unlinkat', error):
		        assert reason in c.ask('DELE f', code)
		    for call in 'copy_file_range', 'fsync', '/^rename':
		        with Failing('files', call, error):
		            c.ask('SITE CPFR f', 350)
		            assert reason in c.ask('SITE CPTO g', code, 550)
		    # the first statx looks for the finished file
		    with Failing('files', 'openat', error, 2, None):
		        c.connect()
		        c.send('STOR g')
		        reply, text = c.reply()
		        if reply == 150:
		            c.ask('ABOR', 426)
		            c.expect(226)
		        else:
		            assert reply == code and reason in text, text
		    assert os.listdir(HOME_DIR) == ['f'] and content('f') == OLD, os.listdir(HOME_DIR)
	END
}
