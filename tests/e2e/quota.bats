#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Quotas: never a byte over, whatever happens, and the figure is what find(1) counts.

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

# serve QUOTA [LINE...]: the account has this quota, "BYTES" or "BYTES FILES".
serve()
{
	local quota=$1
	shift
	write_config "$@"
	# shellcheck disable=SC2046 # two words
	add_user alice secret $(printf -- '--quota %s' "${quota%% *}") $(case $quota in *\ *) echo "--quota-files ${quota#* }" ;; esac)
	start_server
}

# Steps that several tests share: after each step the figure must equal the count.
STEPS='
def path(name):
    return os.path.join(HOME_DIR, name)

def check(c, bytes=None, files=None):
    told, limits = used(c)
    assert told == count(HOME_DIR), (told, count(HOME_DIR))
    assert bytes in (None, told[0]) and files in (None, told[1]), told
    return told

def broken_off(c, command, data):
    d = c.open(command)
    before = sum(count(HOME_DIR)[:1])
    d.sendall(data)
    wait_until(lambda: count(HOME_DIR)[0] == before + len(data))
    c.ask("ABOR", 426)
    c.expect(226)
    d.close()
'

@test "every command that changes what is used leaves the figure equal to a count" {
	serve '1000000 100'
	py <<-END
		$STEPS
		c = Control().login()
		check(c, 0, 0)
		c.put('f', bytes(1000))
		check(c, 1000, 1)
		c.put('f', bytes(400))          # over an existing file, smaller and larger
		check(c, 400, 1)
		c.put('f', bytes(5000))
		check(c, 5000, 1)
		c.put('f', bytes(50), 'APPE')
		check(c, 5050, 1)
		c.put('f', bytes(100), at=5000)  # across the end
		check(c, 5100, 1)
		c.put('f', bytes(100), at=10)    # in the middle
		check(c, 5100, 1)
		c.put('new', bytes(7), 'APPE')
		check(c, 5107, 2)
		broken_off(c, 'STOR f', bytes(300))
		check(c, 5407, 3)
		c.put('f', bytes(20), at=300)    # the partial, whole now
		check(c, 327, 2)
		broken_off(c, 'STOR p', bytes(900))
		check(c, 1227, 3)
		c.put('p', bytes(5), at=100)     # cuts it
		check(c, 432, 3)
		broken_off(c, 'STOR q', bytes(900))
		c.put('q', b'')                  # anew
		check(c, 432, 4)
		broken_off(c, 'STOR r', bytes(900))
		c.ask('DELE r', 250)
		check(c, 432, 4)
		c.ask('MKD d', 257)
		c.ask('MKD d/e', 257)
		check(c, 432, 6)
		c.put('d/e/f', bytes(10000))
		check(c, 10432, 7)
		c.ask('RNFR new', 350)
		c.ask('RNTO d/e/f', 250)         # over an existing file
		check(c, 432, 6)
		c.ask('RNFR d/e/f', 350)
		c.ask('RNTO d/e/f', 250, 550, 553)
		check(c, 432, 6)
		c.ask('SITE CPFR f', 350)
		c.ask('SITE CPTO d/copy', 250)
		check(c, 752, 7)
		c.ask('SITE CPFR f', 350)
		c.ask('SITE CPTO p', 250)        # over an existing file
		check(c, 967, 7)
		for _ in range(3):
		    d = c.connect()
		    c.ask('STOU u', 150)
		    d.sendall(bytes(11))
		    d.close()
		    c.expect(226)
		check(c, 1000, 10)
		broken_off(c, 'STOR d/e/part', bytes(50))
		c.ask('RMD d/e', 550)
		c.ask('DELE d/e/f', 250)
		c.ask('RMD d/e', 250)            # only a partial is in it
		check(c, 993, 8)
		c.put('d/x', bytes(123))
		broken_off(c, 'STOR d/y', bytes(50))
		c.ask('RMDA d', 250)
		check(c, 673, 6)
		c.ask('DELE f', 250)
		check(c, 353, 5)
		for name in 'p', 'q', 'u', 'u.1', 'u.2':
		    c.ask('DELE ' + name, 250)
		check(c, 0, 0)
	END
}

@test "in-place uploads are counted as well, broken off or not" {
	serve '1000000 100' 'uploads = "in-place"'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(1000))
		check(c, 1000, 1)
		c.put('f', bytes(400))
		check(c, 400, 1)
		c.put('f', bytes(600), at=300)
		check(c, 900, 1)
		broken_off(c, 'APPE f', bytes(50))
		check(c, 950, 1)
		d = c.open('STOR f')
		d.sendall(bytes(70))
		wait_until(lambda: size_of(path('f')) == 70)
		c.ask('ABOR', 426)
		c.expect(226)
		check(c, 70, 1)
		c.ask('SITE CHMOD 200 f', 200)   # that its owner cannot read
		c.put('f', bytes(30), 'APPE')
		check(c, 100, 1)
	END
}

