# SPDX-License-Identifier: ISC
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

import ftp
from ftp import HOST, PORT, WAIT_S, Unexpected, receive

TLS_PORT = int(os.environ["TLS_PORT"])
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


class Control(ftp.Control):
    def __init__(self, implicit=False, tls=None):
        super().__init__(TLS_PORT if implicit else None)
        self.context = tls or context()
        if implicit:
            self.wrap()
        self.greet()

    def wrap(self):
        assert not self.left, self.left
        self.socket = self.context.wrap_socket(self.socket, server_hostname=HOST)

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
