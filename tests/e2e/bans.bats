# SPDX-License-Identifier: ISC
# The server bans addresses that fail too often, restarts keep the bans, and the administrator has the last
# word.

# shellcheck disable=SC2030,SC2031 # each test is a subshell of its own
bats_require_minimum_version 1.5.0
load lib

setup()
{
	new_place
}

teardown()
{
	end_place
}

# serve LIMITS...: start a server with these lines in the section limits.
serve()
{
	write_config "limits { $* }" "log { target = \"$LOG\" level = \"debug\" }"
	[ -d "$DIR/home/alice" ] || add_user alice secret
	start_server
}

# restart_server [SIGNAL]
restart_server()
{
	stop_server "$@"
	: >"$LOG"
	start_server
}

# fail_login [ADDRESS]: connect once and fail one login.
fail_login()
{
	ftp_open "${1:-127.0.0.1}" "${2:-$PORT}"
	ftp 'USER alice' 331
	ftp_send 'PASS wrong'
	ftp_reply
	ftp_close
	[ "$REPLY" = 530 ] || [ "$REPLY" = 421 ]
}

# The server replies 421 to a connection, and forks nothing for it.
is_refused()
{
	ftp_open "${1:-127.0.0.1}" "${2:-$PORT}"
	ftp_close
	[ "$REPLY_TEXT" = $'421 Your address is banned; try again later.\n' ]
}

is_welcome()
{
	ftp_open "$@" && ftp_close && [ "$REPLY" = 220 ]
}

@test "an address is banned after login-failures within ban-time, until that is over" {
	serve login-failures = 3 ban-time = '"4s"'
	fail_login
	fail_login
	is_welcome
	ftp_login alice secret
	kept=$FTP
	FTP=
	fail_login
	wait_until log_has ' warning ban address=127\.0\.0\.1 .*reason="failures" seconds=4'
	connects=$(log_count ' connect ')
	is_refused
	assert_equal "$(log_count ' connect ')" "$connects"
	run -0 ctl ban list
	assert_line --regexp '^127\.0\.0\.1 +[0-9]+s +[0-9:]{8} +failures$'
	run -0 ctl status --json
	assert_equal "$(jq -c '[.bans, .totals.bans, .totals.refused.banned]' <<<"$output")" '[1,1,1]'
	# a client that connects all the time fills no log
	for _ in {2..20}; do is_refused; done
	wait_until log_has ' refused '
	assert_equal "$(log_count ' warning refused .*421 Your address is banned')" 5
	# the client that had logged in goes on
	FTP=$kept
	ftp NOOP 200
	ftp_close
	wait_until log_has ' info unban address=127\.0\.0\.1 .*reason="time" refused=20'
	is_welcome
	run -0 ctl ban list --json
	assert_output '[]'
}

@test "sessions that try on elsewhere end with the ban" {
	serve login-failures = 3 ban-time = '"1m"'
	ftp_open
	waits=$FTP
	FTP=
	fail_login
	fail_login
	fail_login
	FTP=$waits
	ftp_reply
	assert_equal "$REPLY_TEXT" $'421 Too many failed logins from your address; closing\n'
	wait_until log_has ' disconnect .*reason="banned"'
}

@test "a ban is kept over a restart, and over a kill" {
	serve login-failures = 2 ban-time = '"10m"'
	fail_login
	fail_login
	wait_until test -s "$DIR/state/bans"
	assert_equal "$(stat -c %a "$DIR/state/bans")" 600
	restart_server KILL
	is_refused
	restart_server
	is_refused
	run -0 ctl ban del 127.0.0.1
	assert_output '127.0.0.1 is no longer banned'
	is_welcome
	restart_server
	is_welcome
}