@test "what is there already, links and what is no file are counted as find counts them" {
	write_config
	add_user alice secret
	(
		cd "$DIR/home/alice" || exit 1
		mkdir -p d/e
		head -c 1000 /dev/zero >f
		truncate -s 5000 d/sparse
		ln f d/hard
		ln -s ../f d/soft
		ln -s /nowhere dangling
		mkfifo d/fifo
		chown -R --no-dereference --reference=. .
	)
	ctl user set alice --quota 1M --quota-files 100
	start_server
	py <<-END
		$STEPS
		c = Control().login()
		check(c, 7000, 8)
		c.put('d/soft', bytes(2000))     # through the link: f, whose other name keeps the old content
		check(c, 8000, 8)
		c.ask('DELE d/hard', 250)
		check(c, 7000, 7)
		c.ask('DELE dangling', 250)
		c.ask('DELE d/fifo', 250)
		check(c, 7000, 5)
		c.ask('RMDA d', 250)
		check(c, 2000, 1)
		os.link(path('f'), path('g'))    # two names of one file: both grow
		os.unlink(os.environ['DIR'] + '/state/ledger/alice')
		c.close()
		wait_until(no_session)
		c = Control().login()
		check(c, 4000, 2)
		c.put('f', bytes(100), 'APPE')
		check(c, 4200, 2)
		c.ask('DELE f', 250)
		check(c, 2100, 1)
	END
}

@test "a file that is written anew makes room for itself, also where nothing is left" {
	serve '1000 100' 'uploads = "in-place"'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(1000))
		c.put('f', bytes(1000))
		check(c, 1000, 1)
	END
}

@test "a partial that is begun anew makes room for itself, also where nothing is left" {
	serve '1000 100'
	py <<-END
		$STEPS
		c = Control().login()
		broken_off(c, 'STOR f', bytes(1000))
		c.put('f', bytes(1000))
		check(c, 1000, 1)
	END
}

@test "a mode that forbids writing does not hide an upload from those who remove or replace its file" {
	serve '1000000 100'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(400000))
		b = Control().login()
		d = b.open('APPE f')
		d.sendall(bytes(1000))
		wait_until(lambda: size_of(path('f')) == 401000)
		c.ask('SITE CHMOD 000 f', 200)
		c.ask('DELE f', 450)
		c.put('g', bytes(1))
		c.ask('RNFR g', 350)
		c.ask('RNTO f', 450)
		assert os.stat(path('f')).st_mode & 0o7777 == 0
		d.close()
		b.expect(226)
		check(c, 401001, 2)
		c.ask('DELE f', 250)
		check(c, 1, 1)
	END
}

@test "a directory that its owner closed hides nothing from a count" {
	serve '1000000 100'
	py <<-END
		c = Control().login()
		c.ask('MKD d', 257)
		c.put('d/f', bytes(400))
		c.ask('SITE CHMOD 000 d', 200)
	END
	run ctl --json quota recount alice
	assert_success
	assert_output --partial '"bytes": 400'
	rm "$DIR/state/ledger/alice"
	py <<-END
		$STEPS
		c = Control().login()
		c.ask('MKD e', 257)
		check(c, 400, 3)
		assert os.stat(path('d')).st_mode & 0o7777 == 0
	END
}

@test "what does not fit is 552 with used, limit and what was asked; the old file stays, the part is within the quota" {
	serve '100000 4'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(60000))
		text = c.put('f', bytes(50000), codes=(552,))
		for word in '100000', ' of ':
		    assert word in text, text
		told = check(c)
		assert told[0] <= 100000 and size_of(path('f')) == 60000
		assert 30000 < size_of(path(partial_name('f'))) <= 40000, 'the transfer stops at the limit'
		c.ask('DELE f', 250)
		check(c)
		left = c.size('f')
		c.put('f', bytes(50000 - left), at=left)
		check(c, 50000, 1)
		# the quota is exact to the byte
		c.put('g', bytes(50001), codes=(552,))
		c.ask('DELE g', 250)
		c.put('g', bytes(50000))
		check(c, 100000, 2)
		text = c.put('g', b'x', 'APPE', codes=(552,))
		check(c, 100000, 2)
		assert '100000 of 100000' in text, text
		c.put('g', bytes(10), at=49990)  # within the file
		c.put('g', bytes(11), at=49990, codes=(552,))
		check(c, 100000, 2)
		c.ask('SITE CPFR f', 350)
		assert '100000 of 100000' in c.ask('SITE CPTO copy', 552)
		check(c, 100000, 2)
		c.ask('DELE g', 250)
		# the quota of files
		c.ask('MKD d', 257)
		c.ask('MKD d/e', 257)
		c.put('d/e/f', b'')
		text = c.ask('MKD g', 552)
		assert '4 of 4' in text, text
		c.connect()
		assert '4 of 4' in c.ask('STOR g', 552)
		c.connect()
		c.ask('STOU', 552)
		c.ask('SITE CPFR d/e/f', 350)
		c.ask('SITE CPTO g', 552)
		check(c, 50000, 4)
		c.ask('RNFR f', 350)
		c.ask('RNTO h', 250)
		c.ask('RMDA d', 250)
		check(c, 50000, 1)
	END
}

