#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The fail2ban filter finds the addresses of failed logins in every form of the log, and no others.

load lib

setup()
{
	command -v fail2ban-regex >/dev/null || skip "fail2ban is not installed"
	new_place
	TREE=$BATS_TEST_DIRNAME/../..
	mkdir -p "$DIR/fail2ban/filter.d"
	cp /etc/fail2ban/fail2ban.conf "$DIR/fail2ban/"
	cp /etc/fail2ban/filter.d/common.conf "$TREE/etc/fail2ban/filter.d/sallyport.conf" "$DIR/fail2ban/filter.d/"
}

teardown()
{
	[ -z "${JAILER-}" ] || stop_jailer
	[ -z "${DIR-}" ] || end_place
}

# found LOG [MODE]: print the addresses that the filter finds, one a line.
found()
{
	fail2ban-regex -c "$DIR/fail2ban" -o ip "$1" "sallyport[mode=${2:-normal}]" 2>&1
}

# The lines of the test log that the filter has to match.
wanted()
{
	sed -n 's/^# failJSON: .*"match": true , "host": "\([^"]*\)".*/\1/p' "$TREE/tests/fail2ban/sallyport.log"
}

@test "the test log: what is marked counts, what is not does not" {
	run found "$TREE/tests/fail2ban/sallyport.log"
	assert_success
	assert_output "$(wanted)"
	[ "$(wanted | wc -l)" -ge 8 ]
	run found "$TREE/tests/fail2ban/sallyport.log" aggressive
	assert_output "$(wanted)"$'\n192.0.2.8\n192.0.2.9'
}

@test "a log as the server writes it, as text and as JSON" {
	for format in text json; do
		rm -f "$LOG"
		write_config "log { target = \"$LOG\" level = \"debug\" format = \"$format\" }"
		ctl user show alice >/dev/null 2>&1 || add_user alice secret
		start_server
		ftp_open
		ftp 'USER x address=203.0.113.1 process=monitor "address":"203.0.113.1"' 331
		ftp 'PASS wrong' 530
		ftp_close
		ftp_login alice secret
		ftp 'QUIT' 221
		ftp_close
		wait_until log_has 'reason="quit"|"reason":"quit"'
		run found "$LOG"
		assert_output 127.0.0.1
		stop_server INT
	done
}

# This machine's jails with ours added; only ours is on.
make_jails()
{
	cp -r /etc/fail2ban/. "$DIR/fail2ban/"
	rm -f "$DIR"/fail2ban/jail.d/*
	cp "$TREE/etc/fail2ban/filter.d/sallyport.conf" "$DIR/fail2ban/filter.d/"
	cp "$TREE/etc/fail2ban/jail.d/sallyport.conf" "$DIR/fail2ban/jail.d/"
}

# follow_recipe [LOG]: do what the comment of the jail asks for, in the file that it names. With LOG, use its lines
# for a log file too.
follow_recipe()
{
	local jail=$TREE/etc/fail2ban/jail.d/sallyport.conf name
	name=$(sed -n 's|^# To use it, put this into /etc/fail2ban/\(jail\.d/[^,]*\),.*|\1|p' "$jail")
	[ -n "$name" ]
	sed -n 's/^#     //p' "$jail" | grep -vE '^(backend|logpath) ' >"$DIR/fail2ban/$name"
	grep -qx 'enabled = true' "$DIR/fail2ban/$name"
	[ -z "${1-}" ] || sed -n 's/^#     //p' "$jail" | grep -E '^(backend|logpath) ' |
		sed "s|/var/log/sallyport/sallyportd.log|$1|" >>"$DIR/fail2ban/$name"
}

jail_client()
{
	fail2ban-client -c "$DIR/fail2ban" -s "$DIR/fail2ban.sock" -p "$DIR/fail2ban.pid" "$@"
}

# An action that writes the address to a file, and changes no packet filter.
noting_action()
{
	printf '[Definition]\nactionban = echo <ip> >>%s\n' "$DIR/banned" >"$DIR/fail2ban/action.d/note.conf"
	printf '[DEFAULT]\nbanaction = note\nbanaction_allports = note\nignoreself = false\n[sshd]\nenabled = false\n' \
		>"$DIR/fail2ban/jail.local"
	printf '[Definition]\ndbfile = None\n' >"$DIR/fail2ban/fail2ban.local"
}

start_jailer()
{
	fail2ban-server -f -c "$DIR/fail2ban" -s "$DIR/fail2ban.sock" -p "$DIR/fail2ban.pid" \
		--logtarget "$DIR/fail2ban.log" start >"$DIR/fail2ban.out" 2>&1 3>&- &
	JAILER=$!
	wait_until -t 30 jail_is_on
}

stop_jailer()
{
	kill "$JAILER" || :
	wait "$JAILER" || :
}

jail_is_on()
{
	jail_client status sallyport >/dev/null 2>&1
}

# The printed recipe works, from the line of a failed login to the ban.
@test "a real fail2ban bans who fails to log in: the recipe of the jail, with a log file" {
	write_config "log { target = \"$LOG\" level = \"info\" }" 'limits { login-failures = 100 }'
	start_server
	make_jails
	follow_recipe "$LOG"
	noting_action
	start_jailer
	for _ in 1 2 3 4 5; do
		printf '%s\n' '< 220' '> USER mallory' '< 331' '> PASS guess' '< 530' '> QUIT' '< 221' | ftp_raw -s 127.0.0.9
	done
	wait_until -t 30 test -s "$DIR/banned"
	assert_equal "$(cat "$DIR/banned")" 127.0.0.9
	run jail_client status sallyport
	assert_output --partial '127.0.0.9'
}

@test "the jail is off until it is asked for; the recipe turns it on, for the journal as well" {
	run grep -E '^(enabled|filter) ' "$TREE/etc/fail2ban/jail.d/sallyport.conf"
	assert_output $'enabled  = false\nfilter   = sallyport[mode=normal]'
	make_jails
	noting_action
	run fail2ban-client -c "$DIR/fail2ban" -d
	assert_success
	refute_output --partial "'add', 'sallyport'"
	follow_recipe
	run fail2ban-client -c "$DIR/fail2ban" -d
	assert_success
	assert_output --partial "['add', 'sallyport', 'systemd']"
	assert_output --partial "['set', 'sallyport', 'addjournalmatch', 'SYSLOG_IDENTIFIER=sallyportd']"
	assert_output --partial 'login-failed|bad-commands'
	refute_output --partial logpath
}
