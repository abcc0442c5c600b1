# SPDX-License-Identifier: ISC
# sallyportd -t and sallyportctl config check print one report, with the same findings.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	new_place
	write_config
	add_user alice secret
}

teardown()
{
	[ -n "${DIR-}" ] || return 0
	if mountpoint -q "$DIR/home/rita"; then
		stop_server INT || :
		umount -l "$DIR/home/rita"
	fi
	end_place
}

# Both programs print the same findings, but for their own name. Sets output, lines and status.
check()
{
	local by_ctl status_of_ctl=0
	by_ctl=$(ctl config check 2>&1) || status_of_ctl=$?
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_equal "$status" "$status_of_ctl"
	assert_equal "${output//sallyportd: /}" "$by_ctl"
}

# users_line LINE: add an account.
users_line()
{
	printf '%s\n' "$1" >>"$DIR/etc/users"
}

# A program that mounts a file system of the type GlusterFS, which no process serves.
write_mount_program()
{
	cat >"$DIR/mount" <<-'END'
		import ctypes, os, sys
		fuse = os.open("/dev/fuse", os.O_RDWR)
		sys.exit(ctypes.CDLL(None).mount(b"server:/\33volume", sys.argv[1].encode(), b"fuse.glusterfs", 0,
		    b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fuse) != 0)
	END
}

@test "a good configuration is good for both" {
	check
	assert_success
	assert_line "$CONF: good"
}

@test "both say that passwords go in clear, where there is no certificate" {
	check
	assert_success
	assert_line "$CONF: tls.certificate: none; passwords and files cross the network in clear"
	run ctl --json config check
	assert_output --partial '"tls": false'
	write_config "tls { certificate = \"$DIR/etc/cert\" key = \"$DIR/etc/key\" }"
	(umask 077 && ctl cert self-signed --name localhost)
	check
	assert_success
	refute_output --partial 'tls.certificate'
	run ctl --json config check
	assert_output --partial '"tls": true'
}

@test "both warn of a log file whose directory is missing, without which the server does not start" {
	write_config "log { target = \"$DIR/none/log\" xferlog = \"$DIR/xfer\" }"
	check
	assert_success
	assert_line --regexp "^(sallyportd: )?$CONF:[0-9]+: log.target: directory '$DIR/none' is missing.* \(warning\)$"
	refute_output --partial log.xferlog
	run timeout 20 "$BUILD/sallyportd" -c "$CONF" 3>&-
	assert_failure
	mkdir "$DIR/none"
	check
	refute_output --partial missing
}

@test "both warn once of a mount whose options are no good for the homes on it" {
	mkdir "$DIR/shared"
	users_line "bob:*:200010:200010:$DIR/shared/bob:"
	users_line "carl:*:200011:200011:$DIR/shared/carl:"
	write_mount_program
	unshare --mount python3 "$DIR/mount" "$DIR/shared" || skip "a file system of FUSE cannot be mounted here"
	run unshare --mount sh -c 'python3 "$0/mount" "$0/shared" && "$1" -t -c "$2"' "$DIR" "$BUILD/sallyportd" "$CONF"
	assert_success
	assert_line --regexp "users:2: home '$DIR/shared/bob' is on fuse.glusterfs, server:/[\\]x1[Bb]volume: .*entry-timeout=0"
	refute_output --partial "shared/carl' is on"
	check
	assert_success
	refute_output --partial ' is on '
}

@test "the start says so in the event walls, of a home that is there" {
	mkdir "$DIR/shared" "$DIR/within"
	users_line "bob:*:200010:200010:$DIR/shared/bob:"
	write_mount_program
	unshare --mount python3 "$DIR/mount" "$DIR/shared" || skip "a file system of FUSE cannot be mounted here"
	cat >"$DIR/within/sallyportd" <<-END
		#!/bin/sh
		exec unshare --mount sh -c 'python3 "\$0/mount" "\$0/shared" && exec "\$@"' "$DIR" "$BUILD/sallyportd" "\$@"
	END
	chmod +x "$DIR/within/sallyportd"
	BUILD=$DIR/within start_server
	wait_until log_has " walls .*storage=\"home '$DIR/shared/bob' is on fuse.glusterfs, server:/.*volume: .*entry-timeout=0"
}

@test "both find a hash that crypt(3) does not know, and repeat no password" {
	users_line "bob:MySecret:200001:200001:$DIR/home/bob:"
	# shellcheck disable=SC2016 # no variables
	users_line 'carl:$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub:200002:200002:/home/carl:'
	users_line "dora:*:200003:200003:$DIR/home/dora:"
	users_line "emil:!:200004:200004:$DIR/home/emil:"
	check
	assert_line --regexp "etc/users:2: password of 'bob': this is no hash of crypt\(3\), but plain text .*yescrypt"
	assert_line --regexp "etc/users:3: password of 'carl': argon2 is no method of crypt\(3\)"
	refute_output --partial MySecret
	refute_output --partial dora
	refute_output --partial emil
}

