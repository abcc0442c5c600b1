#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport compares what it has moved: a wrong byte anywhere is found, on the way, at the joint of a resumed transfer, and
# in a file that changes while it is read.

load lib

SIZE=12000000

setup()
{
	new_place
	mkdir "$DIR/work"
	export HOME=$DIR/home XDG_CONFIG_HOME=$DIR/config SALLYPORT_PASSWORD=secret
	HOME_DIR=$DIR/home/alice
	RELAY_PID=
	cd "$DIR/work" || return 1
}

teardown()
{
	[ -z "$RELAY_PID" ] || kill "$RELAY_PID" || :
	cd /
	end_place
}

serve()
{
	write_config
	add_user alice secret "$@"
	start_server
	URL=ftp://alice@127.0.0.1:$PORT
}

# wrong_byte down|up OFFSET: from now on $URL leads through a relay that changes this byte.
wrong_byte()
{
	[ -z "$RELAY_PID" ] || kill "$RELAY_PID"
	rm -f relay-port
	"$BATS_TEST_DIRNAME/wrong-byte" relay-port "$PORT" "$1" "$2" >changed 3>&- &
	RELAY_PID=$!
	wait_until test -s relay-port
	URL=ftp://alice@127.0.0.1:$(cat relay-port)
}

client()
{
	timeout 60 "$BUILD/sallyport" --quiet --no-tls --plaintext --timeout 10 --retry 0 "$@" </dev/null 3>&-
}

serve_file()
{
	install -o "$(stat -c %u "$HOME_DIR")" -g "$(stat -c %g "$HOME_DIR")" -m 640 file "$HOME_DIR/$1"
}

# flip_byte FILE OFFSET: changed in place, the size stays.
flip_byte()
{
	python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
byte = os.pread(fd, 1, int(sys.argv[2]))
os.pwrite(fd, bytes([byte[0] ^ 1]), int(sys.argv[2]))' "$1" "$2"
}

@test "a wrong byte on the way down is found: at the beginning, inside, and the last one" {
	serve
	head -c $SIZE /dev/urandom >file
	serve_file f
	echo old >got
	for offset in 0 1048575 7654321 $((SIZE - 1)); do
		wrong_byte down $offset
		run client get "$URL/f" got
		assert_failure 6
		assert_output --partial "SHA-256 differs from the server's"
		grep -q "changed down $offset" changed
		[ "$(cat got)" = old ]
		[ ! -e got.part ]
	done
	# the relay itself does no harm
	wrong_byte down $SIZE
	client get "$URL/f" got
	cmp file got
}

@test "a wrong byte on the way up is found, and the target on the server stays as it was" {
	serve
	head -c $SIZE /dev/urandom >file
	for offset in 0 1048575 $((SIZE - 1)); do
		wrong_byte up $offset
		run client put file "$URL/f"
		assert_failure 6
		grep -q "changed up $offset" changed
		run cmp file "$HOME_DIR/f"
		assert_failure
	done
	wrong_byte up $SIZE
	client put file "$URL/f"
	cmp file "$HOME_DIR/f"
}

@test "a small file: its wrong byte is found, too, both ways" {
	serve
	echo "some bytes" >file
	serve_file f
	wrong_byte down 3
	run client get "$URL/f" got
	assert_failure 6
	[ ! -e got ]
	wrong_byte up 3
	run client put file "$URL/g"
	assert_failure 6
}

@test "the joint of a resumed transfer: the first byte after it is wrong" {
	serve --rate-down 4M --rate-up 4M
	head -c $SIZE /dev/urandom >file
	serve_file f
	"$BUILD/sallyport" --quiet --no-tls --plaintext get "$URL/f" got </dev/null 3>&- &
	local pid=$!
	wait_until has_size got.part 2000000
	kill -KILL $pid
	wait $pid || :
	# the part is proven by hash, so that the first byte on the connection is the one after the joint
	wrong_byte down 0
	run client get -c "$URL/f" got
	assert_failure 6
	grep -q changed changed
	[ ! -e got ]

	URL=ftp://alice@127.0.0.1:$PORT
	"$BUILD/sallyport" --quiet --no-tls --plaintext put file "$URL/g" </dev/null 3>&- &
	pid=$!
	wait_until partial_has_size 2000000
	kill -KILL $pid
	wait $pid || :
	wrong_byte up 0
	run client put -c file "$URL/g"
	assert_failure 6
	grep -q changed changed
}

has_size()
{
	[ -e "$1" ] && [ "$(stat -c %s "$1")" -ge "$2" ]
}

partial_has_size()
{
	local name
	for name in "$HOME_DIR"/.*.partial; do
		! has_size "$name" "$1" || return 0
	done
	return 1
}

@test "a file that changes on the server while it is fetched, before and after the place that was reached" {
	serve --rate-down 4M
	head -c $SIZE /dev/urandom >file
	serve_file f
	# its digest is computed beside the transfer, if nobody has changed it of late
	sleep 4
	"$BUILD/sallyport" --quiet --no-tls --plaintext get "$URL/f" got </dev/null 3>&- 2>errors &
	local pid=$! status=0
	wait_until has_size got.part 3000000
	flip_byte "$HOME_DIR/f" 1000
	flip_byte "$HOME_DIR/f" $((SIZE - 1000))
	wait $pid || status=$?
	[ $status -eq 6 ]
	grep -q "SHA-256 differs" errors
	[ ! -e got ]
	client get "$URL/f" got
	cmp "$HOME_DIR/f" got
}

@test "large files go into the part through the kernel; a full disk keeps the part, which goes on" {
	serve
	head -c $SIZE /dev/urandom >file
	serve_file f
	run strace -f -e trace=splice,pwrite64 -o calls "$BUILD/sallyport" --quiet --no-tls --plaintext get "$URL/f" got </dev/null
	if [ $status -eq 0 ]; then
		cmp file got
		grep -q 'splice(.*) = [1-9]' calls
		[ "$(grep -c 'pwrite64(.*) = [0-9]\{5\}' calls)" -eq 0 ]
	fi
	mkdir small
	mount -t tmpfs -o size=4m tmpfs small || skip "no tmpfs can be mounted here"
	run client get "$URL/f" small/got
	local length
	length=$(stat -c %s small/got.part)
	mount -o remount,size=16m small
	client get -c "$URL/f" small/got
	cmp file small/got
	umount small
	assert_failure 1
	assert_output --partial 'No space left'
	[ "$length" -ge 1000000 ] && [ "$length" -lt $SIZE ]
}
