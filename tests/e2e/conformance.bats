#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The RFCs, clause by clause: see conformance, which runs once. Each group of its cases is a test.

load lib

setup_file()
{
	new_place
	write_config 'mode-z = yes' 'mode-z-limit = "16M"' 'directory-message = yes' \
		'limits { sessions-per-address = 100 sessions-per-user = 100 }'
	add_user alice secret
	make_links "$DIR/home/alice/links"
	start_server
	export RESULTS=$DIR/results
	timeout 120 "$BATS_TEST_DIRNAME/conformance" --links /links 127.0.0.1 "$PORT" alice secret >"$RESULTS" 2>&3 || :
	if has_ipv6; then
		timeout 60 "$BATS_TEST_DIRNAME/conformance" --only '^(data connections|HOST|restart): ' ::1 "$PORT6" alice secret \
			>"$RESULTS.6" 2>&3 || :
	fi
	find "$DIR/home/alice" -mindepth 1 -path "$DIR/home/alice/links" -prune -o -mindepth 1 -print >"$DIR/left"
}

make_links()
{
	mkdir -p "$1/dir"
	echo inner >"$1/dir/inner"
	echo content >"$1/file"
	ln -s dir "$1/to-dir"
	ln -s file "$1/to-file"
	ln -s missing "$1/nowhere"
	ln -s . "$1/self"
	touch -d '2020-02-29 12:34:56 UTC' "$1/file"
	chown -hR --reference="$DIR/home/alice" "$1"
}

teardown_file()
{
	BATS_TEST_COMPLETED=1 end_place
}

# The group ran completely; no case deviates or was left out.
conforms()
{
	local cases
	cases=$("$BATS_TEST_DIRNAME/conformance" --only "^$1: " --list | wc -l)
	grep -A 1 -E "^not ok [0-9]+ - $1: |^ok [0-9]+ - $1: .* # SKIP" "$RESULTS" || :
	[ "$cases" -gt 0 ]
	[ "$(grep -E "^ok [0-9]+ - $1: " "$RESULTS" | grep -vc ' # SKIP ')" -eq "$cases" ]
}

@test "each group is a test, and nothing is left in the home" {
	local group
	while IFS= read -r group; do
		grep -qF "conforms '$group'" "$BATS_TEST_FILENAME"
	done < <("$BATS_TEST_DIRNAME/conformance" --groups)
	assert_equal "$(cat "$DIR/left")" ''
}

@test "conformance: every verb before USER, after it, and after the login" {
	conforms 'states'
}

@test "conformance: arguments that are missing or wrong" {
	conforms 'arguments'
}

@test "conformance: TYPE, MODE, STRU" {
	conforms 'parameters'
}

@test "conformance: the form of replies" {
	conforms 'replies'
}

@test "conformance: lines, pieces of them, telnet" {
	conforms 'lines'
}

@test "conformance: directories and 257" {
	conforms 'directories'
}

@test "conformance: names of any bytes" {
	conforms 'names'
}

@test "conformance: renames, SIZE, MDTM" {
	conforms 'files'
}

@test "conformance: PASV, EPSV, PORT, EPRT" {
	conforms 'data connections'
}

@test "conformance: data connections, HOST and REST over IPv6" {
	need_ipv6
	grep -A 1 '^not ok' "$RESULTS.6" || :
	[ "$(grep -c '^ok' "$RESULTS.6")" -gt 40 ]
	[ "$(grep -c '^not ok' "$RESULTS.6")" -eq 0 ]
}

@test "conformance: transfers, byte for byte" {
	conforms 'transfers'
}

@test "conformance: REST" {
	conforms 'restart'
}

@test "conformance: ABOR, STAT and QUIT in mid-transfer" {
	conforms 'mid-transfer'
}

@test "conformance: LIST and NLST" {
	conforms 'listings'
}

@test "conformance: MLST and MLSD" {
	conforms 'MLSx'
}

@test "conformance: links in MLST, MLSD and LIST" {
	conforms 'links'
}

@test "conformance: FEAT, OPTS, HELP" {
	conforms 'FEAT and HELP'
}

@test "conformance: HOST" {
	conforms 'HOST'
}

@test "conformance: HASH, RANG and the older verbs" {
	conforms 'hashes'
}

@test "conformance: MFMT, MFF, SITE" {
	conforms 'facts'
}

@test "conformance: AVBL, DSIZ, RMDA, CLNT, CSID" {
	conforms 'streamlined'
}

@test "conformance: MODE Z" {
	conforms 'MODE Z'
}
