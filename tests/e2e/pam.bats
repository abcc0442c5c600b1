#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Users of the system by PAM: a second source of accounts, which can hang, die or lie.

load lib

setup()
{
	"$BUILD/sallyportd" -V | grep -qx 'with PAM' || skip "built without PAM"
	SERVICE=sallyport-test-$$-$BATS_TEST_NUMBER
	SYSTEM_USER=sp-test-$$-$BATS_TEST_NUMBER
	new_place
	useradd --no-create-home --home-dir "$DIR/home/system" --shell /bin/sh "$SYSTEM_USER"
	echo "$SYSTEM_USER:system-secret" | chpasswd
	install -d -o "$SYSTEM_USER" -g "$SYSTEM_USER" "$DIR/home/system"
}

teardown()
{
	[ -n "${SERVICE-}" ] || return 0
	rm -f "/etc/pam.d/$SERVICE"
	[ -z "${RENAMED-}" ] || userdel "$RENAMED"
	userdel "$SYSTEM_USER"
	data_close
	end_place
}

# serve ACCOUNTS LINE...: the lines are the PAM service.
serve()
{
	local accounts=$1
	shift
	printf '%s\n' "$@" >"/etc/pam.d/$SERVICE"
	write_config "accounts = \"$accounts\"" 'timeouts { login = "5s" }'
	start_server
}

both()
{
	echo "$DIR/etc/users,pam:$SERVICE"
}

with_passwords()
{
	serve "${1:-$(both)}" 'auth required pam_unix.so' 'account required pam_unix.so'
}

# refused NAME PASSWORD REASON: the client gets the same answer for every reason; the log has it.
refused()
{
	ftp_open
	ftp "USER $1" 331
	ftp "PASS $2" 530
	ftp_close
	wait_until log_has "login-failed .* name=\"$1\" reason=\"$3\""
}

# Set PAM: the process of the only session, not logged in yet, that still runs as root.
find_pam()
{
	local pid
	find_session
	for pid in $(children_of "$MONITOR"); do
		[ "$(status_of "$pid" Uid | cut -d' ' -f1)" != 0 ] || PAM=$pid
	done
	[ -n "$PAM" ]
}

@test "a user of the system logs in, into the own home, as the own uid" {
	with_passwords
	ftp_login "$SYSTEM_USER" system-secret
	ftp_passive
	ftp 'STOR file' 150
	printf 123 >&"$DATA"
	data_close
	ftp_reply
	[ "$REPLY" = 226 ]
	assert_equal "$(stat -c %U:%s "$DIR/home/system/file")" "$SYSTEM_USER:3"
	find_session
	assert_equal "$(status_of "$FILES" Uid | cut -d' ' -f1)" "$(id -u "$SYSTEM_USER")"
	# the process that asked PAM ends with the login, so the session has two processes
	assert_equal "$(children_of "$MONITOR" | wc -w)" 2
	log_has " login .* user=\"$SYSTEM_USER\""
	assert_equal "$(log_count ' critical ')" 0
}

@test "wrong passwords and unknown users are refused, and counted" {
	with_passwords
	refused "$SYSTEM_USER" wrong 'PAM: Authentication failure'
	refused nobody-of-this-name wrong 'PAM: .*'
	refused "$SYSTEM_USER" '' 'PAM: Authentication failure'
	# PAM never sees a name that no account can have
	refused -x wrong 'unknown user'
	wait_until no_session
}

@test "the users file comes first, and PAM is not asked about its names" {
	write_config
	add_user "$SYSTEM_USER" file-secret --home "$DIR/home/of-file"
	with_passwords
	ftp_login "$SYSTEM_USER" file-secret
	find_session
	assert_equal "$(readlink "/proc/$FILES/root")" "$DIR/home/of-file"
	ftp_close
	refused "$SYSTEM_USER" system-secret 'wrong password'
}

