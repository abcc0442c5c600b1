#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport, the client: its shell's connections, operators, jobs and aliases, read from a batch.

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

# batch [OPTION...]: the lines of standard input in the shell.
batch()
{
	client "$@" "$(at)"
}

@test "> and >> write local files, | feeds a local program; the server's words stay data" {
	in_home a.txt one
	in_home '$(touch hacked); touch hacked' two
	in_home "it's | a > b & c" three
	run -0 batch <<-'END'
		ls > list
		cat a.txt >> list
		cat a.txt | tr a-z A-Z | sed 's/#/x/; s/$/!/' > upper
		ls | cat
		cat "it's | a > b & c" | cat
		cat it\'s\ \|\ a\ \>\ b\ \&\ c > 'with blank'
		ls -l|wc -l > count
	END
	assert_line 'three'
	assert_line '$(touch hacked); touch hacked'
	assert_equal "$(tail -n 1 list)" one
	assert_equal "$(cat upper)" 'ONE!'
	assert_equal "$(cat 'with blank')" three
	assert_equal "$(cat count)" 3
	assert_not_exist hacked
}

@test "operators with something missing, a program that fails, a file that cannot be written" {
	in_home a.txt
	for line in 'ls >' 'ls > a b' 'cat a.txt |' '| cat' '> x' '&'; do
		run -2 batch <<<"$line"
		assert_output --partial 'comes'
	done
	run -1 batch <<<'cat a.txt | exit 3'
	run -1 batch <<<'ls > /nonexistent/x'
	assert_output --partial "cannot write to '/nonexistent/x': No such file or directory"
	run -0 batch <<<'cat a.txt | true'
}

@test "several connections: open, switch by number and by user, close, user" {
	add_user bob secret
	in_home of-alice
	install -o 200001 -g 200001 /dev/null "$DIR/home/bob/of-bob"
	run -0 batch <<-END
		open ftp://bob@127.0.0.1:$PORT/
		ls
		connections
		connections alice@127.0.0.1
		ls > alice.ls
		connections 2
		pwd
		connections 1
		close 2
		connections
		user bob
		ls
		connections
		close
		connections > none
		-ls
		open ftp://alice@127.0.0.1:$PORT/
		ls
	END
	assert_line --regexp '^connected to 127\.0\.0\.1 as bob; TLSv1'
	assert_line "  1  alice@127.0.0.1:/"
	assert_line "* 2  bob@127.0.0.1:/"
	assert_line "* 1  alice@127.0.0.1:/"
	assert_line "* 1  bob@127.0.0.1:/"
	assert_equal "$(cat alice.ls)" of-alice
	assert_equal "$(grep -c '^of-bob$' <<<"$output")" 2
	assert_equal "$(grep -c '^of-alice$' <<<"$output")" 1
	[ ! -s none ]
	assert_line "sallyport: ls: no connection is open; open PLACE opens one"
	run -2 batch <<<'connections 9'
	assert_line "sallyport: there is no connection '9'; connections lists them"
	run -2 batch <<<'close elsewhere.example.org'
	assert_output --partial "there is no connection 'elsewhere.example.org'"
	printf 'open ftp://alice@127.0.0.1:%s/\nclose 127.0.0.1\n' "$PORT" >two
	run -2 client -b two "$(at)"
	assert_output --partial "there are several connections to '127.0.0.1'; say which by its number"
}

@test "a connection that cannot be opened leaves the current one" {
	in_home a.txt
	run -0 batch <<-END
		-open ftp://nobody-here@127.0.0.1:$PORT/
		-open --nonsense ftp://x/
		ls
	END
	assert_line a.txt
	assert_line --partial "unknown option '--nonsense'"
}

@test "jobs: in the background, waited for, stopped with the part kept, and queued one after the other" {
	big_in_home huge.bin 20G
	in_home a.txt
	run -0 batch <<-'END'
		get a.txt &
		wait
		get huge.bin &
		!timeout 20 sh -c 'until [ -s huge.bin.part ]; do sleep 0.1; done'
		jobs
		kill 2
		-fg 2
		queue get a.txt one
		queue get a.txt two
		wait
		jobs
	END
	assert_line '[1] get a.txt'
	assert_line --regexp '^a\.txt: .* verified$'
	assert_line --regexp '^\[2\] running  get huge\.bin'
	assert_line --regexp '.*part kept.*|.*stopped.*'
	assert_exist one two
	rm -f huge.bin.part*
	for bad in 'fg 7' 'kill x' 'wait %9'; do
		run -2 batch <<<"$bad"
		assert_output --partial 'jobs lists them'
	done
	run -2 batch <<<'fg'
	assert_output --partial 'there is no job; a & after a command makes one'
}

@test "a batch waits for its jobs, and has their exit status; a job's output can go to a file" {
	in_home a.txt
	run -0 batch <<<'cat a.txt > here &'
	assert_equal "$(cat here)" 'content of a.txt'
	run -3 batch <<<'get missing &'
	assert_output --partial "cannot fetch 'missing'"
}

