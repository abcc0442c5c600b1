#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Several servers in one: chosen by the address that was dialled and by HOST, each with accounts, homes and words of its own.

bats_require_minimum_version 1.5.0
load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
	P=$(free_port)
}

teardown()
{
	end_place
}

# serve [LINE...]: one.example at 127.0.0.2; two.example and three.example without an address; main.example is the rest.
# Each has an account bob with its own password, home and quota, but three.example, which has the accounts of the main one.
serve()
{
	servers "$@"
	add_user bob main --quota 1000
	server_user one bob secret1 --quota 2000
	server_user two bob secret2 --quota 3000
	start_server
}

servers()
{
	write_config "listen = {\"127.0.0.1:$P\", \"127.0.0.2:$P\", \"127.0.0.3:$P\"}" 'server-name = "main.example"' \
		'banner = "the main one"' "limits { never-ban = \"127.0.0.0/8\" ${LIMITS-} }" "$@"
	cat >>"$CONF" <<-END
		server "one.example" {
		    address = "127.0.0.2"
		    accounts = "$DIR/etc/one"
		    home-directory = "$DIR/home1"
		    banner = "this is one"
		    login-message = "$DIR/etc/motd"
		}
		server "Two.example" {
		    names = "deux.example,zwei.example"
		    accounts = "$DIR/etc/two"
		    banner = "this is %{host}"
		}
		server "three.example" { banner = "this is three" }
	END
	echo 'welcome to %{host}, %{user}' >"$DIR/etc/motd"
}

# server_user SERVER NAME PASSWORD [OPTION...]
server_user()
{
	local server=$1 name=$2 password=$3
	shift 3
	printf '%s\n' "$password" |
		ctl user add "$name" --server "$server.example" --home "$DIR/home/$server-$name" --password-stdin "$@"
}

# raw_at ADDRESS <TRANSCRIPT
raw_at()
{
	timeout 60 "$BATS_TEST_DIRNAME/ftp-raw" "$1" "$P"
}

# fails_at ADDRESS NAME PASSWORD [HOST]: the login is refused as one with a wrong password.
fails_at()
{
	{
		echo '< 220'
		[ -z "${4-}" ] || printf '%s\n' "> HOST $4" '< 220'
		printf '%s\n' "> USER $2" '< 331' "> PASS $3" '< 530 Login incorrect'
	} | raw_at "$1"
}

# works_at ADDRESS NAME PASSWORD [HOST]
works_at()
{
	{
		echo '< 220'
		[ -z "${4-}" ] || printf '%s\n' "> HOST $4" '< 220'
		printf '%s\n' "> USER $2" '< 331' "> PASS $3" '< 230' '> QUIT' '< 221'
	} | raw_at "$1"
}

@test "the address that was dialled decides, for curl and lftp: banner, account, home" {
	serve
	echo 'in main' >"$DIR/home/bob/file"
	echo 'in one' >"$DIR/home/one-bob/file"
	chmod 644 "$DIR/home/bob/file" "$DIR/home/one-bob/file"
	run curl -sS "ftp://bob:main@127.0.0.1:$P/file"
	assert_output 'in main'
	run curl -sSv "ftp://bob:secret1@127.0.0.2:$P/file"
	assert_output --partial '< 220 this is one'
	assert_output --partial '< 230-welcome to one.example, bob'
	assert_output --partial 'in one'
	run curl -sS "ftp://bob:main@127.0.0.3:$P/file"
	assert_output 'in main'
	run lftp -e "set ftp:ssl-allow no; set net:max-retries 1; cat file; exit" -u bob,secret1 "ftp://127.0.0.2:$P"
	assert_output --partial 'in one'
	run lftp -e "set ftp:ssl-allow no; set net:max-retries 1; cat file; exit" -u bob,main "ftp://127.0.0.2:$P"
	assert_output --partial 'Login incorrect'
	run ! curl -sS "ftp://bob:main@127.0.0.2:$P/file"
	run ! curl -sS "ftp://bob:secret1@127.0.0.1:$P/file"
	run ! curl -sS "ftp://bob:secret2@127.0.0.1:$P/file"
}

