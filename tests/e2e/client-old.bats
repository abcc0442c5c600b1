#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport and what old servers and odd networks want of it: accounts, active mode behind NAT, a limit of the rate.

load lib
load old-lib

setup()
{
	new_old_place
}

teardown()
{
	end_old_place
}

client()
{
	setsid -w timeout 60 "$BUILD/sallyport" --plaintext --retry 0 "$@" </dev/null
}

at()
{
	echo "ftp://alice@127.0.0.1:$OLD_PORT/${1-}"
}

@test "ACCT: the account of --account or of ~/.netrc, where the server asks for it" {
	old served --account 'blue 7'
	echo hello >"$DIR/served/file"
	run -0 client --account 'blue 7' cat "$(at file)"
	assert_output hello
	printf 'machine 127.0.0.1 login alice password secret account "blue 7"\n' >"$HOME/.netrc"
	chmod 600 "$HOME/.netrc"
	unset SALLYPORT_PASSWORD
	run -0 client cat "$(at file)"
	assert_output hello
	run -0 client -v cat "$(at file)"
	assert_output --partial '> ACCT ***'
	refute_output --partial 'blue 7'
	run -4 client --account red cat "$(at file)"
	assert_output --partial "the server answers '530 Unknown account'"
	assert_output --partial 'check the account (--account)'
	rm "$HOME/.netrc"
	export SALLYPORT_PASSWORD=secret
	run -4 client cat "$(at file)"
	assert_output --partial 'the server wants an account besides the password (ACCT)'
	assert_output --partial 'give it by --account'
}

@test "ACCT: an account that nobody asked for is told after the login, and its refusal is no error" {
	old served
	echo hello >"$DIR/served/file"
	run -0 client --account x cat "$(at file)"
	assert_output hello
	grep -q '^ACCT x$' "$DIR/served.commands"
}

@test "--active-ports: the server connects to a port of the range" {
	local port
	old served
	echo hello >"$DIR/served/file"
	port=$(free_port)
	run -0 client --active-ports "$port" cat "$(at file)"
	assert_output hello
	assert_equal "$(sed -n 's/^EPRT |1|127.0.0.1|\([0-9]*\)|$/\1/p' "$DIR/served.commands")" "$port"
	# a range that is in use
	python3 -c '
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
open(sys.argv[2], "w").close()
time.sleep(30)' "$port" "$DIR/taken" 3>&- &
	OLD_PIDS="$OLD_PIDS $!"
	wait_until [ -e "$DIR/taken" ]
	run -1 client --active-ports "$port-$port" cat "$(at file)"
	assert_output --partial "all ports from $port to $port are in use"
	local range
	for range in 0-5 5-4 1- -1 x 1-70000; do
		run -2 client --active-ports="$range" cat "$(at file)"
		assert_output --partial "--active-ports is '$range'; it must be two ports, as 50000-50100"
	done
}

@test "--active-address: the server is told the address that NAT has outside" {
	old served --foreign
	echo hello >"$DIR/served/file"
	# every address of 127/8 leads here, as a router would lead the outer address
	run -10 client --timeout 3 --active-address 127.0.0.9 cat "$(at file)"
	grep -qE '^EPRT \|1\|127\.0\.0\.9\|[0-9]+\|$' "$DIR/served.commands"
	end_old
	old served --foreign --no-epsv
	run -10 client --timeout 3 --active-address 127.0.0.9 cat "$(at file)"
	grep -qE '^PORT 127,0,0,9,[0-9]+,[0-9]+$' "$DIR/served.commands"
	run -2 client --active-address outside cat "$(at file)"
	assert_output --partial "--active-address is 'outside'; it must be the address of this machine as the server sees it"
}

# took MILLISECONDS COMMAND...: the command succeeds, and takes at least so long.
took()
{
	local begin end
	begin=$(date +%s%N)
	"${@:2}" || return 1
	end=$(date +%s%N)
	[ $(((end - begin) / 1000000)) -ge "$1" ]
}

@test "--limit-rate: both directions, and all connections together" {
	old served --mlsd
	head -c 600000 /dev/urandom >"$DIR/served/one"
	for i in 1 2 3 4; do head -c 150000 /dev/urandom >"$DIR/served/m$i"; done
	took 1700 client -q --limit-rate 300000 get "$(at one)" one
	cmp one "$DIR/served/one"
	took 1700 client -q --limit-rate 300k put one "$(at back)"
	cmp one "$DIR/served/back"
	took 1700 client -q --limit-rate 0300K mget -P 4 "$(at 'm*')" .
	for i in 1 2 3 4; do cmp "m$i" "$DIR/served/m$i"; done
	run -2 client --limit-rate 0 ls "$(at)"
	assert_output --partial "--limit-rate is '0'; it must be bytes a second with K, M or G, as 500K"
	run -2 client --limit-rate fast ls "$(at)"
	assert_output --partial "--limit-rate is 'fast'"
}
