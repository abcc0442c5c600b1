# SPDX-License-Identifier: ISC
"""Two servers that share homes and accounts: sessions at either, and what is in the home of dora.

    c = dora("a")              a session at node a, logged in
    size(), files()            what is in the home, as the quota counts it
    race([(node, name, n)])    so many uploads at once; their reply codes, in that order
"""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time

from ftp import *

HOME = os.environ["DIR"] + "/home/dora"
KILLED = (ConnectionError, BrokenPipeError, TimeoutError, OSError, EOFError)


def port_of(node):
    return int(os.environ["PORT_" + node])


def dora(node):
    return Control(port=port_of(node)).login("dora", "secret")


def size():
    return count(HOME)[0]


def files():
    return count(HOME)[1]


def code_of(control, node, name, data):
    """The code that an upload ends with; refused or not."""
    control.send("EPSV")
    code, text = control.reply()
    if code != 229:
        return code
    data_port = int(re.search(r"\|\|\|(\d+)\|", text)[1])
    with socket.create_connection((HOST, data_port), WAIT_S) as connection:
        control.send("STOR " + name)
        code = control.reply()[0]
        if code != 150:
            return code
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
    return control.reply()[0]


def race(uploads):
    controls = [dora(node) for node, _, _ in uploads]
    answers = [None] * len(uploads)
    begin = threading.Barrier(len(uploads))

    def one(i):
        node, name, length = uploads[i]
        begin.wait()
        answers[i] = code_of(controls[i], node, name, b"x" * length)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(uploads))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def fill(node, length):
    c = dora(node)
    c.put("filler", b"f" * length)
    c.ask("QUIT", 221)


# --- what dies ---


def master(node):
    with open("%s/%s/run/sallyportd.pid" % (os.environ["DIR"], node)) as file:
        return int(file.read())


def program(pid):
    try:
        return os.path.basename(os.readlink("/proc/%d/exe" % pid))
    except OSError:
        return ""


def broker(node):
    found = [pid for pid in children(master(node)) if program(pid) == "sallyport-broker"]
    return found[0] if found else 0


def monitors(node):
    """The monitors of sessions: each leads a group of its own."""
    return [pid for pid in children(master(node)) if program(pid) == "sallyportd" and children(pid)]


def send_signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_session(node, draw):
    found = monitors(node)
    if found:
        kill_group(draw.choice(found))


def kill_broker(node):
    pid = broker(node)
    if pid:
        send_signal(pid, signal.SIGKILL)


def descendants(pid):
    below = children(pid)
    return below + [p for child in below for p in descendants(child)]


def kill_node(node):
    """The server with all its processes, as a machine does that loses power but keeps its clock."""
    top = master(node)
    for pid in [top] + descendants(top):
        send_signal(pid, signal.SIGKILL)
    wait_until(lambda: is_gone(top), "the end of node " + node)


