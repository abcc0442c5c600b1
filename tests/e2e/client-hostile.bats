#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport against servers that lie, babble and break off: it ends in time, reports the fault, and writes
# nowhere else.

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
	mkdir "$DIR/work" "$DIR/in"
	export HOME=$DIR/home XDG_CONFIG_HOME=$DIR/config SALLYPORT_PASSWORD=tell-nobody
	COMMANDS=$DIR/commands
	HOSTILE_PID=
	cd "$DIR/work" || return 1
}

teardown()
{
	end_hostile
	cd /
	end_place
}

end_hostile()
{
	[ -n "$HOSTILE_PID" ] || return 0
	kill "$HOSTILE_PID"
	wait "$HOSTILE_PID" || :
	HOSTILE_PID=
	rm -f "$DIR/port"
}

# serve [OPTION...]: start ftp-hostile with these options.
serve()
{
	"$BATS_TEST_DIRNAME/ftp-hostile" "$@" "$DIR/port" "$COMMANDS" 2>"$DIR/hostile.err" 3>&- &
	HOSTILE_PID=$!
	wait_until [ -s "$DIR/port" ]
	PORT=$(cat "$DIR/port")
}

# client STATUS SCENARIO COMMAND [ARGUMENT...]: '@PATH' becomes a URL. The client runs in clear, bounded in time and
# memory.
client()
{
	local status=$1 scenario=$2 argument
	local -a words=()
	shift 2
	for argument; do
		case $argument in @*) argument=ftp://$scenario@127.0.0.1:$PORT/${argument#@} ;; esac
		words+=("$argument")
	done
	run "-$status" bounded "${words[@]}"
}

bounded()
{
	is_asan || ulimit -v 2000000
	timeout 20 "$BUILD/sallyport" "${OPTION:---plaintext}" --ca "$CA" --timeout 1 --retry "${RETRY:-0}" "$@" </dev/null 3>&-
}

# The content that the server has for "file".
reference()
{
	python3 -c 'import hashlib, sys; sys.stdout.buffer.write(hashlib.shake_256(b"sallyport").digest(300000))' >"$DIR/reference"
}

# The client printed nothing that moves a cursor.
is_clean()
{
	! printf '%s' "$output" | LC_ALL=C grep -q $'[\001-\010\013-\037\177]'
}

@test "hostile: the server itself does what it should when it should" {
	serve
	reference
	client 0 plain ls @
	assert_output --partial file
	client 0 plain get @file
	cmp "$DIR/reference" file
	[ "$(stat -c %Y file)" -eq 1577836800 ]
}

@test "hostile: a password is not sent in clear unasked" {
	serve
	OPTION=--quiet client 4 plain ls @
	assert_output --partial 'no TLS'
	assert_output --partial --plaintext
	run ! grep -E '^(USER|PASS)' "$COMMANDS"
	OPTION=--quiet run -0 timeout 20 "$BUILD/sallyport" ls "ftp://anonymous@127.0.0.1:$PORT/"
}

@test "hostile: a password that is sent is not shown by --verbose" {
	serve
	client 0 plain --verbose ls @
	assert_output --partial 'PASS ***'
	refute_output --partial tell-nobody
}

@test "hostile: greetings of other protocols, and ones without end" {
	serve --greeting 'SSH-2.0-OpenSSH_9.2\r\n'
	client 3 plain ls @
	assert_output --partial 'does not speak FTP'
	refute_output --partial 'try again'
	end_hostile
	serve --greeting "220$(printf '%0100000d' 0)"
	client 10 plain ls @
}

@test "hostile: lines and replies without end" {
	serve
	for scenario in endless-line endless-reply; do
		printf 'cd /\n' >script
		client 10 "$scenario" --batch script @
		assert_output --partial 'too long'
	done
}

@test "hostile: listings and entries without end" {
	serve
	client 3 endless-listing ls @
	assert_output --partial 'listing'
	client 3 endless-entry ls @
	assert_output --partial 'listing'
}

@test "hostile: names that lead elsewhere are left out, and nothing is written there" {
	serve
	client 0 names ls -1 @
	is_clean
	assert_line good
	refute_line --partial up
	refute_line --partial absolute
	client 0 names mirror @names "$DIR/in/mirror"
	is_clean
	[ -e "$DIR/in/mirror/good" ]
	[ "$(find "$DIR/in/mirror" -type f | wc -l)" -le 3 ]
	assert_equal "$(find "$DIR/in" -mindepth 1 -maxdepth 1)" "$DIR/in/mirror"
	[ ! -e /tmp/absolute ]
	run bounded mget "ftp://names@127.0.0.1:$PORT/names/*" "$DIR/in"
	is_clean
	assert_equal "$(find "$DIR" -name up -o -name deep -o -name absolute)" ''
}

