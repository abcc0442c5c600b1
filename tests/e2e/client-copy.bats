#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport copy: a file from one server to another, directly or through this machine.

load lib
load tls-lib
load old-lib

setup_file()
{
	make_authority
}

setup()
{
	new_old_place
	mkdir -p "$DIR/a" "$DIR/b"
	head -c 500000 /dev/urandom >"$DIR/a/file"
	touch -d '2024-05-06 07:08:09 UTC' "$DIR/a/file"
}

teardown()
{
	end_old_place
}

TLS()
{
	echo --cert "$PKI/server.chain" --key "$PKI/server.key"
}

# servers "OPTION... of a" "OPTION... of b": A and B are their URLs.
servers()
{
	# shellcheck disable=SC2086 # options
	old a $1
	A=ftp://alice@127.0.0.1:$OLD_PORT
	# shellcheck disable=SC2086
	old b $2
	B=ftp://alice@127.0.0.1:$OLD_PORT
}

copy()
{
	setsid -w timeout 60 "$BUILD/sallyport" --retry 0 --ca "$CA" copy "$@" </dev/null
}

# Nothing of the file is left at b, under any name.
b_is_empty()
{
	assert_equal "$(ls "$DIR/b")" ''
}

@test "the servers connect to each other, and the copy has size and time of the source" {
	servers '' ''
	run -0 copy --plaintext "$A/file" "$B/copy"
	assert_output --partial 'size matches'
	cmp "$DIR/a/file" "$DIR/b/copy"
	assert_equal "$(ls "$DIR/b")" copy
	grep -q '^PASV$' "$DIR/b.commands"
	grep -qE '^EPRT ' "$DIR/a.commands"
	grep -qE '^STOR copy\.[0-9a-f]{8}\.part$' "$DIR/b.commands"
	# into a directory
	mkdir "$DIR/b/sub"
	copy --plaintext -q "$A/file" "$B/sub"
	copy --plaintext -q "$A/file" "$B/"
	cmp "$DIR/a/file" "$DIR/b/sub/file"
	cmp "$DIR/a/file" "$DIR/b/file"
}

@test "the hash of both servers proves the copy, where they have one" {
	servers --hash '--hash --mlsd'
	run -0 copy --plaintext "$A/file" "$B/copy"
	assert_output --partial 'SHA-256 verified'
	end_old
	servers '' --hash
	run -6 copy --plaintext --verify always "$A/file" "$B/other"
	assert_output --partial 'the servers have no hash in common'
	[ ! -e "$DIR/b/other" ]
	assert_equal "$(ls "$DIR/b")" copy
}

@test "where one server refuses PORT, it listens; where both do, the error says so, and --relay helps" {
	servers --no-port ''
	copy --plaintext -q "$A/file" "$B/copy"
	cmp "$DIR/a/file" "$DIR/b/copy"
	grep -q '^PASV$' "$DIR/a.commands"
	end_old
	rm "$DIR/b/copy"
	servers --no-port '--no-port --no-epsv'
	run -3 copy --plaintext "$A/file" "$B/copy"
	assert_output --partial "127.0.0.1 port ${B##*:} refuses PORT: '500 Illegal PORT command'"
	assert_output --partial '--relay passes the data through this machine'
	b_is_empty
	copy --plaintext -q --relay "$A/file" "$B/copy"
	cmp "$DIR/a/file" "$DIR/b/copy"
}

@test "TLS between the servers, by SSCN or by CPSV" {
	servers "$(TLS)" "$(TLS)"
	run -0 copy "$A/file" "$B/copy"
	cmp "$DIR/a/file" "$DIR/b/copy"
	assert_equal "$(grep -h SSCN "$DIR/b.commands")" $'SSCN ON\nSSCN OFF'
	refute grep -q '^PROT C' "$DIR/a.commands" "$DIR/b.commands"
	end_old
	servers "$(TLS)" "$(TLS) --no-sscn"
	copy -q "$A/file" "$B/copy2"
	cmp "$DIR/a/file" "$DIR/b/copy2"
	assert_equal "$(grep -h SSCN "$DIR/a.commands")" $'SSCN ON\nSSCN OFF'
	end_old
	servers "$(TLS) --no-sscn --cpsv" "$(TLS) --no-sscn"
	copy -q "$A/file" "$B/copy3"
	cmp "$DIR/a/file" "$DIR/b/copy3"
	grep -q '^CPSV$' "$DIR/a.commands"
}

