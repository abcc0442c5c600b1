#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport, the client: its configuration file, and what beats what.

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
	mkdir -p "$HOME/.config/sallyport"
	CONFIG=$HOME/.config/sallyport/config
}

teardown()
{
	end_place
}

# config: the file has the lines of standard input.
config()
{
	cat >"$CONFIG"
	chmod 600 "$CONFIG"
}

@test "the long options are its words; a host's section beats the general lines, a later one an earlier one" {
	config <<-END
		# a comment
		ca = $CA
		timeout = 20
		plaintext = yes
		exclude = *.tmp
		[host 127.0.0.* other.example.org]
		user = alice   # who else
		timeout=10
		[host 127.0.0.1]
		plaintext = no
		exclude = "a b"
	END
	in_home file.txt
	run -0 "$BUILD/sallyport" get "ftp://127.0.0.1:$PORT/file.txt"
	assert_output --partial 'SHA-256 verified'
	run -0 "$BUILD/sallyport" config show 127.0.0.1
	assert_output - <<-END
		ca = $CA  # line 2
		exclude = *.tmp  # line 5
		user = alice  # line 7
		timeout = 10  # line 8
		plaintext = no  # line 10
		exclude = a b  # line 11
	END
	run -0 "$BUILD/sallyport" config show elsewhere
	assert_line 'timeout = 20  # line 3'
	refute_output --partial alice
	run -0 "$BUILD/sallyport" config check
	assert_output "$CONFIG is right: 8 settings, 2 sections of hosts"
}

@test "the environment beats the file, and an option both; a switch can be turned off again" {
	printf 'json = yes\nca = %s\n' "$CA" | config
	in_home a.txt
	run -0 "$BUILD/sallyport" ls -1 "$(at)"
	assert_line --partial '"event":"entry"'
	run -0 "$BUILD/sallyport" ls -1 --json=no "$(at)"
	assert_output a.txt
	SALLYPORT_JSON=no run -0 "$BUILD/sallyport" ls -1 "$(at)"
	assert_output a.txt
	SALLYPORT_JSON=no run -0 "$BUILD/sallyport" ls -1 --json "$(at)"
	assert_line --partial '"event":"entry"'
	SALLYPORT_TIMEOUT=soon run -2 "$BUILD/sallyport" ls "$(at)"
	assert_output --partial "\$SALLYPORT_TIMEOUT is 'soon'; it must be seconds, 1 to 86400"
}

@test "options that no member keeps can be switched off, too" {
	printf 'active = yes\nca = %s\n' "$CA" | config
	run -0 "$BUILD/sallyport" --verbose ls "$(at)"
	assert_output --partial '> EPRT'
	run -0 "$BUILD/sallyport" --verbose --active=no ls "$(at)"
	refute_output --partial '> EPRT'
}

@test "exclude of the file holds in the shell, and adds to that of the command" {
	printf 'exclude = *.tmp\nca = %s\n' "$CA" | config
	in_home d/a.txt
	in_home d/b.tmp
	in_home d/c.log
	run -0 "$BUILD/sallyport" "$(at)" <<<'mirror -x *.log d here'
	assert_exist here/a.txt
	assert_not_exist here/b.tmp
	assert_not_exist here/c.log
}

