#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Which logins succeed, which fail, and what a client learns from either.

bats_require_minimum_version 1.5.0
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
	start_server
}

# refused NAME PASSWORD REASON: the client gets the usual 530; the log has the reason.
refused()
{
	ftp_open
	ftp "USER $1" 331
	ftp "PASS $2" 530
	assert_equal "$REPLY_TEXT" $'530 Login incorrect\n'
	ftp QUIT 221
	ftp_close
	wait_until log_has " login-failed .*address=127.0.0.1 .*name=\"$1\" reason=\"$3\""
}

accepted()
{
	ftp_login "$1" "$2"
	ftp QUIT 221
	ftp_close
}

# sessions_are N: the server has this many sessions.
sessions_are()
{
	[ "$(monitor_pids | wc -l)" -eq "$1" ]
}

@test "the right password" {
	serve
	accepted alice secret
	wait_until log_has ' login .*address=127.0.0.1 .*user="alice"'
}

@test "a wrong password, an unknown user: the same answer" {
	serve 'limits { never-ban = "127.0.0.0/8" }'
	refused alice wrong 'wrong password'
	refused alice '' 'wrong password'
	refused alice 'secret ' 'wrong password'
	refused bob secret 'unknown user'
	refused ALICE secret 'unknown user'
}

@test "after a wrong password the right one is taken, in the same session" {
	serve
	ftp_open
	ftp 'USER alice' 331
	ftp 'PASS wrong' 530
	ftp 'PASS secret' 503
	ftp 'USER alice' 331
	ftp 'PASS secret' 230
}

