#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# on-upload: the server runs a program for each finished upload, and no session waits for it.

load lib

setup()
{
	new_place
	mkdir "$DIR/out"
	chown sallyport "$DIR/out"
}

teardown()
{
	data_close
	end_place
}

# hook_program <TEXT: the program that on-upload runs. OUT is a directory that it may write to.
hook_program()
{
	{
		printf '#!/bin/sh\nOUT=%s\n' "$DIR/out"
		cat
	} >"$DIR/hook"
	chmod 755 "$DIR/hook"
}

serve()
{
	write_config "on-upload = \"$DIR/hook\"" "$@"
	add_user alice secret
	start_server
}

upload()
{
	curl -sS --fail -T "$1" "$(url alice:secret "$2")"
}

queued()
{
	find "$DIR/state/hooks" -type f -name '*.*' | wc -l
}

queue_has()
{
	[ "$(queued)" -eq "$1" ]
}

# The hooks process is the child of the master that has the queue as its root.
hooks_pid()
{
	local pid
	for pid in $(children_of "$SERVER_PID"); do
		[ "$(readlink "/proc/$pid/root")" != "$DIR/state/hooks" ] || echo "$pid"
	done
}

has_hooks()
{
	[ -n "$(hooks_pid)" ]
}

is_renewed()
{
	has_hooks && [ "$(hooks_pid)" != "$1" ]
}

@test "the program is told of path, user, size and hash, by an unprivileged process" {
	hook_program <<-'HOOK'
		env | sort >"$OUT/environment.new"
		id -u >"$OUT/uid"
		ls -l /proc/self/fd >"$OUT/descriptors"
		cat >"$OUT/input"
		mv "$OUT/environment.new" "$OUT/environment"
	HOOK
	serve
	printf 'some content' >"$DIR/file"
	mkdir "$DIR/home/alice/a b"
	chown "$(stat -c %u:%g "$DIR/home/alice")" "$DIR/home/alice/a b"
	upload "$DIR/file" "a%20b/fi%27le"
	wait_until [ -e "$DIR/out/environment" ]
	run cat "$DIR/out/environment"
	assert_line "SALLYPORT_PATH=$DIR/home/alice/a b/fi'le"
	assert_line "SALLYPORT_CLIENT_PATH=/a b/fi'le"
	assert_line "SALLYPORT_HOME=$DIR/home/alice"
	assert_line "SALLYPORT_USER=alice"
	assert_line "SALLYPORT_SIZE=12"
	assert_line "SALLYPORT_HASH=$(sha256sum <"$DIR/file" | cut -d' ' -f1)"
	assert_line "SALLYPORT_ADDRESS=127.0.0.1"
	assert_line "SALLYPORT_ATTEMPT=1"
	assert_line --regexp '^SALLYPORT_TIME=20[0-9-]+T[0-9:]+Z$'
	assert_line --regexp '^SALLYPORT_SESSION=[0-9a-f]{16}$'
	assert_equal "$(cat "$DIR/out/uid")" "$(id -u sallyport)"
	assert_equal "$(cat "$DIR/out/input")" ""
	refute grep -q -e socket -e state "$DIR/out/descriptors"
	wait_until log_has " info hook session=[0-9a-f]{16} address=127.0.0.1 process=hooks user=\"alice\" path=\"/a b/fi'le\" attempt=1 milliseconds=[0-9]+ status=0"
	wait_until queue_has 0
}

@test "appended, unique and resumed uploads count, broken ones and copies do not" {
	hook_program <<-'HOOK'
		echo "$SALLYPORT_CLIENT_PATH $SALLYPORT_SIZE $SALLYPORT_HASH" >>"$OUT/seen"
	HOOK
	serve
	ftp_login alice secret
	ftp 'TYPE I' 200
	ftp_passive
	ftp 'STOR one' 150
	printf 12 >&"$DATA"
	data_close
	ftp_reply
	ftp_passive
	ftp 'APPE one' 150
	printf 345 >&"$DATA"
	data_close
	ftp_reply
	ftp_passive
	ftp 'STOU one' 150
	printf x >&"$DATA"
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
	ftp 'MKD below' 257
	ftp_passive
	ftp 'STOU below/one' 150
	printf y >&"$DATA"
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
	ftp_passive
	ftp 'STOR broken' 150
	printf 12345 >&"$DATA"
	ftp_send ABOR
	ftp_reply
	assert_equal "$REPLY" 426
	data_close
	ftp_close
	seen_all()
	{
		[ "$(wc -l <"$DIR/out/seen")" -ge 4 ]
	}
	wait_until seen_all
	wait_until queue_has 0
	wait_until no_session
	run cat "$DIR/out/seen"
	assert_line --index 0 "/one 2 $(printf 12 | sha256sum | cut -d' ' -f1)"
	assert_line --index 1 "/one 5 $(printf 12345 | sha256sum | cut -d' ' -f1)"
	assert_line --index 2 "/one.1 1 $(printf x | sha256sum | cut -d' ' -f1)"
	assert_line --index 3 "/below/one 1 $(printf y | sha256sum | cut -d' ' -f1)"
	assert_equal "${#lines[@]}" 4
}

