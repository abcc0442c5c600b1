# SPDX-License-Identifier: ISC
# sallyport, the client: one command at a time, as a script uses it.

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

@test "get and put: the same bytes and the same time, verified by hash" {
	head -c 3000000 /dev/urandom >a.bin
	touch -d '2020-02-29 12:34:56 UTC' a.bin
	run -0 client put a.bin "$(at)"
	assert_output --regexp '^a\.bin: 2\.9 MiB in .*, SHA-256 verified$'
	cmp a.bin "$H/a.bin"
	assert_equal "$(stat -c %Y "$H/a.bin")" "$(stat -c %Y a.bin)"
	run -0 client get "$(at a.bin)" copy.bin
	cmp a.bin copy.bin
	assert_equal "$(stat -c %Y copy.bin)" "$(stat -c %Y a.bin)"
	assert_not_exist copy.bin.part
	mkdir into
	run -0 client get "$(at a.bin)" into
	cmp a.bin into/a.bin
	run -0 client get --segments 4 --quiet "$(at a.bin)" four.bin
	assert_output ""
	cmp a.bin four.bin
}

@test "standard input and output, and nothing else on it" {
	head -c 200000 /dev/urandom >a.bin
	client put - "$(at piped)" <a.bin >/dev/null
	cmp a.bin "$H/piped"
	client get "$(at piped)" - >out 2>err
	cmp a.bin out
	grep -q '^piped: 195 KiB' err
	client cat "$(at piped)" >out
	cmp a.bin out
	seq 100 | client put - "$(at numbers)"
	run -0 client head --lines 3 "$(at numbers)"
	assert_output $'1\n2\n3'
}

@test "names: ls, mkdir, mv, chmod, rm, rmdir" {
	in_home b.txt
	in_home a.txt hello
	client mkdir "$(at d)" "$(at d/e)"
	client mkdir --parents "$(at d/x/y)"
	run -0 client ls "$(at)"
	assert_output $'a.txt\nb.txt\nd'
	run -0 client ls -l "$(at)"
	assert_line --regexp '^-rw-r--r-- +6  .*  a\.txt$'
	assert_line --regexp '^drwx.*  d/$'
	touch -d '2020-02-29 23:34:56 UTC' "$H/a.txt"
	TZ=UTC-5 run -0 client ls -l "$(at a.txt)"
	assert_output --regexp ' Mar +1 +2020 +a\.txt$'
	client mv "$(at a.txt)" c.txt
	client mv "$(at c.txt)" d
	assert_exist "$H/d/c.txt"
	client chmod 600 "$(at b.txt)"
	assert_equal "$(stat -c %a "$H/b.txt")" 600
	run -3 client rmdir "$(at d)"
	run -2 client rm -r "$(at)"
	run -0 client rm -r "$(at d)"
	assert_not_exist "$H/d"
	run -0 client rm "$(at 'b*')"
	assert_not_exist "$H/b.txt"
	run client rm "$(at 'b*')"
	echo "$output"
	assert_equal "$status" 3
	assert_output --partial "matches 'b*'"
}

@test "hash and verify" {
	in_home a.txt hello
	run -0 client hash "$(at a.txt)"
	assert_output "SHA-256  $(sha256sum <"$H/a.txt" | cut -d' ' -f1)  a.txt"
	run -0 client hash --algorithm MD5 "$(at a.txt)"
	assert_output --partial "$(md5sum <"$H/a.txt" | cut -d' ' -f1)"
	echo hello >a.txt
	run -0 client verify "$(at a.txt)"
	echo jello >a.txt
	run -6 client verify "$(at a.txt)"
	assert_output --partial differ
}

@test "several files at once: mget with a pattern, mput, a sum at the end" {
	for i in 1 2 3 4 5 6 7 8; do in_home "f$i.txt" "number $i"; done
	in_home other.log
	run -0 client mget --parallel 3 "$(at 'f?.txt')"
	assert_line --regexp '^8 files, '
	for i in 1 2 3 4 5 6 7 8; do assert_equal "$(cat "f$i.txt")" "number $i"; done
	assert_not_exist other.log
	client mkdir "$(at up)"
	run -0 client mput -P4 '*.txt' "$(at up/)"
	assert_equal "$(find "$H/up" -type f | wc -l)" 8
	run -0 client get "$(at f1.txt)" "$(at f2.txt)" -
	assert_line "number 1"
	assert_line "number 2"
}

