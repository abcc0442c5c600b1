#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyportctl user ..., and the effect of each change on the next login.

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

# may_login NAME PASSWORD / refused NAME PASSWORD: each makes a connection of its own.
may_login()
{
	curl -sS --max-time 30 --user "$1:$2" "ftp://127.0.0.1:$PORT/" >/dev/null
}

refused()
{
	run curl -sS --max-time 30 --user "$1:$2" "ftp://127.0.0.1:$PORT/"
	assert_equal "$status" 67
}

@test "add: the user logs in, with the server running already" {
	start_server
	add_user alice 'correct horse'
	may_login alice 'correct horse'
	refused alice 'wrong'
	refused nobody 'correct horse'
}

@test "add: the home is made, belongs to a user id of its own, and is closed to others" {
	add_user alice secret
	add_user bob secret
	[ -d "$DIR/home/alice" ]
	alice=$(stat -c %u "$DIR/home/alice")
	bob=$(stat -c %u "$DIR/home/bob")
	[ "$alice" -ge 200000 ]
	[ "$alice" -ne "$bob" ]
	assert_equal "$(stat -c %a "$DIR/home/alice")" 750
}

@test "add: the users file is closed to others and has no password in it" {
	add_user alice 'correct horse'
	assert_equal "$(stat -c '%a %u' "$DIR/etc/users")" "600 0"
	run grep -c 'correct horse' "$DIR/etc/users"
	assert_output 0
	run grep -F 'alice:$y$' "$DIR/etc/users"
	assert_success
}

@test "add: a name that exists, or is no name, is refused" {
	add_user alice secret
	run add_user alice other
	assert_failure 1
	for name in 'a:b' 'a/b' '' '.' '..' "$(printf 'a\tb')" "$(printf 'a\nb')" -x "$(printf 'x%.0s' $(seq 65))"; do
		run add_user "$name" secret --home "$DIR/home/x"
		assert_failure
	done
	run ctl user list
	assert_output --partial alice
	assert_equal "$(grep -vc '^#' "$DIR/etc/users")" 1
}

@test "add: a directory of another owner is not taken over silently" {
	mkdir "$DIR/home/other"
	chown 12345:12345 "$DIR/home/other"
	run add_user alice secret --home "$DIR/home/other"
	assert_failure 1
	assert_equal "$(stat -c %u "$DIR/home/other")" 12345
	assert_output --partial 'use --uid 12345'
	refute_output --partial chown
	add_user alice secret --home "$DIR/home/other" --uid 12345
}

@test "del --purge-home: a tree on a file system whose rename has no flags" {
	add_user alice secret
	mkdir -p "$DIR/home/alice/a/b/c" "$DIR/home/alice/d/b/c"
	touch "$DIR/home/alice/a/b/c/f" "$DIR/home/alice/d/b/f"
	run "$BUILD/tests/helpers/without_noreplace" "$BUILD/sallyportctl" -c "$CONF" user del alice --purge-home
	assert_success
	[ ! -e "$DIR/home/alice" ]
}

@test "advice: nothing that root or the system owns is to change its owner or mode, or to go" {
	run add_user alice secret --home /etc
	assert_failure 1
	assert_output --partial "belongs to root; use another one with --home"
	refute_output --regexp 'chown|chmod|--uid'
	add_user alice secret
	sed -i "s|$DIR/home/alice|/etc|" "$DIR/etc/users"
	run ctl user del alice --purge-home
	assert_failure 1
	assert_output --partial 'without --purge-home, which leaves the place as it is'
	refute_output --partial 'by hand'
	write_config 'accounts = "/etc/passwd"'
	run ctl config check
	assert_failure 1
	assert_output --partial 'if it has the accounts of this server alone, or name another file'
}

@test "passwd: the old password is refused at once, the new one taken" {
	start_server
	add_user alice old
	may_login alice old
	printf 'new\n' | ctl user passwd alice --password-stdin
	refused alice old
	may_login alice new
}

@test "lock and unlock" {
	start_server
	add_user alice secret
	ctl user lock alice
	refused alice secret
	ctl user unlock alice
	may_login alice secret
}

@test "del: the user cannot log in; the home stays" {
	start_server
	add_user alice secret
	ctl user del alice
	refused alice secret
	[ -d "$DIR/home/alice" ]
}

@test "set: expired accounts are refused" {
	start_server
	add_user alice secret
	ctl user set alice --expires 2020-01-01
	refused alice secret
	ctl user set alice --expires 2999-01-01
	may_login alice secret
}

