#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The claims of SECURITY.md, "What taking a process over is worth", against an attacker who runs code in a
# process of the server. A build with processes that obey plays the attacker (make takeover; tests/takeover).

load lib
load store

setup_file()
{
	local tree
	tree=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	export RELEASE=$BUILD TAKEOVER=$tree/build/takeover
	is_asan || { [ -x "$TAKEOVER/sallyportd" ] && [ -x "$TAKEOVER/tests/helpers/fake_broker" ]; } || make -C "$tree" -s -j"$(nproc)" takeover >"$BATS_FILE_TMPDIR/make" 2>&1 || {
		cat "$BATS_FILE_TMPDIR/make" >&2
		return 1
	}
}

setup()
{
	skip_if_asan "sanitizers widen the filters; the hostile processes are a build of their own"
	ALARM_EXPECTED=1	# most tests look for theirs
	new_place
}

teardown()
{
	local status=0
	[ -z "${DIR-}" ] || end_place || status=1
	[ -z "${FAKE_PID-}" ] || kill "$FAKE_PID" 2>/dev/null || :
	store_end
	# while its process lives, the user stays
	end_broker_user
	return "$status"
}

# serve [LINE...]: start the hostile server, with the accounts alice and bob.
serve()
{
	write_config "log { target = \"$LOG\" level = \"debug\" }" 'limits { sessions-per-user = 1000 sessions = 1000 }' "$@"
	add_user alice secret
	add_user bob secret
	BUILD=$TAKEOVER
	start_hostile
}

# Administrative programs are those of the release.
start_hostile()
{
	BUILD=$TAKEOVER start_server
	BUILD=$RELEASE
}

# taken <SCRIPT: run Python with everything of taken.py.
taken()
{
	{
		printf '%s\n' 'from taken import *'
		cat
	} | py
}

# --- the variant itself ---

@test "the programs that are installed have no hostile processes" {
	for program in sallyportd sallyportctl sallyport sallyport-broker; do
		[ -e "$RELEASE/$program" ] || continue    # built without libpq
		run grep -ca SALLYPORT-TAKEOVER "$RELEASE/$program"
		assert_output 0
	done
	grep -qa SALLYPORT-TAKEOVER "$TAKEOVER/sallyportd"
	run bash -c "nm '$RELEASE/sallyportd' | grep -c ' takeover_'"
	assert_output 0
	ALARM_EXPECTED=
	write_config
	add_user alice secret
	start_server
	ftp_login alice secret
	ftp 'SITE TAKEOVER call getpid' 501
	ftp 'MLST /TAKEOVER call getpid' 550
}

@test "make refuses to install and to pack the variant" {
	command -v make >/dev/null || skip "make is not installed"
	local tree=$BATS_TEST_DIRNAME/../..
	for what in install dist deb; do
		run make -C "$tree" -s VARIANT=takeover "$what" DESTDIR="$BATS_TEST_TMPDIR/root"
		assert_failure
		assert_output --partial 'never installed or packed'
	done
	run make -C "$tree" -s -o programs B="$TAKEOVER" install DESTDIR="$BATS_TEST_TMPDIR/root"
	assert_failure
	assert_output --partial 'has hostile processes'
	[ ! -e "$BATS_TEST_TMPDIR/root" ]
}

@test "the variant obeys, and says so in the event walls" {
	ALARM_EXPECTED=
	serve
	log_has ' walls .*takeover="a build for tests'
	taken <<-'EOF'
		t = Taken().greet()
		expect("getpid: " in t.act("call getpid"), "protocol before the login")
		t = Taken().login()
		for report in (t.act("call getpid"), t.files("call getpid"), t.monitor("call getpid")):
		    expect("getpid: " in report, report)
	EOF
}

# --- protocol ---

@test "protocol opens, makes, dials, executes and signals nothing, before the login and after it" {
	serve
	taken <<-'EOF'
		CALLS = """open "/etc/passwd 0
		openat -100 "/etc/passwd 0
		openat2 -100 "/etc/passwd buf 24
		open_by_handle_at -100 buf 0
		memfd_create "x 0
		linkat -100 "a -100 "b 0
		symlinkat "a -100 "b
		mknodat -100 "a 010600 0
		unlinkat -100 "a 0
		ftruncate 0 0
		lseek 0 0 0
		pwrite64 0 buf 1 0
		pwritev 0 buf 0 0
		pwritev2 0 buf 0 0 0
		fallocate 0 0 0 1
		copy_file_range 0 0 0 0 1 0
		splice 0 0 0 0 1 0
		socket 2 1 0
		socket 1 2 0
		socketpair 1 5 0 buf
		connect 3 in:127.0.0.77:1 16
		bind 3 in:127.0.0.77:0 16
		listen 3 1
		sendmmsg 3 buf 1 0
		fork
		vfork
		clone 17 0 0 0 0
		execve "/bin/sh 0 0
		execveat -100 "/bin/sh 0 0 0
		kill self 0
		kill 1 9
		kill -1 9
		tkill 1 9
		tgkill 1 1 9
		rt_sigqueueinfo 1 9 buf
		pidfd_open 1 0
		pidfd_getfd 3 0 0
		pidfd_send_signal 3 9 0 0
		ptrace 16 1 0 0
		process_vm_readv 1 buf 1 buf 1 0
		process_vm_writev 1 buf 1 buf 1 0
		process_madvise 3 buf 1 4 0
		prlimit64 1 7 buf 0
		mmap 0 4096 5 34 -1 0
		mmap 0 4096 3 1 3 0
		mprotect buf 4096 5
		setuid 0
		setresuid 0 0 0
		setgid 0
		capset buf buf
		chroot "/
		chdir "/
		mount "a "b "c 0 0
		unshare 0x10000000
		setns 3 0
		bpf 0 buf 1
		io_uring_setup 1 buf
		keyctl 0 0 0 0 0
		perf_event_open buf 0 -1 -1 0
		userfaultfd 0
		personality 0x0040000
		seccomp 0 0 0
		prctl 4 1 0 0 0
		dup 0
		inotify_init1 0
		ioctl 0 0x5412 buf
		rt_sigaction 31 0 0 8""".split("\n")
		all_of(lambda call: stops("protocol", "call " + call.strip(), is_in=False), CALLS)
		all_of(lambda call: stops("protocol", "call " + call.strip()), CALLS[::4])
		can_log_in()
	EOF
}

@test "protocol dials nobody: not with a listener that it shut down, nor with one that never connected" {
	serve
	taken <<-'EOF'
		FASTOPEN = 0x20000000
		service = Service()

		def dials(row):
		    way, line = row
		    t = Taken().login()
		    busy, fillers = socket.create_server((t.address, 0), backlog=0), [socket.socket() for _ in range(2)]
		    for filler in fillers:    # whoever connects after them has no answer
		        filler.setblocking(False)
		        filler.connect_ex(busy.getsockname())
		    act = "connect %s %d" % busy.getsockname() if way == "connect" else way
		    fd = re.search(way + r": (\d+)", t.act(act))[1]
		    try:
		        t.act(line.replace("FD", fd).replace("TARGET", service.target))
		        raise AssertionError("protocol goes on after %s, %s" % row)
		    except Ended:
		        wait_until(lambda: any('died="protocol"' in a for a in t.alarms()), "an alarm for %s, %s" % row)

		all_of(dials, [(way, line) for way in ("listen", "connect") for line in (
		    "call shutdown FD 2",
		    "call shutdown FD 0",
		    'call sendto FD "hello 5 %d TARGET 16' % FASTOPEN,
		    'call sendto FD "hello 5 0 TARGET 16',
		    'call sendto FD "hello 5 %d 0 0' % FASTOPEN,
		    "sendmsg FD TARGET %d" % FASTOPEN,
		    "sendmsg FD TARGET 0",
		)])
		# the monitor connects for it to the client's own address alone, from port 1024 on
		t = Taken().login()
		expect("connect: EACCES" in t.act("connect 127.0.0.77 %d" % service.port), "another address")
		expect("connect: EACCES" in t.act("connect %s 22" % t.address), "a port below 1024")
		expect("connect: EACCES" in t.act("connect 127.0.0.1 %d" % service.port), "the server's own address")
		service.expect_nobody()
	EOF
}

@test "protocol and files have as much memory as SECURITY.md says, and not more" {
	ALARM_EXPECTED=
	serve
	taken <<-'EOF'
		for report, most in ((Taken().greet().act("memory"), 256), (Taken().login().act("memory"), 256),
		                     (Taken().login().files("memory"), 1024)):
		    expect(most / 2 < int(re.search(r"memory: (\d+)", report)[1]) <= most, report)
	EOF
}

@test "before the login, protocol cannot stay by claiming to be busy" {
	ALARM_EXPECTED=
	serve 'timeouts { login = "2s" }'
	taken <<-'EOF'
		t = Taken().greet()
		began = time.monotonic()
		expect("busy" in t.say("busy"))
		wait_until(lambda: any('reason="login-timeout"' in r for r in t.records("disconnect")), "the end")
		expect(time.monotonic() - began < 8, "it stayed for %.1f s" % (time.monotonic() - began))
	EOF
}

# kick_ends ACT: alice's session runs this act; soon after a kick, none of its processes is left.
kick_ends()
{
	taken <<-EOF
		import subprocess
		t = Taken().login()
		master = [p for p in children(SERVER_PID) if len(children(p)) == 2]
		pids = [p for m in master for p in children(m)] + master
		expect(len(pids) == 3, "the processes of the session: %s" % pids)
		$1
		began = time.monotonic()
		subprocess.run(["$RELEASE/sallyportctl", "-c", "$CONF", "session", "kick", "--user", "alice"], check=True)
		wait_until(lambda: all(is_gone(pid) for pid in pids), "the end of %s" % pids)
		expect(time.monotonic() - began < 15, "it took %.1f s" % (time.monotonic() - began))
		can_log_in()
	EOF
}

