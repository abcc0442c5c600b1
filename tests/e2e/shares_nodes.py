# SPDX-License-Identifier: ISC
"""Two servers that share homes and accounts: sessions at either, and what is in the home of dora.

    c = dora("a")              a session at node a, logged in
    size(), files()            what is in the home, as the quota counts it
    race([(node, name, n)])    so many uploads at once; their reply codes, in that order
"""

import os
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
        code, text = control.reply()
        if code != 150:
            print("at begin", name, text)
            return code
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
    code, text = control.reply()
    if code not in (226, 552):
        print(name, text)
    return code


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
