#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Accounts in a database, as the server sees it: a broker that answers, is slow, is silent, lies or dies. No database is
# needed; tests/helpers/fake_broker.c takes the broker's place.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	make_broker_user
}

teardown_file()
{
	end_broker_user
}

setup()
{
	new_place
	STORE=$DIR/etc/store.conf
	install -m 0640 -g "$BROKER" /dev/null "$STORE"
	install -d -m 755 "$DIR/libexec"
	install -m 755 "$BUILD/tests/helpers/fake_broker" "$DIR/libexec/sallyport-broker"
}

teardown()
{
	ftp_close
	end_place
}

# --- what the database says ---

# hash_of PASSWORD [SETTING]
hash_of()
{
	perl -e 'print crypt($ARGV[0], $ARGV[1])' "$1" "${2-"\$6\$rounds=1000\$salt"}"
}

# store_says [LINE...]: all that the database knows from now on.
store_says()
{
	printf '%s\n' "$@" >"$STORE"
}

# line_of NAME PASSWORD UID [OPTIONS]: of an account, and its home.
line_of()
{
	install -d -o "$3" -g "$3" "$DIR/home/$1"
	echo "$1:$(hash_of "$2"):$3:$3:$DIR/home/$1:${4-}"
}

# serve [LINE...]: with a users file and the database.
serve()
{
	store_config "$@"
	start_server
	wait_until store_is up
}

store_config()
{
	case $* in *"accounts ="*) ;; *) set -- "accounts = \"$DIR/etc/users,postgresql:$STORE\"" "$@" ;; esac
	write_config "broker-user = \"$BROKER\"" "libexec-directory = \"$DIR/libexec\"" \
		"home-directory = \"$DIR/home\"" 'uid-range = "200000-299999"' \
		"log { target = \"$LOG\" level = \"debug\" }" "$@"
}

store_is()
{
	[ "$(ctl --json status | jq -r .store.state)" = "$1" ]
}

# lookups OUTCOME: how many of them there were
lookups()
{
	ctl --json status | jq ".store.lookups[\"$1\"]"
}

has_broker()
{
	[ -n "$(broker_pid)" ]
}

has_no_broker()
{
	! has_broker
}

# refused NAME PASSWORD: as for a wrong password
refused()
{
	ftp_open
	ftp "USER $1" 331
	ftp "PASS $2" 530
	ftp_close
}

# not_now NAME PASSWORD: 421, and the end
not_now()
{
	ftp_open
	ftp "USER $1" 331
	ftp "PASS $2" 421
	assert_equal "$REPLY_TEXT" "421 Accounts cannot be looked up now; try again later"$'\n'
	# nothing follows
	assert_equal "$(timeout 5 cat <&"$FTP")" ''
	ftp_close
}

# file_user: an account of the users file, outside of uid-range
file_user()
{
	write_config
	add_user breakglass secret --uid 150001 --gid 150001
}

# How many descriptors a monitor has after the login, in a server that has no database.
descriptors_without_store()
{
	(
		LOG=$DIR/log2
		PORT=
		mkdir "$DIR/etc2" "$DIR/home2"
		CONF=$DIR/etc2/sallyport.conf
		write_config 'listen = {"127.0.0.1:0"}' "accounts = \"$DIR/etc2/users\"" "state-directory = \"$DIR/state2\"" \
			"runtime-directory = \"$DIR/run2\"" "log { target = \"$LOG\" level = \"debug\" }"
		(umask 077 && : >"$DIR/etc2/users")
		add_user other secret --home "$DIR/home2/other" >/dev/null
		start_server
		ftp_login other secret
		find_session
		count_descriptors "$MONITOR"
		ftp_close
		stop_server INT
	)
}

# --- logins ---

@test "an account of the database logs in, with its rights, and each login asks" {
	store_says "account dora $(line_of dora secret 200001)" "account rita $(line_of rita secret 200002 read-only)"
	serve
	ftp_login dora secret
	ftp_passive
	ftp 'STOR file' 150
	printf 123 >&"$DATA"
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
	assert_equal "$(stat -c %u:%g:%s "$DIR/home/dora/file")" 200001:200001:3
	find_session
	assert_equal "$(status_of "$FILES" Uid | cut -d' ' -f1)" 200001
	# nothing of the broker is left with the session: it has the descriptors that a session without a database has
	assert_equal "$(children_of "$MONITOR" | wc -w)" 2
	assert_equal "$(count_descriptors "$MONITOR")" "$(descriptors_without_store)"
	ftp_close
	ftp_login rita secret
	ftp 'MKD x' 550
	ftp_close
	# a lock counts at once
	store_says "account dora $(line_of dora secret 200001 | sed 's/^dora:/dora:!/')"
	refused dora secret
	wait_until log_has 'login-failed .* name="dora" reason="account is locked"'
	# a new password does
	store_says "account dora $(line_of dora another 200001)"
	refused dora secret
	ftp_login dora another
	ftp_close
	# and a deletion
	store_says
	refused dora another
	wait_until log_has 'login-failed .* name="dora" reason="unknown user"'
	assert_equal "$(lookups found)" 5
	assert_equal "$(lookups nobody)" 1
}