@test "a large file is hashed although its client has gone" {
	hook_program <<-'HOOK'
		echo "$SALLYPORT_SIZE $SALLYPORT_HASH" >"$OUT/seen"
	HOOK
	serve 'upload-sync = no'
	head -c 100M /dev/zero | tr '\0' x >"$DIR/file"
	upload "$DIR/file" large
	wait_until [ -s "$DIR/out/seen" ]
	assert_equal "$(cat "$DIR/out/seen")" "104857600 $(sha256sum <"$DIR/file" | cut -d' ' -f1)"
}

@test "an upload is told of although protocol is killed while it waits for the next answer" {
	hook_program <<-'HOOK'
		echo "$SALLYPORT_SIZE $SALLYPORT_CLIENT_PATH" >"$OUT/seen"
	HOOK
	serve 'upload-sync = no'
	ALARM_EXPECTED=1
	truncate -s 1T "$DIR/home/alice/huge"
	chown --reference="$DIR/home/alice" "$DIR/home/alice/huge"
	py <<-'EOF'
		import glob

		def is_of_alice(pid):
		    return status(pid, "Uid").split()[0] == str(os.stat(HOME_DIR).st_uid)

		def sessions():
		    """Monitors with their files process, once that is behind its walls."""
		    return [(m, p) for m in children(int(os.environ["SERVER_PID"])) for p in children(m) if is_of_alice(p)]

		c = Control().login()
		wait_until(sessions, "files behind its walls")
		[(monitor, files)] = sessions()
		protocol = next(p for p in children(monitor) if p != files)
		with c.connect() as data:
		    c.send("STOR large")
		    c.send("HASH huge")    # a request waits, so that the upload is not hashed yet
		    c.expect(150)
		    data.sendall(b"x" * (128 << 20))
		c.expect(226)
		wait_until(lambda: any(os.path.realpath(fd).endswith("/huge") for fd in glob.glob("/proc/%d/fd/*" % files)), "the next hash")
		os.kill(protocol, signal.SIGKILL)
	EOF
	wait_until [ -s "$DIR/out/seen" ]
	assert_equal "$(cat "$DIR/out/seen")" "$((128 << 20)) /large"
}

@test "a program that fails is run again, and what it printed is logged" {
	hook_program <<-'HOOK'
		[ "$SALLYPORT_ATTEMPT" -gt 1 ] || { echo 'not "today"' >&2; exit 3; }
		echo "$SALLYPORT_ATTEMPT" >"$OUT/attempt"
	HOOK
	serve
	echo content >"$DIR/file"
	upload "$DIR/file" file
	wait_until log_has ' warning hook-failed .* path="/file" attempt=1 milliseconds=[0-9]+ status=3 output="not \\x22today\\x22" retry_milliseconds=1000'
	wait_until [ -s "$DIR/out/attempt" ]
	assert_equal "$(cat "$DIR/out/attempt")" 2
	wait_until queue_has 0
}

@test "a program that hangs is killed with its children, and given up at last" {
	hook_program <<-'HOOK'
		sleep 1000 &
		echo $! >"$OUT/child"
		trap '' TERM
		wait
	HOOK
	serve 'hook-timeout = 3' 'hook-tries = 1'
	echo content >"$DIR/file"
	upload "$DIR/file" file
	wait_until log_has ' error hook-given-up .* attempt=1 milliseconds=[0-9]+ reason="killed after hook-timeout"'
	wait_until is_gone "$(cat "$DIR/out/child")"
	wait_until queue_has 0
}

@test "a program that cannot be run is told as such" {
	hook_program <<<'exit 0'
	serve
	rm "$DIR/hook"
	echo content >"$DIR/file"
	upload "$DIR/file" file
	wait_until log_has ' warning hook-failed .* reason="No such file or directory"'
	assert queue_has 1
}

@test "sessions do not wait: a hook that hangs and a queue that is full cost a line of the log" {
	local i
	hook_program <<<'sleep 1000'
	serve 'hook-queue = 2'
	echo content >"$DIR/file"
	for i in 1 2 3 4; do
		timeout 5 curl -sS --fail -T "$DIR/file" "$(url alice:secret "file$i")"
	done
	wait_until log_has ' warning hook-dropped .* path="/file3" reason="the queue is full \(hook-queue\)"'
	wait_until log_has ' warning hook-dropped .* path="/file4" '
	assert queue_has 2
	assert_equal "$(find "$DIR/home/alice" -name 'file?' | wc -l)" 4
}