@test "ALLO for more than is left is 552 at once; AVBL and SITE QUOTA tell what is left" {
	serve '100000 10'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(60000))
		assert int(c.ask('AVBL', 213)[4:]) == 40000
		c.ask('ALLO 40000', 202)
		c.ask('ALLO 40001', 552)
		text = c.ask('SITE QUOTA', 200)
		for word in '60000 of 100000', '40000', '1 of 10':
		    assert word in text, text
		# an upload of an announced size that a client resumes
		broken_off(c, 'STOR g', bytes(30000))
		c.ask('ALLO 40001', 552)
		c.ask('ALLO 40000', 202)         # the partial would give way to it
		c.size('g')
		c.ask('ALLO 40000', 202)
		c.put('g', bytes(10000), at=30000)
		check(c, 100000, 2)
	END
}

@test "above 90 % the 226 reply warns; below it does not" {
	serve '100000 100'
	py <<-END
		$STEPS
		c = Control().login()
		assert 'uota' not in c.put('f', bytes(90000))
		text = c.put('g', bytes(1))
		assert text.startswith('226-') and '90001 of 100000' in text, text
		assert text.split('\n')[-1].startswith('226 '), text
	END
}

@test "an account without a quota has none: no figure, no limit" {
	write_config
	add_user alice secret
	start_server
	py <<-END
		c = Control().login()
		c.put('f', bytes(100000))
		assert 'No quota' in c.ask('SITE QUOTA', 200)
	END
}

@test "thirty uploads at once into a small remainder: the limit to the byte, and the figure is the count" {
	serve '3000000 1000' 'limits { sessions-per-user = 40 sessions-per-address = 100 }'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(1000000))
		clients = [Control().login() for _ in range(30)]
		codes = []

		def upload(i):
		    codes.append(int(clients[i].put('u%d' % i, bytes(100000 + i), codes=(226, 552)).split('\n')[-1][:3]))

		threads = [threading.Thread(target=upload, args=(i,)) for i in range(30)]
		for t in threads:
		    t.start()
		for t in threads:
		    t.join()
		told = check(c)
		# some uploads fail; how many hangs on how many wait for the last bytes at the same moment
		assert len(codes) == 30 and set(codes) == {226, 552}, codes
		assert 1000000 + 100000 * codes.count(226) < told[0] <= 3000000, (told, codes.count(226))
		# uploads can fill the rest to its last byte
		c.ask('DELE f', 250)
		c.ask('SITE PARTIALS DELETE ALL', 200)
		left = 3000000 - check(c)[0]
		c.put('last', bytes(left + 1), codes=(552,))
		check(c, 3000000)
		c.ask('DELE last', 250)
		c.put('last', bytes(left))
		check(c, 3000000)
	END
}

@test "a limit lowered below what is used stops growth and nothing else; raising it helps at the next login" {
	serve 100000
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(60000))
		c.put('g', bytes(30000))
	END
	ctl user set alice --quota 50000
	py <<-END
		$STEPS
		c = Control().login()
		check(c, 90000)
		assert '90000 of 50000' in c.put('h', b'x', codes=(552,))
		c.put('g', b'x', 'APPE', codes=(552,))
		c.put('g', bytes(30000), at=0, codes=(226, 552))
		c.put('g', bytes(10), at=100)    # nothing grows
		c.ask('RNFR f', 350)
		c.ask('RNTO f2', 250)
		assert int(c.ask('AVBL', 213)[4:]) == 0
		c.ask('DELE f2', 250)
		check(c)
		c.ask('DELE h', 250, 550)
		c.put('h', bytes(1000))
		check(c)
	END
	ctl user set alice --quota 1M
	py <<-END
		$STEPS
		c = Control().login()
		c.put('h', bytes(500000))
		check(c)
	END
}

