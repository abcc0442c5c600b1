#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What is kept of files, for the administrator: sallyportctl keep, the daily errand, events and metrics.

load lib

bats_require_minimum_version 1.5.0

setup()
{
	new_place
	HOME_DIR=$DIR/home/alice
	KEEP=$HOME_DIR/.sallyport-keep
}

teardown()
{
	end_place
}

# serve USER-OPTIONS [LINE...]
serve()
{
	local options=$1
	shift
	write_config "$@"
	# shellcheck disable=SC2086 # several words
	add_user alice secret $options
	start_server
}

# put NAME CONTENT: upload
put()
{
	printf %s "$2" | curl -sS --user alice:secret --ftp-create-dirs -T - "ftp://127.0.0.1:$PORT/$1"
}

# get NAME
get()
{
	curl -sS --user alice:secret "ftp://127.0.0.1:$PORT/$1"
}

# ids PATH: the ids of what is kept, the oldest first
ids()
{
	ctl --json keep list alice --path "$1" | python3 -c 'import json, sys
print("\n".join(sorted(row["id"] for row in json.load(sys.stdin)["kept"])))'
}

# The clock of the keep goes on by so many days.
age_keep()
{
	python3 - "$KEEP/state" "$1" <<-'END'
		import struct, sys
		with open(sys.argv[1], 'r+b') as file:
		    magic, clock = struct.unpack('=8sQ', file.read(16))
		    file.seek(8)
		    file.write(struct.pack('=Q', clock + 86400 * int(sys.argv[2])))
	END
}

@test "keep list and keep restore: what a client has overwritten and removed, with curl and lftp" {
	local first id
	serve '--keep 30d --keep-quota 1M --quota 1M'
	[ "$(ctl keep list alice | tail -1)" = '              0 bytes in 0 files' ]
	put 'docs/a.txt' one
	put 'docs/a.txt' second
	lftp -u alice,secret -e "rm docs/a.txt; rmdir docs; quote SITE VERSIONS /docs/a.txt; bye" "ftp://127.0.0.1:$PORT" >"$DIR/lftp"
	[ "$(grep -cE '^ ?[0-9]{14} [0-9]+ [0-9]{5}\.[0-9]{14}\.[0-9]{4}$' "$DIR/lftp")" -eq 2 ]
	run -0 ctl keep list alice
	[[ ${lines[0]} == 'KEPT (UTC) '*' FILE' ]]
	[ "$(grep -c ' /docs/a.txt$' <<<"$output")" -eq 2 ]
	[ "${lines[-1]}" = '              9 bytes in 2 files' ]
	run -0 ctl keep list alice --path /other
	[ "${lines[-1]}" = '              0 bytes in 0 files' ]

	# the youngest; its directory is made again, and the quota knows of it
	run -0 ctl keep restore alice --path /docs/a.txt
	[[ $output == "restored '/docs/a.txt', 6 bytes, of "* ]]
	[ "$(get docs/a.txt)" = second ]
	[ "$(stat -c %u "$HOME_DIR/docs")" = "$(stat -c %u "$HOME_DIR")" ]
	[ "$(ctl --json quota show alice | jq .bytes)" -eq 6 ]

	# what is there stays, unless that is said
	first=$(ids /docs/a.txt)
	run -1 ctl keep restore alice --path /docs/a.txt
	[[ $output == *"'/docs/a.txt' is there, with 6 bytes"*'--as PATH'*'--force'* ]]
	[ "$(get docs/a.txt)" = second ]
	run -0 ctl --json keep restore alice --path /docs/a.txt --id "$first" --as '/docs/a b.txt'
	[ "$(jq -r '.as, .bytes' <<<"$output")" = $'/docs/a b.txt\n3' ]
	[ "$(get docs/a%20b.txt)" = one ]
	[ "$(get docs/a.txt)" = second ]
	[ "$(ctl --json quota show alice | jq .bytes)" -eq 9 ]
	put docs/a.txt third
	id=$(ids /docs/a.txt)
	run -0 ctl keep restore alice --path /docs/a.txt --force
	[ "$(get docs/a.txt)" = second ]
	[ "$(ids /docs/a.txt)" != "$id" ]
	[ "$(ctl --json keep list alice --path /docs/a.txt | jq '.kept[0].bytes')" -eq 5 ]
}

@test "keep restore and keep purge: what cannot be, says what would" {
	serve '--keep 30d --keep-quota 1M'
	put a one
	put a two
	run -2 ctl keep restore alice
	[[ $output == *'needs --path PATH'* ]]
	run -2 ctl keep restore alice --path a
	[[ $output == *"bad --path 'a'"* ]]
	run -2 ctl keep restore alice --path /
	run -2 ctl keep restore alice --path /a --id 12
	[[ $output == *"bad --id '12'"* ]]
	run -1 ctl keep restore alice --path /b
	[[ $output == *"nothing is kept of '/b'"*'keep list alice'* ]]
	run -1 ctl keep restore alice --path /a --id 20787.20261130120000.0000 --as /b
	[[ $output == *'nothing with the id 20787.20261130120000.0000 is kept'* ]]
	[ ! -e "$HOME_DIR/b" ]
	run -1 ctl keep restore alice --path /a --as /.sallyport-keep/x
	run -1 ctl keep list nobody
	run -2 ctl keep purge --all
	[[ $output == *'--all needs the NAME'* ]]
	run -2 ctl keep purge alice --all --path /a
	[[ $output == *'--all and --path together'* ]]
	run -2 ctl keep purge alice --older-than 0d
	[[ $output == *"bad --older-than '0d'; use days from 1d to 3650d"* ]]
	ctl user set alice --keep none
	run -1 ctl keep purge alice
	[[ $output == *"'alice' has no option keep"*'--all'* ]]
	[ "$(ctl --json keep list alice | jq .files)" -eq 1 ]
	run -0 ctl keep purge
	[[ $output == *'no account has the option keep'* ]]
	# what it kept is there still
	run -0 ctl keep restore alice --path /a --as /b
	[ "$(get b)" = one ]
}

