#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport moves files: in clear, with TLS, broken off at any point and resumed, over lost connections, with
# other servers.

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
	mkdir "$DIR/work"
	export HOME=$DIR/home XDG_CONFIG_HOME=$DIR/config SALLYPORT_PASSWORD=secret
	HOME_DIR=$DIR/home/alice
	PEER_PID=
	cd "$DIR/work" || return 1
}

teardown()
{
	[ -z "$PEER_PID" ] || kill "$PEER_PID" || :
	cd /
	end_place
}

# serve [OPTION...]: the options are the account's; the client trusts the server's certificate.
serve()
{
	write_tls_config tls='require = no'
	use_leaf server
	add_user alice secret "$@"
	start_server
	find_tls_ports
	URL=ftp://alice@127.0.0.1:$PORT
}

client()
{
	timeout 60 "$BUILD/sallyport" --quiet --ca "$CA" --timeout 10 "$@" </dev/null 3>&-
}

# Run as a user without any right: the password and the files go in clear, within this machine.
as_nobody()
{
	SALLYPORT_PASSWORD=secret HOME=/nonexistent timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups \
		./sallyport --quiet --no-tls --timeout 10 "$@" </dev/null 3>&-
}

# new_file MEGABYTES
new_file()
{
	head -c "$1"000000 /dev/urandom >file
}

serve_file()
{
	install -o "$(stat -c %u "$HOME_DIR")" -g "$(stat -c %g "$HOME_DIR")" -m 640 file "$HOME_DIR/$1"
}

# broken_off SIGNAL COMMAND...: kill it in the middle, at a random point. Sets status, as run does.
broken_off()
{
	local signal=$1
	shift
	run timeout --preserve-status -s "$signal" "0.$((RANDOM % 5 + 3))" "$BUILD/sallyport" --quiet --ca "$CA" "$@" </dev/null 3>&-
}

@test "transfers: TLS, implicit TLS, in clear, active, and over IPv6; the time goes along" {
	serve
	new_file 3
	touch -d '2020-02-29 12:34:56 UTC' file
	for url in "$URL" "ftps://alice@127.0.0.1:$TLS_PORT"; do
		for option in --retry=0 --active; do
			rm -f back "$HOME_DIR/up"
			client "$option" put file "$url/up"
			cmp file "$HOME_DIR/up"
			assert_equal "$(stat -c %Y "$HOME_DIR/up")" 1582979696
			client "$option" get "$url/up" back
			cmp file back
			assert_equal "$(stat -c %Y back)" 1582979696
			[ ! -e back.part ]
		done
	done
	stop_server
	: >"$LOG"
	write_config
	start_server
	client --plaintext put file "ftp://alice@127.0.0.1:$PORT/clear"
	cmp file "$HOME_DIR/clear"
	if has_ipv6; then
		client --plaintext get "ftp://alice@[::1]:$PORT6/clear" six
		cmp file six
	fi
}

@test "transfers: standard output and input" {
	serve
	new_file 2
	serve_file f
	client get "$URL/f" - | cmp - file
	timeout 60 "$BUILD/sallyport" -q --ca "$CA" put - "$URL/up" <file 3>&-
	cmp file "$HOME_DIR/up"
	: >file
	timeout 60 "$BUILD/sallyport" -q --ca "$CA" put - "$URL/empty" <file 3>&-
	client get "$URL/empty" back
	[ -e back ] && [ ! -s back ]
}

@test "transfers: killed in the middle of a download, and resumed, byte for byte" {
	serve --rate-down 10M
	new_file 8
	serve_file f
	for round in 1 2 3; do
		rm -f back back.part
		broken_off KILL get "$URL/f" back
		[ ! -e back ]
		if [ -s back.part ]; then
			cmp -n "$(stat -c %s back.part)" back.part file
		fi
		broken_off KILL get -c "$URL/f" back
		client get -c "$URL/f" back
		cmp file back
		[ ! -e back.part ]
	done
}

@test "transfers: killed in the middle of an upload, and resumed, byte for byte" {
	serve --rate-up 10M
	new_file 8
	for round in 1 2; do
		rm -f "$HOME_DIR/up"
		broken_off KILL put file "$URL/up"
		[ ! -e "$HOME_DIR/up" ]
		wait_until no_session
		client put -c file "$URL/up"
		cmp file "$HOME_DIR/up"
	done
	assert_equal "$(ls -A "$HOME_DIR")" up
}

