#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Names that an account does not see (hide=PATTERN), or may not use (deny=PATTERN).

# shellcheck disable=SC2153 # PORT is set by lib.bash

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

# serve WORD...: alice with these words of OPTIONS.
serve()
{
	add_user alice secret
	sed -i "s|^\\(alice:.*:\\)\$|\\1$*|" "$DIR/etc/users"
	start_server
	HOME_DIR=$DIR/home/alice
	as_user sh -c 'mkdir d .git && echo 1 >a.exe && echo 2 >d/b.exe && echo 3 >f && echo 4 >.git/g && echo 5 >"two words"'
}

as_user()
{
	(cd "$HOME_DIR" && setpriv --reuid 200000 --regid 200000 --clear-groups "$@")
}

@test "deny: no verb uses the name, there or not, and no listing has it" {
	serve 'deny=*.exe deny=.git deny=two%20*'
	as_user ln -s a.exe way
	py <<-'EOF'
		import io, os
		from ftp import Control, Unexpected
		home = os.environ["DIR"] + "/home/alice/"
		c = Control().login("alice", "secret")
		answers = set()
		for name in ("a.exe", "missing.exe", ".git", ".git/g", "two words", "d/../a.exe", ".git/../f/../.git/g"):
		    for verb in ("SIZE", "MDTM", "MLST", "HASH", "XMD5", "RNFR", "DELE", "RMD", "RMDA", "MKD", "CWD", "DSIZ", "SITE CHMOD 600",
		                 "MFMT 20200101000000", "SITE CPFR", "STAT", "SITE PARTIALS DELETE"):
		        answers.add(c.ask("%s %s" % (verb, name), 550, 450).split(": ")[-1])
		    for verb in ("RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD"):
		        connection = c.connect()
		        answers.add(c.ask("%s %s" % (verb, name), 550, 553, 450).split(": ")[-1])
		        connection.close()
		assert answers == {"This account may not do that"}, answers
		for pair in (("RNFR f", "RNTO new.exe"), ("SITE CPFR f", "SITE CPTO new.exe"), ("SITE CPFR f", "SITE CPTO .git/x")):
		    c.ask(pair[0], 350)
		    c.ask(pair[1], 550, 553)
		# a name that a link leads to
		connection = c.connect()
		c.ask("STOR way", 550, 553)
		connection.close()
		# a tree with such a name stays whole
		c.ask("RMDA d", 550)
		assert open(home + "a.exe").read() == "1\n" and open(home + "d/b.exe").read() == "2\n"
		for command in ("LIST -a", "NLST", "MLSD", "LIST -R", "NLST *", "LIST */*", "NLST .g*"):
		    connection = c.connect()
		    try:
		        c.ask(command, 150)
		    except Unexpected:
		        continue
		    text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
		    connection.close()
		    c.expect(226)
		    assert ".git" not in text and "two words" not in text and "a.exe" not in text.replace("-> a.exe", ""), (command, text)
		    assert "b.exe" not in text, (command, text)
	EOF
}

@test "hide: a name that is not listed, and works for those who know it" {
	serve 'hide=*.exe hide=.git'
	py <<-'EOF'
		from ftp import Control
		c = Control().login("alice", "secret")
		c.ask("SIZE a.exe", 213)
		assert c.get("a.exe") == b"1\n"
		for command in ("LIST -a", "NLST", "MLSD", "LIST -aR", "NLST *"):
		    connection = c.connect()
		    c.ask(command, 150)
		    text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
		    connection.close()
		    c.expect(226)
		    assert ".exe" not in text and ".git" not in text and "two words" in text, (command, text)
	EOF
}

@test "STOU takes another name than a denied one; SITE PARTIALS names none" {
	serve 'deny=note deny=note.1 hide=secret*'
	py <<-'EOF'
		import os, struct, socket
		from ftp import Control, wait_until
		c = Control().login("alice", "secret")
		connection = c.connect()
		c.ask("STOU note", 550, 553)
		connection.close()
		connection = c.connect()
		c.ask("STOR secret-plan", 150)
		connection.sendall(b"x" * 1000)
		connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		connection.close()
		c.line()
		said = c.ask("SITE PARTIALS", 200)
		assert "secret" not in said and "1 partial" in said, said
	EOF
}

@test "bad patterns are refused with the reason" {
	local word
	add_user alice secret
	for word in 'deny=' 'hide' 'deny=a/b' 'deny=%2' 'hide=%00'; do
		sed -i "s|^\\(alice:.*:\\)[^:]*\$|\\1$word|" "$DIR/etc/users"
		run ctl config check
		assert_failure
		assert_output --partial 'pattern of names'
	done
}

# --- variables ---

@test "variables in login-message and .message: user, address, date, what is left of the quota" {
	printf 'Hello %%{user} from %%{address}, %%{date} %%{time}\n%%{quota-left}, %%{files-left}; 100%% %%{other}\n' >"$DIR/etc/welcome"
	write_config "login-message = \"$DIR/etc/welcome\"" 'directory-message = yes'
	add_user alice secret --quota 1000000 --quota-files 100
	start_server
	HOME_DIR=$DIR/home/alice
	as_user sh -c 'mkdir d && echo "for %{user}" >d/.message'
	ftp_open
	ftp 'USER alice' 331
	ftp 'PASS secret' 230
	[[ $REPLY_TEXT =~ "Hello alice from 127.0.0.1, "[0-9]{4}-[0-9]{2}-[0-9]{2}" "[0-9]{2}:[0-9]{2} ]]
	[[ $REPLY_TEXT =~ [0-9]+" bytes, "[0-9]+" files; 100% %{other}" ]]
	ftp 'CWD d' 250
	[[ $REPLY_TEXT == *"for alice"* ]]
}

@test "a .message asks once for the quota, however often it has it" {
	write_config 'directory-message = yes'
	add_user alice secret --quota 1000000 --quota-files 100
	start_server
	need_trace
	HOME_DIR=$DIR/home/alice
	# shellcheck disable=SC2046 # words
	printf '%%{quota-left}%%{files-left}%.0s' $(seq 150) >"$DIR/message"
	as_user mkdir d
	cp "$DIR/message" "$HOME_DIR/d/.message"
	strace -f -e trace=sendmsg,sendto -o "$DIR/calls" -p "$SERVER_PID" 2>"$DIR/strace" 3>&- &
	tracer=$!
	wait_until grep -q attached "$DIR/strace"
	ftp_open
	ftp 'USER alice' 331
	ftp 'PASS secret' 230
	ftp 'CWD d' 250
	ftp 'QUIT' 221
	kill "$tracer"
	wait "$tracer" || true
	[ "$(grep -c 'send' "$DIR/calls")" -gt 10 ]
	[ "$(grep -c 'send' "$DIR/calls")" -lt 200 ]
}
