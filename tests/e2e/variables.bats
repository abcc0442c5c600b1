#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Variables in texts of the administrator: banner, login-message and .message.

# shellcheck disable=SC2153 # PORT is set by lib.bash

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
	write_config
}

teardown()
{
	end_place
}

as_user()
{
	(cd "$HOME_DIR" && setpriv --reuid 200000 --regid 200000 --clear-groups "$@")
}

# banner_of PORT [tls]: the first line of the server.
banner_of()
{
	AT=$1 MODE=${2-} py <<-'EOF'
		import os, socket, ssl
		sock = socket.create_connection(("127.0.0.1", int(os.environ["AT"])), timeout=20)
		if os.environ["MODE"] == "tls":
		    context = ssl.create_default_context()
		    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
		    sock = context.wrap_socket(sock)
		print(sock.makefile("r").readline().rstrip())
	EOF
}

@test "variables in the banner: host, address, date and time, in clear and over implicit TLS" {
	local date='[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}'
	start_tls_server 'banner = "%{host} greets %{address}, %{date} %{time}; 100% %{host}"' 'server-name = "files.example.org,192.0.2.1"'
	run banner_of "$PORT"
	assert_output --regexp "^220 files.example.org greets 127.0.0.1, $date; 100% files.example.org\$"
	run banner_of "$TLS_PORT" tls
	assert_output --regexp "^220 files.example.org greets 127.0.0.1, $date; 100% files.example.org\$"
	# without server-name it is the machine
	write_config 'banner = "%{host}"'
	stop_server
	start_server
	run banner_of "$PORT"
	assert_output "220 $(uname -n)"
}

@test "a variable of the banner that has no value before the login is refused with those that have one" {
	local variable
	for variable in user quota-left files-left nonsense 'host' ''; do
		write_config "banner = \"hello %{$variable}\""
		run ctl config check
		[ "$variable" = host ] || assert_failure
		[ "$variable" = host ] || assert_output --partial "banner: a variable without a value before the login in"
		[ "$variable" = host ] || assert_output --partial '%{host}, %{address}, %{date} and %{time}'
		[ "$variable" != host ] || assert_success
	done
}

@test "variables in login-message and .message: user, address, date, what is left of the quota" {
	printf 'Hello %%{user} from %%{address} at %%{host}, %%{date} %%{time}\n%%{quota-left}, %%{files-left}; 100%% %%{other}\n' >"$DIR/etc/welcome"
	write_config "login-message = \"$DIR/etc/welcome\"" 'directory-message = yes' 'server-name = "files.example.org"'
	add_user alice secret --quota 1000000 --quota-files 100
	start_server
	HOME_DIR=$DIR/home/alice
	as_user sh -c 'mkdir d && echo "for %{user}" >d/.message'
	ftp_open
	ftp 'USER alice' 331
	ftp 'PASS secret' 230
	[[ $REPLY_TEXT =~ "Hello alice from 127.0.0.1 at files.example.org, "[0-9]{4}-[0-9]{2}-[0-9]{2}" "[0-9]{2}:[0-9]{2} ]]
	[[ $REPLY_TEXT =~ [0-9]+" bytes, "[0-9]+" files; 100% %{other}" ]]
	ftp 'CWD d' 250
	[[ $REPLY_TEXT == *"for alice"* ]]
}

@test "config check warns of what is no variable in a login message" {
	printf 'Hello %%{user}, 100%% %%{usr} and %%{more}\n' >"$DIR/etc/welcome"
	printf 'Hello %%{user}\n' >"$DIR/etc/good"
	printf '%%{quota}\n' >"$DIR/etc/other"
	write_config "login-message = \"$DIR/etc/welcome\"" "server \"a.example\" { login-message = \"$DIR/etc/good\" }" \
		"server \"b.example\" { banner = \"x\" }" "server \"c.example\" { login-message = \"$DIR/etc/other\" }"
	run ctl config check
	assert_success
	assert_line --partial "$CONF:1: login-message: '$DIR/etc/welcome' has '%{usr}', which is no variable, so clients see it as it is"
	assert_line --partial "$CONF:4: server \"c.example\": login-message: '$DIR/etc/other' has '%{quota}', which is no variable"
	assert_equal "$(grep -c 'which is no variable' <<<"$output")" 2
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
