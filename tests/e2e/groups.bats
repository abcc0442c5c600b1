#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Groups of settings: what an account takes from its group, at the next login.

load lib

setup()
{
	new_place
	write_config
}

teardown()
{
	end_place
}

# say_of NAME OPTIONS: the options of the account's line, written with an editor.
say_of()
{
	sed -i "s|^\($1:.*:\)[^:]*\$|\1$2|" "$DIR/etc/users"
}

# group NAME OPTIONS: define it, or define it anew.
group()
{
	sed -i "/^+group $1:/d" "$DIR/etc/users"
	sed -i "1i +group $1:$2" "$DIR/etc/users"
}

put()
{
	curl -sS --max-time 30 --user "$1:secret" -T "$DIR/file" "ftp://127.0.0.1:$PORT/$2"
}

get()
{
	curl -sS --max-time 30 --user "$1:secret" "ftp://127.0.0.1:$PORT/$2"
}

@test "an account has what its group says, and its own word wins" {
	head -c 3000 /dev/urandom >"$DIR/file"
	add_user alice secret
	add_user bob secret
	group staff 'rights=list,read,create quota=5000'
	: >>"$DIR/etc/users"
	sed -i 's/^\(alice:.*:\)$/\1group=staff/; s/^\(bob:.*:\)$/\1group=staff quota=none rights=all/' "$DIR/etc/users"
	start_server
	put alice a
	get alice a | cmp - "$DIR/file"
	run put alice a
	assert_failure
	run lftp -u alice,secret -e 'set net:max-retries 1; rm a; exit' "ftp://127.0.0.1:$PORT"
	assert_failure
	assert_output --partial '550'
	run put alice b
	assert_failure
	put bob a
	put bob b
	lftp -u bob,secret -e 'set net:max-retries 1; rm a; exit' "ftp://127.0.0.1:$PORT"
	# a change of the group counts at the next login
	group staff 'rights=all quota=1M'
	put alice b
	put alice b
	lftp -u alice,secret -e 'set net:max-retries 1; rm a; exit' "ftp://127.0.0.1:$PORT"
}

@test "networks, expiry and sessions of the group" {
	add_user alice secret
	add_user bob secret
	group staff 'allow-from=192.0.2.0/24'
	sed -i 's/^\(alice:.*:\)$/\1group=staff/; s/^\(bob:.*:\)$/\1group=staff allow-from=any/' "$DIR/etc/users"
	start_server
	run get alice ''
	assert_failure 67
	wait_until log_has 'account may not log in from this address'
	get bob ''
	group staff 'expires=2020-01-01'
	run get alice ''
	assert_failure 67
	wait_until log_has 'account has expired'
	group staff 'max-sessions=1'
	ftp_open
	ftp 'USER alice' 331
	ftp 'PASS secret' 230
	run get alice ''
	assert_failure
	get bob ''
	get bob ''
	ftp_close
}

@test "an account whose group is not defined cannot log in, and config check says so" {
	add_user alice secret
	add_user bob secret
	sed -i 's/^\(alice:.*:\)$/\1group=staff/' "$DIR/etc/users"
	start_server
	run get alice ''
	assert_failure 67
	wait_until log_has 'the users file does not define the group of the account'
	get bob ''
	run ctl config check
	assert_success
	assert_output --partial "etc/users:$(grep -n '^alice' "$DIR/etc/users" | cut -d: -f1): no line defines the group of 'alice'"
	refute_output --partial 'bob'
	group staff ''
	get alice ''
	run ctl config check
	refute_output --partial 'alice'
	group staff 'group=other'
	run ctl config check
	assert_failure
	assert_output --partial 'etc/users:1: an option that only an account can have'
}
