# SPDX-License-Identifier: ISC
# The cost of a login and a small file, in system calls of all processes of a session: counts repeat, times do
# not. The bounds allow a wait more or less, but not one more call in every turn.

load lib

setup()
{
	skip_if_asan "sanitizers make calls of their own"
	command -v strace >/dev/null || skip "strace is not installed"
	new_place
	write_config 'upload-sync = no' 'log { target = "'"$DIR/log"'" level = "info" }' \
		'limits { sessions-per-address = 1000 sessions-per-user = 1000 }'
	start_server
	add_user alice secret
	head -c 1024 /dev/zero >"$DIR/home/alice/small"
	chmod 644 "$DIR/home/alice/small"
	repeat login 2	# the accounts are loaded, the pages of the libraries are there
}

teardown()
{
	[ -z "${DIR-}" ] || end_place
}

repeat()
{
	timeout 60 "$BATS_TEST_DIRNAME/ftp-repeat" "$PORT" alice secret "$@"
}

is_traced()
{
	[ "$(status_of "$SERVER_PID" TracerPid)" != 0 ]
}

# calls WHAT COUNT: print how many system calls the server makes meanwhile.
calls()
{
	local tracer status=0
	wait_until no_session
	strace -f -c -o "$DIR/calls" -p "$SERVER_PID" 2>"$DIR/strace" 3>&- &
	tracer=$!
	wait_until is_traced
	repeat "$@" || status=1
	wait_until no_session || status=1
	kill -INT "$tracer" 2>/dev/null || :
	wait "$tracer" || :
	[ "$status" -eq 0 ] && awk '$NF == "total" { print $4 }' "$DIR/calls"
}

need_tracing()
{
	strace -o /dev/null -p "$SERVER_PID" 2>"$DIR/strace" 3>&- &
	wait_until is_traced_or_refused "$!"
	is_traced || skip "strace may not trace here: $(tail -n 1 "$DIR/strace")"
	kill -INT "$!"
	wait "$!" || :
}

is_traced_or_refused()
{
	is_traced || is_gone "$1"
}

# cost_of WHAT: the system calls of one turn, computed from a run of 5 turns and one of 25.
cost_of()
{
	local few many
	few=$(calls "$1" 5)
	many=$(calls "$1" 25)
	echo $(((many - few) / 20))
}

@test "cost: a login" {
	need_tracing
	cost=$(cost_of login)
	echo "# system calls of a login: $cost" >&3
	[ "$cost" -gt 50 ]
	[ "$cost" -le 262 ]
}

@test "cost: a download of 1 KiB" {
	need_tracing
	cost=$(cost_of get)
	echo "# system calls of a small download: $cost" >&3
	[ "$cost" -gt 10 ]
	[ "$cost" -le 34 ]
}

@test "cost: an upload of 1 KiB" {
	need_tracing
	cost=$(cost_of put)
	echo "# system calls of a small upload: $cost" >&3
	[ "$cost" -gt 10 ]
	[ "$cost" -le 53 ]
}
