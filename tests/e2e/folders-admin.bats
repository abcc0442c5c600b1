#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Shared folders as an administrator makes, grants and removes them; what is refused, and where.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	new_place
	write_config
}

teardown()
{
	end_place
}

@test "a folder from its beginning to its end" {
	add_user anna secret
	add_user bot secret
	run -0 ctl folder add team --directory "$DIR/shared/team" --quota 5M --quota-files 100
	assert_output 'team: added'
	run -0 stat -c '%u %a' "$DIR/shared/team"
	assert_output '0 2770'
	run -0 ctl folder grant team --user anna --at '/our team'
	assert_output 'team: granted; it holds from the next login on'
	ctl folder grant team --user bot --at /in/team --allow list,read
	run -0 grep '^anna:' "$DIR/etc/users"
	assert_output --partial 'folder=team=/our%20team'
	run -0 ctl folder show team
	assert_line "directory:      $DIR/shared/team"
	assert_line 'quota:          5242880 bytes'
	assert_line 'accounts:       anna at /our team: all'
	assert_line '                bot at /in/team: list,read'
	run -0 ctl --json folder show team
	assert_output --partial '"path": "/our team"'
	run -0 ctl user show bot
	assert_line 'folder:       team at /in/team: list,read'
	run -0 sh -c "'$BUILD/sallyportctl' -c '$CONF' --json user show anna | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"folders\"])'"
	assert_output "[{'name': 'team', 'path': '/our team', 'rights': 'all'}]"
	run -0 ctl config check
	run -1 ctl folder remove team
	assert_output --partial "folder 'team' is granted to 'anna' and others; take it away with 'folder revoke' first"
	# a grant replaces that of before
	ctl folder grant team --user bot --at /t
	run -0 grep '^bot:' "$DIR/etc/users"
	assert_output --partial 'folder=team=/t'
	refute_output --partial '/in/team'
	ctl folder revoke team --user bot
	run -1 ctl folder revoke team --user bot
	assert_output --partial "account 'bot' does not have the folder 'team'"
	ctl folder revoke team --user anna
	run ! grep -q 'folder=' "$DIR/etc/users"
	run -0 ctl folder remove team
	assert_output 'team: removed; its directory is kept'
	assert_dir_exist "$DIR/shared/team"
	run -0 ctl --json folder list
	assert_output '[]'
}

@test "folders get groups of their own, and options that can be changed" {
	add_user anna secret
	ctl folder add one --directory "$DIR/one"
	ctl folder add two --directory "$DIR/two" --allow list,read,create --file-mode 0640
	run -0 sh -c "'$BUILD/sallyportctl' -c '$CONF' --json folder list | python3 -c 'import json,sys; print(len({f[\"gid\"] for f in json.load(sys.stdin)}))'"
	assert_output 2
	run -0 stat -c '%g' "$DIR/one"
	refute_output "$(stat -c '%g' "$DIR/two")"
	# an account that comes later is in neither group, nor in that of another account
	run -0 ctl user add bot --home "$DIR/home/bot" --gid 200004 --password-stdin <<<secret
	assert_output --partial 'uid 200003, gid 200004'
	run -0 ctl user add carl --home "$DIR/home/carl" --password-stdin <<<secret
	assert_output --partial 'uid 200005, gid 200005'
	ctl folder set two --quota 1G --deny create --directory-mode 0775
	run -0 grep '^+folder two' "$DIR/etc/users"
	assert_output --regexp ':[0-9]+: quota=1073741824 rights=list,read file-mode=0640 directory-mode=0775$'
	ctl folder set two --quota none --file-mode none --directory-mode none --allow all
	run -0 grep '^+folder two' "$DIR/etc/users"
	assert_output --regexp ':[0-9]+:$'
	ctl folder set two --directory "$DIR/three"
	assert_dir_exist "$DIR/three"
}

@test "an account that is added after a folder gets ids that are not the folder's group" {
	add_user anna secret
	ctl folder add team --directory "$DIR/team"
	local gid
	gid=$(stat -c '%g' "$DIR/team")
	add_user bert secret
	run -0 grep '^bert:' "$DIR/etc/users"
	refute_output --regexp "^bert:[^:]*:$gid:"
	refute_output --regexp "^bert:[^:]*:[0-9]+:$gid:"
	# nor the group of accounts that have one in common
	add_user carl secret --gid "$((gid + 3))"
	add_user dora secret
	run -0 grep '^dora:' "$DIR/etc/users"
	refute_output --partial ":$((gid + 3)):"
	# an import, too
	printf 'eve\nsecret\n' >"$DIR/names"
	ctl user import --from vsftpd "$DIR/names"
	run -0 grep '^eve:' "$DIR/etc/users"
	refute_output --regexp ":$gid:|:$((gid + 3)):"
}

