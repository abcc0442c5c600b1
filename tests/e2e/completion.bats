#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Completion in bash offers everything that --help shows.

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

# completed PROGRAM WORD...: print the completions of the last word, one a line.
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
			grep -qE -- "[[ ]$option( |\]|\$)" <<<"$usage" || fail "$noun $verb has no $option"
		done <<<"$options"
	done <"$BATS_TEST_TMPDIR/commands"
}

@test "sallyportctl --help: what options do begins in one column" {
	"$BUILD/sallyportctl" --help >"$BATS_TEST_TMPDIR/help"
	run awk '/^  -/ { match($0, /^  -[^ ]+( (file\|[a-z]+|[A-Z=\/]+)|, --help)? +/); columns[RLENGTH]++; lines++ }
		END { for (c in columns) kinds++; print kinds, (lines > 20) }' "$BATS_TEST_TMPDIR/help"
	assert_output '1 1'
}

@test "sallyportctl: the beginning of a word, options on the way, nothing where nothing fits" {
	run completed sallyportctl us
	assert_output user
	run completed sallyportctl --json -c /etc/x user pas
	assert_output passwd
	run completed sallyportctl user passwd a
	assert_output add
	run completed sallyportctl user passwd add bob --exp
	assert_output --expires
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

@test "sallyportctl: groups, folders and servers where the command is about them" {
	new_place
	write_config 'server "ftp.example.org" { banner = "x" }'
	add_user alice secret
	ctl group add shops --read-only
	ctl folder add team --directory "$DIR/team"
	ctl folder grant team --user alice --at /team
	run completed sallyportctl -c "$CONF" user show ''
	assert_output alice
	run completed sallyportctl -c "$CONF" group show ''
	assert_output shops
	run completed sallyportctl -c "$CONF" folder set ''
	assert_output team
	run completed sallyportctl -c "$CONF" quota show ''
	assert_output $'alice\n+team'
	run completed sallyportctl -c "$CONF" user set alice --group sh
	assert_output shops
	run completed sallyportctl -c "$CONF" user set alice --tls op
	assert_output optional
	run completed sallyportctl -c "$CONF" user list --server ''
	assert_output ftp.example.org
	run completed sallyportctl -c "$CONF" folder grant team --user ''
	assert_output alice
}

@test "sallyportctl --help of a command: what it needs is without brackets, and options say what they do there" {
	run "$BUILD/sallyportctl" keep restore --help
	assert_line --partial '  keep restore NAME --path PATH [--force]'
	assert_line --partial '[--as PATH]'
	assert_line --regexp '^  --force +let what is restored replace a file, which is kept in turn$'
	assert_line --regexp '^  --as PATH +restore it under this path'
	run "$BUILD/sallyportctl" folder grant --help
	assert_line --partial '  folder grant NAME --at PATH --user NAME [--allow LIST]'
	run "$BUILD/sallyportctl" migrate --help
	assert_line '  migrate vsftpd FILE... --output DIR'
	run "$BUILD/sallyportctl" cert --help
	assert_line --regexp '^  --force +replace an existing certificate and key$'
	# a noun alone, and a verb that there is not
	run "$BUILD/sallyportctl" keep
	assert_output "sallyportctl: 'keep' needs a verb: list, restore, purge"
	run "$BUILD/sallyportctl" migrate wu-ftpd /etc/ftpaccess /etc/passwd
	assert_output "sallyportctl: unknown command 'migrate wu-ftpd'; the verbs of 'migrate' are vsftpd, pure-ftpd, proftpd"
	run "$BUILD/sallyportctl" user show alice bob
	assert_output "sallyportctl: one word too many for 'user show': 'bob'"
}

@test "sallyportctl: levels, and sessions by their ids" {
	run completed sallyportctl log-level d
	assert_output debug
	new_place
	write_config
	add_user alice secret
	start_server
	ftp_login alice secret
	run completed sallyportctl -c "$CONF" session kick ''
	assert_output "$(sed -n 's/.* login session=\([0-9a-f]*\) .*/\1/p' "$LOG")"
}

@test "sallyport: every command and option of --help" {
	"$BUILD/sallyport" --help >"$BATS_TEST_TMPDIR/help"
	words=$(completed sallyport '')
	options=$(completed sallyport -)
	[ "$(wc -l <<<"$words")" -gt 15 ]
	mapfile -t commands < <(sed -nE '/^Options/q; s/^  ([a-z]+) .*/\1/p' "$BATS_TEST_TMPDIR/help")
	for command in "${commands[@]}"; do
		grep -qxF -- "$command" <<<"$words" || fail "command $command"
		of_command=$(completed sallyport "$command" -)
		for option in $("$BUILD/sallyport" "$command" --help | grep -oE '^  (-.,|   ) --[a-z0-9-]+' | tr -d ,) --help; do
			grep -qxF -- "$option" <<<"$of_command" || fail "$command $option"
		done
	done
	for option in $(grep -oE '^  (-.,|   ) --[a-z0-9-]+' "$BATS_TEST_TMPDIR/help" | tr -d ,); do
		grep -qxF -- "$option" <<<"$options" || fail "option $option"
	done
}

@test "sallyport: places, files, values of options" {
	HOME=$BATS_TEST_TMPDIR "$BUILD/sallyport" bookmark work ftp://alice@files.example.org/
	touch "$BATS_TEST_TMPDIR/file-to-send"
	HOME=$BATS_TEST_TMPDIR run completed sallyport ls wo
	assert_output work
	HOME=$BATS_TEST_TMPDIR run completed sallyport wo
	assert_output work
	run completed sallyport put "$BATS_TEST_TMPDIR/file-to"
	assert_output "$BATS_TEST_TMPDIR/file-to-send"
	run completed sallyport --verify al get ftpe
	assert_output 'ftpes://'
	run completed sallyport get --verify al
	assert_output always
	run completed sallyport --user alice mir
	assert_output mirror
	run completed sallyport get ftp : ''
	assert_output ''
}

# place: a server with an account alice and files; completion finds her password in ~/.netrc.
place()
{
	new_place
	write_config
	add_user alice secret
	start_server
	HOME=$DIR/user
	mkdir -p "$HOME" "$DIR/home/alice/sub dir"
	touch "$DIR/home/alice/report.txt" "$DIR/home/alice/rest.txt"
	printf 'machine 127.0.0.1 login alice password secret\n' >"$HOME/.netrc"
	chmod 600 "$HOME/.netrc"
	export HOME SALLYPORT_PLAINTEXT=yes
	URL=ftp://127.0.0.1:$PORT
}

@test "sallyport, bash: names on the server, after a URL that bash has taken apart" {
	place
	COMP_LINE="sallyport get $URL/re" COMP_POINT=200 run completed sallyport get ftp : "//127.0.0.1" : "$PORT/re"
	assert_output "$PORT/report.txt"$'\n'"$PORT/rest.txt"
	COMP_LINE="sallyport get $URL/su" COMP_POINT=200 run completed sallyport get ftp : "//127.0.0.1" : "$PORT/su"
	assert_output "$PORT/sub%20dir/"
}

# Names of a server that mean something to a shell, and the one that sends them through bash, as a person does.
hostile_names()
{
	touch "$DIR/home/alice/evil;touch hacked" "$DIR/home/alice/evil\$(touch hacked)" "$DIR/home/alice/evil\`touch hacked\`" \
		"$DIR/home/alice/evil'\"&|<>(){}!\\^=:@_"
}

@test "sallyport, bash: a server's names mean nothing to the shell, and are the files' names" {
	place
	hostile_names
	cd "$DIR"
	COMP_LINE="sallyport get $URL/ev" COMP_POINT=200 run completed sallyport get ftp : "//127.0.0.1" : "$PORT/ev"
	[ "${#lines[@]}" -eq 4 ]
	for line in "${lines[@]}"; do
		[[ $line =~ ^[0-9]+/evil[%0-9A-Za-z._-]*$ ]] || fail "$line"
		assert_equal "$(eval "echo $line")" "$line"
		"$BUILD/sallyport" -q get "ftp://127.0.0.1:$line" fetched
		rm fetched
	done
	[ ! -e hacked ]
}

@test "sallyport: values of options that are one of a few words, in all three" {
	for row in '--links|copy' '--type|f' '--sort|size' '--algorithm|SHA-256' '--progress|bar' '--color|never' '--verify|always' '--tls-min|1.3'; do
		run completed sallyport "${row%|*}" ''
		assert_line "${row#*|}"
		grep -qE -- "(^|[[:blank:]|])${row%|*}( |\))" "$COMPLETIONS/../zsh-completion/_sallyport" || fail "zsh: ${row%|*}"
		grep -qE -- " ${row%|*}[ ']" "$COMPLETIONS/../fish-completion/sallyport.fish" || fail "fish: ${row%|*}"
	done
	run completed sallyport config ''
	assert_output $'check\nshow'
}

@test "sallyport, fish: commands, options, values, names on the server" {
	command -v fish >/dev/null || skip "fish is not installed"
	place
	offers()
	{
		PATH=$BUILD:$PATH fish --no-config -c "source '$COMPLETIONS/../fish-completion/sallyport.fish'; complete -C '$1'" |
			cut -f 1
	}
	run offers 'sallyport mir'
	assert_line mirror
	run offers 'sallyport get --veri'
	assert_output --partial --verify
	run offers 'sallyport ls --colo'
	assert_output --partial --color
	run offers 'sallyport get --verify al'
	assert_line always
	run offers 'sallyport mirror --links '
	assert_line follow
	# every command and option of --help
	run offers 'sallyport '
	for command in $("$BUILD/sallyport" --help | sed -nE '/^Options/q; s/^  ([a-z]+) .*/\1/p'); do
		assert_line "$command"
		offers "sallyport $command --" >"$DIR/offered"
		for option in $("$BUILD/sallyport" "$command" --help | grep -oE '^  (-.,|   ) --[a-z0-9-]+' | grep -oE -- '--.*'); do
			grep -qxF -- "$option" "$DIR/offered" || fail "$command $option"
		done
	done
	run offers "sallyport get $URL/re"
	assert_line "$URL/report.txt"
	assert_line "$URL/rest.txt"
}

@test "sallyport, zsh: commands, options, values, names on the server" {
	command -v zsh >/dev/null || skip "zsh is not installed"
	place
	export TERM=dumb
	cat >"$DIR/complete.zsh" <<-'END'
		zmodload zsh/zpty
		zpty z zsh -f -i
		zpty -w z "PS1='' fpath=($1 \$fpath) PATH=$2:\$PATH; autoload -Uz compinit; compinit -D; zstyle ':completion:*' insert-tab false; setopt no_beep"
		zpty -w z 'print -r -- ready'
		zpty -r z out '*ready*ready*'
		zpty -w -n z "$3"$'\t'
		repeat 100 { zpty -r -t z part && out+=$part; [[ $out == *"$4"* ]] && { print found; break }; sleep 0.1 }
		print -r -- "$out"
		zpty -d z
	END
	# every option of --help, by the function that offers them
	cat >"$DIR/options.zsh" <<-'END'
		functions[_sallyport_main]=: 
		source <(sed '$d' "$1/_sallyport")
		for command in $(sallyport --help | sed -nE '/^Options/q; s/^  ([a-z]+) .*/\1/p'); do
			_sallyport_options "$(sallyport $command --help)" | sed -E "s/:.*//; s/^/$command /"
		done
	END
	PATH=$BUILD:$PATH zsh -f "$DIR/options.zsh" "$(realpath "$COMPLETIONS/../zsh-completion")" >"$DIR/offered"
	for command in $("$BUILD/sallyport" --help | sed -nE '/^Options/q; s/^  ([a-z]+) .*/\1/p'); do
		for option in $("$BUILD/sallyport" "$command" --help | grep -oE '^  (-.,|   ) --[a-z0-9-]+' | grep -oE -- '--.*'); do
			grep -qxF -- "$command $option" "$DIR/offered" || fail "$command $option"
		done
	done
	for row in 'sallyport mir|mirror' 'sallyport mirror --links fo|follow' 'sallyport get --veri|--verify' 'sallyport get --verify alw|always' \
		"sallyport get $URL/rep|$URL/report.txt" "sallyport get $URL/su|sub%20dir/"; do
		run timeout 30 zsh -f "$DIR/complete.zsh" "$(realpath "$COMPLETIONS/../zsh-completion")" "$BUILD" "${row%|*}" "${row#*|}"
		assert_line found
	done
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
