#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# RFC 4217 by hand: which commands may go in clear, in which order, and what ends the connection.

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
	start_tls_server
}

teardown()
{
	end_place
}

restart_with()
{
	stop_server
	: >"$LOG"
	: >"$DIR/stderr"
	write_tls_config "$@"
	start_server
	find_tls_ports
}

@test "FEAT tells AUTH TLS, PBSZ and PROT" {
	ftp_open
	ftp FEAT 211
	[[ $REPLY_TEXT == *$'\n AUTH TLS\n'* ]]
	[[ $REPLY_TEXT == *$'\n PBSZ\n'* ]]
	[[ $REPLY_TEXT == *$'\n PROT\n'* ]]
}

@test "in clear USER and PASS are 530, say what to do, and no password is checked" {
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 530 .*AUTH TLS
		> PASS secret
		< 530 .*AUTH TLS
		> USER alice
		< 530
		> PASS wrong
		< 530
		> LIST
		< 530
	END
	assert_equal "$(log_count ' login')" 0
}

@test "in clear nobody is locked out by failures" {
	for i in 1 2 3; do
		printf '%s\n' '< 220' '> USER alice' '< 530' '> PASS wrong' '< 530' '> PASS wrong' '< 530' | ftp_raw
	done
	assert_equal "$(log_count ' login-failed ')" 0
	ftps <<<'Control().login()'
}

@test "with require = no clear logins and clear data connections are served, and both forms of PROT" {
	restart_with tls='require = no'
	ftp_login alice secret
	ftp 'PBSZ 0' 503
	ftp 'PROT P' 503
	ftp_receive NLST
	ftps <<-'END'
		c = Control().login(protect=False)
		c.ask('PBSZ 0', 200)
		c.ask('PROT C', 200)
		raw = c.connect()
		c.ask('STOR file', 150)
		raw.sendall(b'in clear')
		raw.close()
		c.expect(226)
		c.ask('PROT P', 200)
		assert c.get('file') == b'in clear'
	END
}

@test "AUTH: TLS, TLS-C and tls are taken; SSL, TLS-P and others are 504; none twice, none after the login" {
	ftps <<-'END'
		for mechanism in 'TLS', 'TLS-C', 'tls':
		    c = Control()
		    c.ask('AUTH ' + mechanism, 234)
		    c.wrap()
		    c.ask('AUTH TLS', 503)
		    c.ask('NOOP', 200)
		c = Control()
		for mechanism in 'SSL', 'TLS-P', 'GSSAPI', 'x' * 400:
		    c.ask('AUTH ' + mechanism, 504)
		c.ask('AUTH', 501)
		c.login()
		c.ask('AUTH TLS', 503)
		c.put('file', b'still here')
	END
	restart_with tls='require = no'
	ftp_login alice secret
	ftp 'AUTH TLS' 503
	ftp NOOP 200
}

@test "AUTH TLS forgets a USER that was said in clear" {
	restart_with tls='require = no'
	ftps <<-'END'
		c = Control()
		c.ask('USER alice', 331)
		c.auth()
		c.ask('PASS secret', 503)
	END
}

@test "PBSZ comes before PROT, PROT P before data; CCC is refused" {
	ftps <<-'END'
		c = Control()
		c.ask('PBSZ 0', 503)
		c.ask('PROT P', 503)
		c.ask('CCC', 533)
		c.auth()
		c.ask('PROT P', 503)
		c.ask('PBSZ x', 501)
		c.ask('PBSZ 4294967296', 501)
		c.ask('PBSZ', 501)
		assert 'PBSZ=0' in c.ask('PBSZ 16384', 200)
		c.ask('USER alice', 331)
		c.ask('PASS secret', 230)
		c.ask('EPSV', 229)
		for command in 'LIST', 'NLST', 'MLSD', 'RETR x', 'STOR x', 'APPE x', 'STOU':
		    assert 'PROT P' in c.ask(command, 521)
		c.ask('PROT S', 536)
		c.ask('PROT E', 536)
		c.ask('PROT X', 504)
		c.ask('PROT', 501)
		c.ask('PROT C', 534)
		c.ask('LIST', 521)
		c.ask('PROT P', 200)
		c.ask('CCC', 534)
		c.put('x', b'1')
	END
}

@test "implicit TLS begins as if PBSZ and PROT P had been said" {
	ftps <<-'END'
		c = Control(implicit=True)
		c.ask('AUTH TLS', 503)
		c.ask('USER alice', 331)
		c.ask('PASS secret', 230)
		c.ask('TYPE I', 200)
		c.put('x', b'1')
		c.ask('PROT C', 534)
		assert c.get('x') == b'1'
	END
}

@test "what stands in clear after AUTH TLS in one segment is not run, and the session ends" {
	ftp_raw <<-'END'
		< 220
		>> AUTH TLS\r\nFEAT\r\n
		< 421
		<eof
	END
	wait_until log_has ' tls-failed .*in clear after AUTH'
	ftp_raw <<-'END'
		< 220
		>> AUTH TLS\r\nUSER ali
		< 421
		<eof
	END
}

