#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Rates of an account: its sessions share them, they are smooth, and waiting costs no processor time.

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
}

teardown()
{
	end_place
}

# serve OPTION...: an account with these rates, over TLS and in clear.
serve()
{
	write_tls_config tls='require = no' 'upload-sync = no'
	use_leaf server
	add_user alice secret "$@"
	start_server
	find_tls_ports
}

# Steps that several tests share. They print ratios of the measured rate to the wanted one; a busy machine gets a
# second try.
STEPS='
import sys, threading, time
import ftp

RATE = 2000000
SECONDS = 2.0

def processor(pids):
    """Seconds of processor time."""
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid) as file:
                words = file.read().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            continue
        total += (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return total

def session_processes():
    return [pid for monitor in ftp.children(int(os.environ["SERVER_PID"])) for pid in [monitor] + ftp.children(monitor)
            if ftp.children(monitor)]

def down(c):
    """Bytes that come in SECONDS, behind a moment for buffers to fill, and their largest gap."""
    d = c.open("RETR big")
    start = time.monotonic() + 0.5
    got, last, gap = 0, None, 0
    while True:
        piece = d.recv(65536)
        now = time.monotonic()
        if now < start:
            continue
        if now > start + SECONDS:
            break
        got += len(piece)
        gap = max(gap, now - (last or now))
        last = now
    d.close()
    return got, gap

def up(c, name):
    """Bytes that the server stores in SECONDS."""
    d = c.open("STOR " + name)
    path = os.path.join(HOME_DIR, ftp.partial_name(name))
    stop = threading.Event()

    def feed():
        try:
            while not stop.is_set():
                d.sendall(bytes(65536))
        except OSError:
            pass
    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    ftp.wait_until(lambda: (ftp.size_of(path) or 0) > 0)
    time.sleep(0.5)
    before = ftp.size_of(path)
    time.sleep(SECONDS)
    got = ftp.size_of(path) - before
    stop.set()
    d.close()
    return got, 0

def together(jobs):
    results = [None] * len(jobs)
    def run(i):
        results[i] = jobs[i]()
    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(jobs))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results

def measure(what, jobs, tolerance=0.05):
    """All jobs together have the rate, each a fair part of it."""
    for attempt in range(2):
        ready = jobs()
        pids = session_processes()
        assert len(pids) >= 3 * len(ready), pids
        before, started = processor(pids), time.monotonic()
        results = together(ready)
        used = (processor(pids) - before) / (time.monotonic() - started)
        ratio = sum(got for got, _ in results) / SECONDS / RATE
        shares = [got / max(1, sum(got for got, _ in results)) for got, _ in results]
        gap = max(gap for _, gap in results)
        print("%s: ratio %.3f, shares %s, longest gap %.3f s, processor %.1f %%" % (
            what, ratio, ["%.2f" % share for share in shares], gap, used * 100))
        if abs(ratio - 1) <= tolerance and min(shares) > 0.7 / len(shares) and gap < 0.5 and used < 0.1:
            return
    raise AssertionError(what)
'

big_file()
{
	truncate -s 200M "$DIR/home/alice/big"
	chown --reference="$DIR/home/alice" "$DIR/home/alice/big"
}

@test "rate-down: one session has it, two share it, and what waits costs no processor time" {
	serve --rate-down 2000000
	big_file
	py <<-END
		$STEPS
		measure('one, down', lambda: [lambda c=Control().login(): down(c)])
		measure('two, down', lambda: [lambda c=Control().login(): down(c) for _ in range(2)])
		# the other direction has no limit
		c, started = Control().login(), time.monotonic()
		c.put('fast', bytes(20000000))
		assert time.monotonic() - started < 5
	END
}

@test "rate-up: one session has it, two share it" {
	serve --rate-up 2000000
	py <<-END
		$STEPS
		measure('one, up', lambda: [lambda c=Control().login(): up(c, 'a')])
		measure('two, up', lambda: [lambda c=Control().login(), i=i: up(c, 'b%d' % i) for i in range(2)])
	END
}

@test "rates over TLS: down and up at once, each with its own" {
	serve --rate-down 2000000 --rate-up 2000000
	big_file
	export HOME_DIR=$DIR/home/alice
	ftps <<-END
		HOME_DIR = os.environ['HOME_DIR']
		$STEPS
		measure('TLS, down', lambda: [lambda c=Control().login(): down(c) for _ in range(2)])
		measure('TLS, up', lambda: [lambda c=Control().login(), i=i: up(c, 'a%d' % i) for i in range(2)])
	END
}

@test "the rate of one account is none of another's" {
	serve --rate-down 1000000
	add_user bob secret
	big_file
	cp --sparse=always "$DIR/home/alice/big" "$DIR/home/bob/big"
	chown --reference="$DIR/home/bob" "$DIR/home/bob/big"
	py <<-END
		$STEPS
		c = Control().login()
		d = c.open('RETR big')
		started = time.monotonic()
		other = Control().login('bob')
		assert len(other.get('big')) == 200 << 20
		assert time.monotonic() - started < 10
	END
}

@test "a transfer that waits for its turn is aborted at once" {
	serve --rate-down 1K
	big_file
	py <<-END
		$STEPS
		c = Control().login()
		d = c.open('RETR big')
		d.recv(1)
		started = time.monotonic()
		c.ask('ABOR', 426)
		c.expect(226)
		assert time.monotonic() - started < 1
	END
}