@test "set: logins from elsewhere are refused" {
	start_server
	add_user alice secret --allow-from 192.0.2.0/24
	refused alice secret
	ctl user set alice --allow-from 192.0.2.0/24 --allow-from 127.0.0.0/8
	may_login alice secret
}

@test "set: read-only" {
	start_server
	add_user alice secret
	echo new >"$DIR/new"
	ctl user set alice --read-only
	run curl -sS --max-time 30 -T "$DIR/new" "ftp://alice:secret@127.0.0.1:$PORT/new"
	assert_failure
	[ ! -e "$DIR/home/alice/new" ]
	ctl user set alice --no-read-only
	curl -sS --max-time 30 -T "$DIR/new" "ftp://alice:secret@127.0.0.1:$PORT/new"
	assert_equal "$(cat "$DIR/home/alice/new")" new
}

@test "set: rights" {
	add_user alice secret
	run ctl user set alice --allow list,write
	assert_failure 2
	run ctl user set alice --deny all
	assert_failure
	run ctl user show alice
	assert_line 'rights:       all'
	ctl user set alice --allow list,read,create
	run ctl user show alice
	assert_line 'rights:       list,read,create'
	# --deny removes rights, and never brings any back
	ctl user set alice --deny create,delete
	run ctl --json user show alice
	assert_output --partial '"rights": ['
	refute_output --partial create
	refute_output --partial chmod
	ctl user set alice --allow all --deny chmod --read-only
	ctl user set alice --no-read-only
	run ctl user show alice
	assert_line 'rights:       list,read,create,overwrite,delete,rename,mkdir,rmdir'
	ctl user set alice --allow all
	run grep -c rights= "$DIR/etc/users"
	assert_output 0
	add_user bob secret --deny delete
	run ctl user list
	assert_output --partial list,read,create,overwrite,rename
}

@test "rights are enforced" {
	start_server
	add_user alice secret --allow list,create
	echo new >"$DIR/new"
	curl -sS --max-time 30 -T "$DIR/new" "ftp://alice:secret@127.0.0.1:$PORT/new"
	assert_equal "$(cat "$DIR/home/alice/new")" new
	run curl -sS --max-time 30 "ftp://alice:secret@127.0.0.1:$PORT/new"
	assert_failure
	echo newer >"$DIR/new"
	run curl -sS --max-time 30 -T "$DIR/new" "ftp://alice:secret@127.0.0.1:$PORT/new"
	assert_failure
	assert_equal "$(cat "$DIR/home/alice/new")" new
	run curl -sS --max-time 30 -Q "DELE new" "ftp://alice:secret@127.0.0.1:$PORT/"
	assert_failure
	[ -e "$DIR/home/alice/new" ]
	curl -sS --max-time 30 "ftp://alice:secret@127.0.0.1:$PORT/"
}

@test "set: max-sessions" {
	start_server
	add_user alice secret --max-sessions 1
	ftp_login alice secret
	run curl -sS --max-time 30 "ftp://alice:secret@127.0.0.1:$PORT/"
	assert_failure
	ftp QUIT 221
	wait_until may_login alice secret
}

# add_password NAME LABEL PASSWORD [OPTION...]
add_password()
{
	local name=$1 label=$2 password=$3
	shift 3
	printf '%s\n' "$password" | ctl user passwd add "$name" --label "$label" --password-stdin "$@"
}

# used NAME LABEL: when it was used last; "null": never
used()
{
	ctl --json user passwd list "$1" | jq -r ".[] | select(.label == \"$2\") | .last_use"
}

was_used()
{
	[ "$(used "$1" "$2")" != null ]
}

@test "passwords: a new one takes over from the old one without an outage" {
	add_user alice old
	add_user bob secret
	start_server
	may_login alice old
	add_password alice phone new
	# until the clients have changed, both log in
	may_login alice new
	may_login alice old
	refused alice other
	wait_until log_has ' login .* user="alice" .*password_label="phone"'
	wait_until log_has ' login .* user="alice" .*password_label="main"'
	wait_until was_used alice phone
	assert_equal "$(ctl --json user passwd list alice | jq -c '[.[] | [.label, .expires]]')" \
		'[["main",null],["phone",null]]'
	ctl user passwd del alice --label main
	refused alice old
	may_login alice new
	echo newer | ctl user passwd alice --password-stdin
	may_login alice newer
	may_login alice new
	ctl user passwd del alice --label phone
	refused alice new
	may_login alice newer
	run ctl user passwd del alice --label main
	assert_failure 1
	assert_output --partial 'has no other password'
	# an account with one password leaves no trace, and its login names none
	may_login bob secret
	assert_equal "$(find "$DIR/state/passwords" -name 'bob*')" ''
	run grep ' login .*user="bob"' "$LOG"
	refute_output --partial "password_label"
	# a later account of the name begins anew
	: >"$DIR/state/passwords/alice2:main"
	[ -e "$DIR/state/passwords/alice:main" ]
	ctl user del alice
	assert_equal "$(cd "$DIR/state/passwords" && echo *)" alice2:main
}

