#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Homes that several accounts have together, each with a uid of its own: modes of accounts, and whose files are whose.

bats_require_minimum_version 1.5.0
load lib

GROUP=340000

setup()
{
	new_place
	write_config "$@"
	mkdir "$DIR/team"
	chown root:"$GROUP" "$DIR/team"
	chmod 2770 "$DIR/team"
	share anna 340001
	share carl 340002
	start_server
}

teardown()
{
	end_place
}

# share NAME UID: an account whose home is the team's.
share()
{
	add_user "$1" secret --home "$DIR/team" --uid "$2" --gid "$GROUP" --file-mode 0660 --directory-mode 0770
}

put_as()
{
	curl -sS -T - "ftp://$1:secret@127.0.0.1:$PORT/$2"
}

get_as()
{
	curl -sS "ftp://$1:secret@127.0.0.1:$PORT/$2"
}

quote_as()
{
	local name=$1 word
	local -a quotes=()
	shift
	for word in "$@"; do
		quotes+=(-Q "$word")
	done
	curl -sS -o "$DIR/listed" "${quotes[@]}" "ftp://$name:secret@127.0.0.1:$PORT/"
}

owner_and_mode()
{
	stat -c '%u:%g %a' "$DIR/team/$1"
}

@test "two accounts work in one home, each with its own uid" {
	echo one | put_as anna a.txt
	quote_as anna "MKD sub"
	run -0 owner_and_mode a.txt
	assert_output "340001:$GROUP 660"
	run -0 owner_and_mode sub
	assert_output "340001:$GROUP 2770"
	run -0 get_as carl a.txt
	assert_output one
	# replaced, resumed, renamed and removed by the other
	echo two | put_as carl a.txt
	run -0 owner_and_mode a.txt
	assert_output "340002:$GROUP 660"
	echo three | curl -sS -a -T - "ftp://anna:secret@127.0.0.1:$PORT/a.txt"
	run -0 get_as carl a.txt
	assert_output $'two\nthree'
	echo deep | put_as carl sub/b.txt
	quote_as anna "RNFR sub/b.txt" "RNTO c.txt" "DELE a.txt" "RMD sub"
	run -0 get_as carl c.txt
	assert_output deep
	# modes and times are the owner's
	run -0 owner_and_mode c.txt
	assert_output "340002:$GROUP 660"
	run ! quote_as anna "SITE CHMOD 600 c.txt"
	quote_as carl "SITE CHMOD 640 c.txt"
	run ! put_as anna c.txt <<<"protected"
	run -0 get_as anna c.txt
	assert_output deep
	[ ! -e "$DIR/team/a.txt" ]
}

@test "the other account goes on with an interrupted upload" {
	local size
	head -c 3000000 /dev/urandom >"$DIR/whole"
	# the client goes away in the middle
	run ! timeout 20 curl -sS --limit-rate 500K -m 2 -T "$DIR/whole" "ftp://anna:secret@127.0.0.1:$PORT/big"
	wait_until log_has 'event=disconnect|disconnect '
	run ! test -e "$DIR/team/big"
	run -0 curl -sS -C - -T "$DIR/whole" "ftp://carl:secret@127.0.0.1:$PORT/big"
	cmp "$DIR/whole" "$DIR/team/big"
	run -0 stat -c '%g %a' "$DIR/team/big"
	assert_output "$GROUP 660"
	size=$(find "$DIR/team" -type f | wc -l)
	[ "$size" -eq 1 ]
}

@test "a home that only looks shared is refused" {
	chmod g-s "$DIR/team"
	run ! get_as anna a.txt
	wait_until log_has 'login-failed .* name="anna" reason="home belongs to another user"'
	run -0 ctl config check
	assert_output --partial "to be shared, to gid $GROUP with mode 2770 or more"
	chmod 2770 "$DIR/team"
	quote_as anna NOOP
	# somebody who could put another directory there
	chown 340009 "$DIR"
	run ! quote_as anna NOOP
	wait_until log_has 'login-failed .* name="anna" reason="home is behind a directory that others control"'
	chown root "$DIR"
	quote_as anna NOOP
}

@test "modes of accounts: set, show, refuse" {
	run -0 ctl user show anna
	assert_line 'file-mode:    0660'
	assert_line 'directory-mode: 0770'
	run -0 ctl --json user show anna
	assert_output --partial '"file_mode": "0660"'
	run -2 ctl user set anna --file-mode 0440
	assert_output --partial "bad --file-mode '0440'; use an octal mode with 0600 and at most 0777"
	ctl user set anna --file-mode none
	run -0 ctl user show anna
	refute_output --partial 'file-mode'
	# the account's word, and else that of the configuration
	echo x | put_as anna plain
	run -0 owner_and_mode plain
	assert_output "340001:$GROUP 640"
	echo x | put_as carl mine
	run -0 owner_and_mode mine
	assert_output "340002:$GROUP 660"
	# a home that is made for a group
	add_user dora secret --gid "$GROUP" --directory-mode 0770
	run -0 stat -c %a "$DIR/home/dora"
	assert_output 2770
}
