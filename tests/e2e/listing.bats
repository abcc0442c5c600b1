#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# LIST, NLST, MLSD, MLST and STAT: their forms, options and wildcards, and clients that read them.

load lib

setup()
{
	new_place
	write_config
	add_user alice secret
	# a zone far from UTC, which listings have to ignore
	TZ=Asia/Tokyo start_server
	HOME_DIR=$DIR/home/alice
	cd "$HOME_DIR" || return
	mkdir docs docs/deep empty
	printf 12345 >b.txt
	printf 1 >a.txt
	printf 123 >docs/c.txt
	printf 12 >docs/deep/d.txt
	printf hidden >.hidden
	ln -s b.txt link
	ln -s nowhere dangling
	chmod 640 b.txt
	chmod 4755 a.txt
	touch -d '2001-02-03 04:05:06 UTC' a.txt
	touch -d '2002-02-03 04:05:06 UTC' b.txt
	touch -d '2003-02-03 04:05:06 UTC' docs
	chown -Rh "$(stat -c %u:%g .)" .
	chmod 4755 a.txt
}

teardown()
{
	data_close
	end_place
}

login()
{
	ftp_login alice secret
	ftp 'TYPE I' 200
}

# listed COMMAND: print the listing without CR.
listed()
{
	ftp_receive "$1" "$DIR/listed"
	run tr -d '\r' <"$DIR/listed"
}

# names COMMAND: print the last word of each line of a LIST, in order, on one line.
names()
{
	listed "$1"
	output=$(sed -E 's/^.{55}//; s/ ->.*//' <<<"$output" | tr '\n' ' ')
	output=${output% }
}

@test "LIST: the form of ls -l, sorted by name, nothing of the host" {
	login
	listed LIST
	assert_line --index 0 --regexp '^-rwsr-xr-x +1 ftp +ftp +1 Feb +3 +2001 a\.txt$'
	assert_line --index 1 --regexp '^-rw-r----- +1 ftp +ftp +5 Feb +3 +2002 b\.txt$'
	assert_line --index 2 --regexp '^lrwxrwxrwx +1 ftp +ftp +7 [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{5} dangling -> nowhere$'
	assert_line --index 3 --regexp '^drwxr-x?r?-x?.* ftp +ftp +[0-9]+ Feb +3 +2003 docs$'
	assert_line --index 5 --regexp '^lrwxrwxrwx .* link -> b\.txt$'
	assert_equal "${#lines[@]}" 6
	refute_output --partial .hidden
}

@test "LIST: each line ends with CRLF" {
	login
	ftp_receive LIST "$DIR/listed"
	assert_equal "$(grep -c $'\r$' "$DIR/listed")" "$(wc -l <"$DIR/listed")"
}

@test "LIST: the time of a new file is that of UTC" {
	login
	touch new
	chown "$(stat -c %u:%g .)" new
	listed 'LIST new'
	# a new minute may begin while this runs
	[[ $output == *" $(TZ=UTC date -r new '+%b %e %H:%M') new" ]]
}

@test "LIST: -a shows hidden names, and . and .." {
	login
	names 'LIST -a'
	assert_output '. .. .hidden a.txt b.txt dangling docs empty link'
	names 'LIST -la'
	assert_output '. .. .hidden a.txt b.txt dangling docs empty link'
	names 'LIST -a docs'
	assert_output '. .. c.txt deep'
}

@test "LIST: .. of the home tells nothing about what is above" {
	login
	listed 'LIST -a'
	own=$(sed -E 's/^(.{55})\.$/\1/;q' <<<"$output")
	assert_line --index 1 "$own.."
}

@test "LIST: order by time, by size, and reversed" {
	login
	names 'LIST -t *.txt'
	assert_output 'b.txt a.txt'
	names 'LIST -tr *.txt'
	assert_output 'a.txt b.txt'
	names 'LIST -S *.txt'
	assert_output 'b.txt a.txt'
	names 'LIST -r *.txt'
	assert_output 'b.txt a.txt'
}

@test "LIST: -R, -d, -F" {
	login
	listed 'LIST -R'
	assert_line '.:'
	assert_line --regexp '^(\./)?docs:$'
	assert_line --regexp '^(\./)?docs/deep:$'
	assert_line --partial ' d.txt'
	listed 'LIST -d docs'
	assert_equal "${#lines[@]}" 1
	assert_line --regexp '^d.* docs$'
	listed 'LIST -F'
	assert_line --regexp ' docs/$'
	assert_line --regexp ' a\.txt\*$'
}