@test "keep purge: by age, of one path, all; of one account and of all" {
	serve '--keep 30d --keep-quota 1M'
	add_user bob secret --keep 10d
	add_user carol secret
	put a one
	put a two
	age_keep 12
	put b one
	put b two
	put c one
	put c two
	[ "$(ctl --json keep list alice | jq -c '[.files, .bytes, .strange]')" = '[3,9,0]' ]
	[ "$(ctl --json keep purge alice --older-than 12d | jq -c '[.files_removed, .files]')" = '[0,3]' ]
	[ "$(ctl --json keep purge alice | jq -c '[.files_removed, .files]')" = '[0,3]' ]
	run -0 ctl keep purge alice --older-than 11d
	[[ $output == *'3 bytes in 1 files removed, 6 in 2 left' ]]
	[ "$(ctl --json keep list alice --path /a | jq .files)" -eq 0 ]
	[ "$(ctl --json keep purge alice --path /b | jq -c '[.files_removed, .bytes_removed, .files]')" = '[1,3,1]' ]
	age_keep 31
	[ "$(ctl --json keep purge | jq -c '[.[] | [.name, .files_removed]]')" = '[["alice",1],["bob",0]]' ]
	[ "$(ls -A "$KEEP")" = state ]
	put d one
	put d two
	[ "$(ctl --json keep purge alice --all | jq -c '[.files_removed, .files, .bytes]')" = '[1,0,0]' ]
	[ "$(ls -A "$KEEP")" = state ]
}

@test "a damaged keep loses nothing: modes, names, links, a file in place of a directory" {
	local day hash id owner
	serve '--keep 30d --keep-quota 1M'
	put a one
	put a two
	owner=$(stat -c %u:%g "$KEEP")
	day=$(basename "$KEEP"/[0-9]*)
	hash=$(basename "$KEEP/$day"/*)
	id=$(ids /a)
	echo precious >"$DIR/precious"
	mkdir "$KEEP/$day/$hash/directory" "$KEEP/$day/odd" "$KEEP/00001" "$KEEP/notes" "$KEEP/$day/00000000000000000000000000000000"
	ln -s "$DIR" "$KEEP/00002"
	ln -s "$DIR/precious" "$KEEP/$day/$hash/20200101000000.0000"
	ln -s "$DIR/precious" "$KEEP/$day/00000000000000000000000000000000/path"
	echo 1 >"$KEEP/$day/00000000000000000000000000000000/20200101000000.0000"
	echo 1 >"$KEEP/00003"
	echo 1 >"$KEEP/00001/x"
	mkfifo "$KEEP/$day/11111111111111111111111111111111"
	mkdir -m 0 "$KEEP/00004"
	chown -R -h "$owner" "$KEEP"
	run -0 ctl --json keep list alice
	[ "$(grep -v '^sallyportctl: ' <<<"$output" | jq -c '[.files, ([.kept[].path] | sort)]')" = '[2,[null,"/a"]]' ]
	[[ $output == *"names in .sallyport-keep are not the server's"* ]]
	run -0 curl -sS --user alice:secret -Q 'SITE VERSIONS /a' -v "ftp://127.0.0.1:$PORT/"
	[[ $output == *"$id"* ]]
	run -0 ctl keep restore alice --path /a --as /b
	[ "$(get b)" = one ]
	put a three
	# all of it that is the server's own goes, and nothing else
	run -0 ctl keep purge alice --all
	[[ $output == *' in 2 files removed, 0 in 0 left'* ]]
	[ -d "$KEEP/$day/$hash/directory" ] && [ -d "$KEEP/$day/odd" ] && [ -d "$KEEP/notes" ] && [ -f "$KEEP/00003" ]
	[ -f "$KEEP/00001/x" ] && [ -L "$KEEP/00002" ] && [ -p "$KEEP/$day/11111111111111111111111111111111" ]
	[ -f "$KEEP/$day/$hash/path" ]	# something is beside it
	[ "$(cat "$DIR/precious")" = precious ]
	put a four
	[ "$(ctl --json keep list alice 2>/dev/null | jq -c '[.files, .kept[0].path]')" = '[1,"/a"]' ]
	# others may write to it, or it is not a directory, or leads away
	chmod 777 "$KEEP"
	run -1 ctl keep purge alice --all
	[[ $output == *"/.sallyport-keep' is damaged: it must be a directory of uid "* ]]
	mv "$KEEP" "$DIR/away"
	echo 1 >"$KEEP"
	run -1 ctl keep list alice
	[[ $output == *'is damaged'* ]]
	rm "$KEEP"
	ln -s "$DIR/away" "$KEEP"
	for verb in list 'purge --all' 'restore --path /a --as /z'; do
		# shellcheck disable=SC2086 # several words
		run -1 ctl keep ${verb%% *} alice ${verb#"${verb%% *}"}
	done
	[ "$(find "$DIR/away" -name '*.0000' -size -9c -type f | wc -l)" -ge 1 ]
}