@test "sallyportctl quota show and recount tell what find counts, also while something is uploaded" {
	serve '1000000 100'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(60000))
		broken_off(c, 'STOR p', bytes(3000))
	END
	run ctl quota show alice
	assert_success
	assert_output --partial 63000
	# a program changes the home without the server
	head -c 500 /dev/zero >"$DIR/home/alice/behind"
	chown --reference="$DIR/home/alice" "$DIR/home/alice/behind"
	# a partial has expired
	head -c 900 /dev/zero >"$DIR/home/alice/.sallyport-$(printf old | sha256sum | cut -c1-32).partial"
	touch -d '-8 days' "$DIR/home/alice"/.sallyport-*
	touch "$DIR/home/alice/.sallyport-$(printf p | sha256sum | cut -c1-32).partial"
	chown --reference="$DIR/home/alice" "$DIR/home/alice"/.sallyport-*
	run ctl quota recount alice
	assert_success
	assert_output --partial '1 expired partial file'
	assert_output --regexp 'alice +63500 +1000000 +6% +3 +100'
	run ctl --json quota show alice
	assert_success
	assert_output --partial 63500
	CTL=$BUILD/sallyportctl py <<-END
		$STEPS
		import subprocess
		c = Control().login()
		check(c, 63500, 3)
		d = c.open('STOR f')
		d.sendall(bytes(200000))
		wait_until(lambda: size_of(path(partial_name('f'))) == 200000)
		with open(path('behind2'), 'wb') as file:
		    file.write(bytes(77))
		os.chown(path('behind2'), os.stat(HOME_DIR).st_uid, -1)
		subprocess.run([os.environ['CTL'], '-c', os.environ['CONF'], 'quota', 'recount', 'alice'], check=True)
		d.sendall(bytes(100000))
		d.close()
		c.expect(226)
		check(c, 303577, 4)
	END
	run ctl --json quota recount
	assert_success
	assert_output --partial '"bytes": 303577'
	assert_output --partial '"partials_removed": 0'
	run ctl quota recount nobody
	assert_failure
	run ctl quota show nobody
	assert_failure
}

@test "a partial that expires is given back, by an upload beside it and by a login" {
	serve '100000 10' 'partial-keep = "1h"'
	py <<-END
		$STEPS
		c = Control().login()
		for name in 'a', 'b':
		    broken_off(c, 'STOR ' + name, bytes(1000))
		check(c, 2000, 2)
		os.utime(path(partial_name('a')), (0, 0))
		Control().login().put('f', bytes(10))
		check(c, 1010, 2)
		os.utime(path(partial_name('b')), (0, 0))
		os.utime(os.environ['DIR'] + '/state/swept/alice', (0, 0))
		other = Control().login()
		check(other, 10, 1)
		check(c, 10, 1)
	END
}

@test "whatever the disk refuses, the figure is the count" {
	serve '10000000 100'
	need_trace
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(1000))
		for kind, call in ('protocol', 'write'), ('files', 'fsync'), ('files', '/^rename'), ('files', 'ftruncate'), (
		        'files', 'openat'), ('files', 'fchmod'), ('files', 'unlinkat'), ('files', 'mkdirat'):
		    for nth in 1, 2:
		        with Failing(kind, call, 'EIO', nth, path(partial_name('f')) if call == 'write' else None):
		            for line in 'STOR f', 'APPE g':
		                d = c.connect()
		                c.send(line)
		                if c.reply()[0] == 150:
		                    send_all(d, bytes(700000))
		                    d.close()
		                    c.reply()
		            for line in 'MKD d', 'RNFR g', 'RNTO h', 'SITE CPFR f', 'SITE CPTO k', 'DELE k', 'RMDA d':
		                c.send(line)
		                c.reply()
		        check(c)
	END
}

@test "a full disk below the quota: 452, and the figure is the count" {
	mkdir "$DIR/home/disk"
	mount -t tmpfs -o size=2m,mode=755 none "$DIR/home/disk" 2>/dev/null || skip "a mount is not permitted here"
	write_config
	add_user alice secret --home "$DIR/home/disk/alice" --quota 10M
	start_server
	ln -s disk/alice "$DIR/home/alice"
	py <<-END
		$STEPS
		c = Control().login()
		c.ask('ALLO 5000000', 552)
		c.put('f', bytes(3 << 20), codes=(452,))
		check(c)
		c.put('g', b'', codes=(226, 452))
		check(c)
		c.ask('DELE f', 250)
		c.put('f', bytes(1000))
		check(c)
	END
}

# --- the server counts again after doubt, and no client waits for that ---

# HOLD: makes a count take as long as the test wants. A count waits for the partial of a dead session as long as a
# process holds it.
HOLD='
import fcntl

def held(name):
    fd = os.open(path(partial_name(name)), os.O_WRONLY)
    wait_until(lambda: lock(fd))
    return fd

def lock(fd):
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False

def die_in_upload(name, size):
    c = Control().login()
    d = c.open("STOR " + name)
    d.sendall(bytes(size))
    wait_until(lambda: size_of(path(partial_name(name))) == size)
    session = Session()
    session.kill("monitor", "protocol", "files")
    session.wait_until_gone()
    d.close()

# The account has the file f. A session was killed in an upload of g, and a process holds its partial.
def die_beside_file(size, uploaded):
    Control().login().put("f", bytes(size))
    wait_until(no_session)
    die_in_upload("g", uploaded)
    return held("g")

def errands():
    return [pid for pid in children(int(os.environ["SERVER_PID"])) if is_errand(pid)]

def settled(c):
    wait_until(lambda: used(c)[0] == count(HOME_DIR), "the right figure")
'

