#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyportctl and the nodes of a database: node list, node forget, what quota show tells of shares, and what a server says of
# itself as a node.

load lib
load store

setup_file()
{
	store_start_for_broker
}

teardown_file()
{
	store_end_for_broker
}

setup()
{
	new_place
	store_psql -qc 'DELETE FROM sallyport.ghost; DELETE FROM sallyport.share; DELETE FROM sallyport.node; DELETE FROM sallyport.account'
	write_nodes_config "$BUILD"
}

teardown()
{
	end_place
}

# write_nodes_config LIBEXEC
write_nodes_config()
{
	mkdir -p "$DIR/etc/store"
	write_config "accounts = \"$DIR/etc/users,postgresql:$DIR/etc/store/store.conf\"" 'broker-user = "nobody"' \
		"libexec-directory = \"$1\"" "home-directory = \"$DIR/home\"" 'uid-range = "200000-299999"'
	(umask 077 && echo "connect = \"$(store_connect sallyport_admin)\"" >"$DIR/etc/store/admin.conf")
}

as_node()
{
	PGOPTIONS='' timeout 60 psql -X -v ON_ERROR_STOP=1 -h "$STORE_SOCKETS" -p "$STORE_PORT" -U sallyport_node -d sallyport \
		-Atq -F' ' -c "$1"
}

# hello NAME: sets $id and $boot.
hello()
{
	boot=$(cat /proc/sys/kernel/random/uuid)
	id=$(as_node "SELECT sallyport.node_hello('$1', '$boot')")
}

# credit ACCOUNT SHARE SEQ SESSIONS NET KEEP WANT: of the last one that said hello; sets $share and $count.
credit()
{
	read -r share count < <(as_node "SELECT o_share, coalesce(o_count, -1) FROM sallyport.credit($1, $id, '$boot', $2, $3, $4, $5, 0, $6, 0, $7, 0, 0, 0)")
}

# An account of 1000 bytes, of which 100 are there; node a holds 400 and has used 40.
lend()
{
	store_add "$1:*:200000:200000:$DIR/home/$1:quota=1000"
	account=$(store_psql -c "SELECT id FROM sallyport.account WHERE name = '$1'")
	hello a
	credit "$account" 0 1 2 0 0 0
	as_node "SELECT sallyport.counted($account, $id, '$boot', $share, 2, 0, 0, 100, 3, $count)"
	credit "$account" "$share" 3 2 0 0 400
	credit "$account" "$share" 4 2 40 400 0
}

@test "node list shows when each server was heard, and what it holds" {
	run ctl node list
	assert_success
	assert_equal "${#lines[@]}" 1
	lend alice
	hello 'node-b.example'
	store_psql -qc "UPDATE sallyport.node SET lease_until = lease_until - interval '2 h' WHERE name <> 'a'"
	run ctl node list
	assert_success
	assert_line --regexp '^a +[0-9]s ago holds +1 +2$'
	assert_line --regexp '^node-b.example +[12]h ago ended +0 +0$'
	run ctl --json node list
	assert_success
	assert_equal "$(jq -c '.[0] | [.name, .lease, .forgotten, .shares, .sessions]' <<<"$output")" '["a",true,false,1,2]'
	assert_equal "$(jq -c '.[1] | [.name, .lease, .seen > 7000]' <<<"$output")" '["node-b.example",false,true]'
}

