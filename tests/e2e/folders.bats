#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Shared folders: what several accounts see, do and count there together, with curl and lftp.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	new_place
}

teardown()
{
	end_place
}

# serve [LINE...]: anna and carl have the folder team, bot reads it elsewhere.
serve()
{
	write_config "$@"
	add_user anna secret
	add_user carl secret
	add_user bot secret
	ctl folder add team --directory "$DIR/team" ${QUOTA:+--quota "$QUOTA"}
	ctl folder grant team --user anna --at /team
	ctl folder grant team --user carl --at "/our stuff"
	mkdir "$DIR/home/bot/in"
	ctl folder grant team --user bot --at /in/team --allow list,read
	start_server
}

url()
{
	echo "ftp://$1:secret@127.0.0.1:$PORT/$2"
}

put_as()
{
	curl -sS -T - "$(url "$1" "$2")"
}

get_as()
{
	curl -sS "$(url "$1" "$2")"
}

# quote_as NAME COMMAND...
quote_as()
{
	local name=$1 word
	local -a quotes=()
	shift
	for word in "$@"; do
		quotes+=(-Q "$word")
	done
	curl -sS -o "$DIR/listed" "${quotes[@]}" "$(url "$name" '')"
}

# fails_as NAME CODE COMMAND...: the last command gets this reply.
fails_as()
{
	local name=$1 code=$2
	shift 2
	run ! quote_as "$name" "$@"
	assert_output --partial "$code"
}

has_folder_landlock()
{
	grep -qE 'landlock_abi=([2-9]|[1-9][0-9])' "$LOG"
}

of_file()
{
	stat -c '%u:%g %a' "$DIR/team/$1"
}

@test "one tree, seen by three accounts, each with its own uid" {
	serve
	gid=$(stat -c %g "$DIR/team")
	anna=$(stat -c %u "$DIR/home/anna")
	carl=$(stat -c %u "$DIR/home/carl")
	echo one | put_as anna team/a.txt
	run -0 of_file a.txt
	assert_output "$anna:$gid 660"
	run -0 get_as carl our%20stuff/a.txt
	assert_output one
	run -0 get_as bot in/team/a.txt
	assert_output one
	# replaced and removed by the other; directories are the group's
	echo two | put_as carl our%20stuff/a.txt
	run -0 of_file a.txt
	assert_output "$carl:$gid 660"
	quote_as anna 'MKD team/sub' 'CWD team/sub' 'MKD deep' 'CDUP' 'CWD ..' 'PWD'
	run -0 of_file sub/deep
	assert_output "$anna:$gid 2770"
	quote_as carl 'RNFR our stuff/a.txt' 'RNTO our stuff/sub/deep/b.txt' 'SITE CHMOD 600 /our stuff/sub/deep/b.txt'
	# whatever is asked for, the group can read
	run -0 of_file sub/deep/b.txt
	assert_output "$carl:$gid 640"
	quote_as carl 'MKD our stuff/closed' 'SITE CHMOD 700 /our stuff/closed'
	run -0 of_file closed
	assert_output "$carl:$gid 2770"
	# nothing of it is in a home
	assert_dir_not_exist "$DIR/home/anna/team"
	[ -z "$(find "$DIR/home" -type f)" ]
	# bot only reads
	run ! put_as bot in/team/c.txt <<<"no"
	fails_as bot 550 'DELE in/team/sub/deep/b.txt'
	fails_as bot 550 'MKD in/team/new'
	# its home is its own
	echo mine | put_as bot c.txt
}

@test "a login that is refused at last leaves no folder to the next one of the session" {
	serve
	add_user dora secret
	ctl user set anna --max-sessions 1
	py <<-'EOF'
		def connect():
		    return Control().greet()

		def log_in(c, name, code):
		    c.ask("USER " + name, 331)
		    c.ask("PASS secret", code)

		first, c = connect(), connect()
		log_in(first, "anna", 230)
		log_in(c, "anna", 530)
		first.ask("QUIT", 221)
		log_in(c, "dora", 230)
		wait_until(lambda: len(children(int(os.environ["SERVER_PID"]))) > 0 and sum(
		    len(children(pid)) == 2 for pid in children(int(os.environ["SERVER_PID"]))) == 1, "the end of the first session")
		s = Session()
		for pid in s.monitor, s.protocol, s.files:
		    held = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
		    assert not [path for path in held if path.startswith(os.environ["DIR"] + "/team")], (pid, held)
	EOF
}

