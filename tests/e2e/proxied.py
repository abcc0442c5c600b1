# SPDX-License-Identifier: ISC
"""A proxy with every byte of its header in the hands of the test.

    v2(), v2(source=("2001:db8::1", 1), to=("2001:db8::2", 21))      a header; LOCAL, v1()
    p = Proxied(v2())                  connected to the server's listener for proxies, the header sent; an ftp.Control
    checked(LOCAL)                     what a health check reads until the end
    metric("sallyport_health_checks_total")

Names that listener by NODE and NODE_PORT of the environment.
"""

import os
import re
import socket
import struct
import subprocess
import time

import ftp
from ftp import WAIT_S, Unexpected

NODE = os.environ["NODE"]
NODE_PORT = int(os.environ["NODE_PORT"])
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT = ("192.0.2.1", 50123)
DIALLED = ("198.51.100.2", 21)


def end(address, family):
    return socket.inet_pton(family, address[0])


def block(command, family, body):
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack(">H", len(body)) + body


def v2(source=CLIENT, to=DIALLED, tlvs=b""):
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    ends = end(source, family) + end(to, family) + struct.pack(">HH", source[1], to[1])
    return block(1, 0x21 if family == socket.AF_INET6 else 0x11, ends + tlvs)


def v1(source=CLIENT, to=DIALLED):
    return b"PROXY TCP%d %s %s %d %d\r\n" % (
        6 if ":" in source[0] else 4, source[0].encode(), to[0].encode(), source[1], to[1])


LOCAL = block(0, 0, b"")
UNSPEC = block(1, 0, b"")


def connect(source="127.0.0.1"):
    return socket.create_connection((NODE, NODE_PORT), WAIT_S, (source, 0))


class Proxied(ftp.Control):
    def __init__(self, header, source="127.0.0.1"):
        self.socket = connect(source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""
        self.header, self.proxy = header, source
        self.raw(header)

    def dial(self, header=None, source=None):
        """EPSV, and a data connection to the node with this header (that of the session), from this proxy (its own)."""
        port = re.search(r"\|\|\|(\d+)\|", self.ask("EPSV", 229))[1]
        made = socket.create_connection((NODE, int(port)), WAIT_S, (source or self.proxy, 0))
        made.sendall(self.header if header is None else header)
        return made

    connect = dial


def rest(sock):
    """All that comes until the end of the connection."""
    text = b""
    try:
        while piece := sock.recv(4096):
            text += piece
    except ConnectionResetError:
        pass
    return text


def checked(header, source="127.0.0.1"):
    with connect(source) as sock:
        sock.sendall(header)
        return rest(sock)


def log():
    with open(os.environ["LOG"]) as file:
        return file.read()


def porters():
    """Those of the server; one that has just died is none."""
    return [pid for pid in ftp.children(int(os.environ["SERVER_PID"])) if ftp.status(pid, "Name") == "sallyport-port"]


def metric(name):
    text = subprocess.run([os.environ["BUILD"] + "/sallyportctl", "-c", os.environ["CONF"], "metrics"],
                          check=True, capture_output=True, text=True).stdout
    return int(float(re.search("^" + re.escape(name) + " (.*)$", text, re.M)[1]))


def wait_until(holds, what, seconds=10):
    end_at = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end_at:
            raise Unexpected("not within %d s: %s" % (seconds, what))
        time.sleep(0.05)


def expect(holds, *what):
    if not holds:
        raise Unexpected(*what)
