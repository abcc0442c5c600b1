#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport and real servers: random cuts, changes between cut and resume, and random trees; no byte may be
# wrong. Each run has another seed, and prints it; SEED sets it. A server that is not available is skipped.

load lib

PEERS=$BATS_TEST_DIRNAME/../bench/peers

setup_file()
{
	export BENCH_TMP=$BATS_FILE_TMPDIR/peers BENCH_HOME=$BATS_FILE_TMPDIR/bench/home BENCH_USER=sp-test-$$ BENCH_PASS=secret
	export PEERS_ROOT=${PEERS_ROOT:-/opt/peers/root} SALLYPORT_PASSWORD=secret PYTHONUTF8=1
	export SEED=${SEED:-$((RANDOM * 1000))}
	mkdir -p "$BENCH_HOME"
	# the server's user has to reach it from the root directory on
	local path=$BATS_FILE_TMPDIR
	while [ "$path" != / ] && [ "$path" != /tmp ]; do
		chmod a+x "$path"
		path=$(dirname "$path")
	done
	# do not compile the trees that only measure
	: >"$BENCH_HOME/.ready"
	timeout 120 "$BATS_TEST_DIRNAME/../bench/get-peers" >"$BATS_FILE_TMPDIR/get-peers" 2>&1 3>&- || :
}

teardown_file()
{
	"$PEERS" clean >/dev/null 2>&1 || :
}

# try_server NAME RESUMES MIRRORS
try_server()
{
	local port
	"$PEERS" has "$1" || skip "$1 cannot be had: $(tr '\n' ' ' <"$BATS_FILE_TMPDIR/get-peers")"
	port=$(free_port)
	"$PEERS" setup 3>&-
	# the tmpfs that the test mounts there has no home yet
	mkdir -p "$BENCH_HOME"
	chown "$BENCH_USER:" "$BENCH_HOME"
	"$PEERS" start "$1" "$port" 3>&-
	run "$BATS_TEST_DIRNAME/property" "$1-$port" "$BENCH_USER" "$BENCH_HOME" "$SEED" "$2" "$3" 40 3>&-
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