@test "HOST decides among the servers that share an address" {
	serve
	works_at 127.0.0.1 bob main
	works_at 127.0.0.1 bob main main.example
	works_at 127.0.0.1 bob secret2 two.example
	works_at 127.0.0.3 bob secret2 ZWEI.example
	works_at 127.0.0.1 bob main three.example
	works_at 127.0.0.2 bob secret1 ONE.example
	fails_at 127.0.0.1 bob main two.example
	fails_at 127.0.0.1 bob secret2
	fails_at 127.0.0.1 bob secret2 three.example
	fails_at 127.0.0.1 bob secret1 two.example
	wait_until log_has ' login .*user="bob@two.example" .*server="two.example"'
	wait_until log_has ' login .*user="bob@one.example" .*server="one.example"'
	wait_until log_has ' login .*user="bob" .*server="three.example"'
	wait_until log_has ' login-failed .*name="bob" server="two.example" reason="wrong password"'
	raw_at 127.0.0.1 <<-'END'
		< 220 the main one
		> HOST elsewhere.example
		< 504
		> HOST one.example
		< 504
		> HOST deux.example
		< 220 this is two.example
		> HOST main.example
		< 220 Host accepted
		> HOST 127.0.0.1
		< 220
		> HOST 127.0.0.2
		< 504
		> HOST two.example
		< 220
		> REIN
		< 220
		> USER bob
		< 331
		> PASS main
		< 230
		> QUIT
		< 221
	END
	run ctl --json status
	assert_output --partial '"server.one.example.address": "127.0.0.2"'
	assert_output --partial '"server.two.example.names": "deux.example,zwei.example"'
	assert_output --partial "\"server.three.example.accounts\": \"$DIR/etc/users\""
	raw_at 127.0.0.2 <<-'END'
		< 220 this is one
		> HOST two.example
		< 504
		> HOST main.example
		< 504
		> HOST 127.0.0.2
		< 220 this is one
		> QUIT
		< 221
	END
}

@test "a name in full, or of another server, is no name to log in with" {
	serve
	fails_at 127.0.0.1 bob@two.example secret2
	fails_at 127.0.0.1 bob@two.example secret2 two.example
	fails_at 127.0.0.2 bob@one.example secret1
	server_user two carol secret
	fails_at 127.0.0.1 carol secret
	fails_at 127.0.0.2 carol secret
	works_at 127.0.0.1 carol secret two.example
}

@test "accounts of one name are different accounts: quota, sessions, limits, files of state" {
	LIMITS='sessions-per-user = 1' serve
	head -c 2000 /dev/zero >"$DIR/2000"
	run ! curl -sS -T "$DIR/2000" "ftp://bob:main@127.0.0.1:$P/f"
	curl -sS -T "$DIR/2000" "ftp://bob:secret1@127.0.0.2:$P/f"
	run ! curl -sS -T "$DIR/2000" "ftp://bob:secret1@127.0.0.2:$P/g"
	assert_file_exist "$DIR/state/ledger/bob"
	assert_file_exist "$DIR/state/ledger/bob@one.example"
	run ctl quota show bob
	assert_output --regexp 'bob +1000 +1000 '
	run ctl quota show bob --server one.example
	assert_output --regexp 'bob +2000 +2000 '
	run ctl quota show bob@one.example
	assert_output --regexp 'bob +2000 +2000 '
	ftp_open 127.0.0.2 "$P"
	ftp 'USER bob' 331
	ftp 'PASS secret1' 230
	fails_with_limit
	works_at 127.0.0.1 bob main
	works_at 127.0.0.1 bob secret2 two.example
	run ctl session list
	assert_output --partial 'bob@one.example'
	run ctl session kick --user bob
	ftp PWD 257
	ctl session kick --user bob@one.example
	ftp_reply
	assert_equal "$REPLY" 421
}

