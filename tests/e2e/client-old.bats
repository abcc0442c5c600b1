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

# --- character sets ---

@test "--charset: names of the server in the locale's characters, both ways" {
	local name
	old served
	echo one >"$DIR/served/"$'caf\xe9'
	export LC_ALL=C.UTF-8
	run -0 client --charset ISO-8859-1 ls -1 "$(at)"
	assert_output 'café'
	client -q --charset ISO-8859-1 get "$(at caf%C3%A9)"
	assert_equal "$(cat café)" one
	echo two >naïve
	client -q --charset ISO-8859-1 put naïve "$(at)"
	assert_equal "$(cat "$DIR/served/"$'na\xefve')" two
	mkdir tree tree/süd
	echo three >tree/süd/größe
	client -q --charset ISO-8859-1 mirror tree "$(at tree)"
	assert_equal "$(cat "$DIR/served/tree/"$'s\xfcd/gr\xf6\xdfe')" three
	client -q --charset ISO-8859-1 mirror "$(at tree)" back
	diff -r tree back
	# a name that Latin-1 does not have
	echo four >日本
	run -2 client --charset ISO-8859-1 put 日本 "$(at)"
	assert_output --partial 'cannot be written in ISO-8859-1, or would stand for another one there'
	# without the option names are bytes
	run -0 client ls -1 "$(at)"
	refute_output --partial café
}

@test "--charset: what has no character here is escaped, comes back, and is never taken for another name" {
	old served
	echo one >"$DIR/served/"$'caf\x81'
	echo two >"$DIR/served/"'caf\x81'
	export LC_ALL=C.UTF-8
	run -0 client --charset CP1252 ls -1 "$(at)"
	assert_output $'caf\\x5Cx81\ncaf\\x81'
	client -q --charset CP1252 mirror "$(at)" back
	assert_equal "$(cat 'back/caf\x81')" one
	assert_equal "$(cat 'back/caf\x5Cx81')" two
	rm "$DIR"/served/caf*
	client -q --charset CP1252 mirror back "$(at)"
	assert_equal "$(cat "$DIR/served/"$'caf\x81')" one
	assert_equal "$(cat "$DIR/served/"'caf\x81')" two
	# é is in the set: its escape would be a second name of the same file
	echo three >'\xE9'
	run -2 client --charset CP1252 put '\xE9' "$(at)"
	assert_output --partial 'would stand for another one there'
}

@test "--charset: sets that cannot be, and UTF8 is switched off at a server that has it" {
	old served --utf8
	run -2 client --charset nonsense ls "$(at)"
	assert_output --partial "--charset is 'nonsense'; iconv cannot convert it to this locale's UTF-8"
	run -2 client --charset UTF-16 ls "$(at)"
	assert_output --partial "--charset is 'UTF-16', which does not have all of ASCII at its place"
	client --charset CP932 ls "$(at)"
	grep -q '^OPTS UTF8 OFF$' "$DIR/served.commands"
}

@test "connections of parallel and segmented transfers are used again, and each says goodbye" {
	local i
	old served --mlsd
	for i in 1 2 3 4 5 6; do head -c 200000 /dev/urandom >"$DIR/served/m$i"; done
	for i in a b; do head -c 3000000 /dev/urandom >"$DIR/served/large-$i"; done
	mkdir "$DIR/served/sub"
	cp "$DIR/served/m1" "$DIR/served/sub/n1"
	cp "$DIR/served/m2" "$DIR/served/sub/n2"
	printf '%s\n' 'mget -P 3 m*' 'get -s 3 large-a' 'get -s 3 large-b' 'cd sub' 'mget -P 3 n*' >commands
	client -q -b commands "$(at)"
	for i in m1 m2 m3 m4 m5 m6 large-a large-b; do cmp "$i" "$DIR/served/$i"; done
	for i in n1 n2; do cmp "$i" "$DIR/served/sub/$i"; done
	assert_equal "$(grep -c '^USER ' "$DIR/served.commands")" 3
	assert_equal "$(grep -c '^QUIT$' "$DIR/served.commands")" 3
}