# The figure of an idle server is soon right.
figure_is_right()
{
	py <<-END
		$STEPS
		$HOLD
		c = Control().login()
		settled(c)
	END
}

@test "a session is killed in mid-upload: a sibling logs in and uploads at once, while the home is counted" {
	ALARM_EXPECTED=1
	serve '100000000 100'
	CTL=$BUILD/sallyportctl py <<-END
		$STEPS
		$HOLD
		import subprocess
		fd = die_beside_file(1000, 300000)
		began = time.monotonic()
		c = Control().login()
		c.put('h', bytes(2000))
		c.ask('MKD d', 257)
		c.ask('RNFR h', 350)
		c.ask('RNTO d/h', 250)
		c.put('i', bytes(50), 'APPE')
		c.ask('DELE i', 250)
		assert errands(), 'the home is not counted meanwhile'
		# a count waits up to five seconds for the partial's last byte
		assert time.monotonic() - began < 2.5, time.monotonic() - began
		# the figure is never below the count, nor above it by more than the dead session had reserved
		told = used(c)[0]
		assert 303000 <= told[0] <= 1000 + 2000 + 100000000 // 32 and told[1] == 4, told
		text = c.ask('SITE QUOTA', 200)
		assert re.search(r'at most %d of 100000000 bytes used .* at least ' % told[0], text), text
		assert 'the home is being counted' in text, text
		out = subprocess.run([os.environ['CTL'], '-c', os.environ['CONF'], 'quota', 'show', 'alice'], text=True,
		                     check=True, capture_output=True).stdout
		assert re.search(r'alice +%d ' % told[0], out) and ' at most: ' in out, out
		assert re.search(r'counting, \d+ files so far', out), out
		os.close(fd)
		settled(c)
	END
	wait_until log_has ' quota-counted '
}

@test "what a dead session may have added leaves no room: the client is told to try again, not that the quota is full" {
	ALARM_EXPECTED=1
	serve '100000 100'
	py <<-END
		$STEPS
		$HOLD
		fd = die_beside_file(50000, 100)
		c = Control().login()
		began = time.monotonic()
		c.connect()
		c.ask('STOR h', 450)
		assert time.monotonic() - began < 2.5, time.monotonic() - began
		c.ask('DELE f', 250)
		# a running upload does not fail: it waits for the count
		d = c.open('STOR h')
		threading.Timer(1, os.close, (fd,)).start()
		send_all(d, bytes(99000))
		d.close()
		c.expect(226)
		settled(c)
		check(c, 99100, 2)
	END
}

@test "a count that is killed is begun again, and the sessions go on" {
	ALARM_EXPECTED=1
	serve '100000000 100'
	py <<-END
		$STEPS
		$HOLD
		die_in_upload('g', 300)
		fd = held('g')
		c = Control().login()
		c.put('f', bytes(10))
		for _ in range(3):
		    killed = []
		    def kill_count():
		        c.put('f', bytes(10))
		        for pid in errands():
		            try:
		                if children(pid):
		                    os.kill(pid, signal.SIGKILL)
		                    killed.append(pid)
		            except ProcessLookupError:
		                pass    # it has ended by itself
		        return killed
		    wait_until(kill_count)
		    pid = killed[0]
		    wait_until(lambda: pid not in errands())
		    c.put('f%d' % pid, bytes(10))
		    wait_until(lambda: c.put('f', bytes(10)) and errands())
		os.close(fd)
		settled(c)
	END
}

@test "a count ends with the server" {
	ALARM_EXPECTED=1
	serve '100000000 100'
	py <<-END
		$STEPS
		$HOLD
		die_in_upload('g', 300)
		fd = held('g')
		c = Control().login()
		c.put('f', bytes(10))
		wait_until(lambda: errands() and children(errands()[0]))
		pids = errands() + children(errands()[0])
		os.kill(int(os.environ['SERVER_PID']), signal.SIGINT)
		began = time.monotonic()
		wait_until(lambda: all(is_gone(pid) for pid in pids))
		# the count would wait five seconds for the partial that the process holds
		assert time.monotonic() - began < 4, time.monotonic() - began
	END
	wait "$SERVER_PID" || :
	start_server
}