@test "LIST, NLST, STAT: letters that are not known are passed over" {
	login
	for options in -aL -L -La -alh -C -T -lahA '-a -L' -xyz; do
		names "LIST $options docs"
		[[ $output == *c.txt\ deep ]]
	done
	for options in -Ca -CF -h -l -laF -1; do
		listed "NLST $options docs"
		assert_line docs/c.txt
		assert_line docs/deep
		refute_line --regexp '[/*@]$'
		refute_line --partial ' '
	done
	ftp 'STAT -aL docs' 212
	[[ $REPLY_TEXT == *c.txt* ]]
}

@test "LIST: a name that begins with a dash is reached, and is no option where it has a sign or exists" {
	mkdir -- -x -L -z.d
	touch -- -x/in-x -L/in-l -z.d/in-z
	login
	names 'LIST -x'
	assert_output in-x
	names 'LIST -z.d'
	assert_output in-z
	names 'LIST -a -x'
	assert_output '. .. in-x'
	names 'LIST -L docs'
	assert_output 'c.txt deep'
	names 'LIST ./-L'
	assert_output in-l
	names 'LIST -- -L'
	assert_output in-l
	names 'LIST -a -- -L'
	assert_output '. .. in-l'
	listed 'NLST -- -L'
	assert_output -- -L/in-l
	ftp_passive
	ftp 'LIST -gone.c' 550
}

@test "LIST: a path, a file, a name with a dash, a name with a blank" {
	mkdir -- -x 'two words'
	touch -- '-x/in dash' 'two words/in blank'
	login
	names 'LIST docs'
	assert_output 'c.txt deep'
	names 'LIST /docs/deep'
	assert_output d.txt
	names 'LIST docs/../docs/deep'
	assert_output d.txt
	names 'LIST b.txt'
	assert_output b.txt
	names 'LIST -- -x'
	assert_output 'in dash'
	names 'LIST two words'
	assert_output 'in blank'
	names 'LIST empty'
	assert_output ''
}

@test "LIST, NLST and MLSD of what is not there: 550, which no client repeats" {
	login
	for command in 'LIST gone' 'NLST gone' 'LIST *.gone' 'LIST ../../etc' 'LIST /etc'; do
		ftp_passive
		ftp "$command" 550
		data_close
		ftp 'ABOR' 226
	done
	ftp_passive
	ftp 'MLSD gone' 550
	ftp 'MLSD b.txt' 501
	ftp 'MLST gone' 550
}

@test "wildcards: *, ?, [], in directories, hidden names only when named" {
	login
	names 'LIST *.txt'
	assert_output 'a.txt b.txt'
	names 'LIST ?.txt'
	assert_output 'a.txt b.txt'
	names 'LIST [a]*'
	assert_output a.txt
	names 'LIST d*/*.txt'
	assert_output docs/c.txt
	listed 'NLST *.txt'
	assert_output $'a.txt\nb.txt'
	listed 'NLST d*/c*'
	assert_output docs/c.txt
	listed 'NLST .h*'
	assert_output .hidden
}

@test "wildcards that cost much are refused or bounded, not computed" {
	touch -- "$(printf 'a%.0s' $(seq 200))"
	login
	start=$SECONDS
	for pattern in "$(printf '*a%.0s' $(seq 100))*b" "$(printf '%.0s*/../' $(seq 60))*" '{a,b}{a,b}{a,b}{a,b}'; do
		ftp_passive
		ftp_send "LIST $pattern"
		ftp_reply
		[[ $REPLY =~ ^(150|550|501)$ ]]
		if [ "$REPLY" = 150 ]; then
			timeout 20 cat <&"$DATA" >/dev/null
			ftp_reply
		fi
		data_close
	done
	[ $((SECONDS - start)) -lt 20 ]
	ftp NOOP 200
}

@test "NLST: names alone, and each can be handed to RETR as it is" {
	login
	listed NLST
	assert_output $'a.txt\nb.txt\ndangling\ndocs\nempty\nlink'
	listed 'NLST docs'
	assert_output $'docs/c.txt\ndocs/deep'
	assert_equal "$(ftp_receive 'RETR docs/c.txt')" 123
	listed 'NLST /docs'
	assert_output $'/docs/c.txt\n/docs/deep'
	listed 'NLST -a'
	assert_line .hidden
	ftp 'CWD docs' 250
	listed 'NLST ..'
	assert_line /a.txt
}

@test "MLSD: facts" {
	login
	listed MLSD
	unique='unique=[0-9A-Za-z]+'
	assert_line --regexp "^type=file;size=5;modify=20020203040506;perm=adfrw;$unique;UNIX.mode=0640;UNIX.owner=ftp;UNIX.group=ftp; b\.txt$"
	assert_line --regexp "^type=dir;modify=20030203040506;perm=[a-z]+;$unique;UNIX.mode=0[0-9]{3};UNIX.owner=ftp;UNIX.group=ftp; docs$"
	assert_line --regexp '^type=OS.unix=symlink;.* dangling$'
	assert_line --regexp '^type=file;size=5;.* link$'
	assert_line --partial ' .hidden'
}

