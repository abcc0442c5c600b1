#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# An account that takes any password: "anonymous", and "ftp".

# shellcheck disable=SC2153 # PORT is set by lib.bash

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
}

teardown()
{
	end_place
}

# site [OPTION...]: the anonymous account, with a file, and a drop box.
site()
{
	ctl user add anonymous --anonymous --home "$DIR/home/anonymous" --rights /in=create "$@"
	HOME_DIR=$DIR/home/anonymous
	install -d -o 200000 -g 200000 "$HOME_DIR/in" "$HOME_DIR/pub"
	echo public >"$HOME_DIR/pub/f"
	echo theirs >"$HOME_DIR/in/theirs"
	chmod 644 "$HOME_DIR/pub/f" "$HOME_DIR/in/theirs"
}

serve()
{
	write_config "$@"
	site
	start_server
}

# clear_and_tls: a server that requires TLS, with the anonymous account in clear, too, and alice.
clear_and_tls()
{
	local tls="tls { certificate = \"$PKI/server.chain\" key = \"$PKI/server.key\" require = yes }"
	chown root "$PKI"/server.*
	chmod 600 "$PKI/server.key"
	write_config "$tls" "$@"
	site --tls optional
	add_user alice secret
	add_user careful secret --tls required
	start_server
}

@test "any password, and none: curl and lftp fetch, and drop a file that nobody reads back" {
	serve
	run curl -sS --max-time 20 "ftp://127.0.0.1:$PORT/pub/f"
	assert_output public
	run curl -sS --max-time 20 "$(url ftp:me%40example.org pub/f)"
	assert_output public
	echo dropped >"$DIR/dropped"
	run curl -sS --max-time 20 -T "$DIR/dropped" "ftp://127.0.0.1:$PORT/in/dropped"
	assert_success
	run cat "$HOME_DIR/in/dropped"
	assert_output dropped
	run curl -sS --max-time 20 "ftp://127.0.0.1:$PORT/in/dropped"
	assert_failure
	run curl -sS --max-time 20 -T "$DIR/dropped" "ftp://127.0.0.1:$PORT/pub/new"
	assert_failure
	if command -v lftp >/dev/null; then
		run timeout 60 lftp -e "set net:max-retries 1; set ftp:ssl-allow no; cat pub/f; bye" "ftp://127.0.0.1:$PORT"
		assert_output --partial public
	fi
	ftp_open
	ftp 'USER anonymous' 331
	ftp 'PASS' 230
	log_has ' login .*user="anonymous" message="read-write" mail="me@example.org"'
	run grep -c 'login-failed' "$LOG"
	assert_output 0
}

@test "what is no mail address is not shown" {
	serve
	py <<-'EOF'
		from ftp import Control
		for word in ("two words", "x" * 121 + "@mail.org", "\x7f", "", "hunter2", "@hunter2"):
		    c = Control().greet()
		    c.ask("USER ftp", 331)
		    c.ask("PASS " + word, 230)
	EOF
	run grep -c ' login .*mail=' "$LOG"
	assert_output 0
	run grep -c ' login ' "$LOG"
	assert_output 6
}

@test "without an anonymous account, both names are names as any other" {
	write_config
	add_user alice secret
	start_server
	for name in anonymous ftp nobody; do
		ftp_open
		ftp "USER $name" 331
		ftp 'PASS me@example.org' 530
	done
	# an account called anonymous with a password does not take another one, nor does ftp lead to it
	add_user anonymous secret
	ftp_open
	ftp 'USER ftp' 331
	ftp 'PASS secret' 530
	ftp_open
	ftp 'USER anonymous' 331
	ftp 'PASS secret' 230
}

@test "its limits: locked, expired, another network, and its own max-sessions instead of sessions-per-user" {
	serve 'limits { sessions-per-user = 2 }'
	ctl user set anonymous --max-sessions 4
	py <<-'EOF'
		from ftp import Control
		sessions = [Control().login("anonymous", "x") for _ in range(4)]
		c = Control().greet()
		c.ask("USER anonymous", 331)
		assert "Too many sessions" in c.ask("PASS x", 530)
	EOF
	ctl user lock anonymous
	ftp_open
	ftp 'USER anonymous' 331
	ftp 'PASS x' 530
	ctl user unlock anonymous
	wait_until ftp_login anonymous x
	ctl user set anonymous --allow-from 192.0.2.0/24
	ftp_open
	ftp 'USER ftp' 331
	ftp 'PASS x' 530
}

@test "tls.require with tls=optional: anonymous in clear, with its data; nobody else, and no word about others" {
	clear_and_tls
	py <<-'EOF'
		from ftp import Control
		c = Control().login("anonymous", "me@example.org")
		assert c.get("pub/f") == b"public\n"
		c.ask("PROT C", 200, 503, 536)
		c = Control().login("ftp", "x")
		assert c.get("pub/f") == b"public\n"
		answers = set()
		for name in ("alice", "careful", "nobody", "anonymous2", "Anonymous", "ftpd"):
		    c = Control().greet()
		    answers.add(c.ask("USER " + name, 530).replace(name, "X"))
		    c.ask("PASS secret", 503, 530)
		assert len(answers) == 1, answers
		# one name does not open the door for another
		c = Control().greet()
		c.ask("USER anonymous", 331)
		c.ask("USER alice", 530)
		c.ask("PASS secret", 530, 503)
	EOF
	ctl user set anonymous --tls none
	py <<-'EOF'
		from ftp import Control
		c = Control().greet()
		c.ask("USER anonymous", 331)
		c.ask("PASS me@example.org", 530)
	EOF
	log_has 'login-failed .*name="anonymous" reason="account may log in over TLS only"'
	run curl -sS --max-time 20 --ssl-reqd --cacert "$CA" "$(url ftp:x pub/f)"
	assert_output public
}

@test "tls=required where tls.require is off: 530 as for a wrong password, and TLS is let in" {
	clear_and_tls
	sed -i 's/require = yes/require = no/' "$CONF"
	ctl reload
	py <<-'EOF'
		from ftp import Control
		Control().login("alice", "secret")
		replies = set()
		for password in ("secret", "wrong"):
		    c = Control().greet()
		    c.ask("USER careful", 331)
		    replies.add(c.ask("PASS " + password, 530))
		assert len(replies) == 1, replies
	EOF
	run curl -sS --max-time 20 --ssl-reqd --cacert "$CA" "$(url careful:secret)"
	assert_success
}

@test "sallyportctl: add --anonymous asks for no password, and says what it is; bad words are refused" {
	write_config
	site --tls optional </dev/null
	run grep ^anonymous: "$DIR/etc/users"
	assert_output --partial "anonymous:*any:200000:200000:$HOME_DIR:"
	assert_output --partial 'rights=list,read rights=/in=create'
	assert_output --partial 'tls=optional'
	run ctl user show anonymous
	assert_line 'password:     any'
	assert_line 'tls:          optional'
	assert_line 'state:        active'
	run bash -c "'$BUILD/sallyportctl' -c '$CONF' --json user show anonymous | jq -c '[.any_password, .tls, .state]'"
	assert_output '[true,"optional","active"]'
	run ctl user set anonymous --tls sometimes
	assert_failure
	assert_output --partial 'tls=required or tls=optional'
	run ctl user add other --anonymous --password-stdin --home "$DIR/home/other" <<<secret
	assert_failure
	# a password of its own ends it
	ctl user passwd anonymous --password-stdin <<<secret
	run ctl user show anonymous
	refute_output --partial 'password:'
}
