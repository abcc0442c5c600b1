#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# 500 sessions at once under the unit: all are served, and nothing is left when they have gone.
# long: each session is three processes and a hash, which an emulated processor makes slowly
# limit: 1700

setup() { load lib; }

@test "500 sessions at once, each logged in, and each gets its file" {
	new_account alice
	home_file alice file 100000
	sum=$(sha256sum </srv/sallyport/alice/file | cut -d' ' -f1)
	sed -Ei 's/^( *)(sessions-per-(address|user)) = .*/\1\2 = 1000/; s/^( *)(login|idle) = .*/\1\2 = "1h"/; s/^( *)require = .*/\1require = no/' "$CONF"
	systemctl reload sallyportd
	ulimit -n 4096
	FTP_MANY_LIMIT_S=1500 timeout 1600 "$BATS_TEST_DIRNAME/../e2e/ftp-many" fetch 500 127.0.0.1 21 alice secret file >"$DIR/many"
	# how sessions ended, for one who reads of a failure
	journalctl --unit sallyportd --boot --output cat | sed -nE 's/^(alarm|refused|disconnect) .*( reason="[^"]*").*/\1\2/p' | sort | uniq -c
	dmesg --level err,warn | tail -n 5
	run cat "$DIR/many"
	assert_output "500 226 sha256=$sum"
	is_served
	wait_until -t 60 service_is_alone
	run journalctl --unit sallyportd --boot --output cat
	refute_output --partial alarm
}

# Master, logger, and what else has no session.
service_is_alone()
{
	[ "$(systemctl show --property=TasksCurrent --value sallyportd)" -le 6 ]
}
