#!/usr/bin/env bats
# Completion in bash: what --help shows can be completed, all of it.

load lib

setup()
{
	COMPLETIONS=$BATS_TEST_DIRNAME/../../etc/bash-completion
	for file in "$COMPLETIONS"/*; do
		# shellcheck source=/dev/null
		source "$file"
	done
}

teardown()
{
	[ -z "${DIR-}" ] || end_place
}

# completed PROGRAM WORD...: what the last word can become, one a line.
completed()
{
	local function
	function=$(complete -p "$1" | sed 's/.*-F \([^ ]*\) .*/\1/')
	COMP_WORDS=("$BUILD/$1" "${@:2}")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	"$function" "$BUILD/$1" "${*: -1}" "${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]}"
}

@test "sallyportctl: every noun, verb and option of --help" {
	"$BUILD/sallyportctl" --help >"$BATS_TEST_TMPDIR/help"
	sed -n 's/^  \([a-z][a-z-]*\)\( \([a-z][a-z-]*\)\)\{0,1\}.*/\1 \3/p' "$BATS_TEST_TMPDIR/help" >"$BATS_TEST_TMPDIR/commands"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 11 ]
	nouns=$(completed sallyportctl '')
	while read -r noun verb; do
		grep -qxF -- "$noun" <<<"$nouns" || fail "noun $noun"
		if [ -n "$verb" ]; then
			completed sallyportctl "$noun" '' | grep -qxF -- "$verb" || fail "$noun $verb"
			options=$(completed sallyportctl "$noun" "$verb" -)
			usage=$(grep -E "^  $noun $verb( |\$)" "$BATS_TEST_TMPDIR/help")
		else
			options=$(completed sallyportctl "$noun" -)
			usage=$(grep -E "^  $noun( |\$)" "$BATS_TEST_TMPDIR/help")
		fi
		for option in $(grep -oE -- '--[a-z-]+' <<<"$usage") --json --help -c; do
			grep -qxF -- "$option" <<<"$options" || fail "$noun $verb $option"
		done
		while read -r option; do
			case $option in -c | --json | --help | --version) continue ;; esac
			grep -qE -- "\[$option( |\])" <<<"$usage" || fail "$noun $verb has no $option"
		done <<<"$options"
	done <"$BATS_TEST_TMPDIR/commands"
}

@test "sallyportctl: the beginning of a word, options on the way, nothing where nothing fits" {
	run completed sallyportctl us
	assert_output user
	run completed sallyportctl --json -c /etc/x user pas
	assert_output passwd
	run completed sallyportctl user add --home /srv --read
	assert_output --read-only
	run completed sallyportctl nonsense ''
	assert_output ''
	run completed sallyportctl user add alice --uid ''
	assert_output ''
}

@test "sallyportctl: names of accounts, files and directories" {
	new_place
	write_config
	add_user alice secret
	add_user alfred secret
	add_user bob secret
	run completed sallyportctl -c "$CONF" user lock al
	assert_output $'alice\nalfred'
	run completed sallyportctl -c "$DIR/etc/sally"
	assert_output "$CONF"
	run completed sallyportctl user add carol --home "$DIR/ho"
	assert_output "$DIR/home"
}

@test "sallyportd: every option of -h" {
	options=$(completed sallyportd -)
	[ "$(wc -l <<<"$options")" -ge 5 ]
	for option in $("$BUILD/sallyportd" -h | grep -oE '^  -[a-zA-Z-]+' | tr -d ' '); do
		grep -qxF -- "$option" <<<"$options" || fail "option $option"
	done
	run completed sallyportd -c /et
	assert_output /etc
}
