# SPDX-License-Identifier: ISC
"""An FTP client with every step in the hands of the test, and a look at the server's processes.

    c = Control().login()              USER, PASS, TYPE I; Control(source='127.0.0.2') from another address
    c.ask('NOOP', 200)                 send a line, expect this code; returns the reply's text
    d = c.open('RETR name')            EPSV, the command, 150; the data connection
    c.put('name', b'...', 'APPE')      a whole upload; returns the reply's text
    c.get('name')
    Session().kill('files')            the only session of the server SERVER_PID
    with Failing('files', 'fsync', 'EIO'):   what goes wrong meanwhile, by strace
    used(c) == count(home)             what SITE QUOTA tells, and what find would

Names the server by HOST and PORT of the environment. Every wait ends after 20 seconds.
"""

import contextlib
import hashlib
import os
import re
import signal
import socket
import stat
import subprocess
import time

HOST = "127.0.0.1"
PORT = int(os.environ["PORT"])
WAIT_S = 20


class Unexpected(Exception):
    pass


class Control:
    def __init__(self, port=None, source=None):
        self.source = (source, 0) if source else None
        self.socket = socket.create_connection((HOST, port or PORT), WAIT_S, self.source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def greet(self):
        self.expect(220)
        return self

    def raw(self, data):
        self.socket.sendall(data)

    def send(self, line):
        self.raw(line.encode() + b"\r\n")

    def line(self):
        while b"\n" not in self.left:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError("the connection ended; so far %r" % self.left)
            self.left += piece
        line, self.left = self.left.split(b"\n", 1)
        return line.decode().rstrip("\r")

    def reply(self):
        lines = [self.line()]
        while not re.match(re.escape(lines[0][:3]) + " ", lines[-1]):
            lines.append(self.line())
        return int(lines[0][:3]), "\n".join(lines)

    def expect(self, *codes):
        got, text = self.reply()
        if got not in codes:
            raise Unexpected("expected %s, got: %s" % (" or ".join(map(str, codes)), text))
        return text

    def ask(self, line, *codes):
        self.send(line)
        return self.expect(*codes)

    def size(self, name):
        return int(self.ask("SIZE " + name, 213)[4:])

    def login(self, user="alice", password="secret"):
        self.greet()
        self.ask("USER " + user, 331)
        self.ask("PASS " + password, 230)
        self.ask("TYPE I", 200)
        return self

    def connect(self):
        port = re.search(r"\|\|\|(\d+)\|", self.ask("EPSV", 229))[1]
        return socket.create_connection((HOST, int(port)), WAIT_S, self.source)

    def open(self, command):
        connection = self.connect()
        self.ask(command, 150)
        return connection

    def put(self, name, data, command="STOR", at=None, codes=(226,)):
        if at is not None:
            self.ask("REST %d" % at, 350)
        connection = self.connect()
        self.send(command + " " + name)
        code, text = self.reply()
        if code in codes:
            return text  # refused before the first byte
        if code != 150:
            raise Unexpected("expected 150 or %s, got: %s" % (codes, text))
        send_all(connection, data)
        connection.close()
        return self.expect(*codes)

    def get(self, name, command="RETR"):
        with self.open((command + " " + name).strip()) as connection:
            data = receive(connection)
        self.expect(226)
        return data

    def list(self, command):
        """What a command sends; nothing where it is refused."""
        connection = self.connect()
        self.send(command)
        if self.reply()[0] != 150:
            return b""
        with connection:
            data = receive(connection)
        self.expect(226)
        return data

    def names(self):
        return self.get("", "NLST").decode().split("\r\n")[:-1]

    def close(self):
        self.socket.close()


def send_all(connection, data):
    """What the server takes; it may end the connection before."""
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def receive(connection):
    parts = []
    while piece := connection.recv(1 << 18):
        parts.append(piece)
    return b"".join(parts)


def wait_until(is_true, what="something", seconds=WAIT_S):
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError("%s did not come true in %d seconds" % (what, seconds))
        time.sleep(0.005)


def partial_name(name):
    return ".sallyport-%s.partial" % hashlib.sha256(name.encode()).hexdigest()[:32]


def size_of(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def count(home):
    """Bytes of regular files and names, as find counts them; the home itself is none, and what is kept counts not."""
    size = files = 0
    for place, directories, names in os.walk(home):
        if place == home and ".sallyport-keep" in directories:
            directories.remove(".sallyport-keep")
        files += len(directories) + len(names)
        for name in names:
            st = os.lstat(os.path.join(place, name))
            if stat.S_ISREG(st.st_mode):
                size += st.st_size
    return size, files


def used(c):
    """What SITE QUOTA tells: bytes, files, and their limits."""
    found = re.findall(r"(\d+)(?: of (\d+))? (?:bytes|files) used", c.ask("SITE QUOTA", 200))
    return tuple(int(a) for a, _ in found), tuple(int(b) if b else 1 << 63 for _, b in found)


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            return [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def status(pid, field):
    try:
        with open("/proc/%d/status" % pid) as file:
            return next((line.split(None, 1)[1].strip() for line in file if line.startswith(field + ":")), "")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_gone(pid):
    return status(pid, "State")[:1] in ("", "Z")


def no_session():
    return not any(children(pid) for pid in children(int(os.environ["SERVER_PID"])) if not is_errand(pid))


def is_errand(pid):
    """A short-lived process of the master, as the one that has a home counted."""
    try:
        with open("/proc/%d/comm" % pid) as file:
            return file.read() == "sallyport-task\n"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Session:
    """The processes of the only session that has logged in."""

    def __init__(self):
        import pwd

        service = str(pwd.getpwnam("sallyport").pw_uid)
        self.master = int(os.environ["SERVER_PID"])
        self.monitor = next(pid for pid in children(self.master) if children(pid) and not is_errand(pid))
        pids = children(self.monitor)
        self.protocol = next(pid for pid in pids if status(pid, "Uid").split()[0] == service)
        self.files = next(pid for pid in pids if pid != self.protocol)

    def kill(self, *kinds):
        # stopped first: none settles anything because another one is gone
        for number in signal.SIGSTOP, signal.SIGKILL:
            for kind in kinds:
                with contextlib.suppress(ProcessLookupError):  # ended by the end of its parent
                    os.kill(getattr(self, kind), number)

    def trace(self, kind, *options):
        """strace of this process from now on."""
        pid = getattr(self, kind)
        tracer = subprocess.Popen(["strace", *options, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
        said = tracer.stderr.readline()
        if "attached" not in said:
            raise PermissionError(said)
        return tracer

    def wait_until_gone(self):
        wait_until(lambda: all(is_gone(pid) for pid in (self.monitor, self.protocol, self.files)), "the session's end")


def kib(path, key):
    with open(path) as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key + ":"))


def sessions_kib():
    """The mean session that has logged in, in KiB: pages of its own that it wrote to, and page tables."""
    monitors = [pid for pid in children(int(os.environ["SERVER_PID"])) if len(children(pid)) == 2]
    pids = [pid for monitor in monitors for pid in [monitor] + children(monitor)]
    pages = sum(kib(f"/proc/{pid}/smaps_rollup", "Private_Dirty") for pid in pids)
    tables = sum(kib(f"/proc/{pid}/status", "VmPTE") for pid in pids)
    return pages // len(monitors), tables // len(monitors)


class Failing:
    """While it lasts, the nth of these system calls of a process fails; with path, of those on this file alone."""

    def __init__(self, kind, calls, error, nth=1, path=None):
        # a call that does nothing takes its place: the call that strace would use is in no filter
        inject = "inject=%s:error=%s:syscall=getpid:when=%d" % (calls, error, nth)
        only = ["-P", path] if path else []
        self.tracer = Session().trace(kind, "-o", "/dev/null", *only, "-e", inject)

    def __enter__(self):
        pass

    def __exit__(self, *_):
        self.tracer.terminate()
        self.tracer.communicate()
