#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport writes to local names that exist already: devices, FIFOs and links stay devices, FIFOs and links.
# All of them are the test's own, in its directory.

load lib
load tls-lib
load client-lib

setup_file()
{
	make_authority
}

setup()
{
	new_client_place
	in_home f "the content"
}

teardown()
{
	cd /
	end_place
}

# A null device of the test's own. The test is skipped where the kernel does not allow one, or it cannot be used.
new_device()
{
	mknod null c 1 3 2>/dev/null || skip "no device can be made here"
	: 2>/dev/null >null || skip "devices do not work on this file system"
}

@test "local: a device is written into, and stays one" {
	new_device
	run -0 client get "$(at f)" null
	assert_output --partial 'SHA-256 verified'
	[ -c null ]
	run -0 client get -c "$(at f)" null
	[ -c null ]
	ln -s null link
	run -0 client get "$(at f)" link
	[ -c null ] && [ -L link ]
	mkdir d
	mv null d/f
	run -0 client get "$(at f)" d
	[ -c d/f ]
	assert_equal "$(ls -A d)" f
	run client mirror --delete "$(at)" d
	[ -c d/f ]
}

@test "local: a FIFO gets the bytes, and stays one" {
	mkfifo pipe
	timeout 20 cat pipe >out 3>&- &
	reader=$!
	client get "$(at f)" pipe
	wait "$reader"
	assert_equal "$(cat out)" "the content"
	[ -p pipe ]
	[ ! -e pipe.part ]
}

@test "local: of a link to a file the target is replaced, and the link stays" {
	mkdir d
	echo old >d/real
	ln -s d/real link
	client get "$(at f)" link
	assert_equal "$(readlink link)" d/real
	assert_equal "$(cat d/real)" "the content"
	assert_equal "$(ls -A d)" real
}

@test "local: a link that leads nowhere is replaced, and makes no file elsewhere" {
	ln -s victim link
	client get "$(at f)" link
	[ ! -L link ]
	[ ! -e victim ]
	assert_equal "$(cat link)" "the content"
}

@test "local: standard output by its other names is written as '-' is" {
	{
		echo before
		client get "$(at f)" /dev/stdout
		echo after
	} >out 2>err
	assert_equal "$(cat out)" $'before\nthe content\nafter'
	client get "$(at f)" /dev/stdout 2>/dev/null | grep -qx 'the content'
	{
		echo before >&7
		client get "$(at f)" /dev/fd/7
	} 7>out
	assert_equal "$(cat out)" $'before\nthe content'
}

@test "local: directories and sockets are refused, and it is said what would be right" {
	mkdir -p d/f
	run -1 client get "$(at f)" d
	assert_output --partial 'is a directory'
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
	run -1 client get "$(at f)" sock
	assert_output --partial 'is a socket'
	[ -S sock ]
}

@test "local: pins in a FIFO would be forgotten, and are refused; the FIFO stays" {
	mkdir -p "$HOME/.config/sallyport"
	mkfifo "$HOME/.config/sallyport/pins"
	run timeout 20 "$BUILD/sallyport" ls "$(at)"
	assert_failure
	assert_output --partial "$HOME/.config/sallyport/pins' is not a regular file"
	[ -p "$HOME/.config/sallyport/pins" ]
	mkfifo "$HOME/.config/sallyport/bookmarks.new"
	run timeout 20 "$BUILD/sallyport" bookmark here "$(at)"
	assert_failure
	[ -p "$HOME/.config/sallyport/bookmarks.new" ]
}

@test "local: what stands under the names of parts and records is nobody's but its owner's, and stays" {
	mkfifo f.part
	client get "$(at f)"
	assert_equal "$(cat f)" "the content"
	[ -p f.part ]
	rm f
	mkfifo f.sallyport.part
	run timeout 20 "$BUILD/sallyport" --ca "$CA" get "$(at f)"
	assert_failure
	[ -p f.part ] && [ -p f.sallyport.part ]
	[ ! -e f ]
}

@test "local: bookmarks, history and pins that are links stay links; a device in their place is left alone" {
	mkdir -p "$HOME/.config/sallyport" elsewhere
	: >elsewhere/bookmarks
	ln -s "$PWD/elsewhere/bookmarks" "$HOME/.config/sallyport/bookmarks"
	client bookmark here "$(at)"
	[ -L "$HOME/.config/sallyport/bookmarks" ]
	grep -q '^here ' elsewhere/bookmarks
	new_device
	rm "$HOME/.config/sallyport/bookmarks"
	mv null "$HOME/.config/sallyport/bookmarks"
	run ! client bookmark there "$(at)"
	[ -c "$HOME/.config/sallyport/bookmarks" ]
}