@test "hostile: a link that lies where the part would be is not followed" {
	serve
	ln -s "$DIR/victim" file.part
	client 0 plain get @file
	[ ! -e "$DIR/victim" ]
	[ -L file.part ]
	rm file file.part
	ln -s "$DIR/victim" file
	client 0 plain get @file
	[ ! -e "$DIR/victim" ]
	[ ! -L file ]
}

@test "hostile: PASV that names a third party is answered at the server's own address" {
	serve
	reference
	client 0 third-party get @file
	cmp "$DIR/reference" file
}

@test "hostile: a size that lies" {
	serve
	client 6 size-small get @file
	assert_output --partial 'more bytes came than the server announced'
	[ ! -e file ]
	[ ! -e file.part ]
	client 6 size-large get @file
	assert_output --partial '300000 of 600000 bytes'
	[ ! -e file ]
}

@test "hostile: a hash that is another file's: the target stays as it was" {
	serve
	echo old >file
	client 6 hash-lies get @file
	assert_output --partial SHA-256
	assert_equal "$(cat file)" old
	[ ! -e file.part ]
	client 0 hash-lies get --verify never @file
}

# Large enough for a client that hashes while the bytes come.
@test "hostile: a hash that comes late, never, or of other bytes" {
	serve --size 3000000
	python3 -c 'import hashlib, sys; sys.stdout.buffer.write(hashlib.shake_256(b"sallyport").digest(3000000))' >"$DIR/reference"
	client 6 hash-lies get @file
	[ ! -e file ]
	[ ! -e file.part ]

	client 0 hash-late get --verify always @file
	cmp "$DIR/reference" file
	rm file

	# the part is whole, and stays for the next try
	client 10 hash-never get @file
	[ ! -e file ]
	cmp "$DIR/reference" file.part
	client 0 hash-late get -c @file
	cmp "$DIR/reference" file
	rm file

	client 6 hash-of-half get @file
	[ ! -e file ]

	# an answer of other bytes proves no part: the hash of all decides
	for part in "$DIR/reference" /dev/zero; do
		head -c 1500000 "$part" >file
		client 0 hash-of-more --verbose get -c @file
		assert_output --partial '213 SHA-256 0-1500000 '
		cmp "$DIR/reference" file
		rm file
	done
}

@test "hostile: a transfer that is cut off: the part is kept, resumed by --retry, byte for byte" {
	serve
	reference
	client 11 cut get @file
	cmp -n 100000 "$DIR/reference" file.part
	[ ! -e file ]
	RETRY=2 client 0 cut get -c @file
	cmp "$DIR/reference" file
	rm file
	RETRY=2 client 0 cut-control get @file
	cmp "$DIR/reference" file
	# the client reads the 64 KiB before the cut again, and compares them
	grep -q '^REST 34464' "$COMMANDS"
}

@test "hostile: without REST a resume starts over, and says so" {
	serve
	reference
	head -c 1000 "$DIR/reference" >file.part
	client 0 no-rest get -c @file
	assert_output --partial 'from the beginning'
	cmp "$DIR/reference" file
}

@test "hostile: replies out of turn do not pass for others" {
	serve
	reference
	printf 'cd /\n' >script
	client 10 early --batch script @
	assert_output --partial 'out of turn'
	# the client passes over the extra reply if it arrives before the next command, which is a matter of time
	run bounded get "ftp://out-of-turn@127.0.0.1:$PORT/file"
	[ "$status" -eq 0 ] || [ "$status" -eq 10 ] || [ "$status" -eq 3 ]
	[ ! -e file ] || cmp "$DIR/reference" file
}

@test "hostile: silence ends by --timeout" {
	serve
	printf 'cd /\n' >script
	client 10 silent --batch script @
	assert_output --partial 'silent for 1 second'
	client 10 stalled get @file
	assert_output --partial 'silent for 1 second'
}

@test "hostile: a goodbye and escape sequences in replies" {
	serve
	printf 'cd /\n' >script
	client 11 goodbye --batch script @
	assert_output --partial 421
	is_clean
	printf 'cd x\n' >script
	client 3 escape --batch script @
	assert_output --partial red
	is_clean
	client 3 escape --verbose --batch script @
	is_clean
}

@test "hostile: bytes in clear behind the answer to AUTH" {
	serve --inject
	client 5 plain ls @
	assert_output --partial 'in clear before'
	run ! grep -q '^PASS' "$COMMANDS"
}

