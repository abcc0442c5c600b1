#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Homes that the unit hides (PrivateTmp=) or makes read-only (ProtectSystem=): each tool explains it, and the advice helps.

# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0

setup() { load lib; }

HIDDEN='PrivateTmp= of the unit gives the server a directory of its own in its place; use a home elsewhere, or add BindPaths= with it'
READ_ONLY='ProtectSystem=full of the unit makes it read-only for the server; use a home elsewhere, or add ReadWritePaths= with it'

told() # PATTERN
{
	journalctl --boot --output cat --unit sallyportd | grep -qF -- "$1"
}

# may_upload NAME: over TLS, as the reply to STOR says it
may_upload()
{
	printf 'bytes of %s' "$1" >"$DIR/$1"
	secure_curl --user "$1:secret" --upload-file "$DIR/$1" "$URL/file"
}

both_checks_warn() # HOME, TEXT
{
	local check
	for check in 'sallyportd -t' 'sallyportctl config check'; do
		# shellcheck disable=SC2086 # words
		run $check
		assert_success
		assert_output --partial "home '$1': $2"
	done
}

# No check warns of it any more, nor does the start, as the server itself sees it.
nobody_warns() # HOME
{
	local check
	for check in 'sallyportd -t' 'sallyportctl config check' 'sallyportctl user set '"${1##*/} --home $1"; do
		# shellcheck disable=SC2086 # words
		run $check
		assert_success
		refute_output --partial "home '$1'"
	done
	run journalctl --boot --output cat --unit sallyportd --invocation=0
	[ "$status" -eq 0 ] || run journalctl --output cat "_SYSTEMD_INVOCATION_ID=$(systemctl show --property InvocationID --value sallyportd)"
	assert_output --partial ': good'
	refute_output --partial "home '$1'"
}

# What the advice says to write with "systemctl edit".
follow() # LINE
{
	mkdir -p /etc/systemd/system/sallyportd.service.d
	printf '[Service]\n%s\n' "$1" >>/etc/systemd/system/sallyportd.service.d/override.conf
	systemctl daemon-reload
	systemctl restart sallyportd
}

@test "a home below /tmp: user add and the checks say that the unit hides it, and so does the log of a login" {
	local top
	for top in /tmp /var/tmp; do
		name=in$(tr -d / <<<"$top")
		run new_account "$name" --home "$top/$name"
		assert_success
		assert_output --partial "home '$top/$name': $HIDDEN"
		run sallyportctl user set "$name" --home "$top/$name"
		assert_output --partial "home '$top/$name': $HIDDEN"
		both_checks_warn "$top/$name" "$HIDDEN"
		run secure_curl --user "$name:secret" --list-only "$URL/"
		assert_failure
		assert_output --partial 'Access denied: 530'
		wait_until -t 30 told "home does not exist; $HIDDEN"
	done
}

@test "a home below /tmp: with BindPaths=, as the advice says, it is served, and the file is where it is looked for" {
	follow 'BindPaths=/tmp/intmp'
	may_upload intmp
	cmp "$DIR/intmp" /tmp/intmp/file
	nobody_warns /tmp/intmp
	# that of the other one stays
	run sallyportctl config check
	assert_output --partial "home '/var/tmp/invartmp': $HIDDEN"
}

@test "a home below /usr: user add and the checks say that it is read-only; the login works, and the log warns" {
	run --separate-stderr new_account rita --home /usr/local/share/rita
	assert_success
	[[ $stderr == *"home '/usr/local/share/rita': $READ_ONLY"* ]]
	both_checks_warn /usr/local/share/rita "$READ_ONLY"
	printf 'hello' >/usr/local/share/rita/given
	run secure_curl --user rita:secret "$URL/given"
	assert_success
	assert_output hello
	wait_until -t 30 told "nothing in the home '/usr/local/share/rita' can be changed: $READ_ONLY"
	run may_upload rita
	assert_failure
	run --separate-stderr secure_curl --verbose --user rita:secret --upload-file "$DIR/rita" "$URL/file"
	[[ $stderr == *'< 553 '*read-only* ]]
	assert_file_not_exists /usr/local/share/rita/file
}

@test "a home below /usr: with ReadWritePaths=, as the advice says, it can be written" {
	follow 'ReadWritePaths=/usr/local/share/rita'
	may_upload rita
	cmp "$DIR/rita" /usr/local/share/rita/file
	nobody_warns /usr/local/share/rita
}
