# SPDX-License-Identifier: ISC
# The cost of a login and a small file, in system calls of all processes of a session, and the memory of an idle
# session, in pages: counts repeat, times do not. The bounds allow a wait more or less, and two pages or three, but not
# one more call in every turn.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	skip_if_asan "sanitizers make calls of their own"
	command -v strace >/dev/null || skip "strace is not installed"
	new_place
	write_config 'upload-sync = no' 'log { target = "'"$DIR/log"'" level = "info" }' \
		'limits { sessions-per-address = 1000 sessions-per-user = 1000 }'
	start_server
	add_user alice secret
	head -c 1024 /dev/zero >"$DIR/home/alice/small"
	chmod 644 "$DIR/home/alice/small"
	repeat login 2	# the accounts are loaded, the pages of the libraries are there
}

teardown()
{
	local status=0
	[ -z "${DIR-}" ] || end_place || status=1
	# while its process lives, the user stays
	end_broker_user
	return "$status"
}

repeat()
{
	timeout 60 "$BATS_TEST_DIRNAME/ftp-repeat" "$PORT" alice secret "$@"
}

is_traced()
{
	[ "$(status_of "$SERVER_PID" TracerPid)" != 0 ]
}

# No session but the BESIDE that are held
are_held()
{
	[ "$(monitor_pids | wc -l)" -eq "${BESIDE-0}" ]
}

# calls WHAT COUNT: print how many system calls the server makes meanwhile.
calls()
{
	local tracer status=0
	wait_until are_held
	strace -f -c -o "$DIR/calls" -p "$SERVER_PID" 2>"$DIR/strace" 3>&- &
	tracer=$!
	wait_until is_traced
	repeat "$@" || status=1
	wait_until are_held || status=1
	kill -INT "$tracer" 2>/dev/null || :
	wait "$tracer" || :
	[ "$status" -eq 0 ] && awk '$NF == "total" { print $4 }' "$DIR/calls"
}

need_tracing()
{
	strace -o /dev/null -p "$SERVER_PID" 2>"$DIR/strace" 3>&- &
	wait_until is_traced_or_refused "$!"
	is_traced || skip "strace may not trace here: $(tail -n 1 "$DIR/strace")"
	kill -INT "$!"
	wait "$!" || :
}

is_traced_or_refused()
{
	is_traced || is_gone "$1"
}

# cost_of WHAT: the system calls of one turn, computed from a run of 5 turns and one of 25.
cost_of()
{
	local few many
	few=$(calls "$1" 5)
	many=$(calls "$1" 25)
	echo $(((many - few) / 20))
}

@test "cost: a login" {
	need_tracing
	cost=$(cost_of login)
	echo "# system calls of a login: $cost" >&3
	[ "$cost" -gt 50 ]
	[ "$cost" -le 256 ]
}

# The same server with a database, which has alice as well.
serve_with_store()
{
	local line
	line=$(grep '^alice:' "$DIR/etc/users")
	make_broker_user
	install -d -m 755 "$DIR/libexec"
	install -m 755 "$BUILD/tests/helpers/fake_broker" "$DIR/libexec/sallyport-broker"
	install -m 0640 -g "$BROKER" /dev/null "$DIR/etc/store.conf"
	echo "account alice $line" >"$DIR/etc/store.conf"
	stop_server
	sed -i '/^accounts/d' "$CONF"
	printf '%s\n' "accounts = \"$DIR/etc/users,postgresql:$DIR/etc/store.conf\"" "broker-user = \"$BROKER\"" \
		"libexec-directory = \"$DIR/libexec\"" "home-directory = \"$DIR/home\"" >"$CONF.new"
	cat "$CONF" >>"$CONF.new"
	mv "$CONF.new" "$CONF"
	start_server
	wait_until log_has ' store-up '
	repeat login 2
}

# hold_sessions COUNT: in the background, until it is killed (HOLDER)
hold_sessions()
{
	LIMIT=240 py >"$DIR/held" 3>&- <<-END &
		kept = [Control().login() for i in range($1)]
		print("held", flush=True)
		signal.pause()
	END
	HOLDER=$!
	wait_until -t 60 grep -q held "$DIR/held"
	BESIDE=$1
}

@test "cost: a login beside 200 sessions" {
	need_tracing
	alone=$(cost_of login)
	hold_sessions 200
	beside=$(cost_of login)
	kill "$HOLDER"
	echo "# system calls of a login: $alone, beside 200 sessions: $beside" >&3
	[ "$beside" -gt 50 ]
	[ "$beside" -le $((alone + 6)) ]
}