@test "transfers: what is resumed was compared before: a part of another file is not continued, and that is said" {
	serve
	new_file 3
	serve_file f
	head -c 1000000 /dev/urandom >back.part
	run -0 timeout 60 "$BUILD/sallyport" --ca "$CA" get -c "$URL/f" back
	assert_output --partial 'from the beginning'
	cmp file back
	head -c 1000000 /dev/urandom >"$HOME_DIR/up"
	chown --reference="$HOME_DIR" "$HOME_DIR/up"
	run -0 timeout 60 "$BUILD/sallyport" --ca "$CA" put -c file "$URL/up"
	assert_output --partial 'from the beginning'
	cmp file "$HOME_DIR/up"
	# the partial file of another client's download
	head -c 1000000 file >left
	run -0 timeout 60 "$BUILD/sallyport" --ca "$CA" -v get -c "$URL/f" left
	assert_output --partial 'REST 1000000'
	cmp file left
}

@test "transfers: Ctrl-C keeps the part" {
	serve --rate-down 2M
	new_file 8
	serve_file f
	# a command in the background ignores SIGINT when its shell has no job control
	env --default-signal=INT "$BUILD/sallyport" -q --ca "$CA" get "$URL/f" back </dev/null >out 2>&1 3>&- &
	pid=$!
	wait_until [ -s back.part ]
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	assert_equal "$status" 130
	[ ! -e back ]
	cmp -n "$(stat -c %s back.part)" back.part file
	# the client prints one line, with a command that works
	assert_equal "$(wc -l <out)" 1
	run -0 sed -n 's/.*1 part kept, .*; continue with: //p' out
	eval "$output"
	cmp back file
	rm back
	env --default-signal=INT "$BUILD/sallyport" --json --ca "$CA" get "$URL/f" back </dev/null >out 2>/dev/null 3>&- &
	pid=$!
	wait_until grep -q '"event":"progress"' out
	kill -INT "$pid"
	wait "$pid" || :
	jq -es 'map(select(.event == "progress"))[0] | (.phase | type) == "string" and .total == 8000000 and
		(.bytes | type) == "number" and (.speed | type) == "number"' out
	jq -es 'map(select(.event == "stopped"))[0] | .parts == 1 and .bytes > 0 and (.command | contains("--continue"))' out
}

# has_bytes FILE NUMBER: so many are there, holes not counted.
has_bytes()
{
	[ -e "$1" ] && [ $(($(stat -c %b "$1") * 512)) -ge "$2" ]
}

# has_recorded FILE NUMBER: the record counts so many bytes in its pieces. What a kill loses is what came since.
has_recorded()
{
	[ -e "$1" ] && sed -n 's/^pieces //p' "$1" | tr ';' '\n' |
		awk -F- -v number="$2" '{ sum += $2 - $1 } END { exit !(sum >= number) }'
}

@test "transfers: segments, and what is left of them: each goes on where it ended" {
	local signal pid moved
	serve --rate-down 2M
	new_file 8
	serve_file f
	touch -d '1 hour ago' "$HOME_DIR/f"
	client get -s 4 "$URL/f" back
	cmp file back
	for signal in INT KILL; do
		rm -f back
		timeout 60 "$BUILD/sallyport" --quiet --ca "$CA" get -s 3 "$URL/f" back </dev/null >/dev/null 2>&1 3>&- &
		pid=$!
		if [ "$signal" = INT ]; then
			wait_until has_bytes back.part 4000000
		else
			wait_until has_recorded back.part.sallyport 2500000
		fi
		pkill "-$signal" -P "$pid" sallyport
		wait "$pid" || :
		has_recorded back.part.sallyport 2500000
		timeout 60 "$BUILD/sallyport" --json --ca "$CA" get -s 3 -c "$URL/f" back </dev/null >out 3>&-
		cmp file back
		[ ! -e back.part ]
		moved=$(jq -s 'map(select(.event == "done"))[0].transferred' out)
		[ "$moved" -gt 0 ]
		[ "$moved" -lt 6000000 ] || fail "$moved bytes came again after SIG$signal"
	done
}

