#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Uploads and downloads: whole, in part, broken off, and the files that remain.

load lib

setup()
{
	new_place
}

teardown()
{
	data_close
	end_place
	umount "$DIR/home/disk" 2>/dev/null || :
	rm -rf "$DIR"
}

serve()
{
	write_config "$@"
	add_user alice secret
	start_server
	HOME_DIR=$DIR/home/alice
}

# new_file NAME SIZE: make a file of random bytes in the home.
new_file()
{
	head -c "$2" /dev/urandom >"$HOME_DIR/$1"
	chown "$(stat -c %u:%g "$HOME_DIR")" "$HOME_DIR/$1"
}

get()
{
	curl -sS --max-time 60 "$@"
}

# store COMMAND: upload standard input.
store()
{
	ftp_passive
	ftp "$1" 150
	cat >&"$DATA"
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
}

login()
{
	ftp_login alice secret
	ftp 'TYPE I' 200
}

@test "curl: up and down, the same bytes" {
	serve
	head -c 3000017 /dev/urandom >"$DIR/file"
	get -T "$DIR/file" "$(url alice:secret up)"
	cmp "$DIR/file" "$HOME_DIR/up"
	get "$(url alice:secret up)" -o "$DIR/back"
	cmp "$DIR/file" "$DIR/back"
	wait_until log_has ' transfer .*direction="up" bytes=3000017 .*result="ok" .*path="/up"'
	wait_until log_has ' transfer .*direction="down" bytes=3000017 .*result="ok" .*path="/up"'
}

@test "lftp: a directory tree up and down, the same bytes" {
	serve
	mkdir -p "$DIR/tree/a/b" "$DIR/tree/empty"
	for i in $(seq 12); do
		head -c $((i * 5003)) /dev/urandom >"$DIR/tree/a/b/file $i"
	done
	: >"$DIR/tree/a/nothing"
	timeout 60 lftp -u alice,secret -p "$PORT" 127.0.0.1 -e \
		"set net:max-retries 1; mirror -R -P 4 $DIR/tree up; mirror -P 4 up $DIR/back; quit"
	diff -r "$DIR/tree" "$HOME_DIR/up"
	diff -r "$DIR/tree" "$DIR/back"
}

@test "an uploaded file belongs to the user, with the configured mode" {
	serve 'file-mode = "0604"' 'directory-mode = "0705"'
	umask 077
	get --ftp-create-dirs -T "$CONF" "$(url alice:secret d/f)"
	assert_equal "$(stat -c '%a %u' "$HOME_DIR/d/f")" "604 $(stat -c %u "$HOME_DIR")"
	assert_equal "$(stat -c '%a %u' "$HOME_DIR/d")" "705 $(stat -c %u "$HOME_DIR")"
}

@test "an empty file up and down" {
	serve
	login
	store 'STOR nothing' </dev/null
	assert_equal "$(stat -c %s "$HOME_DIR/nothing")" 0
	ftp_receive 'RETR nothing' "$DIR/back"
	assert_equal "$(stat -c %s "$DIR/back")" 0
}

@test "the data connection is closed before 226" {
	serve
	login
	new_file f 100
	ftp_passive
	ftp 'RETR f' 150
	ftp_reply
	assert_equal "$REPLY" 226
	assert_equal "$(timeout 20 cat <&"$DATA" | wc -c)" 100
}

@test "REST: a download from the middle" {
	serve
	new_file f 1000000
	login
	ftp 'REST 999000' 350
	ftp_receive 'RETR f' "$DIR/tail"
	tail -c 1000 "$HOME_DIR/f" | cmp - "$DIR/tail"
	ftp 'REST 1000000' 350
	ftp_receive 'RETR f' "$DIR/tail"
	assert_equal "$(stat -c %s "$DIR/tail")" 0
	head -c 300000 "$HOME_DIR/f" >"$DIR/part"
	get -C - "$(url alice:secret f)" -o "$DIR/part"
	cmp "$HOME_DIR/f" "$DIR/part"
}

