#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Rights of directories: rights=/DIRECTORY=RIGHTS.

# shellcheck disable=SC2153 # PORT is set by lib.bash

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

# serve [OPTION...]: the account alice, and her home.
serve()
{
	add_user alice secret "$@"
	start_server
	HOME_DIR=$DIR/home/alice
}

# as_user COMMAND...: as alice's user, in her home.
as_user()
{
	(cd "$HOME_DIR" && setpriv --reuid 200000 --regid 200000 --clear-groups "$@")
}

@test "every verb, by every right, in every zone, and from each zone to each other" {
	add_user alice secret
	sed -i "s|^\\(alice:.*:\\)\$|\\1$("$BATS_TEST_DIRNAME/zones_model.py" rules)|" "$DIR/etc/users"
	grep -q '^alice:.*rights=' "$DIR/etc/users"
	start_server
	run "$BATS_TEST_DIRNAME/zones_model.py" "$PORT" "$DIR/home/alice"
	: >"$LOG"    # thousands of transfers
	assert_success
	assert_output --partial ' 0 wrong'
}

# --- drop boxes ---

# drop_box: alice may look everywhere, and only put things into /in; it has somebody's file.
drop_box()
{
	serve --allow list,read --rights /in=create
	as_user sh -c 'mkdir in pub && echo secret >in/theirs && echo public >pub/f && ln -s ../in pub/way'
}

@test "a drop box, with curl: files go in, and nothing comes out" {
	drop_box
	echo mine >"$DIR/mine"
	run curl -sS --max-time 20 -T "$DIR/mine" "$(url alice:secret in/mine)"
	assert_success
	run cat "$HOME_DIR/in/mine"
	assert_output mine
	for path in in/mine in/theirs in/missing pub/way/theirs; do
		run curl -sS --max-time 20 "$(url alice:secret "$path")"
		assert_failure
		refute_output --partial secret
	done
	for path in in/ pub/way/; do
		run curl -sS --max-time 20 "$(url alice:secret "$path")"
		assert_failure
		refute_output --partial theirs
	done
	run curl -sS --max-time 20 -T "$DIR/mine" "$(url alice:secret in/theirs)"
	assert_failure
	run curl -sS --max-time 20 -T "$DIR/mine" "$(url alice:secret pub/new)"
	assert_failure
	run curl -sS --max-time 20 "$(url alice:secret pub/f)"
	assert_output public
	run cat "$HOME_DIR/in/theirs"
	assert_output secret
}

@test "a link to a file in a drop box tells nothing of it" {
	drop_box
	as_user ln -s ../in/theirs pub/link
	as_user ln -s ../in/missing pub/nowhere
	py <<-'EOF'
		from ftp import Control
		c = Control().login("alice", "secret")
		for verb in ("SIZE", "MDTM", "DSIZ", "HASH", "SITE VERSIONS"):
		    told = [c.ask("%s pub/%s" % (verb, name), 500, 501, 502, 550).replace(name, "") for name in ("link", "nowhere")]
		    assert told[0] == told[1], (verb, told)
	EOF
}

@test "a directory that is closed for a moment does not hide the rule below it" {
	serve --rights /a/secret=none
	as_user sh -c 'mkdir -p a/secret && echo theirs >a/secret/theirs'
	py <<-'EOF'
		import subprocess, time
		from ftp import Control
		toggle = "import os, sys\nos.setuid(200000)\nwhile True:\n os.chmod(sys.argv[1], 0)\n os.chmod(sys.argv[1], 0o755)\n"
		closer = subprocess.Popen([sys.executable, "-c", toggle, HOME_DIR + "/a"])
		try:
		    c = Control().login("alice", "secret")
		    end = time.monotonic() + 4
		    asked = 0
		    while time.monotonic() < end:
		        c.ask("SIZE a/secret/theirs", 550)
		        assert not c.ask("DSIZ /", 213, 550).endswith(" 7")
		        asked += 1
		    assert asked > 100, asked
		finally:
		    closer.kill()
		    closer.wait()
	EOF
}

@test "a drop box, with lftp: mput, and mirror leaves it out" {
	command -v lftp >/dev/null || skip "lftp is not installed"
	drop_box
	mkdir "$DIR/up" "$DIR/down"
	echo 1 >"$DIR/up/one"
	echo 2 >"$DIR/up/two"
	run timeout 60 lftp -u alice,secret -e "set net:max-retries 1; set cmd:fail-exit yes; mput -O /in $DIR/up/one $DIR/up/two; bye" "ftp://127.0.0.1:$PORT"
	assert_success
	run cat "$HOME_DIR/in/one" "$HOME_DIR/in/two"
	assert_output "$(printf '1\n2')"
	run timeout 60 lftp -u alice,secret -e "set net:max-retries 1; mirror / $DIR/down; bye" "ftp://127.0.0.1:$PORT"
	run cat "$DIR/down/pub/f"
	assert_output public
	[ ! -e "$DIR/down/in/theirs" ]
}

