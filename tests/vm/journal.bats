#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The journal has each line once, with its priority; a real fail2ban bans from it, by the recipe of the jail.

setup() { load lib; }

entries() # FILTER OF jq
{
	journalctl --unit sallyportd --boot --output json | jq -r "select(.SALLYPORT_EVENT != null) | $1"
}

guess() # COUNT
{
	for ((i = 0; i < $1; i++)); do
		secure_curl --interface 127.0.0.9 --user mallory:guess "$URL/" || :
	done
}

@test "priorities are right, no line has a time of its own, and fields can be asked for" {
	new_account alice
	is_served
	guess 1
	echo 'no-such-key = 1' >>"$CONF"
	run systemctl reload sallyportd
	assert_failure
	sed -i '/no-such-key/d' "$CONF"
	wait_until eval "entries .SALLYPORT_EVENT | grep -q reload-refused"
	assert_equal "$(entries 'select(.SALLYPORT_EVENT == "login-failed") | .PRIORITY' | sort -u)" 4
	assert_equal "$(entries 'select(.SALLYPORT_EVENT == "ready") | .PRIORITY' | sort -u)" 6
	assert_equal "$(entries 'select(.SALLYPORT_EVENT == "reload-refused") | .PRIORITY' | sort -u)" 3
	run journalctl --unit sallyportd --boot --output cat --quiet --priority err
	assert_output --partial no-such-key
	refute_output --partial ' ready '
	# the tool that reload runs writes to standard error
	assert_equal "$(journalctl --boot --output json SYSLOG_IDENTIFIER=sallyportctl | jq -r .PRIORITY | sort -u | head -n 1)" 3
	run journalctl --unit sallyportd --boot --output cat
	refute_line --regexp '^[0-9]{4}-[0-9]{2}-[0-9]{2}T'
	assert_equal "$(grep -c '^ready ' <<<"$output")" 1
	run journalctl --boot --output cat SALLYPORT_USER=alice
	assert_output --partial 'login session='
}

@test "fail2ban bans who fails to log in" {
	local jail=/etc/fail2ban/jail.d/sallyport.conf name
	name=$(sed -n 's|^# To use it, put this into \(/etc/fail2ban/jail\.d/[^,]*\),.*|\1|p' "$jail")
	sed -n 's/^#     //p' "$jail" | grep -vE '^(backend|logpath) ' >"$name"
	grep -qx 'enabled = true' "$name"
	# an action that closes nothing
	printf '[Definition]\nactionban = echo <ip> >>/run/banned\n' >/etc/fail2ban/action.d/note.conf
	printf '[DEFAULT]\nbanaction = note\nbanaction_allports = note\n[sshd]\nenabled = false\n' >/etc/fail2ban/jail.local
	systemctl restart fail2ban
	wait_until -t 90 eval "fail2ban-client status sallyport >/dev/null 2>&1"
	guess 5
	wait_until -t 60 test -s /run/banned
	assert_equal "$(sort -u /run/banned)" 127.0.0.9
}