@test "nothing goes in clear between servers with TLS, unless --plaintext allows it" {
	servers "$(TLS) --no-sscn" "$(TLS) --no-sscn"
	run -3 copy "$A/file" "$B/copy"
	assert_output --partial 'neither server can begin TLS with another one (SSCN, CPSV), and the file would go in clear'
	b_is_empty
	copy -q --relay "$A/file" "$B/relayed"
	cmp "$DIR/a/file" "$DIR/b/relayed"
	refute grep -q '^PROT C' "$DIR/a.commands" "$DIR/b.commands"
	copy -q --plaintext "$A/file" "$B/clear"
	cmp "$DIR/a/file" "$DIR/b/clear"
	grep -q '^PROT C' "$DIR/b.commands"
	end_old
	rm "$DIR"/b/*
	servers "$(TLS)" ''
	run -4 copy "$A/file" "$B/copy"
	assert_output --partial 'this server has no TLS'
}

@test "half a file never stands for the whole" {
	local how
	servers --cut ''
	for how in '' --relay; do
		# shellcheck disable=SC2086 # no option, or one
		run -6 copy --plaintext $how "$A/file" "$B/copy"
		assert_output --partial '250000 bytes arrived at 127.0.0.1, and 127.0.0.1 has 500000'
		b_is_empty
	done
	# an older file of the name stays
	echo older >"$DIR/b/copy"
	run -6 copy --plaintext "$A/file" "$B/copy"
	assert_equal "$(cat "$DIR/b/copy")" older
}

@test "a file that is not there, and places that are none" {
	servers '' ''
	run -3 copy --plaintext "$A/nothing" "$B/copy"
	assert_output --partial "the server answers '550 No such file nothing'"
	b_is_empty
	run -3 copy --plaintext --relay "$A/nothing" "$B/copy"
	b_is_empty
	run -3 copy --plaintext "$A/file" "$B/no/such/directory"
	run -2 copy "$A/file"
	assert_output --partial 'usage: sallyport copy [options] URL URL'
	run -2 copy --plaintext "$A/" "$B/copy"
	assert_output --partial 'the first URL names no file'
	run -2 copy file "$B/copy"
	assert_output --partial "copy: 'file' is neither a URL nor a bookmark"
}

@test "a server that stalls is given up" {
	servers '' ''
	python3 - "$DIR/stall.port" <<-'END' 3>&- &
		import socket, sys, threading, time, os
		listener = socket.create_server(("127.0.0.1", 0))
		open(sys.argv[1] + ".new", "w").write("%d\n" % listener.getsockname()[1])
		os.rename(sys.argv[1] + ".new", sys.argv[1])
		answers = {"USER": "331 p", "PASS": "230 in", "TYPE": "200 ok", "SIZE": "213 5", "PASV": "227 (127,0,0,1,1,1)",
		           "NOOP": "200 ok", "EPRT": "200 ok", "RETR": "150 soon", "FEAT": "211 none", "AUTH": "502 no"}
		def serve(s):
		    s.sendall(b"220 hi\r\n")
		    for line in s.makefile("r"):
		        s.sendall((answers.get(line.split()[0], "502 no") + "\r\n").encode())
		while True:
		    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
	END
	OLD_PIDS="$OLD_PIDS $!"
	wait_until [ -s "$DIR/stall.port" ]
	SECONDS=0
	run -10 copy --plaintext --timeout 2 "ftp://alice@127.0.0.1:$(cat "$DIR/stall.port")/file" "$B/copy"
	[ "$SECONDS" -lt 40 ]
	b_is_empty
}

@test "sallyportd: nothing goes in clear between two of them; through this machine the hash proves the copy" {
	start_tls_server
	cp "$DIR/a/file" "$DIR/home/alice/file"
	chown -R --reference="$DIR/home/alice" "$DIR/home/alice/file"
	A=ftp://alice@127.0.0.1:$PORT
	run -3 copy "$A/file" "$A/copy"
	assert_output --partial 'the file would go in clear'
	assert_output --partial '--relay passes the data through this machine'
	run -0 copy --relay "$A/file" "$A/copy"
	assert_output --partial 'SHA-256 verified'
	cmp "$DIR/a/file" "$DIR/home/alice/copy"
	assert_equal "$(ls "$DIR/home/alice")" $'copy\nfile'
	# and between it and another server
	old b --hash
	run -0 copy --relay --plaintext "$A/file" "ftp://alice@127.0.0.1:$OLD_PORT/copy"
	assert_output --partial 'SHA-256 verified'
	cmp "$DIR/a/file" "$DIR/b/copy"
}

# start_proftpd NAME: serve $DIR/NAME with TLS to alice; PEER_PORT is its port.
start_proftpd()
{
	local name=$1 program=${PEERS_ROOT-}/usr/sbin/proftpd
	[ -x "$program" ] || program=$(type -P proftpd) || skip 'proftpd is not installed, nor below PEERS_ROOT'
	PEER_PORT=$(free_port)
	mkdir -p "$DIR/$name" "$DIR/run.$name"
	chown -R nobody "$DIR/$name"
	echo "alice:$(openssl passwd -6 secret):$(id -u nobody):$(id -g nobody)::$DIR/$name:/bin/sh" >"$DIR/passwd.$name"
	chmod 600 "$DIR/passwd.$name"
	cat >"$DIR/$name.conf" <<-END
		ServerType standalone
		DefaultAddress 127.0.0.1
		SocketBindTight on
		UseIPv6 off
		Port $PEER_PORT
		User nobody
		Group nogroup
		ModulePath ${PEERS_ROOT-}/usr/lib/proftpd
		PidFile $DIR/run.$name/pid
		ScoreboardFile $DIR/run.$name/scoreboard
		DelayEngine off
		SystemLog $DIR/run.$name/log
		TransferLog none
		WtmpLog off
		UseReverseDNS off
		RequireValidShell off
		AuthUserFile $DIR/passwd.$name
		AuthOrder mod_auth_file.c
		AllowOverwrite on
		AllowForeignAddress on
		LoadModule mod_tls.c
		TLSEngine on
		TLSRequired on
		TLSECCertificateFile $PKI/server.chain
		TLSECCertificateKeyFile $PKI/server.key
		TLSCertificateChainFile $PKI/intermediate.pem
		TLSVerifyClient off
		TLSCACertificateFile $CA
		TLSOptions NoSessionReuseRequired
	END
	LD_LIBRARY_PATH=${PEERS_ROOT-}/usr/lib/x86_64-linux-gnu "$program" -n -c "$DIR/$name.conf" >"$DIR/$name.log" 2>&1 </dev/null 3>&- &
	OLD_PIDS="$OLD_PIDS $!"
	wait_until answers "$PEER_PORT" || { cat "$DIR/$name.log" "$DIR/run.$name/log" && return 1; }
}

answers()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

@test "two servers of ProFTPD, with TLS between them" {
	start_proftpd a
	A=ftpes://alice@127.0.0.1:$PEER_PORT
	start_proftpd b
	B=ftpes://alice@127.0.0.1:$PEER_PORT
	run -0 copy -v "$A/file" "$B/copy"
	assert_output --partial '> SSCN ON'
	refute_output --partial '> PROT C'
	cmp "$DIR/a/file" "$DIR/b/copy"
	copy -q --relay "$A/file" "$B/relayed"
	cmp "$DIR/a/file" "$DIR/b/relayed"
}