@test "PAM alone: no users file" {
	with_passwords "pam:$SERVICE"
	ftp_login "$SYSTEM_USER" system-secret
	ftp_close
	run ctl user list
	assert_failure 1
	assert_output --partial 'PAM alone'
	run ctl config check
	assert_success
}

@test "several tries in one session" {
	with_passwords
	ftp_open
	ftp "USER $SYSTEM_USER" 331
	ftp 'PASS wrong' 530
	ftp "USER $SYSTEM_USER" 331
	ftp 'PASS system-secret' 230
}

@test "root, gid 0 and the service user are refused, whatever PAM says" {
	serve "$(both)" 'auth required pam_permit.so' 'account required pam_permit.so'
	refused root any 'system user has uid or gid 0'
	refused sallyport any 'system user is service-user'
	usermod -g 0 "$SYSTEM_USER"
	refused "$SYSTEM_USER" any 'system user has uid or gid 0'
	# PAM permits the login of a user that the system does not know
	refused no-such-user-here any 'PAM knows the user, but getpwnam does not'
}

@test "accounts that PAM has closed are refused" {
	serve "$(both)" 'auth required pam_unix.so' 'account required pam_deny.so'
	refused "$SYSTEM_USER" system-secret 'PAM: .*'
}

@test "the service as shipped: no shell, no login" {
	[ -e /etc/pam.d/common-auth ] || skip "this system has no common-auth"
	mapfile -t lines <"$BATS_TEST_DIRNAME/../../etc/pam.d/sallyport"
	serve "$(both)" "${lines[@]}"
	ftp_login "$SYSTEM_USER" system-secret
	ftp_close
	usermod -s /usr/sbin/nologin "$SYSTEM_USER"
	refused "$SYSTEM_USER" system-secret 'PAM: .*'
}

@test "a module that hangs: the login ends at its deadline, and others log in" {
	write_config
	add_user alice secret
	mkfifo "$DIR/never"
	serve "$(both)" "auth required pam_exec.so /bin/cat $DIR/never" 'account required pam_permit.so'
	ftp_open
	ftp "USER $SYSTEM_USER" 331
	ftp_send 'PASS any'
	waiting=$FTP
	ftp_login alice secret
	ftp_close
	FTP=$waiting
	wait_until -t 20 log_has 'reason="PAM did not answer in time"'
	ftp_close
	: >"$DIR/never"
	wait_until no_session
}

@test "a module that hangs does not keep the session from being kicked" {
	mkfifo "$DIR/never"
	printf '%s\n' "auth required pam_exec.so /bin/cat $DIR/never" 'account required pam_permit.so' >"/etc/pam.d/$SERVICE"
	write_config "accounts = \"$(both)\"" 'timeouts { login = "60s" }'
	start_server
	ftp_open
	ftp "USER $SYSTEM_USER" 331
	ftp_send 'PASS any'
	find_pam
	wait_until test -n "$(children_of "$PAM")"
	ctl session kick --address 127.0.0.1
	wait_until is_gone "$MONITOR"
	wait_until log_has 'disconnect .*reason="kicked"'
	: >"$DIR/never"
}

# answered_in NAME PASSWORD CODE ADDRESS: print how long the answer takes, in hundredths of a second, after 40 other
# clients connected from one other address.
answered_in()
{
	python3 - "$PORT" "$@" <<-'END'
		import socket, sys, time
		port, name, password, code, address = int(sys.argv[1]), *sys.argv[2:]
		def connect(source):
		    control = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
		    file = control.makefile("rwb", 0)
		    assert file.readline().startswith(b"220")
		    return control, file
		def begin(source, name, password):
		    control, file = connect(source)
		    file.write(b"USER %s\r\n" % name.encode())
		    assert file.readline().startswith(b"331")
		    file.write(b"PASS %s\r\n" % password.encode())
		    return control, file
		held = [begin(address.replace("127.0", "127.1"), "nosuch%d" % i, "x") for i in range(40)]
		time.sleep(0.5)    # the first of them have their turns
		start = time.monotonic()
		control, file = begin(address, name, password)
		line = file.readline().decode()
		assert line.startswith(code), line
		print(round((time.monotonic() - start) * 100))
	END
}