@test "what stands in clear after AUTH TLS in a later segment is not run either" {
	ftps <<-'END'
		c = Control()
		c.ask('AUTH TLS', 234)
		c.raw(b'NOOP\r\nNOOP\r\n')
		rest = c.at_end()
		assert b'200' not in rest, rest
	END
	wait_until log_has ' tls-failed '
}

# The client's TLS hello names this server.
NAMED='
def named(c, name):
    c.ask("AUTH TLS", 234)
    c.context.check_hostname = False
    c.socket = c.context.wrap_socket(c.socket, server_hostname=name)
    return c
'

@test "what was set in clear before AUTH TLS is forgotten" {
	restart_with tls='require = no' 'mode-z = yes'
	ftps <<-'END'
		c = Control()
		fresh = c.ask('FEAT', 211)
		c.ask('OPTS MLST size;', 200)
		c.ask('OPTS HASH MD5', 200)
		c.ask('OPTS MODE Z LEVEL 9', 200)
		c.ask('REST 5', 530)
		assert c.ask('FEAT', 211) != fresh
		c.ask('USER mallory', 331)
		c.auth()
		assert c.ask('FEAT', 211) == fresh, 'options in clear are in force over TLS'
		c.ask('PASS secret', 503)
		c.login()
	END
}

@test "HOST in clear stays in force over TLS, and must be the server that TLS names" {
	restart_with 'server-name = "ftp.example.com,localhost"'
	ftps <<-END
		$NAMED
		c = Control()
		c.ask('HOST FTP.example.com', 220)
		named(c, 'ftp.example.com').login()
		c = Control()
		c.ask('HOST localhost', 220)
		c.auth().login()                     # no name in the client hello
		c = Control()
		named(c, 'other.example.com').login()    # no HOST
		c = Control()
		c.ask('HOST localhost', 220)
		named(c, 'ftp.example.com').expect(421)
		assert c.at_end() == b''
		c = Control()
		c.ask('HOST localhost', 220)
		c.ask('HOST nowhere', 504)           # the last one counts
		named(c, 'ftp.example.com').login()
		c = Control()
		c.ask('HOST localhost', 220)
		c.ask('REIN', 220)
		named(c, 'ftp.example.com').login()
	END
	wait_until log_has ' tls-failed .*HOST and TLS name different servers'
}

@test "HOST over TLS must be the server that TLS names" {
	ftps <<-END
		$NAMED
		for version in TLS12, TLS13:
		    c = named(Control(tls=context(version)), 'localhost')
		    c.ask('HOST ftp.example.com', 504)
		    c.ask('HOST 127.0.0.1', 504)
		    c.ask('HOST LOCALHOST', 220)
		    c.login()
		    c = Control(tls=context(version)).auth()
		    c.ask('HOST ftp.example.com', 220)
		    c.ask('HOST 127.0.0.1', 220)
		    c.login()
	END
}

@test "HTTP over TLS is closed" {
	ftps <<-'END'
		for line in 'GET / HTTP/1.1', 'POST /upload HTTP/1.1', 'HEAD / HTTP/1.0':
		    c = Control(implicit=True)
		    c.raw(line.encode() + b'\r\nHost: x\r\n\r\nUSER alice\r\nPASS secret\r\nQUIT\r\n')
		    rest = c.at_end()
		    assert b'331' not in rest and b'230' not in rest, rest
	END
	assert_equal "$(log_count ' login ')" 0
}

@test "lines in pieces, many lines in one record, and a line over many records" {
	ftps <<-'END'
		c = Control().login()
		for byte in b'NOOP\r\n':
		    c.raw(bytes([byte]))
		c.expect(200)
		c.raw(b'NOOP\r\n' * 5000)
		for i in range(5000):
		    c.expect(200)
		for i in range(300):
		    c.raw(b'NO')
		    c.raw(b'OP\r\nN')
		    c.raw(b'OOP\r\n')
		for i in range(600):
		    c.expect(200)
		c.raw(b'X' * 100000 + b'\r\nNOOP\r\n')
		c.expect(500)
		c.expect(200)
	END
}

@test "a client that never reads its replies is ended by the idle timeout, and stops nobody else" {
	restart_with 'timeouts { idle = "2s" }'
	LIMIT=40 ftps <<-'END'
		c = Control().login()
		c.socket.settimeout(1)
		try:
		    while True:
		        c.raw(b'HELP\r\n' * 1000)
		except (TimeoutError, ssl.SSLError, OSError):
		    pass
		Control().login().put('file', b'1')
		ended = select.poll()
		ended.register(c.socket.fileno(), select.POLLHUP)
		assert ended.poll(12000)
	END
	wait_until log_has ' disconnect .*reason="?idle-timeout'
}

@test "the control connection cut off in mid-line runs nothing of it" {
	mkdir "$DIR/home/alice/d"
	chown --reference="$DIR/home/alice" "$DIR/home/alice/d"
	ftps <<-'END'
		c = Control().login()
		c.raw(b'RMD d')
		cut(c.socket)
	END
	wait_until log_has ' disconnect '
	[ -d "$DIR/home/alice/d" ]
}