@test "what is wrong: the error names file, line, word, and what would be right" {
	local -A wrong=(
		['timeuot = 3']="there is no word 'timeuot' here; the words are the long options"
		['timeout = soon']="'timeout' is 'soon'; it must be seconds, 1 to 86400"
		['verify = perhaps']="'verify' is 'perhaps'; it must be auto, always or never"
		['plaintext = maybe']="'plaintext' is 'maybe'; it must be yes or no"
		['user = a b']="'user' needs one value; quotes keep one with blanks together"
		['user = "a b']='a " is not closed'
		['user']='a line is WORD = VALUE, or a section'
		['[host a']='a section ends with ]'
		['[hots a]']='a section is [host NAME ...] or [alias]'
		['delete = yes']="'delete' is for the command line; it cannot be kept in this file"
		[$'user = a\033[31m']='there is a control character in the line'
	)
	for line in "${!wrong[@]}"; do
		printf 'retry = 2\n%s\n' "$line" | config
		run -2 "$BUILD/sallyport" ls "$(at)"
		[[ ${output//$'\n'/ } == *"$CONFIG:2: ${wrong[$line]}"* ]] || fail "$line: $output"
		[[ $output != *$'\033'* ]]
		run -2 "$BUILD/sallyport" config check
	done
	run -0 "$BUILD/sallyport" --version
}

@test "a file or directory that others may write is refused; a password needs a file that is the user's alone" {
	printf 'ca = %s\n' "$CA" | config
	chmod 620 "$CONFIG"
	run -1 "$BUILD/sallyport" ls "$(at)"
	assert_output --partial "others may write to it"
	assert_output --partial "chmod go-w"
	# the sticky bit makes a directory safe, and says nothing about a file
	chmod 1622 "$CONFIG"
	run -1 "$BUILD/sallyport" ls "$(at)"
	assert_output --partial "others may write to it"
	chmod 600 "$CONFIG"
	chmod 1777 "$HOME/.config/sallyport"
	run -0 "$BUILD/sallyport" ls "$(at)"
	chmod 777 "$HOME/.config/sallyport"
	run -1 "$BUILD/sallyport" ls "$(at)"
	assert_output --partial "others may write to it"
	chmod 700 "$HOME/.config/sallyport"
	chown 12345 "$CONFIG"
	run -1 "$BUILD/sallyport" ls "$(at)"
	assert_output --partial "it belongs to another user"
	chown 0 "$CONFIG"
	run -0 "$BUILD/sallyport" ls "$(at)"
	printf 'ca = %s\npassword = secret\n' "$CA" | config
	chmod 640 "$CONFIG"
	run -1 "$BUILD/sallyport" ls "$(at)"
	assert_output --partial "it has a password in it, and others may read it"
}

@test "passwords: of a host's section, and of the user's own command" {
	unset SALLYPORT_PASSWORD
	in_home a.txt
	printf 'ca = %s\n[host 127.0.0.1]\npassword = secret\n' "$CA" | config
	run -0 "$BUILD/sallyport" ls "$(at)"
	assert_output a.txt
	run -0 "$BUILD/sallyport" config show 127.0.0.1
	refute_output --partial secret
	assert_output --partial 'password = (not shown)'
	printf 'ca = %s\npassword-command = "echo $SALLYPORT_HOST $SALLYPORT_USER >asked; echo secret; echo more"\n' "$CA" | config
	run -0 "$BUILD/sallyport" ls "$(at)"
	assert_output a.txt
	assert_equal "$(cat asked)" '127.0.0.1 alice'
	run -4 "$BUILD/sallyport" --password-command 'exit 3' ls "$(at)"
	assert_output --partial 'cannot get the password from password-command: the command failed'
	run -4 "$BUILD/sallyport" --password-command true ls "$(at)"
	assert_output --partial 'it printed nothing'
}

@test "config show says so where nothing is set" {
	run -0 env -u SALLYPORT_PLAINTEXT "$BUILD/sallyport" config show files.example.org
	assert_output --partial "nothing is set in '$HOME/.config/sallyport/config', nor by a variable"
}

@test "without a file, and with XDG_CONFIG_HOME" {
	run -0 "$BUILD/sallyport" config check
	assert_output "there is no configuration; it would be $CONFIG"
	mkdir -p "$DIR/xdg/sallyport"
	echo 'timeout = 7' >"$DIR/xdg/sallyport/config"
	XDG_CONFIG_HOME=$DIR/xdg run -0 "$BUILD/sallyport" config show
	assert_output 'timeout = 7  # line 1'
	run -2 "$BUILD/sallyport" config edit
	assert_output --partial "config: 'edit' is neither check nor show HOST"
}

# keyring: programs find the library of tests/preload as libsecret.
keyring()
{
	mkdir -p "$DIR/lib"
	ln -sf "$BUILD/tests/preload/fake_secret.so" "$DIR/lib/libsecret-1.so.0"
	export LD_LIBRARY_PATH=$DIR/lib
}

@test "passwords: of the desktop's keyring, where it is asked for, and what is said where there is none" {
	unset SALLYPORT_PASSWORD
	in_home a.txt
	if [ ! -e /usr/lib/x86_64-linux-gnu/libsecret-1.so.0 ]; then
		run -4 setsid -w "$BUILD/sallyport" --ca "$CA" --keyring ls "$(at)"
		assert_output --partial 'the keyring is not asked: libsecret-1.so.0'
	fi
	keyring
	FAKE_SECRET='127.0.0.1 alice secret' run -0 client --keyring ls "$(at)"
	assert_output a.txt
	# nobody asks the keyring unless told to
	FAKE_SECRET='127.0.0.1 alice secret' run -4 setsid -w "$BUILD/sallyport" --ca "$CA" ls "$(at)"
	FAKE_SECRET='127.0.0.1 bob secret' run -4 setsid -w "$BUILD/sallyport" --ca "$CA" --keyring ls "$(at)"
	assert_output --partial 'there is no password'
	FAKE_SECRET=error run -4 setsid -w "$BUILD/sallyport" --ca "$CA" --keyring ls "$(at)"
	assert_output --partial 'the keyring is not asked: Cannot autolaunch D-Bus?[31m without X11'
	printf 'ca = %s\nkeyring = yes\n' "$CA" | config
	FAKE_SECRET='127.0.0.1 alice secret' run -0 "$BUILD/sallyport" ls "$(at)"
	assert_output a.txt
	# another source comes first
	FAKE_SECRET='127.0.0.1 alice wrong' SALLYPORT_PASSWORD=secret run -0 "$BUILD/sallyport" ls "$(at)"
}