@test "MLSD and MLST: a link to a directory, to nothing or to itself is a link, one to a file is the file" {
	ln -s docs todir
	ln -s . self
	ln -s turn turn
	chown -h "$(stat -c %u:%g .)" todir self turn
	login
	listed MLSD
	assert_line --regexp '^type=OS.unix=symlink;modify=20030203040506;perm=cdeflm;[^ ]* todir$'
	assert_line --regexp '^type=OS.unix=symlink;modify=[0-9]{14};perm=cdeflm;[^ ]* self$'
	assert_line --regexp '^type=OS.unix=symlink;modify=[0-9]{14};perm=df;[^ ]* turn$'
	assert_line --regexp '^type=OS.unix=symlink;modify=[0-9]{14};perm=df;[^ ]* dangling$'
	assert_line --regexp '^type=file;size=5;modify=20020203040506;perm=adfrw;[^ ]*UNIX.mode=0640;[^ ]* link$'
	ftp_close
	as_alice <<-'END'
		> MLST todir
		< 250-[^\n]*\r\n type=OS.unix=symlink;modify=20030203040506;perm=cdeflm;[^ ]* /todir\r\n250
		> MLST dangling
		< 250-[^\n]*\r\n type=OS.unix=symlink;modify=[0-9]{14};perm=df;[^ ]* /dangling\r\n250
		> MLST turn
		< 250-[^\n]*\r\n type=OS.unix=symlink;modify=[0-9]{14};perm=df;[^ ]* /turn\r\n250
		> MLST link
		< 250-[^\n]*\r\n type=file;size=5;modify=20020203040506;perm=adfrw;[^ ]* /link\r\n250
		> MLST todir/deep
		< 250-[^\n]*\r\n type=dir;[^ ]* /todir/deep\r\n250
		> CWD todir
		< 250
		> MLST deep
		< 250-[^\n]*\r\n type=dir;[^ ]* /todir/deep\r\n250
		> CWD /
		< 250
		> RMD todir
		< 550
		> DELE todir
		< 250
		> RNFR turn
		< 350
		> RNTO turned
		< 250
		> MLST docs/c.txt
		< 250-[^\n]*\r\n type=file;
	END
}

@test "one time in MDTM, MLSD, MLST, LIST and MFMT, before 1970 and after 2262" {
	login
	while read -r stamp shown; do
		touch -d "${stamp:0:8} ${stamp:8:2}:${stamp:10:2}:${stamp:12:2} UTC" b.txt
		[ "$(TZ=UTC date -r b.txt +%Y%m%d%H%M%S)" = "$stamp" ] || continue	# this file system has no such time
		ftp 'MDTM b.txt' 213
		assert_equal "$REPLY_TEXT" "213 $stamp"$'\n'
		ftp 'MLST b.txt' 250
		[[ $REPLY_TEXT == *"modify=$stamp;"* ]]
		listed MLSD
		assert_line --regexp "modify=$stamp;.* b\.txt$"
		listed 'LIST b.txt'
		assert_output --partial " $shown b.txt"
	done <<-'END'
		19500106010203 Jan  6  1950
		19010101000000 Jan  1  1901
		19691231235959 Dec 31  1969
		19700101000000 Jan  1  1970
		20380119031408 Jan 19  2038
		22630101000000 Jan  1  2263
		24460510223854 May 10  2446
		99991231235959 Dec 31  9999
	END
}

@test "MFMT and MFF tell the time that the file system keeps" {
	login
	for stamp in 19691231235958 19010101000000 20200229123456 20380119031408 22630101000000 99991231235959; do
		for command in "MFMT $stamp b.txt" "MFF Modify=$stamp; b.txt"; do
			ftp "$command" 213
			kept=$(TZ=UTC date -r b.txt +%Y%m%d%H%M%S)
			assert_equal "$REPLY_TEXT" "213 Modify=$kept; b.txt"$'\n'
			ftp 'MDTM b.txt' 213
			assert_equal "$REPLY_TEXT" "213 $kept"$'\n'
		done
	done
}

@test "MLST: one line of the reply" {
	as_alice <<-'END'
		> MLST b.txt
		< 250-[^\n]*\r\n type=file;size=5;modify=20020203040506;[^ ]* /b.txt\r\n250 End\r\n
		> MLST
		< 250-[^\n]*\r\n type=dir;[^ ]* /\r\n250
		> MLST docs
		< 250-[^\n]*\r\n type=dir;[^ ]* /docs\r\n250
	END
}

@test "STAT of a path: a listing on the control connection" {
	as_alice <<-'END'
		> STAT docs
		< 212-[^\n]*\r\n -rw[^\n]* c\.txt\r\n d[^\n]* deep\r\n212 End\r\n
		> STAT b.txt
		< 213-[^\n]*\r\n -rw[^\n]* b\.txt\r\n213 End\r\n
		> STAT -a
		< 21[23]-.* \.hidden\r\n
	END
}