@test "a count holds nothing of the server open: not what a reload ends, and not the connection of a client" {
	ALARM_EXPECTED=1
	serve '100000000 100' 'listen-proxied = {"127.0.0.2:0"}' 'proxy-from = "127.0.0.1"' 'metrics-listen = "127.0.0.1:0"'
	NODE_PORT=$(sed -n 's/.* listening address=127\.0\.0\.2 .*port=\([0-9]*\) .*/\1/p' "$LOG") \
		CTL=$BUILD/sallyportctl py <<-END
		$STEPS
		$HOLD
		import subprocess
		server = int(os.environ['SERVER_PID'])
		die_in_upload('g', 300)
		fd = held('g')
		# the connection of a proxy that waits for its header when the count begins
		client = socket.create_connection(('127.0.0.2', int(os.environ['NODE_PORT'])), 5, ('127.0.0.1', 0))
		client.settimeout(10)
		c = Control().login()
		c.put('f', bytes(10))
		wait_until(lambda: errands() and children(errands()[0]))
		counter = errands()[0]
		os.kill(counter, signal.SIGSTOP)
		c.ask('QUIT', 221)
		wait_until(no_session)

		def process(name):
		    for pid in children(server):
		        with open('/proc/%d/comm' % pid) as file:
		            if file.read().strip() == name:
		                return pid

		metrics = process('sallyport-stats')
		conf = os.environ['CONF']
		with open(conf) as file:
		    lines = [line for line in file if not line.startswith('metrics-listen')]
		with open(conf, 'w') as file:
		    file.writelines(lines)
		subprocess.run([os.environ['CTL'], '-c', conf, 'reload'], check=True)
		wait_until(lambda: is_gone(metrics), 'the end of metrics')
		client.sendall(b'PROXY TCP4 192.0.2.7 192.0.2.1 1024 21' + bytes((13, 10)))
		assert client.recv(100).startswith(b'220 ')
		os.kill(process('sallyport-mon'), signal.SIGKILL)
		while client.recv(100):
		    pass
		assert not is_gone(counter)
		os.kill(counter, signal.SIGCONT)
		os.close(fd)
	END
}

@test "sallyportctl quota recount while the server counts waits for that, and says so on a terminal" {
	ALARM_EXPECTED=1
	serve '100000000 100'
	CTL=$BUILD/sallyportctl py <<-END
		$STEPS
		$HOLD
		import pty, subprocess
		die_in_upload('g', 300)
		fd = held('g')
		c = Control().login()
		c.put('f', bytes(10))
		wait_until(errands)
		terminal, other = pty.openpty()
		ctl = subprocess.Popen([os.environ['CTL'], '-c', os.environ['CONF'], 'quota', 'recount', 'alice'],
		                       stdout=subprocess.PIPE, stderr=other, text=True)
		said = b''
		while b'alice: the server counts' not in said:
		    said += os.read(terminal, 1000)
		os.close(fd)
		out, _ = ctl.communicate(timeout=60)
		assert ctl.returncode == 0 and re.search(r'alice +310 ', out), out
		settled(c)
	END
}

@test "sallyportctl quota recount shows on a terminal how far it is" {
	serve '100000000 10000'
	need_trace
	CTL=$BUILD/sallyportctl py <<-END
		$STEPS
		import pty, subprocess
		Control().login().put('f', bytes(7))
		for i in range(5000):
		    os.mknod(path('n%d' % i), 0o100644)
		terminal, other = pty.openpty()
		# each piece of the directory takes its time
		ctl = subprocess.Popen(['strace', '-f', '-o', '/dev/null', '-e', 'trace=getdents64', '-e',
		                        'inject=getdents64:delay_enter=200000', os.environ['CTL'], '-c', os.environ['CONF'],
		                        'quota', 'recount', 'alice'], stdout=subprocess.PIPE, stderr=other, text=True)
		said = b''
		while not re.search(rb'alice: [0-9]+ files counted', said):
		    said += os.read(terminal, 1000)
		out, _ = ctl.communicate(timeout=60)
		assert ctl.returncode == 0 and re.search(r'alice +7 .* 5001 ', out), out
	END
}

@test "each process is killed in mid-upload: the figure is the count, and the quota holds" {
	ALARM_EXPECTED=1
	serve '1000000 100'
	py <<-END
		$STEPS
		$HOLD
		for kind in 'protocol', 'files', 'monitor':
		    for size in 1, 70000, 300000:
		        c = Control().login()
		        c.put('f', bytes(1234))
		        d = c.open('STOR f')
		        d.sendall(bytes(size))
		        wait_until(lambda: size_of(path(partial_name('f'))) == size)
		        session = Session()
		        session.kill(kind)
		        session.wait_until_gone()
		        wait_until(no_session)
		        d.close()
		        c = Control().login()
		        told = used(c)[0]
		        assert told[0] >= 1234 + size and told[1] == 2, told
		        settled(c)
		        check(c, 1234 + size, 2)
		        c.ask('QUIT', 221)
		        wait_until(no_session)
	END
}

@test "the server is killed with all its sessions: counted again, and the quota holds" {
	ALARM_EXPECTED=1
	serve '1000000 100'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(1000))
		d = c.open('STOR g')
		d.sendall(bytes(300000))
		wait_until(lambda: size_of(path(partial_name('g'))) == 300000)
		session = Session()
		session.kill('master', 'monitor', 'protocol', 'files')
		session.wait_until_gone()
	END
	wait "$SERVER_PID" || :
	: >"$LOG"
	start_server
	figure_is_right
	wait_until log_has ' quota-counted '
}