@test "transfers: mirror fetches large files in segments, and small ones over one connection" {
	serve
	new_file 20
	mkdir "$HOME_DIR/tree"
	serve_file tree/large
	truncate -s 3000000 file
	serve_file tree/small
	chown --reference="$HOME_DIR" "$HOME_DIR/tree"
	touch -d '1 hour ago' "$HOME_DIR/tree/"*
	client mirror -s 2 "$URL/tree" copy
	diff -r "$HOME_DIR/tree" copy
	assert_equal "$(log_count 'direction="down".* path="/tree/large"')" 2
	assert_equal "$(log_count 'direction="down".* path="/tree/small"')" 1
}

@test "transfers: pieces after a hole are dropped for one connection, and for a file that has changed" {
	local pid change
	serve --rate-down 2M
	for change in none one-connection size content; do
		rm -f back back.part back.part.sallyport
		new_file 8
		serve_file f
		touch -d '1 hour ago' "$HOME_DIR/f"
		timeout 60 "$BUILD/sallyport" --quiet --ca "$CA" get -s 3 "$URL/f" back </dev/null >/dev/null 2>&1 3>&- &
		pid=$!
		wait_until has_bytes back.part 2000000
		pkill -INT -P "$pid" sallyport
		wait "$pid" || :
		case $change in
		size) new_file 7 ;;
		content) new_file 8 ;;
		esac
		serve_file f
		[ "$change" = content ] || touch -d '1 hour ago' "$HOME_DIR/f"
		if [ "$change" = one-connection ]; then
			client get -c "$URL/f" back
		else
			client get -s 3 -c "$URL/f" back
		fi
		cmp file back
	done
}

# more_in_log TEXT: a program appends to the file on the server.
more_in_log()
{
	printf '%s\n' "$1" >>"$HOME_DIR/log"
}

@test "transfers: a log that grows while it is fetched: as it was announced, or to its end; and later only what is new" {
	local option pid
	serve --rate-down 2M
	new_file 5
	serve_file log
	for option in --verify=auto --to-end; do
		serve_file log
		timeout 60 "$BUILD/sallyport" --ca "$CA" get "$option" "$URL/log" "copy$option" </dev/null >"said$option" 2>&1 3>&- &
		pid=$!
		wait_until [ -s "copy$option.part" ]
		more_in_log two
		wait "$pid"
	done
	cmp ./copy--verify=auto file
	grep -qF 'grows: the 5000000 bytes that it had at the beginning were fetched' said--verify=auto
	grep -qF 'SHA-256 verified' said--verify=auto
	cmp ./copy--to-end "$HOME_DIR/log"
	grep -qF 'grew by 4 bytes while it was fetched, SHA-256 verified' said--to-end
	more_in_log three
	client get -c --to-end --json "$URL/log" copy--to-end >said
	cmp ./copy--to-end "$HOME_DIR/log"
	jq -e 'select(.event == "done") | .transferred == 6 and .proof == "SHA-256" and .grown == 0 and
		.verified == "SHA-256" and .size_matches' said
	# the reader is slow, and pipe and sockets hold far less than the file
	timeout 60 "$BUILD/sallyport" --ca "$CA" get --to-end "$URL/log" - 2>said </dev/null 3>&- |
		(head -c 1000 && more_in_log four && cat) >stream
	cmp -n "$(stat -c %s stream)" stream "$HOME_DIR/log"
	grep -qF "is still growing: 5000010 bytes were fetched, and it has 5000015 now" said
}

@test "transfers: Ctrl-C with --to-end keeps the part, and the command that is told fetches the rest of the log" {
	serve --rate-down 2M
	new_file 8
	serve_file log
	env --default-signal=INT "$BUILD/sallyport" -q --ca "$CA" get --to-end "$URL/log" back </dev/null >out 2>&1 3>&- &
	pid=$!
	wait_until [ -s back.part ]
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	assert_equal "$status" 130
	[ ! -e back ]
	cmp -n "$(stat -c %s back.part)" back.part file
	more_in_log more
	run -0 sed -n 's/.*1 part kept, .*; continue with: //p' out
	eval "$output"
	cmp back "$HOME_DIR/log"
	[ ! -e back.part ]
}

