#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyportctl and accounts in PostgreSQL: init, check, the commands of "user", import and export, and a database that is
# not to be believed.

load lib
load store

setup_file()
{
	store_need
	store_start --tls
}

teardown_file()
{
	store_end
}

setup()
{
	new_place
	write_store_config
}

teardown()
{
	store_psql -qc 'DELETE FROM sallyport.account' 2>/dev/null || :
	end_place
}

# A node with a users file and the database.
write_store_config()
{
	mkdir -p "$DIR/etc/store"
	write_config "accounts = \"$DIR/etc/users,postgresql:$DIR/etc/store/store.conf\"" 'broker-user = "nobody"' \
		"libexec-directory = \"${1:-$BUILD}\"" "home-directory = \"$DIR/home\"" 'uid-range = "200000-299999"'
	write_store_conf store.conf "$(store_connect sallyport_node)"
	chown root:nogroup "$DIR/etc/store/store.conf"
	chmod 640 "$DIR/etc/store/store.conf"
	write_store_conf admin.conf "$(store_connect sallyport_admin)"
}

# write_store_conf FILE CONNECT
write_store_conf()
{
	(umask 077 && echo "connect = \"$2\"" >"$DIR/etc/store/$1")
}

init_store()
{
	ctl store init "$(store_connect postgres)" --as postgres "$@"
}

# The schema, once for all tests of the file.
need_schema()
{
	[ -n "$(store_psql -c "SELECT 1 FROM pg_namespace WHERE nspname = 'sallyport'")" ] || init_store >/dev/null
}

add_stored()
{
	local name=$1
	shift
	echo secret | ctl user add "$name" --password-stdin "$@"
}

# --- init, upgrade, check ---

@test "init says what is missing, makes roles and schema once, and shows their passwords once" {
	run ctl user list --store postgresql
	assert_failure 1
	assert_output --partial "role \"sallyport_admin\" does not exist; make the roles with 'sallyportctl store init'"
	run init_store
	assert_success
	assert_line 'schema: version 1'
	assert_line --regexp 'connect = "host=HOST dbname=sallyport user=sallyport_node password=[A-Za-z0-9_-]{32} sslrootcert='
	assert_line 'hostssl sallyport sallyport_node,sallyport_admin ADDRESS/BITS scram-sha-256'
	assert_line '# /etc/sallyport/store/store.conf (root:nobody, mode 0640)'
	assert_line 'broker-user = "nobody"'
	local password
	password=$(sed -n 's/.*user=sallyport_admin password=\([^ ]*\).*/\1/p' <<<"$output")
	run init_store --json
	assert_success
	assert_equal "$(jq -c . <<<"$output")" '{"version":"1","sallyport_node_password":null,"sallyport_admin_password":null}'
	# the password is right, over TLS that is verified; the server has its verifier alone
	cp "$STORE_DIR/tls/ca.pem" "$DIR/etc/store/ca.pem"
	write_store_conf admin.conf "$(store_connect_tls sallyport_admin "password=$password" "sslrootcert=$DIR/etc/store/ca.pem")"
	run ctl store check --store-conf "$DIR/etc/store/admin.conf"
	assert_success
	assert_line --regexp '^holds  the connection is encrypted, and the server is who it says: TLS'
	run store_psql -c "SELECT rolpassword LIKE 'SCRAM-SHA-256\$%' FROM pg_authid WHERE rolname LIKE 'sallyport_%' AND rolcanlogin"
	assert_output $'t\nt'
	write_store_conf admin.conf "$(store_connect_tls sallyport_admin password=wrong "sslrootcert=$DIR/etc/store/ca.pem")"
	run ctl user list --store postgresql
	assert_failure 1
	assert_output --partial "password authentication failed"
	assert_output --partial "write the password of the role into $DIR/etc/store/admin.conf"
	# without the authority: what to write
	write_store_conf admin.conf "$(store_connect_tls sallyport_admin password=x | sed 's/sslrootcert=[^ ]*//')"
	run ctl user list --store postgresql
	assert_failure 1
	assert_output --partial 'write sslrootcert=FILE into'
	refute_output --partial 'disable server certificate verification'
}