@test "more uploads cut off at once than libc sorts without asking for memory: counted all the same" {
	serve '1000000000 1000' 'limits { sessions-per-address = 1000 sessions-per-user = 1000 }'
	py <<-END
		sessions = [Control().login() for _ in range(130)]
		for i, c in enumerate(sessions):
		    c.data = c.open('STOR f%d' % i)
		    c.data.sendall(bytes(10))
		wait_until(lambda: count(HOME_DIR)[0] == 1300)
		server = int(os.environ['SERVER_PID'])
		pids = [pid for monitor in children(server) for pid in [monitor] + children(monitor)]
		os.kill(server, signal.SIGKILL)
		wait_until(lambda: all(map(is_gone, pids)), 'the end of what it had forked')
	END
	wait "$SERVER_PID" || :
	run ctl --json quota recount alice
	assert_success
	assert_output --partial '"bytes": 1300'
	: >"$LOG"
	start_server
	figure_is_right
}

@test "a ledger that is damaged, cut, empty, gone or another account's is counted, not believed" {
	serve '1000000 100'
	add_user bob secret --quota 1M
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(5000))
		c.put('g', bytes(70))
		c = Control().login('bob')
		c.put('f', bytes(11))
	END
	ledger=$DIR/state/ledger/alice
	assert_file_exists "$ledger"
	size=$(stat -c %s "$ledger")
	for damage in zero cut empty gone noise bob garbage; do
		wait_until no_session
		: >"$LOG"
		case $damage in
		zero) dd if=/dev/zero of="$ledger" bs=1 seek=8 count=24 conv=notrunc status=none ;;
		cut) truncate -s "$((size / 2))" "$ledger" ;;
		empty) : >"$ledger" ;;
		gone) rm "$ledger" ;;
		noise) head -c "$size" /dev/urandom | dd of="$ledger" conv=notrunc status=none ;;
		bob) cat "$DIR/state/ledger/bob" >"$ledger" ;;
		garbage) yes sallyport | head -c 100000 >"$ledger" ;;
		esac
		figure_is_right
		[ "$damage" = cut ] || wait_until log_has ' quota-counted '
	done
}

@test "a ledger that is damaged or cut while sessions use it is counted, and they go on" {
	serve '1000000 100'
	py <<-END
		$STEPS
		$HOLD
		ledger = os.environ['DIR'] + '/state/ledger/alice'

		def noise():
		    with open(ledger, 'r+b') as file:
		        file.write(os.urandom(size_of(ledger)))

		c, other = Control().login(), Control().login()
		c.put('f', bytes(1000))
		other.put('g', bytes(300))
		for damage in noise, lambda: os.truncate(ledger, 0), lambda: os.truncate(ledger, 4200):
		    damage()
		    settled(other)
		    damage()
		    c.put('f', bytes(20), 'APPE')
		    settled(other)
		    d = c.open('STOR h')
		    d.sendall(bytes(5000))
		    wait_until(lambda: size_of(path(partial_name('h'))) == 5000)
		    damage()
		    d.close()
		    code, text = c.reply()
		    settled(other)
		    if code != 226:
		        c = Control().login()
		        settled(c)
		    c.put('h', b'')
		    settled(c)
	END
}

@test "after a start of the machine the last figure holds until the home was counted, and nobody waits" {
	ALARM_EXPECTED=1
	serve '1000000 100'
	py <<-END
		$STEPS
		$HOLD
		Control().login().put('f', bytes(5000))
		wait_until(no_session)
		die_in_upload('g', 100)
	END
	wait_until no_session
	# the last writes are lost, as after a power cut
	head -c 100 /dev/zero >"$DIR/home/alice/lost"
	chown --reference="$DIR/home/alice" "$DIR/home/alice/lost"
	: >"$LOG"
	py <<-END
		ledger = os.environ['DIR'] + '/state/ledger/alice'
		with open('/proc/sys/kernel/random/boot_id') as file:
		    boot_id = bytes.fromhex(file.read().strip().replace('-', ''))
		with open(ledger, 'rb') as file:
		    content = file.read()
		at = content.index(boot_id)
		with open(ledger, 'r+b') as file:
		    file.seek(at)
		    file.write(bytes(16))
		    # the checksum of the header
		    check = 0xcbf29ce484222325
		    for byte in b'alice' + content[:at] + bytes(16) + content[at + 16:48]:
		        check = (check ^ byte) * 0x100000001b3 % (1 << 64)
		    file.seek(48)
		    file.write(check.to_bytes(8, 'little'))
	END
	py <<-END
		$STEPS
		$HOLD
		fd = held('g')
		began = time.monotonic()
		c = Control().login()
		c.put('h', bytes(2000))
		assert time.monotonic() - began < 2.5, time.monotonic() - began
		told = used(c)[0]
		assert 7100 <= told[0] and told[1] == 3, told
		os.close(fd)
		settled(c)
	END
	wait_until log_has ' quota-counted '
}

# --- a protocol process that has been taken over ---