@test "resume: a part of the same file goes on, another one starts over and says so" {
	head -c 5000000 /dev/urandom >"$H/a.bin"
	chown --reference="$H" "$H/a.bin"
	head -c 2000000 "$H/a.bin" >a.bin.part
	run -0 client get --continue "$(at a.bin)"
	assert_output --partial 'resumed at 1.9 MiB'
	cmp a.bin "$H/a.bin"
	rm a.bin
	head -c 2000000 /dev/urandom >a.bin.part
	run -0 client get --continue "$(at a.bin)"
	assert_output --regexp 'start(ed|s|ing)? over'
	cmp a.bin "$H/a.bin"
}

@test "mirror down: copies, compares, deletes, leaves out, and is still the second time" {
	in_home a.txt
	in_home sub/b.txt
	in_home sub/deep/c.o
	run -0 client mirror --dry-run "$(at)" m
	assert_line "would copy a.txt: is new"
	assert_not_exist m
	run -0 client mirror --parallel 2 "$(at)" m
	assert_line --partial 'mirror: 3 copied'
	diff -r "$H" m
	run -0 client mirror "$(at)" m
	assert_line --partial 'mirror: 0 copied (0 B), 3 the same'
	echo "content of a.tXt" >m/a.txt
	touch -r "$H/a.txt" m/a.txt
	run -0 client mirror "$(at)" m
	assert_line --partial 'mirror: 0 copied'
	run -0 client mirror --checksum "$(at)" m
	assert_line --partial 'mirror: 1 copied'
	mkdir m/extra m/partly
	touch m/extra/x m/keep.o m/partly/keep.o m/partly/x
	run -0 client mirror "$(at)" m
	assert_exist m/extra/x
	run -0 client mirror --delete --exclude '*.o' "$(at)" m
	assert_not_exist m/extra
	assert_exist m/keep.o
	assert_exist m/partly/keep.o
	assert_not_exist m/partly/x
}

@test "mirror up: the same from here to there" {
	mkdir -p m/sub
	echo one >m/one
	echo two >m/sub/two
	ln -s /etc/passwd m/link
	run -0 client mirror m "$(at up)"
	assert_line --partial 'link is left out: it is a symbolic link'
	assert_line --partial 'mirror: 2 copied'
	diff m/one "$H/up/one"
	diff m/sub/two "$H/up/sub/two"
	assert_not_exist "$H/up/link"
	run -0 client mirror m "$(at up)"
	assert_line --partial '0 copied (0 B), 2 the same'
	rm -r m/sub
	in_home up/partly/x
	in_home up/partly/keep.o
	run -0 client mirror --delete --exclude '*.o' m "$(at up)"
	assert_not_exist "$H/up/sub"
	assert_not_exist "$H/up/partly/x"
	assert_exist "$H/up/partly/keep.o"
}

@test "mirror down never goes through a link that leads out of the target" {
	in_home sub/a.txt evil
	in_home b.txt evil
	mkdir -p m outside
	ln -s ../outside m/sub
	ln -s ../outside/b.txt m/b.txt
	run client mirror "$(at)" m
	assert_output --partial 'is left out'
	assert_equal "$(ls -A outside)" ""
	run -0 client mirror --delete "$(at)" m
	assert_equal "$(ls -A outside)" ""
	assert_equal "$(cat m/sub/a.txt)" evil
	[ ! -L m/sub ] && [ ! -L m/b.txt ]
}

@test "a batch: commands of a file, of standard input; the first that fails ends it" {
	in_home a.txt hello
	cat >commands <<-'EOF'
		# a comment
		mkdir 'my dir'
		cd my\ dir
		put "a b.txt"
		-rm nothing
		cat ../a.txt
		quit
		rm ../a.txt
	EOF
	echo quoted >'a b.txt'
	run -0 client --batch commands "$(at)"
	assert_line hello
	assert_line --partial 'commands:5: failed; goes on'
	assert_equal "$(cat "$H/my dir/a b.txt")" quoted
	assert_exist "$H/a.txt"
	run -3 client "$(at)" <<<$'rm nothing\nrm a.txt'
	assert_line --partial 'standard input:1: failed; the rest is not done'
	assert_exist "$H/a.txt"
	run -2 client --batch - "$(at)" <<<"cat 'a"
	assert_output --partial 'is not closed'
}

