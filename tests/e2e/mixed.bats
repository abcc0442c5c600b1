#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Two servers, one home: clients of both change the same names, while the servers are killed. tests/vm/storage-mixed.bats
# does it on NFS, for longer and with a network that is cut.
#
# MIXED_SECONDS: how long (10 unless given).

load lib

setup()
{
	new_place
	add_home
	make_node a
	make_node b
}

# start_nodes [PROGRAM...]: as PROGRAM... starts them
start_nodes()
{
	local node
	for node in a b; do
		"$@" "$BUILD/sallyportd" -c "$DIR/$node/conf" </dev/null >/dev/null 2>&1 3>&-
	done
}

teardown()
{
	local node pid
	for node in a b; do
		pid=$(cat "$DIR/$node/run/sallyportd.pid" 2>/dev/null) || continue
		kill -KILL -- "-$(ps -o pgid= -p "$pid" | tr -d ' ')" 2>/dev/null || :
	done
	[ -n "${BATS_TEST_COMPLETED-}" ] || grep -A 60 -m 2 WRONG "$DIR/journal" 2>/dev/null || :
	end_place
}

add_home()
{
	mkdir -p "$DIR/home/alice"
	chown 200000:200000 "$DIR/home/alice"
	chmod 750 "$DIR/home/alice"
	HASH=$(openssl passwd -6 secret)
}

make_node() # NAME
{
	mkdir -p "$DIR/$1/state" "$DIR/$1/run"
	(umask 077 && echo "alice:$HASH:200000:200000:$DIR/home/alice:" >"$DIR/$1/users")
	free_port >"$DIR/$1/port"
	printf '%s\n' "listen = {\"127.0.0.1:$(cat "$DIR/$1/port")\"}" 'service-user = "sallyport"' "accounts = \"$DIR/$1/users\"" \
		"state-directory = \"$DIR/$1/state\"" "runtime-directory = \"$DIR/$1/run\"" \
		"log { target = \"$DIR/$1/log\" level = \"info\" }" >"$DIR/$1/conf"
}

mixed_writers()
{
	timeout 300 "$BATS_TEST_DIRNAME/../vm/mixed-writers" --account alice --home "$DIR/home/alice" --lease 5 \
		--journal "$DIR/journal" --program "$BUILD/sallyportd" --seconds "${MIXED_SECONDS:-10}" "$@" \
		"127.0.0.1:$(cat "$DIR/a/port"):$DIR/a" "127.0.0.1:$(cat "$DIR/b/port"):$DIR/b"
}

@test "the judge accepts what can be, and finds what cannot" {
	"$BATS_TEST_DIRNAME/../vm/mixed_judge_test.py"
}

@test "mixed writers at both, and kill -9: what was answered is there, nothing is mixed, no lock stays" {
	start_nodes
	run mixed_writers
	echo "# ${lines[-1]}" >&3
	assert_success
}

@test "the same on storage whose locks lock nothing: the judge sees the loss" {
	local word
	word=$(preload no_locks)
	start_nodes env "$word"
	run mixed_writers --preload "${word#LD_PRELOAD=}" --seconds 100 --families 2 --until-wrong
	echo "# ${lines[-1]}" >&3
	assert_failure 1
	assert_output --partial 'no order explains'
}