@test "an account of the database whose name became one in full of another server: the log says so" {
	serve
	store_says "account dora@shop.example $(line_of dora@shop.example secret 200001)" \
		"account eve@else.example $(line_of eve@else.example secret 200002)"
	ftp_login dora@shop.example secret
	ftp_close
	echo "server \"shop.example\" { accounts = \"$DIR/etc/shop\" }" >>"$CONF"
	install -m 0600 /dev/null "$DIR/etc/shop"
	ctl reload
	refused dora@shop.example secret
	wait_until log_has 'login-failed .* name="dora@shop.example" reason="unknown user; accounts of another server have such a name in full'
	refused nobody secret
	wait_until log_has 'login-failed .* name="nobody" reason="unknown user"$'
	ftp_login eve@else.example secret
	ftp_close
}

@test "an account of the database has what the group says that the users file of this server defines" {
	store_says "account anna $(line_of anna secret 200001 'group=staff')" \
		"account ben $(line_of ben secret 200002 'group=staff rights=all')" \
		"account carl $(line_of carl secret 200003 'group=guests')"
	(umask 077 && echo '+group staff:rights=list,read' >"$DIR/etc/users")
	serve
	run curl -sS --max-time 30 --user anna:secret -T /etc/hostname "ftp://127.0.0.1:$PORT/file"
	assert_failure
	curl -sS --max-time 30 --user anna:secret "ftp://127.0.0.1:$PORT/"
	curl -sS --max-time 30 --user ben:secret -T /etc/hostname "ftp://127.0.0.1:$PORT/file"
	# nobody logs in without the limits of the group
	refused carl secret
	wait_until log_has 'the users file does not define the group of the account'
	echo '+group guests:' >>"$DIR/etc/users"
	curl -sS --max-time 30 --user carl:secret "ftp://127.0.0.1:$PORT/"
	# the session keeps no descriptor of the accounts
	ftp_login carl secret
	wait_until find_session
	for pid in "$MONITOR" "$PROTOCOL" "$FILES"; do
		run ls -l "/proc/$pid/fd"
		refute_output --partial 'memfd:accounts'
		assert_success
	done
	ftp_close
}

@test "an account of the database has its password checked by PAM, of the services that the configuration names" {
	"$BUILD/sallyportd" -V | grep -qx 'with PAM' || skip "built without PAM"
	local service=sallyport-test-$$-$BATS_TEST_NUMBER
	printf '%s\n' 'auth required pam_permit.so' 'account required pam_permit.so' >"/etc/pam.d/$service"
	store_says "account anna $(line_of anna secret 200001 | sed "s/:[^:]*:/:*pam:$service:/")" \
		"account ben $(line_of ben secret 200002 | sed "s/:[^:]*:/:*pam:login:/")"
	serve "pam-services = \"sallyport,$service\""
	run curl -sS --max-time 30 --user anna:any "ftp://127.0.0.1:$PORT/"
	rm -f "/etc/pam.d/$service"
	assert_success
	run curl -sS --max-time 30 --user ben:any "ftp://127.0.0.1:$PORT/"
	assert_failure
	wait_until log_has "it names the PAM service 'login', which is not in pam-services"
	# and no user of the system comes in by the way
	refused root any
}

@test "several tries in one session" {
	store_says "account dora $(line_of dora secret 200001)"
	serve
	ftp_open
	ftp 'USER dora' 331
	ftp 'PASS wrong' 530
	ftp 'USER nobody' 331
	ftp 'PASS wrong' 530
	ftp 'USER dora' 331
	ftp 'PASS secret' 230
}

@test "the users file comes first" {
	file_user
	store_says "account breakglass breakglass:$(hash_of other):200009:200009:$DIR/home/breakglass:"
	serve
	refused breakglass other
	ftp_login breakglass secret
	find_session
	assert_equal "$(status_of "$FILES" Uid | cut -d' ' -f1)" 150001
}

@test "the database alone, without a users file" {
	store_says "account dora $(line_of dora secret 200001)"
	serve "accounts = \"postgresql:$STORE\""
	ftp_login dora secret
	ftp_close
	refused nobody secret
	run ctl config check
	assert_success
}

