#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mirror of sallyport(1): a pipeline, filters, and what it never removes.

load lib
load tls-lib
load client-lib

setup_file()
{
	make_authority
}

setup()
{
	new_client_place
}

teardown()
{
	end_place
}

# tree_in_home DIRECTORIES FILES: make alice's d1 ... with f1 ... in each.
tree_in_home()
{
	local d f
	for d in $(seq "$1"); do
		mkdir -p "$H/d$d"
		for f in $(seq "$2"); do
			echo "$d/$f" >"$H/d$d/f$f"
		done
	done
	chown -R --reference="$H" "$H"
}

# moves [PATTERN]: the transfers in the order of the log, one word each: list, down, up.
moves()
{
	sed -n 's/.* info transfer .*direction="\([a-z]*\)".*/\1/p' "$DIR/log"
}

@test "mirror: files are copied before all directories are listed" {
	tree_in_home 20 3
	run -0 client mirror "$(at)" m
	assert_line --partial 'mirror: 60 copied'
	diff -r "$H" m
	wait_until test "$(moves | grep -c list)" -eq 21
	moves >moves
	[ "$(grep -n -m1 down moves | cut -d: -f1)" -eq 3 ]
	[ "$(grep -n list moves | tail -n1 | cut -d: -f1)" -gt 70 ]
	run -0 client mirror "$(at)" m
	assert_line --partial 'mirror: 0 copied (0 B), 60 the same'
}

@test "mirror: several connections list and copy, down and up" {
	tree_in_home 30 4
	run -0 client mirror -P 4 "$(at)" m
	assert_line --partial 'mirror: 120 copied'
	diff -r "$H" m
	rm -r "$H"/d*
	run -0 client mirror -P 4 m "$(at)"
	assert_line --partial 'mirror: 120 copied'
	assert_line --partial '30 directories made'
	diff -r m "$H"
	run -0 client mirror -P 4 m "$(at)"
	assert_line --partial 'mirror: 0 copied (0 B), 120 the same'
}

@test "mirror --delete: one listing that fails keeps every name on the other side" {
	tree_in_home 8 2
	run -0 client mirror "$(at)" m
	echo mine >m/d1/mine
	mkdir m/d9
	chmod 0 "$H/d5"
	run client mirror -P 3 --delete "$(at)" m
	[ "$status" -eq 3 ]
	assert_line --partial '2 names were not removed, since not everything was copied'
	[ -e m/d1/mine ]
	[ -d m/d9 ]
	chmod 700 "$H/d5"
	run -0 client mirror -P 3 --delete "$(at)" m
	[ ! -e m/d1/mine ]
	[ ! -e m/d9 ]
}

@test "mirror --delete-before: everything is listed, then removed, then copied" {
	tree_in_home 6 2
	mkdir -p m/d1 m/d2/f1 m/old/deep
	echo x >m/d1/extra
	run -0 client mirror -P 3 --delete-before "$(at)" m
	diff -r "$H" m
	assert_line --partial '12 copied'
	assert_line --partial '3 removed'
}