@test "cost: a login beside a database, and one by it" {
	need_tracing
	serve_with_store
	cost=$(cost_of login)
	echo "# system calls of a login by the users file, beside a database: $cost" >&3
	[ "$cost" -le 266 ]
	: >"$DIR/etc/users"
	repeat login 2
	cost=$(cost_of login)
	echo "# system calls of a login by a database: $cost" >&3
	[ "$cost" -le 266 ]
	run grep -c libpq "/proc/$SERVER_PID/maps"
	assert_output 0
}

# libraries_of PID: the shared libraries that a process maps, in one line
libraries_of()
{
	sed -n 's,^.* /.*/\([^/]*\)\.so[.0-9]*$,\1,p' "/proc/$1/maps" | sort -u | xargs
}

# maps_only PID LIBRARY...: no others than these, but of the C library, the processor's own, and what libcrypto 3.5 needs
maps_only()
{
	local pid=$1 library
	shift
	echo "# $(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -d' ' -f1,2): $(libraries_of "$pid")" >&3
	for library in $(libraries_of "$pid"); do
		case " $* libc libzstd ld-linux-x86-64 ld-linux-aarch64 ld64 " in *" $library "*) ;; *) echo "$library" && return 1 ;; esac
	done
}

# Who has no database pays nothing for those who have one.
@test "cost: libraries that processes map without a database" {
	ftp_login alice secret
	find_session
	maps_only "$SERVER_PID" libaudit libcap-ng libconfuse libcrypt libcrypto libjansson libpam libseccomp libssl libz
	maps_only "$MONITOR" libcap-ng libcrypt libcrypto libz
	maps_only "$PROTOCOL" libz
	maps_only "$FILES" libcrypto libz
	ftp_close
}

# symbols_of PID: the files whose first pages a process maps for reading alone, where libraries have their symbols
symbols_of()
{
	awk '$2 == "r--p" && $3 ~ /^0+$/ && $6 ~ /^\// { print $6 }' "/proc/$1/maps"
}

# Only ld.so reads them: see sandbox_withhold().
@test "cost: a session maps no symbols of libraries" {
	symbols_of "$SERVER_PID" | grep -q '/libc\.' || skip "this libc has no segment of its own for symbols"
	ftp_login alice secret
	find_session
	for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
		run -0 symbols_of "$pid"
		refute_output
	done
	ftp_close
}

@test "cost: the size of sallyportd" {
	[ "$(uname -m)" = x86_64 ] || skip "the bound is that of x86_64, this is $(uname -m)"
	bytes=$(size "$BUILD/sallyportd" | awk 'NR == 2 { print $1 + $2 }')
	echo "# bytes of code and data: $bytes" >&3
	[ "$bytes" -gt 100000 ]
	[ "$bytes" -le 1000000 ]
}

@test "cost: a download of 1 KiB" {
	need_tracing
	cost=$(cost_of get)
	echo "# system calls of a small download: $cost" >&3
	[ "$cost" -gt 10 ]
	[ "$cost" -le 26 ]
}

@test "cost: an upload of 1 KiB" {
	need_tracing
	cost=$(cost_of put)
	echo "# system calls of a small upload: $cost" >&3
	[ "$cost" -gt 10 ]
	[ "$cost" -le 46 ]
}

@test "cost: an upload of 1 KiB over a file that is there" {
	need_tracing
	chown "$(stat -c %u "$DIR/home/alice")" "$DIR/home/alice/small"
	cost=$(cost_of over)
	echo "# system calls of a small upload over a file: $cost" >&3
	[ "$cost" -gt 10 ]
	[ "$cost" -le 50 ]
}

# The same server with a certificate.
serve_with_tls()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
		-keyout "$DIR/etc/key.pem" -out "$DIR/etc/cert.pem"
	echo "tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" }" >>"$CONF"
	stop_server
	start_server
	repeat tls-get 2
}

@test "cost: a download of 1 KiB over TLS, and an upload" {
	need_tracing
	serve_with_tls
	cost=$(cost_of tls-get)
	echo "# system calls of a small download over TLS: $cost" >&3
	[ "$cost" -gt 20 ]
	[ "$cost" -le 46 ]
	cost=$(cost_of tls-put)
	echo "# system calls of a small upload over TLS: $cost" >&3
	[ "$cost" -gt 30 ]
	[ "$cost" -le 65 ]
}