fails_with_limit()
{
	raw_at 127.0.0.2 <<-'END'
		< 220
		> USER bob
		< 331
		> PASS secret1
		< 530 Too many sessions of this account
	END
}

@test "the server counts homes and folders of further servers" {
	serve
	server_user one carol secret
	head -c 700 /dev/zero >"$DIR/700"
	curl -sS -T "$DIR/700" "ftp://carol:secret@127.0.0.2:$P/f"
	ctl user set carol@one.example --quota 1000
	wait_until log_has ' quota-counted .*user="carol@one.example" bytes=700 files=1'
	run ! curl -sS -T "$DIR/700" "ftp://carol:secret@127.0.0.2:$P/g"
	ctl folder add docs --server one.example --directory "$DIR/home/docs"
	ctl folder grant docs --user carol@one.example --at /docs
	curl -sS -T "$DIR/700" "ftp://carol:secret@127.0.0.2:$P/docs/f"
	ctl folder set docs --server one.example --quota 1000
	wait_until log_has ' quota-counted .*user="\+docs@one.example" bytes=700 files=1'
	run ! curl -sS -T "$DIR/700" "ftp://carol:secret@127.0.0.2:$P/docs/g"
}

# remove_three ADDRESS PASSWORD: one removal more than a brake of 2/1h allows
remove_three()
{
	local name
	for name in f g h; do
		echo "$name" | curl -sS -T - "ftp://bob:$2@$1:$P/$name"
	done
	curl -sS -Q 'DELE f' -Q 'DELE g' "ftp://bob:$2@$1:$P/" >/dev/null
	run ! curl -sS -Q 'DELE h' "ftp://bob:$2@$1:$P/"
}

@test "each account of one name has its own brake, which its name in full lifts" {
	serve
	ctl user set bob --keep-brake 2/1h
	ctl user set bob@one.example --keep-brake 2/1h
	remove_three 127.0.0.1 main
	run ctl user unbrake bob@one.example
	assert_failure 1
	assert_output --partial 'has not fallen'
	run ctl user show bob --server one.example
	refute_output --partial 'fallen at'
	remove_three 127.0.0.2 secret1
	run ctl user show bob@one.example
	assert_output --partial 'fallen at'
	ctl user unbrake bob@one.example
	curl -sS -Q 'DELE h' "ftp://bob:secret1@127.0.0.2:$P/" >/dev/null
	run ctl user show bob
	assert_output --partial 'fallen at'
	# an account that goes takes its own brake with it, and no other
	ctl user del bob@one.example
	assert_file_not_exist "$DIR/state/brakes/bob@one.example"
	run ! curl -sS -Q 'DELE h' "ftp://bob:main@127.0.0.1:$P/"
}

@test "what accounts of further servers keep goes when it is old, by the errand and by keep purge" {
	local name
	serve
	for name in bob bob@one.example bob@two.example; do
		ctl user set "$name" --keep 10d --keep-quota 1M
	done
	for name in main@127.0.0.1 secret1@127.0.0.2; do
		echo one | curl -sS -T - "ftp://bob:$name:$P/f"
		echo two | curl -sS -T - "ftp://bob:$name:$P/f"
	done
	stop_server
	for name in bob one-bob; do
		# the clock of the keep goes on
		python3 -c 'import struct, sys
with open(sys.argv[1], "r+b") as file:
    magic, clock = struct.unpack("=8sQ", file.read(16))
    file.seek(8)
    file.write(struct.pack("=Q", clock + 86400 * 11))' "$DIR/home/$name/.sallyport-keep/state"
	done
	cp -a "$DIR/home/one-bob/.sallyport-keep" "$DIR/saved"
	start_server
	wait_until log_has ' keep-purged process=keep user="bob" files=1 '
	wait_until log_has ' keep-purged process=keep user="bob@one.example" files=1 '
	run ctl keep list bob@one.example
	assert_output --partial '0 bytes in 0 files'
	# the tool, too
	rm -r "$DIR/home/one-bob/.sallyport-keep"
	cp -a "$DIR/saved" "$DIR/home/one-bob/.sallyport-keep"
	run ctl keep list bob
	assert_output --partial '0 bytes in 0 files'
	run ctl keep list bob@one.example
	assert_output --partial '4 bytes in 1 file'
	run ctl keep purge bob@one.example
	assert_output --regexp 'bob +4 bytes in 1 file removed, 0 in 0 left'
	# without a name it is about one server, as all commands are
	rm -r "$DIR/home/one-bob/.sallyport-keep"
	cp -a "$DIR/saved" "$DIR/home/one-bob/.sallyport-keep"
	run ctl keep purge --server one.example
	assert_output --regexp 'bob +4 bytes in 1 file removed, 0 in 0 left'
}