@test "both name a byte order mark, and a value with blanks that has no quotes" {
	cp "$CONF" "$DIR/plain"
	{ printf '\357\273\277' && cat "$DIR/plain"; } >"$CONF"
	check
	assert_failure
	assert_line --partial "$CONF:1: the file begins with a byte order mark"
	{ echo 'banner = Welcome to all' && cat "$DIR/plain"; } >"$CONF"
	check
	assert_failure
	assert_line --partial "$CONF:1: banner: a word after the value; put a value with blanks in quotes"
	cp "$DIR/plain" "$CONF"
	{ printf '\357\273\277' && cat "$DIR/etc/users"; } >"$DIR/users" && cat "$DIR/users" >"$DIR/etc/users"
	check
	assert_failure
	assert_line --partial "etc/users:1: the file begins with a byte order mark"
}

@test "both try the walls" {
	command -v setpriv >/dev/null || skip "setpriv is not installed"
	for program in "$BUILD/sallyportd -t -c $CONF" "$BUILD/sallyportctl -c $CONF config check"; do
		# shellcheck disable=SC2086 # words
		run setpriv --bounding-set=-sys_chroot,-setuid $program
		assert_failure 1
		assert_line --regexp 'capabilities are missing: CAP_SYS_CHROOT .*, CAP_SETUID .*--cap-add SYS_CHROOT --cap-add SETUID;'
	done
	if unshare --user --map-root-user true 2>/dev/null; then
		chmod -R a+rX "$DIR"
		run unshare --user --map-root-user "$BUILD/sallyportd" -t -c "$CONF"
		assert_failure 1
		assert_line --partial 'cannot be built: setgroups: Operation not permitted; CAP_SETGID is present'
	fi
}

@test "both refuse a place that stops the start since it is no directory, or in none" {
	local value
	: >"$DIR/file"
	for value in "runtime-directory = \"$DIR/file\"" "state-directory = \"$DIR/file/state\"" \
		"log { target = \"$DIR/file/log\" }" "log { target = \"syslog\" xferlog = \"$DIR/file/log\" }"; do
		write_config "$value"
		run "$BUILD/sallyportd" -t -c "$CONF"
		assert_failure 1
		assert_line --regexp "^sallyportd: $CONF:1: [a-z.-]+: '$DIR/file[a-z/]*': Not a directory\$"
		run ctl config check
		assert_failure 1
		assert_line --regexp ": '$DIR/file[a-z/]*': Not a directory\$"
		run timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
		assert_failure 1
	done
	# what the start creates may be missing
	write_config
	rm -rf "$DIR/run" "$DIR/state"
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_success
}

@test "an ordinary user reads what was not tried" {
	cp "$BUILD/sallyportd" "$DIR/sallyportd"
	run -0 setpriv --reuid nobody --regid nogroup --clear-groups "$DIR/sallyportd" -t -c "$CONF"
	assert_line --partial "'$DIR/etc/users' was not read, because that needs root"
	assert_line --partial 'the walls of sessions were not tried, because that needs root'
	assert_line "$CONF: good"
}

@test "a home below a place that the unit hides or makes read-only is explained at the login" {
	add_user tim secret
	add_user rita secret
	rm -r "$DIR/home/tim"
	INVOCATION_ID=1 start_server
	ftp_open
	ftp 'USER tim' 331
	ftp 'PASS secret' 530
	ftp_close
	wait_until log_has ' login-failed .*reason="home does not exist; PrivateTmp= of the unit'
	mount --bind "$DIR/home/rita" "$DIR/home/rita" 2>/dev/null || skip "a mount is not permitted here"
	mount -o remount,bind,ro "$DIR/home/rita"
	ftp_login rita secret
	ftp_close
	wait_until log_has " warning login .*user=\"rita\" message=\"nothing in the home '$DIR/home/rita' can be changed: "
}

@test "the example of a hook in docs/OPERATIONS.md works as it is printed" {
	local manual=$BATS_TEST_DIRNAME/../../docs/OPERATIONS.md
	sed -n '/^## Hooks/,/^## /s/^    //p' "$manual" >"$DIR/example"
	grep '^on-upload = ' "$DIR/example" | sed "s|/usr/local/bin|$DIR/bin|" >"$DIR/line"
	mkdir "$DIR/bin"
	grep -v '^on-upload = ' "$DIR/example" | sed "s|/usr/local/bin|$DIR/bin|; s|/var/lib|$DIR|" >"$DIR/steps"
	sh -eu "$DIR/steps"
	write_config "$(cat "$DIR/line")"
	start_server
	curl -sS -T "$CONF" "$(url alice:secret file)"
	wait_until grep -q "^alice .*/home/alice/file$" "$DIR/uploads/list"
}