@test "PAM comes last, and is not asked while nobody knows" {
	"$BUILD/sallyportd" -V | grep -qx 'with PAM' || skip "built without PAM"
	SERVICE=sallyport-test-$$-$BATS_TEST_NUMBER
	echo "auth required pam_exec.so /usr/bin/touch $DIR/asked" >"/etc/pam.d/$SERVICE"
	store_says "account dora $(line_of dora secret 200001)"
	serve "accounts = \"$DIR/etc/users,postgresql:$STORE,pam:$SERVICE\""
	ftp_login dora secret
	ftp_close
	assert_file_not_exist "$DIR/asked"
	refused sallyport any
	assert_file_exist "$DIR/asked"
	rm "$DIR/asked"
	store_says 'state down'
	wait_until store_is down
	not_now sallyport any
	assert_file_not_exist "$DIR/asked"
	rm -f "/etc/pam.d/$SERVICE"
}

# --- it does not answer ---

@test "until the broker has said what the database does, status says starting, and blames nothing" {
	file_user
	store_says 'state starting'
	store_config
	start_server
	run -0 ctl status
	assert_line --regexp '^database: +starting, '
	refute_line --partial 'store check'
	assert_line --regexp '^node: +not known to the database yet$'
	store_says 'state down'
	wait_until store_is down
	run -0 ctl status
	assert_line --partial "'sallyportctl store check' says why"
	store_says 'state up'
	wait_until store_is up
}

@test "the database is down: 421 for names that nobody knows, kept ones log in, no ban, one line of the log" {
	file_user
	store_says 'state down' "kept dora $(line_of dora secret 200001)"
	store_config 'limits { login-failures = 3 ban-time = "1m" never-ban = {} }'
	start_server
	wait_until store_is down
	for i in 1 2 3; do
		not_now nobody secret
	done
	# a wrong password may be a newer one: nobody knows
	not_now dora wrong
	ftp_login dora secret
	ftp_close
	ftp_login breakglass secret
	ftp_close
	assert_equal "$(ctl --json status | jq -c '[.bans, .store.lookups["not-now"], .store.lookups.kept, .store.kept_accounts]')" '[0,3,2,1]'
	assert_equal "$(log_count ' store-down ')" 1
	assert_equal "$(log_count ' login-failed ')" 0
	assert_equal "$(log_count ' disconnect .*reason="store-down"')" 4
	store_says "account dora $(line_of dora secret 200001)"
	wait_until store_is up
	ftp_login dora secret
	assert_equal "$(log_count ' store-up ')" 1
	# a wrong password of the users file counts whatever the database does
	store_says 'state down'
	wait_until store_is down
	ftp_close
	for i in 1 2 3; do
		refused breakglass wrong
	done
	wait_until log_has ' ban '
}

# seconds_of COMMAND...: the time that it takes, in hundredths
hundredths_of()
{
	local start=${EPOCHREALTIME/./}
	"$@" >&2
	echo $(((${EPOCHREALTIME/./} - start) / 10000))
}

@test "an outage is no time for guesses without end: the address waits longer and longer" {
	store_says 'state down'
	store_config 'limits { login-failures = 100 ban-time = "1m" }'
	start_server
	wait_until store_is down
	first=$(hundredths_of not_now dora one)
	for i in 2 3 4 5; do
		not_now dora "$i"
	done
	last=$(hundredths_of not_now dora six)
	echo "first $first, sixth $last hundredths"
	[ "$last" -ge $((first + 200)) ]
}

@test "a broker that is stopped: the users file logs in, others read 421 within seconds; then it is replaced" {
	file_user
	store_says "account dora $(line_of dora secret 200001)"
	serve 'limits { concurrent-hashes = 1 }'
	former=$(broker_pid)
	kill -STOP "$former"
	[ "$(hundredths_of ftp_login breakglass secret)" -lt 200 ]
	ftp_close
	waited=$(hundredths_of not_now dora secret)
	[ "$waited" -ge 290 ]
	[ "$waited" -lt 600 ]
	# others do not wait for it again just now
	[ "$(hundredths_of not_now dora secret)" -lt 250 ]
	[ "$(hundredths_of ftp_login breakglass secret)" -lt 200 ]
	ftp_close
	assert_equal "$(lookups unanswered)" 1
	kill -CONT "$former"
	sleep 3
	wait_until ftp_login dora secret
	ftp_close
	# one that never answers is replaced
	kill -STOP "$former"
	ALARM_EXPECTED=1
	for i in 1 2 3 4 5 6; do
		[ "$(broker_pid)" = "$former" ] || break
		not_now "nobody$i" secret
		sleep 3
	done
	wait_until is_gone "$former"
	log_has 'store-down .*has not answered for'
	wait_until store_is up
	wait_until ftp_login dora secret
}

@test "while it is slow, the monitor serves its other channels, and the session can be kicked" {
	store_says 'mode silent'
	serve
	ftp_open
	ftp 'USER dora' 331
	ftp_send 'PASS any'
	wait_until find_session
	wait_until ctl session kick --address 127.0.0.1
	# the attempt has the answer of a wrong one, and then the session ends
	ftp_reply
	assert_equal "$REPLY" 530
	ftp_reply
	assert_equal "$REPLY_TEXT" $'421 The administrator has ended this session\n'
	ftp_close
	wait_until no_session
}

