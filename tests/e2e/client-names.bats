#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport, the client: looking for names (ls -a, colours, find, du), and changing a file in an editor.

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
}

teardown()
{
	end_place
}

@test "find: by name, type, size, age, and with excludes; names with anything in them" {
	in_home a.txt
	in_home sub/b.txt
	in_home 'sub/two words.txt'
	in_home sub/deeper/c.log
	in_home "sub/it's"
	in_home skip/d.txt
	truncate -s 5000 "$H/sub/big.bin"
	touch -d '3 days ago' "$H/sub/b.txt"
	touch "$H/sub/"$'odd\xff'
	ln -s a.txt "$H/link"
	chown -hR --reference="$H" "$H"
	run -0 client find "$(at)"
	assert_line a.txt
	assert_line sub
	assert_line 'sub/two words.txt'
	assert_line sub/deeper/c.log
	run -0 client find --name '*.txt' --exclude skip "$(at)"
	assert_output $'a.txt\nsub/b.txt\nsub/two words.txt'
	run -0 client find --type d "$(at sub)"
	assert_output sub/deeper
	run -0 client find --min-size 4K "$(at)"
	assert_output sub/big.bin
	run -0 client find --min-age 2d --name '*.txt' "$(at)"
	assert_output sub/b.txt
	client find -0 --name 'odd*' "$(at)" >found
	assert_equal "$(od -An -c found)" "$(printf 'sub/odd\xff\0' | od -An -c)"
	client find --name 'odd*' "$(at)" >found
	run ! grep -q $'\xff' found
	run -0 client find --json --name 'it*' "$(at)"
	assert_output --partial '"directory":"sub","name":"it'"'"'s","kind":"file"'
	run -2 client find --type x "$(at)"
	assert_output --partial "--type is 'x'; it must be f, d or l"
	run -3 client find "$(at nothing)"
	run -0 client "$(at)" <<<$'cd sub\nfind --name *.log\nfind -t f . | wc -l'
	assert_line deeper/c.log
}

@test "du: sums of all below, a line for each directory with -a, and what could not be seen" {
	truncate -s 1000 "$H/one"
	mkdir -p "$H/d/e"
	truncate -s 2000 "$H/d/two"
	truncate -s 3000 "$H/d/e/three"
	chown -R --reference="$H" "$H"
	run -0 client du "$(at)"
	assert_output --regexp '^ +5\.9 KiB +3 files \.$'
	run -0 client du -a "$(at d)"
	assert_line --regexp '^ +2\.9 KiB +1 file +d/e$'
	assert_line --regexp '^ +4\.9 KiB +2 files d$'
	run -0 client --json du "$(at)"
	assert_output --partial '"path":"","bytes":6000,"files":3,"complete":true'
	chown root:root "$H/d/e"
	chmod 700 "$H/d/e"
	run -3 client du "$(at)"
	assert_line --regexp '^> +2\.9 KiB +2 files \.  # not all of it could be seen$'
}

@test "ls: marks with -F, colours only where they are wanted, and hostile names have none of their own" {
	mkdir "$H/dir"
	in_home a.txt
	in_home 'evil.txt'
	touch "$H/"$'e\033[31mx'  2>/dev/null || :
	chown -R --reference="$H" "$H"
	rm -f "$H/"$'e\033[31mx'
	run -0 client ls -1 -F "$(at)"
	assert_line dir/
	run -0 client ls -1 --color=always "$(at)"
	assert_line $'\033[01;34mdir\033[0m'
	assert_line a.txt
	LS_COLORS='di=35:*.txt=32:fi=0' run -0 client ls -l --color=always "$(at)"
	assert_output --partial $'\033[35mdir\033[0m/'
	assert_output --partial $'\033[32ma.txt\033[0m'
	run -0 client ls --color=auto "$(at)"
	refute_output --partial $'\033'
	run -2 client ls --color=pink "$(at)"
	assert_output --partial "--color is 'pink'; it must be auto, always or never"
	for how in '' 'NO_COLOR=1' 'TERM=dumb'; do
		env TERM=xterm $how script -qec "'$BUILD/sallyport' --ca '$CA' ls '$(at)'" /dev/null </dev/null >shown 3>&-
		if [ -z "$how" ]; then
			grep -q $'\033\[01;34mdir' shown
		else
			run ! grep -q $'\033' shown
		fi
	done
}

@test "put --parents: the missing directories of the target are made, and only with it" {
	echo one >one
	echo two >two
	run -3 client put one "$(at a/b/)"
	assert_line "sallyport: try: make its directory first: mkdir --parents; put --parents does so itself"
	run -0 client put --parents one "$(at a/b/)"
	run -0 client put -p one "$(at a/c/d/renamed)"
	run -0 client mput -p one two "$(at e/f)"
	run -0 client put -p one "$(at plain)"
	assert_equal "$(cat "$H/a/b/one" "$H/a/c/d/renamed" "$H/e/f/two" "$H/plain")" $'one\none\ntwo\none'
	run -0 client put -p two "$(at a/b/)"
	assert_equal "$(ls "$H/a/b")" $'one\ntwo'
	# a file in the way
	run -3 client put -p one "$(at plain/x/y)"
	assert_equal "$(cat "$H/plain")" one
}

