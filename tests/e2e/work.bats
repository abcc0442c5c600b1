#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Long work of one account: a bounded number at once, at low priority, without an effect on other accounts.

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
	write_config 'limits { sessions-per-user = 20 concurrent-work = 2 work-per-user = 1 }' "$@"
	add_user alice secret
	add_user bob secret
	add_user carol secret
	start_server
}

STEPS='
import time

def huge(user, name="huge", size=200 << 30):
    home = os.path.join(os.environ["DIR"], "home", user)
    with open(os.path.join(home, name), "wb") as file:
        file.truncate(size)
    st = os.stat(home)
    os.chown(os.path.join(home, name), st.st_uid, st.st_gid)

def files_of(user):
    """The files processes of an account."""
    uid = os.stat(os.path.join(os.environ["DIR"], "home", user)).st_uid
    found = []
    for monitor in children(int(os.environ["SERVER_PID"])):
        for pid in children(monitor):
            try:
                if os.stat("/proc/%d" % pid).st_uid in (uid, 0) and "\nUid:\t%d\t" % uid in open("/proc/%d/status" % pid).read():
                    found.append(pid)
            except OSError:
                pass
    return found

def idle(user):
    """Those of them that have a turn: they work at low priority."""
    return [pid for pid in files_of(user) if os.sched_getscheduler(pid) == os.SCHED_IDLE]

def begin(user, command):
    c = Control().login(user)
    c.send(command)
    return c

def abort(c):
    """How long ABOR takes to end what runs, or waits."""
    began = time.monotonic()
    c.send("ABOR")
    c.expect(426, 450, 451)
    c.expect(226, 225)
    return time.monotonic() - began
'

@test "an account has one turn, the server as many as it is told; the rest wait, and ABOR ends either at once" {
	serve
	py <<-END
		$STEPS
		for user in 'alice', 'bob', 'carol':
		    huge(user)
		sessions = [begin('alice', 'HASH huge') for _ in range(4)]
		wait_until(lambda: idle('alice'), 'a turn')
		seen = set()
		end = time.monotonic() + 6
		while time.monotonic() < end:
		    now = idle('alice')
		    assert len(now) <= 1, now
		    seen.update(now)
		    time.sleep(0.02)
		assert len(seen) >= 3, seen     # in rounds: each has its turn
		others = [begin('bob', 'HASH huge'), begin('carol', 'HASH huge')]
		wait_until(lambda: idle('bob') and idle('carol') or idle('bob') and idle('alice') or idle('carol') and idle('alice'), 'two turns')
		end = time.monotonic() + 3
		while time.monotonic() < end:
		    working = [idle(user) for user in ('alice', 'bob', 'carol')]
		    assert all(len(w) <= 1 for w in working) and sum(map(len, working)) <= 2, working
		    time.sleep(0.02)
		for c in sessions + others:
		    took = abort(c)
		    assert took < 2, took
		    c.ask('NOOP', 200)
		wait_until(lambda: not idle('alice') + idle('bob') + idle('carol'), 'normal priority again')
	END
}

@test "work that is soon done asks for nothing, whoever works" {
	serve
	py <<-END
		$STEPS
		huge('alice')
		huge('bob', 'small', 4096)
		long = [begin('alice', 'HASH huge') for _ in range(3)]
		wait_until(lambda: idle('alice'), 'a turn')
		c = Control().login('bob')
		for _ in range(20):
		    c.ask('HASH small', 213)
		    assert not idle('bob')
		for l in long:
		    abort(l)
	END
}

@test "the client goes, or its session is killed, while it works or waits: the turn is free" {
	ALARM_EXPECTED=1
	serve
	py <<-END
		$STEPS
		huge('alice')
		third = begin('alice', 'HASH huge')
		wait_until(lambda: len(files_of('alice')) == 1, 'its files process')
		pid, = files_of('alice')
		first, second = begin('alice', 'HASH huge'), begin('alice', 'HASH huge')
		wait_until(lambda: idle('alice') and idle('alice') != [pid], 'a turn of another')
		first.close()
		second.close()
		wait_until(lambda: files_of('alice') == [pid], 'their end')
		wait_until(lambda: idle('alice') == [pid], 'the turn of the third')
		os.kill(pid, 9)
		wait_until(lambda: is_gone(pid) and not files_of('alice'), 'its end')
		fourth = begin('alice', 'HASH huge')
		wait_until(lambda: idle('alice'), 'the turn of the fourth')
		abort(fourth)
	END
}

@test "a copy, a tree and their quota: each gets through beside work that does not end" {
	serve
	ctl user set alice --quota 1G --quota-files 50000
	LIMIT=180 py <<-END    # long work has the time that others leave
		$STEPS
		home = os.path.join(os.environ['DIR'], 'home', 'alice')
		huge('alice', 'huge', 900 << 20)
		c = Control().login('alice')
		for i in range(40):
		    c.ask('MKD t%d' % i, 257)
		st = os.stat(home)
		for i in range(40):
		    for k in range(300):
		        name = os.path.join(home, 't%d' % i, 'f%d' % k)
		        open(name, 'w').close()
		        os.chown(name, st.st_uid, st.st_gid)
		long = [begin('alice', 'HASH huge') for _ in range(2)]
		for i in range(40):
		    c.ask('RMDA t%d' % i, 250)
		c.ask('MKD end', 257)
		for l in long:
		    l.close()
	END
}

@test "a recount runs at low priority" {
	serve
	command -v strace >/dev/null || skip "strace is not installed"
	ctl user set alice --quota 1G
	run strace -f -e trace=setpriority -o "$DIR/calls" "$BUILD/sallyportctl" -c "$CONF" quota recount alice
	[ -s "$DIR/calls" ] || skip "strace may not trace here: $output"
	assert_success
	grep -q 'setpriority(PRIO_PROCESS, 0, 19) *= 0' "$DIR/calls"
}
