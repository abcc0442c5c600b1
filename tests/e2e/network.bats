#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Addresses and ports: both families, both directions, strangers, and ranges that run short.

load lib

setup()
{
	new_place
}

teardown()
{
	data_close
	end_place
}

serve()
{
	write_config "$@"
	add_user alice secret
	start_server
	HOME_DIR=$DIR/home/alice
	echo content >"$HOME_DIR/f"
}

get()
{
	curl -sS --max-time 30 "$@"
}

@test "IPv4: EPSV, PASV, EPRT and PORT with curl" {
	serve
	assert_equal "$(get "$(url alice:secret f)")" content
	assert_equal "$(get --disable-epsv "$(url alice:secret f)")" content
	assert_equal "$(get -P - "$(url alice:secret f)")" content
	assert_equal "$(get -P - --disable-eprt "$(url alice:secret f)")" content
	get -P - -T "$CONF" "$(url alice:secret up)"
	cmp "$CONF" "$HOME_DIR/up"
}

@test "IPv6: EPSV and EPRT with curl" {
	need_ipv6
	serve
	# shellcheck disable=SC2153 # find_ports sets it
	assert_equal "$(get -g "ftp://alice:secret@[::1]:$PORT6/f")" content
	assert_equal "$(get -g -P - "ftp://alice:secret@[::1]:$PORT6/f")" content
	wait_until log_has ' login .*address=::1 '
}

@test "IPv6: forms" {
	need_ipv6
	serve
	ftp_open ::1 "$PORT6"
	ftp 'USER alice' 331
	ftp 'PASS secret' 230
	ftp PASV 501
	ftp 'EPSV 1' 522
	ftp 'EPSV 2' 229
	ftp 'EPRT |1|127.0.0.1|50000|' 522
	ftp 'EPRT |2|::2|50000|' 501
	ftp 'EPRT |2|::1|50000|' 200
	ftp 'PORT 127,0,0,1,200,1' 501
}

@test "one listen entry for both families, on one port" {
	need_ipv6
	port=$(free_port)
	write_config "listen = {\"*:$port\"}"
	add_user alice secret
	start_server || [ -z "$PORT" ]
	for address in 127.0.0.1 ::1; do
		ftp_open "$address" "$port"
		ftp QUIT 221
		ftp_close
	done
	# the server logs a client of IPv4 with its own address, not with one that is mapped into IPv6
	wait_until log_has ' connect .*address=127.0.0.1 '
	wait_until log_has ' connect .*address=::1 '
}

@test "lftp in passive and active mode" {
	serve
	for mode in yes no; do
		timeout 30 lftp -u alice,secret -p "$PORT" 127.0.0.1 -e \
			"set net:max-retries 1; set ftp:passive-mode $mode; get f -o $DIR/f.$mode; quit"
		cmp "$HOME_DIR/f" "$DIR/f.$mode"
	done
}

@test "PORT and EPRT to another address, or a low port, are refused and logged" {
	serve
	as_alice <<-'END'
		> PORT 127,0,0,2,200,1
		< 501
		> PORT 10,0,0,1,200,1
		< 501
		> EPRT |1|127.0.0.2|50000|
		< 501
		> PORT 127,0,0,1,0,25
		< 504
		> EPRT |1|127.0.0.1|1023|
		< 504
		> PORT 127,0,0,1,0,0
		< 50
		> PORT 0,0,0,0,200,1
		< 501
		> LIST
		< 425
	END
	wait_until log_has ' data-refused .*address=127.0.0.1 .*detail="PORT to 127.0.0.2 port 51201"'
}

@test "active mode to a port that nothing listens on: 425" {
	serve
	port=$(free_port)
	as_alice <<-END
		> PORT 127,0,0,1,$((port / 256)),$((port % 256))
		< 200
		> RETR f
		< 150
		< 425 .*Connection refused
		> NOOP
		< 200
	END
}

@test "active-mode = no" {
	serve 'active-mode = no'
	as_alice <<-'END'
		> PORT 127,0,0,1,200,1
		< 502
		> EPRT |1|127.0.0.1|50000|
		< 502
		> EPSV
		< 229
	END
	assert_equal "$(get "$(url alice:secret f)")" content
}

@test "passive-address is told to PASV, and only there" {
	serve 'passive-address = "192.0.2.7"'
	as_alice <<-'END'
		> PASV
		< 227 .*\(192,0,2,7,\d+,\d+\)
		> EPSV
		< 229 .*\(\|\|\|\d+\|\)
	END
}

