#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport and real servers: random cuts, changes between cut and resume, and random trees; no byte may be
# wrong. Each run has another seed, and prints it; SEED sets it. A server that is not available is skipped.

load lib
load peers-lib

setup_file()
{
	make_peers_place
	export SEED=${SEED:-$((RANDOM * 1000))}
}

teardown_file()
{
	end_peers_place
}

# try_server NAME RESUMES MIRRORS
try_server()
{
	need_peer "$1"
	start_peer "$1"
	run "$BATS_TEST_DIRNAME/property" "$1-$PEER_PORT" "$BENCH_USER" "$BENCH_HOME" "$SEED" "$2" "$3" 40 3>&-
	"$PEERS" stop "$1"
	echo "# $output" | sed -n '$p' >&3
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "property: sallyportd" {
	try_server sallyport 50 20
}

@test "property: vsftpd" {
	try_server vsftpd 40 15
}

@test "property: Pure-FTPd" {
	try_server pure-ftpd 40 15
}

@test "property: ProFTPD" {
	try_server proftpd 30 10
}

@test "property: pyftpdlib" {
	try_server pyftpdlib 40 15
}

@test "property: GNU inetutils" {
	try_server inetutils 20 8
}

@test "property: ftp-srv" {
	try_server ftp-srv 20 8
}