@test "a broker that dies at each question, and one that is killed a hundred times: no descriptor is lost" {
	ALARM_EXPECTED=1
	file_user
	store_says "account dora $(line_of dora secret 200001)"
	serve
	ftp_login dora secret
	ftp_close
	wait_until no_session
	before=$(count_descriptors "$SERVER_PID")
	store_says 'mode dies'
	not_now dora secret
	ftp_login breakglass secret
	ftp_close
	store_says "account dora $(line_of dora secret 200001)"
	wait_until store_is up
	local times=100
	[ -z "${STORE_LONG-}" ] || times=1000
	for i in $(seq "$times"); do
		wait_until has_broker
		kill -KILL "$(broker_pid)" 2>/dev/null || :
		[ "$((i % 10))" -ne 0 ] || { ftp_login breakglass secret && ftp_close; }
	done
	wait_until store_is up
	wait_until ftp_login dora secret
	ftp_close
	wait_until no_session
	wait_until has_no_zombie
	assert_equal "$(count_descriptors "$SERVER_PID")" "$before"
	log_has 'alarm .*broker died .*another one is started'
	log_has 'store-down .*broker died'
}

@test "whatever breaks the table costs that login alone" {
	store_says "account dora $(line_of dora secret 200001)"
	serve
	for mode in long other-kind bad-outcome descriptor hangs-up; do
		store_says "account dora $(line_of dora secret 200001)" "mode $mode"
		not_now dora secret
		store_says "account dora $(line_of dora secret 200001)"
		ftp_login dora secret
		ftp_close
	done
	assert_equal "$(log_count ' critical ')" 0
}

@test "a hundred thousand answers to one question, and answers without one" {
	store_says "account dora $(line_of dora secret 200001)" 'mode flood'
	serve
	ftp_login dora secret
	ftp_close
	store_says "account dora $(line_of dora secret 200001)" 'mode early' 'early dora'
	# an answer about somebody else is not believed
	refused eve secret
	wait_until log_has 'store-refused .*account="eve" message="it is an account of another name"'
	store_says "account dora $(line_of dora secret 200001)"
	wait_until store_is up
	ftp_login dora secret
}

@test "what a broker must not say to the master ends it, and another one starts" {
	ALARM_EXPECTED=1
	file_user
	serve
	for mode in garbage bad-state lookups unasked; do
		former=$(broker_pid)
		store_says "mode $mode"
		wait_until is_gone "$former"
		store_says "account dora $(line_of dora secret 200001)"
		wait_until has_broker
		wait_until store_is up
	done
	# states as fast as it can: nothing else waits
	store_says 'mode states' "account dora $(line_of dora secret 200001)"
	ftp_login breakglass secret
	ftp_close
	wait_until ftp_login dora secret
}

@test "a broker that is taken over bans at most 2048 addresses and nobody of never-ban, lifts bans and ends sessions: no more" {
	file_user
	serve 'limits { never-ban = {"127.0.0.1"} }'
	ctl ban add 127.0.0.9
	ctl ban add 192.0.2.1
	ftp_login breakglass secret
	store_says 'mode bans'
	wait_until eval '[ "$(ctl --json status | jq .store.bans_of_others)" = 2048 ]'
	wait_until log_has ' warning news-flood '
	sleep 1
	assert_equal "$(ctl --json status | jq .store.bans_of_others)" 2048
	assert_equal "$(log_count ' news-flood ')" 1
	[ "$(log_count ' warning ban ')" -lt 300 ]
	ctl ban list | grep -q '^192\.0\.2\.1 '
	run -1 eval "ctl ban list | grep '^127\.0\.0\.'"
	log_has ' unban address=127\.0\.0\.9 .*node="nobody knows"'
	ftp NOOP 200
	store_says 'mode kicks' 'kick breakglass'
	ftp_reply
	assert_equal "$REPLY" 421
	ftp_close
	store_says ''
	ftp_login breakglass secret
}

# --- it lies ---

# lies LINE REASON: the database says this about dora
lies()
{
	store_says "account dora $1"
	refused dora secret
	wait_until log_has "store-refused .*account=\"dora\" message=\"$2"
}

