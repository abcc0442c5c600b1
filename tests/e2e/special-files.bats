#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The server and sallyportctl, as root, write to names that exist already and are no files: they stay.
# Everything here is the test's own, in its directory.

load lib
load tls-lib

setup()
{
	new_place
	export DIR
}

teardown()
{
	end_place
}

make_socket()
{
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"
}

# A null device of the test's own at PATH; false where the kernel does not allow it.
make_device()
{
	mknod -m 600 "$1" c 1 3 2>/dev/null
}

names_in()
{
	find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' '
}

# --- certificates and keys ---

@test "cert self-signed --force: a FIFO, a socket and a device stay, and the message names them" {
	write_tls_config
	for kind in make_device mkfifo make_socket; do
		"$kind" "$DIR/etc/key.pem" || continue
		before=$(stat -c '%F %i' "$DIR/etc/key.pem")
		run -1 ctl cert self-signed --force --name localhost
		assert_output --partial "cannot write '$DIR/etc/key.pem': '$DIR/etc/key.pem' is a device, a FIFO or a socket, which stays"
		assert_equal "$(stat -c '%F %i' "$DIR/etc/key.pem")" "$before"
		assert_not_exists "$DIR/etc/cert.pem"
		rm "$DIR/etc/key.pem"
	done
	mkfifo "$DIR/etc/fifo"
	ln -s fifo "$DIR/etc/cert.pem"
	run -1 ctl cert self-signed --force --name localhost
	assert_output --partial 'a FIFO'
	[ -p "$DIR/etc/fifo" ] && [ -L "$DIR/etc/cert.pem" ]
	assert_equal "$(names_in "$DIR/etc")" "cert.pem fifo sallyport.conf users "
}

@test "cert self-signed --force: of a link of root's the target is replaced, and the link stays" {
	write_tls_config
	mkdir -m 755 "$DIR/etc/live"
	ctl cert self-signed --name old.example.org
	mv "$DIR/etc/cert.pem" "$DIR/etc/key.pem" "$DIR/etc/live"
	ln -s live/cert.pem "$DIR/etc/cert.pem"
	ln -s live/key.pem "$DIR/etc/key.pem"
	run -1 ctl cert self-signed --name new.example.org
	assert_output --partial 'exists; nothing was changed'
	ctl cert self-signed --force --name new.example.org
	assert_equal "$(readlink "$DIR/etc/cert.pem")" live/cert.pem
	assert_equal "$(readlink "$DIR/etc/key.pem")" live/key.pem
	openssl x509 -in "$DIR/etc/live/cert.pem" -noout -ext subjectAltName | grep -q new.example.org
	assert_equal "$(stat -c %a "$DIR/etc/live/key.pem")" 600
	assert_equal "$(names_in "$DIR/etc/live")" "cert.pem key.pem "
	start_tls_server
}

@test "cert self-signed: a directory is refused, and it is said what would be right" {
	write_tls_config
	mkdir "$DIR/etc/cert.pem"
	run -1 ctl cert self-signed --force --name localhost
	assert_output --partial "cannot write '$DIR/etc/cert.pem': it is a directory; name a file in it"
}

# --- the users file ---

@test "users file: a link, a FIFO and a device stay, and nothing is written through them" {
	write_config
	add_user alice secret
	mv "$DIR/etc/users" "$DIR/etc/real"
	before=$(sha256sum <"$DIR/etc/real")
	ln -s real "$DIR/etc/users"
	run ! add_user bob secret
	assert_output --partial "it must be a file, not a link"
	assert_equal "$(readlink "$DIR/etc/users")" real
	assert_equal "$(sha256sum <"$DIR/etc/real")" "$before"
	for kind in make_device mkfifo make_socket; do
		rm "$DIR/etc/users"
		"$kind" "$DIR/etc/users" || continue
		before=$(stat -c '%F %i' "$DIR/etc/users")
		run ! add_user bob secret
		assert_output --partial "$DIR/etc/users: "
		assert_equal "$(stat -c '%F %i' "$DIR/etc/users")" "$before"
	done
}

# --- the server's own files ---

@test "pid file and control socket: what is neither stays, and the start is refused with its name" {
	write_config
	add_user alice secret
	mkdir -m 755 "$DIR/run"
	mkfifo "$DIR/run/sallyportd.pid"
	run ! timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_output --partial "cannot write pid file '$DIR/run/sallyportd.pid': it is no regular file; remove it"
	[ -p "$DIR/run/sallyportd.pid" ]
	rm "$DIR/run/sallyportd.pid"
	rm -f "$DIR/run/control"
	mkfifo "$DIR/run/control"
	run ! timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_output --partial "'$DIR/run/control': something that is not a socket has this name; remove it"
	[ -p "$DIR/run/control" ]
}

@test "bans: where their file is a FIFO it stays, and the log says that bans are not kept" {
	write_config
	add_user alice secret
	mkdir -m 700 "$DIR/state"
	mkfifo "$DIR/state/bans"
	start_server
	ctl ban add 192.0.2.7
	wait_until log_has "bans cannot be kept over a restart: '$DIR/state/bans': it is no regular file; remove it"
	[ -p "$DIR/state/bans" ]
}

# --- logs ---

@test "log: a FIFO gets the lines and stays one; without a reader the start is refused with the reason" {
	write_config 'log { target = "'"$DIR/fifo"'" }'
	add_user alice secret
	mkfifo "$DIR/fifo"
	for check in "$BUILD/sallyportd -t -c $CONF" 'ctl config check'; do
		# shellcheck disable=SC2086 # words
		run -0 $check
		assert_output --partial "log.target: '$DIR/fifo' is a FIFO: the start is refused while nobody reads it, and lines are lost when its reader has ended (warning)"
	done
	run ! timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_output --partial "cannot open log file '$DIR/fifo': it is a FIFO that nobody reads, or a socket"
	timeout 60 cat "$DIR/fifo" >"$LOG" 3>&- &
	reader=$!
	# the reader survives a check
	run -0 "$BUILD/sallyportd" -t -c "$CONF"
	start_server
	stop_server
	wait "$reader"
	log_has ' stopped'
	[ -p "$DIR/fifo" ]
}

@test "log: a socket or a directory in the place of a log is an error of the check, as of the start" {
	write_config "log { target = \"$DIR/odd\" }"
	add_user alice secret
	for key in target xferlog; do
		sed -i "s/^log { [a-z]* =/log { $key =/" "$CONF"
		for kind in make_socket mkdir; do
			rm -rf "$DIR/odd"
			"$kind" "$DIR/odd"
			run -1 "$BUILD/sallyportd" -t -c "$CONF"
			assert_output --regexp "log\.$key: '$DIR/odd' is a (socket|directory)[;,]"
			run ! timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
			assert_output --partial "cannot open log file '$DIR/odd'"
		done
	done
}

@test "log: root's own link is followed to its file, which is appended to; another user's is refused" {
	write_config 'log { target = "'"$DIR/link"'" }'
	add_user alice secret
	echo before >"$LOG"
	ln -s "$(basename "$LOG")" "$DIR/link"
	start_server
	stop_server
	[ -L "$DIR/link" ]
	assert_equal "$(head -n 1 "$LOG")" before
	log_has ' ready '
	chown -h nobody "$DIR/link"
	run ! timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_output --partial "'$DIR/link' is a symbolic link of uid"
}