@test "a slow module from one address: users from elsewhere do not wait for it" {
	write_config
	add_user alice secret
	serve "$(both)" 'auth required pam_exec.so /bin/sleep 3' 'account required pam_permit.so'
	local hundredths
	# the processes of 41 sessions start meanwhile; the module takes 300
	hundredths=$(answered_in alice secret 230 127.0.6.6)
	echo "login of the users file: $hundredths hundredths"
	[ "$hundredths" -lt 200 ]
	wait_until -t 30 no_session
	hundredths=$(answered_in alice wrong 530 127.0.6.7)
	echo "refusal of the users file: $hundredths hundredths"
	[ "$hundredths" -lt 200 ]
	wait_until -t 30 no_session
	# a client that needs the module waits for its own module alone, which takes three seconds
	hundredths=$(answered_in "$SYSTEM_USER" any 230 127.0.6.8)
	echo "login by PAM: $hundredths hundredths"
	[ "$hundredths" -ge 300 ]
	[ "$hundredths" -lt 500 ]
}

@test "a module that crashes takes nothing with it" {
	with_passwords
	ftp_open
	find_pam
	kill -ABRT "$PAM"
	ftp "USER $SYSTEM_USER" 331
	ftp 'PASS system-secret' 530
	ftp_close
	wait_until log_has 'reason="the process that asks PAM has died"'
	ftp_login "$SYSTEM_USER" system-secret
}

@test "what asks PAM has a channel, and nothing of the client" {
	with_passwords
	ALARM_EXPECTED=1
	ftp_open
	find_pam
	run bash -c "ls -l /proc/$PAM/fd | grep -c 'socket:'"
	assert_output 1
	assert_equal "$(status_of "$PAM" NoNewPrivs)" 1
	tr '\0' ' ' <"/proc/$PAM/cmdline" | grep -q '^sallyportd: pam *$'
	assert_equal "$(status_of "$PAM" Seccomp)" 2
	kill -KILL "$MONITOR"
	wait_until is_gone "$PAM"
}

@test "bad configurations are told" {
	for accounts in 'pam:' 'pam:../passwd' 'pam:a b' "relative,pam:$SERVICE" ",pam:$SERVICE"; do
		write_config "accounts = \"$accounts\""
		run ctl config check
		assert_failure
		assert_output --partial ': accounts: '
	done
	write_config "accounts = \"pam:$SERVICE-missing\""
	run ctl config check
	assert_success
	assert_output --partial "no file '/etc/pam.d/$SERVICE-missing'"
}

@test "the end of a session does not tell whether PAM is still asked about a name" {
	write_config
	add_user of-file file-secret
	serve "$(both)" 'auth optional pam_exec.so /bin/sleep 2.5' 'auth required pam_deny.so'
	python3 - "$PORT" "$BUILD/sallyportctl" "$DIR/etc/sallyport.conf" <<-'PY'
		import socket, subprocess, sys, threading, time
		def begin(source, name):
		    control = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20, (source, 0))
		    file = control.makefile("rwb", 0)
		    file.readline()
		    file.write(b"USER %s\r\n" % name)
		    file.readline()
		    file.write(b"PASS wrong\r\n")
		    return control, file
		def rest(file, key):
		    told[key] = file.read().decode().replace("\r\n", "|"), time.monotonic()
		told = {}
		sessions = {b"of-file": begin("127.0.8.1", b"of-file"), b"nobody": begin("127.0.8.1", b"nobody")}
		readers = [threading.Thread(target=rest, args=(f, n)) for n, (c, f) in sessions.items()]
		for reader in readers:
		    reader.start()
		time.sleep(0.2)    # both hashes are computed, PAM is asked about one of the names
		assert not told, told
		subprocess.run([sys.argv[2], "-c", sys.argv[3], "session", "kick", "--address", "127.0.8.1"], check=True, stdout=subprocess.DEVNULL)
		for reader in readers:
		    reader.join()
		(known, at), (unknown, at_too) = told[b"of-file"], told[b"nobody"]
		assert known == unknown and known.startswith("530 Login incorrect|421 "), told
		assert abs(at - at_too) < 2, told    # neither waits until it is killed
	PY
	log_has ' login-failed .* name="nobody" reason="the session ended before PAM answered"'
	log_has ' login-failed .* name="of-file" reason="wrong password"'
}

