#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A home with many files: no session waits for its counts, and their sum has the changes that happen
# meanwhile.
#
# QUOTA_FILES: how many files the home has (default: 50000; "make many-files" takes a million).

load lib

setup()
{
	new_place
	mkdir "$DIR/home/disk"
	mount -t tmpfs -o size=4g,nr_inodes=0,mode=755 none "$DIR/home/disk" 2>/dev/null || skip "a mount is not permitted here"
	write_config 'limits { sessions-per-user = 100 }'
	add_user alice secret --home "$DIR/home/disk/alice" --quota 100G
	rm -rf "$DIR/home/alice"
	ln -s disk/alice "$DIR/home/alice"
	chmod 755 "$DIR" "$DIR/home"
	start_server
	export CTL=$BUILD/sallyportctl
	QUOTA_FILES=${QUOTA_FILES:-50000} LIMIT=300 py <<-END
		# half of the files are in one directory, half in many
		files = int(os.environ['QUOTA_FILES'])
		uid = os.stat(HOME_DIR).st_uid
		os.setegid(uid)
		os.seteuid(uid)
		def fill(name, n):
		    os.makedirs(os.path.join(HOME_DIR, name))
		    fd = os.open(os.path.join(HOME_DIR, name), os.O_RDONLY)
		    for i in range(n):
		        os.mknod('f%d' % i, 0o100644, dir_fd=fd)
		    os.close(fd)
		fill('flat', files // 2)
		for i in range(100):
		    fill('deep/d%d' % i, files // 200)
	END
}

teardown()
{
	stop_server || :
	umount "$DIR/home/disk" 2>/dev/null || :
	end_place
}

MEASURE='
def measured(times, what):
    began = time.monotonic()
    result = what()
    times.append(time.monotonic() - began)
    return result

def session(times, i):
    """A login, an upload and some changes; each of the times is that of one of them."""
    c = measured(times, lambda: Control().login())
    measured(times, lambda: c.put("flat/n%d" % i, bytes(1000)))
    measured(times, lambda: c.put("flat/f%d" % i, bytes(10)))
    measured(times, lambda: c.ask("DELE deep/d%d/f0" % (i % 100), 250, 550))
    c.ask("RNFR deep/d%d" % (i % 100), 350, 550)
    measured(times, lambda: c.ask("RNTO flat/d%d" % (i % 100), 250, 503))
    measured(times, lambda: c.ask("MKD deep/m%d" % i, 257))
    return c

def errands():
    return [pid for pid in children(int(os.environ["SERVER_PID"])) if is_errand(pid)]

def beside_a_count(first):
    """Sessions until no count runs any more; the figure is right then. Returns their times."""
    times = []
    i = first
    while i == first or errands():
        session(times, i).close()
        i += 1
    c = Control().login()
    right = count(HOME_DIR)
    wait_until(lambda: used(c)[0] == right, "the right figure")
    return times, i

def told(what, times):
    times = sorted(times)
    print("%s: %d commands, median %.1f ms, 9 of 10 within %.1f ms, longest %.1f ms" % (what, len(times),
          1000 * times[len(times) // 2], 1000 * times[len(times) * 9 // 10], 1000 * times[-1]), file=sys.stderr)
    return times[len(times) * 9 // 10]
'

@test "sessions beside the count of a home with many files: none waits for it, and the figure is right" {
	ALARM_EXPECTED=1
	ctl quota recount alice >&2
	LIMIT=300 py <<-END
		$MEASURE
		quiet = []
		for i in range(30):
		    session(quiet, i).close()
		quiet = told('no count', quiet)
		# the test kills a session in the middle of an upload
		c = Control().login()
		d = c.open('STOR flat/killed')
		d.sendall(bytes(300000))
		killed = os.path.join(HOME_DIR, 'flat', partial_name('killed'))
		wait_until(lambda: size_of(killed) == 300000)
		victim = Session()
		victim.kill('monitor', 'protocol', 'files')
		victim.wait_until_gone()
		beside, i = beside_a_count(100)
		assert told('a killed session', beside) <= quiet + 0.1
		d.close()
	END
	[ "$(grep -c ' quota-counted ' "$LOG")" -ge 1 ]
}

@test "the administrator counts a home with many files, and its sessions go on" {
	LIMIT=300 py <<-END
		$MEASURE
		import subprocess
		command = [os.environ['CTL'], '-c', os.environ['CONF'], 'quota', 'recount', 'alice']
		subprocess.run(command, check=True)
		quiet, beside = [], []
		for i in range(30):
		    session(quiet, i).close()
		quiet = told('no count', quiet)
		i = 200
		for _ in range(3):
		    ctl = subprocess.Popen(command, stdout=subprocess.DEVNULL)
		    while ctl.poll() is None:
		        session(beside, i).close()
		        i += 1
		    assert ctl.returncode == 0
		    c = Control().login()
		    assert used(c)[0] == count(HOME_DIR), (used(c)[0], count(HOME_DIR))
		    c.close()
		assert told('sallyportctl quota recount', beside) <= quiet + 0.1
	END
}

# Counts that are stopped in mid-walk take as long as the test likes.
STOP='
import json, subprocess

def ctl(*words, **given):
    return subprocess.run([os.environ["CTL"], "-c", os.environ["CONF"], *words], text=True, capture_output=True, **given)

def shown(name):
    return json.loads(ctl("--json", "quota", "show", name, check=True).stdout)

def ledger(name):
    return os.path.join(os.environ["DIR"], "state", "ledger", name)

def walker_of(errand):
    """Its child that walks the home, behind its walls."""
    return next((pid for pid in children(errand) if status(pid, "Seccomp") == "2"), None)

def stop_walker(known):
    """Stop the next count in its walk; None: all were too quick."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for errand in errands():
            pid = walker_of(errand) if errand not in known else None
            if pid:
                os.kill(pid, signal.SIGSTOP)
                if walker_of(errand) == pid and status(pid, "State").startswith("T"):
                    return errand, pid
    return None

def set_quota(name, stopped):
    """The account gets its first quota, and the count of its home is stopped. Returns what the command said."""
    for _ in range(20):
        command = subprocess.Popen([os.environ["CTL"], "-c", os.environ["CONF"], "user", "set", name, "--quota", "100G"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        found = stop_walker([errand for errand, _ in stopped])
        out, _ = command.communicate(timeout=30)
        if found:
            stopped.append(found)
            return out
        ctl("user", "set", name, "--quota", "none", check=True)
        os.unlink(ledger(name))
    raise Exception("each count was too quick")

def go_on(stopped):
    for _, pid in stopped:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
'

@test "a first quota: the count begins at once, uploads are 450 until it has ended, and everybody is told" {
	LIMIT=300 py <<-END
		$MEASURE
		$STOP
		ctl('user', 'set', 'alice', '--quota', 'none', check=True)
		Control().login().close()
		wait_until(lambda: not os.path.exists(ledger('alice')))
		stopped = []
		out = set_quota('alice', stopped)    # nobody has logged in since
		assert "the server counts the home of 'alice'" in out and '450' in out, out
		out = ctl('quota', 'show', 'alice', check=True).stdout
		met = re.search(r'counting, (\d+) files so far; until that has ended uploads are refused', out)
		assert met and re.search(r'alice +\? ', out), out
		told = shown('alice')
		assert told['figure'] == 'unknown' and told['bytes'] is None and told['counted_files'] == int(met[1]), told
		c = Control().login()
		for longest in 5, 1, 1:
		    began = time.monotonic()
		    text = c.put('new', bytes(10), codes=(450,))
		    assert 'is being counted for its quota, which ends by itself' in text, text
		    assert time.monotonic() - began < longest, time.monotonic() - began
		assert 'is being counted' in c.ask('SITE QUOTA', 450)
		c.ask('DELE flat/f1', 250)           # what adds nothing does not wait
		began = time.monotonic()
		failed = ctl('quota', 'recount', '--wait', '1', 'alice')
		assert failed.returncode == 1 and time.monotonic() - began < 10
		assert re.search(r"'alice' is being counted .* \d+ files so far; that has not ended within 1s;", failed.stderr), failed.stderr
		go_on(stopped)
		wait_until(lambda: shown('alice')['figure'] == 'exact')
		c.put('new', bytes(10))
		assert used(c) == (count(HOME_DIR), (100 << 30, 1 << 63)), used(c)
	END
	run ctl quota recount --wait soon alice
	assert_failure 2
	assert_output --partial "'soon' is not a time for --wait"
}

@test "homes whose counts take long do not keep a small home from its count, and are counted all" {
	for i in 1 2 3 4 5 6 7 8; do
		add_user "large$i" secret --home "$DIR/home/disk/large$i"
	done
	add_user small secret
	LIMIT=300 py <<-END
		$MEASURE
		$STOP
		names = ['large%d' % i for i in range(1, 9)]
		for name in names:
		    home = os.path.join(os.environ['DIR'], 'home', 'disk', name)
		    fd = os.open(home, os.O_RDONLY)
		    for i in range(20000):
		        os.mknod('f%d' % i, 0o100644, dir_fd=fd)
		    os.close(fd)
		stopped = []
		for name in names:
		    set_quota(name, stopped)
		began = time.monotonic()
		ctl('user', 'set', 'small', '--quota', '1G', check=True)
		# by the server: 'quota show' would count by itself
		def counted(name):
		    with open(os.environ['LOG']) as log:
		        return any(' quota-counted ' in line and 'user="%s"' % name in line for line in log)
		wait_until(lambda: counted('small'))
		assert time.monotonic() - began < 15, time.monotonic() - began
		# one has given way
		assert sum(bool(walker_of(errand)) for errand, _ in stopped) == 7
		assert not any(counted(name) for name in names)
		go_on(stopped)
		wait_until(lambda: all(counted(name) for name in names))
		for name in names:
		    told = shown(name)
		    assert told['figure'] == 'exact' and told['files'] == 20000, told
	END
}
