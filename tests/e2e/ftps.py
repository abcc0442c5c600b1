"""An FTP client with every step of TLS in the hands of the test.

    c = Control().login()              AUTH TLS, USER, PASS, PBSZ, PROT P; Control(implicit=True) for the other way
    c.ask('NOOP', 200)                 send a line, expect this code; returns the reply's text
    d = c.open('RETR name')            EPSV, the command, 150, TLS that resumes the control connection's session
    d = c.open('STOR x', session=None) without resuming
    c.put('name', b'...'), c.get('name')

Names the server by HOST, PORT, TLS_PORT and CA of the environment. Every wait ends after 20 seconds.
"""

import ftplib
import io
import os
import re
import select
import socket
import ssl
import sys
import threading
import time

HOST = "127.0.0.1"
PORT = int(os.environ["PORT"])
TLS_PORT = int(os.environ["TLS_PORT"])
WAIT_S = 20
OWN = object()


def context(version=None, tickets=True, alpn=None):
    made = ssl.create_default_context(cafile=os.environ["CA"])
    if version:
        made.minimum_version = made.maximum_version = version
    if not tickets:
        made.options |= ssl.OP_NO_TICKET
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3


class Unexpected(Exception):
    pass


class Control:
    def __init__(self, implicit=False, tls=None):
        self.context = tls or context()
        self.socket = socket.create_connection((HOST, TLS_PORT if implicit else PORT), WAIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""
        if implicit:
            self.wrap()
        self.expect(220)

    def wrap(self):
        assert not self.left, self.left
        self.socket = self.context.wrap_socket(self.socket, server_hostname=HOST)

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

    def expect(self, code):
        got, text = self.reply()
        if got != code:
            raise Unexpected("expected %d, got: %s" % (code, text))
        return text

    def ask(self, line, code):
        self.send(line)
        return self.expect(code)

    def auth(self):
        self.ask("AUTH TLS", 234)
        self.wrap()
        return self

    def login(self, protect=True):
        if not isinstance(self.socket, ssl.SSLSocket):
            self.auth()
        self.ask("USER alice", 331)
        self.ask("PASS secret", 230)
        if protect:
            self.ask("PBSZ 0", 200)
            self.ask("PROT P", 200)
        self.ask("TYPE I", 200)
        return self

    def connect(self):
        port = re.search(r"\|\|\|(\d+)\|", self.ask("EPSV", 229))[1]
        return socket.create_connection((HOST, int(port)), WAIT_S)

    def protect(self, raw, session=OWN):
        return self.context.wrap_socket(
            raw, server_hostname=HOST, session=self.socket.session if session is OWN else session,
            suppress_ragged_eofs=False)

    def open(self, command, session=OWN):
        raw = self.connect()
        self.ask(command, 150)
        return self.protect(raw, session)

    def put(self, name, data, session=OWN, code=226):
        data_connection = self.open("STOR " + name, session)
        data_connection.sendall(data)
        data_connection.unwrap().close()
        return self.expect(code)

    def get(self, name, session=OWN, command="RETR "):
        data_connection = self.open(command + name, session)
        data = receive(data_connection)
        data_connection.unwrap().close()
        self.expect(226)
        return data

    def at_end(self):
        """What still comes until the server closes."""
        try:
            return self.left + receive(self.socket)
        except (ConnectionResetError, ssl.SSLError):
            return self.left


def receive(connection):
    parts = []
    while piece := connection.recv(1 << 18):
        parts.append(piece)
    return b"".join(parts)


def cut(connection):
    """End a TLS connection as an attacker would: TCP ends, close_notify was not sent."""
    raw = socket.socket(fileno=connection.detach())
    raw.shutdown(socket.SHUT_WR)
    return raw


class Reusing(ftplib.FTP_TLS):
    """The well-known subclass: data connections resume the control connection's session."""

    def ntransfercmd(self, cmd, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            connection = self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session)
        return connection, size
