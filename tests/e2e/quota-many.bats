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
	CTL=$BUILD/sallyportctl LIMIT=300 py <<-END
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