@test "a kick ends a session whose protocol claims to be busy for ever" {
	serve
	kick_ends 't.say("busy")'
}

@test "a kick ends a session whose protocol does not listen to the monitor" {
	serve
	kick_ends 't.send("SITE TAKEOVER hang"); time.sleep(0.2)'
}

@test "a kick ends a session whose files process hangs" {
	serve
	kick_ends 't.send("MLST /TAKEOVER hang"); time.sleep(0.2)'
}

@test "a kick ends a session whose files process has left the monitor, and stays" {
	serve
	kick_ends 't.send("MLST /TAKEOVER leave"); t.send("MLST /TAKEOVER hang"); time.sleep(0.2)'
}

@test "a kick ends a session whose monitor hangs" {
	serve
	kick_ends 't.act("noted 3 TAKEOVER hang"); time.sleep(0.2)'
}

@test "answers that nobody reads end the session, and nobody else's login" {
	serve
	truncate -s 1K "$DIR/home/alice/file"
	chmod 644 "$DIR/home/alice/file"
	taken <<-'EOF'
		bob = Bystander()
		before = listening()
		ends = {"listen": "answers left unread", "listen_ahead": "answers left unread", "pace": "answers left unread"}
		for kind in ("listen", "listen_ahead", "pace", "open_read"):
		    sessions = [Taken().login() for _ in range(4)]
		    for t in sessions:
		        t.send("SITE TAKEOVER hoard %s 3000" % kind)
		    for t in sessions:
		        wait_until(t.is_over, "the end of a session that hoards by %s" % kind)
		        expect(any(ends.get(kind, 'died="files"') in a for a in t.alarms()), kind, t.alarms())
		    bob.works()
		    can_log_in()
		wait_until(lambda: listening() <= before + 8, "the end of the listeners")
	EOF
}

@test "protocol holds one port of a small range, whatever it keeps, and loses it when others need it" {
	local low=$((20000 + RANDOM % 5000 * 2))
	serve "passive-ports = \"$low-$((low + 1))\"" 'timeouts { data-connect = "20s" }'
	LOW=$low taken <<-'EOF'
		low = int(os.environ["LOW"])

		def held():
		    return [port for port in (low, low + 1) if "0100007F:%04X 00000000:0000 0A" % port in open("/proc/net/tcp").read()]

		t = Taken().login()
		for _ in range(5):
		    t.act("listen")
		expect(len(held()) == 1, "ports that listen", held())
		others = [Control(source="127.0.0.9").login("bob") for _ in range(2)]
		for c in others:
		    c.ask("EPSV", 229)
		expect(len(held()) == 2, "ports that listen", held())
		t.ask("NOOP", 200)
	EOF
}

@test "protocol asks files for what a directory's rights refuse: each request, and each way to spell it" {
	ALARM_EXPECTED=
	serve
	ctl user add carol --home "$DIR/home/carol" --password-stdin --allow list,read,rename,delete,create,mkdir,rmdir,chmod \
		--rights /none=none --rights /in/drop=create <<<secret
	install -d -o 200002 -g 200002 "$DIR/home/carol/none" "$DIR/home/carol/in/drop" "$DIR/home/carol/free/tree"
	install -o 200002 -g 200002 -m 644 /dev/null "$DIR/home/carol/none/f"
	echo secret >"$DIR/home/carol/none/f"
	cp -p "$DIR/home/carol/none/f" "$DIR/home/carol/in/drop/f"
	cp -p "$DIR/home/carol/none/f" "$DIR/home/carol/free/f"
	ln -s ../none "$DIR/home/carol/free/way"
	ln -s ../none/f "$DIR/home/carol/free/link"
	mkdir -p "$DIR/home/carol/in/drop/sub"
	chown -R 200002:200002 "$DIR/home/carol/in" "$DIR/home/carol/free"
	taken <<-'EOF'
		ONE = "stat facts size_ascii open_read open_write remove_file hash set_time set_mode remove_partial".split()
		DIRS = "list make_directory remove_directory remove_tree tree_size".split()
		t = Taken().login("carol")

		def refused(line):
		    said = t.act("ask " + line)
		    expect("EKEYREVOKED" in said, line, said)

		for request in ONE:
		    for path in ("/none/f", "/free/way/f", "/none/missing", "/none/f", "/free/way/missing"):
		        refused("%s %s" % (request, path))
		for request in ("stat", "open_read", "size_ascii", "hash", "set_mode", "set_time", "open_write"):
		    refused(request + " /free/link")
		for request in DIRS:
		    refused("%s /none/new" % request)
		    refused("%s /free/way/new" % request)
		refused("list /none")
		refused("list /in/drop")
		for request in ("open_read", "hash", "stat", "size_ascii", "facts", "remove_file"):
		    refused(request + " /in/drop/f")
		    refused(request + " /in/drop/missing")
		# nothing crosses a border towards more rights; what has rules, or leads to them, stays
		for pair in ("/in/drop/f /free/g", "/none/f /free/g", "/free/way/f /free/g", "/in/drop/sub /free/sub",
		             "/free/f /none/g", "/in /free/in", "/in/drop /free/in", "/none /free/none",
		             "/free/tree /none", "/free/tree /in/drop"):
		    refused("rename " + pair)
		for pair in ("/none/f /free/g", "/in/drop/f /free/g", "/free/link /free/g", "/free/f /none/g"):
		    refused("copy " + pair)
		for name in ("/in", "/in/drop", "/none"):
		    refused("remove_tree " + name)
		    refused("remove_directory " + name)
		expect(open(HOME_DIR + "/carol/none/f").read() == "secret\n", "a file was changed")
		expect(not os.path.exists(HOME_DIR + "/carol/free/g"), "a file crossed the border")
		expect("rename: 0" in t.act("ask rename /free/tree /free/other"), "what is permitted is refused")
		expect("open_write: 0" in t.act("ask open_write /in/drop/new"), "a drop box takes nothing")
	EOF
}

@test "protocol asks files for names that the account is denied: each request, by the name and by a link to it" {
	ALARM_EXPECTED=
	serve
	add_user carol secret --keep 30d
	HOME_OF=$DIR/home/carol
	# one that was kept before the name was denied
	taken <<-'EOF'
		t = Taken().login("carol")
		t.put("old.exe", b"old")
		t.ask("DELE old.exe", 250)
		KEEP = HOME_DIR + "/carol/.sallyport-keep"
		[day] = [name for name in os.listdir(KEEP) if name.isdigit()]
		ids = [day + "." + name for _, _, names in os.walk(KEEP) for name in names if "." in name]
		open(os.environ["DIR"] + "/id", "w").write(ids[0])
	EOF
	sed -i 's|^\(carol:.*\)$|\1 deny=*.exe deny=.git hide=quiet*|' "$DIR/etc/users"
	setpriv --reuid 200002 --regid 200002 --clear-groups sh -c "cd '$HOME_OF' && mkdir .git d && echo 1 >a.exe && echo 2 >.git/g &&
		echo 3 >f && echo 4 >quiet && echo 5 >d/b.exe && ln -s a.exe ok && ln -s .git repo && ln -s new.exe fresh"
	taken <<-'EOF'
		ONE = "stat facts size_ascii open_read open_write remove_file hash set_time set_mode remove_partial versions".split()
		DIRS = "enter list make_directory remove_directory remove_tree tree_size directory_message".split()
		ID = open(os.environ["DIR"] + "/id").read()
		t = Taken().login("carol")

		def refused(line):
		    said = t.act("ask " + line)
		    expect("EKEYREVOKED" in said, line, said)

		for request in ONE:
		    for path in ("/a.exe", "/.git/g", "/missing.exe", "/.git/missing", "/d/b.exe", "/repo/g"):
		        if (request, path) not in (("versions", "/repo/g"),):
		            refused("%s %s" % (request, path))
		for request in ("stat", "open_read", "open_write", "size_ascii", "hash", "set_mode", "set_time"):
		    refused(request + " /ok")
		for request in ("stat", "open_write"):
		    refused(request + " /fresh")
		for request in DIRS:
		    refused("%s /.git" % request)
		for request in ("enter", "tree_size"):
		    refused("%s /repo" % request)
		for pair in ("/a.exe /b", "/f /new.exe", "/.git/g /b", "/repo/g /b", "/f /.git/x", "/f /repo/x", "/.git /b"):
		    refused("rename " + pair)
		for pair in ("/a.exe /b", "/ok /b", "/f /new.exe", "/f /fresh", "/repo/g /b"):
		    refused("copy " + pair)
		for path in ("/old.exe", "/a.exe", "/.git/g"):
		    refused("restore %s %s" % (ID, path))
		refused("remove_tree /d")
		expect("EKEYREVOKED" not in t.act("ask stat /f"), "what is permitted is refused")
		# an upload that was broken off has a hidden name: nobody is told
		expect("open_write: 0" in t.act("ask open_write /quiet2"), "an upload")
		said = t.act("ask partials /")
		expect("quiet" not in said and "names:" in said, said)
		for line in ("list /", "list /*", "list /d"):
		    said = t.act("ask " + line)
		    expect("list: 0" in said and not re.search(r"quiet|\.exe|\.git", said.replace("fresh", "")), line, said)
		HOME = HOME_DIR + "/carol"
		expect(open(HOME + "/a.exe").read() == "1\n" and open(HOME + "/.git/g").read() == "2\n", "a file was changed")
		expect(sorted(os.listdir(HOME)).count("b") == 0 and not os.path.exists(HOME + "/new.exe"), "a name was made")
	EOF
}

