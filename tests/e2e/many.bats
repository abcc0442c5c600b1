#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Many clients at once, and what remains when they are gone.

load lib

setup()
{
	new_place
	write_config 'limits { sessions-per-address = 1000 sessions-per-user = 1000 }' 'timeouts { login = "2m" }'
	add_user alice secret
	start_server
	HOME_DIR=$DIR/home/alice
	ulimit -n 4096
	head -c 1048576 /dev/urandom >"$HOME_DIR/f"
	SUM=$(sha256sum <"$HOME_DIR/f" | cut -d' ' -f1)
}

teardown()
{
	end_place
}

fetch()
{
	timeout 150 "$BATS_TEST_DIRNAME/ftp-many" fetch "$1" 127.0.0.1 "$PORT" alice secret f
}

count_descriptors()
{
	find "/proc/$SERVER_PID/fd" -mindepth 1 | wc -l
}

resident_kib()
{
	status_of "$SERVER_PID" VmRSS | cut -d' ' -f1
}

is_quiet()
{
	! pgrep -P "$SERVER_PID" -f 'sallyportd: monitor' >/dev/null && has_no_zombie
}

@test "50 clients with curl at once, up and down" {
	clients=()
	for i in $(seq 50); do
		(
			curl -sS --max-time 60 "$(url alice:secret f)" -o "$DIR/down.$i" &&
				curl -sS --max-time 60 -T "$DIR/down.$i" "$(url alice:secret "up.$i")"
		) 3>&- &
		clients+=("$!")
	done
	wait "${clients[@]}"
	for i in $(seq 50); do
		cmp "$HOME_DIR/f" "$DIR/down.$i"
		cmp "$HOME_DIR/f" "$HOME_DIR/up.$i"
	done
}

@test "200 clients each fetch 1 MiB without an error" {
	run fetch 200
	assert_output "200 226 sha256=$SUM"
	wait_until -t 30 is_quiet
	assert_equal "$(log_count ' transfer .*result="ok"')" 200
}

@test "nothing is left behind: no zombie, no descriptor, no memory" {
	run fetch 40
	assert_output "40 226 sha256=$SUM"
	wait_until -t 30 is_quiet
	descriptors=$(count_descriptors)
	resident=$(resident_kib)
	for _ in 1 2 3; do
		run fetch 40
		assert_output "40 226 sha256=$SUM"
	done
	wait_until -t 30 is_quiet
	assert_equal "$(count_descriptors)" "$descriptors"
	wait_until has_no_zombie
	now=$(resident_kib)
	echo "resident: $resident KiB, then $now KiB"
	is_asan || [ "$now" -le $((resident + 512)) ]
}