@test "ids, homes, names and hashes that the database may not name" {
	hash=$(hash_of secret)
	file_user
	store_says "account dora $(line_of dora secret 200001)"
	serve 'limits { login-failures = 3 ban-time = "1m" }' 'timeouts { login = "60s" }'
	home=$DIR/home/dora
	service=$(id -u sallyport)
	lies "dora:$hash:0:0:$home:" 'its line cannot be used: bad UID'
	lies "dora:$hash:200001:0:$home:" 'its line cannot be used: bad GID'
	lies "dora:$hash:199999:200001:$home:" 'its uid 199999 or its gid 200001 is outside of uid-range 200000-299999'
	lies "dora:$hash:200001:300000:$home:" 'its uid 200001 or its gid 300000 is outside of uid-range'
	lies "dora:$hash:$service:200001:$home:" "its uid $service is that of a user of the server"
	lies "dora:$hash:$(id -u "$BROKER"):200001:$home:" 'its uid [0-9]* is that of a user of the server'
	lies "dora:$hash:150001:150001:$DIR/home/breakglass:" 'its uid 150001 or its gid 150001 is outside'
	lies "dora:$hash:200001:200001:/etc:" 'its home is not below home-directory'
	lies "dora:$hash:200001:200001:$DIR/homes/dora:" 'its home is not below home-directory'
	lies "dora:$hash:200001:200001:$DIR/home:" 'its home is not below home-directory'
	lies "dora:$hash:200001:200001:$home/../../etc:" "its line cannot be used: the home has '.'"
	lies "eve:$hash:200001:200001:$home:" 'it is an account of another name'
	lies '' 'its line cannot be used: it is empty'
	lies '# no account' 'its line cannot be used'
	lies "dora:$hash:200001" 'its line cannot be used: too few fields'
	# a folder as the home, whose gid is within the range: no rights and no quota of the folder would hold
	ctl folder add team --directory "$DIR/home/team" --gid 200009 --allow list --quota 1K
	for place in "$DIR/home/team" "$DIR/home/team/below"; do
		lies "dora:$hash:200001:200009:$place:" 'its home overlaps a shared folder'
	done
	# the home of somebody else: the uid is right, and not the owner
	store_says "account dora dora:$hash:200001:200001:$DIR/home/breakglass:"
	refused dora secret
	wait_until log_has 'login-failed .* name="dora" reason="home belongs to another user"'
	# none of this is the address's failure
	assert_equal "$(ctl --json status | jq .bans)" 0
	assert_equal "$(lookups refused)" 17
}

@test "a hash that takes for ever is not computed" {
	store_says "account dora $(line_of dora secret 200001)"
	serve 'limits { login-failures = 1000 ban-time = "1s" }'
	for setting in '$6$rounds=999999999$salt$x' '$5$rounds=999999999$salt$x' '$y$jZT$salt$x' '$y$j9TzzT$salt$x' \
		'$7$ZU..../....salt$x' '$2b$31$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuuabcdefghijk' '$sha1$999999999$salt$x' '_zzzzsaltxxxxxxxxxxx'; do
		store_says "account dora dora:$setting:200001:200001:$DIR/home/dora:"
		taken=$(hundredths_of refused dora secret)
		echo "$setting: $taken hundredths"
		[ "$taken" -lt 900 ]
		# the same for a name that is none
		store_says "decoy $setting"
		taken=$(hundredths_of refused nobody secret)
		echo "$setting as decoy: $taken hundredths"
		[ "$taken" -lt 900 ]
	done
	log_has 'store-refused .*its password hash would take too long'
	# those that people have
	for setting in '$6$salt' '$2b$05$abcdefghijklmnopqrstuu' '$y$j75$salt' '$1$salt'; do
		store_says "account dora dora:$(hash_of secret "$setting"):200001:200001:$DIR/home/dora:"
		ftp_login dora secret
		ftp_close
	done
}

# --- what time tells ---

# measure NAME...: each name 12 times. It fails when medians are more than 60 ms apart in each of three rounds. Answers come
# in steps, and on a busy machine one name may need a step more by chance. What a name tells, it tells in each round.
measure()
{
	python3 - "$PORT" "$@" <<-'PY'
		import random, socket, statistics, sys, time
		port, names = int(sys.argv[1]), sys.argv[2:]
		def sample(name, number):
		    source = "127.9.%d.%d" % (number >> 8, 1 + (number & 255) % 254)
		    with socket.create_connection(("127.0.0.1", port), 30, (source, 0)) as control:
		        file = control.makefile("rwb", 0)
		        assert file.readline().startswith(b"220")
		        file.write(b"USER %s\r\n" % name.encode())
		        assert file.readline().startswith(b"331")
		        start = time.perf_counter()
		        file.write(b"PASS wrong\r\n")
		        line = file.readline()
		        assert line.startswith(b"530"), line
		        return (time.perf_counter() - start) * 1000
		number = 0
		for round in range(3):
		    times = {name: [] for name in names}
		    for turn in range(12):
		        for name in random.sample(names, len(names)):
		            number += 1
		            times[name].append(sample(name, number))
		    medians = {name: statistics.median(times[name]) for name in names}
		    print(medians)
		    if max(medians.values()) - min(medians.values()) <= 60:
		        sys.exit(0)
		sys.exit(1)
	PY
}