@test "the queue survives a restart and kill -9, in its order" {
	local pid
	hook_program <<-'HOOK'
		[ -e "$OUT/go" ] || exec sleep 1000
		echo "$SALLYPORT_CLIENT_PATH" >>"$OUT/seen"
	HOOK
	serve
	echo content >"$DIR/file"
	upload "$DIR/file" first
	upload "$DIR/file" second
	wait_until queue_has 2
	pid=$(hooks_pid)
	kill -KILL "$pid"
	ALARM_EXPECTED=1
	wait_until log_has ' critical alarm .*hooks died'
	wait_until is_renewed "$pid"
	upload "$DIR/file" third
	wait_until queue_has 3
	stop_server KILL
	wait_until queue_has 3
	touch "$DIR/out/go"
	: >"$LOG"
	start_server
	wait_until queue_has 0
	assert_equal "$(cat "$DIR/out/seen")" "$(printf '/first\n/second\n/third')"
}

@test "a reload changes the program, or takes it away" {
	hook_program <<<'touch "$OUT/one"'
	serve
	cp "$DIR/hook" "$DIR/other"
	sed -i 's,/one,/two,' "$DIR/other"
	sed -i "s,^on-upload.*,on-upload = \"$DIR/other\"," "$CONF"
	kill -HUP "$SERVER_PID"
	wait_until log_has ' info reload .*configuration in force'
	wait_until has_hooks
	echo content >"$DIR/file"
	upload "$DIR/file" file
	wait_until [ -e "$DIR/out/two" ]
	assert_not_exists "$DIR/out/one"
	sed -i "s,^on-upload.*,on-upload = \"$DIR/none\"," "$CONF"
	kill -HUP "$SERVER_PID"
	wait_until log_has " error reload-refused .*$CONF:1: on-upload: '$DIR/none': No such file or directory"
	sed -i '/^on-upload/d' "$CONF"
	kill -HUP "$SERVER_PID"
	gone()
	{
		! has_hooks
	}
	wait_until gone
	upload "$DIR/file" file
	refute log_has ' critical '
}

@test "another hook-user takes over what waits" {
	hook_program <<-'HOOK'
		[ "$(id -un)" = nobody ] || exit 1
		echo "$SALLYPORT_CLIENT_PATH" >>"$OUT/seen"
	HOOK
	chmod 777 "$DIR/out"
	serve
	echo content >"$DIR/file"
	upload "$DIR/file" file
	wait_until log_has ' warning hook-failed '
	sed -i '1i hook-user = "nobody"' "$CONF"
	kill -HUP "$SERVER_PID"
	wait_until [ -e "$DIR/out/seen" ]
	assert_equal "$(cat "$DIR/out/seen")" /file
	assert_equal "$(stat -c %U "$DIR/state/hooks")" nobody
	wait_until queue_has 0
}

@test "the walls of the hooks process and of what it runs" {
	skip_if_asan "sanitizers need more calls"
	local pid launcher
	hook_program <<-'HOOK'
		cat /proc/self/status >"$OUT/status.new"
		unshare -Ur true 2>"$OUT/unshare" && echo unshared >"$OUT/unshare"
		mv "$OUT/status.new" "$OUT/status"
	HOOK
	serve
	wait_until has_hooks
	pid=$(hooks_pid)
	launcher=$(children_of "$pid" | tr -d ' ')
	for p in "$pid" "$launcher"; do
		assert_equal "$(status_of "$p" Uid)" "$(id -u sallyport | sed 's/.*/& & & &/')"
		assert_equal "$(status_of "$p" Groups)" "$(id -g sallyport)"
		assert_equal "$(status_of "$p" CapEff)" 0000000000000000
		assert_equal "$(status_of "$p" Seccomp)" 2
		assert_equal "$(status_of "$p" NoNewPrivs)" 1
	done
	assert_equal "$(stat -c '%U %a' "$DIR/state/hooks")" "sallyport 700"
	run bash -c "readlink /proc/$launcher/fd/* | grep -v -e '^/dev/null' -e ^socket:"
	assert_output ""
	echo content >"$DIR/file"
	upload "$DIR/file" file
	wait_until [ -e "$DIR/out/status" ]
	assert_equal "$(sed -n 's/^NoNewPrivs:[[:blank:]]*//p' "$DIR/out/status")" 1
	run cat "$DIR/out/unshare"
	refute_output unshared
	assert_output --partial "Operation not permitted"
}

@test "a program that is missing, or open to others, is refused by the check" {
	write_config "on-upload = \"$DIR/none\""
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_failure 1
	assert_output "sallyportd: $CONF:1: on-upload: '$DIR/none': No such file or directory"
	hook_program <<<'exit 0'
	chmod 777 "$DIR/hook"
	write_config "on-upload = \"$DIR/hook\""
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_failure 1
	assert_output "sallyportd: $CONF:1: on-upload: '$DIR/hook' can be changed by others than its owner; chmod go-w it"
	write_config "on-upload = \"$DIR/hook\"" 'hook-user = "nobody-of-this-name"'
	chmod 755 "$DIR/hook"
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_failure 1
	assert_output --regexp "^sallyportd: $CONF:2: hook-user: user 'nobody-of-this-name' does not exist; create it with 'useradd "
}