@test "sallyportctl: --server, names in full, uids and homes of all servers" {
	servers
	add_user bob main
	server_user one bob secret1
	run ctl user add carol@two.example --password-stdin <<<secret
	assert_output --regexp 'uid 200002, gid 200002, home .*/carol$'
	run ctl user list --server one.example
	assert_output --partial "$DIR/home/one-bob"
	refute_output --partial carol
	run ctl user list
	refute_output --partial carol
	run ctl user show carol@two.example
	assert_output --partial 200002
	run ctl user add dave --server one.example --password-stdin <<<secret
	assert_output --partial "$DIR/home1/dave"
	run ctl user add eve --server one.example --uid 200000 --home "$DIR/home/bob" --password-stdin <<<secret
	assert_output --partial "account 'bob' has uid 200000 too"
	run ctl user del bob --purge-home
	assert_output --partial "holds the home of account 'eve@one.example'"
	ctl user del eve@one.example
	run -1 ctl user show nobody@one.example
	assert_output --partial "'sallyportctl user list --server one.example' lists them"
	run -1 ctl folder show none --server one.example
	assert_output --partial "'sallyportctl folder list --server one.example' lists them"
	run -1 ctl group show none --server one.example
	assert_output --partial "'sallyportctl group list --server one.example' lists them"
	run -1 ctl keep restore dave --server one.example --path /none
	assert_output --partial "'sallyportctl keep list dave --server one.example' shows what is"
	mkdir "$DIR/state"	# as a server before has left it
	run -0 ctl user set dave --server one.example --quota 1G
	assert_output --partial "'sallyportctl quota recount dave --server one.example' counts it"
	run -1 ctl user show carol
	assert_output --partial "'sallyportctl user list' lists them"
	assert_output --partial "no account 'carol' in '$DIR/etc/users'"
	run -2 ctl user list --server four.example
	assert_output --partial 'no section '\''server "four.example"'\'" in '$CONF'"
	run -2 ctl user show carol@two.example --server one.example
	assert_output --partial 'different servers'
	run -2 ctl user list --server one.example --store postgresql
	assert_output --partial 'a further server has no database'
	ctl user add dora@TWO.Example --home "$DIR/home/dora" --password-stdin <<<secret
	run ctl user list --server two.example
	assert_output --partial dora
	# a file is no name
	ctl user export "$DIR/of@one.example" --server two.example
	assert_file_contains "$DIR/of@one.example" '^carol:'
	assert_not_exist "$DIR/of"
	run -1 ctl user import "$DIR/of@one.example" --server two.example
	assert_output --partial "$DIR/of@one.example:1: 'carol'"
	run -1 ctl user add "$(printf 'x%.0s' {1..53})" --server one.example --home "$DIR/home/x" --password-stdin <<<secret
	assert_output --partial 'is too long; at most 64 bytes'
	ctl config check
}

@test "a users file that changes is read anew, a bad one changes nothing, for its server alone" {
	serve
	server_user one carol secret
	works_at 127.0.0.2 carol secret
	fails_at 127.0.0.1 carol secret
	ctl user passwd bob@one.example --password-stdin <<<other
	works_at 127.0.0.2 bob other
	works_at 127.0.0.1 bob main
	echo 'bad line' >>"$DIR/etc/one"
	works_at 127.0.0.2 carol secret
	wait_until log_has "accounts-refused .*$DIR/etc/one:[0-9]+: too few fields"
	works_at 127.0.0.1 bob main
}