@test "protocol asks files for what is kept: each request, by its names and by links to it" {
	ALARM_EXPECTED=
	serve
	add_user carol secret --keep 30d
	HOME_OF=$DIR/home/carol
	taken <<-'EOF'
		t = Taken().login("carol")
		t.put("f", b"one")
		t.put("f", b"second")
		t.ask("MKD d", 257)
	EOF
	# a program of the account's user has made links
	setpriv --reuid 200002 --regid 200002 --clear-groups sh -c "cd '$HOME_OF' && ln -s .sallyport-keep way && ln -s ../.sallyport-keep/state d/state"
	taken <<-'EOF'
		HOME = HOME_DIR + "/carol"
		KEEP = HOME + "/.sallyport-keep"
		[day] = [name for name in os.listdir(KEEP) if name.isdigit()]
		[place] = [at for at, _, names in os.walk(KEEP) if "path" in names]
		[item] = [name for name in os.listdir(place) if name != "path"]
		ITEM = place[len(KEEP):] + "/" + item

		def state():
		    found = {}
		    for at, directories, names in os.walk(HOME):
		        for name in names + directories:
		            st = os.lstat(at + "/" + name)
		            found[at + "/" + name] = (st.st_ino, st.st_mode, st.st_mtime_ns, st.st_size)
		    return found

		t = Taken().login("carol")
		before = state()

		def refused(line):
		    said = t.act("ask " + line)
		    expect("ENOENT" in said, line, said)

		ONE = "stat facts size_ascii open_read open_write remove_file hash set_time set_mode remove_partial versions".split()
		DIRS = "enter list make_directory remove_directory remove_tree tree_size directory_message partials space".split()
		for root in "/.sallyport-keep", "/.SALLYPORT-KEEP", "/way":
		    for request in ONE:
		        for path in (root + "/state", root + ITEM, root + "/new"):
		            if root != "/way" or request != "versions":
		                refused("%s %s" % (request, path))
		    for request in DIRS:
		        if (request, root) not in (("remove_tree", "/way"), ("make_directory", "/way"), ("remove_directory", "/way"), ("partials", "/way"), ("space", "/way")):
		            said = t.act("ask %s %s" % (request, root))
		            expect(": 0" not in said or "names" in said and item not in said, request, root, said)
		    for pair in ("%s/b", "/f %s/state", "%s/state /g", "%s/f /f"):
		        for request in "rename", "copy":
		            words = (pair % root if " " in pair else "/f " + pair % root)
		            refused("%s %s" % (request, words))
		    for request in "rename", "copy":
		        refused("%s %s%s /g" % (request, root, ITEM))
		        refused("%s /f %s%s" % (request, root, ITEM))
		    refused("restore %s.%s %s/g" % (day, item, root))
		for request in "stat open_read open_write size_ascii hash set_time set_mode".split():
		    refused("%s /d/state" % request)
		after = state()
		# what only looking moves: the clock in the state
		for at in before:
		    expect(at in after and (at.endswith("/state") or at == KEEP or before[at] == after[at]), at, "was changed")
		expect(set(before) == set(after), "names", set(before) ^ set(after))
		# an id of another path, and one that is none
		for id in (day + "." + item, "99999.20260101000000.0000"):
		    said = t.act("ask restore %s /other" % id)
		    expect("ENOENT" in said, id, said)
	EOF
}

@test "protocol goes around neither the brake nor a date of retention, in one session or several" {
	ALARM_EXPECTED=
	serve
	add_user carol secret --keep-brake 3/10m
	add_user dave secret --retain 10d
	taken <<-'EOF'
		t = Taken().login("carol")
		for name in "abcdefgh":
		    t.put(name, b"1")
		others = [Taken().login("carol") for _ in range(2)]
		expect("remove_file: 0" in t.act("ask remove_file /a"), "the first")
		expect("rename: 0" in others[0].act("ask rename /b /c"), "the second")
		expect("copy: 0" in others[1].act("ask copy /d /e"), "the third")
		for s in [t] + others + [Taken().login("carol")]:
		    for line in ("remove_file /f", "rename /f /g", "copy /f /g", "remove_tree /", "make_directory /m", "open_write /n",
		                 "set_time /f", "set_mode /f", "remove_directory /m", "remove_partials /"):
		        said = s.act("ask " + line)
		        expect("ESHUTDOWN" in said, line, said)
		expect(sorted(os.listdir(HOME_DIR + "/carol")) == list("cdefgh"), os.listdir(HOME_DIR + "/carol"))

		t = Taken().login("dave")
		t.put("a", b"1")
		t.put("b", b"1")
		t.ask("MKD d", 257)
		t.put("d/c", b"1")
		for line in ("remove_file /a", "rename /a /z", "rename /b /a", "copy /b /a", "remove_tree /d", "rename /d /z", "open_write /a"):
		    said = t.act("ask " + line)
		    expect("EKEYREJECTED" in said, line, said)
		date = os.getxattr(HOME_DIR + "/dave/a", "user.sallyport.retained-until")
		for line in ("set_time /a", "set_mode /a"):
		    t.act("ask " + line)
		expect(os.getxattr(HOME_DIR + "/dave/a", "user.sallyport.retained-until") == date, "the date")
		expect(sorted(os.listdir(HOME_DIR + "/dave")) == [".sallyport-keep", "a", "b", "d"], os.listdir(HOME_DIR + "/dave"))
	EOF
}

@test "files that is taken over lifts no brake, and reaches the keep of no other account" {
	ALARM_EXPECTED=
	serve
	add_user carol secret --keep-brake 1/10m --keep 30d
	taken <<-'EOF'
		t = Taken().login("carol")
		for name in "abc":
		    t.put(name, b"1")
		t.ask("DELE a", 250)
		t.ask("DELE b", 550)
		# the file of the brake is none of its descriptors, and nothing leads to it
		STATE = os.environ["DIR"] + "/state/brakes/carol"
		before = open(STATE, "rb").read()
		for flags in 0, 2, 0x200000:
		    said = t.files('call openat -100 "%s %d' % (STATE, flags))
		    expect("openat: E" in said, said)
		from ftp import Session
		place = "/proc/%d/fd/" % Session().files
		links = [os.readlink(place + fd) for fd in os.listdir(place)]
		expect(links and not [link for link in links if "brakes" in link], links)
		t.ask("DELE b", 550)
		expect(open(STATE, "rb").read() == before, "the brake")
		bob = Taken().login("bob")
		for path in "state", "path":
		    said = bob.files('call openat -100 "%s/carol/.sallyport-keep/%s 0' % (HOME_DIR, path))
		    expect("openat: E" in said, said)
	EOF
}

@test "protocol sends no descriptors of its own" {
	serve
	taken <<-'EOF'
		for start in (lambda: Taken().greet(), lambda: Taken().login()):
		    t = start()
		    channel = re.search(r"monitor: (\d+)", t.act("channels"))[1]
		    try:
		        t.act("descriptors %s 100000" % channel)
		        raise AssertionError("it goes on")
		    except Ended:
		        wait_until(lambda: any('stopped_at="sendmsg"' in a for a in t.alarms()), "the alarm")
		can_log_in()
	EOF
}

# The signatures of a session of the address $1: "ask N: what follows" for each of the further words.
signatures_at()
{
	AT=$1 PORT=$(sed -n "s/.* listening address=$1 .*port=\([0-9]*\) tls=\"no\".*/\1/p" "$LOG" | tail -n 1) \
		ASKED="${*:2}" taken <<-'EOF'
		import ftp, itertools, taken
		ftp.HOST = os.environ["AT"]
		taken._next = itertools.count(1000 * int(ftp.HOST.split(".")[3]))	# addresses that no session came from yet
		for asked in os.environ["ASKED"].split():
		    for start in (lambda: Taken().greet(), lambda: Taken().login()):
		        t = start()
		        *good, last = asked.split(",")
		        for server in good:
		            expect("sign: 0;" in t.act("sign " + server), "no signature of", server, asked)
		        try:
		            raise AssertionError("signed for %s, after %s: %s" % (last, good, t.act("sign " + last)))
		        except Ended:
		            wait_until(lambda: any("asked to sign with a key that is not its own" in a for a in t.alarms()), "the alarm")
		can_log_in()
	EOF
}

@test "protocol has no signature of a server that is not at its address, nor of a second one" {
	local name sections=
	for name in main one two own alone; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 5 -subj "/CN=$name.example.org" \
			-keyout "$DIR/etc/$name.key" -out "$DIR/etc/$name.pem" 2>/dev/null
		chmod 600 "$DIR/etc/$name.key"
		[ "$name" != main ] || continue
		sections+="server \"$name.example.org\" { certificate = \"$DIR/etc/$name.pem\" key = \"$DIR/etc/$name.key\""
		case $name in
		own) sections+=' address = {"127.0.0.2"}' ;;
		alone) sections+=' address = {"127.0.0.3"}' ;;
		esac
		sections+=" }"$'\n'
	done
	serve 'listen = {"127.0.0.2:0", "127.0.0.3:0", "127.0.0.1:0"}' \
		"tls { certificate = \"$DIR/etc/main.pem\" key = \"$DIR/etc/main.key\" require = no }" "$sections"
	# 0 is the main server; 1 and 2 are at its address; 3 and 4 have addresses of their own
	signatures_at 127.0.0.1 3 4 5 255 0,0,1 1,1,0 2,1 1,3
	signatures_at 127.0.0.2 0 1 2 4 3,3,0 3,4
}

