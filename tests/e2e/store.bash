# SPDX-License-Identifier: ISC
# PostgreSQL for tests: a server of the test's own, on a socket in a scratch directory, and on request on 127.0.0.1 with
# TLS. Load it after lib.
#
#   setup_file()    { store_need; store_start; store_schema; }
#   teardown_file() { store_end; }
#
# or, with a user for brokers: store_start_for_broker, store_end_for_broker.
#
# STORE_PREFIX, when set, is a command that runs the server elsewhere (nsenter); STORE_OPTIONS are more options of postgres.
#
# Sets STORE_DIR (mode 755), STORE_SOCKETS (the directory of the socket), STORE_PORT (of --tls; else 5432, which only names the socket).
# On the socket every role is trusted. Over TCP there is only TLS with a password (scram), unless store_hba says more.

store_find_programs()
{
	local pg_ctl
	for pg_ctl in /usr/lib/postgresql/*/bin/pg_ctl /usr/bin/pg_ctl; do
		[ -x "$pg_ctl" ] && STORE_BIN=${pg_ctl%/pg_ctl}
	done
	export STORE_BIN
	[ -n "${STORE_BIN-}" ] && [ -x "$STORE_BIN/postgres" ]
}

# Skip where there is no PostgreSQL, or the build is one without libpq.
store_need()
{
	store_find_programs || skip "PostgreSQL is not installed"
	getent passwd postgres >/dev/null || skip "there is no user 'postgres', and PostgreSQL does not run as root"
	[ -x "$BUILD/sallyport-store" ] || skip "this build has no sallyport-store: libpq is not installed"
}

# As the user of the server, who is nobody to the machine.
store_as_postgres()
{
	# shellcheck disable=SC2086 # a command with its arguments
	${STORE_PREFIX-} setpriv --reuid postgres --regid postgres --clear-groups env -C "$STORE_DIR" "$@"
}

# store_start [--tls]
store_start()
{
	STORE_DIR=$(mktemp -d /tmp/sallyport-pg.XXXXXX)
	STORE_SOCKETS=$STORE_DIR/run
	STORE_PORT=5432
	STORE_TLS=
	export STORE_DIR STORE_SOCKETS STORE_PORT STORE_TLS
	chmod 755 "$STORE_DIR"
	install -d -o postgres -g postgres -m 755 "$STORE_DIR/data" "$STORE_SOCKETS"
	store_as_postgres "$STORE_BIN/initdb" -D "$STORE_DIR/data" -U postgres -E UTF8 --locale=C --auth=trust --no-sync \
		--no-instructions >"$STORE_DIR/initdb.log" 2>&1 || { cat "$STORE_DIR/initdb.log" >&2; return 1; }
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$STORE_SOCKETS'"
		# commits are written at once all the same: some tests kill the server
		printf '%s\n' 'fsync = off' 'full_page_writes = off' 'max_connections = 40' \
			'shared_buffers = 32MB' "log_min_messages = warning" "timezone = 'UTC'"
	} >>"$STORE_DIR/data/postgresql.conf"
	store_write_hba
	if [ "${1-}" = --tls ]; then
		store_make_tls
		STORE_TLS=1
	fi
	store_run
	store_psql -d postgres -qc "CREATE DATABASE sallyport TEMPLATE template0 ENCODING 'UTF8'"
}

store_write_hba()
{
	printf '%s\n' "$@" 'local all all trust' 'hostssl all all 127.0.0.0/8 scram-sha-256' >"$STORE_DIR/data/pg_hba.conf"
}

# store_hba LINE...: who may come in how; the lines are read before the usual ones.
store_hba()
{
	store_write_hba "$@"
	store_psql -qc 'SELECT pg_reload_conf()' >/dev/null
}

# A CA, and what it signed: the server's certificate for localhost, a client's for sallyport_node.
store_make_tls()
{
	local tls=$STORE_DIR/tls
	mkdir -m 755 "$tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=CA of a test' \
		-keyout "$tls/ca.key" -out "$tls/ca.pem" 2>/dev/null
	store_sign server localhost 'subjectAltName=DNS:localhost'
	store_sign node sallyport_node 'extendedKeyUsage=clientAuth'
	install -o postgres -g postgres -m 600 "$tls/server.key" "$STORE_DIR/data/server.key"
	install -o postgres -g postgres -m 644 "$tls/server.pem" "$STORE_DIR/data/server.crt"
	install -o postgres -g postgres -m 644 "$tls/ca.pem" "$STORE_DIR/data/root.crt"
	printf '%s\n' 'ssl = on' "ssl_ca_file = 'root.crt'" >>"$STORE_DIR/data/postgresql.conf"
}

# store_sign FILE NAME EXTENSION: $STORE_DIR/tls/FILE.pem and FILE.key
store_sign()
{
	local tls=$STORE_DIR/tls
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$tls/$1.key" \
		-out "$tls/$1.csr" 2>/dev/null
	openssl x509 -req -in "$tls/$1.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 2 \
		-extfile <(echo "$3") -out "$tls/$1.pem" 2>/dev/null
}

# Start the server; with TLS on a port that nobody has, a few times if another one takes it meanwhile. Once it has run, it
# comes back where it was.
store_run()
{
	local tries
	for tries in 1 2 3; do
		if [ -e "$STORE_DIR/port" ]; then
			STORE_PORT=$(cat "$STORE_DIR/port")
		elif [ -n "$STORE_TLS" ]; then
			STORE_PORT=$(free_port)
		fi
		if store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$STORE_DIR/data" -l "$STORE_DIR/data/log" -w -t 30 \
			-o "-p $STORE_PORT ${STORE_TLS:+-c listen_addresses=127.0.0.1} ${STORE_OPTIONS-}" start >"$STORE_DIR/start.log" 2>&1 3>&-; then
			echo "$STORE_PORT" >"$STORE_DIR/port"
			return 0
		fi
	done
	cat "$STORE_DIR/start.log" "$STORE_DIR/data/log" >&2
	return 1
}

# store_stop [MODE]: fast unless given. The data stay, for store_run.
store_stop()
{
	[ ! -e "$STORE_DIR/data/postmaster.pid" ] ||
		store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$STORE_DIR/data" -m "${1:-fast}" -w -t 30 stop >/dev/null 2>&1 || :
}

# store_standby DIR PORT TO_DIR TO_PORT: make a standby in TO_DIR of the server in DIR, which waits for it with each commit.
# Both listen on the directory of sockets.
store_standby()
{
	store_write_hba 'local replication all trust'
	[ "$1" = "$STORE_DIR/data" ] || cp -p "$STORE_DIR/data/pg_hba.conf" "$1/"
	STORE_PORT=$2 store_psql -qc 'SELECT pg_reload_conf()' >/dev/null
	rm -rf "$3"
	install -d -o postgres -g postgres -m 700 "$3"
	store_as_postgres timeout 60 "$STORE_BIN/pg_basebackup" -D "$3" -h "$STORE_SOCKETS" -p "$2" -U postgres -R -c fast --no-sync
	# once it is promoted, it waits for nobody
	echo "synchronous_standby_names = ''" >>"$3/postgresql.auto.conf"
	store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$3" -l "$3/log" -w -t 30 -o "-p $4" start >/dev/null 3>&-
	STORE_PORT=$2 store_psql -qc "ALTER SYSTEM SET synchronous_standby_names = '*'"
	STORE_PORT=$2 store_psql -qc 'SELECT pg_reload_conf()' >/dev/null
	wait_until eval '[ "$(STORE_PORT='"$2"' store_psql -c "SELECT sync_state FROM pg_stat_replication")" = sync ]'
}

# store_promote DIR
store_promote()
{
	store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$1" -w -t 30 promote >/dev/null
}

# store_stop_dir DIR: at once, as a machine that loses power.
store_stop_dir()
{
	store_as_postgres timeout 60 "$STORE_BIN/pg_ctl" -D "$1" -m immediate -w -t 30 stop >/dev/null || :
}

# store_end_standby DIR: only the server of the test is there, and waits for nobody.
store_end_standby()
{
	store_stop_dir "$1"
	rm -rf "$1"
	[ -e "$STORE_DIR/data/postmaster.pid" ] || store_run
	store_psql -qc "ALTER SYSTEM RESET synchronous_standby_names"
	store_psql -qc 'SELECT pg_reload_conf()' >/dev/null
	store_hba
}

# The pid of the postmaster.
store_pid()
{
	head -n 1 "$STORE_DIR/data/postmaster.pid"
}

store_end()
{
	[ -n "${STORE_DIR-}" ] || return 0
	store_stop immediate
	case $STORE_DIR in /tmp/sallyport-pg.*) rm -rf "$STORE_DIR" ;; esac
}

# setup_file() and teardown_file() of tests whose servers have a broker, run by the user BROKER.
store_start_for_broker()
{
	store_need
	[ -x "$BUILD/sallyport-broker" ] || skip "this build has no sallyport-broker: libpq is not installed"
	make_broker_user
	store_start
	store_schema
}

store_end_for_broker()
{
	end_broker_user
	store_end
}

# store_psql [ARGUMENT...]: psql as the superuser, in the database of the accounts; a mistake ends it.
store_psql()
{
	PGOPTIONS='' timeout 60 psql -X -v ON_ERROR_STOP=1 -h "$STORE_SOCKETS" -p "$STORE_PORT" -U postgres -d sallyport -At "$@"
}

# store_connect ROLE [WORD...]: a connection string over the socket.
store_connect()
{
	local role=$1
	shift
	echo "host=$STORE_SOCKETS port=$STORE_PORT dbname=sallyport user=$role${*:+ $*}"
}

# store_connect_tls ROLE [WORD...]: the same over TLS.
store_connect_tls()
{
	local role=$1
	shift
	echo "host=localhost hostaddr=127.0.0.1 port=$STORE_PORT dbname=sallyport user=$role sslrootcert=$STORE_DIR/tls/ca.pem${*:+ $*}"
}

# The roles and the schema, as 'sallyportctl store init' makes them.
store_schema()
{
	local top=$BATS_TEST_DIRNAME/../..
	{
		echo 'BEGIN;'
		cat "$top/store/roles.sql"
		echo 'SET LOCAL ROLE sallyport_owner;'
		cat "$top/store/schema_1.sql"
		echo 'COMMIT;'
	} | store_psql -q
}

# store_add LINE...: accounts, as lines of sallyport-users(5); limits are numbers without a letter.
store_add()
{
	local line
	for line in "$@"; do
		[ -z "$(store_psql -v "line=$line" -v "sessions=$(store_limit max-sessions "$line")" \
			-v "bytes=$(store_limit quota "$line")" -v "files=$(store_limit quota-files "$line")" \
			<<<"SELECT * FROM sallyport.account_add(ARRAY[:'line'], ARRAY[:sessions]::int[], ARRAY[:bytes]::bigint[],
				ARRAY[:files]::bigint[])")" ]
	done
}

# store_limit WORD LINE: the figure of an option, or NULL
store_limit()
{
	case " ${2##*:} " in
	*" $1="*) local rest=" ${2##*:} "; rest=${rest#*" $1="}; echo "${rest%% *}" ;;
	*) echo NULL ;;
	esac
}

# store_account NAME PASSWORD [HOME [OPTIONS]]: one with a home of its own; its uid is drawn by the database.
store_account()
{
	local uid home=${3:-$DIR/home/$1} hash
	hash=$(openssl passwd -6 "$2")
	uid=$(store_psql -c 'SELECT sallyport.account_free_uid(200000, 299999, 1)')
	install -d -o "$uid" -g "$uid" -m 750 "$home"
	store_add "$1:$hash:$uid:$uid:$home:${4-}"
}