@test "listings show the folder as a directory that stays" {
	serve
	echo x | put_as anna team/a.txt
	echo hidden >"$DIR/home/anna/above"
	run -0 curl -sS -l "$(url anna '')"
	assert_line team
	run -0 curl -sS "$(url anna '')"
	assert_line --regexp '^drwxrws--- .* team$'
	run -0 curl -sS -X 'MLSD' "$(url anna '')"
	assert_line --regexp '^(.*;)?type=dir;.*perm=[a-z]*l.*; team$'
	refute_line --regexp 'perm=[a-z]*d[a-z]*;.* team$'
	refute_line --regexp 'perm=[a-z]*f[a-z]*;.* team$'
	run -0 curl -sS -X 'MLSD' "$(url bot in/)"
	assert_line --regexp 'perm=el;.* team$'
	run -0 curl -sS -X 'MLSD /in/team' "$(url bot '')"
	assert_line --regexp 'perm=r;.* a.txt$'
	run -0 curl -sS -X 'LIST -R' "$(url anna '')"
	assert_line --regexp 'team:$'
	assert_line --regexp ' a.txt$'
	run -0 curl -sS -X 'NLST *' "$(url anna '')"
	assert_line team
	run -0 curl -sS -X 'NLST /t*/*.txt' "$(url anna '')"
	assert_line /team/a.txt
	run -0 curl -sS -X 'NLST /team' "$(url anna '')"
	assert_line /team/a.txt
	# the folder itself, and what leads to one, stays
	for command in 'RMD team' 'RMDA team' 'DELE team'; do
		fails_as anna 550 "$command"
	done
	fails_as anna 553 'RNFR team' 'RNTO other'
	for command in 'RMD in' 'RMDA in'; do
		fails_as bot 550 "$command"
	done
	fails_as bot 553 'RNFR in' 'RNTO other'
	echo y >"$DIR/home/anna/y"
	chown --reference="$DIR/home/anna" "$DIR/home/anna/y"
	fails_as anna 553 'RNFR y' 'RNTO team'
	assert_file_exist "$DIR/team/a.txt"
}

@test "a name of the home that a folder hides; no link leads from one to the other" {
	serve
	mkdir "$DIR/home/anna/team"
	echo inner >"$DIR/home/anna/team/own.txt"
	ln -s ../anna/team "$DIR/home/anna/away"
	ln -s /team "$DIR/home/anna/link"
	echo shared | put_as anna team/a.txt
	ln -s "$DIR/home/anna/above" "$DIR/team/out"
	ln -s ../home/anna "$DIR/team/up"
	echo secret >"$DIR/home/anna/above"
	chown -R --reference="$DIR/home/anna" "$DIR/home/anna/team"
	run -0 curl -sS -l "$(url anna '')"
	[ "$(grep -cx team <<<"$output")" -eq 1 ]
	run ! get_as anna team/own.txt
	run -0 get_as anna team/a.txt
	assert_output shared
	# a link of the home leads to what the home has there, not into the folder
	run -0 get_as anna link/own.txt
	assert_output inner
	run ! get_as anna link/a.txt
	run ! get_as anna team/out
	run ! get_as anna team/up/above
	run ! get_as anna team/../../etc/passwd
	run -0 get_as anna team/../above
	assert_output secret
}

@test "between the home and a folder: no rename, but a copy" {
	serve
	echo mine | put_as anna f
	fails_as anna 553 'RNFR f' 'RNTO team/f'
	quote_as anna 'SITE CPFR f' 'SITE CPTO team/f'
	run -0 of_file f
	assert_output --regexp ' 660$'
	quote_as anna 'SITE CPFR team/f' 'SITE CPTO g'
	run -0 stat -c '%g %a' "$DIR/home/anna/g"
	assert_output "$(stat -c %g "$DIR/home/anna") 640"
	quote_as bot 'SITE CPFR in/team/f' 'SITE CPTO f'
	fails_as bot 550 'SITE CPFR f' 'SITE CPTO in/team/g'
}

@test "lftp mirrors into a folder and out of it" {
	serve
	mkdir -p "$DIR/tree/a/b"
	echo 1 >"$DIR/tree/a/one"
	echo 2 >"$DIR/tree/a/b/two"
	lftp -c "open -u anna,secret ftp://127.0.0.1:$PORT; mirror -R $DIR/tree team/tree"
	diff -r "$DIR/tree" "$DIR/team/tree"
	lftp -c "open -u carl,secret ftp://127.0.0.1:$PORT; mirror 'our stuff' $DIR/out"
	diff -r "$DIR/tree" "$DIR/out/tree"
	# our own client goes through the whole home
	SALLYPORT_PASSWORD=secret "$BUILD/sallyport" mirror "ftp://anna@127.0.0.1:$PORT/" "$DIR/all" --no-tls </dev/null
	diff -r "$DIR/tree" "$DIR/all/team/tree"
	lftp -c "open -u carl,secret ftp://127.0.0.1:$PORT; rm -r 'our stuff/tree'"
	assert_dir_not_exist "$DIR/team/tree"
}