@test "init fails as a whole, and names the right database, encoding and rights" {
	store_psql -d postgres -qc 'DROP DATABASE IF EXISTS other' -c "CREATE DATABASE other TEMPLATE template0 ENCODING 'LATIN1'"
	run ctl store init "host=$STORE_SOCKETS port=$STORE_PORT dbname=other user=postgres" --as postgres
	assert_failure 1
	assert_output --partial "the database has encoding LATIN1, and names of accounts are UTF-8"
	run ctl store init "host=$STORE_SOCKETS port=$STORE_PORT dbname=nowhere user=postgres"
	assert_failure 1
	assert_output --partial "database \"nowhere\" does not exist; make it: 'sudo -u postgres createdb -E UTF8"
	store_psql -d postgres -qc 'DROP DATABASE other' -c "CREATE DATABASE other TEMPLATE template0 ENCODING 'UTF8'"
	# something of that name is there already: nothing is made beside it
	store_psql -d other -qc 'CREATE SCHEMA sallyport' -c 'CREATE TABLE sallyport.node ()' -c 'ALTER SCHEMA sallyport OWNER TO sallyport_owner' 2>/dev/null ||
		{ need_schema; store_psql -d other -qc 'ALTER SCHEMA sallyport OWNER TO sallyport_owner'; }
	run ctl store init "host=$STORE_SOCKETS port=$STORE_PORT dbname=other user=postgres"
	assert_failure 1
	assert_output --partial 'relation "node" already exists'
	run store_psql -d other -c "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'sallyport'"
	assert_output 1
	need_schema
	run ctl store upgrade "$(store_connect sallyport_admin)"
	assert_failure 1
	assert_output --partial 'permission denied to set role "sallyport_owner"'
	local connect
	for connect in 'dbname=x user=y password=z' 'postgresql://y:z@localhost/x'; do
		run ctl store init "$connect"
		assert_failure 2
		assert_output --partial "a password on the command line is everybody's to read"
	done
	run ctl store init "$(store_connect postgres)" --as no-such-user-here
	assert_failure 2
	assert_output "sallyportctl: there is no system user 'no-such-user-here'; name that of the database, such as 'postgres'"
	run ctl store init --as postgres
	assert_failure 2
	assert_output --partial '--as needs a connection string'
}

@test "upgrade and the commands refuse a schema that is newer than they are" {
	need_schema
	run ctl store upgrade "$(store_connect postgres)"
	assert_success
	assert_output 'the schema has version 1 already'
	store_psql -qc 'UPDATE sallyport.meta SET version = 2'
	run ctl store upgrade "$(store_connect postgres)"
	assert_failure 1
	assert_output --partial 'the schema has version 2, and this program knows 1; install the newer'
	run ctl user list
	assert_failure 1
	assert_output --partial 'the schema has version 2'
	run ctl store check
	assert_failure 1
	assert_line --partial 'WRONG  the schema has version 2'
	store_psql -qc 'UPDATE sallyport.meta SET version = 1'
}

# write_server_conf CONNECT: store.conf, as a server takes it
write_server_conf()
{
	write_store_conf store.conf "$1"
	chown root:nogroup "$DIR/etc/store/store.conf"
	chmod 640 "$DIR/etc/store/store.conf"
}

@test "check finds what keeps the server from the database, although root gets there" {
	need_schema
	run ctl store check
	assert_success
	chmod 700 "$DIR/etc/store"
	run ctl store check
	assert_failure 1
	assert_line --regexp "^WRONG  .*accounts: directory '$DIR/etc/store' does not let broker-user 'nobody' pass; 'chgrp nobody $DIR/etc/store', 'chmod 0750 $DIR/etc/store'"
	run ctl config check
	assert_failure 1
	assert_output --partial "does not let broker-user 'nobody' pass"
	chmod 755 "$DIR/etc/store"
	chgrp root "$DIR/etc/store/store.conf"
	run ctl store check
	assert_failure 1
	assert_line --regexp "^WRONG  .*must be a file of root that only broker-user reads besides"
	# a certificate that root alone reads
	store_psql -qc "ALTER ROLE sallyport_node PASSWORD 'node'"
	install -m 600 "$STORE_DIR/tls/ca.pem" "$DIR/etc/store/ca.pem"
	write_server_conf "$(store_connect_tls sallyport_node password=node "sslrootcert=$DIR/etc/store/ca.pem")"
	run ctl store check
	assert_failure 1
	assert_output --partial "$DIR/etc/store/store.conf: sslrootcert: cannot read '$DIR/etc/store/ca.pem': Permission denied; put it beside store.conf"
	chgrp nogroup "$DIR/etc/store/ca.pem"
	chmod 640 "$DIR/etc/store/ca.pem"
	run ctl store check
	assert_success
	# a certificate where nothing may be read
	install -m 644 "$STORE_DIR/tls/ca.pem" "$DIR/elsewhere.pem"
	write_server_conf "$(store_connect_tls sallyport_node password=node "sslrootcert=$DIR/elsewhere.pem")"
	run ctl store check
	assert_failure 1
	assert_output --partial "sslrootcert: cannot read '$DIR/elsewhere.pem': Permission denied; put it beside store.conf"
	# a host that nobody knows
	write_server_conf 'host=nowhere.invalid dbname=sallyport user=sallyport_node'
	run ctl store check
	assert_failure 1
	assert_output --partial "connect: no address of 'nowhere.invalid' is known; check the name"
	# the administrator's role is none for a server
	write_server_conf "$(store_connect sallyport_admin)"
	run ctl store check
	assert_failure 1
	assert_line "WRONG  the role can list the accounts, and the file is a server's; name sallyport_node"
	assert_line --partial 'WRONG  the role can look up an account: the role may not call sallyport.node_hello(text, uuid)'
}