@test "who leaves before PAM has answered has made an attempt: it is logged, counted, and banned" {
	printf '%s\n' 'auth optional pam_exec.so /bin/sleep 20' 'auth required pam_deny.so' >"/etc/pam.d/$SERVICE"
	write_config "accounts = \"$(both)\"" 'limits { login-failures = 3 ban-time = "60s" }'
	start_server
	python3 - "$PORT" <<-'PY'
		import socket, sys, time
		def connect():
		    control = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20, ("127.0.8.3", 0))
		    file = control.makefile("rwb", 0)
		    return control, file, file.readline()
		deadline = time.monotonic() + 30
		tries = 0
		while time.monotonic() < deadline:
		    control, file, greeting = connect()
		    if b"banned" in greeting:
		        break
		    file.write(b"USER nobody\r\n")
		    file.readline()
		    file.write(b"PASS wrong\r\n")
		    time.sleep(1)    # the hash is computed, PAM is asked
		    file.close()
		    control.close()
		    tries += 1
		assert b"banned" in greeting, "%d attempts were free" % tries
	PY
	[ "$(log_count ' login-failed .* name="nobody" reason="the session ended before PAM answered"')" -ge 3 ]
	log_has ' ban address=127.0.8.3 '
}

# connect_again NAME PASSWORD: the session cannot serve this account, and ends.
connect_again()
{
	ftp_open
	ftp "USER $1" 331
	ftp "PASS $2" 421
	ftp_close
}

# with_service LINE...: a server with the users file alone, whose accounts may name the service.
with_service()
{
	printf '%s\n' "$@" >"/etc/pam.d/$SERVICE"
	write_config 'timeouts { login = "5s" }'
	start_server
}

@test "an account of the file whose password PAM checks has its own uid, home, rights and quota" {
	write_config
	ctl user add "$SYSTEM_USER" --pam "$SERVICE" --home "$DIR/home/ours" --allow list,read,create --quota 5
	with_service 'auth required pam_unix.so' 'account required pam_unix.so'
	assert_equal "$(ctl --json user show "$SYSTEM_USER" | jq -r '.pam, .state' | tr '\n' ' ')" "$SERVICE active "
	refused "$SYSTEM_USER" wrong 'PAM: Authentication failure'
	ftp_login "$SYSTEM_USER" system-secret
	find_session
	assert_equal "$(readlink "/proc/$FILES/root")" "$DIR/home/ours"
	assert_equal "$(status_of "$FILES" Uid | cut -d' ' -f1)" "$(stat -c %u "$DIR/home/ours")"
	# the process that asked PAM is gone
	assert_equal "$(children_of "$MONITOR" | wc -w)" 2
	ftp_close
	printf 12345 >"$DIR/file"
	curl -sS --max-time 30 --user "$SYSTEM_USER:system-secret" -T "$DIR/file" "ftp://127.0.0.1:$PORT/a"
	run curl -sS --max-time 30 --user "$SYSTEM_USER:system-secret" -T "$DIR/file" "ftp://127.0.0.1:$PORT/b"
	assert_failure
	run lftp -u "$SYSTEM_USER,system-secret" -e 'set net:max-retries 1; rm a; exit' "ftp://127.0.0.1:$PORT"
	assert_failure
	# a lock and an expiry of ours count, and a password of ours takes PAM's place
	ctl user lock "$SYSTEM_USER"
	refused "$SYSTEM_USER" system-secret 'account is locked'
	ctl user unlock "$SYSTEM_USER"
	ctl user set "$SYSTEM_USER" --expires 2020-01-01
	refused "$SYSTEM_USER" system-secret 'account has expired'
	ctl user set "$SYSTEM_USER" --expires never
	echo ours | ctl user passwd "$SYSTEM_USER" --password-stdin
	refused "$SYSTEM_USER" system-secret 'wrong password'
	ftp_login "$SYSTEM_USER" ours
	ftp_close
	ctl user set "$SYSTEM_USER" --pam "$SERVICE"
	# the server looks at the file when somebody logs in, so the first session has no process yet that asks PAM
	connect_again "$SYSTEM_USER" system-secret
	ftp_login "$SYSTEM_USER" system-secret
	ftp_close
}