@test "a users file that takes long to read lets nobody wait at another server" {
	serve
	# the loader measures a hash of a new kind for five seconds
	echo "slow:\$6\$rounds=999999999\$salt\$$(printf 'x%.0s' {1..86}):200009:200009:$DIR/home/slow:" >>"$DIR/etc/one"
	timeout 60 curl -sS --interface 127.0.0.9 "ftp://bob:secret1@127.0.0.2:$P/" &
	local waits=$!
	wait_until log_has ' connect .*address=127.0.0.9 '
	works_at 127.0.0.1 bob main
	works_at 127.0.0.1 bob secret2 two.example
	run ! log_has ' login .*user="bob@one.example"'
	wait "$waits"
	log_has ' login .*user="bob@one.example"'
}

@test "a reload adds and removes servers while their sessions run" {
	serve
	ftp_open 127.0.0.2 "$P"
	ftp 'USER bob' 331
	ftp 'PASS secret1' 230
	exec {WAITING}<>"/dev/tcp/127.0.0.2/$P"
	read -r -t 10 -u "$WAITING" line
	cp "$CONF" "$DIR/all.conf"
	# one.example is gone, and the numbers of the others are not what they were
	sed '/^server "one/,/^}/d' "$DIR/all.conf" >"$CONF"
	ctl reload
	ftp PWD 257
	fails_at 127.0.0.2 bob secret1
	works_at 127.0.0.2 bob main
	works_at 127.0.0.2 bob secret2 two.example
	# the session that began with one.example gets no other server's accounts
	printf 'USER bob\r\nPASS main\r\n' >&"$WAITING"
	read -r -t 10 -u "$WAITING" line
	assert_equal "${line:0:3}" 331
	read -r -t 10 -u "$WAITING" line
	assert_equal "${line:0:3}" 421
	exec {WAITING}>&-
	wait_until log_has ' disconnect .*server-gone'
	# and back
	cp "$DIR/all.conf" "$CONF"
	ctl reload
	works_at 127.0.0.2 bob secret1
	fails_at 127.0.0.2 bob main
	ftp PWD 257
}

@test "a reload with a bad section or users file changes nothing, and says which" {
	serve
	cp "$CONF" "$DIR/good.conf"
	sed "s|$DIR/etc/two|$DIR/etc/none/two|" "$DIR/good.conf" >"$CONF"
	run -1 ctl reload
	assert_output --regexp "$CONF:[0-9]+: server \"two.example\": accounts: .*No such file"
	works_at 127.0.0.1 bob secret2 two.example
	printf 'server "four.example" { address = "127.0.0.2" }\n' | cat "$DIR/good.conf" - >"$CONF"
	run -1 ctl reload
	assert_output --partial "server \"four.example\": address: '127.0.0.2' is an address of server \"one.example\" as well"
	run -1 ctl config check
	assert_output --partial "'127.0.0.2' is an address of server \"one.example\" as well"
	works_at 127.0.0.2 bob secret1
	cp "$DIR/good.conf" "$CONF"
	# the names in full would be of two accounts
	printf 'bob@two.example:!:200009:200009:/x:\n' >>"$DIR/etc/users"
	run -1 ctl reload
	assert_output --partial "account 'bob@two.example': server \"two.example\" has a users file of its own"
	run -1 ctl config check
	assert_output --partial "account 'bob@two.example': server \"two.example\" has a users file of its own"
	works_at 127.0.0.1 bob main
}

@test "the start is refused without the users file of a server" {
	servers
	run -1 timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_output --partial "$DIR/etc/one: cannot open: No such file"
	assert_output --partial "user add NAME --server one.example"
	run -1 ctl config check
	assert_output --partial "$DIR/etc/one: cannot open: No such file"
	server_user one bob secret
	server_user two bob secret
	ctl config check
	start_server
}

