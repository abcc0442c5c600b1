#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A client or a taken-over process writes no more of the log than its budget; the log still has the others'
# events.

load lib

setup()
{
	new_place
}

teardown()
{
	end_place
}

serve()
{
	write_config "$@"
	add_user alice secret
	echo content >"$DIR/home/alice/f"
	start_server
}

logger_pid()
{
	local pid
	for pid in $(children_of "$SERVER_PID"); do
		! tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q ' logger\|: logger' || echo "$pid"
	done
}

log_counts()
{
	[ "$(log_count "$2")" -eq "$1" ]
}

# left_out KIND: print how many records the log reports as missing.
left_out()
{
	sed -nE 's/.* log-limited .*\b'"$1"'=([0-9]+).*/\1/p' "$LOG" | awk '{ sum += $1 } END { print sum + 0 }'
}

@test "pipelined PORTs to elsewhere end the session, and failed logins of others are all logged" {
	serve
	py >"$DIR/failed" <<-'END'
		stop, failed = threading.Event(), []
		def fail_logins():
		    while not stop.is_set():
		        number = len(failed)
		        c = Control(source="127.3.%d.%d" % (number // 250, 1 + number % 250)).greet()
		        c.ask("USER victim%d" % number, 331)
		        c.ask("PASS x", 530)
		        c.close()
		        failed.append(number)
		def flood():
		    c = Control().login()
		    send_all(c.socket, b"PORT 8,8,8,8,5,6\r\n" * 20000)
		    codes = []
		    try:
		        while True:
		            codes.append(c.reply()[0])
		    except (EOFError, ConnectionResetError):
		        pass
		    assert codes == [501] * 50 + [421] or codes == [501] * len(codes), codes
		other = threading.Thread(target=fail_logins)
		other.start()
		floods = [threading.Thread(target=flood) for _ in range(4)]
		[f.start() for f in floods]
		[f.join() for f in floods]
		wait_until(lambda: len(failed) >= 20, "failed logins")
		stop.set()
		other.join()
		print(len(failed))
	END
	wait_until log_counts 4 ' bad-commands .*detail="refused data connections"'
	wait_until log_counts "$(cat "$DIR/failed")" ' login-failed '
	assert_equal "$(log_count ' data-refused ')" 200
}

@test "PORTs to elsewhere between other commands end the session, too; a data connection forgives" {
	serve
	py <<-'END'
		def refused(c):
		    c.ask("PORT 8,8,8,8,5,6", 501)
		    c.ask("EPRT |1|127.0.0.2|50000|", 501)
		    c.ask("NOOP", 200)
		c = Control().login()
		for _ in range(24):
		    refused(c)
		assert c.get("f") == b"content\n"
		for _ in range(24):
		    refused(c)
		c.ask("PORT 127,0,0,1,0,25", 504)
		c.ask("PORT 8,8,8,8,5,6", 501)
		c.expect(421)
	END
	wait_until log_has ' bad-commands .*detail="refused data connections"'
}

@test "strangers at the ports of a session have one line a port, and do not end it" {
	serve
	py <<-'END'
		c = Control().login()
		for _ in range(60):
		    port = int(re.search(r"\|(\d+)\|", c.ask("EPSV", 229))[1])
		    c.ask("RETR f", 150)
		    for _ in range(20):
		        with socket.create_connection(("127.0.0.1", port), WAIT_S, ("127.0.0.2", 0)) as stranger:
		            try:
		                assert stranger.recv(10) == b""
		            except ConnectionResetError:
		                pass
		    with socket.create_connection(("127.0.0.1", port), WAIT_S) as data:
		        assert receive(data) == b"content\n"
		    c.expect(226)
		c.ask("QUIT", 221)
	END
	wait_until log_has ' disconnect .*reason="quit"'
	assert_equal "$(log_count ' data-refused .*stranger 127.0.0.2')" 60
}

@test "what a session notes has a budget; the log says how many are left out, transfers are not" {
	serve
	py <<-'END'
		with socket.create_server(("127.0.0.1", 0)) as server:
		    port = server.getsockname()[1]
		c = Control().login()
		for _ in range(500):
		    c.ask("EPRT |1|127.0.0.1|%d|" % port, 200)
		    c.ask("RETR f", 150)
		    c.expect(425)
		c.ask("QUIT", 221)
	END
	wait_until log_has ' disconnect '
	told=$(log_count ' data-failed ')
	[ "$told" -ge 200 ] && [ "$told" -lt 300 ]
	assert_equal $((told + $(left_out notes))) 500
	assert_equal "$(log_count ' transfer .*result="ECONNREFUSED"')" 500
	[ "$(log_count ' log-limited ')" -le 5 ]
}

@test "thousands of small transfers are all logged" {
	serve
	py <<-'END'
		c = Control().login()
		for _ in range(3000):
		    c.get("f")
		c.ask("QUIT", 221)
	END
	wait_until log_has ' disconnect '
	assert_equal "$(log_count ' transfer .*path="/f"')" 3000
	assert_equal "$(log_count ' log-limited | log-dropped ')" 0
}

@test "a full channel of records keeps room for failed logins and alarms" {
	serve
	logger=$(logger_pid)
	kill -STOP "$logger"
	py <<-'END'
		c = Control().login()
		for _ in range(6000):
		    c.get("f")
		for i in range(20):
		    victim = Control(source="127.0.1.%d" % (1 + i)).greet()
		    victim.ask("USER victim%d" % i, 331)
		    victim.ask("PASS x", 530)
		    victim.close()
		c.ask("QUIT", 221)
	END
	kill -CONT "$logger"
	wait_until log_has ' log-dropped .*lines=[1-9]'	# else the channel was not full
	wait_until log_counts 20 ' login-failed '
}

@test "an address that connects over its limit has a few lines, and the number of the others" {
	serve 'limits { sessions-per-address = 1 }'
	py <<-'END'
		first = Control().login()
		for _ in range(500):
		    c = Control()
		    c.expect(421)
		    c.close()
		c = Control(source="127.0.0.2").greet()
		c2 = Control(source="127.0.0.2")
		c2.expect(421)
	END
	stop_server INT
	told=$(log_count ' refused .*address=127.0.0.1 ')
	[ "$told" -ge 20 ] && [ "$told" -lt 60 ]
	assert_equal $((told + $(left_out refusals))) 500
	assert_equal "$(log_count ' refused .*address=127.0.0.2 ')" 1
}