@test "JSON: each line an object, what happened in it" {
	in_home a.txt hello
	client --json get "$(at a.txt)" >events
	client --json ls "$(at)" >>events
	client --json hash "$(at a.txt)" >>events
	client --json get "$(at nothing)" >>events 2>/dev/null || [ $? -eq 3 ]
	client --json mirror "$(at)" m >>events
	touch "$H"/$'odd\xff'
	client --json ls "$(at)" >odd
	grep -qF '"name":"odd\\xff"' odd
	rm "$H"/$'odd\xff'
	python3 - <<-'EOF'
		import json
		events = [json.loads(line) for line in open("events")]
		kinds = [e["event"] for e in events]
		assert kinds[:2] == ["start", "done"], kinds
		done = events[1]
		assert done["remote"] == "a.txt" and done["size"] == 6 and done["verified"] == "SHA-256", done
		entry = [e for e in events if e["event"] == "entry"]
		assert len(entry) == 1 and entry[0]["name"] == "a.txt" and entry[0]["kind"] == "file", entry
		error = [e for e in events if e["event"] == "error"][0]
		assert error["class"] == "refused" and error["retry"] is False and error["reply"] == 550 and error["exit"] == 3, error
		summary = events[-1]
		assert summary["event"] == "summary" and summary["copied"] == 1 and summary["exit"] == 0, summary
	EOF
}

@test "exit statuses tell what to try again from what not" {
	run -2 client frobnicate it
	run -2 client get
	run -2 client get --parallel 99 "$(at x)"
	assert_output --partial 'must be 1 to 32'
	run -2 client get ftp://alice:secret@127.0.0.1/x
	refute_output --partial secret
	run -3 client get "$(at nothing)"
	assert_output --partial 'No such file'
	SALLYPORT_PASSWORD=wrong run -4 client ls "$(at)"
	run -10 client --retry 0 ls ftp://alice@127.0.0.1:1/
	in_home a.txt
	run -1 client get "$(at a.txt)" /nowhere/a.txt
	run -1 client put nothing "$(at)"
	run -5 timeout 60 "$BUILD/sallyport" ls "$(at)"
	assert_output --partial 'certificate'
	assert_output --partial '--ca'
}

@test "a password comes from a descriptor, the environment, netrc; from a netrc that others read it does not" {
	in_home a.txt
	unset SALLYPORT_PASSWORD
	run -0 client ls --password-fd 3 "$(at)" 3<<<secret
	# the client takes the first entry that has a password
	SALLYPORT_PASSWORD=wrong run -0 client ls --password-fd 3 "$(at)" 3<<<secret
	SALLYPORT_PASSWORD=secret run -4 client ls --password-fd 3 "$(at)" 3<<<wrong
	echo "machine 127.0.0.1 login alice password wrong" >mine
	chmod 600 mine
	NETRC=$PWD/mine run -4 client ls "$(at)"
	NETRC=$PWD/mine SALLYPORT_PASSWORD=secret run -0 client ls "$(at)"
	run -4 setsid timeout 60 "$BUILD/sallyport" --ca "$CA" ls "$(at)" </dev/null
	assert_output --partial 'no password'
	echo "machine 127.0.0.1 login alice password secret" >"$HOME/.netrc"
	chmod 600 "$HOME/.netrc"
	run -0 client ls "ftp://127.0.0.1:$PORT/"
	assert_output a.txt
	chmod 644 "$HOME/.netrc"
	run -4 setsid timeout 60 "$BUILD/sallyport" --ca "$CA" ls "$(at)" </dev/null
	assert_output --partial 'chmod 600'
}

