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

@test "sallyportctl: a group is made, joined, shown, changed, left and removed" {
	ctl group add staff --quota 5000 --allow list,read,create --max-sessions 3
	run ctl group add staff
	assert_failure 1
	assert_output --partial 'exists already'
	run ctl group add 'a b'
	assert_failure 2
	echo secret | ctl user add alice --password-stdin --home "$DIR/home/alice" --group staff
	run ctl user add bob --password-stdin --group stuff </dev/null
	assert_failure 1
	assert_output --partial "no group 'stuff'"
	add_user bob secret
	run ctl user set bob --group stuff
	assert_failure 1
	ctl user set bob --group staff --quota none --deny read
	assert_equal "$(grep '^alice' "$DIR/etc/users" | cut -d: -f6-)" 'group=staff'
	assert_equal "$(grep '^bob' "$DIR/etc/users" | cut -d: -f6-)" 'group=staff rights=list,create quota=none'

	run ctl user show bob
	assert_line 'group:        staff'
	assert_line 'quota:        none'
	assert_line 'max-sessions: 3'
	assert_line 'its own:      rights, quota, group'
	assert_line 'by the group: max-sessions'
	run ctl --json user show bob
	assert_equal "$(jq -c '[.group, .max_sessions, .from.quota, .from."max-sessions", .from.expires]' <<<"$output")" \
		'["staff",3,"account","group","default"]'
	assert_equal "$(ctl --json user list | jq -c '[.[] | [.name, .quota]]')" '[["alice",5000],["bob",null]]'

	run ctl group list
	assert_line --regexp '^staff +2  rights=list,read,create max-sessions=3 quota=5000$'
	assert_equal "$(ctl --json group list | jq -c .)" \
		'[{"name":"staff","accounts":2,"options":{"rights":"list,read,create","max-sessions":"3","quota":"5000"}}]'
	assert_equal "$(ctl --json group show staff | jq -c .accounts)" '["alice","bob"]'

	run ctl user set bob --inherit quota,group
	assert_failure 2
	run ctl user set bob --inherit quota --quota 5
	assert_failure 2
	ctl user set bob --inherit quota,rights
	assert_equal "$(grep '^bob' "$DIR/etc/users" | cut -d: -f6-)" 'group=staff'
	ctl group set staff --deny create --max-sessions 0 --quota 1G
	assert_equal "$(grep '^+group' "$DIR/etc/users")" '+group staff:rights=list,read quota=1G'

	run ctl group remove staff
	assert_failure 1
	assert_output --partial "2 accounts are of the group 'staff'"
	ctl user set bob --group none
	assert_equal "$(grep '^bob' "$DIR/etc/users" | cut -d: -f6-)" ''
	run ctl group remove staff --force
	assert_success
	assert_output --partial '1 account of the group cannot log in any more'
	run ctl user show alice
	assert_line 'state:        no group'
	assert_line --partial 'not defined, so the account cannot log in'
	run ctl group remove staff
	assert_failure 1
	ctl user set alice --group none
	assert_equal "$(ctl group list | wc -l)" 1
}

@test "a quota that comes with the group is counted, and enforced, as one of the account" {
	head -c 3000 /dev/urandom >"$DIR/file"
	ctl group add staff
	echo secret | ctl user add alice --password-stdin --home "$DIR/home/alice" --group staff
	start_server
	put alice a
	ctl group set staff --quota 5000
	wait_until is_exact alice 3000 5000
	run put alice b
	assert_failure
	ctl group set staff --quota 10000
	put alice b
	assert_equal "$(ctl --json quota show alice | jq -c '[.bytes, .quota]')" '[6000,10000]'
	ctl user set alice --quota none
	put alice c
	put alice d
}

is_exact()
{
	[ "$(ctl --json quota show "$1" | jq -c '[.bytes, .quota, .figure]')" = "[$2,$3,\"exact\"]" ]
}

@test "import: an account whose group is nowhere is refused" {
	ctl group add staff --quota 5000
	printf '%s\n' 'a:$y$x:200001:200001:/srv/a:group=staff' 'b:$y$x:200002:200002:/srv/b:group=guests' \
		'c:$y$x:200003:200003:/srv/c:group=visitors' '+group visitors:' >"$DIR/import"
	run ctl user import "$DIR/import"
	assert_failure 1
	assert_output --partial "import:2: 'b': its group of settings is defined neither here nor in the users file"
	refute_output --partial "'c'"
	ctl user import "$DIR/import" --skip || :
	assert_equal "$(ctl --json user list | jq -c '[.[].name]')" '["a","c"]'
}

@test "group set and group add refuse what contradicts an account's own words, and name it" {
	ctl group add staff --keep 30d
	for name in alice bob carol; do
		add_user "$name" secret --group staff
	done
	ctl user set alice --retain 20d
	ctl user set bob --retain 30d
	cp "$DIR/etc/users" "$DIR/before"
	run ctl group set staff --keep 10d
	assert_failure 1
	assert_line --partial "account 'alice' contradicts its group 'staff' then: retain is longer than keep"
	assert_line --partial "account 'bob' contradicts"
	refute_output --partial carol
	assert_line --partial "stays as it is; change those accounts with 'user set' first"
	cmp "$DIR/before" "$DIR/etc/users"
	run ctl group set staff --keep 20d
	assert_failure 1
	assert_line --partial "account 'bob' contradicts"
	assert_line --partial 'change that account'
	refute_output --partial "'alice'"
	# what contradicts nobody is taken, and counted
	run ctl group set staff --keep 31d
	assert_output 'staff: changed; 3 accounts'
	ctl user set bob --retain none
	run ctl group set staff --keep 20d
	assert_output 'staff: changed; 3 accounts'
	run ctl config check
	refute_output --partial contradicts
	# accounts can name a group that is yet to come
	sed -i '/^+group/d' "$DIR/etc/users"
	run ctl group add staff --keep 5d
	assert_failure 1
	assert_line --partial "account 'alice' contradicts its group 'staff' then"
	ctl user set alice --retain none
	ctl group add staff --keep 5d
	for name in bob carol; do
		ctl user set "$name" --group none
	done
	run ctl group set staff --keep 6d
	assert_output 'staff: changed; 1 account'
}