@test "the kernel lets protocol write no byte past what was granted" {
	serve '1000000 100'
	py <<-END
		$STEPS
		def limit(pid):
		    with open('/proc/%d/limits' % pid) as file:
		        return next(line.split()[3] for line in file if line.startswith('Max file size'))

		c = Control().login()
		session = Session()
		assert limit(session.protocol) == '0'
		d = c.open('STOR f')
		d.sendall(bytes(300000))
		wait_until(lambda: size_of(path(partial_name('f'))) == 300000)
		assert 300000 <= int(limit(session.protocol)) <= 1000000
		other = Control().login()
		# no other session has what the server granted to this one
		assert used(other)[0][0] == int(limit(session.protocol))
		other.put('g', bytes(1000000), codes=(552,))
		other.ask('DELE g', 250)
		d.sendall(bytes(700000))
		d.close()
		c.expect(226)
		assert limit(session.protocol) == '0'
		check(c, 1000000, 1)
	END
}

@test "a descriptor that protocol does not give back ends the session, and nothing is written with it" {
	ALARM_EXPECTED=1
	serve '1000000 100'
	need_trace
	py <<-END
		$STEPS
		c = Control().login()
		session = Session()
		# close() does nothing
		tracer = session.trace('protocol', '-o', '/dev/null', '-P', path(partial_name('f')), '-e', 'inject=close:retval=0:syscall=getpid')
		c.put('f', bytes(1000), codes=(421,))
		session.wait_until_gone()
		tracer.communicate()
		c = Control().login()
		check(c)
	END
}

@test "while another process changes the home, logins do not wait, changes are refused with the reason, and an upload's end waits" {
	serve '1000000 100'
	py <<-END
		$STEPS
		import fcntl, struct, threading, time
		first = Control().login()
		first.put('f', bytes(10))
		d = first.open('STOR g')
		d.sendall(bytes(100))
		wait_until(lambda: size_of(path(partial_name('g'))) == 100)
		# the lock of the account, which a change holds
		ledger = os.open(os.path.join(os.environ['DIR'], 'state/ledger/alice'), os.O_RDWR)
		def lock(kind):
		    fcntl.fcntl(ledger, 37, struct.pack('hhqqi4x', kind, os.SEEK_SET, 1 << 40, 1, 0))
		lock(fcntl.F_WRLCK)
		began = time.monotonic()
		c = Control().login()
		assert time.monotonic() - began < 2, time.monotonic() - began
		c.send('DELE f')
		code, text = c.reply()
		assert code == 450 and 'counts its files; try again' in text, (code, text)
		c.ask('MKD d', 550)
		c.ask('NOOP', 200)
		assert time.monotonic() - began < 12
		d.close()
		threading.Timer(4, lock, (fcntl.F_UNLCK,)).start()
		first.expect(226)
		c.ask('DELE f', 250)
		check(c, 100, 1)
	END
}

# --- at random ---

@test "a process of the host that has the file of an upload open does not end the session" {
	serve '1000000 100'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(1000))
		writer = os.open(path('f'), os.O_WRONLY)
		c.put('f', bytes(10), command='APPE')
		check(c, 1010, 1)
		os.close(writer)
	END
}

@test "thousands of random commands by several sessions, and random kills: the figure is the count" {
	ALARM_EXPECTED=1
	serve '700000 25' 'limits { sessions-per-user = 100 }'
	local seconds=${QUOTA_SECONDS:-12}
	CTL=$BUILD/sallyportctl CONF=$CONF QUOTA_SECONDS=$seconds PYTHONDONTWRITEBYTECODE=1 timeout "$((seconds + 90))" \
		"$BATS_TEST_DIRNAME/quota-model" "$DIR/home/alice"
	# the kills are alarms, and there are no others
	refute grep -q 'violation=' "$LOG"
}

# model OPTION...: the model with a keep and a shared folder, and these variables.
model()
{
	local seconds=${QUOTA_SECONDS:-12}
	write_config 'limits { sessions-per-user = 100 }'
	add_user alice secret --quota 500000 --quota-files 25 --keep 30d --keep-quota 3M
	ctl folder add team --directory "$DIR/team" --quota 300000
	ctl folder grant team --user alice --at /team
	start_server
	env CTL="$BUILD/sallyportctl" CONF="$CONF" QUOTA_SECONDS="$seconds" QUOTA_KEEP=1 QUOTA_FOLDER="/team:$DIR/team" \
		PYTHONDONTWRITEBYTECODE=1 "$@" timeout "$((seconds + 90))" \
		"$BATS_TEST_DIRNAME/quota-model" "$DIR/home/alice"
}

@test "the same with a keep and a shared folder: three figures are three counts" {
	model QUOTA_KILLS=0
}

@test "the same with a keep, a shared folder and random kills: no figure is less than its count" {
	ALARM_EXPECTED=1
	model
	refute grep -q 'violation=' "$LOG"
}