@test "an account that PAM alone knows needs no user of the system; root of the system is refused" {
	write_config
	ctl user add nobody-of-this-name --pam "$SERVICE" --home "$DIR/home/of-ldap"
	ctl user add root --pam "$SERVICE" --home "$DIR/home/of-root"
	with_service 'auth required pam_permit.so' 'account required pam_permit.so'
	ftp_login nobody-of-this-name any
	ftp_close
	refused root any 'system user has uid or gid 0'
	# names that are in no file are not PAM's without a word in accounts
	refused "$SYSTEM_USER" system-secret 'unknown user'
}

@test "without such an account no process asks PAM; a session asks no service that was named after it began" {
	printf '%s\n' 'auth required pam_permit.so' 'account required pam_permit.so' >"/etc/pam.d/$SERVICE"
	write_config
	add_user alice secret
	start_server
	ftp_open
	find_session
	assert_equal "$(children_of "$MONITOR" | wc -w)" 1
	ctl user add carl --pam "$SERVICE" --home "$DIR/home/carl"
	ftp 'USER carl' 331
	ftp 'PASS any' 421
	[[ $REPLY_TEXT == *"accounts were changed while you were connected; connect again"* ]]
	ftp_close
	wait_until log_has 'disconnect .* reason="accounts-changed"'
	ftp_login carl any
	ftp_close
	ftp_open
	wait_until find_pam
	# a second service, named while this session lives
	printf '%s\n' 'auth required pam_permit.so' 'account required pam_permit.so' >"/etc/pam.d/$SERVICE-b"
	ctl user set carl --pam "$SERVICE-b"
	ftp 'USER carl' 331
	ftp_send 'PASS any'
	ftp_reply
	rm -f "/etc/pam.d/$SERVICE-b"
	assert_equal "$REPLY" 421
	wait_until log_has 'the session began before the users file named the PAM service'
	ftp_close
}

@test "an account whose password PAM checks works in a shared folder, whose quota it meets" {
	write_config
	add_user anna secret
	ctl user add "$SYSTEM_USER" --pam "$SERVICE" --home "$DIR/home/ours"
	ctl folder add team --directory "$DIR/team" --quota 10
	ctl folder grant team --user anna --at /team
	ctl folder grant team --user "$SYSTEM_USER" --at "/our stuff"
	with_service 'auth required pam_unix.so' 'account required pam_unix.so'
	local way="ftp://$SYSTEM_USER:system-secret@127.0.0.1:$PORT/our%20stuff"
	printf 12345 >"$DIR/file"
	curl -sS --max-time 30 -T "$DIR/file" "$way/a"
	assert_equal "$(stat -c '%u %g' "$DIR/team/a")" "$(stat -c %u "$DIR/home/ours") $(stat -c %g "$DIR/team")"
	run curl -sS --max-time 30 "ftp://anna:secret@127.0.0.1:$PORT/team/a"
	assert_output 12345
	curl -sS --max-time 30 -T "$DIR/file" "$way/b"
	run curl -sS --max-time 30 -T "$DIR/file" "$way/c"
	assert_failure
	run lftp -u "$SYSTEM_USER,system-secret" -e 'set net:max-retries 1; mv "our stuff/a" "our stuff/moved"; rm "our stuff/b"; exit' "ftp://127.0.0.1:$PORT"
	assert_success
	assert_equal "$(ls "$DIR/team")" moved
}

