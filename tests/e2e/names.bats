#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Times must not reveal whether an account exists: the tests compare distributions of samples that they take
# in turn.

load lib

setup()
{
	new_place
}

teardown()
{
	if [ -n "${SERVICE-}" ]; then
		rm -f "/etc/pam.d/$SERVICE"
		userdel "$SYSTEM_USER"
	fi
	end_place
}

# add_line NAME SETTING [OPTIONS]: add an account with the password "secret" and a hash of that cost.
add_line()
{
	local hash uid
	uid=$((300000 + $(wc -l <"$DIR/etc/users")))
	hash=$(perl -e 'print crypt("secret", $ARGV[0])' "$2")
	install -d -o "$uid" -g "$uid" "$DIR/home/$1"
	echo "$1:$hash:$uid:$uid:$DIR/home/$1:${3-}" >>"$DIR/etc/users"
}

# Kinds of hashes of mixed cost, as many cheap ones as expensive ones.
mixed_accounts()
{
	add_line cheap '$6$rounds=1000$salt'
	add_line also-cheap '$6$rounds=1000$salt'
	add_line expensive '$6$rounds=20000$salt'
	add_line also-expensive '$6$rounds=20000$salt'
}

# measure WHAT NAME...: try each name 40 times, all names side by side, each time from an address of its own. WHAT
# is own, the time until the answer, or next, the time of the next attempt from the same address. Fails when the
# times distinguish two names.
measure()
{
	python3 - "$PORT" "$@" <<-'PY'
		import concurrent.futures, itertools, random, socket, statistics, sys, time
		port, what, names = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
		SAMPLES = 40
		numbers = itertools.count(random.randrange(1 << 20))

		def connect(source):
		    control = socket.create_connection(("127.0.0.1", port), 30, (source, 0))
		    control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		    file = control.makefile("rwb", 0)
		    assert file.readline().startswith(b"220")
		    return control, file

		def begin(file, name):
		    file.write(b"USER %s\r\n" % name.encode())
		    assert file.readline().startswith(b"331")
		    start = time.perf_counter()
		    file.write(b"PASS wrong\r\n")
		    return start

		def sample(name):
		    number = next(numbers)
		    source = "127.%d.%d.%d" % (2 + (number >> 16) % 250, number >> 8 & 255, 1 + (number & 255) % 254)
		    control, file = connect(source)
		    if what == "next":
		        other, other_file = connect(source)
		    start = begin(file, name)
		    if what == "next":
		        time.sleep(0.03)    # a cheap hash is known by now, and an expensive one is not
		        begin(other_file, "someone-else")
		        assert other_file.readline().startswith(b"530")
		        other.close()
		    else:
		        assert file.readline().startswith(b"530")
		    taken = (time.perf_counter() - start) * 1000
		    control.close()
		    return taken

		def chance(a, b):
		    """That a sample of a is longer than one of b; 0.5 where nothing tells them apart."""
		    wins = sum((x > y) + (x == y) / 2 for x in a for y in b)
		    return wins / (len(a) * len(b))

		times = {name: [] for name in names}
		with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
		    for turn in range(SAMPLES):
		        begun = {name: pool.submit(sample, name) for name in random.sample(names, len(names))}
		        for name in names:
		            times[name].append(begun[name].result())
		for name in names:
		    print("# %-16s median %.1f ms, %.1f to %.1f" % (name, statistics.median(times[name]), min(times[name]),
		        max(times[name])))
		bad = 0
		for a, b in itertools.combinations(names, 2):
		    apart = abs(statistics.median(times[a]) - statistics.median(times[b]))
		    # three times the standard deviation of the rank sum is 0.2
		    if not 0.23 < chance(times[a], times[b]) < 0.77 and apart > 2 or apart > 15:
		        print("# told apart: %s and %s: %.2f, medians %.1f ms apart" % (a, b, chance(times[a], times[b]), apart))
		        bad = 1
		sys.exit(bad)
	PY
}

@test "hashes of mixed cost: neither the kind nor the name is told by the time of a refusal" {
	write_config 'limits { concurrent-hashes = 8 }'
	mixed_accounts
	add_line locked '$6$rounds=20000$salt'
	sed -i 's/^locked:/&!/' "$DIR/etc/users"
	start_server
	measure own cheap expensive locked mallory someone
}

@test "hashes of mixed cost: the next attempt of the address does not tell them either" {
	write_config 'limits { concurrent-hashes = 8 }'
	mixed_accounts
	start_server
	measure next cheap expensive mallory
}

@test "PAM: names of the users file, of the system, and of nobody take the same time" {
	"$BUILD/sallyportd" -V | grep -qx 'with PAM' || skip "built without PAM"
	SERVICE=sallyport-test-$$-$BATS_TEST_NUMBER
	SYSTEM_USER=sp-test-$$-$BATS_TEST_NUMBER
	useradd --no-create-home --home-dir "$DIR/home" --shell /bin/sh "$SYSTEM_USER"
	echo "$SYSTEM_USER:system-secret" | chpasswd
	printf '%s\n' 'auth required pam_unix.so' 'account required pam_unix.so' >"/etc/pam.d/$SERVICE"
	write_config "accounts = \"$DIR/etc/users,pam:$SERVICE\""
	mixed_accounts
	start_server
	measure own expensive "$SYSTEM_USER" nobody-at-all
}

@test "the right password is answered at once" {
	write_config
	mixed_accounts
	start_server
	python3 - "$PORT" <<-'PY'
		import socket, statistics, sys, time
		def taken(password, code, source):
		    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30, (source, 0)) as control:
		        file = control.makefile("rwb", 0)
		        assert file.readline().startswith(b"220")
		        file.write(b"USER cheap\r\n")
		        assert file.readline().startswith(b"331")
		        start = time.perf_counter()
		        file.write(b"PASS %s\r\n" % password)
		        assert file.readline().startswith(code)
		        return (time.perf_counter() - start) * 1000
		right = statistics.median(taken(b"secret", b"230", "127.0.1.1") for i in range(9))
		wrong = statistics.median(taken(b"wrong", b"530", "127.0.2.%d" % (i + 1)) for i in range(9))
		print("# right %.1f ms, wrong %.1f ms" % (right, wrong))
		assert wrong > 100 and right < wrong / 2
	PY
}

@test "the key of unknown names stays over restarts, and only root reads it" {
	write_config
	mixed_accounts
	start_server
	assert_equal "$(stat -c '%a %u %s' "$DIR/state/names-key")" '600 0 16'
	sum=$(sha256sum <"$DIR/state/names-key")
	stop_server
	start_server
	assert_equal "$(sha256sum <"$DIR/state/names-key")" "$sum"
}