@test "an upload into a drop box that broke off is resumed, by its name; names stay unknown" {
	drop_box
	head -c 300000 /dev/urandom >"$DIR/whole"
	# an upload whose data connection is cut leaves what came
	py <<-'EOF'
		import os, struct
		from ftp import Control, Unexpected, wait_until
		whole = open(os.environ["DIR"] + "/whole", "rb").read()
		c = Control().login("alice", "secret")
		c.ask("TYPE I", 200)
		data = c.connect()
		c.ask("STOR in/broken", 150)
		data.sendall(whole[:100000])
		import socket
		data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		data.close()
		c.line()
		wait_until(lambda: any(".partial" in n for n in os.listdir(os.environ["DIR"] + "/home/alice/in")), "the partial")
		kept = int(c.ask("SIZE in/broken", 213).split()[1])
		assert 0 < kept <= 100000, kept
		for verb in ("SIZE", "MDTM", "MLST", "HASH", "DSIZ", "RNFR"):
		    c.ask("%s in/theirs" % verb, 550)
		    c.ask("%s in/missing" % verb, 550)
		c.ask("HASH in/broken", 550)
		listed = c.ask("SITE PARTIALS", 200)
		assert "100000 bytes" in listed and "broken" not in listed, listed
		c.ask("REST %d" % kept, 350)
		data = c.connect()
		c.ask("STOR in/broken", 150)
		data.sendall(whole[kept:])
		data.close()
		c.line()
		c.ask("SIZE in/broken", 550)
	EOF
	cmp "$DIR/whole" "$HOME_DIR/in/broken"
}

@test "STOU in a drop box takes a free name; a partial there can be given up" {
	drop_box
	py <<-'EOF'
		import os
		from ftp import Control
		c = Control().login("alice", "secret")
		c.ask("CWD in", 250)
		for _ in range(2):
		    data = c.connect()
		    print(c.ask("STOU note", 150))
		    data.sendall(b"text")
		    data.close()
		    c.line()
		assert sorted(os.listdir(os.environ["DIR"] + "/home/alice/in")) == ["note", "note.1", "theirs"]
		c.ask("DELE note", 550)
		c.ask("RNFR note", 550)
	EOF
}

@test "a message that was dropped is not read back by entering; the administrator's is" {
	write_config 'directory-message = yes'
	drop_box
	as_user sh -c 'echo dropped words >in/.message'
	ftp_login alice secret
	ftp 'CWD in' 250
	[[ $REPLY_TEXT != *dropped* ]]
	rm "$HOME_DIR/in/.message"
	echo "uploads are looked through" >"$HOME_DIR/in/.message"
	ftp 'CWD /in' 250
	[[ $REPLY_TEXT == *"looked through"* ]]
}

# --- borders ---

@test "a race of links with downloads: what may not be read is not read" {
	serve --rights /secret=create
	as_user sh -c 'mkdir secret d && echo SECRET >secret/f && echo public >d/f && ln -s ../secret/f d/l'
	py <<-'EOF'
		import threading
		from ftp import Control
		stop = threading.Event()

		def flip():
		    c = Control().login("alice", "secret")
		    while not stop.is_set():
		        for old, new in (("f", "x"), ("l", "f"), ("f", "l"), ("x", "f")):
		            c.ask("RNFR d/" + old, 350)
		            c.ask("RNTO d/" + new, 250)

		thread = threading.Thread(target=flip)
		thread.start()
		c = Control().login("alice", "secret")
		c.ask("TYPE I", 200)
		seen = {"150": 0, "550": 0}
		try:
		    for _ in range(400):
		        data = c.connect()
		        c.send("RETR d/f")
		        code = c.line()[:3]
		        seen[code] += 1
		        if code == "150":
		            got = data.recv(100)
		            assert got != b"SECRET\n", got
		            c.line()
		        data.close()
		    print(seen)
		    assert seen["150"] > 0
		finally:
		    stop.set()
		    thread.join()
	EOF
}

@test "a rule whose path leads over a link narrows the whole home" {
	serve --allow list,read,create,delete --rights /in=list,create
	as_user sh -c 'mkdir really && echo text >really/f && ln -s really in'
	ftp_login alice secret
	ftp 'SIZE really/f' 213
	ftp 'DELE really/f' 550
	ftp 'HASH really/f' 550
	rm "$HOME_DIR/in"
	ftp 'HASH really/f' 213
}