@test "passwords: a removal after which nobody could log in is told" {
	add_user alice main-secret
	add_password alice past gone --expires 2020-01-01
	add_password alice next later
	run ctl user passwd del alice --label main
	assert_success
	assert_output "alice: password 'main' removed"
	run ctl user passwd del alice --label next
	assert_success
	assert_output --partial "'alice' cannot log in: all passwords that are left have expired; 'user passwd add' adds one"
	run ctl user passwd del alice --label past
	assert_success
	assert_output --partial "'alice' cannot log in: it has no password left; 'user passwd add' adds one"
}

@test "passwords: expiry, lock, order, limits and errors" {
	add_user alice main-secret
	run add_password alice past gone --expires 2020-01-01
	assert_success
	assert_output --partial "--expires '2020-01-01' has passed, so the password 'past' logs nobody in"
	add_password alice next later --expires 2090-01-01
	start_server
	refused alice gone
	may_login alice later
	run ctl user passwd list alice
	assert_line --regexp '^past +2020-01-01 +never$'
	assert_line --regexp '^next +2090-01-01 '
	run ctl user show alice
	assert_line 'password:     past'
	run add_password alice next again
	assert_failure 1
	assert_output --partial "has a password 'next' already"
	for label in '' main a/b .x "$(printf 'x%.0s' {1..33})"; do
		run add_password alice "$label" again
		assert_failure 2
	done
	run add_password alice 'a b' again
	assert_output "sallyportctl: bad --label 'a b'; use 1 to 32 letters, digits, '.', '_' or '-', not 'main'"
	run ctl user passwd add alice --label x --expires tomorrow
	assert_failure 2
	run ctl user passwd add nobody --label x
	assert_failure 1
	run ctl user passwd del alice --label nothing
	assert_failure 1
	for i in 3 4 5 6 7 8; do
		add_password alice "n$i" "secret-$i"
	done
	run add_password alice n9 secret-9
	assert_failure 1
	assert_output --partial 'too many passwords; at most 8 besides the first'
	may_login alice secret-8
	ctl user lock alice
	refused alice secret-8
	refused alice main-secret
	ctl user unlock alice
	may_login alice main-secret
	# they come along with an export and an import
	ctl user export "$DIR/export"
	sed 's/^alice/carol/' "$DIR/export" >"$DIR/import"
	ctl user import "$DIR/import"
	may_login carol secret-8
	# the usual form keeps the others
	echo other | ctl user passwd alice --password-stdin
	may_login alice other
	may_login alice later
	refused alice main-secret
}