# A fork copies the table of descriptors: 64 places, whatever the master has open for other sessions.
@test "cost: descriptors that a new session gets, beside none and beside 200" {
	run -0 py <<-END
		def sizes():
		    known = children(int(os.environ["SERVER_PID"]))
		    c = Control()
		    wait_until(lambda: [p for p in children(int(os.environ["SERVER_PID"])) if p not in known and children(p)], "a session")
		    monitor = [p for p in children(int(os.environ["SERVER_PID"])) if p not in known and children(p)][0]
		    c.login()
		    wait_until(lambda: len(children(monitor)) == 2, "files")
		    return [status(p, "FDSize") for p in [monitor] + children(monitor)], c
		alone, c = sizes()
		kept = [c] + [Control().login() for i in range(200)]
		beside, c = sizes()
		print(*alone, *beside)
	END
	assert_output "64 64 64 64 64 64"
}

# faults_of_login IDLE: sets FAULTS, of all processes of a login beside IDLE sessions.
faults_of_login()
{
	run -0 py <<-END
		def faults():
		    fields = open("/proc/%s/stat" % os.environ["SERVER_PID"]).read().rsplit(")", 1)[1].split()
		    return int(fields[7]) + int(fields[8])  # its own, and those of children that it has reaped
		def master_children():
		    return len(children(int(os.environ["SERVER_PID"])))
		def log_in(count):
		    before = master_children()
		    for i in range(count):
		        c = Control().login()
		        c.ask("QUIT", 221)
		        c.close()
		    wait_until(lambda: master_children() == before, "the end of all")
		kept = [Control().login() for i in range($1)]
		log_in(5)
		start = faults()
		log_in(40)
		print((faults() - start) // 40)
	END
	FAULTS=$output
}

# A hash of sha512crypt: what yescrypt computes with is memory, thousands of pages.
use_small_hash()
{
	HASH=$(openssl passwd -6 -salt 'rounds=1000$costcostcost' secret) awk -F: -v OFS=: \
		'$1 == "alice" { $2 = ENVIRON["HASH"] } { print }' "$DIR/etc/users" >"$DIR/users.new"
	cat "$DIR/users.new" >"$DIR/etc/users"
}

@test "cost: page faults of a login, beside none and beside 200" {
	use_small_hash
	faults_of_login 0
	alone=$FAULTS
	faults_of_login 200
	echo "# page faults of a login: $alone, beside 200 sessions: $FAULTS" >&3
	[ "$alone" -gt 50 ]
	[ "$alone" -le 142 ]
	[ "$FAULTS" -le $((alone + 3)) ]
}

# idle_sessions COUNT: sets PAGES and TABLES, KiB of the mean one of so many.
idle_sessions()
{
	run -0 py <<-END
		for i in range(2):  # the first ones find pages of libraries that nobody has used
		    kept = [Control().login() for i in range($1)]
		    for c in kept:
		        c.ask("NOOP", 200)
		    pages, tables = sessions_kib()
		    while kept:
		        kept.pop().close()
		    wait_until(lambda: not any(map(children, children(int(os.environ["SERVER_PID"])))), "the end of all")
		print(pages, tables)
	END
	read -r PAGES TABLES <<<"$output"
}

@test "cost: pages that an idle session writes to" {
	idle_sessions 3
	echo "# KiB of an idle session: $PAGES" >&3
	[ "$PAGES" -gt 50 ]
	[ "$PAGES" -le 140 ]
}

@test "cost: pages that each of 200 idle sessions writes to" {
	idle_sessions 200
	echo "# KiB of each of 200 idle sessions: $PAGES" >&3
	[ "$PAGES" -gt 50 ]
	[ "$PAGES" -le 140 ]
}

@test "cost: page tables of an idle session" {
	local least=1000000 i
	for i in 1 2 3 4; do	# they depend on addresses, which each start draws anew
		idle_sessions 1
		[ "$TABLES" -ge "$least" ] || least=$TABLES
		stop_server
		start_server
	done
	echo "# KiB of page tables of an idle session: $least" >&3
	[ "$least" -gt 20 ]
	[ "$least" -le 184 ]
}

# KiB of the master's heap and stack: each fork copies their entries.
heap_and_stack()
{
	awk '/^[0-9a-f]+-/ { is_counted = $6 == "[heap]" || $6 == "[stack]" }
		is_counted && $1 == "Anonymous:" { sum += $2 }
		END { print sum }' "/proc/$SERVER_PID/smaps"
}

has_small_heap_and_stack()
{
	[ "$(heap_and_stack)" -le 260 ]
}

@test "cost: heap and stack that a start, a list and a reload leave" {
	[ "$(heap_and_stack)" -gt 40 ]
	echo "# KiB of heap and stack: $(heap_and_stack)" >&3
	has_small_heap_and_stack
	ctl session list
	wait_until has_small_heap_and_stack
	ctl reload
	wait_until has_small_heap_and_stack
}