@test "a connection that the server has closed meanwhile is made again" {
	old served --mlsd --bored 1
	for i in 1 2 3; do echo "$i" >"$DIR/served/m$i"; done
	printf '%s\n' 'mget -P 3 m*' '!rm m1 m2 m3; sleep 2' 'mget -P 3 m*' >commands
	client -q --retry 2 -b commands "$(at)"
	for i in 1 2 3; do assert_equal "$(cat "m$i")" "$i"; done
}

# --- text ---

@test "--ascii: CRLF on the way, LF here, both directions" {
	local way
	old served --mlsd --hash
	printf 'one\ntwo\n\nno end' >"$DIR/served/text"
	seq 1 200000 >"$DIR/served/long"
	printf 'three\nfour\r\nfive\n' >up
	client -q --ascii get "$(at text)" text
	cmp text "$DIR/served/text"
	client -q --ascii get "$(at long)" long
	cmp long "$DIR/served/long"
	grep -q '^TYPE A$' "$DIR/served.commands"
	client -q --ascii put up "$(at up)"
	printf 'three\nfour\nfive\n' | cmp - "$DIR/served/up"
	client -q --ascii put long "$(at back)"
	cmp long "$DIR/served/back"
	client -q --ascii get "$(at long)" - >long2
	cmp long long2
	client -q --ascii put - "$(at back2)" <long || :
	# bytes again for whatever follows
	assert_equal "$(grep -c '^TYPE A$' "$DIR/served.commands")" "$(($(grep -c '^TYPE I$' "$DIR/served.commands") - $(grep -c '^USER ' "$DIR/served.commands")))"
}

@test "--ascii: a server that keeps lines its own way has other sizes, and that is no error" {
	old served --mlsd --crlf
	printf 'one\r\ntwo\r\n' >"$DIR/served/text"
	client -q --ascii get "$(at text)" text
	printf 'one\ntwo\n' | cmp - text
	client -q --ascii put text "$(at up)"
	cmp "$DIR/served/text" "$DIR/served/up"
}

@test "--ascii: what would need a size or a hash is refused" {
	old served --mlsd
	echo x >"$DIR/served/text"
	run -2 client --ascii -c get "$(at text)"
	assert_output --partial '--ascii and --continue exclude each other'
	run -2 client --ascii --verify always get "$(at text)"
	assert_output --partial '--ascii and --verify always exclude each other'
	run -2 client --ascii -s 2 get "$(at text)"
	assert_output --partial '--ascii and --segments exclude each other'
}

# --- times ---

@test "--server-timezone: the zone of LIST is given, or found by one MDTM" {
	old served --zone 330
	echo x >"$DIR/served/file"
	touch -d '2 days ago 12:34:56 UTC' "$DIR/served/file"
	local exact listed
	exact=$(($(stat -c %Y "$DIR/served/file") / 60 * 60))
	run -0 client --json ls "$(at)"
	assert_equal "$(jq .mtime <<<"$output")" $((exact + 330 * 60))
	refute grep -q '^MDTM' "$DIR/served.commands"
	run -0 client --json --server-timezone auto ls "$(at)"
	assert_equal "$(jq .mtime <<<"$output")" "$exact"
	run -0 client --json --server-timezone +05:30 ls "$(at)"
	assert_equal "$(jq .mtime <<<"$output")" "$exact"
	run -2 client --server-timezone Berlin ls "$(at)"
	assert_output --partial "--server-timezone is 'Berlin'; it must be auto, UTC, or hours from UTC as +02:00"
}

@test "a job in the background has connections of its own, and leaves those of the shell alone" {
	local i
	old served --mlsd
	for i in m1 m2 m3 n1 n2 n3 o1 o2 o3; do echo "$i" >"$DIR/served/$i"; done
	printf '%s\n' 'mget -P 3 m*' 'mget -P 3 n* &' 'mget -P 3 o*' >commands
	run -0 client -v -b commands "$(at)"
	for i in m1 m2 m3 n1 n2 n3 o1 o2 o3; do assert_equal "$(cat $i)" "$i"; done
	refute_output --partial 'closed meanwhile'
	refute_output --partial 'Bad file descriptor'
	# three of the shell, and three of the job
	assert_equal "$(grep -c '^USER ' "$DIR/served.commands")" 6
}
