#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Names that an account does not see (hide=PATTERN), or may not use (deny=PATTERN).

# shellcheck disable=SC2153 # PORT is set by lib.bash

load lib

bats_require_minimum_version 1.5.0

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

@test "deny: a link inside the home opens no denied name, whatever it is called and however it leads there" {
	serve 'deny=*.exe deny=.git'
	as_user sh -c 'mkdir sub && ln -s a.exe ok && ln -s /d/b.exe far && ln -s .git repo && ln -s repo again && ln -s ../ok sub/up &&
		ln -s .git/../f round && ln -s f good && ln -s sub dir && ln -s ../../../../f sub/above && ln -s loop loop && ln -s new.exe fresh &&
		ln -s f/ slash'
	py <<-'EOF'
		import os, re
		from ftp import Control
		home = os.environ["DIR"] + "/home/alice/"
		c = Control().login("alice", "secret")
		answers = set()
		for name in ("ok", "far", "repo/g", "again/g", "sub/up", "dir/up", "round", "fresh"):
		    for verb in ("SIZE", "MDTM", "HASH", "DSIZ", "SITE CHMOD 600", "MFMT 20200101000000"):
		        answers.add((name, verb, c.ask("%s %s" % (verb, name), 550).split(": ")[-1]))
		    for verb in ("RETR", "STOR", "APPE"):
		        connection = c.connect()
		        answers.add((name, verb, c.ask("%s %s" % (verb, name), 550, 553).split(": ")[-1]))
		        connection.close()
		    c.ask("SITE CPFR " + name, 350, 550)
		    if name != "fresh":
		        c.ask("SITE CPTO copy", 550, 553, 503)
		for name in ("repo", "again", "repo/.", "dir/../repo"):
		    answers.add((name, "CWD", c.ask("CWD " + name, 550).split(": ")[-1]))
		for name in ("repo/g", "again/g"):
		    for verb in ("RNFR", "DELE", "MLST"):
		        answers.add((name, verb, c.ask("%s %s" % (verb, name), 550).split(": ")[-1]))
		wrong = [a for a in answers if a[2] not in ("This account may not do that",)]
		assert not wrong, wrong
		for command in ("LIST repo", "NLST again", "MLSD repo", "LIST again/*"):
		    connection = c.connect()
		    reply = c.ask(command, 150, 550, 450)
		    if reply.startswith("150"):
		        text = connection.recv(1000).decode()	# of the link, at most
		        assert not re.search(r"(^|[ /])g\r?$", text, re.M), (command, text)
		        c.expect(226)
		    connection.close()
		assert open(home + "a.exe").read() == "1\n" and open(home + ".git/g").read() == "4\n"
		assert not os.path.exists(home + "new.exe") and not os.path.exists(home + "copy")
		# what leads elsewhere works as ever
		assert c.get("good") == b"3\n" and c.get("sub/above") == b"3\n" and c.get("dir/../f") == b"3\n"
		assert "No such" in c.ask("SIZE nothing", 550) and "oo many" in c.ask("SIZE loop", 550)
		c.ask("SIZE slash", 550)
		# the link itself is a name like others
		c.ask("RNFR ok", 350)
		c.ask("RNTO fine", 250)
		c.ask("DELE fine", 250)
		assert os.path.exists(home + "a.exe")
	EOF
}

@test "deny: a link is never followed in the moment in which it takes the place of a file" {
	serve 'deny=*.exe'
	as_user sh -c 'echo plain >plain && ln -s a.exe link && cp plain x'
	py <<-'EOF'
		import os, threading, time
		from ftp import Control
		home = os.environ["DIR"] + "/home/alice/"
		is_over = threading.Event()
		def swap():
		    while not is_over.is_set():
		        for name in ("link", "plain"):
		            os.link(home + name, home + "y", follow_symlinks=False)
		            os.rename(home + "y", home + "x")
		thread = threading.Thread(target=swap)
		thread.start()
		try:
		    c = Control().login("alice", "secret")
		    seen = set()
		    deadline = time.monotonic() + 3
		    while time.monotonic() < deadline:
		        seen.add(c.ask("SIZE x", 213, 550))
		finally:
		    is_over.set()
		    thread.join()
		assert "213 2" not in seen, seen		# that of a.exe; plain has 6
		assert any("6" in s for s in seen), seen
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

# words_of NAME: what the users file says of the account.
words_of()
{
	sed -n "s|^$1:.*:||p" "$DIR/etc/users"
}

@test "sallyportctl: --hide and --deny-name add patterns, --no-hide and --no-deny-name end them, user show has them" {
	add_user alice secret --hide '*.tmp' --deny-name '*.exe' --deny-name 'two words*' --deny-name '100%=*'
	assert_equal "$(words_of alice)" 'hide=*.tmp deny=*.exe deny=two%20words* deny=100%25%3D*'
	run ctl user show alice
	assert_line 'hide:         *.tmp'
	assert_line 'deny:         two words*'
	ctl user set alice --hide '.*' --no-deny-name '*.exe' --quota 1M --hide '.*'
	assert_equal "$(words_of alice)" 'quota=1M hide=*.tmp hide=.* deny=two%20words* deny=100%25%3D*'
	run -0 ctl user show alice --json
	assert_equal "$(jq -c '[.hide, .deny, .from.hide, .from.deny]' <<<"$output")" \
		'[["*.tmp",".*"],["two words*","100%=*"],"account","account"]'
	ctl user set alice --no-hide '*.tmp' --no-hide '.*'
	assert_equal "$(words_of alice)" 'quota=1M deny=two%20words* deny=100%25%3D*'
	# --deny is about rights, as ever
	ctl user set alice --deny delete
	assert_regex "$(words_of alice)" 'deny=two%20words\* .*rights='
	local bad
	for bad in '--hide a/b' '--deny-name=' '--no-hide *.tmp' '--no-deny-name *.exe' '--hide x --inherit hide'; do
		# shellcheck disable=SC2086 # two words
		run ctl user set alice $bad
		assert_failure
		assert_regex "$output" 'bad --(no-)?(hide|deny-name|inherit)|is empty'
	done
	assert_regex "$(words_of alice)" '^quota=1M deny=two'
	# one that is set works at the next login
	start_server
	ftp_open
	ftp 'USER alice' 331
	ftp 'PASS secret' 230
	ftp 'MKD two words here' 550
	ftp 'MKD two' 257
}

@test "patterns of a group count where the account has none of its kind, and user show says so" {
	ctl group add staff --deny-name '*.exe' --hide '*.tmp'
	add_user alice secret --group staff --hide '*.bak'
	run ctl user show alice
	assert_line 'hide:         *.bak'
	assert_line 'deny:         *.exe (by the group)'
	refute_line --partial '*.tmp'
	run -0 ctl user show alice --json
	assert_equal "$(jq -c '[.hide, .deny, .from.hide, .from.deny]' <<<"$output")" '[["*.bak"],["*.exe"],"account","group"]'
	ctl group set staff --no-hide '*.tmp' --deny-name '*.com'
	run ctl group show staff
	assert_line --partial 'deny=*.com'
	refute_line --partial 'hide='
	run ctl user set alice --no-deny-name '*.exe'
	assert_failure
	assert_output --partial "there is no such pattern of its own"
	ctl user set alice --inherit hide
	assert_equal "$(words_of alice)" 'group=staff'
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