@test "services in the file: bad names, missing files, and too many are told" {
	write_config
	add_user alice secret
	users=$(cat "$DIR/etc/users")
	for bad in '' ../passwd .hidden -x a/b 'a%' "$(printf 'x%.0s' {1..64})"; do
		printf '%s\n' "$users" "carl:*pam:$bad:200001:200001:$DIR/home/carl:" >"$DIR/etc/users"
		run ctl config check
		assert_failure
		assert_output --partial ': bad PAM service; write *pam:SERVICE'
	done
	printf '%s\n' "$users" "carl:*pam:$SERVICE:200001:200001:$DIR/home/carl:" >"$DIR/etc/users"
	run ctl config check
	assert_success
	assert_output --partial "PAM service '$SERVICE' of 'carl': no such file in /etc/pam.d"
	{
		echo "$users"
		for i in {1..17}; do
			echo "u$i:!*pam:s$i:$((200001 + i)):200001:$DIR/home/u$i:"
		done
	} >"$DIR/etc/users"
	run ctl config check
	assert_failure
	assert_output --partial 'one more PAM service; the accounts of a file have 16 at most'
	run ctl user set alice --pam ../passwd
	assert_failure 2
}

# add_server NAME [ACCOUNTS]: a section of the configuration, with an empty users file of its own
add_server()
{
	echo "server \"$1\" { ${2:+accounts = \"$2\"} }" >>"$CONF"
	[ -z "${2-}" ] || (umask 077 && : >"$2")
}

@test "several servers: a module gives nobody the name of another server's account" {
	[ -e "$(find /usr/lib /lib -name pam_ftp.so -print -quit)" ] || skip "needs pam_ftp.so, which renames users"
	RENAMED=sp-$$@one.example
	useradd --badname --non-unique --uid "$(id -u "$SYSTEM_USER")" --gid "$(id -g "$SYSTEM_USER")" --no-create-home \
		--home-dir "$DIR/home/system" --shell /bin/sh "$RENAMED"
	# of a list, the first one is who the user becomes
	printf '%s\n' "auth required pam_ftp.so users=$RENAMED,$SYSTEM_USER ignore" 'account required pam_permit.so' >"/etc/pam.d/$SERVICE"
	write_config "accounts = \"$(both)\""
	add_server one.example "$DIR/etc/one"
	start_server
	refused "$SYSTEM_USER" guest@example.org 'PAM has given the user a name that accounts of another server have in full'
	# without the section it is a name as any other
	sed -i '/^server /d' "$CONF"
	ctl reload
	ftp_login "$SYSTEM_USER" guest@example.org
	wait_until log_has " login .*user=\"$RENAMED\""
}

@test "several servers: users of PAM leave a server that gets a users file of its own, also in sessions that have begun" {
	printf '%s\n' 'auth required pam_unix.so' 'account required pam_unix.so' >"/etc/pam.d/$SERVICE"
	write_config "accounts = \"$(both)\""
	add_server one.example
	start_server
	ftp_open
	ftp 'HOST one.example' 220
	ftp "USER $SYSTEM_USER" 331
	sed -i '/^server /d' "$CONF"
	add_server one.example "$DIR/etc/one"
	ctl reload
	ftp 'PASS system-secret' 421
	ftp_close
	wait_until log_has ' disconnect .*accounts-changed'
	# and by the configuration in force
	ftp_open
	ftp 'HOST one.example' 220
	ftp "USER $SYSTEM_USER" 331
	ftp 'PASS system-secret' 530
	ftp_close
	ftp_login "$SYSTEM_USER" system-secret
}