@test "REST: an upload into the middle of a finished file" {
	serve
	printf 0123456789 >"$HOME_DIR/f"
	chown "$(stat -c %u:%g "$HOME_DIR")" "$HOME_DIR/f"
	login
	ftp 'REST 4' 350
	store 'STOR f' <<<x
	assert_equal "$(cat "$HOME_DIR/f")" $'0123x\n6789'
}

@test "APPE adds to a file, and makes one" {
	serve
	login
	store 'APPE f' < <(printf one)
	store 'APPE f' < <(printf two)
	assert_equal "$(cat "$HOME_DIR/f")" onetwo
}

@test "STOU finds a name of its own and tells it" {
	serve
	login
	for name in upload upload.1; do
		ftp_passive
		ftp STOU 150
		[[ $REPLY_TEXT == "150 FILE: $name"$'\n'* ]]
		data_close
		until [ "$REPLY" = 226 ]; do
			ftp_reply
		done
		assert_file_exists "$HOME_DIR/$name"
	done
}

# --- ASCII ---

# Make line ends of all kinds around every border of 256 KiB.
ascii_file()
{
	python3 - "$1" <<-'END'
		import sys
		size = 256 * 1024
		data = bytearray(b"x" * (5 * size + 100))
		for i, end in enumerate([b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r\n\r"]):
		    for shift in (-1,):
		        at = (i + 1) * size + shift
		        data[at:at + len(end)] = end
		data[0:3] = b"\n\r\n"
		data += b"\r"
		open(sys.argv[1], "wb").write(data)
	END
}

@test "ASCII down: each LF becomes CRLF, nothing else changes, also at the borders of buffers" {
	serve
	ascii_file "$HOME_DIR/f"
	python3 -c 'import sys; sys.stdout.buffer.write(open(sys.argv[1], "rb").read().replace(b"\n", b"\r\n"))' \
		"$HOME_DIR/f" >"$DIR/expected"
	ftp_login alice secret
	ftp_receive 'RETR f' "$DIR/back"
	cmp "$DIR/expected" "$DIR/back"
	ftp 'SIZE f' 213
	assert_equal "$REPLY_TEXT" "213 $(stat -c %s "$DIR/expected")"$'\n'
}

@test "ASCII up: each CRLF becomes LF, nothing else changes, wherever the pieces end" {
	serve
	ascii_file "$DIR/f"
	python3 -c 'import sys; sys.stdout.buffer.write(open(sys.argv[1], "rb").read().replace(b"\r\n", b"\n"))' \
		"$DIR/f" >"$DIR/expected"
	ftp_login alice secret
	store 'STOR f' <"$DIR/f"
	cmp "$DIR/expected" "$HOME_DIR/f"
	# CR and LF arrive in different segments
	ftp_passive
	ftp 'STOR pieces' 150
	for piece in 'a\r' '\nb\r' '\r' '\n' '\r'; do
		# shellcheck disable=SC2059 # escapes
		printf "$piece" >&"$DATA"
		sleep 0.05	# a segment of its own
	done
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
	printf 'a\nb\r\n\r' | cmp - "$HOME_DIR/pieces"
}

@test "ASCII REST counts bytes of the network form" {
	serve
	printf 'a\nb\nc\n' >"$HOME_DIR/f"
	ftp_login alice secret
	ftp 'REST 4' 350
	ftp_receive 'RETR f' "$DIR/back"
	printf '\nc\r\n' >"$DIR/expected"
	[ "$(stat -c %s "$DIR/back")" -eq 5 ]
	printf '\r\nc\r\n' | cmp - "$DIR/back"
	ftp 'REST 4' 350
	ftp_passive
	ftp 'STOR f' 555
}

# --- large ---

@test "5 GiB up and down, byte for byte" {
	serve 'upload-sync = no'
	[ "$(df --output=avail -B 1G "$DIR" | tail -n 1)" -ge 12 ] || skip "12 GiB of free space are needed"
	truncate -s 5G "$DIR/big"
	for at in 0 1023 2047 2048 4095 4096 5119; do
		dd if=/dev/urandom of="$DIR/big" bs=1M count=1 seek="$at" conv=notrunc status=none
	done
	curl -sS --max-time 200 -T "$DIR/big" "$(url alice:secret big)"
	assert_equal "$(stat -c %s "$HOME_DIR/big")" 5368709120
	curl -sS --max-time 200 "$(url alice:secret big)" | cmp - "$DIR/big"
	login
	ftp 'SIZE big' 213
	assert_equal "$REPLY_TEXT" $'213 5368709120\n'
	ftp 'REST 5368709000' 350
	ftp_receive 'RETR big' "$DIR/tail"
	tail -c 120 "$DIR/big" | cmp - "$DIR/tail"
}

# --- during a transfer ---

@test "ABOR in the middle of a download: 426, 226, and the session goes on" {
	serve
	login
	ftp_stuck big
	ftp ABOR 426
	ftp_reply
	assert_equal "$REPLY" 226
	data_close
	ftp PWD 257
	wait_until log_has ' transfer .*result="ECANCELED" .*path="/big"'
}

@test "ABOR with telnet's urgent signal, as old clients send it" {
	serve
	login
	ftp_stuck big
	printf '\xff\xf4\xff\xf2ABOR\r\n' >&"$FTP"
	ftp_reply
	assert_equal "$REPLY" 426
	ftp_reply
	assert_equal "$REPLY" 226
}

@test "ABOR in the middle of an upload: the old file stays, and nothing new is seen" {
	serve
	login
	store 'STOR f' <<<old
	ftp_passive
	ftp 'STOR f' 150
	echo new >&"$DATA"
	ftp ABOR 426
	ftp_reply
	assert_equal "$REPLY" 226
	data_close
	assert_equal "$(cat "$HOME_DIR/f")" old
	assert_equal "$(ftp_receive NLST)" f$'\r'
}

@test "STAT in the middle of a transfer tells how far it is" {
	serve
	login
	ftp_stuck big
	ftp STAT 213
	[[ $REPLY_TEXT =~ ^213\ RETR:\ ([0-9]+)\ bytes ]]
	[ "${BASH_REMATCH[1]}" -gt 100000 ]
	ftp STAT 213
}

@test "other commands wait for the end of the transfer" {
	serve
	login
	ftp_stuck big 16M
	ftp_send PWD
	ftp_send 'SIZE big'
	assert_equal "$(timeout 60 cat <&"$DATA" | wc -c)" 16777216
	for code in 226 257 213; do
		ftp_reply
		assert_equal "$REPLY" "$code"
	done
}

@test "QUIT in the middle of a transfer: it is finished first" {
	serve
	login
	ftp_stuck big 16M
	ftp_send QUIT
	assert_equal "$(timeout 60 cat <&"$DATA" | wc -c)" 16777216
	for code in 226 221; do
		ftp_reply
		assert_equal "$REPLY" "$code"
	done
}

@test "the client vanishes in mid-transfer: the session is gone" {
	serve
	login
	ftp_stuck big
	find_session
	ftp_close
	data_close
	for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
		wait_until is_gone "$pid"
	done
	wait_until log_has ' disconnect '
}

@test "curl is killed in mid-upload: the session is gone, and the name is free" {
	serve
	login
	ftp QUIT 221
	ftp_close
	mkfifo "$DIR/pipe"
	curl -sS --max-time 60 -T - "$(url alice:secret f)" <"$DIR/pipe" 3>&- &
	curl_pid=$!
	exec {PIPE}>"$DIR/pipe"
	head -c 100000 /dev/zero >&"$PIPE"
	wait_until partial_has 100000
	kill -KILL "$curl_pid"
	exec {PIPE}>&-
	wait_until log_has ' transfer .*direction="up" .*path="/f"'
	wait_until no_session
	# in clear, a killed client looks like the end of the file if the data connection ends first
	get -T "$CONF" "$(url alice:secret f)"
	cmp "$CONF" "$HOME_DIR/f"
}

@test "the control connection ends in mid-upload, then the data: the old file stays" {
	serve
	for _ in 1 2 3 4 5; do
		login
		store 'STOR f' <<<old
		ftp_passive
		ftp 'STOR f' 150
		echo new >&"$DATA"
		ftp_close
		data_close
		wait_until no_session
		assert_equal "$(cat "$HOME_DIR/f")" old
	done
}

@test "ABOR and the end of the data at once: the upload is aborted" {
	serve
	login
	store 'STOR f' <<<old
	for _ in 1 2 3 4 5; do
		ftp_passive
		ftp 'STOR f' 150
		echo new >&"$DATA"
		ftp_send ABOR
		data_close
		ftp_reply
		assert_equal "$REPLY" 426
		ftp_reply
		assert_equal "$REPLY" 226
		assert_equal "$(cat "$HOME_DIR/f")" old
	done
}

# partial_has SIZE: the home has a hidden file of this many bytes.
partial_has()
{
	[ -n "$(find "$HOME_DIR" -name '.*' -type f -size "-$(($1 + 1))c" -size "+$(($1 - 1))c")" ]
}

@test "a data connection that is never opened: 425 after data-connect" {
	serve 'timeouts { data-connect = "1s" }'
	as_alice <<-'END'
		> EPSV
		< 229
		> LIST
		< 150
		< 425
		> EPSV
		< 229
		> STOR f
		< 150
		< 425
		> NOOP
		< 200
	END
	assert_equal "$(ls -A "$HOME_DIR")" ""
}

@test "a download that nobody reads: 426 or the end after stall" {
	serve 'timeouts { stall = "1s" }'
	login
	ftp_stuck big
	ftp_reply
	assert_equal "$REPLY" 426
	ftp_reply
	assert_equal "$REPLY" 421
	wait_until log_has ' disconnect .*reason="stall-timeout"'
}

@test "an upload that stands still: 426 or the end after stall, and the old file stays" {
	serve 'timeouts { stall = "1s" }'
	login
	store 'STOR f' <<<old
	ftp_passive
	ftp 'STOR f' 150
	echo new >&"$DATA"
	ftp_reply
	assert_equal "$REPLY" 426
	wait_until log_has ' disconnect .*reason="stall-timeout"'
	assert_equal "$(cat "$HOME_DIR/f")" old
}

# --- failures ---

@test "a full disk: 452, and the server goes on" {
	mkdir "$DIR/home/disk"
	mount -t tmpfs -o size=1m,mode=755 none "$DIR/home/disk" 2>/dev/null || skip "a mount is not permitted here"
	write_config
	add_user alice secret --home "$DIR/home/disk/alice"
	start_server
	head -c 2000000 /dev/zero >"$DIR/file"
	login
	ftp_passive
	ftp 'STOR f' 150
	# the server may close the data connection before the client ends
	cat "$DIR/file" >&"$DATA" || :
	data_close
	ftp_reply
	[ "$REPLY" = 452 ] || [ "$REPLY" = 552 ]
	[[ $REPLY_TEXT =~ space ]]
	assert [ ! -e "$DIR/home/disk/alice/f" ]
	ftp PWD 257
	ftp 'MKD d' 257
	wait_until log_has ' transfer .*result="ENOSPC"'
	ftp QUIT 221
	ftp_close
}

@test "atomic: readers see the old file until the new one is whole" {
	serve
	login
	store 'STOR f' <<<old
	ftp_passive
	ftp 'STOR f' 150
	echo new >&"$DATA"
	wait_until partial_has 4
	assert_equal "$(get "$(url alice:secret f)")" old
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
	assert_equal "$(get "$(url alice:secret f)")" new
	assert_equal "$(ls -A "$HOME_DIR")" f
}

# break_off COMMAND BYTES: upload this many zeros from a client that vanishes.
break_off()
{
	login
	ftp_passive
	ftp "$1" 150
	head -c "$2" /dev/zero >&"$DATA"
	wait_until partial_has "$2"
	# ABOR, since the end of the data connection alone would end the file
	ftp ABOR 426
	ftp_reply
	data_close
	ftp_close
}

@test "atomic: a broken upload is kept, hidden, and resumed by REST" {
	serve
	break_off 'STOR f' 5000
	assert [ ! -e "$HOME_DIR/f" ]
	login
	assert_equal "$(ftp_receive NLST)" ""
	assert_equal "$(ftp_receive 'NLST -a')" ""
	ftp 'SIZE f' 213
	assert_equal "$REPLY_TEXT" $'213 5000\n'
	ftp 'REST 5001' 350
	ftp_passive
	ftp 'STOR f' 554
	ftp 'REST 5000' 350
	store 'STOR f' <<<end
	assert_equal "$(stat -c %s "$HOME_DIR/f")" 5004
	assert_equal "$(ls -A "$HOME_DIR")" f
}

@test "atomic: a broken upload is resumed by APPE, and by curl" {
	serve
	break_off 'STOR f' 5000
	login
	store 'APPE f' <<<end
	assert_equal "$(stat -c %s "$HOME_DIR/f")" 5004
	head -c 20000 /dev/zero >"$DIR/file"
	echo end >>"$DIR/file"
	break_off 'STOR g' 5000
	get -C - -T "$DIR/file" "$(url alice:secret g)"
	cmp "$DIR/file" "$HOME_DIR/g"
}

@test "atomic: without REST a broken upload starts anew" {
	serve
	break_off 'STOR f' 5000
	login
	store 'STOR f' <<<new
	assert_equal "$(cat "$HOME_DIR/f")" new
	assert_equal "$(ls -A "$HOME_DIR")" f
}

has_size()
{
	[ "$(stat -c %s "$1" 2>/dev/null)" = "$2" ]
}

@test "in-place: what has come is there, and can be resumed" {
	serve 'uploads = "in-place"'
	login
	ftp_passive
	ftp 'STOR f' 150
	printf 012345 >&"$DATA"
	wait_until has_size "$HOME_DIR/f" 6	# ABOR may overtake bytes that protocol has not read
	ftp ABOR 426
	ftp_reply
	data_close
	ftp 'SIZE f' 213
	assert_equal "$REPLY_TEXT" $'213 6\n'
	ftp 'REST 6' 350
	store 'STOR f' < <(printf 6789)
	assert_equal "$(cat "$HOME_DIR/f")" 0123456789
}

@test "two uploads of one name: the second is 450; another name is none of its business" {
	serve
	login
	ftp_passive
	ftp 'STOR f' 150
	as_alice <<-'END'
		> EPSV
		< 229
		> STOR f
		< 450 /f: In use by another transfer
		> EPSV
		< 229
		> APPE f
		< 450
		> MKD g
		< 257
	END
	echo mine >&"$DATA"
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
	assert_equal "$(cat "$HOME_DIR/f")" mine
}

@test "a download goes on while the file is replaced" {
	serve
	login
	ftp_stuck big 16M
	get -T "$CONF" "$(url alice:secret big)"
	assert_equal "$(timeout 60 cat <&"$DATA" | wc -c)" 16777216
	ftp_reply
	assert_equal "$REPLY" 226
	cmp "$CONF" "$HOME_DIR/big"
}

@test "a file that is cut during its download: 451, no hang" {
	serve
	login
	ftp_stuck big
	truncate -s 10M "$HOME_DIR/big"
	timeout 60 cat <&"$DATA" >/dev/null
	ftp_reply
	assert_equal "$REPLY" 451
	ftp NOOP 200
}

@test "a read-only account reads, and changes nothing" {
	serve
	new_file f 10
	mkdir "$HOME_DIR/d"
	ctl user set alice --read-only
	as_alice <<-'END'
		> EPSV
		< 229
		> STOR g
		< 553
		> EPSV
		< 229
		> APPE f
		< 553
		> EPSV
		< 229
		> STOU
		< 553
		> DELE f
		< 550
		> MKD e
		< 550
		> RMD d
		< 550
		> RNFR f
		< [35]50
		> RNTO g
		< 5
		> MLST f
		< 250-.*perm=r;
	END
	get "$(url alice:secret f)" | cmp - "$HOME_DIR/f"
	assert_equal "$(ls -A "$HOME_DIR")" $'d\nf'
}

@test "a file that the user may not read" {
	serve
	echo root >"$HOME_DIR/f"
	chmod 600 "$HOME_DIR/f"
	mkdir -m 700 "$HOME_DIR/d"
	as_alice <<-'END'
		> EPSV
		< 229
		> RETR f
		< 550 /f: Permission denied
		> EPSV
		< 229
		> STOR f
		< 553
		> CWD d
		< 550
		> EPSV
		< 229
		> STOR d/x
		< 553
	END
}