@test "folders that overlap are refused by every door" {
	add_user anna secret
	ctl folder add team --directory "$DIR/team"
	cp "$DIR/etc/users" "$DIR/before"
	for wrong in "$DIR/team/in" "$DIR/home" "$DIR/home/anna/in" "$DIR/state/in" "$DIR"; do
		run -1 ctl folder add other --directory "$wrong"
		assert_output --partial overlap
		assert_dir_not_exist "$DIR/state"
	done
	run -1 ctl folder add other --directory /
	run ! ctl folder add other --directory relative
	assert_output "sallyportctl: bad --directory 'relative'; use an absolute path"
	run ! ctl user set anna --home relative
	assert_output "sallyportctl: bad --home 'relative'; use an absolute path"
	run -1 ctl folder add team --directory "$DIR/team2"
	assert_output --partial 'exists already'
	run -1 ctl folder grant nobody --user anna --at /x
	assert_output --partial "no folder 'nobody'"
	run -1 ctl folder grant team --user anna --at /a/../b
	assert_output --partial "'..'"
	run -2 ctl folder grant team --user anna
	run -2 ctl folder grant team --at /x
	run ! add_user inside secret --home "$DIR/team/inside" --gid "$(stat -c '%g' "$DIR/team")"
	assert_output --partial "the home overlaps the folder 'team'"
	cmp "$DIR/before" "$DIR/etc/users"
	# by hand: the check, the start and a reload say so
	start_server
	echo "+folder nested:$DIR/team/nested:7000:" >>"$DIR/etc/users"
	run -1 ctl config check
	assert_output --regexp "users:[0-9]+: the folder 'nested' overlaps the folder 'team' of line [0-9]+"
	run -1 ctl reload
	assert_output --partial "overlaps the folder 'team'"
	sed -i '$d' "$DIR/etc/users"
	echo "+folder state:$DIR/state:7000:" >>"$DIR/etc/users"
	run -1 ctl config check
	assert_output --partial "the folder 'state' overlaps state-directory"
	stop_server
	run ! start_server
	sed -i '$d' "$DIR/etc/users"
	sed -i '/^anna:/s/$/ folder=missing=\/x/' "$DIR/etc/users"
	run -1 ctl config check
	assert_output --partial "no folder 'missing'; define it with a line '+folder missing:DIRECTORY:GID:'"
}

@test "a folder that is not fit is reported by the check" {
	ctl folder add team --directory "$DIR/team"
	run -0 ctl config check
	chmod g-s "$DIR/team"
	run -0 ctl config check
	assert_output --partial "folder 'team'"
	assert_output --partial 'with mode 2770'
	chmod 2777 "$DIR/team"
	run -0 ctl config check
	assert_output --partial 'with mode 2770'
	chmod 2770 "$DIR/team"
	mkdir "$DIR/open"
	chmod 777 "$DIR/open"
	run -1 ctl folder add open --directory "$DIR/open/folder"
	assert_output --partial 'can be changed by everybody'
}

@test "a folder is counted only where a login would take it" {
	add_user anna secret
	ctl folder add team --directory "$DIR/shared/team" --quota 5M
	ctl folder grant team --user anna --at /team
	start_server
	curl -sS -T - "ftp://anna:secret@127.0.0.1:$PORT/team/f" <<<"x"
	run -0 ctl quota recount +team
	# a directory of the service user, as a home of its own would be, and not the group's
	chown sallyport "$DIR/shared/team"
	chmod 700 "$DIR/shared/team"
	run ! ctl quota recount +team
	assert_output --partial 'it must belong to gid'
	chown root "$DIR/shared/team"
	chmod 2770 "$DIR/shared/team"
	run -0 ctl quota recount +team
	# a way that somebody else can change is no way
	chown 12345 "$DIR/shared"
	run ! ctl quota recount +team
	assert_output --partial "$DIR/shared"
}