def start_node(node):
    """The same server again, on the same port."""
    place = os.environ["DIR"] + "/" + node
    with open(place + "/sallyport.conf") as file:
        text = file.read()
    with open(place + "/sallyport.conf", "w") as file:
        file.write(text.replace('"127.0.0.1:0"', '"127.0.0.1:%d"' % port_of(node)))
    with open(place + "/stderr", "a") as out:
        subprocess.Popen([os.environ["BUILD"] + "/sallyportd", "-f", "-c", place + "/sallyport.conf"],
                         stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    wait_until(lambda: can_log_in(node), "node %s to serve" % node)


def can_log_in(node):
    try:
        dora(node).ask("QUIT", 221)
        return True
    except (Unexpected, *KILLED):
        return False


def sql(text):
    run = subprocess.run(["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", os.environ["STORE_SOCKETS"], "-p",
                          os.environ["STORE_PORT"], "-U", "postgres", "-d", "sallyport", "-c", text],
                         check=True, capture_output=True, text=True, timeout=30)
    return run.stdout.strip()


def exact(quota):
    """In the end: the figure is that of the home, and one session gets the last byte of the quota, and no more."""
    wait_until(lambda: not monitors("a") and not monitors("b"), "the end of all sessions")
    c = dora("a")
    for name in os.listdir(HOME):
        if not name.startswith("."):
            c.ask("DELE " + name, 250)
    c.ask("SITE PARTIALS DELETE ALL", 200) # else they give way to the last uploads
    left = quota - size()
    wait_until(lambda: c.put("last", b"x" * left, codes=(226, 450, 452, 552)).startswith("226"), "room for all that is left", 60)
    assert size() == quota == used(c)[0][0], (size(), used(c))
    c.put("over", b"x", codes=(552,))
    c.ask("DELE last", 250)
    c.ask("QUIT", 221)


# --- packets that vanish: in a network of the test's own ---


def cut_off(address):
    """Packets from and to it get no answer, not even a refusal."""
    for way in ("-s", "-d"):
        subprocess.run(["iptables", "-A", "INPUT", way, address, "-j", "DROP"], check=True)


def heal(address):
    for way in ("-s", "-d"):
        subprocess.run(["iptables", "-D", "INPUT", way, address, "-j", "DROP"], check=True)


def shares():
    return int(sql("SELECT count(*) FROM sallyport.share"))


# --- a random life ---


def never_over(quota, names):
    """A file that gets its name while it is looked at is seen twice; what is over the quota is so a second later, too."""
    for _ in range(20):
        found = size(), files()
        if found[0] <= quota and found[1] <= names:
            return
        time.sleep(0.1)
    raise AssertionError("over: %d bytes, %d names" % found)


class Gate:
    """Changes pass one by one or together; closed() waits for those under way and lets none begin."""
    def __init__(self):
        self.lock, self.inside, self.is_open = threading.Condition(), 0, True

    def __enter__(self):
        with self.lock:
            self.lock.wait_for(lambda: self.is_open)
            self.inside += 1

    def __exit__(self, *_):
        with self.lock:
            self.inside -= 1
            self.lock.notify_all()

    @contextlib.contextmanager
    def closed(self):
        with self.lock:
            self.is_open = False
            self.lock.wait_for(lambda: self.inside == 0)
        yield
        with self.lock:
            self.is_open = True
            self.lock.notify_all()


gate = Gate()


class Client(threading.Thread):
    """Uploads, replaces, resumes and deletes at one node until told to stop; knows what was confirmed."""
    def __init__(self, node, number, seed):
        super().__init__(daemon=True)
        self.node, self.number = node, number
        self.draw = random.Random(seed)
        self.is_over = False
        self.confirmed = {}     # name: content
        self.doubtful = set()   # changed without an answer
        self.codes = {}

    def run(self):
        control = None
        while not self.is_over:
            try:
                if control is None:
                    control = dora(self.node)
                with gate:
                    self.change(control)
            except (Unexpected, *KILLED):
                control = None
                time.sleep(0.05)

    def change(self, control):
        name = "%s%d-%d" % (self.node, self.number, self.draw.randrange(4))
        if self.draw.random() < 0.3:
            self.doubtful.add(name)
            control.send("DELE " + name)
            code = control.reply()[0]
            if code == 250:
                self.confirmed.pop(name, None)
            if code in (250, 550):
                self.doubtful.discard(name)
        else:
            data = bytes([self.draw.randrange(256)]) * self.draw.choice((1000, 200000, 1500000))
            self.doubtful.add(name)
            code = code_of(control, self.node, name, data)
            if code == 226:
                self.confirmed[name] = data
            if code in (226, 552, 452, 450, 550):
                self.doubtful.discard(name)
        self.codes[code] = self.codes.get(code, 0) + 1
        if code == 421:
            raise Unexpected("421")

    def check(self):
        for name, data in self.confirmed.items():
            if name not in self.doubtful:
                with open(HOME + "/" + name, "rb") as file:
                    assert file.read() == data, name