@test "names of any bytes: as they are, controls shown as ?" {
	touch "$(printf 'g\303\266\303\237e')" "$(printf 'latin\344')" "$(printf 'new\nline')" "$(printf 'esc\033[31m')"
	login
	listed NLST
	assert_line "$(printf 'g\303\266\303\237e')"
	assert_line 'new?line'
	assert_line 'esc?[31m'
	LC_ALL=C grep -qa "^$(printf 'latin\344')" "$DIR/listed"
	run grep -aP '[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]' "$DIR/listed"
	assert_output ""
}

@test "curl lists" {
	run curl -sS --max-time 20 --list-only "$(url alice:secret docs/)"
	assert_output $'c.txt\ndeep'
	run curl -sS --max-time 20 "$(url alice:secret docs/)"
	assert_line --index 0 --regexp '^-rw.* c\.txt$'
}

@test "lftp lists, with and without MLSD" {
	for use in yes no; do
		run timeout 20 lftp -u alice,secret -p "$PORT" 127.0.0.1 -e \
			"set net:max-retries 1; set ftp:use-mlsd $use; set ftp:timezone UTC; cls -1 --sort=name; cls -l --time-style=%Y%m%d b.txt; quit"
		assert_success
		assert_line docs/
		assert_line b.txt
		assert_line --regexp ' 5 .*20020203 b\.txt$'
	done
}

@test "python's ftplib reads MLSD, MDTM and SIZE" {
	run timeout 20 python3 - "$PORT" <<-'END'
		import ftplib, sys
		ftp = ftplib.FTP()
		ftp.encoding = "utf-8"
		ftp.connect("127.0.0.1", int(sys.argv[1]), 10)
		ftp.login("alice", "secret")
		entries = dict(ftp.mlsd())
		assert entries["b.txt"]["type"] == "file" and entries["b.txt"]["size"] == "5"
		assert entries["b.txt"]["modify"] == "20020203040506"
		assert entries["docs"]["type"] == "dir"
		assert ftp.nlst() == ["a.txt", "b.txt", "dangling", "docs", "empty", "link"]
		assert ftp.sendcmd("MDTM b.txt") == "213 20020203040506"
		ftp.voidcmd("TYPE I")
		assert ftp.size("b.txt") == 5
		lines = []
		ftp.dir(lines.append)
		assert len(lines) == 6
		print("all read", ftp.quit())
	END
	assert_output --partial 'all read 221'
}

@test "a directory of 20000 names: complete, sorted, soon" {
	mkdir many
	(cd many && seq -f 'file %05g' 20000 | xargs -d '\n' touch)
	login
	ftp_receive 'LIST many' "$DIR/listed"
	assert_equal "$(wc -l <"$DIR/listed")" 20000
	grep -o 'file .*' "$DIR/listed" | LC_ALL=C sort -cu
	ftp_receive 'NLST -r many' "$DIR/listed"
	assert_equal "$(wc -l <"$DIR/listed")" 20000
	LC_ALL=C sort -rcu "$DIR/listed"
	ftp_receive 'MLSD many' "$DIR/listed"
	assert_equal "$(grep -c '^type=file' "$DIR/listed")" 20000
}

@test "NLST: sorted what is read at once, streamed what is larger, complete both" {
	mkdir some many
	(cd some && seq -f 'file %05g' 1500 | shuf | xargs -d '\n' touch)
	(cd many && seq -f 'file %05g' 20000 | xargs -d '\n' touch)
	login
	ftp_receive 'NLST some' "$DIR/listed"
	assert_equal "$(wc -l <"$DIR/listed")" 1500
	LC_ALL=C sort -cu "$DIR/listed"
	ftp_receive 'NLST many' "$DIR/listed"
	assert_equal "$(tr -d '\r' <"$DIR/listed" | LC_ALL=C sort)" "$(seq -f 'many/file %05g' 20000)"
}

@test "MLSD and MLST: w of a file only where STOR can put another in its place, a where APPE can write" {
	chmod 555 docs
	py <<-'END'
		import re
		def facts(c, name):
		    for text in c.ask('MLST docs/' + name, 250), c.list('MLSD docs').decode():
		        yield re.search('perm=([a-z]*);[^ ]* (/docs/)?%s\r?\n' % re.escape(name), text)[1]
		c = Control().login()
		assert list(facts(c, 'c.txt')) == ['ar', 'ar']
		c.put('docs/c.txt', b'new', codes=(550, 553))
		c.put('docs/c.txt', b'more', 'APPE')
		os.chmod(HOME_DIR + '/docs', 0o755)
		assert list(facts(c, 'c.txt')) == ['adfrw', 'adfrw']
		c.put('docs/c.txt', b'new')
	END
}