@test "a stranger on the passive port is closed, and the client is served" {
	serve
	ftp_login alice secret
	ftp 'TYPE I' 200
	ftp EPSV 229
	[[ $REPLY_TEXT =~ ([0-9]+)\|\) ]]
	port=${BASH_REMATCH[1]}
	ftp 'RETR f' 150
	# three strangers connect first; each sees the end and nothing of the file
	for _ in 1 2 3; do
		timeout 20 python3 - "$port" <<-'END'
			import socket, sys
			stranger = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10, ("127.0.0.2", 0))
			try:
			    assert stranger.recv(100) == b""
			except ConnectionResetError:
			    pass
		END
	done
	exec {DATA}<>"/dev/tcp/127.0.0.1/$port"
	assert_equal "$(timeout 20 cat <&"$DATA")" content
	ftp_reply
	assert_equal "$REPLY" 226
	wait_until log_has ' data-refused .*address=127.0.0.1 .*detail="stranger 127.0.0.2 on a passive port"'
}

@test "passive ports come from the range, and are not predictable" {
	serve 'passive-ports = "42000-42999"'
	ftp_login alice secret
	for _ in $(seq 12); do
		ftp EPSV 229
		[[ $REPLY_TEXT =~ ([0-9]+)\|\) ]]
		[ "${BASH_REMATCH[1]}" -ge 42000 ]
		[ "${BASH_REMATCH[1]}" -le 42999 ]
		echo "${BASH_REMATCH[1]}" >>"$DIR/ports"
	done
	[ "$(sort -u "$DIR/ports" | wc -l)" -ge 6 ]
	# the ports go neither always up nor always down
	run sort -n -c "$DIR/ports"
	assert_failure
}

# Print a range of two ports that nothing listens on, as "LOW-HIGH".
free_range()
{
	python3 - <<-'END'
		import random, socket
		while True:
		    low = random.randrange(20000, 32000, 2)
		    try:
		        for port in (low, low + 1):
		            socket.socket().bind(("127.0.0.1", port))
		    except OSError:
		        continue
		    print("%d-%d" % (low, low + 1))
		    break
	END
}

@test "two passive ports serve 20 clients: a full range waits" {
	serve "passive-ports = \"$(free_range)\""
	head -c 1000 /dev/urandom >"$HOME_DIR/f"
	run "$BATS_TEST_DIRNAME/ftp-many" fetch 20 127.0.0.1 "$PORT" alice secret f
	assert_output "20 226 sha256=$(sha256sum <"$HOME_DIR/f" | cut -d' ' -f1)"
}

@test "a full range of passive ports: 425 after data-connect, and all sessions go on" {
	serve "passive-ports = \"$(free_range)\"" 'timeouts { data-connect = "1s" }'
	py <<-'END'
		# another program's listeners have the ports, so no session can give one up
		import re
		low, high = map(int, re.search('passive-ports = "(\d+)-(\d+)"', open(os.environ['CONF']).read()).groups())
		taken = [socket.create_server(('127.0.0.1', port)) for port in (low, high)]
		c = Control().login()
		began = time.monotonic()
		c.ask('EPSV', 425)
		assert 0.9 < time.monotonic() - began
		c.ask('PASV', 425)
		c.ask('LIST', 425)
		c.ask('NOOP', 200)
		taken.pop().close()
		assert c.get('f') == b'content\n'
	END
}

# hold N: open this many sessions that have announced a port, and do not use it.
HOLD='
def hold(n):
    sessions = [Control().login() for _ in range(n)]
    for c in sessions:
        c.ask("EPSV", 229)
    return sessions
'

@test "announcements that nobody uses give way after three seconds, the oldest first; their sessions go on" {
	serve "passive-ports = \"$(free_range)\""
	py <<-END
		$HOLD
		old = hold(1)[0]
		time.sleep(0.5)
		young = hold(1)[0]
		began = time.monotonic()
		c = Control().login()
		c.ask('EPSV', 229)
		assert time.monotonic() - began < 10, time.monotonic() - began
		assert 'given up' in old.ask('LIST', 150, 425) or 'given up' in old.expect(425)
		assert old.get('f') == b'content\n' and young.get('f') == b'content\n' and c.get('f') == b'content\n'
	END
}

