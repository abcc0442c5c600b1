# SPDX-License-Identifier: ISC
"""Clients of two nodes behind HAProxy.

    c = client("a").login()            from an address that HAProxy sends to node a; an ftp.Control
    sources("a", 2)                    two such addresses
    told("set server ftp/a state drain")      to HAProxy's socket; returns its answer
    states("ftp")                      {"a": "UP", "b": "DOWN"}
    is_out("a"), is_in("a")            of both sections, by HAProxy's checks
    say_all("a", "drain")              this state for both sections

Needs HAPROXY_SOCKET, RANGE_A and RANGE_B beside what ftp.py needs.
"""

import os
import re
import socket

import ftp

NODES = ("a", "b")
SECTIONS = ("ftp", "ftps")
LAST_SOURCE = 200


def told(command):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(ftp.WAIT_S)
        sock.connect(os.environ["HAPROXY_SOCKET"])
        sock.sendall(command.encode() + b"\n")
        return ftp.receive(sock).decode()


def states(section):
    rows = [line.split(",") for line in told("show stat").splitlines()]
    return {row[1]: row[17] for row in rows if row[0] == section and row[1] in NODES}


def is_in(node):
    return all(states(section)[node] == "UP" for section in SECTIONS)


def is_out(node):
    return all(states(section)[node].startswith("DOWN") for section in SECTIONS)


def say_all(node, state):
    answer = told("; ".join("set server %s/%s state %s" % (section, node, state) for section in SECTIONS)).strip()
    if answer:
        raise ftp.Unexpected(answer)


def ports_of(node):
    low, high = os.environ["RANGE_" + node.upper()].split("-")
    return range(int(low), int(high) + 1)


def node_of(control):
    """The node of a session, by the range of its port."""
    port = int(re.search(r"\|\|\|(\d+)\|", control.ask("EPSV", 229))[1])
    return next(node for node in NODES if port in ports_of(node))


def sources(node, count=1):
    """Addresses that HAProxy sends to this node now; none has been told before."""
    found = []
    for last in range(2, LAST_SOURCE):
        source = "127.0.1.%d" % last
        control = ftp.Control(source=source).login()
        if node_of(control) == node:
            found.append(source)
        control.ask("QUIT", 221)
        control.close()
        if len(found) == count:
            return found
    raise ftp.Unexpected("HAProxy sends too few of these addresses to node %s: %s" % (node, found))


def client(node):
    return ftp.Control(source=sources(node)[0])