@test "node forget leaves one that runs alone, says what becomes of shares, and frees the name" {
	lend alice
	run ctl node forget a
	assert_failure 1
	assert_output --regexp "node 'a' was heard [0-9]+ seconds? ago, so it runs; stop it first"
	[ "$(as_node "SELECT sallyport.node_beat($id, '$boot')")" = t ]
	store_psql -qc "UPDATE sallyport.node SET lease_until = now() - interval '1 s'"
	run ctl node forget a
	assert_success
	assert_line "node 'a' is forgotten; its name is free"
	assert_line --regexp '^1 shares of quotas were its own'
	[ -z "$(as_node "SELECT sallyport.node_beat($id, '$boot')")" ]
	[ -z "$(as_node "SELECT sallyport.node_hello('a', '$boot')")" ]
	run ctl node list
	assert_line --regexp '^a +- forgotten +1 +2$'
	hello a
	run ctl --json node forget a --force
	assert_success
	assert_output --partial '"forgotten": "a"'
	run ctl node forget nobody
	assert_failure 1
	assert_output --partial "there is no node 'nobody'"
	run ctl node forget 'a b'
	assert_failure 2
	run ctl node forget
	assert_failure 2
	assert_output --partial "needs a NODE"
}

@test "quota show tells what is settled, what each server holds, slack, and who is in the way of a count" {
	lend alice
	run ctl quota show alice
	assert_success
	assert_line --regexp '^alice +140 +1000 +14% +3 '
	assert_line --regexp '^ +settled: 100 bytes, 3 files$'
	assert_line --regexp "^ +share of 'a': 40 of 400 bytes, 0 of 0 files, 2 sessions$"
	refute_output --partial slack
	store_psql -qc "UPDATE sallyport.node SET lease_until = now() - interval '1 s'"
	as_node 'SELECT sallyport.expire(100)'
	run ctl quota show alice
	assert_success
	assert_line --regexp '^alice +500 +1000 +50%'
	assert_line --regexp '^ +settled: 140 bytes'
	assert_line --regexp '^ +slack: 360 bytes, 0 files, which servers that are gone may have used'
	assert_line --regexp "^ +'a' may still use a share that was taken back"
	run ctl --json quota show alice
	assert_equal "$(jq -c '[.bytes, .figure, .base.bytes, .slack.bytes, .shares, .haunted]' <<<"$output")" \
		'[500,"at most",140,360,[],["a"]]'
	run ctl quota show
	assert_line --regexp '^alice +500 +1000'
}

# fake_store LINE...: sallyport-store that says these lines, whatever is asked.
fake_store()
{
	mkdir -p "$DIR/libexec"
	{
		echo '#!/bin/sh'
		printf "echo '%s'\n" "$@"
		echo 'exec sleep 1'
	} >"$DIR/libexec/sallyport-store"
	chmod 755 "$DIR/libexec/sallyport-store"
	write_nodes_config "$DIR/libexec"
}

@test "nodes and shares that are none are refused, and nothing of them is shown" {
	local line
	for line in 'node 1 t 1 1' 'node 1 t 1 1 a b' 'node -1 t 1 1 a' 'node x t 1 1 a' 'node 1 true 1 1 a' 'node 1 t -1 1 a' \
		'node 1 t 1 99999999999999999999 a' 'node 1  t 1 1 a' 'share f 1 1 1 1 1 a' 'account a:x:1:1:/a:'; do
		fake_store ready "$line" 'done'
		run ctl node list
		assert_failure 1
		assert_output --partial 'sallyportctl: sallyport-store: '
		refute_output --regexp '^a '
	done
	fake_store ready 'node 1 t 1 1 b' 'node 1 t 1 1 a' 'done'
	run ctl --json node list
	assert_failure 1
	refute_output --partial '"name"'
	store_add "alice:*:200000:200000:$DIR/home/alice:quota=1000"
	for line in 'usage t 1 1 -1 0' 'usage t 1 1 1' 'usage x 1 1 1 1' 'usage t 1 1 1 1 1' "usage t 1 1 1 $(printf '%030d' 1)"; do
		fake_store ready 'account alice:*:200000:200000:/srv/alice:quota=1000' "$line" 'done'
		run ctl quota show alice
		assert_failure 1
	done
}

# --- a server that is a node ---