@test "a job has its own connection, and the shell's goes on" {
	big_in_home huge.bin 20G
	in_home a.txt
	run -0 batch <<-'END'
		get huge.bin &
		cat a.txt
		cd /
		kill
		-wait
		cat a.txt
	END
	assert_equal "$(grep -c 'content of a.txt' <<<"$output")" 2
	rm -f huge.bin.part*
}

@test "aliases: of the shell and of the file, with operands, never in a circle" {
	mkdir -p "$HOME/.config/sallyport"
	printf '[alias]\nshow = cat\nls = ls -1\n' >"$HOME/.config/sallyport/config"
	in_home a.txt
	run -0 batch <<-'END'
		show a.txt
		alias up 'cat a.txt | tr a-z A-Z'
		up
		ls
		alias
		alias one two
		alias two one
		-one
		unalias up
		-up
	END
	assert_line 'content of a.txt'
	assert_line 'CONTENT OF A.TXT'
	assert_line a.txt
	assert_line --regexp '^show +cat$'
	assert_line "sallyport: unknown command 'one'; help lists the commands"
	assert_line "sallyport: unknown command 'up'; help lists the commands"
	run -2 batch <<<'unalias nothing'
	assert_output --partial "there is no alias 'nothing'; alias lists them"
	run -2 batch <<<"alias 'a b' ls"
	assert_output --partial "'a b' cannot be the name of an alias"
}

@test "quote sends a command as it is, but none that the client has to know about" {
	run -0 batch <<<'quote NOOP'
	assert_output --regexp '.+'
	run -3 batch <<<'quote FROBNICATE x'
	assert_output --partial "cannot run 'FROBNICATE x'"
	run -2 batch <<<'quote retr a.txt'
	assert_output --partial 'quote: RETR changes what the client keeps track of; use get'
}

@test "chmod with letters changes the mode that is there" {
	in_home a.txt
	chmod 640 "$H/a.txt"
	run -0 client chmod u+x,g-r,o=r "$(at a.txt)"
	assert_equal "$(stat -c %a "$H/a.txt")" 704
	run -2 client chmod u+q "$(at a.txt)"
	assert_output --partial "chmod: the mode is 'u+q'; it must be three or four octal digits, such as 644, or letters, such as u+x,g-w"
}

@test "set takes the long options, too, and holds for its connection" {
	in_home a.txt
	run -0 batch <<-END
		set color always
		ls -l
		set json on
		pwd
		set json off
		pwd
		set timeout 5
		open ftp://alice@127.0.0.1:$PORT/
		ls -l
		set timeout
	END
	assert_equal "$(grep -c '"event":"directory"' <<<"$output")" 1
	assert_line --regexp '^timeout +0 '
	for bad in 'set nonsense 1' 'set color pink' 'set json perhaps' 'set batch x' 'set color'; do
		run -2 batch <<<"$bad"
		assert_output --regexp 'there is no setting|must be auto, always or never|neither on nor off'
	done
}

@test "copy: paths of connections, URLs, and the background; what is none is named" {
	add_user bob secret
	mkdir -p "$DIR/home/bob"
	chown -R 200001:200001 "$DIR/home/bob"
	in_home a.txt one
	run -0 batch <<-END
		open ftp://bob@127.0.0.1:$PORT/
		copy --relay alice@127.0.0.1:a.txt from-alice
		copy --relay from-alice 1:back
		copy --relay 1:a.txt ftp://bob@127.0.0.1:$PORT/by-url
		copy --relay 1:a.txt in-background &
		wait
		close 1
		-copy --relay 1:a.txt none
	END
	assert_equal "$(cat "$DIR/home/bob/from-alice" "$DIR/home/bob/by-url" "$DIR/home/bob/in-background" "$H/back")" \
		$'one\none\none\none'
	assert_output --partial "cannot copy '1:a.txt'"
	run -2 batch <<<'copy a.txt'
	assert_output --partial 'copy: missing operand; usage: copy FILE TARGET'
	run -2 batch <<<$'close\ncopy a.txt b.txt'
	assert_output --partial 'copy: no connection is open; open PLACE opens one'
}

@test "cd -: the directory before, and back" {
	in_home sub/dir/a.txt
	run -0 batch <<-'END'
		-cd -
		cd sub/dir
		-cd nothing
		cd -
		pwd
		cd -
		pwd
		cd
		cd -
		pwd
	END
	assert_output --partial 'cd: there is no directory before this one'
	assert_equal "$(grep '^/' <<<"$output")" $'/\n/sub/dir\n/sub/dir'
}

@test "a program that ends early ends the command before it, and only that" {
	big_in_home huge.bin 20G
	in_home a.txt one
	SECONDS=0
	run -0 batch <<-'END'
		cat huge.bin | head -c 3 | wc -c
		find . | head -n 1
		cat a.txt | true
		cat a.txt
	END
	[ "$SECONDS" -lt 30 ]
	assert_line 3
	assert_equal "$(tail -n 1 <<<"$output")" one
	run -1 batch <<<'cat huge.bin | kill -9 $$'
}