@test "descriptors that protocol sends in the form of close_notify end its session, and nobody else's login" {
	serve
	taken <<-'EOF'
		bob = Bystander()
		for other in ("monitor", "files"):
		    sessions = [Taken().login() for _ in range(6)]
		    for t in sessions:
		        channel = re.search(other + r": (\d+)", t.act("channels"))[1]
		        t.send("SITE TAKEOVER descriptors %s 100000 %d" % (channel, socket.MSG_DONTWAIT))
		    bob.works()
		    can_log_in()
		    for t in sessions:
		        try:
		            t.reply()	# before its end is seen; or the kernel took none, since others had too many in flight
		        except (EOFError, ConnectionError):
		            pass
		        if not t.is_over():
		            t.close()
		        wait_until(t.is_over, "the end of a session that sends descriptors to %s" % other)
		    expect(any(t.alarms() for t in sessions), "no alarm", other)
		    bob.works()
		    can_log_in()
	EOF
}

@test "protocol cannot change an upload after its end, whatever the rights are" {
	serve
	add_user drop secret --allow create,list
	taken <<-'EOF'
		for user in ("drop", "alice"):
		    t = Taken().login(user)
		    try:
		        t.act("keep /final")
		    except Ended:
		        pass
		    t.close()
		    wait_until(t.is_over, "the end of the session")
		    with open("%s/%s/final" % (HOME_DIR, user)) as file:
		        expect(file.read() == "as it was", "an upload of %s was changed after its end" % user)
	EOF
}

@test "protocol writes no byte beyond the quota, with descriptors that it kept neither" {
	serve
	add_user quo secret --quota 1M
	taken <<-'EOF'
		t = Taken().login("quo")
		try:
		    t.act("overquota")
		except Ended:
		    pass
		t.close()
		wait_until(t.is_over, "the end of the session")
		size = sum(os.lstat(os.path.join(HOME_DIR, "quo", n)).st_size for n in os.listdir(HOME_DIR + "/quo"))
		expect(0 < size <= 1 << 20, "%d bytes in the home" % size)
	EOF
}

@test "protocol forges no line of the log" {
	ALARM_EXPECTED=
	serve
	taken <<-'EOF'
		t = Taken().login()
		t.act("listen")    # no transfer is logged without
		t.act("forge")
		t.act('noted 1 x" session=0123456789abcdef forged="yes')
		t.act("noted 2 " + "y" * 400)
		t.close()
		wait_until(t.is_over, "the end")
		expect(r"forged=\x22yes" in log(), "nothing was logged")
		for line in log().splitlines():
		    expect(re.match(r"\d{4}-\d\d-\d\dT[0-9:.]+Z sallyportd\[\d+\]: (debug|info|warning|error|critical) [a-z-]+ ", line), line)
		    outside = re.sub(r'"(\\.|[^"\\])*"', '""', line)
		    expect("forged" not in outside and "0123456789abcdef" not in outside, line)
		    expect("\x1b" not in line, line)
	EOF
}

@test "protocol reports no more transfers than its data sockets can serve" {
	serve
	taken <<-'EOF'
		t = Taken().login()
		reports = [t.act(act) for act in ("logflood 1", "listen", "logflood 1", "listen_ahead", "logflood 1")]
		expect("sent: 1" in reports[-1], reports[-1])
		# fewer than eight where others have the ports
		listeners = int(re.search(r"listeners: (\d+)", reports[3])[1])
		expect(listeners > 0, reports[3])
		t.ask("QUIT", 221)
		wait_until(lambda: ' disconnect ' in log(), "the end of the session")
		expect(log().count(" transfer ") == 1 + listeners * 16, "lines of transfers", log().count(" transfer "))
	EOF
}

@test "protocol drowns nobody's failed login in the log" {
	ALARM_EXPECTED=
	serve
	LIMIT=90 taken <<-'EOF'
		sessions = [Taken().login() for _ in range(4)]
		for t in sessions:
		    t.send("SITE TAKEOVER logflood 4000")
		names = ["victim%d" % i for i in range(40)]

		def fails(name):
		    t = Taken().greet()
		    t.ask("USER " + name, 331)
		    t.ask("PASS wrong", 530)
		    t.close()

		all_of(fails, names)
		wait_until(lambda: all('name="%s"' % name in log() for name in names), "a record of each failed login")
		for t in sessions:
		    t.close()
		expect(os.path.getsize(LOG) < 8 << 20, "the log has %d bytes" % os.path.getsize(LOG))
	EOF
}

@test "what protocol writes on the board is shown escaped, and counts as nothing" {
	ALARM_EXPECTED=
	serve 'metrics-listen = "127.0.0.1:0"'
	wait_until log_has ' metrics .*message="served on '
	PAGE=$(sed -n 's/.* metrics .*message="served on \(http:[^"]*\)".*/\1/p' "$LOG" | tail -n 1)
	export PAGE RELEASE
	taken <<-'EOF'
		import json, subprocess, urllib.request
		t = Taken().login()
		t.say("claims")
		ctl = [os.environ["RELEASE"] + "/sallyportctl", "-c", os.environ["CONF"]]
		texts = {name: subprocess.run(ctl + name.split(), capture_output=True, check=True).stdout
		         for name in ("session list", "--json session list", "status", "--json status", "metrics")}
		for page in ("", "metrics", "sessions.json"):
		    texts["page " + page] = urllib.request.urlopen(os.environ["PAGE"] + page).read()
		for name, text in texts.items():
		    expect(b"\x1b" not in text and b"\xff" not in text and b"\xc2\x9b" not in text, name, text[:2000])
		    text.decode()
		    if "json" in name:
		        json.loads(text)
		    expect(str(2**64 - 1) not in text.decode(), name, "tells a figure that nobody can reach")
		expect(b"<script>alert" not in texts["page "], "a page with a script")
		expect(b'name{x="1"}' not in texts["metrics"] and b'name{x="1"}' not in texts["page metrics"], "a metric of its own")
		expect(b"alice" in texts["session list"], texts["session list"])
	EOF
}

# --- files ---

@test "files makes no socket, no process, no symbolic link and none of a descriptor, gives nothing away and signals nobody" {
	serve
	taken <<-'EOF'
		CALLS = """open "/etc/passwd 0
		socket 2 1 0
		socket 1 2 0
		socketpair 1 5 0 buf
		connect 4 in:127.0.0.77:1 16
		bind 4 in:127.0.0.77:0 16
		sendto 4 "hello 5 0x20000000 in:127.0.0.77:1 16
		fork
		clone 17 0 0 0 0
		execve "/bin/sh 0 0
		execveat -100 "/bin/sh 0 0 0
		kill 1 9
		kill -1 9
		tgkill 1 1 9
		pidfd_open 1 0
		pidfd_getfd 3 0 0
		ptrace 16 1 0 0
		process_vm_readv 1 buf 1 buf 1 0
		prlimit64 1 7 buf 0
		linkat -100 "a -100 "b 0x400
		linkat 0 " -100 "b 0x1000
		symlinkat "/etc/passwd -100 "b
		mknodat -100 "a 060600 0
		fchown 0 0 0
		fchownat -100 "a 0 0 0
		fchmod 3 04755
		chroot "/
		chdir "/
		mount "a "b "c 0 0
		unshare 0x10000000
		setuid 0
		setresuid 0 0 0
		mmap 0 4096 5 34 -1 0
		mprotect buf 4096 5
		memfd_create "x 0
		io_uring_setup 1 buf
		open_by_handle_at -100 buf 0
		bpf 0 buf 1""".split("\n")
		all_of(lambda call: stops("files", "call " + call.strip()), CALLS)
		can_log_in()
	EOF
}

@test "files reaches nothing outside the home" {
	ALARM_EXPECTED=
	serve
	echo secret >"$DIR/home/bob/diary"
	echo outside >"$DIR/outside"
	chmod 644 "$DIR/home/bob/diary" "$DIR/outside"
	ln -s /etc/passwd "$DIR/home/alice/absolute"
	ln -s ../bob/diary "$DIR/home/alice/relative"
	export RELEASE
	taken <<-'EOF'
		t = Taken().login()
		place = os.environ["DIR"]
		for path in ("/etc/passwd", "/proc/self/root", "/proc/1/fd/0", place + "/outside", place + "/home/bob/diary",
		             place + "/etc/users", "absolute", "relative"):
		    for flags in (0, 1, 0x200000):
		        if path in ("absolute", "relative") and flags == 0x200000:
		            continue    # a handle of a link that leads out of the root leads nowhere
		        report = t.files('call openat -100 "%s %d' % (path, flags))
		        expect("openat: E" in report, path, report)
		expect("openat: ENOENT" in t.files("call openat -100 up 0"), "up")
		expect("openat: E" in t.files('call openat -100 "/ 0x410042 0600'), "an unnamed file of the root above")
	EOF
}

