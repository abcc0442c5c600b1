# SPDX-License-Identifier: ISC
"""Sessions whose processes are taken over (tests/takeover); the server is the variant takeover.

    t = Taken().login()                from an address of its own, since an alarm counts against it
    t.act('listen')                    in protocol, also before the login; what it reports
    t.files('call openat ...')         in files
    t.monitor('call kill ...')         in the monitor, after the login; waits for its record
    stops('protocol', 'call socket 2 1 0')    in a session of its own: a filter ends the process, and an alarm says so
"""

import concurrent.futures
import itertools
import os
import re
import socket
import threading
import time

from ftp import Control, Unexpected, children, is_gone, receive, status, wait_until

LOG = os.environ["LOG"]
HOME_DIR = os.environ["DIR"] + "/home"
SERVER_PID = int(os.environ["SERVER_PID"])
AT_ONCE = 6

_next = itertools.count(1)
_lock = threading.Lock()


def new_address():
    """One that no session came from yet."""
    with _lock:
        n = next(_next)
    return "127.%d.%d.%d" % (100 + n // 62500, n // 250 % 250 + 1, n % 250 + 1)


def log():
    with open(LOG, errors="surrogateescape") as file:
        return file.read()


class Ended(Exception):
    """The session was ended by an act."""


class Taken(Control):
    def __init__(self):
        self.address = new_address()
        super().__init__(source=self.address)
        self.is_in = False

    def login(self, user="alice", password="secret"):
        super().login(user, password)
        self.is_in = True
        return self

    def act(self, line):
        try:
            return self.ask("SITE TAKEOVER " + line, 200)
        except (EOFError, ConnectionError, Unexpected) as error:
            if isinstance(error, Unexpected) and "got: 421" not in str(error):
                raise
            raise Ended(line) from error

    def say(self, line):
        """An act that stays: its first line."""
        self.send("SITE TAKEOVER " + line)
        return self.line()

    def files(self, line):
        try:
            return self.ask("MLST /TAKEOVER " + line, 250)
        except (EOFError, ConnectionError, Unexpected) as error:
            if isinstance(error, Unexpected) and "got: 421" not in str(error):
                raise
            raise Ended(line) from error

    def monitor(self, line):
        before = len(self.reports())
        self.act("noted 3 TAKEOVER " + line)
        wait_until(lambda: len(self.reports()) > before or self.is_over(), "a report of the monitor")
        if len(self.reports()) == before:
            raise Ended(line)
        return self.reports()[-1]

    def records(self, event):
        """The records of this session's address with an event."""
        return [line for line in log().splitlines() if " %s " % event in line and " address=%s " % self.address in line]

    def reports(self):
        """What its monitor wrote into the log."""
        return [line for line in self.records("data-failed") if ' takeover="' in line]

    def alarms(self):
        """All of the session; the master has its id alone, and the address stands in what it says of the end."""
        found = re.search(r"connect session=(\w+) address=%s " % re.escape(self.address), log())
        return [line for line in log().splitlines() if found and ": critical alarm " in line and found[1] in line]

    def is_over(self):
        return any(self.records("disconnect")) or any('died="monitor"' in line for line in self.alarms())


def expect(condition, *said):
    if not condition:
        raise AssertionError(" ".join(map(str, said)))


def stops(process, line, is_in=True, user="alice"):
    """A filter ends the process at the call of the line, and the log has an alarm with its name."""
    call = line.split()[1] if line.startswith("call ") else line.split()[0]
    t = Taken()
    if is_in:
        t.login(user)
    else:
        t.greet()
    try:
        said = {"protocol": t.act, "files": t.files, "monitor": t.monitor}[process](line)
    except Ended:
        pass
    else:
        raise AssertionError("%s goes on after '%s': %s" % (process, line, said))
    finally:
        t.close()
    want = re.compile(r'died="%s" .*stopped_at="%s"' % (process, call))
    wait_until(lambda: any(want.search(a) for a in t.alarms()), "an alarm of %s for '%s' from %s" % (process, line, t.address))


def all_of(function, rows):
    """Some at once; the first error is raised, with all of them told."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        errors = [f.exception() for f in [pool.submit(function, row) for row in rows]]
    errors = [error for error in errors if error is not None]
    for error in errors:
        print("# %s: %s" % (type(error).__name__, error))
    if errors:
        raise errors[0]


class Bystander:
    """A session of somebody else, in use all the time; its transfers must go on."""

    def __init__(self, user="bob"):
        self.control = Control(source="127.0.0.9").login(user, "secret")
        self.count = 0

    def works(self):
        self.count += 1
        name = "b%d" % self.count
        self.control.put(name, b"bytes of bob")
        expect(self.control.get(name) == b"bytes of bob", "what bob stored came back otherwise")


def can_log_in(user="bob", limit_s=10):
    began = time.monotonic()
    c = Control(source="127.0.0.8").login(user, "secret")
    c.connect().close()
    c.close()
    took = time.monotonic() - began
    expect(took < limit_s, "a login of %s took %.1f s" % (user, took))


def crashes():
    """Deaths by a signal that is no filter's and no kill: the log's lines."""
    return [line for line in log().splitlines() if ": critical alarm " in line and re.search(r" signal=(?!9\b|31\b)", line)]


def sweep(send, start, count):
    """Send the numbered messages, each; a session that one ends is followed by another. Returns how many ended one."""
    ended = []

    def is_taken(t, number):
        try:
            return "the channel ended" not in send(t, number)
        except (Ended, EOFError, ConnectionError):
            return False

    def work(part):
        t, is_fresh = start(), True
        for number in range(part, count, AT_ONCE):
            goes_on = is_taken(t, number)
            if not goes_on and not is_fresh:  # was it this one, or one before?
                t.close()
                t = start()
                goes_on = is_taken(t, number)
            is_fresh = False
            if not goes_on:
                ended.append(number)
                t.close()
                t, is_fresh = start(), True
        t.close()

    all_of(work, range(AT_ONCE))
    return len(ended)


def count_of(text):
    return int(re.search(r"count: (\d+)", text)[1])


def listening():
    """Sockets of TCP that listen, on the whole machine."""
    with open("/proc/net/tcp") as file:
        return sum(line.split()[3] == "0A" for line in file)


class Service:
    """Listens where no client of the test is, and notes who comes."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.77", 0))
        self.socket.settimeout(0.5)
        self.port = self.socket.getsockname()[1]
        self.target = "in:127.0.0.77:%d" % self.port

    def expect_nobody(self):
        try:
            _, who = self.socket.accept()
        except TimeoutError:
            return
        raise AssertionError("%s came to a service that it was not to reach" % (who,))