@test "transfers: the connection is lost, made again, and the transfer goes on" {
	serve --rate-down 4M
	new_file 4
	serve_file f
	timeout 60 "$BUILD/sallyport" --ca "$CA" --retry 3 -v get "$URL/f" back </dev/null >out 2>&1 3>&- &
	pid=$!
	wait_until [ -s back.part ]
	ctl session list | sed -n 's/^\([0-9a-f]\{16\}\).*/\1/p' | while read -r id; do ctl session kick "$id"; done
	wait "$pid"
	cmp file back
	grep -q 'REST [1-9]' out
}

has_partial()
{
	find "$HOME_DIR" -name '.*' -type f -size +0 | grep -q .
}

@test "transfers: a local file that shrinks while it is sent does not become whole on the server" {
	serve --rate-up 2M
	new_file 8
	echo old >"$HOME_DIR/up"
	chown --reference="$HOME_DIR" "$HOME_DIR/up"
	timeout 60 "$BUILD/sallyport" --ca "$CA" put file "$URL/up" </dev/null >out 2>&1 3>&- &
	pid=$!
	wait_until has_partial
	truncate -s 5000000 file
	status=0
	wait "$pid" || status=$?
	assert_equal "$status" 1
	grep -q shrank out
	assert_equal "$(cat "$HOME_DIR/up")" old
}

@test "transfers: the quota is full: what the server says is told" {
	serve --quota 1M
	new_file 3
	run -3 client put file "$URL/up"
	assert_output --partial 552
	[ ! -e "$HOME_DIR/up" ]
}

# --- other servers ---

# find_peer PROGRAM: sets PEER. PEERS_ROOT names a directory with unpacked packages, since Debian's servers exclude
# each other.
find_peer()
{
	PEER=${PEERS_ROOT-}/usr/sbin/$1
	[ -x "$PEER" ] || PEER=$(command -v "$1") || skip "$1 is not installed, nor below PEERS_ROOT"
	PEER_PORT=$(free_port)
	PEER_HOME=$DIR/peer
	mkdir "$PEER_HOME"
	cat "$PKI/server.key" "$PKI/server.chain" >"$DIR/both.pem"
	chmod 600 "$DIR/both.pem"
	export LD_LIBRARY_PATH=${PEERS_ROOT-}/usr/lib/x86_64-linux-gnu
}

# start_peer COMMAND...
start_peer()
{
	"$@" >"$DIR/peer.log" 2>&1 </dev/null 3>&- &
	PEER_PID=$!
	unset LD_LIBRARY_PATH
	wait_until peer_answers || { cat "$DIR/peer.log" && return 1; }
}

peer_answers()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$PEER_PORT") 2>/dev/null
}

# peer_does USER PASSWORD: download and upload, and resume both; "up" has to be writable. It logs in once for each
# direction, because some servers delay a login by a second.
peer_does()
{
	local url=ftp://$1@127.0.0.1:$PEER_PORT/
	export SALLYPORT_PASSWORD=$2
	new_file 5
	cat >script <<-END
		put file up/a
		ls -1 up
		get up/a back
		get -c up/a part
		put -c file up/b
		-get up/none
		mirror up mirrored
	END
	for option in --retry=0 --active; do
		rm -rf back part* mirrored "$PEER_HOME/up/"*
		head -c 2000000 file >part.part
		head -c 2000000 file >"$PEER_HOME/up/b"
		chown --reference="$PEER_HOME/up" "$PEER_HOME/up/b"
		run -0 client "$option" --batch script "$url"
		assert_line a
		assert_output --partial 550
		for copy in "$PEER_HOME/up/a" back part "$PEER_HOME/up/b" mirrored/a; do
			cmp file "$copy"
		done
	done
	client get -s 2 "${url}up/a" segments
	cmp file segments
}

@test "transfers: a name here that cannot be looked at keeps mirror --delete from removing what is beside it" {
	command -v setpriv >/dev/null || skip "setpriv is not installed"
	serve
	mkdir -p tree/dark
	echo 1 >tree/dark/one
	echo 2 >tree/two
	cp "$BUILD/sallyport" ./sallyport
	chmod -R a+rX .
	run -0 as_nobody mirror tree "$URL/tree"
	mkdir "$DIR/home/alice/tree/more"
	echo 3 >"$DIR/home/alice/tree/dark/three"
	echo 4 >"$DIR/home/alice/tree/extra"
	chown -R --reference="$DIR/home/alice" "$DIR/home/alice/tree"
	# the client can read the names, but nothing about them
	chmod 744 tree/dark
	run -3 as_nobody mirror --delete tree "$URL/tree"
	assert_output --partial "cannot examine 'dark/one': Permission denied"
	assert_output --partial "nothing in 'dark' is removed"
	[ -e "$DIR/home/alice/tree/dark/one" ]
	[ -e "$DIR/home/alice/tree/dark/three" ]
	[ ! -e "$DIR/home/alice/tree/extra" ]
	[ ! -e "$DIR/home/alice/tree/more" ]
}