@test "an interrupted upload is gone on with by another account" {
	serve
	head -c 3000000 /dev/urandom >"$DIR/whole"
	run ! curl -sS --limit-rate 500K -m 2 -T "$DIR/whole" "$(url anna team/big)"
	assert_file_not_exist "$DIR/team/big"
	run -0 curl -sS -C - -T "$DIR/whole" "$(url carl our%20stuff/big)"
	cmp "$DIR/whole" "$DIR/team/big"
	[ "$(find "$DIR/team" -type f | wc -l)" -eq 1 ]
}

@test "hooks hear of an upload to a folder where it is" {
	cat >"$DIR/hook" <<-END
		#!/bin/sh
		env | grep ^SALLYPORT >"\$(mktemp "$DIR/heard/XXXXXX")"
	END
	chmod 755 "$DIR/hook"
	mkdir "$DIR/heard"
	chmod 777 "$DIR/heard"
	serve "on-upload = \"$DIR/hook\"" 'hook-user = "nobody"'
	echo x | put_as carl "our%20stuff/f"
	wait_until sh -c "ls $DIR/heard | grep -q ."
	wait_until grep -q 'PATH=' -r "$DIR/heard"
	cat "$DIR"/heard/*
	grep -qx "SALLYPORT_PATH=$DIR/team/f" "$DIR"/heard/*
	grep -qx "SALLYPORT_HOME=$DIR/team" "$DIR"/heard/*
	grep -qx "SALLYPORT_CLIENT_PATH=/our stuff/f" "$DIR"/heard/*
}

@test "patterns of an account hold in a folder, by any link in it, and others of the folder see all" {
	write_config
	add_user anna secret --deny-name '*.exe' --deny-name .git --hide 'quiet*'
	add_user carl secret
	ctl folder add team --directory "$DIR/team"
	ctl folder grant team --user anna --at /team
	ctl folder grant team --user carl --at /team
	start_server
	for name in a.exe quiet .git/g f; do
		curl -sS --ftp-create-dirs -T - "$(url carl "team/$name")" <<<"of $name"
	done
	ln -s a.exe "$DIR/team/ok"
	ln -s .git "$DIR/team/repo"
	for name in a.exe .git/g ok repo/g; do
		run ! get_as anna "team/$name"
		run -0 get_as carl "team/$name"
	done
	run ! put_as anna team/new.exe <<<"no"
	run ! put_as anna team/ok <<<"no"
	assert_equal "$(cat "$DIR/team/a.exe")" "of a.exe"
	fails_as anna 550 'RNFR team/f' 'RNTO team/f.exe'
	run -0 curl -sS -l "$(url anna team/)"
	refute_line a.exe
	refute_line quiet
	refute_line .git
	assert_line f
	run -0 get_as anna team/quiet
	assert_output 'of quiet'
	run -0 curl -sS -l "$(url carl team/)"
	assert_line a.exe
	assert_line quiet
	# a name that is denied is none of the folder's path either
	ctl folder grant team --user anna --at /team.exe
	run ! get_as anna team.exe/f
}

@test "the metrics have what a folder uses" {
	QUOTA=1M serve 'metrics-listen = "127.0.0.1:0"' 'metrics-quota-users = 5'
	head -c 5000 /dev/zero | put_as anna team/a
	stop_server
	: >"$LOG"
	start_server
	local page
	page=$(sed -n 's/.* metrics .*message="served on \(http:[^"]*\)".*/\1/p' "$LOG" | tail -n 1)
	[ -n "$page" ]
	has_row()
	{
		curl -sS "${page}metrics" | grep -Fx "$1"
	}
	wait_until has_row 'sallyport_quota_used_bytes{user="+team"} 5000'
	has_row 'sallyport_quota_used_files{user="+team"} 1'
}

@test "a folder that is missing or not fit refuses the login" {
	serve
	has_folder_landlock || skip "this kernel has no Landlock that confines writers"
	mv "$DIR/team" "$DIR/moved"
	run ! get_as anna ''
	wait_until log_has "login-failed .* name=\"anna\" reason=\"the shared folder 'team' does not exist\""
	mv "$DIR/moved" "$DIR/team"
	chmod g-s "$DIR/team"
	run ! get_as anna ''
	wait_until log_has "reason=\"the shared folder 'team' is not its group's, with mode 2770\""
	chmod g+s "$DIR/team"
	get_as anna ''
	# the grant ends with the next login
	ctl folder revoke team --user carl
	run ! get_as carl 'our%20stuff/'
}