@test "hostile: TLS that ends without close_notify" {
	serve --cert "$PKI/server.chain" --key "$PKI/server.key"
	reference
	OPTION=--quiet client 0 plain get @file
	cmp "$DIR/reference" file
	rm file
	OPTION=--quiet client 10 no-farewell get @file
	[ ! -e file ]
	cmp -n 100000 "$DIR/reference" file.part
	OPTION=--quiet client 10 no-farewell-list ls @
	assert_output --partial 'cut off'
	assert_output --partial --cut-listings
	OPTION=--cut-listings client 0 no-farewell-list ls @
	assert_output --partial 'the listing was cut off'
	mkdir "$DIR/in/mirror"
	echo mine >"$DIR/in/mirror/mine"
	OPTION=--cut-listings client 3 no-farewell-list mirror --delete @ "$DIR/in/mirror"
	assert_equal "$(cat "$DIR/in/mirror/mine")" mine
}

@test "hostile: a certificate of another name is refused, with the advice to use its name" {
	make_key p256 >key.pem
	openssl req -x509 -new -key key.pem -subj /CN=elsewhere.invalid -addext subjectAltName=DNS:elsewhere.invalid -days 3 \
		-out cert.pem 2>/dev/null
	serve --cert cert.pem --key key.pem
	CA=cert.pem OPTION=--quiet client 5 plain ls @
	assert_output --partial 'not trusted: IP address mismatch'
	assert_output --partial 'try: connect by a name or address that the certificate is for'
	refute_output --partial --ca
}

@test "hostile: a certificate of nobody is refused in scripts, and so is one that changed" {
	make_key p256 >key.pem
	openssl req -x509 -new -key key.pem -subj "/CN=$(printf '\033[31mred')" -days 3 -out cert.pem 2>/dev/null
	serve --cert cert.pem --key key.pem
	OPTION=--quiet client 5 plain ls @
	assert_output --partial 'not trusted'
	is_clean
	mkdir -p "$XDG_CONFIG_HOME/sallyport"
	echo "127.0.0.1 $PORT $(openssl x509 -in cert.pem -noout -fingerprint -sha256 | cut -d= -f2)" >"$XDG_CONFIG_HOME/sallyport/pins"
	OPTION=--quiet client 0 plain ls @
	sed -i "s/ $PORT .*/ $PORT $(openssl x509 -in "$CA" -noout -fingerprint -sha256 | cut -d= -f2)/" "$XDG_CONFIG_HOME/sallyport/pins"
	OPTION=--quiet client 5 plain ls @
	assert_output --partial 'has changed'
	assert_output --partial "127.0.0.1 $PORT"
}

@test "hostile: the disk is full: the part is kept, the error is clear" {
	serve
	mkdir small
	mount -t tmpfs -o size=128k tmpfs small || skip "no tmpfs can be mounted here"
	client 1 plain get @file small/file
	umount_small=$(stat -c %s small/file.part)
	umount small
	assert_output --partial 'No space left'
	[ "$umount_small" -gt 0 ]
}

@test "hostile: find, du, colours and completion show no control characters of names" {
	serve
	client 0 names find @names
	is_clean
	assert_line names/good
	refute_output --partial absolute
	client 0 names ls -1 -F --color=always @names
	run ! grep -q $'\033' <<<"$output"
	client 0 names du @names
	is_clean
	printf '%s\n' 'find names > found' 'ls -l | cat' 'cd names' 'find -0 > raw' >script
	client 0 names --batch script @
	run ! grep -q $'\033' found
	# -0 is for programs, and leaves names as they are
	grep -q $'\033' raw
}

@test "hostile: edit without hashes compares content, and what changed meanwhile stays" {
	serve
	printf '#!/bin/sh\necho mine >"$1"\n' >"$DIR/editor"
	chmod 755 "$DIR/editor"
	mkdir "$DIR/tmp"
	export EDITOR=$DIR/editor TMPDIR=$DIR/tmp
	unset VISUAL
	client 6 changing edit @file
	assert_output --partial "'file' is not replaced: it has changed on the server since it was fetched"
	assert_equal "$(cat "$DIR"/tmp/sallyport-edit.*/file)" mine
	run ! grep -E '^(STOR|APPE)' "$COMMANDS"
	rm -r "$DIR"/tmp/*
	# the same content: it is sent, to a server that does not take it
	run ! bounded edit "ftp://plain@127.0.0.1:$PORT/file"
	assert_output --partial 'your version is kept in'
	grep -qE '^STOR' "$COMMANDS"
	assert_equal "$(cat "$DIR"/tmp/sallyport-edit.*/file)" mine
}

@test "hostile: copy sends no server to the third party that PASV names, unless it is told to" {
	serve
	client 3 plain copy @file @copy
	assert_output --partial --relay
	grep -qF 'EPRT |1|127.0.0.1|' "$COMMANDS"
	run ! grep -E '192[.,]0[.,]2[.,]1' "$COMMANDS"
	client 3 plain --pasv-anywhere copy @file @copy
	grep -qF 'EPRT |1|192.0.2.1|' "$COMMANDS"
}
