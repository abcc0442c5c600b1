# SPDX-License-Identifier: ISC
# The server works with exactly the capabilities that sallyportd(8) names, and says what it lacks without one
# of them.

bats_require_minimum_version 1.5.0
load lib

WALLS=setuid,setgid,setpcap,sys_chroot,kill

setup()
{
	command -v setpriv >/dev/null || skip "setpriv is not installed"
	new_place
	write_config
}

teardown()
{
	[ -z "${DIR-}" ] || end_place
}

# with_only CAPABILITY,... COMMAND...: run it as root with these capabilities and no other.
with_only()
{
	local set=$1
	shift
	setpriv --bounding-set="-all,+${set//,/,+}" "$@"
}

# start_with CAPABILITY,...
start_with()
{
	BUILD=$DIR/bin
	mkdir -p "$BUILD"
	printf '#!/bin/sh\nexec setpriv --bounding-set=-all,+%s %s/sallyportd "$@"\n' "${1//,/,+}" "$REAL_BUILD" >"$BUILD/sallyportd"
	chmod 755 "$BUILD/sallyportd"
	ln -sf "$REAL_BUILD/sallyportctl" "$BUILD/sallyportctl"
	start_server
}

REAL_BUILD=${BUILD:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build}

# The master's capabilities are these, in hexadecimal.
has_only()
{
	assert_equal "$(status_of "$SERVER_PID" CapPrm)" "$(printf '%016x' "$1")"
}

@test "login, listing, upload, download, rename, removal and quota need the walls' capabilities alone" {
	add_user alice secret --quota 1M
	start_with "$WALLS"
	has_only $((1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 18))
	head -c 300000 /dev/urandom >"$DIR/sent"
	curl -sS -T "$DIR/sent" "$(url alice:secret file)"
	curl -sS "$(url alice:secret file)" | cmp - "$DIR/sent"
	assert_equal "$(curl -sS --list-only "$(url alice:secret)")" file
	as_alice <<-'EOF'
		> RNFR file
		< 350
		> RNTO other
		< 250
		> MKD sub
		< 257
		> SITE QUOTA
		< 200
	EOF
	run -0 ctl quota show alice
	assert_output --partial 300000
	head -c 900000 /dev/zero >"$DIR/big"
	run ! curl -sS -T "$DIR/big" "$(url alice:secret big)"
	as_alice <<-'EOF'
		> DELE other
		< 250
		> RMD sub
		< 250
	EOF
	run -0 ctl session list
	log_has ' login .*user="alice"'
}

@test "a home that its user alone may enter, behind directories that root may not pass, takes no power over files" {
	add_user alice secret --uid 234567 --gid 234568 --home "$DIR/home/team/alice"
	chmod 700 "$DIR/home/team/alice"
	# the file belongs to another user, and is open to the account's group alone
	chown 234569:234568 "$DIR/home/team"
	chmod 710 "$DIR/home/team"
	start_with "$WALLS"
	as_alice <<-'EOF'
		> MKD sub
		< 257
		> QUIT
		< 221
	EOF
	assert_equal "$(stat -c %u:%g "$DIR/home/team/alice/sub")" 234567:234568
	chmod 700 "$DIR/home/team"
	ftp_open
	ftp 'USER alice' 331
	ftp 'PASS secret' 530
	log_has 'login-failed .*reason="home cannot be opened'
}

@test "kick and a drain that is over end sessions with the walls' capabilities alone" {
	add_user alice secret
	start_with "$WALLS"
	ftp_login alice secret
	find_session
	kill -STOP "$PROTOCOL"
	ctl session kick --user alice
	wait_until -t 20 is_gone "$PROTOCOL"
	wait_until -t 20 is_gone "$MONITOR"
}

@test "hooks need CHOWN once, for their queue" {
	printf '#!/bin/sh\necho "$SALLYPORT_CLIENT_PATH" >"%s/hooked/done"\n' "$DIR" >"$DIR/hook"
	chmod 755 "$DIR/hook"
	install -d -o sallyport "$DIR/hooked"
	write_config "on-upload = \"$DIR/hook\""
	add_user alice secret
	start_with "$WALLS,chown"
	curl -sS -T "$DIR/etc/sallyport.conf" "$(url alice:secret file)"
	wait_until test -s "$DIR/hooked/done"
	assert_equal "$(cat "$DIR/hooked/done")" /file
	stop_server
	start_with "$WALLS"
	curl -sS -T "$DIR/etc/sallyport.conf" "$(url alice:secret again)"
	wait_until grep -q again "$DIR/hooked/done"
}

# shellcheck disable=SC2030 # see refused_without()
@test "sallyportctl makes and counts homes with CHOWN besides" {
	printf 'secret\n' | with_only "$WALLS,chown" "$BUILD/sallyportctl" -c "$CONF" user add alice --password-stdin \
		--home "$DIR/home/new/alice" --quota 1M
	assert_equal "$(stat -c '%u:%g %a' "$DIR/home/new/alice")" '200000:200000 750'
	start_with "$WALLS"
	curl -sS -T "$CONF" "$(url alice:secret file)"
	chmod 700 "$DIR/home/new/alice"
	with_only "$WALLS" "$REAL_BUILD/sallyportctl" -c "$CONF" quota recount alice
	run -0 with_only "$WALLS" "$REAL_BUILD/sallyportctl" -c "$CONF" quota show alice
	assert_output --partial "$(stat -c %s "$CONF")"
}