@test "check tells of both connections what the roles may do" {
	need_schema
	run ctl store check
	assert_success
	assert_line "$DIR/etc/store/admin.conf:"
	assert_line 'holds  the role can manage accounts'
	assert_line "$DIR/etc/store/store.conf:"
	assert_line 'holds  the role can look up an account, and list none'
	assert_line 'holds  the role reaches no table'
	write_store_conf admin.conf "$(store_connect postgres)"
	run ctl --json store check
	assert_failure 1
	assert_equal "$(jq -r '.[0].checks[] | select(.verdict == "WRONG") | .what' <<<"$output" | head -n 1)" \
		'the role is a superuser, or may make roles; name sallyport_node or sallyport_admin'
	assert_equal "$(jq -r '.[1].good' <<<"$output")" true
	chmod 644 "$DIR/etc/store/admin.conf"
	run ctl store check
	assert_failure 1
	assert_line --partial "admin.conf: others can read or write it; chmod it to 0600"
	run ctl store check --peer
	assert_failure 2
}

# --- accounts ---

@test "user add, set, passwd, lock, unlock, show, list and del work on the database, and on the file" {
	need_schema
	run add_stored alice --quota 1G
	assert_success
	assert_output "alice: added; uid 200000, gid 200000, home $DIR/home/alice"
	assert_equal "$(stat -c '%u %a' "$DIR/home/alice")" '200000 750'
	run add_stored alice
	assert_failure 1
	assert_output --partial "account 'alice' exists already in the database"
	run add_stored bob --store file
	assert_success
	# where the database cannot have it
	assert_output --partial 'uid 190000, gid 190000'
	run add_stored bob
	assert_failure 1
	run ctl --json user list
	assert_equal "$(jq -r '.[] | .name + " " + .store' <<<"$output")" $'bob file\nalice postgresql'
	ctl user set alice --quota 2G --max-sessions 3
	ctl user lock alice
	run ctl --json user show alice
	assert_equal "$(jq -r '"\(.quota) \(.max_sessions) \(.state)"' <<<"$output")" '2147483648 3 locked'
	echo other | ctl user passwd alice --password-stdin
	run ctl user unlock alice
	assert_output 'alice: unlocked'
	run store_psql -c "SELECT o_line FROM sallyport.account_find('alice')"
	assert_output --regexp "^alice:\\\$y\\\$[^:]*:200000:200000:$DIR/home/alice:max-sessions=3 quota=2G\$"
	run ctl user set alice --uid 1000
	assert_failure 1
	assert_output --partial "'alice': its uid or gid is outside of uid-range"
	run add_stored carol --home /etc/carol
	assert_failure 1
	assert_output --partial "'carol': its home is outside of home-directory"
	assert_not_exists /etc/carol
	run ctl user show alice --store file
	assert_failure 1
	assert_output --partial "no account 'alice' in '$DIR/etc/users'"
	ctl user set bob --read-only
	run ctl user del bob --purge-home
	assert_output 'bob: removed with its home'
	run ctl user del alice
	assert_output 'alice: removed; its home is kept'
	run ctl user del alice
	assert_failure 1
	assert_output --partial "in '$DIR/etc/users' or in the database"
	run ctl user list --store mysql
	assert_failure 2
	assert_output --partial "bad --store 'mysql'; use 'file' or 'postgresql'"
}