@test "a session that does not give its port up loses it all the same" {
	serve "passive-ports = \"$(free_range)\"" 'limits { sessions-per-user = 10 }'
	py <<-END
		$HOLD
		stuck = hold(1)[0]
		stuck.ask('PASV', 227)    # in place of the first
		session = Session()
		os.kill(session.protocol, signal.SIGSTOP)
		other = hold(1)[0]
		began = time.monotonic()
		c = Control().login()
		assert c.get('f') == b'content\n'
		assert time.monotonic() - began < 10, time.monotonic() - began
		os.kill(session.protocol, signal.SIGCONT)
		stuck.ask('NOOP', 200)
	END
}

@test "timeouts.data-connect holds for announcements: the port is free, the transfer 425; who connected early is served" {
	serve "passive-ports = \"$(free_range)\"" 'timeouts { data-connect = "1s" }'
	py <<-END
		import re
		low, high = map(int, re.search('passive-ports = "(\d+)-(\d+)"', open(os.environ['CONF']).read()).groups())
		def listens(port):
		    return '0100007F:%04X 00000000:0000 0A' % port in open('/proc/net/tcp').read()
		idle = Control().login()
		idle.ask('EPSV', 229)
		early = Control().login()
		d = early.connect()
		assert any(map(listens, (low, high)))
		wait_until(lambda: sum(map(listens, (low, high))) == 1, 'the end of one announcement')
		time.sleep(1.5)
		early.ask('RETR f', 150)
		assert receive(d) == b'content\n'
		early.expect(226)
		idle.ask('RETR f', 425)
		idle.ask('NOOP', 200)
		wait_until(lambda: not any(map(listens, (low, high))), 'the end of both')
	END
}

@test "announcements expire in large ranges, too" {
	serve 'timeouts { data-connect = "1s" }'
	py <<-END
		import re
		c = Control().login()
		port = int(re.search(r'\|(\d+)\|', c.ask('EPSV', 229)).group(1))
		def refused():
		    s = socket.socket()
		    r = s.connect_ex(('127.0.0.1', port)) if not listens() else 0
		    s.close()
		    return r != 0
		def listens():
		    return '0100007F:%04X 00000000:0000 0A' % port in open('/proc/net/tcp').read()
		assert listens()
		wait_until(lambda: not listens(), 'the end of the announcement')
		c.ask('RETR f', 425)
		assert c.get('f') == b'content\n'
	END
}

@test "config check says how many transfers a range can announce" {
	write_config 'passive-ports = "40000-40008"'
	run ctl config check
	assert_success
	assert_line "$CONF: passive-ports: 9 transfers at once can be announced on each address of the server"
	run ctl --json config check
	assert_output --partial '"passive_ports": 9'
}

@test "limits.sessions: 421 names the limit, and the place is free again afterwards" {
	serve 'limits { sessions = 2 }'
	exec {A}<>"/dev/tcp/127.0.0.1/$PORT"
	exec {B}<>"/dev/tcp/127.0.0.1/$PORT"
	for fd in "$A" "$B"; do
		printf 'USER alice\r\nPASS secret\r\n' >&"$fd"
		timeout 20 grep -q -m 1 ^230 <&"$fd"
	done
	ftp_raw <<-'END'
		< 421 .*limits.sessions = 2
		<eof
	END
	wait_until log_has ' warning refused address=127.0.0.1 .*limits.sessions = 2'
	exec {A}>&-
	wait_until place_is_free
	exec {B}>&-
}

place_is_free()
{
	ftp_open && ftp_close
	[ "$REPLY" = 220 ]
}

@test "limits.sessions-per-address: 421 names the limit, and other addresses come in" {
	serve 'limits { sessions-per-address = 2 }'
	exec {A}<>"/dev/tcp/127.0.0.1/$PORT"
	exec {B}<>"/dev/tcp/127.0.0.1/$PORT"
	timeout 20 head -n 1 <&"$A" >/dev/null
	timeout 20 head -n 1 <&"$B" >/dev/null
	ftp_raw <<-'END'
		< 421 .*limits.sessions-per-address = 2
		<eof
	END
	ftp_raw -s 127.0.0.2 <<-'END'
		< 220
	END
	exec {A}>&- {B}>&-
}