@test "neither the time nor the words tell whether a name is in the file, in the database, or nowhere" {
	file_user
	store_says "account dora $(line_of dora secret 200001)" "account locked $(line_of locked wrong 200002 | sed 's/:/:!/')"
	serve
	measure breakglass dora locked nobody
	# nor while the database is slow
	store_says 'delay 700' "account dora $(line_of dora secret 200001)"
	measure breakglass dora nobody
}

# --- the process ---

@test "the broker is nobody: its user, no group, no capability, four descriptors, an empty environment" {
	skip_if_asan "a sanitizer keeps standard error, and its runtime has descriptors and a memory of its own"
	file_user
	serve
	pid=$(broker_pid)
	assert_equal "$(status_of "$pid" Uid)" "$(id -u "$BROKER") $(id -u "$BROKER") $(id -u "$BROKER") $(id -u "$BROKER")"
	assert_equal "$(status_of "$pid" Groups)" "$(id -g "$BROKER")"
	assert_equal "$(status_of "$pid" NoNewPrivs)" 1
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		assert_equal "$(status_of "$pid" "$set")" 0000000000000000
	done
	assert_equal "$(find "/proc/$pid/fd" -mindepth 1 -printf '%f ' | tr ' ' '\n' | sort | xargs)" '0 1 2 3 4'
	for fd in 0 1 2; do
		assert_equal "$(readlink "/proc/$pid/fd/$fd")" /dev/null
	done
	assert_equal "$(tr '\0' '\n' <"/proc/$pid/environ" | grep -vc '^TZ=')" 0
	# the id of this node's boot is kept beside the ledgers
	run tr '\0' ' ' <"/proc/$pid/cmdline"
	assert_output --regexp "^sallyport-broker $(cat "$BATS_TEST_DIRNAME/../../VERSION") $STORE [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} \$"
	# it ends with the server
	stop_server
	wait_until is_gone "$pid"
}