limits_of()
{
	store_psql -c "SELECT concat_ws(' ', coalesce(max_sessions::text, '-'), coalesce(quota_bytes::text, '-')) \
		FROM sallyport.account WHERE name = '$1'"
}

@test "the limits of a group reach the ledger of the database, and follow each change of the group" {
	need_schema
	(umask 077 && : >"$DIR/etc/users")
	ctl group add staff --quota 1000 --max-sessions 2
	add_stored sam --group staff
	add_stored sue --group staff --quota none
	add_stored tom
	assert_equal "$(limits_of sam)" '2 1000'
	assert_equal "$(limits_of sue)" '2 -'
	assert_equal "$(limits_of tom)" '- -'
	assert_equal "$(ctl --json user show sam | jq -c '[.quota, .from.quota]')" '[1000,"group"]'
	ctl user add pat --pam sallyport
	ctl user lock pat
	ctl user unlock pat
	assert_equal "$(ctl --json user show pat | jq -r .pam)" sallyport
	ctl user del pat
	run ctl group set staff --quota 2000
	assert_output 'staff: changed; 2 accounts'
	assert_equal "$(limits_of sam)" '2 2000'
	assert_equal "$(limits_of sue)" '2 -'
	# changed with an editor, and on another server: told again
	sed -i 's/quota=2000/quota=3000/' "$DIR/etc/users"
	ctl group set staff
	assert_equal "$(limits_of sam)" '2 3000'
	ctl user set tom --group staff
	assert_equal "$(limits_of tom)" '2 3000'
	run ctl group remove staff
	assert_failure 1
	assert_output --partial '3 accounts are of the group'
	ctl user export --store postgresql "$DIR/export"
	ctl user del tom
	run ctl user import "$DIR/export" --store postgresql --skip
	assert_equal "$(limits_of tom)" '2 3000'
	sed 's/^tom/tim/; s/group=staff/group=stiff/' "$DIR/export" >"$DIR/import"
	run ctl user import "$DIR/import" --store postgresql --skip
	assert_output --partial "'tim': its group of settings is defined neither here nor in the users file"
}

@test "a home is not purged while an account of the other place has one inside" {
	need_schema
	add_stored outer --store file
	mkdir "$DIR/home/outer/inner"
	echo "inner:!:200005:200005:$DIR/home/outer/inner:" >"$DIR/inner"
	ctl user import "$DIR/inner"
	run ctl user del outer --purge-home
	assert_failure 1
	assert_output --partial "holds the home of account 'inner'"
	assert_dir_exists "$DIR/home/outer/inner"
	store_stop
	run ctl user del outer --purge-home
	assert_failure 1
	assert_output --partial 'it is not known whose the home is; omit --purge-home'
	# the file works without the database
	run ctl user del outer
	assert_success
	store_run
}

@test "names of every kind go to the database and back, and are never a part of a statement" {
	need_schema
	local names=("o'brien" 'a;DROP' 'b"quoted"' 'c\back' '$1' '{x,y}' 'Ärger' '日本語' "$(printf '%064d' 0)" 'x%s--') name
	for name in "${names[@]}"; do
		store_psql -v "line=$name:!:200000:200000:$DIR/home/x:" <<<"SELECT 1" >/dev/null
		printf '%s:!:200000:200000:%s/home/x:\n' "$name" "$DIR" >>"$DIR/names"
	done
	run ctl user import "$DIR/names"
	assert_success
	assert_output "${#names[@]} accounts imported into the database"
	run ctl user export "$DIR/again"
	assert_success
	diff <(LC_ALL=C sort "$DIR/names") "$DIR/again"
	for name in "${names[@]}"; do
		run ctl user set "$name" --read-only
		assert_success
		run ctl user del "$name"
		assert_success
	done
	run store_psql -c 'SELECT sallyport.account_count()'
	assert_output 0
}

@test "two administrators at once: both accounts are there, with uids of their own" {
	need_schema
	local pids=() i
	for i in 1 2 3 4; do
		add_stored "u$i" >"$DIR/out$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	run store_psql -c "SELECT string_agg(uid::text, ' ' ORDER BY uid) FROM sallyport.account"
	assert_output '200000 200001 200002 200003'
	# somebody holds the lock and does not end
	store_psql -c 'BEGIN' -c 'SELECT sallyport.accounts_lock()' -c 'SELECT pg_sleep(30)' >/dev/null 2>&1 3>&- &
	wait_until an_administrator_sleeps
	run ctl user lock u1
	assert_failure 1
	assert_output --partial 'another program is changing accounts; try again'
	store_psql -qc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
	wait
}

