#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# make STATIC=1: the server's two programs without shared libraries.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	# quick to compile: what it is compiled to is tested by all other files
	CFLAGS=-O1 timeout 600 make -C "$BATS_TEST_DIRNAME/../.." -j2 STATIC=1 WERROR=1 \
		build/static/sallyportd build/static/sallyportctl >"$BATS_FILE_TMPDIR/make" 2>&1 ||
		{ tail -n 20 "$BATS_FILE_TMPDIR/make" && return 1; }
}

setup()
{
	skip_if_asan "a sanitizer is a shared library"
	new_place
	BUILD=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build/static
}

teardown()
{
	end_place
}

@test "static: neither program needs a shared library or a loader" {
	for program in sallyportd sallyportctl; do
		run -0 readelf -dl "$BUILD/$program"
		refute_output --regexp 'NEEDED|INTERP'
		assert_output --partial GNU_RELRO
		run -0 "$BUILD/$program" -V
		assert_output --partial sallyport
	done
}

@test "static: an empty root directory is enough for the configuration to be checked" {
	mkdir "$DIR/root"
	cp "$BUILD/sallyportd" "$DIR/root/"
	run chroot "$DIR/root" /sallyportd -t -c /conf
	assert_equal "$status" 1
	assert_output --partial '/conf: cannot open: No such file or directory'
}

@test "static: files go up and down over TLS" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
		-keyout "$DIR/etc/key" -out "$DIR/etc/cert" 2>/dev/null
	write_config "tls { certificate = \"$DIR/etc/cert\" key = \"$DIR/etc/key\" require = yes }"
	add_user alice secret --quota 1M
	start_server
	head -c 300000 /dev/urandom >"$DIR/f"
	run -0 curl -sS --ssl-reqd --cacert "$DIR/etc/cert" --connect-to "localhost:$PORT:127.0.0.1:$PORT" -u alice:secret \
		-T "$DIR/f" "ftp://localhost:$PORT/f"
	run -0 curl -sS --ssl-reqd --cacert "$DIR/etc/cert" --connect-to "localhost:$PORT:127.0.0.1:$PORT" -u alice:secret \
		-o "$DIR/g" "ftp://localhost:$PORT/f"
	assert cmp "$DIR/f" "$DIR/g"
	run curl -sS -u alice:secret "ftp://127.0.0.1:$PORT/f"
	assert_failure
	run -0 ctl user show alice
	assert_output --partial alice
}

@test "static: a name that is looked up comes from hosts(5)" {
	write_config 'passive-address = "localhost"'
	add_user alice secret
	start_server
	ftp_login alice secret
	ftp PASV 227
	case $REPLY_TEXT in *'(127,0,0,1,'*) ;; *) echo "$REPLY_TEXT"; return 1 ;; esac
	ftp QUIT 221
	ftp_close
}

@test "static: PAM is refused by name" {
	write_config "accounts = \"$DIR/etc/users,pam:sallyport\""
	run -1 "$BUILD/sallyportd" -t -c "$CONF"
	assert_output --partial 'this program was built without PAM'
}
