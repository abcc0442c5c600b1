#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Trees with links: clients that remove, mirror or delete them leave the targets of the links alone.

load lib
load tls-lib
load client-lib

setup_file()
{
	make_authority
}

setup()
{
	new_client_place 'tls=require = no'
	mkdir -p "$H/tree/sub" "$H/precious/deep"
	echo keep >"$H/precious/keep"
	echo keep >"$H/precious/deep/keep"
	echo own >"$H/tree/own"
	echo inner >"$H/tree/sub/inner"
	ln -s ../precious "$H/tree/todir"
	ln -s ../../precious/deep "$H/tree/sub/todeep"
	ln -s ../precious/keep "$H/tree/tofile"
	ln -s nowhere "$H/tree/dangling"
	ln -s . "$H/tree/self"
	ln -s .. "$H/tree/sub/up"
	chown -hR --reference="$H" "$H/tree" "$H/precious"
	mkdir empty
}

teardown()
{
	end_place
}

need()
{
	command -v "$1" >/dev/null || skip "$1 is not installed (Debian: $2)"
}

# The server changed nothing outside the tree.
precious_is_whole()
{
	assert_equal "$(cd "$H/precious" && find . | sort | tr '\n' ' ')" '. ./deep ./deep/keep ./keep '
	assert_equal "$(cat "$H/precious/keep" "$H/precious/deep/keep")" $'keep\nkeep'
}

tree_is_gone()
{
	[ ! -e "$H/tree" ]
	precious_is_whole
}

tree_is_empty()
{
	assert_equal "$(find "$H/tree" -mindepth 1)" ''
	precious_is_whole
}

# Every file is listed once, and no directory behind a link.
copy_is_finite()
{
	assert_equal "$(cd "$1" && find . -type f | sort | tr '\n' ' ')" "$2"
	assert_equal "$(cat "$1/own" "$1/sub/inner")" $'own\ninner'
	precious_is_whole
}

lftp_does()
{
	timeout 60 lftp -c "set ftp:ssl-allow no; set net:max-retries 1; open -u alice,secret -p $PORT 127.0.0.1; $1"
}

rclone_does()
{
	timeout 60 rclone --config /dev/null --retries 1 --low-level-retries 1 "$@" \
		--ftp-host 127.0.0.1 --ftp-port "$PORT" --ftp-user alice --ftp-pass "$(rclone obscure secret)"
}

@test "links: lftp rm -r removes them, and nothing that they lead to" {
	need lftp lftp
	lftp_does 'rm -r tree'
	tree_is_gone
}

@test "links: lftp mirror ends, and fetches links to files" {
	need lftp lftp
	lftp_does 'mirror tree copy'
	copy_is_finite copy './own ./sub/inner ./tofile '
}

@test "links: lftp mirror -R --delete removes them, and nothing that they lead to" {
	need lftp lftp
	lftp_does 'mirror -R --delete empty tree'
	tree_is_empty
}

@test "links: lftp goes through one with cd, and fetches a file by one" {
	need lftp lftp
	lftp_does 'cd tree/todir; get keep -o kept; get ../tofile'
	assert_equal "$(cat kept tofile)" $'keep\nkeep'
}

@test "links: rclone purge, delete and sync remove them, and nothing that they lead to" {
	need rclone rclone
	rclone_does delete :ftp:tree/sub
	precious_is_whole
	rclone_does sync empty :ftp:tree
	tree_is_empty
	ln -s ../precious "$H/tree/todir"
	chown -h --reference="$H" "$H/tree/todir"
	rclone_does purge :ftp:tree
	tree_is_gone
}

@test "links: rclone copy ends, and fetches what is no directory" {
	need rclone rclone
	run rclone_does copy :ftp:tree copy
	copy_is_finite copy './own ./sub/inner ./tofile '
}

@test "links: ncftp rm -r and get -R leave alone what they lead to" {
	need ncftpget ncftp
	printf '%s\n' 'cd tree' 'rm -r sub self todir' quit | timeout 60 ncftp -u alice -p secret -P "$PORT" 127.0.0.1
	precious_is_whole
	mkdir copy
	timeout 60 ncftpget -R -u alice -p secret -P "$PORT" 127.0.0.1 copy tree
	copy_is_finite copy/tree './own ./sub/inner ./tofile '
}

@test "links: curl removes one by DELE, lists and fetches through it" {
	need curl curl
	assert_equal "$(curl -s -u alice:secret "ftp://127.0.0.1:$PORT/tree/todir/keep")" keep
	assert_equal "$(curl -s -l -u alice:secret "ftp://127.0.0.1:$PORT/tree/todir/" | tr -d '\r' | sort | tr '\n' ' ')" 'deep keep '
	run curl -s -u alice:secret -Q 'RMD tree/todir' "ftp://127.0.0.1:$PORT/"
	assert_failure
	[ -L "$H/tree/todir" ]
	curl -s -u alice:secret -Q 'DELE tree/todir' "ftp://127.0.0.1:$PORT/"
	[ ! -L "$H/tree/todir" ]
	precious_is_whole
}

@test "links: sallyport rm -r removes them, and nothing that they lead to" {
	client rm -r "$(at tree)"
	tree_is_gone
}

@test "links: sallyport mirror ends, fetches links to files, and says what it leaves out" {
	run client mirror "$(at tree)" copy
	assert_success
	assert_line --partial 'todir is left out: it is a symbolic link'
	assert_line --partial 'self is left out: it is a symbolic link'
	copy_is_finite copy './own ./sub/inner ./tofile '
}

@test "links: sallyport mirror --upload --delete leaves alone what they lead to" {
	run client mirror --upload --delete empty "$(at tree)"
	precious_is_whole
}
