#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# docs/SWITCHING.md: each of our blocks passes config check, and an account of it logs in.

load lib

PAGE=$BATS_TEST_DIRNAME/../../docs/SWITCHING.md

setup()
{
	new_place
}

teardown()
{
	end_place
}

# blocks KIND NUMBER: the blocks of that kind below the heading "### NUMBER.", with paths of the test.
blocks()
{
	awk -v kind="$1" -v number="$2" '
		/^##/ { is_here = (/^### / && $2 == number ".") }
		/^```/ { is_in = (is_here && $0 == "```" kind); next }
		is_in' "$PAGE" |
		sed -e "s|/etc/sallyport|$DIR/etc|; s|/srv/|$DIR/home/|" -e "s|HASH|$(openssl passwd -6 secret)|"
}

# The directories that the lines of the users file name, as "install" makes them.
make_directories()
{
	local line field
	while read -r line; do
		IFS=: read -r -a field <<<"$line"
		case $line in
		+folder*) install -d -o root -g "${field[2]}" -m 2770 "${field[1]}" ;;
		+*) ;;
		*) install -d -o "${field[2]}" -g "${field[3]}" -m 755 "${field[4]}" ;;
		esac
	done
}

# try_set_up NUMBER: check what the page says there, and start a server of it.
try_set_up()
{
	local conf users
	conf=$(blocks conf "$1")
	users=$(blocks users "$1")
	[ -n "$conf$users" ]
	write_config "$conf"
	printf '%s\n' "$users" >"$DIR/etc/users"
	chmod 600 "$DIR/etc/users"
	[ -z "$users" ] || make_directories <<<"$users"
	case $conf in *tls*) mkdir -p "$DIR/etc/tls" && ctl cert self-signed --name localhost ;; esac
	run ctl config check
	assert_success
	start_server
}

logs_in()
{
	curl -sS --max-time 30 --list-only --user "$1" "ftp://127.0.0.1:$PORT/${2-}"
}

@test "the page has ten set-ups, each with a block of ours and a row of each server" {
	for number in 1 2 3 4 5 6 7 8 9 10; do
		[ -n "$(blocks conf $number)$(blocks users $number)" ] || fail "set-up $number has no block"
		for server in vsftpd Pure-FTPd ProFTPD; do
			awk -v number=$number -v row="| $server | " '
				/^##/ { is_here = (/^### / && $2 == number ".") }
				is_here && index($0, row) == 1 { found = 1 }
				END { exit !found }' "$PAGE" || fail "set-up $number has no row of $server"
		done
	done
	assert_equal "$(grep -c '^### ' "$PAGE")" 10
}

@test "set-ups of sallyport.conf(5) pass config check, and the server starts" {
	for number in 1 3 4 7; do
		try_set_up $number
		stop_server
	done
}

@test "set-up 3: a login without TLS is refused" {
	try_set_up 3
	add_user anna secret
	run logs_in anna:secret
	assert_failure
	curl -sS --max-time 30 --ssl-reqd --cacert "$DIR/etc/tls/cert.pem" --user anna:secret "ftp://localhost:$PORT/"
}

@test "set-ups 2, 8 and 9: anna logs in, and sees her folder" {
	for number in 2 8 9; do
		try_set_up $number
		logs_in anna:secret
		[ $number != 9 ] || assert_equal "$(logs_in anna:secret team/)" ''
		stop_server
	done
}

@test "set-ups 5 and 6: anonymous users read the site; a drop-box takes uploads that nobody reads" {
	echo x >"$DIR/file"
	for number in 5 6; do
		try_set_up $number
		echo x >"$DIR/home/site/there"
		run logs_in anonymous:
		assert_output --partial there
		run curl -sS --max-time 30 -T "$DIR/file" --user anonymous: "ftp://127.0.0.1:$PORT/"
		assert_failure
		stop_server
	done
	install -d -o 200010 -g 200010 "$DIR/home/site/in"
	start_server
	curl -sS --max-time 30 -T "$DIR/file" --user anonymous: "ftp://127.0.0.1:$PORT/in/"
	run curl -sS --max-time 30 --user anonymous: "ftp://127.0.0.1:$PORT/in/file"
	assert_failure
}

@test "set-up 10: the address decides" {
	try_set_up 10
	run logs_in anna:secret
	assert_equal "$status" 67
}