@test "files reaches its home and its folders, and nothing around a folder" {
	ALARM_EXPECTED=
	serve
	log_has ' walls .*landlock_abi=([2-9]|[1-9][0-9])' || skip "the kernel has no Landlock that confines writers"
	ctl folder add team --directory "$DIR/around/team"
	ctl folder add other --directory "$DIR/around/other"
	ctl folder grant team --user alice --at /team
	echo secret >"$DIR/home/bob/diary"
	echo outside >"$DIR/around/file"
	echo inside >"$DIR/around/team/file"
	mkdir "$DIR/around/open"
	# protocol resolves ".." in what it sends; the kernel does so in links
	ln -s .. "$DIR/around/team/up"
	ln -s ../.. "$DIR/around/team/above"
	ln -s ../../../.. "$DIR/around/team/root"
	chmod 777 "$DIR/around/open" "$DIR/home/bob"
	chmod 644 "$DIR/home/bob/diary" "$DIR/around/file" "$DIR/around/team/file"
	export RELEASE
	taken <<-'EOF'
		import re
		t = Taken().login()
		fd = int(re.search(r"folder: (\d+)", t.files("channels")).group(1))
		expect(re.search(r"openat: \d", t.files('call openat %d "file 0' % fd)), "a file of the folder")
		for path in ("up/file", "up/open", "up/other", "up", "above", "above/home/bob/diary", "above/etc/users",
		             "root/etc/passwd"):
		    for flags in (0, 1, 2, 0x10000):
		        report = t.files('call openat %d "%s %d' % (fd, path, flags))
		        expect("openat: E" in report, path, report)
		# what everybody may write to
		expect("openat: E" in t.files('call openat %d "up/open/new %d 0600' % (fd, 0o101)), "a new file")
		expect("mkdirat: E" in t.files('call mkdirat %d "up/open/new 0700' % fd), "a new directory")
		expect("unlinkat: E" in t.files('call unlinkat %d "up/file 0' % fd), "unlinkat")
	EOF
	[ -z "$(ls "$DIR/around/open")" ]
}

# Of quo are a home and a folder with a quota, a folder without one, and one whose files are counted. "other" is nobody's.
serve_folders()
{
	serve
	log_has ' walls .*landlock_abi=([2-9]|[1-9][0-9])' || skip "the kernel has no Landlock that confines writers"
	add_user quo secret --quota 1M
	for folder in team free counted other; do
		ctl folder add "$folder" --directory "$DIR/around/$folder"
	done
	ctl folder set team --quota 1M
	ctl folder set other --quota 1M
	ctl folder set counted --quota-files 100
	ctl folder grant counted --user quo --at /counted
	ctl folder grant team --user quo --at /team
	ctl folder grant free --user quo --at /free
	wait_until log_has 'quota-counted .*user="\+other"'
	OTHER=$(sha256sum "$DIR/state/ledger/+other")
}

# Nobody has counted the folder that is nobody's again, or written to its ledger.
assert_other_untouched()
{
	[ "$(log_count 'quota-counted .*user="\+other"')" -eq 1 ]
	[ "$(sha256sum "$DIR/state/ledger/+other")" = "$OTHER" ]
}

@test "files names no ledger but those of its session, and none within a bracket" {
	serve_folders
	LIMIT=60 taken <<-'EOF'
		bob = Bystander()
		t = Taken().login("quo")
		for number in (1, 2, 3, 0, 1):
		    expect("name: 0" in t.files("name %d" % number), "a tree of the session")
		t.close()
		for lines in (["name 4"], ["name 9"], ["name 255"], ["begin", "name 1"]):
		    t = Taken().login("quo")
		    try:
		        for line in lines:
		            said = t.files(line)
		        expect(False, "files goes on after", lines, said)
		    except Ended:
		        wait_until(t.alarms, "an alarm for %s" % lines)
		    t.close()
		expect(not crashes(), crashes())
		bob.works()
		can_log_in("quo")
	EOF
	assert_other_untouched
}

@test "protocol writes no byte beyond the quota of an upload while files changes a tree without one" {
	serve_folders
	taken <<-'EOF'
		where = {"/": HOME_DIR + "/quo", "/team/": os.environ["DIR"] + "/around/team"}
		for limited in where:
		    for other in ("make_directory /counted/%s", "make_directory /free/%s", "open_write /free/%s"):
		        t = Taken().login("quo")
		        try:
		            said = t.act("crossquota %sq0 %s" % (limited, other % ("new%d" % len(limited))))
		            expect("open_write" in other or "make_directory: 0" in said, other, said)
		            expect(re.search(r"wrote: [1-9]", said) and "after: 0;" in said, other, said)
		        except Ended:
		            expect("open_write" in other, other)
		        t.close()
		        wait_until(t.is_over, "the end of the session")
		        size = sum(os.lstat(os.path.join(where[limited], n)).st_size for n in os.listdir(where[limited]))
		        expect(0 < size <= 1 << 20, "%d bytes below %s by '%s'" % (size, limited, other))
	EOF
}

@test "a monitor that is taken over has no folder counted but those of its session" {
	serve_folders
	LIMIT=60 taken <<-'EOF'
		for line, goes_on in (("count 0", True), ("count 1", True), ("count 7", True), ("count 8", False),
		                      ("count 255", False), ("used other", False), ("used ../users", False)):
		    t = Taken().login("quo")
		    try:
		        t.monitor(line)
		        if goes_on:
		            t.monitor("call getpid")
		        else:
		            wait_until(t.is_over, "the end after '%s'" % line)
		            expect(any("by=\"monitor\"" in a for a in t.alarms()), t.alarms())
		    except Ended:
		        expect(not goes_on, "'%s' ends the session" % line)
		    t.close()
		expect(not crashes(), crashes())
		can_log_in("quo")
	EOF
	assert_other_untouched
	[ "$(log_count 'quota-counted .*users')" -eq 0 ]
}

@test "the home of an account without the right to change is not changed by files either" {
	ALARM_EXPECTED=
	serve
	log_has ' walls .*landlock_abi=[1-9]' || skip "the kernel has no Landlock: SECURITY.md says what that means"
	add_user reader secret --read-only
	echo mine >"$DIR/home/reader/file"
	chown "$(stat -c %u:%g "$DIR/home/reader")" "$DIR/home/reader/file"
	taken <<-'EOF'
		t = Taken().login("reader")
		expect("openat: EACCES" in t.files('call openat -100 "/file 1'), "open for writing")
		expect("openat: EACCES" in t.files('call openat -100 "/new 0101 0600'), "create")
		expect("unlinkat: EACCES" in t.files('call unlinkat -100 "/file 0'), "remove")
		expect("linkat: E" in t.files('call linkat -100 "/file -100 "/second 0'), "a second name")
	EOF
}

@test "a bracket of the ledger that files never ends keeps no other session of the account from its login" {
	serve
	add_user quo secret --quota 10M
	LIMIT=90 taken <<-'EOF'
		t = Taken().login("quo")
		expect("begin: 0" in t.files("begin"), "the bracket")
		began = time.monotonic()
		other = Taken().login("quo")
		expect(time.monotonic() - began < 10, "the login took %.1f s" % (time.monotonic() - began))
		began = time.monotonic()
		other.socket.settimeout(60)
		other.send("MKD made")
		other.reply()
		expect(time.monotonic() - began < 30, "a change took %.1f s" % (time.monotonic() - began))
		can_log_in()
	EOF
}

@test "files locks all that it can: other sessions of its account and of others log in, change and upload, and counts end" {
	serve
	add_user quo secret --quota 10M
	add_user other secret --quota 10M
	LIMIT=90 taken <<-'EOF'
		from ftp import count
		Taken().login("quo").put("f", bytes(1000))
		t = Taken().login("quo")
		expect("locks: " in t.files("locks"), "the locks")
		for name in "quo", "other":
		    for i in range(2):
		        began = time.monotonic()
		        s = Taken().login(name)
		        s.put("g%d" % i, bytes(2000))
		        s.ask("MKD d%d" % i, 257)
		        took = time.monotonic() - began
		        expect(took < 2, "a session of %s took %.1f s" % (name, took))
	EOF
	began=$SECONDS
	run ctl quota recount
	assert_success
	[ $((SECONDS - began)) -lt 10 ]
	assert_line --regexp '^quo +5000 .* 5 '
	assert_line --regexp '^other +4000 .* 4 '
}

@test "files belittles its home to the ledger: with the alarm that ends the session the home is counted, and the quota holds" {
	serve
	add_user quo secret --quota 10M
	LIMIT=90 taken <<-'EOF'
		from ftp import used
		t = Taken().login("quo")
		t.put("f", bytes(6000000))
		expect("belittle: 0" in t.files("belittle 6000000"), "the figure")
		expect(used(t)[0][0] == 0, "no session checks what another one says of its home")
		channel = re.search(r"monitor: (\d+)", t.files("channels"))[1]
		try:
		    t.files("descriptors %s 100000" % channel)
		    wait_until(t.is_over, "the end")
		except Ended:
		    pass
		wait_until(lambda: any("message outside the table" in a for a in t.alarms()), "the alarm")
		wait_until(lambda: used(Taken().login("quo"))[0][0] == 6000000, "the count")
		Taken().login("quo").put("g", bytes(6000000), codes=(552,))
		can_log_in()
	EOF
}

@test "files sends the monitor no descriptors, and files that hang or go away harm their own session alone" {
	serve
	taken <<-'EOF'
		bob = Bystander()
		t = Taken().login()
		channel = re.search(r"monitor: (\d+)", t.files("channels"))[1]
		try:
		    t.files("descriptors %s 100000" % channel)
		    wait_until(t.is_over, "the end")
		except Ended:
		    pass
		wait_until(lambda: any("message outside the table" in a for a in t.alarms()), "the alarm")
		bob.works()
		can_log_in("alice")
	EOF
}

# --- the monitor, after the login ---