# serve_node [LINE...]: the server as node "here"; the lines go into its configuration.
serve_node()
{
	[ -x "$BUILD/sallyport-broker" ] || skip "this build has no sallyport-broker: libpq is not installed"
	install -d -m 755 "$DIR/libexec"
	install -m 755 "$BUILD/sallyport-broker" "$BUILD/sallyport-store" "$DIR/libexec"
	install -m 0640 -g "$BROKER" /dev/null "$DIR/etc/store/store.conf"
	printf '%s\n' "connect = \"$(store_connect sallyport_node)\"" 'node = "here"' >"$DIR/etc/store/store.conf"
	write_config "accounts = \"$DIR/etc/users,postgresql:$DIR/etc/store/store.conf\"" "broker-user = \"$BROKER\"" \
		"libexec-directory = \"$DIR/libexec\"" "home-directory = \"$DIR/home\"" 'uid-range = "200000-299999"' \
		"$@"
	add_user breakglass secret --uid 150001 --gid 150001 --store file
	start_server
	wait_until -t 20 standing_is known
}

standing_is()
{
	[ "$(ctl --json status | jq -r .store.node.standing)" = "$1" ]
}

@test "status, metrics and node list say that the server is a node, and what it holds" {
	serve_node
	run ctl status
	assert_line --regexp '^node: +here heard by the database [0-9]+s ago, its lease holds; 0 shares of quotas, 0 sessions use them$'
	assert_equal "$(ctl --json status | jq -c '.store.node | [.name, .standing, .lease, .shares, .sessions, .beat < 15]')" \
		'["here","known",true,0,0,true]'
	run ctl metrics
	assert_line 'sallyport_node_known 1'
	assert_line 'sallyport_node_shares 0'
	assert_line --regexp '^sallyport_node_last_beat_time_seconds [1-9][0-9]{9}$'
	run ctl node list
	assert_line --regexp '^here +[0-9]+s ago holds +0 +0$'
	local seen
	seen=$(store_psql -c "SELECT lease_until FROM sallyport.node")
	wait_until -t 15 eval '[ "$(store_psql -c "SELECT lease_until FROM sallyport.node")" != "$seen" ]'    # it beats
}

@test "another server of the same name: the first one says so, gets nothing, and is a node again when it starts anew" {
	serve_node
	local boot
	boot=$(store_psql -c 'SELECT boot FROM sallyport.node')
	store_account lena secret "$DIR/home/lena" 'quota=1000000'
	store_account mona secret "$DIR/home/mona"
	ftp_login lena secret
	assert_equal "$(ctl --json status | jq -c '.store.node | [.shares, .sessions] | length')" 2
	hello here
	wait_until -t 20 standing_is refused
	ftp_reply
	assert_equal "$REPLY" 421
	ftp_close
	ftp_open
	ftp 'USER lena' 331
	ftp 'PASS secret' 421
	ftp_close
	ftp_login mona secret
	ftp_close
	run ctl status
	assert_line --partial 'here REFUSED: another server has this name'
	log_has 'node-refused .*node="here" message="the database lends no shares of quotas to this server: another one has the same name'
	ftp_login breakglass secret
	ftp_close
	assert_equal "$(ctl metrics | grep '^sallyport_node_known')" 'sallyport_node_known 0'
	# another broker, and an upgrade, are the same boot: sessions may still use what it had
	kill "$(pgrep -P "$SERVER_PID" -u "$BROKER")"
	wait_until -t 20 eval '[ "$(log_count " node-refused ")" = 1 ] && standing_is refused'
	stop_server
	start_server
	wait_until -t 20 standing_is known
	assert [ "$(store_psql -c 'SELECT boot FROM sallyport.node')" != "$boot" ]
	ftp_login lena secret
	ftp_close
	boot=$(store_psql -c 'SELECT boot FROM sallyport.node')
	# a restart without that is the same boot, and a declared death ends it
	stop_server
	start_server
	wait_until -t 20 standing_is known
	assert_equal "$(store_psql -c 'SELECT boot FROM sallyport.node')" "$boot"
	run ctl node forget here --force
	assert_success
	wait_until -t 20 standing_is refused
}