@test "passwords: the time of a refusal tells neither a name nor how many passwords it has" {
	add_user one secret
	add_user many secret
	for i in 1 2 3; do
		add_password many "n$i" "secret-$i"
	done
	start_server
	may_login many secret-3
	local times=() time low high
	# Each refusal comes at the same step of the grid. An address of its own has no failures behind it; the best of some
	# tries is free of what else the machine does.
	for name in one many nobody; do
		low=
		for try in 2 3 4 5 6 7; do
			time=$(curl -s --max-time 30 --interface "127.0.${#times[@]}.$try" -o /dev/null -w '%{time_total}\n' \
				--user "$name:wrong" "ftp://127.0.0.1:$PORT/" | awk '{ print int($1 * 1000) }')
			[ -n "$low" ] && [ "$time" -ge "$low" ] || low=$time
		done
		times[${#times[@]}]=$low
	done
	echo "milliseconds: ${times[*]}"
	low=${times[0]} high=${times[0]}
	for time in "${times[@]}"; do
		[ "$time" -ge "$low" ] || low=$time
		[ "$time" -le "$high" ] || high=$time
	done
	# a step has room for twice the slowest account; the check of one hash alone takes a quarter of that
	[ $((high - low)) -le $((low / 2 + 100)) ]
}

@test "list and show, as text and as JSON" {
	add_user alice secret
	add_user bob secret --read-only
	run ctl user list
	assert_success
	assert_output --partial alice
	assert_output --partial bob
	ctl --json user list | python3 -c 'import json, sys; json.load(sys.stdin)'
	ctl --json user show bob | python3 -c 'import json, sys; assert "bob" in json.dumps(json.load(sys.stdin))'
	run ctl user show alice
	assert_output --partial "$DIR/home/alice"
	refute_output --partial '$y$'
	run ctl user show nobody
	assert_failure 1
}

@test "comments and unknown options of the users file are kept" {
	add_user alice secret
	echo '# the night shift' >>"$DIR/etc/users"
	add_user bob secret
	ctl user del alice
	run cat "$DIR/etc/users"
	assert_output --partial '# the night shift'
	assert_output --partial 'bob:'
	refute_output --partial 'alice:'
}

@test "definition lines keep their place, are exported, and come in with an import" {
	add_user alice secret
	sed -i '1i +group staff:quota=1G later' "$DIR/etc/users"
	echo '+group guests:rights=list,read' >>"$DIR/etc/users"
	add_user bob secret
	ctl user set alice --max-sessions 2
	ctl user lock bob
	ctl user del bob
	run sed 's/:.*//' "$DIR/etc/users"
	assert_line --index 0 '+group staff'
	assert_equal "$(tail -n 2 "$DIR/etc/users" | sed 's/:.*//' | tr '\n' ' ')" 'alice +group guests '
	start_server
	may_login alice secret
	for name in '+group staff' '+group guests'; do
		run ctl user del "$name"
		assert_failure
		run ctl user show "$name"
		assert_failure
	done
	run ctl config check
	assert_output --partial "etc/users:1: unknown option 'later'"
	ctl user export "$DIR/export"
	run sed 's/:.*//' "$DIR/export"
	assert_output "$(printf '%s\n' '+group staff' '+group guests' alice)"

	cp "$DIR/etc/users" "$DIR/before"
	run ctl user import "$DIR/export"
	assert_failure
	assert_output --partial "'alice': the account exists already"
	refute_output --partial '+group'
	cmp "$DIR/before" "$DIR/etc/users"
	sed -i 's/^alice/carol/; s/+group guests:.*/+group guests:quota=1/' "$DIR/export"
	run ctl user import "$DIR/export"
	assert_failure
	assert_output --partial "export:2: '+group guests': the users file defines it differently"
	sed -i 's/+group guests/+group visitors/' "$DIR/export"
	run ctl user import "$DIR/export"
	assert_success
	assert_output --partial '1 account imported'
	assert_equal "$(grep -c '^+group' "$DIR/etc/users")" 3
	may_login carol secret
}

@test "a definition of an unknown kind, or defined twice, refuses the file with its line; the accounts in force stay" {
	add_user alice secret
	start_server
	may_login alice secret
	echo '+grup staff:' >>"$DIR/etc/users"
	line=$(grep -n '^+grup' "$DIR/etc/users" | cut -d: -f1)
	run ctl config check
	assert_failure
	assert_output --partial "etc/users:$line: a definition of an unknown kind; the kinds are: group"
	may_login alice secret
	sed -i 's/^+grup staff:/+group staff:\n+group staff:/' "$DIR/etc/users"
	run ctl config check
	assert_failure
	assert_output --partial "etc/users:$((line + 1)): the definition '+group staff' is in line $line already"
	sed -i '$d' "$DIR/etc/users"
	ctl config check
}

@test "usage errors exit with 2, failures with 1" {
	run ctl user frobnicate
	assert_failure 2
	run ctl user add
	assert_failure 2
	run ctl user del nobody
	assert_failure 1
}

@test "user passwd list, add and del without a name say what is missing; an account may have such a name" {
	write_config
	add_user alice secret
	for verb in list add del; do
		run ctl user passwd "$verb"
		assert_failure 2
		assert_output "sallyportctl: 'user passwd $verb' needs a name: user passwd $verb NAME"
	done
	run ctl user passwd del --label x
	assert_failure 2
	assert_output "sallyportctl: 'user passwd del' needs a name: user passwd del NAME"
	run ctl user passwd nobody
	assert_failure 1
	assert_output --partial "no account 'nobody'"
	add_user list secret
	before=$(grep '^list:' "$DIR/etc/users")
	ctl user passwd list --password-stdin <<<other
	[ "$(grep '^list:' "$DIR/etc/users")" != "$before" ]
	run ctl user passwd list list
	assert_success
	assert_output --partial main
}