@test "read-only of the account, and the folder's own rights, hold in the folder" {
	serve
	echo x | put_as anna team/f
	ctl user set anna --read-only
	run ! put_as anna team/g <<<"no"
	ctl folder set team --deny delete,overwrite
	fails_as carl 550 'DELE our stuff/f'
	run ! put_as carl our%20stuff/f <<<"no"
	echo y | put_as carl our%20stuff/g
	run -0 get_as anna team/g
	assert_output y
}

@test "bytes count for the folder, whoever writes them; the home stays out of it" {
	QUOTA=1000000
	serve
	py <<-'END'
		import random
		TEAM = os.environ["DIR"] + "/team"
		a, b = Control().login("anna"), Control().login("carl")
		a.ask("CWD /team", 250)
		b.ask("CWD /our stuff", 250)

		def check():
		    told = count(TEAM)
		    assert used(a)[0] == told and used(b)[0] == told, (used(a), used(b), told)
		    assert told[0] <= 1000000, told

		check()
		a.put("f", bytes(1000))
		check()
		b.put("f", bytes(3000))
		check()
		random.seed(20)
		names = ["f", "g", "h", "d/i", "d/j"]
		a.ask("MKD d", 257)
		for step in range(80):
		    c = random.choice((a, b))
		    name, other = random.choice(names), random.choice(names)
		    size = random.randrange(200000)
		    act = random.randrange(6)
		    if act <= 1:
		        c.put(name, bytes(size), codes=(226, 552))
		    elif act == 2:
		        c.put(name, bytes(size // 10), "APPE", codes=(226, 552))
		    elif act == 3:
		        c.ask("DELE " + name, 250, 550)
		    elif act == 4 and c.ask("RNFR " + name, 350, 550).startswith("350"):
		        c.ask("RNTO " + other, 250, 553)
		    elif act == 5 and c.ask("SITE CPFR " + name, 350, 550).startswith("350"):
		        c.ask("SITE CPTO " + other, 250, 550, 552, 553)
		    check()
		# what does not fit is refused, with the folder's figures, wherever the client is
		a.ask("CWD /", 250)
		text = a.put("/team/large", bytes(1500000), codes=(552,))
		assert " of 1000000" in text, text
		assert count(TEAM)[0] <= 1000000
		a.ask("DELE /team/large", 250, 550)
		# no byte of the home counts, and none is limited
		before = count(TEAM)
		a.put("/mine", bytes(3000000))
		assert count(TEAM) == before
		a.ask("CWD /team", 250)
		check()
		# a copy counts where it goes to
		a.ask("SITE CPFR /mine", 350)
		a.ask("SITE CPTO /team/copy", 552)
		a.ask("CWD /", 250)
		a.put("/little", bytes(100))
		a.ask("SITE CPFR /little", 350)
		a.ask("SITE CPTO /team/copy", 250, 552)
		a.ask("CWD /team", 250)
		check()
		a.ask("DELE f", 250, 550)
		a.ask("AVBL", 213)
		check()
	END
	run -0 ctl quota show +team
	assert_line --regexp '^\+team +[0-9]+ +1000000 '
	run -0 ctl quota show
	assert_line --regexp '^\+team +[0-9]+ +1000000 '
	run -0 ctl quota recount +team
	assert_line --regexp '^\+team '
}

@test "a killed session leaves the folder a figure that is counted" {
	# shellcheck disable=SC2034 # for end_place
	ALARM_EXPECTED=1
	QUOTA=1000000
	serve
	py <<-'END'
		TEAM = os.environ["DIR"] + "/team"
		c = Control().login("anna")
		session = Session()
		c.ask("CWD /team", 250)
		c.put("f", bytes(1000))
		d = c.open("STOR g")
		d.sendall(bytes(200000))
		wait_until(lambda: count(TEAM)[0] >= 200000)
		session.kill("monitor", "files", "protocol")
		session.wait_until_gone()
		b = Control().login("carl")
		b.ask("CWD /our stuff", 250)
		assert used(b)[0][0] >= count(TEAM)[0]
		wait_until(lambda: used(b)[0] == count(TEAM), "the count of the folder")
		b.put("h", bytes(700000))
		assert used(b)[0] == count(TEAM)
	END
	run -0 ctl --json quota show +team
	assert_output --partial '"figure": "exact"'
}
