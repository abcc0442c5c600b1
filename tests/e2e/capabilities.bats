# What the server does with exactly the capabilities that sallyportd(8) names, and what it says without one of them.

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

# with_only CAPABILITY,... COMMAND...: as root, but with no other power.
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

# The power of master is this one, in hexadecimal.
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
	# of another user, open to the account's group alone
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
