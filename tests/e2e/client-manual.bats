#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What sallyport(1) and docs/CLIENT.md show can be typed as it stands, and every feature is shown.

load lib

bats_require_minimum_version 1.5.0

setup()
{
	MANUAL=$BATS_TEST_DIRNAME/../../man/sallyport.1
	export HOME=$BATS_TEST_TMPDIR LC_ALL=C.UTF-8
	unset XDG_CONFIG_HOME XDG_STATE_HOME NETRC
	mkdir "$BATS_TEST_TMPDIR/work" "$BATS_TEST_TMPDIR/work/photos"
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

# Print the lines of the manual's examples; those that end with a backslash with the next one.
shown_lines()
{
	sed -n 's/^\.Dl //p; /^\.Bd/,/^\.Ed/{/^\./!p}' "$MANUAL" | sed -e ':next' -e '/\\$/{N;s/\\\n */ /;b next' -e '}' |
		sed 's/\\&//g; s/\\e/\\/g'
}

# Print the commands of the program among them, and those of docs/CLIENT.md.
shown_commands()
{
	{ shown_lines && sed -n 's/^    //p' "$BATS_TEST_DIRNAME/../../docs/CLIENT.md"; } |
		sed -n 's/^\([^|]* | \)\{0,1\}\(sallyport .*\)/\2/; s/ | .*//; /^sallyport /p'
}

@test "every example of the manual and of docs/CLIENT.md can be typed as it stands" {
	unshare -n true || skip 'no namespace without a network can be made here'
	[ "$(shown_commands | wc -l)" -gt 50 ]
	while read -r line; do
		# without a network each one ends soon; the status of a wrong command line is 2
		run env PATH="$BUILD:$PATH" SALLYPORT_PASSWORD=x unshare -n timeout 20 bash -c "$line" </dev/null
		[ "$status" -ne 2 ] && [ "$status" -lt 124 ] || fail "$line: status $status, $output"
	done < <(shown_commands)
}

@test "every command has an example" {
	for command in $("$BUILD/sallyport" --help | sed -nE '/^Options/q; s/^  ([a-z]+) .*/\1/p'); do
		shown_commands | grep -qE "^sallyport (.* )?$command( |\$)" || fail "sallyport $command"
	done
	for command in open connections user alias quote queue set copy; do
		shown_lines | grep -qE "^$command( |\$)" || fail "$command"
	done
	shown_lines | grep -qE '^[^#]* > '
	shown_lines | grep -qE '^[a-z][^|]* \| '
	shown_lines | grep -qE ' &$'
}

@test "the options for mirrors, networks, TLS, old servers and output have examples" {
	for option in include exclude exclude-regex newer min-age max-size only-missing existing checksum links perms dir-times \
		max-delete backup-dir watch delete \
		proxy limit-rate source active-address active-ports \
		cert pin tls-min crl-file ocsp \
		charset ascii account server-timezone \
		keyring json progress verify lines algorithm name; do
		shown_commands | grep -qE -- " --$option([ =]|\$)" || fail "--$option"
	done
	shown_lines | grep -q -- --password-command
	shown_lines | grep -qE -- '-s 4|--segments 4'
}
