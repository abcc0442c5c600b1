# SPDX-License-Identifier: ISC
# sallyportd(8) describes exactly the log that the sources write, and SECURITY.md names real tests.

load lib

setup()
{
	cd "$BATS_TEST_DIRNAME/../.." || return 1
}

# Print every event of a call of log_begin() or log_message(), and of the monitor's table of notes.
events()
{
	grep -rhoE --include='*.c' '(log_begin|log_message)\([^"]*"[a-z-]+"|\{"[a-z-]+", LEVEL_[A-Z]+' daemon privsep |
		sed 's/^[^"]*"//; s/".*//' | sort -u
}

# only test builds have the field "takeover", so no manual describes it
fields()
{
	grep -rhoE --include='*.c' 'log_field_(text|bytes|u64)\("[a-z_]+"' daemon privsep | sed 's/^[^"]*"//; s/".*//' | grep -vx takeover | sort -u
}

@test "every event of the log stands in sallyportd(8)" {
	[ "$(events | wc -l)" -gt 20 ]
	for event in $(events); do
		grep -qE "^\.It Cm ([a-z-]+ , )*$event( ,|$)" man/sallyportd.8 || fail "event $event"
	done
}

@test "every field of the log stands in sallyportd(8)" {
	[ "$(fields | wc -l)" -gt 20 ]
	for field in $(fields); do
		grep -qE "^\.(Pq |It )?Cm ([a-z_]+ , )*$field( |$)" man/sallyportd.8 || fail "field $field"
	done
}

@test "every event and field of the log stands in the schema of JSON lines" {
	for word in $(events) $(fields); do
		grep -qE "^[[:blank:]]*\"$word\"(,|: \{|\$)" docs/log.schema.json || fail "$word"
	done
}

# Print the tests of takeover.bats that SECURITY.md names in brackets: 'takeover.bats: NAME; NAME'. A reference may
# be the beginning of a name.
claims()
{
	tr -s '\n ' '  ' <SECURITY.md | grep -oE 'takeover\.bats: [^)]+' | sed 's/^takeover\.bats: //' | tr ';' '\n' | sed 's/^ *//'
}

@test "every test of takeover.bats that SECURITY.md names exists" {
	[ "$(claims | wc -l)" -gt 20 ]
	while read -r claim; do
		grep -qF -- "@test \"$claim" tests/e2e/takeover.bats || fail "no test '$claim'"
	done < <(claims)
}

@test "every test file that SECURITY.md names exists" {
	names=$(grep -oE '(build/)?tests/(e2e|unit|fuzz)/[a-z_-]+(\.c|\.py|\.bats)?' SECURITY.md | sort -u)
	[ "$(wc -l <<<"$names")" -gt 15 ]
	for name in $names; do
		name=${name#build/}
		[ -e "$name" ] || [ -e "$name.c" ] || [ "$name" = tests/fuzz/replay_files_state ] || fail "$name"
	done
}

# Print every word in the form `name()`.
named_functions()
{
	grep -oE '`[a-z0-9_]+\(\)`' ARCHITECTURE.md | tr -d '`()' | sort -u
}

# Print every word in the form `name.c`, `folder/name.h` or `folder/`.
named_files()
{
	grep -oE '`[a-z0-9_-]+(/[a-z0-9_-]+)*(\.[ch]|/)`' ARCHITECTURE.md | tr -d '`' | sort -u
}

@test "every function that ARCHITECTURE.md names exists" {
	[ "$(named_functions | wc -l)" -gt 20 ]
	for name in $(named_functions); do
		grep -rqE --include='*.[ch]' "^$name\(" accounts admin client common config daemon privsep trusted ||
			fail "function $name()"
	done
}

@test "every file and folder that ARCHITECTURE.md names exists" {
	[ "$(named_files | wc -l)" -gt 60 ]
	for name in $(named_files); do
		if [ "${name%/}" != "$name" ]; then
			[ -d "$name" ] || fail "folder $name"
		else
			find accounts admin client common config daemon privsep trusted tests -path "*/$name" | grep -q . ||
				[ -e "$name" ] || fail "file $name"
		fi
	done
}