@test "the directory of a rule that is not there yet: made, yes; nothing takes its name" {
	serve --allow all --rights /In/deep=list
	as_user sh -c 'mkdir -p tree/deep && echo text >tree/deep/f'
	ftp_login alice secret
	ftp 'RNFR tree' 350
	ftp 'RNTO In' 550
	ftp 'RNFR tree' 350
	ftp 'RNTO iN' 550
	ftp 'MKD In' 257
	ftp 'RNFR tree/deep' 350
	ftp 'RNTO In/deep' 550
	ftp 'MKD In/deep' 257
	ftp 'RMD In/deep' 550
	ftp 'MKD In/deep/x' 550
}

# --- sallyportctl ---

@test "rights of directories are set, shown and ended; blanks, '=' and '%' in names" {
	add_user alice secret --rights '/in=create,list' --rights '/a b/c%3Dd=none' --deny chmod
	run grep ^alice: "$DIR/etc/users"
	assert_output --partial 'rights=list,read,create,overwrite,delete,rename,mkdir,rmdir rights=/in=list,create rights=/a%20b/c%3Dd=none'
	run ctl user show alice
	assert_line '  in /in: list,create'
	assert_line '  in /a b/c=d: none'
	ctl user set alice --rights /in=read --rights '/a b/c%3Dd=inherit' --allow all
	run grep ^alice: "$DIR/etc/users"
	assert_output --regexp ':rights=all rights=/in=read$'
	run bash -c "'$BUILD/sallyportctl' -c '$CONF' --json user show alice | jq -c .directory_rights"
	assert_output '{"/in":["read"]}'
	ctl user set alice --rights /in=inherit
	run grep ^alice: "$DIR/etc/users"
	assert_output --regexp ':$'
	ctl user set alice --rights /=list --rights /in=create
	run grep ^alice: "$DIR/etc/users"
	assert_output --regexp ':rights=list rights=/in=create$'
	# other changes leave them alone
	ctl user set alice --quota 1G
	run grep ^alice: "$DIR/etc/users"
	assert_output --partial 'rights=list rights=/in=create'
}

@test "bad rights of directories are refused with the reason, by sallyportctl, the check and the start" {
	local rule
	add_user alice secret
	for rule in in=list /in /in=fly /in/=list /in/../x=list /=inherit '/in%2=list'; do
		run ctl user set alice --rights "$rule"
		assert_failure
		assert_output --partial "bad --rights '$rule'"
	done
	run ctl user set alice --rights /in=list --rights /in=read
	assert_failure
	assert_output --partial twice
	run ctl user set alice --allow list --deny list --rights /in=none
	assert_failure
	sed -i 's|^\(alice:.*:\)$|\1rights=/in=list rights=/in=read|' "$DIR/etc/users"
	run ctl config check
	assert_failure
	assert_output --partial "$DIR/etc/users:"
	assert_output --partial 'twice; keep one of them'
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_failure
	assert_output --partial 'twice'
}

@test "rules for directories that are missing, a link or a file are told by user add, user set and config check" {
	run add_user alice secret --rights /in=create --rights /pub/new=list
	assert_success
	assert_line --partial "rights for '/in': it is missing in the home"
	assert_line --partial "rights for '/pub/new': it is missing in the home"
	HOME_DIR=$DIR/home/alice
	as_user sh -c 'mkdir -p in pub/new real/sub && ln -s real way && : >file'
	run ctl config check
	assert_success
	refute_output --partial 'rights of'
	run ctl user set alice --rights /way/sub=list --rights /file=none --rights /real/sub=read
	assert_success
	assert_line --partial "rights for '/way/sub': it has a symbolic link on its way, so the account has nowhere more rights"
	assert_line --partial "rights for '/file': it is no directory"
	refute_line --partial "'/real/sub'"
	run ctl config check
	assert_success
	assert_line --regexp "etc/users:1: rights of 'alice' for '/way/sub': it has a symbolic link on its way"
	assert_line --regexp "etc/users:1: rights of 'alice' for '/file': it is no directory"
	# another change does not repeat it
	run ctl user set alice --quota 1G
	refute_output --partial 'rights for'
	ctl user set alice --rights /way/sub=inherit --rights /file=inherit
	# a rule of the group
	ctl group add staff --rights /away=list
	run ctl user set alice --group staff
	assert_success
	assert_line --partial "rights for '/away': it is missing in the home"
	run ctl config check
	assert_line --regexp "rights of 'alice' for '/away': it is missing in the home"
}