@test "folders and groups are those of the server's file" {
	serve
	ctl folder add docs --directory "$DIR/home/docs-main" --quota 5000
	ctl folder add docs --server one.example --directory "$DIR/home/docs-one" --quota 6000
	ctl folder grant docs --user bob --at /docs
	ctl folder grant docs --user bob@one.example --at /docs
	ctl group add staff --max-sessions 3
	run -1 ctl user set bob@one.example --group staff
	ctl group add staff --server one.example --read-only
	ctl user set bob@one.example --group staff
	echo hello >"$DIR/file"
	curl -sS -T "$DIR/file" "ftp://bob:main@127.0.0.1:$P/docs/file"
	assert_file_exist "$DIR/home/docs-main/file"
	assert_not_exist "$DIR/home/docs-one/file"
	run ! curl -sS -T "$DIR/file" "ftp://bob:secret1@127.0.0.2:$P/docs/file"
	ctl user set bob@one.example --group none
	curl -sS -T "$DIR/file" "ftp://bob:secret1@127.0.0.2:$P/docs/file"
	assert_file_exist "$DIR/home/docs-one/file"
	assert_file_exist "$DIR/state/ledger/+docs"
	assert_file_exist "$DIR/state/ledger/+docs@one.example"
	run ctl quota show +docs@one.example
	assert_output --regexp 'docs +6 +6000 '
}

@test "the name in TLS decides as HOST does, and each server says whether it requires TLS" {
	use_leaf server
	servers "tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" }"
	sed -i '/^server "one/a require-tls = no' "$CONF"
	add_user bob main
	server_user one bob secret1
	server_user two bob secret2
	start_server
	run curl -sSv --ssl-reqd -k --resolve "two.example:$P:127.0.0.1" "ftp://bob:secret2@two.example:$P/"
	assert_success
	run ! curl -sS --ssl-reqd -k --resolve "two.example:$P:127.0.0.1" "ftp://bob:main@two.example:$P/"
	run curl -sSv --ssl-reqd -k "ftp://bob:main@127.0.0.1:$P/"
	assert_success
	wait_until log_has ' login .*user="bob@two.example" .*server="two.example"'
	# one.example takes passwords in clear, the others take none
	works_at 127.0.0.2 bob secret1
	raw_at 127.0.0.1 <<-'END'
		< 220
		> HOST two.example
		< 220
		> USER bob
		< 530 This server takes no password in clear
		> HOST main.example
		< 220
		> USER bob
		< 530 This server takes no password in clear
	END
}

@test "session list names the server that each session has logged in to, where there are several" {
	serve
	PORT=$P py <<-'END'
		import json, subprocess
		def listed(*options):
		    words = [os.environ['BUILD'] + '/sallyportctl', '-c', os.environ['CONF'], *options, 'session', 'list']
		    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
		def begin(host, password):
		    c = Control().greet()
		    if host:
		        c.ask('HOST ' + host, 220)
		    if password:
		        c.ask('USER bob', 331)
		        c.ask('PASS ' + password, 230)
		    return c
		two, three, main, nobody = begin('two.example', 'secret2'), begin('three.example', 'main'), begin('', 'main'), begin('deux.example', '')
		rows = json.loads(listed('--json'))
		assert sorted((row['user'], row['server']) for row in rows) == [('', ''), ('bob', ''), ('bob', 'three.example'), ('bob@two.example', 'two.example')], rows
		lines = [line.split()[1:4] for line in listed().splitlines()]
		assert lines[0] == ['USER', 'SERVER', 'ADDRESS'], lines
		assert sorted(lines[1:]) == [['-', '-', '127.0.0.1'], ['bob', '-', '127.0.0.1'], ['bob', 'three.example', '127.0.0.1'], ['bob@two.example', 'two.example', '127.0.0.1']], lines
	END
	# without sections there is no such column
	stop_server
	write_config
	start_server
	run -0 ctl session list
	assert_line --regexp '^ID +USER +ADDRESS '
}
