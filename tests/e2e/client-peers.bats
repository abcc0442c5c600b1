#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The client's options against other servers: each does what it can do there, and says what it cannot. A server that is not
# available is skipped.

load lib
load tls-lib
load peers-lib

bats_require_minimum_version 1.5.0

setup_file()
{
	make_peers_place
	make_authority
	make_key p256 >"$PKI/person.key"
	sign_with root person 'a person' 20 'basicConstraints=critical,CA:FALSE' extendedKeyUsage=clientAuth
}

teardown_file()
{
	end_peers_place
}

setup()
{
	HOME=$BATS_TEST_TMPDIR/user
	mkdir -p "$HOME" "$BATS_TEST_TMPDIR/work"
	unset XDG_CONFIG_HOME XDG_STATE_HOME NETRC
	LC_ALL=C.UTF-8
	export HOME LC_ALL
	cd "$BATS_TEST_TMPDIR/work" || return 1
	rm -rf "${BENCH_HOME:?}"/*
}

teardown()
{
	if [ -n "${WATCHER-}" ]; then
		kill "$WATCHER" 2>/dev/null || :
		wait "$WATCHER" || :
	fi
	"$PEERS" stop-all
	cd /
}

client()
{
	timeout 60 "$BUILD/sallyport" --plaintext --timeout 20 "$@"
}

# serve NAME [tls]: U is the URL of the home, H its directory here.
serve()
{
	need_peer "$1"
	start_peer "$@"
	U=ftp://$BENCH_USER@127.0.0.1:$PEER_PORT
	H=$BENCH_HOME
}

give()
{
	chown -Rh "$BENCH_USER:" "$H"
}

# The tree that most tests mirror, on the server.
make_tree()
{
	local name
	mkdir -p "$H/tree/build" "$H/tree/src/build" "$H/tree/.hidden"
	for name in a.c a.o keep.o build/x src/b.c src/b.o src/build/y .hidden/h; do
		echo "$name" >"$H/tree/$name"
	done
	truncate -s 5000 "$H/tree/big"
	chmod 750 "$H/tree/a.c"
	touch -d '2020-01-02 03:04:05' "$H/tree/src/b.c"
	give
}

# The files below a directory, in one line.
files()
{
	(cd "$1" && find . -type f | sort | tr '\n' ' ')
}

# --- what a mirror takes ---

# try_filters NAME
try_filters()
{
	serve "$1"
	make_tree
	client -q mirror --include keep.o --exclude '*.o' -x build/ -x '/.hidden' "$U/tree" names
	assert_equal "$(files names)" './a.c ./big ./keep.o ./src/b.c '
	client -q mirror --exclude-regex '\.o$|^build/' --max-size 1K "$U/tree" regex
	assert_equal "$(files regex)" './.hidden/h ./a.c ./src/b.c ./src/build/y '
	printf '+ keep.o\n- *.o\n-~ /build/\n- .*\n' >rules
	client -q mirror --filter-from rules -x big "$U/tree" rules.d
	assert_equal "$(files rules.d)" './a.c ./build/x ./keep.o ./src/b.c '
	client -q mirror --min-age 365d "$U/tree" old
	assert_equal "$(files old)" './src/b.c '
	client -q mirror --newer 2021-01-01 --min-size 1K "$U/tree" new
	assert_equal "$(files new)" './big '
	# the other way
	client -q mirror --include '*.c' "$H/tree" "$U/up"
	assert_equal "$(files "$H/up")" './a.c ./src/b.c '
	echo longer than before >names/a.c
	echo mine >names/new
	client -q mirror --existing names "$U/up"
	assert_equal "$(cat "$H/up/a.c") $(files "$H/up")" 'longer than before ./a.c ./src/b.c '
	echo mine, not copied >names/a.c
	client -q mirror --only-missing names "$U/up"
	assert_equal "$(cat "$H/up/a.c") $(cat "$H/up/new")" 'longer than before mine'
}

@test "vsftpd: filters, ranges, --only-missing, --existing" { try_filters vsftpd; }
@test "Pure-FTPd: filters, ranges, --only-missing, --existing" { try_filters pure-ftpd; }
@test "ProFTPD: filters, ranges, --only-missing, --existing" { try_filters proftpd; }
@test "pyftpdlib: filters, ranges, --only-missing, --existing" { try_filters pyftpdlib; }

# --- links, rights, times ---

# try_attributes NAME HIDES_LOOPS SETS_TIMES: whether its LIST shows a link to its own parent; whether it sets times of directories.
try_attributes()
{
	local server=$1
	serve "$server"
	make_tree
	ln -s a.c "$H/tree/link"
	ln -s src "$H/tree/dirlink"
	ln -s /nonexistent "$H/tree/out"
	touch -d '2020-01-02 03:04:05' "$H/tree/src"
	give
	client mirror --perms --dir-times --links copy "$U/tree" m
	assert_equal "$(readlink m/link m/dirlink)" $'a.c\nsrc'
	[ ! -L m/out ]
	assert_equal "$(stat -c '%a %n' m/a.c m/a.o m/src)" "$(cd "$H/tree" && stat -c '%a m/%n' a.c a.o src)"
	# LIST of old directories has the day alone
	[ "$(date -u -r m/src +%F)" = 2020-01-02 ]
	run -0 client mirror --perms --dir-times --links copy "$U/tree" m
	assert_line --partial 'mirror: 0 copied'
	# a directory at a link, and back up
	ln -s .. "$H/tree/src/loop"
	give
	run client mirror --links follow -x out "$U/tree" f
	assert_equal "$(cat f/link)" a.c
	assert_equal "$(cat f/dirlink/b.c)" src/b.c
	assert_output --partial 'leads back'
	[ ! -e f/src/loop/src/loop/src ]
	# up: rights of directories are set, whether their times can be or not
	rm m/link m/dirlink
	chmod 751 m/src
	touch -d '2020-01-02 03:04:05' m/src
	run client mirror --perms --dir-times m "$U/up"
	assert_equal "$(stat -c %a "$H/up/a.c" "$H/up/src")" $'750\n751'
	if [ "$2" = times ]; then
		[ "$status" -eq 0 ]
		assert_equal "$(date -u -r "$H/up/src" +%F)" 2020-01-02
	else
		[ "$status" -eq 3 ]
		assert_output --partial 'cannot set the time of'
	fi
	assert_equal "$(stat -c %Y "$H/up/src/b.c")" "$(stat -c %Y m/src/b.c)"
	client chmod g-rwx,o+r "$U/up/a.c"
	assert_equal "$(stat -c %a "$H/up/a.c")" 704
}

@test "vsftpd: links, rights, times of directories" { try_attributes vsftpd ''; }
@test "Pure-FTPd: links, rights, times of directories" { try_attributes pure-ftpd times; }
@test "ProFTPD: links, rights, times of directories" { try_attributes proftpd times; }
@test "pyftpdlib: links, rights, times of directories" { try_attributes pyftpdlib ''; }
@test "sallyportd: links, rights, times of directories" { try_attributes sallyport times; }

# --- what a mirror removes and keeps, and how it goes on ---

has_copy()
{
	cmp -s "$1" "$2"
}

watch_changes()
{
	mkdir -p w/d
	echo one >w/a
	timeout 60 "$BUILD/sallyport" --plaintext mirror --watch --delete w "$U/w" >watch.out 2>&1 </dev/null 3>&- &
	WATCHER=$!
	wait_until -t 20 grep -qs watching watch.out
	echo two, and more >w/a
	echo new >w/d/x
	wait_until -t 20 has_copy w/a "$H/w/a"
	wait_until -t 20 has_copy w/d/x "$H/w/d/x"
	rm w/a
	wait_until -t 20 test ! -e "$H/w/a"
	kill "$WATCHER"
	wait "$WATCHER" || :
	WATCHER=
}

# go_on_after_cut SOURCE TARGET: a mirror is stopped in the middle, and the same command ends it.
go_on_after_cut()
{
	timeout -s INT 1 "$BUILD/sallyport" --plaintext --limit-rate 4M mirror -P 2 "$1" "$2" >cut.out 2>&1 </dev/null 3>&- || :
	grep -q 'stopped: .* part.* kept.*continue with' cut.out
	run -0 client mirror -P 2 "$1" "$2"
	assert_output --partial "$3"
}

# try_keeping NAME RESUMES: whether it resumes uploads.
try_keeping()
{
	local i
	serve "$1"
	make_tree
	client -q mirror "$U/tree" m
	rm "$H/tree/a.o" "$H/tree/keep.o"
	run -3 client mirror --delete --max-delete 1 "$U/tree" m
	assert_output --partial '2 names would go, and --max-delete allows 1'
	[ -e m/keep.o ]
	echo changed, and longer >m/a.c
	client -q mirror --delete --backup-dir kept "$U/tree" m
	assert_equal "$(cat kept/a.c) $(files kept)" 'changed, and longer ./a.c ./a.o ./keep.o '
	client -q mirror m "$U/up"
	rm m/src/b.o
	echo changed again, longer >m/a.c
	client -q mirror --delete --backup-dir old m "$U/up"
	assert_equal "$(files "$H/old")" './a.c ./src/b.o '
	diff -r m "$H/up"
	if [ "$1" = sallyport ]; then
		client -q mirror --checksum m "$U/up"
	else
		run -3 client mirror --checksum m "$U/up"
		assert_output --partial 'cannot compare by hash (--checksum): the server has no command for it'
	fi
	watch_changes
	mkdir "$H/cut"
	for i in 1 2 3; do
		head -c 4000000 /dev/urandom >"$H/cut/$i"
		touch -d '1 hour ago' "$H/cut/$i"
	done
	give
	go_on_after_cut "$U/cut" cut resumed
	diff -r "$H/cut" cut
	go_on_after_cut cut "$U/again" "$2"
	diff -r cut "$H/again"
}

@test "vsftpd: --max-delete, --backup-dir, --watch, mirrors that go on" { try_keeping vsftpd resumed; }
@test "Pure-FTPd: --max-delete, --backup-dir, --watch, mirrors that go on" { try_keeping pure-ftpd resumed; }
@test "ProFTPD: --max-delete, --backup-dir, --watch, mirrors that go on" {
	try_keeping proftpd 'the server does not continue uploads'
}
@test "pyftpdlib: --max-delete, --backup-dir, --watch, mirrors that go on" { try_keeping pyftpdlib resumed; }

# --- transfers ---

# try_transfers NAME CRLF: whether it keeps an uploaded text's lines as they come.
try_transfers()
{
	local name
	serve "$1"
	printf 'one\ntwo\n' >text
	client -q put --ascii text "$U/text"
	client -q get --ascii "$U/text" back
	cmp text back
	tr -d '\r' <"$H/text" | cmp - text
	# names in Latin-1 on the server
	name=$(printf 'gr\374n')
	echo green >"$H/$name"
	give
	if [ "$1" = pyftpdlib ]; then
		run client --charset ISO-8859-1 ls "$U/"
		assert_output --partial 'the server keeps names in UTF-8, and may damage those in ISO-8859-1 (--charset)'
	else
		run -0 client --charset ISO-8859-1 ls "$U/"
		assert_line grün
		client -q --charset ISO-8859-1 get "$U/grün"
		assert_equal "$(cat grün)" green
		client -q --charset ISO-8859-1 put text "$U/blöd"
		[ -e "$H/$(printf 'bl\366d')" ]
	fi
	# a zone that is asked for, and one that is told; an account that nobody wants
	touch -d "$(date -d '10 days ago' '+%F %H:%M')" "$H/text"
	run -0 client --account payroll --server-timezone auto --json ls "$U/"
	assert_output --partial "\"name\":\"text\",\"kind\":\"file\",\"size\":$(stat -c %s "$H/text"),\"mtime\":$(stat -c %Y "$H/text"),"
	# without hashes a large file comes over one connection
	head -c 20000000 /dev/urandom >"$H/large"
	give
	run -0 client get -s 4 "$U/large"
	assert_output --partial 'fetched over one connection: the server has no hashes'
	cmp "$H/large" large
	client -q --active --limit-rate 200M get "$U/large" active
	cmp "$H/large" active
	client -q --active-address 127.0.0.1 --active-ports 31000-31100 put text "$U/sent"
	cmp text "$H/sent"
}

@test "vsftpd: texts, character sets, accounts, zones, segments, active mode" { try_transfers vsftpd; }
@test "Pure-FTPd: texts, character sets, accounts, zones, segments, active mode" { try_transfers pure-ftpd; }
@test "ProFTPD: texts, character sets, accounts, zones, segments, active mode" { try_transfers proftpd; }
@test "pyftpdlib: texts, character sets, accounts, zones, segments, active mode" { try_transfers pyftpdlib; }

# --- from server to server ---

@test "copy between servers of each kind, in clear" {
	local from to ports=()
	export FXP=yes
	for from in vsftpd pure-ftpd proftpd pyftpdlib; do
		need_peer "$from"
		start_peer "$from"
		ports+=("$PEER_PORT")
	done
	head -c 300000 /dev/urandom >"$BENCH_HOME/source"
	chown "$BENCH_USER:" "$BENCH_HOME/source"
	for from in "${ports[@]}"; do
		for to in "${ports[@]}"; do
			client -q copy "ftp://$BENCH_USER@127.0.0.1:$from/source" "ftp://$BENCH_USER@127.0.0.1:$to/copy"
			cmp "$BENCH_HOME/source" "$BENCH_HOME/copy"
			rm "$BENCH_HOME/copy"
		done
	done
	assert_equal "$(ls "$BENCH_HOME")" source
}

# --- TLS ---

# The server's key as --pin wants it.
pin()
{
	openssl pkey -in "$BENCH_TMP/key.pem" -pubout -outform DER | openssl dgst -sha256 -binary | base64
}

# try_certificates NAME
try_certificates()
{
	export CLIENT_CA=$CA
	serve "$1" tls
	echo secret >"$H/file"
	give
	set -- --retry 0 --pin "sha256//$(pin)"
	timeout 60 "$BUILD/sallyport" -q "$@" --cert "$PKI/person.pem" --key "$PKI/person.key" get "$U/file" </dev/null
	assert_equal "$(cat file)" secret
	# the data connections, too
	timeout 60 "$BUILD/sallyport" -q "$@" --cert "$PKI/person.pem" --key "$PKI/person.key" mirror "$U/" m </dev/null
	assert_equal "$(cat m/file)" secret
	run timeout 60 "$BUILD/sallyport" "$@" ls "${U/ftp:/ftpes:}/" </dev/null
	[ "$status" -eq 5 ] || [ "$status" -eq 10 ]
	run -5 timeout 60 "$BUILD/sallyport" --retry 0 --pin "sha256//n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=" \
		--cert "$PKI/person.pem" --key "$PKI/person.key" ls "$U/" </dev/null
	assert_output --partial "sha256//$(pin)"
}

@test "vsftpd: client certificates and --pin" { try_certificates vsftpd; }
@test "Pure-FTPd: client certificates and --pin" { try_certificates pure-ftpd; }
@test "ProFTPD: client certificates and --pin" { try_certificates proftpd; }
@test "pyftpdlib: client certificates and --pin" { try_certificates pyftpdlib; }