@test "the connection ends at COMMIT: nobody says that nothing was changed" {
	need_schema
	add_stored alice
	store_psql -q <<-'SQL'
		CREATE FUNCTION sallyport.cut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
			AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER cut AFTER UPDATE ON sallyport.account DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION sallyport.cut();
	SQL
	run ctl user lock alice
	store_psql -qc 'DROP TRIGGER cut ON sallyport.account' -c 'DROP FUNCTION sallyport.cut()'
	assert_failure 1
	assert_output --partial 'whether it was changed is not known'
	refute_output --partial 'nothing was changed'
}

an_administrator_sleeps()
{
	[ -n "$(store_psql -c "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" ]
}

@test "no lock that a server's role can take holds up an administrator" {
	need_schema
	add_stored alice
	local number
	# every number that the functions of the schema have
	number=$(store_psql -c "SELECT DISTINCT m[1] FROM pg_proc p, regexp_matches(p.prosrc, '[0-9]{4,19}', 'g') m
		WHERE p.pronamespace = 'sallyport'::regnamespace AND m[1]::numeric < 9223372036854775808")
	node_psql -c "SELECT pg_advisory_lock(n) FROM unnest('{${number//$'\n'/,}}'::bigint[]) n" -c 'SELECT pg_sleep(30)' \
		>/dev/null 2>&1 3>&- &
	wait_until an_administrator_sleeps
	run ctl user lock alice
	store_psql -qc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
	wait
	assert_success
}

# --- import and export ---

@test "100000 lines: import, export, import into a file: equal byte by byte but order and comments" {
	need_schema
	python3 - "$DIR" <<-'PYTHON'
		import random, sys
		random.seed(1)
		options = ["", "quota=1G", "read-only", "future-word=1:2", "allow-from=192.0.2.0/24,2001:db8::/32 max-sessions=3", "a  b\tc=d "]
		with open(sys.argv[1] + "/users", "w") as out:
		    print("# a comment", file=out)
		    numbers = list(range(100000))
		    random.shuffle(numbers)
		    for i in numbers:
		        mark = "!" if i % 7 == 0 else ""
		        print(f"user{i}:{mark}$6$salt{i}$digest:{200000 + i}:{200000 + i}:{sys.argv[1]}/home/user{i}:{options[i % 6]}", file=out)
	PYTHON
	run ctl user import "$DIR/users"
	assert_success
	assert_output '100000 accounts imported into the database'
	ctl user export "$DIR/exported"
	assert_equal "$(stat -c %a "$DIR/exported")" 600
	cmp <(grep -v '^#' "$DIR/users" | LC_ALL=C sort) <(LC_ALL=C sort "$DIR/exported")
	run ctl user import "$DIR/exported" --store file
	assert_success
	assert_output "100000 accounts imported into '$DIR/etc/users'"
	cmp <(grep -v '^#' "$DIR/etc/users") "$DIR/exported"
	run ctl user export "$DIR/exported"
	assert_failure 1
	assert_output --partial 'is there; name a file that is not'
}

@test "import is all or nothing: every account that cannot be taken is told, line by line" {
	need_schema
	add_stored alice
	add_stored filed --store file
	cat >"$DIR/users" <<-USERS
		good:!:200010:200010:$DIR/home/good:
		alice:!:200011:200011:$DIR/home/alice:
		filed:!:200012:200012:$DIR/home/filed:
		twice:!:200013:200013:$DIR/home/twice:
		twice:!:200014:200014:$DIR/home/twice:
		far:!:1000:1000:$DIR/home/far:
		etc:!:200015:200015:/etc/cron.d:
		slow:\$6\$rounds=900000000\$salt\$digest:200016:200016:$DIR/home/slow:
		server:!:$(id -u nobody):200017:$DIR/home/server:
		bad line
	USERS
	run ctl user import "$DIR/users"
	assert_failure 1
	assert_line --partial "users:2: 'alice': the account exists already"
	assert_line --partial "users:3: 'filed': the account exists already"
	assert_line --partial "users:5: 'twice': it is in line 4 already"
	assert_line --partial "users:6: 'far': its uid or gid is outside of uid-range"
	assert_line --partial "users:7: 'etc': its home is outside of home-directory"
	assert_line --partial "users:8: 'slow': its password hash would take too long"
	assert_line --partial "users:9: 'server': its uid is that of a user of the server"
	assert_line --partial "users:10: '': too few fields"
	assert_line --partial '8 accounts cannot be taken, so none was'
	assert_equal "$(store_psql -c "SELECT string_agg(name, ' ') FROM sallyport.account")" alice
	run ctl user import "$DIR/users" --skip
	assert_failure 1
	assert_line '2 accounts imported into the database, 8 left out'
	assert_equal "$(store_psql -c "SELECT string_agg(name, ' ' ORDER BY name) FROM sallyport.account")" 'alice good twice'
	run ctl user import "$DIR/users" --from apache
	assert_failure 2
	run ctl user import "$DIR/absent"
	assert_failure 1
}

@test "import from other servers: names, hashes, ids, homes and limits; passwords of vsftpd log in as before" {
	need_schema
	local hash
	hash=$(openssl passwd -6 -salt abc secret)
	echo "joe:$hash:200001:200001:Joe:$DIR/home/joe/./::10240:::3::1048576::::::" >"$DIR/pureftpd.passwd"
	ctl user import "$DIR/pureftpd.passwd" --from pure-ftpd
	run ctl user export
	assert_line "joe:$hash:200001:200001:$DIR/home/joe:max-sessions=3 quota=1048576 rate-down=10240"
	echo "ann:$hash:200002:200002::$DIR/home/ann:/bin/false" >"$DIR/ftpd.passwd"
	ctl user import "$DIR/ftpd.passwd" --from proftpd
	printf '%s\n' vic 'se cret' val other >"$DIR/vsftpd.txt"
	run ctl user import "$DIR/vsftpd.txt" --from vsftpd
	assert_output '2 accounts imported into the database'
	run ctl user export
	assert_line --regexp "^val:\\\$y\\\$[^:]*:200003:200003:$DIR/home/val:\$"
	assert_line --regexp "^vic:\\\$y\\\$[^:]*:200004:200004:$DIR/home/vic:\$"
	assert_equal "$(python3 -Wignore -c 'import crypt, sys; print(crypt.crypt("se cret", sys.argv[1]) == sys.argv[1])' \
		"$(sed -n 's/^vic:\([^:]*\):.*/\1/p' <<<"$output")")" True
	printf '%s\n' 'root:x:0:0::/root:/bin/sh' "sys:x:200009:200009::$DIR/home/sys:/bin/sh" >"$DIR/passwd"
	printf '%s\n' 'root:*:::::::' "sys:$hash:19000:0:99999:7::19723:" >"$DIR/shadow"
	run ctl user import "$DIR/passwd" --from passwd --skip
	assert_failure 1
	assert_line --partial "passwd:1: 'root': bad UID or GID"
	run ctl user export
	assert_line "sys:$hash:200009:200009:$DIR/home/sys:expires=2024-01-01"
}

# --- the node's role, as an attacker has it ---

node_psql()
{
	timeout 30 psql -X "$(store_connect sallyport_node)" -At "$@"
}

@test "the role of a server can ask for one name, and reaches nothing else" {
	need_schema
	add_stored alice
	run node_psql -c "SELECT o_line FROM sallyport.account_find('alice')"
	assert_output --regexp '^alice:'
	local statement
	for statement in 'SELECT * FROM sallyport.account' 'SELECT names_key FROM sallyport.meta' 'SELECT * FROM sallyport.node' \
		"SELECT * FROM sallyport.account_lines('', 10)" "SELECT * FROM sallyport.account_add('{x}', '{NULL}', '{NULL}', '{NULL}')" \
		"SELECT * FROM sallyport.account_sharing('', 1, '/', 10)" 'SELECT sallyport.accounts_lock()' \
		"SELECT sallyport.account_remove('alice')" 'SELECT sallyport.account_count()' "UPDATE sallyport.account SET hash = 'x'" \
		'CREATE TABLE sallyport.mine ()' 'SET ROLE sallyport_owner' 'SET ROLE sallyport_admin' \
		"CREATE FUNCTION sallyport.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'" 'CREATE ROLE mine SUPERUSER' \
		"COPY sallyport.account TO STDOUT" "SELECT pg_read_file('/etc/passwd')"; do
		run node_psql -c "$statement"
		assert_failure
		assert_output --regexp 'permission denied|must be (superuser|owner)'
	done
}

@test "a search path, a temporary table and an operator of the attacker change no answer" {
	need_schema
	add_stored alice
	run node_psql <<-'SQL'
		CREATE TEMP TABLE account (id bigint, name text, hash text, uid bigint, gid bigint, home text, options text);
		INSERT INTO account VALUES (1, 'root', 'x', 1, 1, '/', '');
		CREATE TEMP TABLE meta (names_key bytea, version int, lease interval);
		INSERT INTO meta VALUES ('\x00', 99, '1 s');
		CREATE FUNCTION pg_temp.concat_ws(text, VARIADIC "any") RETURNS text LANGUAGE internal AS 'text_concat_ws';
		CREATE FUNCTION pg_temp.decoy_of(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
		SET search_path = pg_temp, sallyport;
		SELECT sallyport.schema_version();
		SELECT coalesce(o_line, 'none') FROM sallyport.account_find('root');
		SELECT left(o_decoy, 7), o_decoy ~ '^\$y\$j9T\$[.$]+$' FROM sallyport.account_find('root');
	SQL
	assert_line 1
	assert_line none
	assert_line '$y$j9T$|t'
	refute_line 99
}

@test "an unknown name always finds the same decoy, of the kinds that accounts have, with no salt of theirs" {
	need_schema
	store_psql -q <<-'SQL'
		CREATE FUNCTION pg_temp.add(text[]) RETURNS SETOF text LANGUAGE sql AS $$
			SELECT sallyport.account_add($1, array_fill(NULL::int, ARRAY[cardinality($1)]),
				array_fill(NULL::bigint, ARRAY[cardinality($1)]), array_fill(NULL::bigint, ARRAY[cardinality($1)]))
		$$;
		SELECT * FROM pg_temp.add(ARRAY(SELECT 'y' || i || ':$y$j9T$saltsalt$digestdigest:200000:200000:/srv/x:' FROM generate_series(1, 300) i));
		SELECT * FROM pg_temp.add(ARRAY(SELECT 's' || i || ':!$6$rounds=9999$saltsalt$digestdigest:200000:200000:/srv/x:' FROM generate_series(1, 100) i));
		SELECT * FROM pg_temp.add(ARRAY['d:abcdefghijklm:200000:200000:/srv/x:', 'b:$2b$10$saltsaltsaltsaltsaltsadigest:200000:200000:/srv/x:', 'm:$1$salt$digest:200000:200000:/srv/x:', 'z:*:200000:200000:/srv/x:']);
	SQL
	run node_psql -c "SELECT DISTINCT o_decoy FROM generate_series(1, 5000) i, LATERAL sallyport.account_find('none' || i) ORDER BY 1"
	assert_line '$y$j9T$........$............'
	assert_line '$6$rounds=9999$........$............'
	refute_output --partial salt
	refute_output --partial digest
	# the odds of the kinds are those of the accounts: 3 to 1, within what chance does to arcs of a ring
	run node_psql -c "SELECT count(*) FILTER (WHERE o_decoy LIKE '\$y\$%') BETWEEN 3000 AND 4400 FROM generate_series(1, 5000) i, LATERAL sallyport.account_find('none' || i)"
	assert_output t
	run store_psql -c "SELECT DISTINCT sallyport.decoy_of(hash) FROM sallyport.account ORDER BY 1"
	assert_line '.............'
	assert_line '*'
	assert_line '$1$....$......'
	assert_line '$2b$10$............................'
	local before
	before=$(node_psql -c "SELECT o_decoy FROM generate_series(1, 50) i, LATERAL sallyport.account_find('none' || i)")
	run node_psql -c "SELECT o_decoy FROM generate_series(1, 50) i, LATERAL sallyport.account_find('none' || i)"
	assert_output "$before"
	store_psql -qc 'DELETE FROM sallyport.account'
	run node_psql -c "SELECT o_decoy = '' AND o_id IS NULL FROM sallyport.account_find('x')"
	assert_output t
}

# --- a program, and a database, that lie ---

# fake_store LINE...: a sallyport-store that says this, whatever it is asked.
fake_store()
{
	mkdir -p "$DIR/libexec"
	{
		printf '%s\n' '#!/bin/sh' "cat <<'END'"
		printf '%s\n' "$@"
		printf '%s\n' END 'cat >/dev/null'
	} >"$DIR/libexec/sallyport-store"
	chmod 755 "$DIR/libexec/sallyport-store"
	write_store_config "$DIR/libexec"
}

@test "answers that are none are refused: no account of them is shown, exported or changed" {
	local line
	for line in 'account root:x:0:0:/:' 'account bob:x:1:1:/srv/bob:' 'account alice:x:1:1:/srv/../etc:' 'account alice' \
		'taken alice' 'done' 'ready' 'nonsense' '' $'account alice:x:1:1:/srv/a\x1b[2J:' "account $(printf '%09000d' 0)"; do
		fake_store ready "$line"
		run ctl user show alice
		assert_failure 1
		assert_output --partial 'sallyportctl: sallyport-store: '
		refute_output --partial $'\x1b'
		assert_equal "${#lines[@]}" 1
	done
	fake_store ready 'account b:x:1:1:/srv/b:' 'account a:x:1:1:/srv/a:' 'done'
	run ctl user export "$DIR/exported"
	assert_failure 1
	assert_output --partial 'the database lists accounts out of order'
	assert_not_exists "$DIR/exported"
	fake_store ready 'done' 'done 4294967295'
	run add_stored carol
	assert_failure 1
	assert_not_exists "$DIR/home/carol"
	fake_store $'failed \x1b[2Jtext of a "database"'
	run ctl user list
	assert_failure 1
	assert_output --partial 'an answer that is none'
	fake_store 'failed it says why'
	run ctl user list
	assert_failure 1
	assert_line 'sallyportctl: it says why'
}

@test "a program that ends, is missing or is not root's alone is told, and is not run" {
	need_schema
	fake_store ready
	printf '%s\n' '#!/bin/sh' 'exit 3' >"$DIR/libexec/sallyport-store"
	run ctl user list
	assert_failure 1
	assert_output --partial 'it ended without an answer; nothing was changed'
	chmod 777 "$DIR/libexec/sallyport-store"
	run ctl user list
	assert_failure 1
	assert_output --partial "libexec/sallyport-store' cannot be run"
	rm "$DIR/libexec/sallyport-store"
	run ctl user list
	assert_failure 1
	assert_output --partial 'is missing; install sallyport-server-postgresql'
	run "$BUILD/sallyport-store" 0.0.0 accounts -
	assert_failure 2
	assert_output --partial 'is started by sallyportctl of the same version'
}

@test "sallyport-store runs behind walls: no capability, no new program, files of the connection alone" {
	need_schema
	local pid
	mkfifo "$DIR/in"
	"$BUILD/sallyport-store" "$(cat "$BATS_TEST_DIRNAME/../../VERSION")" accounts "$DIR/etc/store/admin.conf" \
		<"$DIR/in" >"$DIR/out" 2>&1 3>&- &
	pid=$!
	exec 8>"$DIR/in"
	wait_until grep -q ready "$DIR/out"
	assert_equal "$(status_of "$pid" CapEff) $(status_of "$pid" CapPrm)" '0000000000000000 0000000000000000'
	assert_equal "$(status_of "$pid" NoNewPrivs) $(status_of "$pid" Seccomp)" '1 2'
	exec 8>&-
	wait "$pid"
}

@test "a database whose functions lie gives no more than lines that are accounts" {
	need_schema
	add_stored alice
	store_psql -q <<-'SQL'
		ALTER FUNCTION sallyport.account_find RENAME TO account_find_kept;
		CREATE FUNCTION sallyport.account_find(p_name text, OUT o_id bigint, OUT o_line text, OUT o_decoy text)
			LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1, E'alice:x:0:0:/etc:\nfailed', '' $$;
		GRANT EXECUTE ON FUNCTION sallyport.account_find TO sallyport_admin;
	SQL
	run ctl user show alice
	assert_failure 1
	assert_output --partial 'the database gave an answer that is none'
	store_psql -q <<-'SQL'
		CREATE OR REPLACE FUNCTION sallyport.account_find(p_name text, OUT o_id bigint, OUT o_line text, OUT o_decoy text)
			LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1, E'alice:x:0:0:/etc:', '' $$;
	SQL
	run ctl user show alice
	assert_failure 1
	assert_output --partial 'the database has an account that is none: bad UID'
	store_psql -q <<-'SQL'
		DROP FUNCTION sallyport.account_find;
		ALTER FUNCTION sallyport.account_find_kept RENAME TO account_find;
	SQL
}
