# SPDX-License-Identifier: ISC
# Helpers of tests of the client against real servers (tests/bench/peers), besides lib.bash.
#
#   setup_file()    { make_peers_place; }
#   teardown_file() { end_peers_place; }
#
# A test that starts a server needs root.

PEERS=$BATS_TEST_DIRNAME/../bench/peers

# An account BENCH_USER whose home is BENCH_HOME; its password is in the environment.
make_peers_place()
{
	export BENCH_TMP=$BATS_FILE_TMPDIR/peers BENCH_HOME=$BATS_FILE_TMPDIR/bench/home BENCH_USER=sp-test-$$ BENCH_PASS=secret
	export PEERS_ROOT=${PEERS_ROOT:-/opt/peers/root} SALLYPORT_PASSWORD=secret PYTHONUTF8=1
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

end_peers_place()
{
	"$PEERS" clean >/dev/null 2>&1 || :
}

# need_peer NAME: skip the test, with the reason, where there is no such server.
need_peer()
{
	"$PEERS" has "$1" || skip "$1 cannot be had: $(tr '\n' ' ' <"$BATS_FILE_TMPDIR/get-peers")"
	"$PEERS" setup 3>&-
	# the tmpfs that the test mounts there has no home yet
	mkdir -p "$BENCH_HOME"
	chown "$BENCH_USER:" "$BENCH_HOME"
}

# start_peer NAME [tls]: PEER_PORT is its port.
start_peer()
{
	PEER_PORT=$(free_port)
	"$PEERS" start "$1" "$PEER_PORT" "${2-}" 3>&-
}
