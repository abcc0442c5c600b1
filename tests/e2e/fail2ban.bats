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
	[ -z "${DIR-}" ] || end_place
}

# found LOG [MODE]: the addresses, one a line.
found()
{
	fail2ban-regex -c "$DIR/fail2ban" -o ip "$1" "sallyport[mode=${2:-normal}]" 2>&1
}

# The lines of the test log that have to match.
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

@test "the jail is off until it is asked for, and names the filter" {
	run grep -E '^(enabled|filter) ' "$TREE/etc/fail2ban/jail.d/sallyport.conf"
	assert_output $'enabled  = false\nfilter   = sallyport[mode=normal]'
	cp -r /etc/fail2ban/. "$DIR/fail2ban/"
	cp "$TREE/etc/fail2ban/filter.d/sallyport.conf" "$DIR/fail2ban/filter.d/"
	cp "$TREE/etc/fail2ban/jail.d/sallyport.conf" "$DIR/fail2ban/jail.d/"
	printf '[DEFAULT]\nbackend = auto\n[sshd]\nenabled = false\n[sallyport]\nenabled = true\nbackend = auto\nlogpath = %s\n' \
		"$TREE/tests/fail2ban/sallyport.log" >"$DIR/fail2ban/jail.d/zz-test.local"
	run fail2ban-client -c "$DIR/fail2ban" -d
	assert_success
	assert_output --partial "['add', 'sallyport', 'auto']"
	assert_output --partial 'login-failed|bad-commands'
}
