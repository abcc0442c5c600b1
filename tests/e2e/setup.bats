#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyportctl setup makes what is missing, keeps what exists, and then starts the server. Also status
# --ready.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	new_place
	write_config "accounts = \"$DIR/volume/users\"" "state-directory = \"$DIR/volume/state\"" \
		"tls { certificate = \"$DIR/volume/tls/cert.pem\" key = \"$DIR/volume/tls/key.pem\" }"
	rm -f "$DIR/etc/users"
}

teardown()
{
	end_place
}

all()
{
	(cd "$DIR/volume" && find . -printf '%p %U %m ' -exec sh -c '[ ! -f "$1" ] || sha256sum <"$1"' sh {} \; -printf '\n')
}

@test "setup: directories, users file and certificate are made; a second time changes nothing and says nothing" {
	run -0 ctl setup --name files.example.org --days 30
	assert_output --partial "users file '$DIR/volume/users' is new"
	assert_output --partial 'DNS:files.example.org'
	assert_equal "$(stat -c %a "$DIR/volume" "$DIR/volume/users" "$DIR/volume/tls/key.pem" | tr '\n' ' ')" '755 600 600 '
	before=$(all)
	run -0 ctl setup
	assert_output ''
	assert_equal "$(all)" "$before"
	"$BUILD/sallyportd" -t -c "$CONF"
}

@test "setup: what each of several servers has of its own" {
	cat >>"$CONF" <<-END
		server "one.example" {
		    names = "uno.example"
		    accounts = "$DIR/volume/one/users"
		    certificate = "$DIR/volume/one/cert.pem"
		    key = "$DIR/volume/one/key.pem"
		}
		server "two.example" { banner = "two" }
	END
	run -0 ctl setup --name files.example.org
	assert_output --partial "users file '$DIR/volume/one/users' is new; 'sallyportctl user add NAME --server one.example' adds"
	assert_output --partial 'DNS:files.example.org'
	assert_output --partial 'DNS:one.example, DNS:uno.example'
	run -0 ctl setup
	assert_output ''
	ctl user add alice@one.example --home "$DIR/home/alice" --password-stdin <<<secret
	"$BUILD/sallyportd" -t -c "$CONF"
}

@test "setup: then the process becomes the program, with its arguments" {
	run -0 ctl setup --name localhost -- sh -c 'echo "$$ $1"; exit 7' sh --name || [ "$status" -eq 7 ]
	assert_equal "$status" 7
	assert_output --regexp '[0-9]+ --name$'
	run -1 ctl setup -- "$DIR/none"
	assert_output --partial "cannot start '$DIR/none': No such file"
	run -2 ctl setup --
	assert_output --partial "'--' needs a program after it"
	run -2 ctl status -- sh
	assert_output --partial "'status' takes no '--'"
	sed -i '1i banne = x' "$CONF"
	run -1 ctl setup -- echo started
	refute_output --partial started
}

@test "setup: root's directories that everybody may write to are closed to others; those of a group and of users are not touched" {
	mkdir -p "$DIR/volume/tls"
	chmod 777 "$DIR/volume" "$DIR/volume/tls"
	run -0 ctl setup --name localhost
	assert_output --partial "everybody could change directory '$DIR/volume'; it has mode 0755 now"
	assert_equal "$(stat -c %a "$DIR/volume" "$DIR/volume/tls" | tr '\n' ' ')" '755 755 '
	chgrp 47011 "$DIR/volume"
	chmod 775 "$DIR/volume"
	run -1 ctl setup
	assert_output --partial "directory '$DIR/volume' can be changed by its group"
	chmod 777 "$DIR/volume"
	chown 47011 "$DIR/volume"
	run -1 ctl setup
	assert_output --partial "directory '$DIR/volume' belongs to uid 47011"
	assert_equal "$(stat -c %a "$DIR/volume")" 777
	# sticky ones, as /tmp, are as safe as closed ones
	chown 0:0 "$DIR/volume"
	chmod 1777 "$DIR/volume"
	run -0 ctl setup
	assert_equal "$(stat -c %a "$DIR/volume")" 1777
}

@test "setup: half of a pair is refused, and both names are told" {
	ctl setup --name localhost
	rm "$DIR/volume/tls/cert.pem"
	before=$(all)
	run -1 ctl setup
	assert_output --partial "only one of certificate '$DIR/volume/tls/cert.pem' and key '$DIR/volume/tls/key.pem' exists"
	assert_equal "$(all)" "$before"
}

@test "status --ready: 0 while it serves, 1 while it drains and when it is gone" {
	ctl setup --name localhost
	run -1 ctl status --ready
	assert_output --partial 'the server is not running'
	add_user alice secret
	head -c 8000000 /dev/zero >"$DIR/home/alice/big"
	start_server
	run -0 ctl status --ready
	assert_output ''
	curl -sS --max-time 60 --limit-rate 2M --ssl-reqd -k -o "$DIR/got" "ftp://alice:secret@127.0.0.1:$PORT/big" 3>&- &
	transfer=$!
	wait_until test -s "$DIR/got"
	ctl drain
	run -1 ctl status --ready
	assert_output --partial 'the server is draining, and takes no new clients'
	wait "$transfer"
	wait_until -t 20 is_gone "$SERVER_PID"
}