@test "names of hosts are looked up for it, with all their addresses, and not too often" {
	ALARM_EXPECTED=
	serve
	store_says 'lookup localhost'
	wait_until log_has 'store-up .*looked up: 0.* 127\.0\.0\.1'
	store_says 'lookup name.invalid'
	wait_until log_has 'store-up .*looked up: -2"'
	store_says 'lookup -bad name-'
	wait_until log_has 'store-up .*looked up: -22"'
	for i in $(seq 60); do
		[ "$(log_count 'looked up: -11"')" -eq 0 ] || break
		count=$(log_count 'looked up: ')
		store_says "lookup localhost" "# $i"
		wait_until sh -c "[ \$(grep -c 'looked up: ' '$LOG') -gt $count ]"
	done
	log_has 'looked up: -11"'
}

@test "status and metrics" {
	file_user
	store_says "account dora $(line_of dora secret 200001)"
	serve
	ftp_login dora secret
	ftp_close
	run ctl status
	assert_line --regexp "^database: +up, $STORE; 0 accounts kept"
	assert_line --regexp '^look-ups: +1 found, 0 kept, 0 nobody'
	refute_output --partial "'sallyportctl store check' says why"
	run curl -sS --unix-socket "$DIR/run/metrics.sock" http://x/metrics
	assert_line 'sallyport_store_up 1'
	assert_line 'sallyport_store_kept_accounts 0'
	assert_line 'sallyport_store_lookups_total{outcome="found"} 1'
	run curl -sS --unix-socket "$DIR/run/metrics.sock" http://x/
	assert_line --partial '<dt>Database</dt><dd id="store" title="0 accounts kept for the time without it">up</dd>'
	assert_line --partial '<td>found</td><td class="number" id="lookup-found">1</td>'
	run curl -sS --unix-socket "$DIR/run/metrics.sock" http://x/sessions.json
	assert_equal "$(jq -c '[.store.state, .store.kept_accounts, .store.lookups.found]' <<<"$output")" '["up",0,1]'
	store_says 'state strange'
	wait_until store_is strange
	run ctl status
	assert_line --regexp "^ +'sallyportctl store check' says why"
	run curl -sS --unix-socket "$DIR/run/metrics.sock" http://x/metrics
	assert_line 'sallyport_store_up 0'
	run curl -sS --unix-socket "$DIR/run/metrics.sock" http://x/
	assert_line --partial ' class="bad">strange</dd>'
}

# health PORT: what a health check of the proxy reads (version 2, LOCAL)
health()
{
	python3 - "$1" <<-'PY'
		import socket, sys
		with socket.create_connection(("127.0.0.2", int(sys.argv[1])), 10) as check:
		    check.sendall(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")
		    print(check.recv(200).decode().strip())
	PY
}

healthy()
{
	[ "$(health "$node")" = '220 ready' ]
}

@test "a health check of the proxy fails only while nobody could log in" {
	local proxied='listen-proxied = {"127.0.0.2:0"}' node
	store_says "account dora $(line_of dora secret 200001)"
	serve "accounts = \"$DIR/etc/users,postgresql:$STORE\"" "$proxied" 'proxy-from = {"127.0.0.1"}'
	node=$(sed -n 's/.* listening address=127\.0\.0\.2 .*port=\([0-9]*\).*/\1/p' "$LOG" | tail -n 1)
	assert_equal "$(health "$node")" '220 ready'
	store_says 'state down'
	wait_until store_is down
	assert_equal "$(health "$node")" '421 Accounts cannot be looked up now'
	# one that is kept can
	store_says 'state down' "kept dora $(line_of dora secret 200001)"
	wait_until healthy
	store_says 'state down'
	wait_until store_is down
	# and so can one of the users file
	echo "breakglass:$(hash_of secret):150001:150001:$DIR/home/breakglass:" >>"$DIR/etc/users"
	install -d -o 150001 -g 150001 "$DIR/home/breakglass"
	ftp_login breakglass secret
	ftp_close
	wait_until healthy
	[ "$(ctl --json status | jq .totals.health_checks)" -ge 4 ]
}

# --- reload, upgrade, drain ---

reload()
{
	run ctl reload
	assert_success
}

@test "reload: with the database, without, and anew only when something has changed" {
	file_user
	write_config
	start_server
	store_says "account dora $(line_of dora secret 200001)"
	refused dora secret
	run ctl --json status
	assert_equal "$(jq .store <<<"$output")" null
	store_config
	reload
	wait_until store_is up
	first=$(broker_pid)
	ftp_login dora secret
	# nothing has changed: it goes on
	reload
	assert_equal "$(broker_pid)" "$first"
	# the file has
	touch "$STORE"
	reload
	wait_until is_gone "$first"
	wait_until store_is up
	second=$(broker_pid)
	[ "$second" != "$first" ]
	# the program has
	cp "$DIR/libexec/sallyport-broker" "$DIR/libexec/new"
	mv "$DIR/libexec/new" "$DIR/libexec/sallyport-broker"
	reload
	wait_until is_gone "$second"
	wait_until store_is up
	# the session does not notice, and none of these was an alarm
	ftp NOOP 200
	write_config
	reload
	wait_until has_no_broker
	ftp NOOP 200
	ftp_close
	refused dora secret
	run ctl --json status
	assert_equal "$(jq .store <<<"$output")" null
}

@test "reload: what cannot be run is refused, and the configuration in force stays" {
	file_user
	store_says "account dora $(line_of dora secret 200001)"
	serve
	chmod 666 "$STORE"
	run ctl reload
	assert_failure
	assert_output --partial "'chown root:$BROKER $STORE', 'chmod 0640 $STORE'"
	chmod 640 "$STORE"
	chmod 777 "$DIR/libexec/sallyport-broker"
	run ctl reload
	assert_failure
	assert_output --partial "libexec-directory: '$DIR/libexec/sallyport-broker' cannot be run"
	chmod 755 "$DIR/libexec/sallyport-broker"
	ftp_login dora secret
}

@test "upgrade: the old broker stays as long as the old server's sessions, which may hold shares; the new server has its own" {
	store_says "account dora $(line_of dora secret 200001)"
	serve
	first=$(broker_pid)
	ftp_login dora secret
	logged_in=$FTP
	ftp_open
	ftp 'USER dora' 331
	former=$SERVER_PID
	kill -USR2 "$former"
	wait_until -t 30 log_has 'upgrade .*has taken over'
	SERVER_PID=$(cat "$DIR/run/sallyportd.pid")
	wait_until store_is up
	[ "$(broker_pid)" != "$first" ]
	kill -0 "$first"
	# the session of the old server asks the old broker
	ftp 'PASS secret' 230
	ftp_close
	FTP=$logged_in
	ftp NOOP 200
	kill -0 "$first"
	ftp_close
	wait_until is_gone "$first"
	wait_until is_gone "$former"
	ftp_login dora secret
	ftp_close
	wait_until no_session
}

@test "a drain ends the broker with the last session" {
	store_says "account dora $(line_of dora secret 200001)"
	serve 'timeouts { drain = "10s" }'
	pid=$(broker_pid)
	ftp_login dora secret
	ctl drain &
	ftp_reply
	assert_equal "$REPLY" 421
	ftp_close
	wait_until is_gone "$SERVER_PID"
	wait_until is_gone "$pid"
	wait "$!" || :
	SERVER_PID=
}

# --- configuration ---

# check_says TEXT: config check fails with it, and so does a start
check_says()
{
	run ctl config check
	assert_failure
	assert_output --partial "$1"
	run "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure
	assert_output --partial "$1"
}

@test "config check: the user, the program, the file" {
	store_says
	store_config
	run ctl config check
	assert_success
	write_config "accounts = \"postgresql:$STORE\""
	check_says 'accounts: "postgresql:" needs broker-user'
	write_config "accounts = \"postgresql:$STORE\"" 'broker-user = "no-such-user-here"' "libexec-directory = \"$DIR/libexec\""
	check_says "broker-user: user 'no-such-user-here' does not exist; create it with 'useradd"
	write_config "accounts = \"postgresql:$STORE\"" 'broker-user = "root"' "libexec-directory = \"$DIR/libexec\""
	check_says "broker-user: 'root' is root"
	write_config "accounts = \"postgresql:$STORE\"" 'broker-user = "sallyport"' "libexec-directory = \"$DIR/libexec\""
	check_says "broker-user: 'sallyport' is service-user or hook-user as well"
	write_config "accounts = \"postgresql:$STORE\"" "broker-user = \"$BROKER\"" "hook-user = \"$BROKER\"" "libexec-directory = \"$DIR/libexec\""
	check_says "broker-user: '$BROKER' is service-user or hook-user as well"
	store_config
	for mode in 0644 0660 0600; do
		chmod "$mode" "$STORE"
		check_says "must be a file of root that only broker-user reads besides"
	done
	chmod 0640 "$STORE"
	# what store init prints, and nobody has filled in
	for words in host=HOST,db2 dbname=DATABASE password=PASSWORD; do
		printf '# %s stands for yours\nconnect = "host=db1 dbname=d %s"\n' "$words" "$words" >"$STORE"
		check_says "'$STORE' still has '${words%,db2}'; write your own in its place"
	done
	printf '# host=HOST stands for yours\nconnect = "host=HOSTS dbname=d"\n' >"$STORE"
	run ctl config check
	assert_success
	chown "root:root" "$STORE"
	check_says "chown root:$BROKER $STORE"
	rm "$STORE"
	check_says "accounts: cannot open '$STORE': No such file or directory"
	install -m 0640 -g "$BROKER" /dev/null "$STORE"
	mv "$DIR/libexec/sallyport-broker" "$DIR/libexec/elsewhere"
	check_says "'$DIR/libexec/sallyport-broker' is missing; install sallyport-server-postgresql"
	install -m 644 "$DIR/libexec/elsewhere" "$DIR/libexec/sallyport-broker"
	check_says 'is no program that broker-user may execute'
}

@test "config check: homes, and uids that both may have" {
	file_user
	add_user inside secret --uid 200500
	store_says
	store_config
	run ctl config check
	assert_success
	assert_output --partial "the uid of 'inside' is in uid-range, so an account of the database may have it as well"
	refute_output --partial "of 'breakglass' is in uid-range"
	store_config "home-directory = \"$DIR/nowhere\""
	sed -i "0,/^home-directory/{/^home-directory/d}" "$CONF"
	run ctl config check
	assert_output --partial "home-directory: no account of the database can log in: '$DIR/nowhere': No such file"
}

@test "user add makes homes in home-directory" {
	mkdir "$DIR/elsewhere"
	write_config "home-directory = \"$DIR/elsewhere\""
	printf 'secret\n' | ctl user add carl --password-stdin
	assert_equal "$(stat -c %u "$DIR/elsewhere/carl")" "$(ctl --json user show carl | jq .uid)"
}

@test "an account of the database sees the shared folders of this server's users file, with its own uid" {
	store_config
	add_user anna secret --uid 500001 --store file
	ctl folder add team --directory "$DIR/team" --gid 500009 --quota 10
	ctl folder grant team --user anna --at /team --store file
	store_says "account bob $(line_of bob secret 200010 'folder=team=/our%20stuff')" "account dora $(line_of dora secret 200011 'folder=other=/x')"
	start_server
	wait_until store_is up
	printf 12345 >"$DIR/file"
	curl -sS --max-time 30 -T "$DIR/file" "ftp://bob:secret@127.0.0.1:$PORT/our%20stuff/a"
	assert_equal "$(stat -c '%u %g' "$DIR/team/a")" "200010 $(stat -c %g "$DIR/team")"
	run -0 curl -sS --max-time 30 "ftp://anna:secret@127.0.0.1:$PORT/team/a"
	assert_output 12345
	# its quota is that of all
	curl -sS --max-time 30 -T "$DIR/file" "ftp://anna:secret@127.0.0.1:$PORT/team/b"
	run ! curl -sS --max-time 30 -T "$DIR/file" "ftp://bob:secret@127.0.0.1:$PORT/our%20stuff/c"
	run -0 ctl quota show +team --store file
	assert_output --partial '10'
	# one that is not defined here refuses the login
	run ! curl -sS --max-time 30 "ftp://dora:secret@127.0.0.1:$PORT/"
	wait_until log_has 'login-failed .*name="dora"|account="dora"'
}
