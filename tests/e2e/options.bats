#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Options of the administrator: texts, names, ports and MODE Z.

# shellcheck disable=SC2153 # PORT is set by lib.bash

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
}

# Run as the account's own uid, so that the home stays the account's.
as_user()
{
	setpriv --reuid 200000 --regid 200000 --clear-groups "$@"
}

@test "the banner greets, and the login message follows the password" {
	printf 'Welcome.\nBackups run at night.\n' >"$DIR/etc/motd"
	serve 'banner = "files of example.org"' "login-message = \"$DIR/etc/motd\""
	ftp_raw <<-'END'
		< 220 files of example.org
		> USER alice
		< 331
		> PASS secret
		< 230-Welcome\..*230-Backups run at night\..*230 User alice logged in
		> QUIT
		< 221
	END
}

@test "a directory's .message is shown on the way in, when that is switched on" {
	serve 'directory-message = yes'
	as_user mkdir "$HOME_DIR/d" "$HOME_DIR/quiet"
	as_user sh -c "printf 'Handle\\nwith\\033 care\\n' >$HOME_DIR/d/.message"
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 331
		> PASS secret
		< 230
		> CWD d
		< 250-Handle.*250-with\? care.*250 Directory changed to /d
		> CWD /quiet
		< 250 Directory changed to /quiet
		> QUIT
		< 221
	END
}

@test "without that switch .message is a file as any other" {
	serve
	as_user mkdir "$HOME_DIR/d"
	as_user sh -c "echo text >$HOME_DIR/d/.message"
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 331
		> PASS secret
		< 230
		> CWD d
		< 250 Directory changed to /d
		> QUIT
		< 221
	END
}

@test "HOST takes the server's names, the dialled address, and no other" {
	serve 'server-name = "ftp.example.org,ftp.example.net"'
	ftp_raw <<-'END'
		< 220
		> HOST elsewhere.example.com
		< 504
		> HOST FTP.example.net
		< 220
		> HOST [::1]
		< 504
		> HOST 127.0.0.1
		< 220
		> USER alice
		< 331
		> HOST ftp.example.org
		< 503
		> QUIT
		< 221
	END
}

@test "PASV tells passive-address, a number or a name" {
	serve 'passive-address = "203.0.113.7"'
	ftp_login alice secret
	run ftp PASV
	assert_output --partial "(203,0,113,7,"
	ftp_close

	# the client dials a name, and the server has another loopback address than that name
	stop_server
	sed -i 's/^passive-address.*/passive-address = "localhost"/; s/^listen .*/listen = {"127.0.0.2:0"}/' "$CONF"
	start_server
	wait_until log_has 'listening address=127.0.0.2 '
	python3 - "$(sed -n 's/.*listening address=127.0.0.2 .*port=\([0-9]*\).*/\1/p' "$LOG" | tail -n 1)" <<-'END'
		import ftplib, sys, time
		for _ in range(100):
		    ftp = ftplib.FTP()
		    ftp.connect("127.0.0.2", int(sys.argv[1]), timeout=20)
		    ftp.login("alice", "secret")
		    told = ftp.sendcmd("PASV")
		    ftp.quit()
		    if "(127,0,0,1," in told:
		        sys.exit(0)
		    time.sleep(0.1)
		sys.exit("told " + told)
	END
}

@test "active mode comes from active-port, with the one right that this takes" {
	local port=20
	! ss -Hltn "sport = :$port" | grep -q . || skip "something listens on port $port here"
	serve "active-port = $port" "listen = {\"127.0.0.1:0\"}"
	as_user sh -c "head -c 100000 /dev/urandom >$HOME_DIR/f"
	python3 - "$PORT" <<-'END'
		import ftplib, sys
		ftp = ftplib.FTP()
		ftp.connect("127.0.0.1", int(sys.argv[1]), timeout=20)
		ftp.login("alice", "secret")
		ftp.set_pasv(False)
		ftp.voidcmd("TYPE I")
		for _ in range(3):
		    data, size = ftp.ntransfercmd("RETR f")
		    assert data.getpeername()[1] == 20, data.getpeername()
		    got = 0
		    while chunk := data.recv(65536):
		        got += len(chunk)
		    data.close()
		    ftp.voidresp()
		    assert got == 100000, got
		ftp.quit()
	END
	ftp_login alice secret
	find_session
	run status_of "$MONITOR" CapEff
	assert_output 0000000000000400
	for pid in $PROTOCOL $FILES; do
		run status_of "$pid" CapEff
		assert_output 0000000000000000
	done
	ftp_close
}

@test "MODE Z is off by default and not in FEAT" {
	serve
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 331
		> PASS secret
		< 230
		> MODE Z
		< 504
		> OPTS MODE Z LEVEL 3
		< 501
		> QUIT
		< 221
	END
	ftp_open
	run ftp FEAT
	refute_output --partial "MODE Z"
	ftp_close
}

@test "MODE Z carries files both ways, and an upload may not expand past its limit" {
	serve 'mode-z = yes' 'mode-z-limit = "1M"'
	python3 - "$PORT" <<-'END'
		import ftplib, io, os, sys, zlib
		ftp = ftplib.FTP()
		ftp.connect("127.0.0.1", int(sys.argv[1]), timeout=20)
		ftp.login("alice", "secret")
		assert "MODE Z" in ftp.sendcmd("FEAT")
		ftp.voidcmd("TYPE I")
		ftp.sendcmd("MODE Z")
		ftp.sendcmd("OPTS MODE Z LEVEL 9")
		body = os.urandom(1000) * 300 + b"end\r\n"
		ftp.storbinary("STOR f", io.BytesIO(zlib.compress(body)))
		assert ftp.size("f") == len(body)
		got = bytearray()
		ftp.retrbinary("RETR f", got.extend)
		assert len(got) < len(body) and zlib.decompress(bytes(got)) == body
		listing = bytearray()
		ftp.retrbinary("LIST", listing.extend)
		assert b" f\r\n" in zlib.decompress(bytes(listing))

		def refused(data, code):
		    try:
		        ftp.storbinary("STOR g", io.BytesIO(data))
		    except ftplib.Error as error:
		        assert str(error).startswith(code), error
		        return
		    except OSError:
		        reply = ftp.getmultiline()
		        assert reply.startswith(code), reply
		        return
		    raise AssertionError("taken: " + code)

		refused(zlib.compress(bytes(2 << 20)), "552")
		refused(b"this is not the format", "426")
		refused(zlib.compress(body)[:-10], "426")
		ftp.sendcmd("MODE S")
		assert "g" not in ftp.nlst()
		ftp.quit()
	END
}