@test "a restart binds at once, with connections left behind" {
	serve
	ftp_login alice secret
	ftp 'TYPE I' 200
	ftp_stuck big
	sed -i "s/^listen .*/listen = {\"127.0.0.1:$PORT\"}/" "$CONF"
	port=$PORT
	stop_server INT
	: >"$LOG"
	start_server
	assert_equal "$PORT" "$port"
	assert_equal "$(get "$(url alice:secret f)")" content
}

@test "a burst of 1000 connections: each is greeted" {
	serve 'limits { sessions-per-address = 1000 }' 'timeouts { login = "5m" }'
	ulimit -n 4096
	run timeout 150 "$BATS_TEST_DIRNAME/ftp-many" connect 1000 127.0.0.1 "$PORT"
	assert_output "1000 220"
	wait_until -t 60 no_session
	assert_equal "$(get "$(url alice:secret f)")" content
}

# listens PID: the process holds a listening socket.
listens()
{
	local fd
	for fd in "/proc/$1/fd/"*; do
		case $(readlink "$fd") in
		socket:*) awk -v inode="$(readlink "$fd" | tr -cd 0-9)" '$10 == inode && $4 == "0A" { found = 1 } END { exit !found }' \
			/proc/net/tcp /proc/net/tcp6 && return ;;
		esac
	done
	return 1
}

does_not_listen()
{
	! listens "$1"
}

@test "transfer after transfer: strangers on the ports made ahead are turned away" {
	serve
	# after a few transfers, protocol keeps listeners for the next ones; a stranger that connects to them all
	# gets nothing
	timeout 60 python3 - "$PORT" "$SERVER_PID" <<-'END'
		import ftplib, glob, os, socket, sys

		server = sys.argv[2]

		def listening():
		    """Ports on which any process of a session of this server listens, its own port apart."""
		    inodes, parents = set(), {server}
		    for path in sorted(glob.glob("/proc/[0-9]*/stat"), key=lambda p: int(p.split("/")[2])) * 2:
		        try:
		            if open(path).read().rsplit(")", 1)[1].split()[1] in parents:
		                parents.add(path.split("/")[2])
		        except OSError:
		            pass
		    for pid in parents - {server}:
		        for fd in glob.glob("/proc/%s/fd/*" % pid):
		            try:
		                inodes.add(os.readlink(fd))
		            except OSError:
		                pass
		    return {int(row[1].split(":")[1], 16) for row in map(str.split, open("/proc/net/tcp"))
		            if row[3] == "0A" and "socket:[%s]" % row[9] in inodes}

		ftp = ftplib.FTP()
		ftp.connect("127.0.0.1", int(sys.argv[1]), 20)
		ftp.login("alice", "secret")
		ftp.voidcmd("TYPE I")
		told, strangers, most = [], [], 0
		for turn in range(40):
		    port = ftplib.parse229(ftp.sendcmd("EPSV"), ("127.0.0.1", 0))[1]
		    told.append(port)
		    with socket.create_connection(("127.0.0.1", port), 20) as data:
		        assert ftp.sendcmd("RETR f").startswith("150")
		        got = b""
		        while piece := data.recv(100):
		            got += piece
		    assert ftp.voidresp().startswith("226") and got == b"content\n", (turn, got)
		    if turn % 8 == 7:
		        ports = listening()
		        most = max(most, len(ports))
		        strangers += [socket.create_connection(("127.0.0.1", p), 20, (source, 0))
		                      for p in ports for source in ("127.0.0.1", "127.0.0.2")]
		assert most > 1, "no listeners ahead: %d" % most
		assert most <= 8, "%d listeners at once" % most
		# since the first strangers came
		assert len(set(told[8:])) > 28, "the same ports again and again: %r" % told
		for stranger in strangers:
		    try:
		        assert stranger.recv(100) == b"", "a stranger was served"
		    except ConnectionResetError:
		        pass
		ftp.quit()
	END
	wait_until log_has ' data-refused .*detail="a stranger on a passive port that was not announced yet"'
}

@test "transfer after transfer: the listeners made ahead are closed when the client is idle" {
	local i
	serve
	ftp_login alice secret
	ftp 'TYPE I' 200
	for i in 1 2 3 4; do
		ftp_receive 'RETR f' "$DIR/got"
		cmp "$DIR/got" "$HOME_DIR/f"
	done
	find_session
	wait_until does_not_listen "$PROTOCOL"
	ftp_receive 'RETR f' "$DIR/got"
	cmp "$DIR/got" "$HOME_DIR/f"
}