@test "names and passwords that no account has, of any length" {
	serve
	ftp_raw <<-'END'
		< 220
		> USER {4000*x}
		< 331
		> PASS {4000*x}
		< 530
		> USER ../../etc/passwd
		< 331
		> PASS :
		< 530
		> USER a:b\x1b[31m
		< 331
		> PASS \xff\xfe
		< 530
		> USER root
		< 331
		> PASS root
		< 530
		> QUIT
		< 221
	END
}

@test "a password may have blanks and bytes of any kind" {
	write_config
	add_user alice ' größe  "x" '
	start_server
	accepted alice ' größe  "x" '
}

# median_ms NAME: the median time of nine logins with a wrong password. Each comes from another address, so that the
# server slows none.
median_ms()
{
	python3 - "$PORT" "$1" <<-'END'
		import socket, statistics, sys, time
		port, name = int(sys.argv[1]), sys.argv[2]
		times = []
		for i in range(9):
		    control = socket.create_connection(("127.0.0.1", port), 20, ("127.%d.0.%d" % (len(name), i + 1), 0))
		    file = control.makefile("rwb", 0)
		    file.readline()
		    file.write(b"USER %s\r\n" % name.encode())
		    file.readline()
		    start = time.monotonic()
		    file.write(b"PASS wrong\r\n")
		    assert file.readline().startswith(b"530")
		    times.append(time.monotonic() - start)
		    control.close()
		print(round(statistics.median(times) * 1000))
	END
}

@test "an unknown user costs the time of a wrong password" {
	serve
	known=$(median_ms alice)
	unknown=$(median_ms mallory)
	echo "known: $known ms, unknown: $unknown ms"
	[ "$known" -gt 1 ]
	[ $((unknown * 3)) -ge "$known" ]
	[ "$unknown" -le $((known * 3)) ]
}

@test "locked, expired, elsewhere" {
	serve
	ctl user lock alice
	refused alice secret 'account is locked'
	ctl user unlock alice
	accepted alice secret
	ctl user set alice --expires 2020-01-01
	refused alice secret 'account has expired'
	ctl user set alice --expires 2999-01-01 --allow-from 192.0.2.0/24
	refused alice secret 'account may not log in from this address'
	ctl user set alice --allow-from 192.0.2.0/24 --allow-from 127.0.0.1
	accepted alice secret
}

# set_ids UID GID: change those of alice in the users file, since sallyportctl refuses these values.
set_ids()
{
	sed -i "s/^\(alice:[^:]*\):[0-9]*:[0-9]*:/\1:$1:$2:/" "$DIR/etc/users"
	chown "$1:$2" "$DIR/home/alice"
}

@test "no account is the service user" {
	serve 'limits { never-ban = "127.0.0.0/8" }'
	local uid
	uid=$(id -u sallyport)
	set_ids "$uid" 300001
	refused alice secret 'account has uid of service-user'
	set_ids 300001 300001
	accepted alice secret
	run -1 ctl user set alice --uid "$uid"
	assert_output --partial 'is that of the service user'
}

@test "a home that is missing, of another owner, or no directory" {
	serve
	mv "$DIR/home/alice" "$DIR/home/moved"
	refused alice secret 'home does not exist'
	touch "$DIR/home/alice"
	refused alice secret 'home cannot be opened'
	rm "$DIR/home/alice"
	mkdir "$DIR/home/alice"
	refused alice secret 'home belongs to another user'
	rmdir "$DIR/home/alice"
	mv "$DIR/home/moved" "$DIR/home/alice"
	accepted alice secret
}

@test "max-sessions of an account" {
	serve
	ctl user set alice --max-sessions 1
	add_user bob secret
	ftp_login alice secret
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 331
		> PASS secret
		< 530 Too many sessions of this account
		> USER bob
		< 331
		> PASS secret
		< 230
		> QUIT
		< 221
	END
	wait_until log_has ' login-failed .*name="alice" reason="max-sessions of the account reached"'
	ftp QUIT 221
	ftp_close
	wait_until sessions_are 0
	accepted alice secret
}

@test "limits.sessions-per-user" {
	serve 'limits { sessions-per-user = 2 }'
	add_user bob secret
	exec {A}<>"/dev/tcp/127.0.0.1/$PORT" {B}<>"/dev/tcp/127.0.0.1/$PORT"
	for fd in "$A" "$B"; do
		printf 'USER alice\r\nPASS secret\r\n' >&"$fd"
		timeout 20 grep -q -m 1 ^230 <&"$fd"
	done
	ftp_open
	ftp 'USER alice' 331
	ftp 'PASS secret' 530
	assert_equal "$REPLY_TEXT" $'530 Too many sessions of this account\n'
	wait_until log_has ' login-failed .*reason="limits.sessions-per-user reached"'
	ftp 'USER bob' 331
	ftp 'PASS secret' 230
	exec {A}>&- {B}>&-
}

@test "logins that a limit refuses count for login-failures of the session" {
	serve 'limits { login-failures = 2 }'
	ctl user set alice --max-sessions 1
	ftp_login alice secret
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 331
		> PASS secret
		< 530 Too many sessions of this account
		> USER alice
		< 331
		> PASS secret
		< 530 Too many failed logins, closing
		<eof
	END
	assert_equal "$(log_count ' alarm ')" 0
	ftp_close
}

@test "limits.login-failures closes the connection" {
	serve 'limits { login-failures = 3 }'
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 331
		> PASS 1
		< 530 Login incorrect\r\n
		> USER bob
		< 331
		> PASS 2
		< 530 Login incorrect\r\n
		> USER alice
		< 331
		> PASS 3
		< 530 Too many failed logins, closing
		<eof
	END
	wait_until log_has ' disconnect .*reason="login-failures"'
}

# failures ADDRESS N: fail this many logins, one after the other; print how long they took, in hundredths of a
# second.
failures()
{
	local start end
	start=$(date +%s%N)
	{
		echo '< 220'
		for _ in $(seq "$2"); do
			printf '%s\n' '> USER alice' '< 331' '> PASS wrong' '< 530'
		done
	} | ftp_raw -s "$1" >&2
	end=$(date +%s%N)
	echo $(((end - start) / 10000000))
}

@test "failures of one address slow that address, and no other" {
	serve
	# pauses of 1/4, 1/2 and 1 second between four attempts
	slow=$(failures 127.0.0.2 4)
	fast=$(failures 127.0.0.3 1)
	echo "slow: $slow, fast: $fast hundredths"
	[ "$slow" -ge 170 ]
	[ "$fast" -lt 170 ]
}

@test "failures are slowed over parallel connections too" {
	serve 'limits { concurrent-hashes = 1 }'
	# the first is refused at once, each other one at least 1/4 of a second later
	parallel=$("$BATS_TEST_DIRNAME/ftp-many" fail 5 127.0.0.1 "$PORT" alice wrong)
	echo "five in parallel: $parallel s"
	python3 -c "assert $parallel > 0.9"
}

@test "who is slowed is not locked out" {
	serve
	failures 127.0.0.1 2
	accepted alice secret
}

@test "no password is ever in the log" {
	serve 'log { target = "'"$LOG"'" level = "debug" }'
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 331
		> PASS hunter2-wrong
		< 530
		> PASS hunter2-out-of-turn
		< 503
		> USER alice
		< 331
		> PASSS hunter2-mistyped
		< 500
		> USER alice
		< 331
		> PASS secret
		< 230
		> PASS hunter2-late
		< 503
		> QUIT
		< 221
	END
	wait_until log_has ' disconnect '
	run grep -E 'hunter2|secret' "$LOG" "$DIR/stderr"
	assert_output ""
}

@test "the login timeout ends the session with 421" {
	serve 'timeouts { login = "1s" }'
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 331
		< 421 No login within 1 s
		<eof
	END
	wait_until log_has ' disconnect .*reason="login-timeout"'
}

@test "the login timeout is absolute: commands do not prolong it" {
	serve 'timeouts { login = "2s" }'
	timeout 20 python3 - "$PORT" <<-'END'
		import socket, sys, time
		control = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
		file = control.makefile("rwb", 0)
		start = time.monotonic()
		try:
		    while line := file.readline():
		        if line.startswith(b"421"):
		            break
		        time.sleep(0.1)
		        file.write(b"NOOP\r\n")
		except (ConnectionResetError, BrokenPipeError):
		    pass
		assert 1.5 < time.monotonic() - start < 8
	END
	wait_until log_has ' disconnect .*reason="login-timeout"'
}

@test "the idle timeout ends the session with 421; a command prolongs it" {
	serve 'timeouts { idle = "1s" }'
	as_alice <<-'END'
		> NOOP
		< 200
		< 421 No command for 1 s
		<eof
	END
	wait_until log_has ' disconnect .*reason="idle-timeout"'
}

@test "a transfer that goes on is not idle" {
	serve 'timeouts { idle = "1s" }'
	ftp_login alice secret
	ftp 'TYPE I' 200
	ftp_passive
	ftp 'STOR slow' 150
	for i in 1 2 3 4 5; do
		echo "$i" >&"$DATA"
		sleep 0.5	# what is tried is time itself
	done
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
}

@test "changes of accounts take effect without a reload" {
	serve
	add_user bob secret
	accepted bob secret
	printf 'new\n' | ctl user passwd bob --password-stdin
	refused bob secret 'wrong password'
	accepted bob new
	ctl user del bob
	refused bob new 'unknown user'
}

@test "a damaged users file is logged, and the accounts in force stay" {
	serve
	cp -p "$DIR/etc/users" "$DIR/etc/users.good"
	echo 'this is no account' >>"$DIR/etc/users"
	accepted alice secret
	wait_until log_has ' error accounts-refused '
	# the message names the line that is wrong
	log_has "accounts-refused .*$DIR/etc/users:[0-9]+"
	cat "$DIR/etc/users.good" >"$DIR/etc/users"
	add_user bob secret
	accepted bob secret
}

@test "a users file that others can read is refused" {
	serve
	chmod 644 "$DIR/etc/users"
	accepted alice secret
	wait_until log_has ' error accounts-refused '
}