@test "a rule that allows changes where the account cannot write is told: a drop-box that root has made" {
	add_user alice secret --rights /in=create 2>"$DIR/warned"
	mkdir "$DIR/home/alice/in" "$DIR/home/alice/look" "$DIR/home/alice/group"
	chmod 775 "$DIR/home/alice/group"
	run -0 ctl config check
	assert_line --regexp "etc/users:1: rights of 'alice' for '/in': it allows changes, but the account's user cannot write there; 'chown'"
	# what only allows to look, and a directory that a group can change
	run -0 ctl user set alice --rights /look=list,read --rights /group=create
	assert_line --partial "rights for '/in': it allows changes"
	refute_output --partial "'/look'"
	refute_output --partial "'/group'"
	chown "$(awk -F: '{ print $3 ":" $4 }' "$DIR/etc/users")" "$DIR/home/alice/in"
	run -0 ctl config check
	refute_output --partial 'allows changes'
	chmod 555 "$DIR/home/alice/in"
	run -0 ctl config check
	assert_output --partial "for '/in': it allows changes"
}

@test "no file of others becomes the .message of a directory where it may not be read" {
	write_config 'directory-message = yes'
	serve --allow list,create,rename --rights /in=list,create,rename
	as_user sh -c 'mkdir in pub && ln -s ../in/theirs pub/latest'
	echo secret >"$HOME_DIR/in/theirs"
	py <<-'EOF'
		from ftp import Control
		c = Control().login("alice", "secret")
		for name, message in ("pub/latest", "pub/.message"), ("in/theirs", "in/.message"):
		    c.ask("RNFR " + name, 350)
		    c.ask("RNTO " + message, 250)
		    c.ask("CWD /", 250)
		    assert "secret" not in c.ask("CWD /" + message.split("/")[0], 250), message
		    c.ask("CWD /", 250)
	EOF
}

# --- what is kept ---

@test "what is kept of a directory's files comes back nowhere else, whatever links have led there" {
	serve --keep 30d --rights /in=create,overwrite --rights /open=list,create,overwrite
	as_user sh -c 'mkdir in pub open && for name in theirs others; do echo secret >in/$name; done
		ln -s ../in pub/way && ln -s ../in/others pub/link && ln -s ../open pub/open && ln -s ../open/new pub/new'
	py <<-'EOF'
		import re
		from ftp import Control
		ID = re.compile(r"\d{5}\.\d{14}\.\d{4}")
		KEEP = HOME_DIR + "/.sallyport-keep"

		def versions(path, *codes):
		    return ID.findall(c.ask("SITE VERSIONS " + path, *codes))

		c = Control().login("alice", "secret")
		c.put("pub/way/theirs", b"mine")
		c.put("pub/link", b"mine")
		ids = {day + "." + name for day in os.listdir(KEEP) if day != "state"
		       for _, _, names in os.walk(KEEP + "/" + day) for name in names if name != "path"}
		assert ids and all(map(ID.fullmatch, ids)), ids
		for path in "pub/way/theirs", "pub/link", "in/theirs", "in/others":
		    assert versions(path, 550) == [], path
		c.ask("DELE pub/way", 250)
		c.ask("DELE pub/link", 250)
		c.ask("MKD pub/way", 257)
		for path in "pub/way/theirs", "pub/link":
		    assert versions(path, 200) == [], path
		    for id in ids:
		        c.ask("SITE RESTORE %s %s" % (path, id), 550)
		        assert not os.path.exists(HOME_DIR + "/" + path), path
		# where it came from, it comes back, and by all its names
		for id in ids:
		    c.ask("SITE RESTORE in/theirs " + id, 250, 550)
		    c.ask("SITE RESTORE in/others " + id, 250, 550)
		for name in "theirs", "others":
		    with open(HOME_DIR + "/in/" + name) as file:
		        assert file.read() == "secret\n", name
		for name in "f", "new":
		    c.put("open/" + name, b"one")
		    c.put("pub/" + ("open/f" if name == "f" else "new"), b"two")
		    (id,) = versions("open/" + name, 200)
		    assert versions("pub/open/" + name, 200) == [id]
		    c.ask("SITE RESTORE pub/open/%s %s" % (name, id), 250)
		    with open(HOME_DIR + "/open/" + name) as file:
		        assert file.read() == "one", name
		# a file that is gone
		c.put("pub/f", b"one")
		c.ask("DELE pub/f", 250)
		(id,) = versions("pub/f", 200)
		c.ask("SITE RESTORE pub/f " + id, 250)
		assert c.get("pub/f") == b"one"
	EOF
}