@test "ls: in the order of names, sizes and times, and the other way round" {
	in_home b 1
	in_home a 333
	in_home c 22
	touch -d '2020-01-01' "$H/a"
	touch -d '2022-01-01' "$H/b"
	touch -d '2021-01-01' "$H/c"
	assert_equal "$(client ls "$(at)")" $'a\nb\nc'
	assert_equal "$(client ls --reverse "$(at)")" $'c\nb\na'
	assert_equal "$(client ls --sort size "$(at)")" $'a\nc\nb'
	assert_equal "$(client ls -l --sort time "$(at)" | awk '{ print $NF }')" $'b\nc\na'
	assert_equal "$(client ls --sort=time --reverse "$(at)")" $'a\nc\nb'
	run -2 client ls --sort wrong "$(at)"
	assert_output --partial "--sort is 'wrong'; it must be name, size or time"
}

@test "ls on a terminal leaves names with a dot in front out, and says so; -a shows them" {
	in_home a.txt
	in_home .hidden
	in_home .other
	script -qec "'$BUILD/sallyport' --ca '$CA' ls '$(at)'" /dev/null </dev/null >shown 3>&-
	run cat shown
	refute_output --partial .hidden
	assert_output --partial '2 names that begin with a dot: ls -a'
	script -qec "'$BUILD/sallyport' --ca '$CA' ls -a '$(at)'; '$BUILD/sallyport' --ca '$CA' ls '$(at .other)'" /dev/null </dev/null >shown 3>&-
	run cat shown
	assert_output --partial .hidden
	assert_output --partial .other
	run -0 client ls "$(at)"
	assert_output $'.hidden\n.other\na.txt'
}

# editor SCRIPT: a program that gets the file's name as $1.
editor()
{
	printf '#!/bin/sh\n%s\n' "$1" >"$DIR/editor"
	chmod 755 "$DIR/editor"
	export EDITOR=$DIR/editor TMPDIR=$DIR/tmp
	unset VISUAL
	mkdir -p "$TMPDIR"
}

@test "edit: fetches, runs the editor, sends what was changed, and leaves nothing behind" {
	in_home "it's a \$(touch hacked).txt" before
	editor 'echo after >"$1"; echo "$1" >"$TMPDIR/../called"'
	run -0 client edit "$(at "it's%20a%20\$(touch%20hacked).txt")"
	assert_output --partial 'sent, SHA-256 verified'
	assert_equal "$(cat "$H/it's a \$(touch hacked).txt")" after
	assert_not_exist hacked
	run cat "$DIR/called"
	assert_output --regexp "^$DIR/tmp/sallyport-edit\.[^/]*/it_s_a___touch_hacked_\.txt\$"
	assert_equal "$(ls -A "$TMPDIR")" ''
	editor ':'
	run -0 client edit "$(at "it's%20a%20\$(touch%20hacked).txt")"
	assert_output --partial 'not changed, nothing is sent'
	editor 'cp "$1" "$1~"; echo new >"$1"'
	run -0 client edit "$(at fresh.txt)"
	assert_equal "$(cat "$H/fresh.txt")" new
	editor 'echo lost >"$1"; exit 1'
	run -1 client edit "$(at fresh.txt)"
	assert_output --partial 'nothing is sent: the editor failed'
	assert_output --partial 'your version is kept in'
	assert_equal "$(cat "$DIR"/tmp/sallyport-edit.*/fresh.txt)" lost
	rm -r "$DIR"/tmp/sallyport-edit.*
	editor 'exit 1'
	run -1 client edit "$(at fresh.txt)"
	assert_equal "$(cat "$H/fresh.txt")" new
	assert_equal "$(ls -A "$TMPDIR")" ''
	run -2 client edit "$(at)"
	assert_output --partial 'is a directory; it takes a file'
}

@test "edit: a file that has changed on the server meanwhile is not overwritten, and both are kept" {
	in_home a.txt before
	editor "echo mine >\"\$1\"; echo theirs >'$H/a.txt'"
	run -6 client edit "$(at a.txt)"
	assert_output --partial "'a.txt' is not replaced: it has changed on the server since it was fetched"
	assert_output --partial "your version is kept in $DIR/tmp/sallyport-edit."
	assert_equal "$(cat "$H/a.txt")" theirs
	assert_equal "$(cat "$TMPDIR"/sallyport-edit.*/a.txt)" mine
	rm -r "$TMPDIR"
	editor "echo mine >\"\$1\"; rm '$H/a.txt'"
	run -6 client edit "$(at a.txt)"
	assert_output --partial "it cannot be read any more"
	assert_not_exist "$H/a.txt"
	# one that did not exist, and does now
	rm -r "$TMPDIR"
	editor "echo mine >\"\$1\"; echo theirs >'$H/a.txt'"
	run ! client edit "$(at a.txt)"
	assert_equal "$(cat "$H/a.txt")" theirs
	assert_equal "$(cat "$TMPDIR"/sallyport-edit.*/a.txt)" mine
}