@test "plain FTP: the password goes in clear only when that was allowed" {
	stop_server
	rm "$LOG"
	write_config
	start_server
	in_home a.txt
	run -4 client ls "$(at)"
	assert_output --partial -- --plaintext
	run -0 client --plaintext ls "$(at)"
	assert_output a.txt
	run -0 client --plaintext --active get "$(at a.txt)"
	assert_equal "$(cat a.txt)" "content of a.txt"
	run client ls "ftpes://alice@127.0.0.1:$PORT/"
	[ "$status" -eq 3 ] || [ "$status" -eq 5 ]
	run ! grep -a 'PASS' "$LOG"
}

@test "--no-tls at a server that wants TLS: the hint is to leave the option out" {
	run -4 client --no-tls ls "$(at)"
	assert_output --partial 'use AUTH TLS first'
	assert_output --partial 'leave --no-tls out'
	run -0 client ls "$(at)"
}

@test "implicit TLS, bookmarks" {
	in_home sub/a.txt
	run -0 client ls "ftps://alice@127.0.0.1:$TLS_PORT/sub"
	assert_output a.txt
	run -0 client bookmark work "$(at)"
	run -0 client ls work/sub
	assert_output a.txt
	run -0 client get work/sub/a.txt
	assert_exist a.txt
	assert_equal "$(stat -c %a "$HOME/.config/sallyport/bookmarks")" 600
	run -0 client bookmark --delete work
	run -2 client bookmark --delete work
}

@test "a pinned certificate is trusted, another one in its place is not" {
	mkdir -p "$HOME/.config/sallyport"
	# the user answers yes, always
	run -0 python3 - "$BUILD/sallyport" "$(at)" <<-'EOF'
		import os, pty, sys
		pid, fd = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[1], [sys.argv[1], "ls", sys.argv[2]])
		seen = b""
		while b"Trust it?" not in seen:
		    seen += os.read(fd, 4096)
		os.write(fd, b"yes\n")
		try:
		    while True:
		        sys.stdout.write(os.read(fd, 4096).decode())
		except OSError:
		    pass
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	EOF
	run -0 timeout 60 "$BUILD/sallyport" ls "$(at)"
	make_leaf other p256
	use_leaf other
	kill -HUP "$SERVER_PID"
	wait_until log_has ' reload'
	wait_until shows_leaf other
	run -5 timeout 60 "$BUILD/sallyport" ls "$(at)"
}

@test "what a name or a file says never reaches the terminal raw" {
	in_home plain.txt $'\033]0;owned\007text'
	touch "$H"/$'x\033[2J.txt'
	chown -R --reference="$H" "$H"
	run -0 client ls "$(at)"
	[[ $output != *$'\033'* ]]
	run -0 script -qec "'$BUILD/sallyport' --ca '$CA' cat $(at plain.txt)" /dev/null
	assert_output --partial '?]0;owned?text'
	run client mirror "$(at)" m
	assert_equal "$(ls m)" plain.txt
}

@test "sallyport(1) and --help have every option, every command and every exit status" {
	help=$(client --help)
	words=$(grep -oE '^    \{"[a-z]+", ("|NULL)' "$BATS_TEST_DIRNAME/../../client/ui/command.c" | grep -oE '"[a-z]+"' | tr -d '"' | sort -u)
	[ "$(wc -w <<<"$words")" -gt 25 ]
	for word in $words; do
		grep -qE "Cm ([a-z ,|]* )?$word( |$)" "$BATS_TEST_DIRNAME/../../man/sallyport.1" || fail "the manual lacks $word"
	done
	options=$(sed -nE 's/^    \[OPTION_[A-Z0-9_]+\] = *\{[^"]*"([a-z0-9-]+)".*/\1/p' "$BATS_TEST_DIRNAME/../../client/ui/options.c")
	[ "$(wc -w <<<"$options")" -gt 25 ]
	for option in $options; do
		grep -q -- "--$option" <<<"$help" || fail "--help lacks $option"
		grep -qE "Fl -$option" "$BATS_TEST_DIRNAME/../../man/sallyport.1" || fail "the manual lacks $option"
	done
	for status in 0 1 2 3 4 5 6 10 11 130; do
		grep -qE "^ +$status  " <<<"$help"
		grep -qE "^\.It $status$" "$BATS_TEST_DIRNAME/../../man/sallyport.1"
	done
}