@test "the monitor has no files, no programs, no rights, and no process of another session" {
	serve
	taken <<-'EOF'
		bob = Bystander()
		master = str(SERVER_PID)
		others = [p for m in children(SERVER_PID) for p in children(m)]
		logger = [p for p in children(SERVER_PID) if not children(p)]
		CALLS = """open "/etc/passwd 0
		openat -100 "/etc/passwd 0
		openat2 -100 "/etc/passwd buf 24
		unlinkat -100 "a 0
		ftruncate 3 0
		socket 1 2 0
		socket 2 2 0
		socket 16 3 0
		socketpair 1 5 0 buf
		sendto 4 "hello 5 0x20000000 in:127.0.0.77:1 16
		fork
		clone 17 0 0 0 0
		execve "/bin/sh 0 0
		kill -1 9
		kill 0 9
		kill self 9
		kill self 15
		tgkill 1 1 9
		ptrace 16 1 0 0
		pidfd_open 1 0
		pidfd_getfd 3 0 0
		process_vm_readv 1 buf 1 buf 1 0
		setuid 0
		setresuid 0 0 0
		chroot "/
		mount "a "b "c 0 0
		unshare 0x10000000
		seccomp 0 0 0
		mmap 0 4096 5 34 -1 0
		mprotect buf 4096 5
		io_uring_setup 1 buf
		memfd_create "x 0""".split("\n")
		for pid in [master] + others + logger:
		    CALLS.append("kill %s 9" % pid)
		    CALLS.append("prlimit64 %s 1 buf 0" % pid)
		all_of(lambda call: stops("monitor", "call " + call.strip()), CALLS)
		bob.works()
		expect(not any(is_gone(pid) for pid in others + logger), "somebody was ended")
		can_log_in()
	EOF
}

@test "the monitor forges no line of the log" {
	serve
	taken <<-'EOF'
		t = Taken().login()
		t.monitor("forge")
		t.close()
		wait_until(t.is_over, "the end")
		expect(r"forged=\x22yes" in log(), "nothing was logged")
		expect(" login-failed " not in log(), "a failed login that was none")
		expect('violation="a record of the log that it must not write" by="login-failed of monitor"' in log(), "no alarm of the logger")
		for line in log().splitlines():
		    expect(re.match(r"\d{4}-\d\d-\d\dT[0-9:.]+Z sallyportd\[\d+\]: (debug|info|warning|error|critical) [a-z-]+ ", line), line)
		    expect("forged" not in re.sub(r'"(\\.|[^"\\])*"', '""', line), line)
	EOF
}

# --- messages ---

# Protocol sends every kind of message in every form, in every state of the session: the victim refuses it, or
# answers.

@test "no message of protocol, before the login, harms the monitor" {
	serve
	LIMIT=120 taken <<-'EOF'
		bob = Bystander()
		count = count_of(Taken().greet().act("message monitor count"))
		ended = sweep(lambda t, n: t.act("message monitor %d" % n), lambda: Taken().greet(), count)
		print("# %d messages, %d ended a session" % (count, ended))
		expect(ended > count / 2, "the messages did not arrive")
		expect(not crashes(), crashes())
		bob.works()
		can_log_in()
	EOF
}

@test "protocol logs in to no account of a server that the client could not name there" {
	ALARM_EXPECTED=
	write_config "log { target = \"$LOG\" level = \"debug\" }" 'limits { login-failures = 100 never-ban = "127.0.0.0/8" }'
	cat >>"$CONF" <<-END
		server "one.example" { address = "127.0.0.2" accounts = "$DIR/etc/one" }
		server "two.example" { accounts = "$DIR/etc/two" }
	END
	add_user bob secret
	add_user bob@one.example of-one --home "$DIR/home/one"
	add_user bob@two.example of-two --home "$DIR/home/two"
	start_hostile
	taken <<-'EOF'
		for line in ("bob of-one one.example", "bob of-two one.example", "bob of-one two.example", "bob secret two.example",
		        "bob of-two three.example", "bob@one.example of-one one.example", "bob@one.example of-one two.example",
		        "bob@one.example of-one x", "bob@two.example of-two two.example"):
		    expect("login: EACCES" in Taken().greet().act("login " + line), line)
		# what a client could have said with HOST
		expect("login: 0" in Taken().greet().act("login bob of-two two.example"), "the account of the server that was named")
		expect("login: 0" in Taken().greet().act("login bob secret one.example"), "the main server, at its address")
		wait_until(lambda: log().count(" info login ") == 2, "both logins in the log")
		names = [re.search(r'user="([^"]*)"', line)[1] for line in log().splitlines() if " info login " in line]
		expect(names == ["bob@two.example", "bob"], names)
	EOF
}

@test "no message of protocol, after the login, harms the monitor" {
	serve 'active-mode = yes'
	LIMIT=120 taken <<-'EOF'
		bob = Bystander()
		count = count_of(Taken().greet().act("message monitor count"))
		ended = sweep(lambda t, n: t.act("message monitor %d" % n), lambda: Taken().login(), count)
		print("# %d messages, %d ended a session" % (count, ended))
		expect(ended > count / 2, "the messages did not arrive")
		expect(not crashes(), crashes())
		bob.works()
		can_log_in()
	EOF
}

@test "no message of protocol harms files" {
	serve
	LIMIT=120 taken <<-'EOF'
		bob = Bystander()
		count = count_of(Taken().greet().act("message files count"))
		ended = sweep(lambda t, n: t.act("message files %d" % n), lambda: Taken().login(), count)
		print("# %d messages, %d ended a session" % (count, ended))
		expect(ended > count / 3, "the messages did not arrive")
		expect(not crashes(), crashes())
		bob.works()
		can_log_in()
	EOF
}

@test "no message of files harms the monitor" {
	printf '#!/bin/sh\n' >"$DIR/hook"
	chmod 755 "$DIR/hook"
	serve "on-upload = \"$DIR/hook\""
	add_user quo secret --quota 10M
	LIMIT=120 taken <<-'EOF'
		bob = Bystander()
		users = itertools.cycle(["quo", "alice"])
		count = count_of(Taken().login().files("message count"))
		for user in ("quo", "alice"):
		    ended = sweep(lambda t, n: t.files("message %d" % n), lambda: Taken().login(user), count)
		    print("# %d messages, %d ended a session" % (count, ended))
		    expect(ended > count / 3, "the messages did not arrive")
		expect(not crashes(), crashes())
		bob.works()
		can_log_in()
		can_log_in("quo")
	EOF
}

@test "no message of the monitor harms the master or the logger" {
	serve
	LIMIT=120 taken <<-'EOF'
		bob = Bystander()
		for what in ("message", "logmessage"):
		    t = Taken().login()
		    count = count_of(t.monitor(what + " count"))
		    t.close()
		    ended = sweep(lambda t, n: t.monitor("%s %d" % (what, n)), lambda: Taken().login(), count)
		    print("# %d messages, %d ended a session" % (count, ended))
		    expect(ended > count / 2 or what == "logmessage", "the messages did not arrive")
		expect(not crashes(), crashes())
		expect(not is_gone(SERVER_PID), "the master is gone")
		bob.works()
		can_log_in()
	EOF
}

# --- logger, metrics, hooks ---

# stops_in WHO HOW: the process WHO makes each of these calls by way of HOW; each ends it with an alarm. The master
# starts another one a second later, so these are few; tests/unit/test_sandbox.c has them all.
stops_in()
{
	WHO=$1 HOW=$2 taken <<-'EOF'
		import urllib.request
		who, how = os.environ["WHO"], os.environ["HOW"]
		t = Taken().login()
		t.ask("TYPE I", 200)
		service = Service()
		CALLS = """socket 1 2 0
		sendto 4 "hello 5 0x20000000 TARGET 16
		sendmsg 4 TARGET 0x20000000
		kill -1 9
		execve "sh 0 0
		pidfd_getfd 3 0 0
		mprotect buf 4096 5""".split("\n")
		if who != "hooks":    # whose root is the directory of its queue
		    CALLS.append('openat -100 "/etc/passwd 0')

		def alarms():
		    return [a for a in log().splitlines() if ": critical alarm " in a and ('died="%s"' % who in a and "stopped_at" in a)]

		def act(line):
		    if how == "http":
		        try:
		            urllib.request.urlopen(os.environ["PAGE"] + "TAKEOVER+" + line.replace(" ", "+"), timeout=10).read()
		        except (OSError, ValueError):
		            pass
		    elif how == "header":
		        # while there is no porter, it waits for the next one
		        with socket.create_connection((os.environ["NODE"], int(os.environ["NODE_PORT"])), 10) as sock:
		            sock.sendall(b"PROXY TAKEOVER " + line.encode() + b"\n")
		            try:
		                sock.recv(1000)
		            except ConnectionResetError:
		                pass
		    elif how == "noted":
		        Taken().login().act("noted 3 LOGGER-TAKEOVER " + line)
		    else:
		        t.put("TAKEOVER " + line, b"x")    # a name, so no line has a slash

		for n, call in enumerate(CALLS):
		    call = call.strip().replace("TARGET", service.target)
		    line = call if call.startswith("sendmsg") else "call " + call
		    act(line)
		    wait_until(lambda: len(alarms()) > n, "an alarm of %s for '%s'" % (who, line))
		    expect('stopped_at="%s"' % call.split()[0] in alarms()[-1], call, alarms()[-1])
		    # the master has started another one
		    time.sleep(0.05)
		service.expect_nobody()
		can_log_in()
	EOF
}

@test "metrics opens, dials, executes and signals nothing" {
	serve 'metrics-listen = "127.0.0.1:0"'
	wait_until log_has ' metrics .*message="served on '
	PAGE=$(sed -n 's/.* metrics .*message="served on \(http:[^"]*\)".*/\1/p' "$LOG" | tail -n 1)
	export PAGE
	stops_in metrics http
}

