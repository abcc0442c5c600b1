#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Many accounts in PostgreSQL: a login costs what it costs with a few, and what one of the users file costs. "make
# test-cluster" (STORE_LONG=1) has a million of them, and takes some minutes for their import.

bats_require_minimum_version 1.5.0
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
}

teardown()
{
	end_place
}

# many_lines COUNT HASH: accounts n0, n1 and so on, with one uid and one home
many_lines()
{
	awk -v n="$1" -v h="$2" -v d="$DIR/home/all" 'BEGIN { for (i = 0; i < n; i++) printf "n%d:%s:200000:200000:%s:\n", i, h, d }'
}

# scans: how often the table of accounts was read from its beginning to its end
scans()
{
	store_psql -c "SELECT pg_stat_clear_snapshot()" -c "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'account'" | tail -n 1
}

@test "among many accounts a login takes what one of the users file takes, and no look-up reads the table" {
	local count=5000 most=20 rounds=30 hash
	[ -z "${STORE_LONG-}" ] || count=1000000 most=0.5 rounds=400
	hash=$(openssl passwd -6 -salt 'rounds=1000$manysalt' secret)
	install -d -o 200000 -g 200000 -m 750 "$DIR/home/all"
	install -d -m 755 "$DIR/libexec"
	install -m 755 "$BUILD/sallyport-broker" "$BUILD/sallyport-store" "$DIR/libexec/"
	install -m 0640 -g "$BROKER" /dev/null "$DIR/etc/store.conf"
	echo "connect = \"$(store_connect sallyport_node)\"" >"$DIR/etc/store.conf"
	(umask 077 && echo "connect = \"$(store_connect sallyport_admin)\"" >"$DIR/etc/admin.conf")
	if [ -n "${STORE_LONG-}" ]; then
		store_psql -qc "ALTER SYSTEM SET shared_buffers = '1GB'"    # all of them
		store_stop
		store_run
	fi
	write_config "accounts = \"$DIR/etc/users,postgresql:$DIR/etc/store.conf\"" "broker-user = \"$BROKER\"" \
		"libexec-directory = \"$DIR/libexec\"" "home-directory = \"$DIR/home\"" 'uid-range = "200000-1299999"' \
		'limits { sessions-per-user = 1000 sessions-per-address = 1000 }'
	(umask 077 && many_lines 20000 "$hash" | sed 's/^n/f/' >"$DIR/etc/users")
	many_lines "$count" "$hash" >"$DIR/lines"
	ctl user import "$DIR/lines" --store postgresql --store-conf "$DIR/etc/admin.conf" >/dev/null
	store_psql -qc ANALYZE
	start_server
	wait_until -t 20 log_has ' store-up '
	# the broker's own first look-ups
	sleep 1
	before=$(scans)
	python3 - "$PORT" "$count" "$rounds" "$most" <<-'PY'
		import random, socket, statistics, sys, time
		port, count, rounds, most = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
		def login(name):
		    began = time.monotonic()
		    with socket.create_connection(("127.0.0.1", port), 30) as control:
		        file = control.makefile("rwb", 0)
		        assert file.readline().startswith(b"220")
		        for line, code in (("USER " + name, b"331"), ("PASS secret", b"230")):
		            file.write(line.encode() + b"\r\n")
		            answer = file.readline()
		            assert answer.startswith(code), (name, answer)
		        return 1000 * (time.monotonic() - began)
		for _ in range(5):
		    login("f0"), login("n0")
		# in turn, so that what else the machine does meets both; the first login of an account costs more than the next
		pairs = [(login("f%d" % random.randrange(20000)), login("n%d" % random.randrange(count))) for _ in range(rounds)]
		gap = statistics.median(base - file for file, base in pairs)
		print("# %d accounts: %.2f ms of the file, %.2f ms of the database, median of the differences %.2f ms" %
		      (count, statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), gap))
		assert gap <= most, gap
	PY
	for name in nobody0 nobody1 nobody2; do
		ftp_open
		ftp "USER $name" 331
		ftp 'PASS wrong' 530
		ftp_close
	done
	# statistics come a second late
	sleep 1.5
	assert_equal "$(scans)" "$before"
}