# --- the start names what is missing ---

# refused_without CAPABILITY: the server names it, the words that add it, and nothing else.
refused_without()
{
	local all=",$WALLS," name=${1^^}
	all=${all/,$1,/,}
	all=${all#,}
	run with_only "${all%,}" "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_line --index 0 --regexp "^sallyportd: capabilities are missing: CAP_$name \\([^,]*\\); add them: .*--cap-add $name;"
	# shellcheck disable=SC2031 # run sets it
	assert_equal "${#lines[@]}" 1
}

@test "the start names a capability that is missing, and how it is added" {
	for capability in setuid setgid setpcap sys_chroot kill; do
		refused_without "$capability"
	done
}

@test "the start names all that are missing in one line" {
	run with_only chown,fowner "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	for capability in SYS_CHROOT SETUID SETGID SETPCAP KILL; do
		assert_line --index 0 --partial "CAP_$capability"
	done
	# shellcheck disable=SC2031 # run sets it
	assert_equal "${#lines[@]}" 1
}

@test "the start names NET_BIND_SERVICE where active-port or listen needs it" {
	write_config 'active-port = 20'
	run with_only "$WALLS" "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_line --regexp 'missing: CAP_NET_BIND_SERVICE \(active-port below 1024\)'
	[ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 99 ] || skip "every port is open to all here"
	write_config 'listen = {"127.0.0.1:99"}'
	run with_only "$WALLS" "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_line --regexp "listen.*: Permission denied; .*CAP_NET_BIND_SERVICE.*net.ipv4.ip_unprivileged_port_start"
}

@test "a user namespace that denies what the walls need is named by the call" {
	unshare --user --map-root-user true 2>/dev/null || skip "no user namespace can be made here"
	run unshare --user --map-root-user "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_line --regexp '^sallyportd: the walls of logger, metrics, monitor, protocol, files cannot be built: setgroups: .*CAP_SETGID is present'
}

@test "a /proc that is missing is said in words" {
	unshare --mount true 2>/dev/null || skip "no mount namespace can be made here"
	# shellcheck disable=SC2016 # the inner shell expands it
	run unshare --mount sh -c 'umount -l /proc && exec "$@"' - "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_line --partial "'/proc' is not mounted"
}

# --- the client and the log see what fails later ---

@test "a session whose protocol process cannot be walled in answers 421, and the log says why" {
	ALARM_EXPECTED=1
	start_with "$WALLS"
	chmod 000 "$DIR/run/empty"
	run ftp_raw <<-'EOF'
		< 220
		< 421
	EOF
	assert_success
	wait_until log_has ' critical alarm .*no_walls="protocol" message="chroot: Permission denied; root cannot enter the directory'
	wait_until log_has ' disconnect .*reason="walls"'
	refute log_has ' ban '
}

@test "a session whose monitor cannot give root up answers 421, and the log says why" {
	ALARM_EXPECTED=1
	add_user alice secret
	start_with "$WALLS"
	ftp_open
	wait_until log_has ' connect '
	find_session
	wait_until test "$(status_of "$PROTOCOL" Seccomp)" = 2
	chmod 000 "$DIR/run/empty"
	ftp 'USER alice' 331
	ftp 'PASS secret' 421
	wait_until log_has ' critical alarm .*no_walls="monitor" message="chroot: Permission denied'
	wait_until log_has ' disconnect .*reason="walls"'
	refute log_has ' login .*user="alice"'
}

@test "a session whose files process cannot be walled in answers 421, and the log says why" {
	ALARM_EXPECTED=1
	add_user alice secret
	chmod 000 "$DIR/home/alice"
	start_with "$WALLS"
	as_alice <<-'EOF'
		< 421
	EOF
	wait_until log_has ' critical alarm .*no_walls="files" message="chroot: Permission denied'
	wait_until log_has ' disconnect .*reason="walls"'
}

@test "the logger's death is told on standard error, with its reason" {
	ALARM_EXPECTED=1
	start_with "$WALLS"
	logger=$(pgrep -x sallyport-log -P "$SERVER_PID")
	kill -KILL "$logger"
	wait_until grep -q 'sallyportd: logger died (killed from outside.*); another one is started' "$DIR/stderr"
	stop_server
	start_with "$WALLS"
	chmod 000 "$DIR/run/empty"
	kill -KILL "$(pgrep -x sallyport-log -P "$SERVER_PID")"
	wait_until grep -q 'sallyportd: logger died (exit status 71): its walls cannot be built: chroot: Permission denied' "$DIR/stderr"
	chmod 555 "$DIR/run/empty"
	wait_until log_has ' critical alarm .*no_walls="logger"'
}