@test "transfers: vsftpd, TLS with its sessions required" {
	find_peer vsftpd
	mkdir "$PEER_HOME/up" "$DIR/empty"
	chown bin "$PEER_HOME/up"
	cat >"$DIR/vsftpd.conf" <<-END
		listen=YES
		listen_address=127.0.0.1
		listen_port=$PEER_PORT
		background=NO
		anonymous_enable=YES
		no_anon_password=YES
		ftp_username=bin
		anon_root=$PEER_HOME
		anon_umask=022
		write_enable=YES
		anon_upload_enable=YES
		anon_mkdir_write_enable=YES
		anon_other_write_enable=YES
		anon_world_readable_only=NO
		secure_chroot_dir=$DIR/empty
		ssl_enable=YES
		allow_anon_ssl=YES
		force_anon_data_ssl=YES
		force_anon_logins_ssl=YES
		require_ssl_reuse=YES
		ssl_ciphers=HIGH
		rsa_cert_file=$PKI/server.chain
		rsa_private_key_file=$PKI/server.key
		isolate=NO
		isolate_network=NO
		seccomp_sandbox=NO
	END
	start_peer "$PEER" "$DIR/vsftpd.conf"
	peer_does anonymous ''
}

@test "transfers: ProFTPD, TLS" {
	find_peer proftpd
	mkdir "$PEER_HOME/up" "$DIR/run"
	chown nobody "$PEER_HOME" "$PEER_HOME/up"
	echo "alice:$(openssl passwd -6 secret):$(id -u nobody):$(id -g nobody)::$PEER_HOME:/bin/sh" >"$DIR/passwd"
	chmod 600 "$DIR/passwd"
	cat >"$DIR/proftpd.conf" <<-END
		ServerType standalone
		DefaultAddress 127.0.0.1
		SocketBindTight on
		UseIPv6 off
		Port $PEER_PORT
		User nobody
		Group nogroup
		ModulePath ${PEERS_ROOT-}/usr/lib/proftpd
		PidFile $DIR/run/pid
		ScoreboardFile $DIR/run/scoreboard
		DelayEngine off
		SystemLog $DIR/run/log
		TransferLog none
		WtmpLog off
		UseReverseDNS off
		RequireValidShell off
		AuthUserFile $DIR/passwd
		AuthOrder mod_auth_file.c
		AllowOverwrite on
		AllowStoreRestart on
		LoadModule mod_tls.c
		TLSEngine on
		TLSRequired on
		TLSECCertificateFile $PKI/server.chain
		TLSECCertificateKeyFile $PKI/server.key
		TLSCertificateChainFile $PKI/intermediate.pem
		TLSVerifyClient off
	END
	start_peer "$PEER" -n -c "$DIR/proftpd.conf"
	peer_does alice secret
}

@test "transfers: Pure-FTPd, TLS" {
	find_peer pure-ftpd
	mkdir "$PEER_HOME/up"
	chown nobody "$PEER_HOME" "$PEER_HOME/up"
	pure_pw=${PEER%/sbin/*}/bin/pure-pw
	[ -x "$pure_pw" ] || skip "pure-pw is not installed (Debian: pure-ftpd-common)"
	# a cheaper hash than the default of pure-pw, which costs a second a login
	echo "alice:$(openssl passwd -6 secret):$(id -u nobody):$(id -g nobody)::$PEER_HOME/./::::::::::::" >"$DIR/passwd"
	"$pure_pw" mkdb "$DIR/pdb" -f "$DIR/passwd"
	start_peer "$PEER" -4 -S "127.0.0.1,$PEER_PORT" -E -H -l "puredb:$DIR/pdb" -u 1 -g "$DIR/pid" -Y 2 -2 "$DIR/both.pem"
	peer_does alice secret
}
