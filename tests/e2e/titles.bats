# SPDX-License-Identifier: ISC
# How ps shows the server's processes.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	new_place
	write_config
	start_server
	add_user alice secret
}

teardown()
{
	data_close
	end_place
}

title()
{
	ps -o args= -p "$1" | sed 's/ *$//'
}

title_is()
{
	[ "$(title "$1")" = "sallyportd: $2" ]
}

@test "ps shows role, user, address, and what each process does" {
	title_is "$SERVER_PID" master
	run -0 ps -o args= --ppid "$SERVER_PID"
	assert_line --regexp '^sallyportd: logger *$'
	ftp_open
	find_session
	title_is "$MONITOR" 'monitor 127.0.0.1'
	wait_until title_is "$PROTOCOL" 'protocol 127.0.0.1 login'
	ftp 'USER alice' 331
	ftp 'PASS secret' 230
	find_session
	wait_until title_is "$PROTOCOL" 'protocol alice@127.0.0.1 idle'
	wait_until title_is "$MONITOR" 'monitor alice@127.0.0.1'
	ftp_stuck 'big file'
	wait_until title_is "$PROTOCOL" 'protocol alice@127.0.0.1 RETR /big file'
	wait_until title_is "$FILES" 'files alice@127.0.0.1 idle'
	data_close
	ftp_reply
	wait_until title_is "$PROTOCOL" 'protocol alice@127.0.0.1 idle'
}

# names_of PID...: print the kernel's names of them, sorted, on one line.
names_of()
{
	local pid
	for pid in "$@"; do
		cat "/proc/$pid/comm"
	done | sort | paste -sd ' '
}

@test "tools that know processes by their name find the master, and it alone" {
	assert_equal "$(names_of "$SERVER_PID")" sallyportd
	assert_equal "$(status_of "$SERVER_PID" Name)" sallyportd
	# shellcheck disable=SC2046 # pids are words
	assert_equal "$(names_of $(children_of "$SERVER_PID"))" 'sallyport-log sallyport-stats'
	ftp_login alice secret
	find_session
	assert_equal "$(names_of "$MONITOR" "$PROTOCOL" "$FILES")" 'sallyport-files sallyport-mon sallyport-proto'
	# other servers may run here; of this server's processes, these commands find the master alone
	ours=" $SERVER_PID $(children_of "$SERVER_PID") $(children_of "$MONITOR") "
	for find in 'pgrep -x sallyportd' 'pidof sallyportd' 'ps -C sallyportd -o pid='; do
		found=
		for pid in $($find); do
			[[ $ours != *" $pid "* ]] || found+="$pid "
		done
		assert_equal "$find: $found" "$find: $SERVER_PID "
	done
	assert_equal "$(pgrep -x sallyport-files -P "$MONITOR")" "$FILES"
}

@test "start-stop-daemon --name stops the master, and no session dies of it" {
	command -v start-stop-daemon >/dev/null || skip "start-stop-daemon is not installed"
	ftp_login alice secret
	find_session
	start-stop-daemon --stop --quiet --name sallyportd --ppid "$$" --signal TERM --oknodo
	ftp_reply
	assert_equal "$REPLY" 421
	wait_until is_gone "$SERVER_PID"
	SERVER_PID=
}

@test "a client's bytes in a title cannot hurt a terminal, and end where it ends" {
	ftp_login alice secret
	find_session
	mkdir "$DIR/home/alice/sub"
	name=$'\033]0;x\007-'$(printf 'y%.0s' {1..300})
	head -c 64M /dev/zero >"$DIR/home/alice/sub/x"
	mv "$DIR/home/alice/sub/x" "$DIR/home/alice/${name:0:200}"
	chown -R "$(stat -c %u:%g "$DIR/home/alice")" "$DIR/home/alice"
	ftp 'TYPE I' 200
	ftp_passive
	ftp "RETR ${name:0:200}" 150
	shown() { [[ $(title "$PROTOCOL") == 'sallyportd: protocol alice@127.0.0.1 RETR /?]0;x?-yyyy'* ]]; }
	wait_until shown
	[ "$(title "$PROTOCOL" | wc -c)" -le 257 ]
	run -1 grep -q secret "/proc/$PROTOCOL/cmdline"
	data_close
	ftp_reply
	wait_until title_is "$PROTOCOL" 'protocol alice@127.0.0.1 idle'
}

@test "a password is never in a title" {
	ftp_open
	find_session
	ftp 'USER alice' 331
	ftp_send 'PASS secret-of-alice'
	for _ in {1..20}; do cat "/proc/$PROTOCOL/cmdline" "/proc/$MONITOR/cmdline"; done >"$DIR/titles"
	ftp_reply
	run -1 grep -q secret "$DIR/titles"
	run -0 grep -aqE 'protocol 127\.0\.0\.1 (PASS|login)' "$DIR/titles"
}