# serve_proxied [LINE...]: add a listener for a proxy, NODE_PORT.
serve_proxied()
{
	serve 'listen-proxied = {"127.0.0.2:0"}' 'proxy-from = {"127.0.0.1"}' "$@"
	NODE_PORT=$(sed -n 's/.* listening address=127\.0\.0\.2 .*port=\([0-9]*\).*/\1/p' "$LOG" | tail -n 1)
	PORT=$(sed -n 's/.* listening address=127\.0\.0\.1 .*port=\([0-9]*\).*/\1/p' "$LOG" | tail -n 1)
	export NODE=127.0.0.2 NODE_PORT
}

@test "the porter opens, dials, executes and signals nothing" {
	serve_proxied
	stops_in porter header
}

@test "a broker that its database takes over reads its own directory, dials its database, and no more" {
	[ -x "$TAKEOVER/sallyport-broker" ] || skip "this build has no sallyport-broker: libpq is not installed"
	ALARM_EXPECTED=
	install -d -g "$(id -g nobody)" -m 750 "$DIR/store"
	HERE=$BATS_TEST_DIRNAME PORT=0 HOST=$RELEASE/tests/helpers/broker_host BROKER=$TAKEOVER/sallyport-broker py <<-'EOF'
		import ctypes, os, pwd, re, socket, subprocess, time

		directory, line_file = os.environ["DIR"], os.environ["DIR"] + "/line"
		nobody = pwd.getpwnam("nobody")
		conf = directory + "/store/store.conf"
		here = os.environ["HERE"]
		version = open(here + "/../../VERSION").read().strip()

		class Broker:
		    def __enter__(self):
		        self.fake = subprocess.Popen([here + "/fake-postgres", "takeover", directory + "/port"],
		                                     env=dict(os.environ, LINE_FILE=line_file))
		        while not os.path.exists(directory + "/port"):
		            time.sleep(0.02)
		        self.port = open(directory + "/port").read()
		        os.unlink(directory + "/port")
		        with open(conf, "w") as file:
		            file.write('connect = "host=127.0.0.1 port=%s dbname=d user=u sslmode=disable"\n' % self.port)
		        os.chown(conf, 0, nobody.pw_gid)
		        os.chmod(conf, 0o640)
		        self.host = subprocess.Popen([os.environ["HOST"], os.environ["BROKER"], str(nobody.pw_uid), str(nobody.pw_gid),
		                                      version, conf], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
		        self.until("state up")
		        return self

		    def __exit__(self, *_):
		        self.host.stdin.close()
		        self.host.wait(10)
		        self.fake.kill()
		        self.fake.wait()

		    def until(self, *starts):
		        alarm = ""
		        for said in self.host.stdout:
		            if said.startswith("alarm "):
		                alarm = said.strip()
		            if (said.startswith(starts) and "closed" not in said) or said.startswith("gone"):
		                return alarm if said.startswith("gone") else said.strip()
		        raise AssertionError("broker_host has ended")

		    def obey(self, line):
		        with open(line_file, "w") as file:
		            file.write(line)
		        self.host.stdin.write("find t somebody\n")
		        return re.sub("^t .*text=", "", self.until("t "))

		ALARMS = """socket 2 2 0
		socket 16 3 0
		bind 3 in:127.0.0.1:0 16
		listen 3 1
		accept4 3 0 0 0
		socketpair 1 1 0 buf
		sendto 3 "hello 5 0x20000000 in:127.0.0.77:99 16
		execve "sh 0 0
		clone 17 0 0 0 0
		kill -1 9
		kill self 9
		ptrace 16 1 0 0
		pidfd_open 1 0
		mprotect buf 4096 5
		memfd_create "x 0
		openat -100 "/tmp/new 65 384
		openat -100 "/tmp 0x200000
		unlinkat -100 "/tmp/new 0
		setuid 0
		dup 3""".split("\n")
		for call in ALARMS:
		    with Broker() as broker:
		        answer = broker.obey("call " + call.strip())
		        assert answer == "alarm " + call.split()[0], (call, answer)

		abi = ctypes.CDLL(None).syscall(444, None, 0, 1)    # of Landlock
		has_landlock, knows_ports = abi > 0, abi >= 4
		other = socket.create_server(("127.0.0.77", 0))
		other.settimeout(0.5)
		with Broker() as broker:
		    assert re.match(r"openat: \d+;", broker.obey('call openat -100 "%s 0' % conf)), "its own file"
		    for path in "/etc/passwd", "/etc/shadow", directory + "/home", "/", "/proc/self/mem", directory:
		        answer = broker.obey('call openat -100 "%s 0' % path)
		        assert "EACCES" in answer or (path != "/etc/shadow" and not has_landlock), (path, answer)
		    # to its database again, and to nobody else
		    fd = re.search(r"\d+", broker.obey("call socket 2 1 0")).group()
		    answer = broker.obey("call connect %s in:127.0.0.77:%d 16" % (fd, other.getsockname()[1]))
		    if knows_ports:
		        assert "EACCES" in answer, answer
		        try:
		            other.accept()
		            raise AssertionError("it came to a service that it was not to reach")
		        except TimeoutError:
		            pass
		    answer = broker.obey("call connect %s in:127.0.0.1:%s 16" % (fd, broker.port))
		    assert "connect: 0" in answer, answer
	EOF
}

@test "a broker that is taken over has its role's functions: shares of its own node, room of any account, and no list of anything" {
	store_need
	store_start
	store_schema
	store_add 'alice:*:200000:200000:/srv/alice:quota=1000' 'bob:*:200001:200001:/srv/bob:max-sessions=1'
	store_psql -qc 'CREATE ROLE other_node LOGIN IN ROLE sallyport_node'
	local taken other a b alice bob share mine count table what
	taken=$(cat /proc/sys/kernel/random/uuid)
	other=$(cat /proc/sys/kernel/random/uuid)
	may() { store_psql -qF' ' -U sallyport_node -c "$1"; }
	beside() { store_psql -qF' ' -U other_node -c "$1"; }
	a=$(may "SELECT sallyport.node_hello('a', '$taken')")
	b=$(beside "SELECT sallyport.node_hello('b', '$other')")
	alice=$(store_psql -c "SELECT id FROM sallyport.account WHERE name = 'alice'")
	bob=$(store_psql -c "SELECT id FROM sallyport.account WHERE name = 'bob'")
	read -r share count < <(beside "SELECT o_share, o_count FROM sallyport.credit($alice, $b, '$other', 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)")
	[ "$(beside "SELECT sallyport.counted($alice, $b, '$other', $share, 2, 0, 0, 100, 1, $count)")" = t ]

	# tables, and the functions of an administrator
	for table in account node usage share ghost meta; do
		run may "SELECT * FROM sallyport.$table"
		assert_output --partial 'permission denied'
		run may "UPDATE sallyport.$table SET ctid = ctid"
		assert_failure
	done
	for what in "account_lines('', 10)" 'account_count()' "account_remove('alice')" "quota_show('alice')" 'node_list()' \
		"node_forget('b')" "share_bury($share)" "ledger_lock($alice)"; do
		run may "SELECT sallyport.$what"
		assert_failure
		assert_output --partial 'permission denied'
	done

	# shares of another node, and its name
	[ "$(may "SELECT o_outcome FROM sallyport.credit($alice, $b, '$other', $share, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0)")" = 3 ]
	[ "$(may "SELECT o_outcome FROM sallyport.credit($alice, $a, '$taken', $share, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0)")" = 3 ]
	[ "$(may "SELECT sallyport.share_close($alice, $b, '$other', $share, 3, 0, 0)")" = f ]
	[ "$(may "SELECT sallyport.counted($alice, $b, '$other', $share, 3, 0, 0, 0, 0, 1)")" = f ]
	[ "$(may "SELECT sallyport.share_sessions($alice, $b, '$other', $share, 9, 0)")" = f ]
	[ -z "$(may "SELECT sallyport.node_beat($b, '$other')")" ]
	[ -z "$(may "SELECT sallyport.node_hello('b', '$taken')")" ]

	# what it can do: borrow all that is free of any account, and take its sessions
	read -r what mine < <(may "SELECT o_allow_bytes, o_share FROM sallyport.credit($alice, $a, '$taken', 0, 1, 1, 0, 0, 0, 0, 900, 0, 0, 0)")
	[ "$what" = 900 ]
	[ "$(may "SELECT o_outcome FROM sallyport.credit($bob, $a, '$taken', 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)")" = 0 ]
	[ "$(beside "SELECT o_outcome FROM sallyport.credit($alice, $b, '$other', $share, 3, 1, 0, 0, 0, 0, 1, 0, 0, 0)")" = 2 ]
	[ "$(beside "SELECT o_outcome FROM sallyport.credit($bob, $b, '$other', 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)")" = 5 ]
	# more than there is makes nobody rich: nothing of the account is believed until it is counted
	[ "$(may "SELECT o_outcome FROM sallyport.credit($alice, $a, '$taken', $mine, 2, 1, 2000, 0, 2000, 0, 0, 0, 0, 0)")" = 3 ]
	[ "$(store_psql -c "SELECT is_counted FROM sallyport.usage WHERE account = $alice")" = f ]
	# an administrator ends it, and a count makes the figures right again
	[ "$(store_psql -U sallyport_admin -c "SELECT sallyport.node_forget('a')")" != '' ]
	beside 'SELECT sallyport.expire(100)'
	[ "$(beside "SELECT o_outcome FROM sallyport.credit($bob, $b, '$other', 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0)")" = 0 ]
	[ -z "$(may "SELECT sallyport.node_beat($a, '$taken')")" ]
	count=$(beside "SELECT o_count FROM sallyport.credit($alice, $b, '$other', $share, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0)")
	[ "$(beside "SELECT sallyport.counted($alice, $b, '$other', $share, 5, 0, 0, 100, 1, $count)")" = t ]
	[ "$(beside "SELECT o_outcome, o_allow_bytes FROM sallyport.credit($alice, $b, '$other', $share, 6, 1, 0, 0, 0, 0, 900, 0, 0, 0)")" = '0 900' ]
}

@test "messages that no porter sends end it, and not the server" {
	serve_proxied
	taken <<-'EOF'
		from proxied import Proxied, connect, rest, v2

		def tell(line):
		    """What a porter that is taken over reports; "" when it is ended for that."""
		    with connect() as sock:
		        sock.sendall(b"PROXY TAKEOVER " + line.encode() + b"\n")
		        sock.shutdown(socket.SHUT_WR)
		        return rest(sock).decode()

		count = int(tell("messages").split(";")[0])
		expect(count > 50, count)
		ended = 0
		for n in range(count):
		    if n % 4:    # each that ends the porter takes a second
		        continue
		    report = tell("message %d" % n)
		    died = log().count("porter died")
		    if died > ended:
		        ended = died
		        wait_until(lambda: tell("call getpid"), "another porter")
		expect(ended > 3, "endings", ended)
		# one message names no connection, the other one names a connection that has its verdict
		for number in (5, 1023, 4294967295):
		    died = log().count("porter died")
		    tell("claim %d" % number)
		    wait_until(lambda: log().count("porter died") > died, "the end of a porter that makes words up")
		    wait_until(lambda: tell("call getpid"), "another porter")
		Proxied(v2()).login().ask("QUIT", 221)
		can_log_in()
	EOF
}

# serve_with_broker: tests/helpers/fake_broker.c is in the broker's place, and does what STORE says. With CONNECT it is the
# broker itself, which connects to that.
serve_with_broker()
{
	make_broker_user
	STORE=$DIR/etc/store.conf
	export STORE
	install -d -m 755 "$DIR/libexec"
	install -m 755 "$TAKEOVER/tests/helpers/fake_broker" "$DIR/libexec/sallyport-broker"
	install -m 0640 -g "$BROKER" /dev/null "$STORE"
	if [ -n "${CONNECT-}" ]; then
		install -m 755 "$TAKEOVER/sallyport-broker" "$DIR/libexec/"
		echo "connect = \"$CONNECT\"" >"$STORE"
	fi
	write_config
	add_user alice secret --uid 150001 --gid 150001
	add_user bob secret --uid 150002 --gid 150002
	write_config "accounts = \"$DIR/etc/users,postgresql:$STORE\"" "broker-user = \"$BROKER\"" \
		"libexec-directory = \"$DIR/libexec\"" "home-directory = \"$DIR/home\"" 'uid-range = "200000-299999"' \
		"log { target = \"$LOG\" level = \"debug\" }" 'limits { sessions-per-user = 1000 sessions = 1000 }'
	start_hostile
	wait_until log_has ' store-up '
}

@test "messages that no broker sends end it, and not the server" {
	serve_with_broker
	taken <<-'EOF'
		STORE = os.environ["STORE"]
		rounds = iter(range(1000))

		def say(text):
		    with open(STORE, "w") as file:
		        file.write("%s\n# %d\n" % (text, next(rounds)))    # another text is a change

		def died():
		    return len(re.findall("broker died", log()))

		def said(number):
		    return re.search("store-up .*message %d of " % number, log())

		def another_broker(former):
		    say("state up")
		    wait_until(lambda: len(re.findall("store-up .*the test says so", log())) > former, "another broker")

		say("message 100000")
		wait_until(lambda: said(100000), "the number of messages")
		count = int(re.search("message 100000 of (\\d+)", log()).group(1))
		expect(count > 60, count)
		ended = 0
		for n in range(0, count, 5):    # each that ends the broker takes a second
		    before, ups = died(), len(re.findall("store-up .*the test says so", log()))
		    say("message %d" % n)
		    wait_until(lambda: said(n) or died() > before, "message %d" % n)
		    if died() > before or not said(n):
		        ended += 1
		        another_broker(ups)
		expect(ended > 3, "endings", ended)
		can_log_in()
	EOF
}

@test "a broker that is taken over names no home and no user of others" {
	ALARM_EXPECTED=
	serve_with_broker
	hash=$(openssl passwd -6 secret)
	install -d -o 200001 -g 200001 "$DIR/home/dora"
	# the account of the users file, with another password
	echo "account alice alice:$hash:200001:200001:$DIR/home/dora:" >"$STORE"
	ftp_open
	ftp 'USER alice' 331
	ftp 'PASS wrong' 530
	for line in 0:0:/ 0:0:/root 150001:150001:$DIR/home/alice 200001:200001:/etc 200001:200001:$DIR/home/alice \
		150001:200001:$DIR/home/alice "$(id -u sallyport):200001:$DIR/home/dora" 200001:200001:$DIR/state; do
		echo "account dora dora:$hash:$line:" >"$STORE"
		ftp_close
		ftp_open
		ftp 'USER dora' 331
		ftp 'PASS secret' 530
	done
	# what it can do: log in as an account of the database
	echo "account dora dora:$hash:200001:200001:$DIR/home/dora:" >"$STORE"
	ftp_close
	ftp_login dora secret
	ftp 'CWD /../alice' 550
	ftp_close
	assert_equal "$(log_count ' login .*user="dora"')" 1
}

@test "a monitor that is taken over before the login gets one account for each attempt, and as many as login-failures" {
	[ -x "$TAKEOVER/sallyport-broker" ] || skip "this build has no sallyport-broker: libpq is not installed"
	# this database has every name
	"$BATS_TEST_DIRNAME/fake-postgres" honest "$DIR/port" 3>&- &
	FAKE_PID=$!
	wait_until [ -s "$DIR/port" ]
	CONNECT="host=127.0.0.1 port=$(cat "$DIR/port") dbname=d user=u sslmode=disable" serve_with_broker
	taken <<-'EOF'
		def harvest(t):
		    try:
		        t.act("noted 3 TAKEOVER harvest 60")
		    except Ended:
		        pass    # killed before the reply
		    wait_until(t.is_over, "the end")

		t = Taken().greet()
		harvest(t)
		# alarms have a channel of their own, and may come first
		wait_until(lambda: t.reports() and "lines: 5; channels: 5;" in t.reports()[-1], "the fifth line")
		expect(any("more attempts than limits.login-failures" in a for a in t.alarms()), t.alarms())
		# after the login nobody gives it another channel, and that of the login has its one answer
		t = Taken().login()
		harvest(t)
		expect(not any("lines: 0" not in line for line in t.reports()), *t.reports())
		can_log_in()
	EOF
}

@test "the logger opens, dials, executes and signals nothing; what it writes is what it has open" {
	serve
	stops_in logger noted
}

@test "hooks dials, executes and signals nothing, and opens nothing outside its queue" {
	printf '#!/bin/sh\n' >"$DIR/hook"
	chmod 755 "$DIR/hook"
	serve "on-upload = \"$DIR/hook\""
	taken <<-'EOF'
		t = Taken().login()
		t.put("TAKEOVER call openat -100 up 0", b"x")
		wait_until(lambda: 'takeover="openat: ENOENT; "' in log(), "the report of hooks")
	EOF
	stops_in hooks upload
}

# --- the board ---

@test "a session maps its own page of the board alone, and metrics cannot write to what it maps" {
	serve 'metrics-listen = "127.0.0.1:0"'
	wait_until log_has ' metrics .*message="served on '
	PAGE=$(sed -n 's/.* metrics .*message="served on \(http:[^"]*\)".*/\1/p' "$LOG" | tail -n 1)
	export PAGE
	taken <<-'EOF'
		import urllib.request

		def shared(pid, rights):
		    """Addresses and sizes of what a process maps shared with these rights."""
		    with open("/proc/%d/maps" % pid) as file:
		        rows = [line.split() for line in file]
		    pairs = [[int(x, 16) for x in row[0].split("-")] for row in rows if row[1] == rights and "memfd" in " ".join(row)]
		    return [(begin, end - begin) for begin, end in pairs]

		metrics = next(p for p in children(SERVER_PID) if shared(p, "r--s"))
		t = Taken().login()
		monitor = next(p for p in children(SERVER_PID) if children(p))
		uid = str(os.stat(HOME_DIR + "/alice").st_uid)
		walled = lambda: [p for p in children(monitor) if status(p, "Uid").split()[0] == uid]
		wait_until(walled, "files behind its walls")
		files = walled()[0]
		protocol = next(p for p in children(monitor) if p != files)
		for pid in (monitor, protocol):
		    expect([size for _, size in shared(pid, "rw-s")] == [4096], pid, shared(pid, "rw-s"))
		expect(not shared(files, "rw-s"), "files has a page of the board")
		for n, (begin, _) in enumerate(shared(metrics, "r--s")[:2]):
		    try:
		        urllib.request.urlopen(os.environ["PAGE"] + "TAKEOVER+store+%x" % begin, timeout=10).read()
		        raise AssertionError("metrics has written to the board")
		    except OSError:
		        pass
		    wait_until(lambda: log().count("metrics died (status 11)") > n, "the end of a metrics process that writes")
		    wait_until(lambda: any(shared(p, "r--s") for p in children(SERVER_PID)), "another one")
		can_log_in()
	EOF
}