@test "bans that were written under a wrong clock last no longer than they may" {
	write_config 'limits { ban-time = 60 }'
	mkdir -m 700 "$DIR/state"
	printf '%s\n' '192.0.2.1 4000000000 auto' '192.0.2.2 9000000000 manual' >"$DIR/state/bans"
	start_server
	run ctl ban list --json
	assert_success
	[ "$(jq '.[] | select(.address == "192.0.2.1") | .seconds_left' <<<"$output")" -le 60 ]
	[ "$(jq '.[] | select(.address == "192.0.2.2") | .seconds_left' <<<"$output")" -le 315360000 ]
}

@test "a file of bans that is damaged does no harm" {
	serve ban-time = '"10m"'
	stop_server
	now=$(date +%s)
	printf '%s\n' 'nonsense' '192.0.2.1 5 auto' "192.0.2.2 $((now + 600)) manual" "192.0.2.3 $((now + 600))" >"$DIR/state/bans"
	start_server
	run -0 ctl ban list --json
	assert_equal "$(jq -c 'map(.address)' <<<"$output")" '["192.0.2.2"]'
	log_has ' warning bans-file '
}

@test "never-ban is never banned, also not by hand, and a reload tells it anew" {
	serve login-failures = 2 ban-time = '"10m"' never-ban = '{"192.0.2.0/24", "127.0.0.0/8"}'
	fail_login
	fail_login
	fail_login
	is_welcome
	run -1 ctl ban add 192.0.2.9
	assert_output --partial 'the address is in limits.never-ban'
	sed -i 's/never-ban = {[^}]*}/never-ban = {}/' "$CONF"
	ctl reload
	run -0 ctl ban add 127.0.0.1
	is_refused
	sed -i 's|never-ban = {}|never-ban = {"127.0.0.1"}|' "$CONF"
	ctl reload
	is_welcome
	sed -i 's|never-ban = {"127.0.0.1"}|never-ban = {"127.0.0.1/8"}|' "$CONF"
	run -1 ctl reload
	assert_line --partial "limits.never-ban: not a network: '127.0.0.1/8'"
}

@test "an IPv6 address is banned with its /64, and IPv4 is not" {
	need_ipv6
	serve login-failures = 2 ban-time = '"10m"'
	fail_login ::1 "$PORT6"
	fail_login ::1 "$PORT6"
	is_refused ::1 "$PORT6"
	is_welcome
	run -0 ctl ban list
	assert_line --regexp '^::/64 +'
	run -0 ctl ban del ::/64
	is_welcome ::1 "$PORT6"
}

@test "ban add, del and list" {
	serve ban-time = 0
	run -0 ctl ban add 2001:db8:1:2:3::4 --for 2h
	assert_output '2001:db8:1:2:3::4 is banned'
	run -0 ctl ban add 192.0.2.1 --for 90s
	run -0 ctl ban list
	assert_line --regexp '^2001:db8:1:2::/64 +(119|120)m +.* administrator$|^2001:db8:1:2::/64 +[12]h +.* administrator$'
	assert_line --regexp '^192\.0\.2\.1 +[89][0-9]s +.* administrator$'
	run -1 ctl ban add 192.0.2.1
	assert_output --partial 'limits.ban-time is 0; use --for TIME'
	run -2 ctl ban add 192.0.2.0/24 --for 1h
	assert_output --partial "'192.0.2.0/24' is not a numeric IPv4 or IPv6 address"
	run -2 ctl ban add 192.0.2.1 --for soon
	assert_output --partial "'soon' is not a time for --for"
	run -2 ctl ban add
	run -0 ctl ban del 192.0.2.1
	run -1 ctl ban del 192.0.2.1
	assert_output --partial 'the address is not banned'
	# without a ban-time the server bans nobody for failures
	for _ in {1..7}; do fail_login; done
	is_welcome
}

@test "processes that are stopped count as failed logins" {
	ALARM_EXPECTED=1
	serve login-failures = 2 ban-time = '"10m"'
	for _ in 1 2; do
		ftp_login alice secret
		find_session
		kill -ABRT "$PROTOCOL"
		wait_until is_gone "$MONITOR"
		ftp_close
	done
	wait_until is_refused
	log_has ' warning ban '
}
