# SPDX-License-Identifier: ISC
# Users change the directories in which root works: nothing changes outside of their own, and root names the
# directory that it refuses.

load lib

ALICE_UID=47011
BOB_UID=47012
SECONDS_MAX=20	# of each race, all attempts together

setup()
{
	new_place
	write_config
	mkdir "$DIR/outside"
	chmod 700 "$DIR/outside"
	echo precious >"$DIR/outside/file"
	chmod 600 "$DIR/outside/file"
	install -d -o "$ALICE_UID" -g "$ALICE_UID" -m 755 "$DIR/home/alice"
	SWAP_PID=
}

teardown()
{
	stop_swapping
	[ -z "${DIR-}" ] || end_place
}

# as_user UID COMMAND...
as_user()
{
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
}

# swap UID exchange|plant ARGUMENT...: run swap_paths in the background
swap()
{
	local uid=$1 what=$2
	shift 2
	# exec leaves one process, whose pid ends it
	(exec setpriv --reuid "$uid" --regid "$uid" --clear-groups \
		"$BUILD/tests/helpers/swap_paths" "$what" "$((SECONDS_MAX + 10))" "$@" >"$DIR/swaps" 3>&-) &
	SWAP_PID=$!
}

stop_swapping()
{
	[ -z "${SWAP_PID-}" ] || { kill "$SWAP_PID" && wait "$SWAP_PID"; } || :
	SWAP_PID=
}

# Print owner, mode and content of everything outside.
outside()
{
	find "$DIR/outside" -printf '%p %U:%G %m %y\n' | sort
	find "$DIR/outside" -type f -exec sha256sum {} +
}

# race COUNT COMMAND...: repeat it until the helper succeeded COUNT times, the time is over, or something outside
# has changed
race()
{
	local count=$1 end=$((SECONDS + SECONDS_MAX)) before
	shift
	before=$(outside)
	while [ "$count" -gt 0 ] && [ "$SECONDS" -lt "$end" ]; do
		"$@" >>"$DIR/race" 2>&1 || :
		assert_equal "$(outside)" "$before"
		count=$((count - 1))
	done
}

# --- homes ---

add_and_forget()
{
	add_user "$@" || return 1
	ctl user del "$1"
	rmdir "$DIR/home/alice/p/x"
}

@test "add: a home below another user's directory is not made, and the directory is named" {
	run add_user bob secret --uid "$BOB_UID" --home "$DIR/home/alice/p/bob"
	assert_failure 1
	assert_output --partial "home '$DIR/home/alice/p/bob': directory '$DIR/home/alice' belongs to uid $ALICE_UID (no system user)"
	assert_output --partial "it must belong to root or uid $BOB_UID"
	assert_not_exists "$DIR/home/alice/p"
	run ctl user list
	refute_output --partial bob
}

@test "add: a home below a directory that everybody may write to is not made; below a sticky one it is" {
	mkdir "$DIR/home/open"
	chmod 777 "$DIR/home/open"
	run add_user bob secret --home "$DIR/home/open/bob"
	assert_failure 1
	assert_output --partial "directory '$DIR/home/open' can be changed by everybody (gid 0, mode 0777)"
	assert_not_exists "$DIR/home/open/bob"
	chmod 1777 "$DIR/home/open"
	add_user bob secret --home "$DIR/home/open/bob"
}

@test "add: in a user's own directory the home and what is missing above it are that user's" {
	add_user alice secret --uid "$ALICE_UID" --gid "$ALICE_UID" --home "$DIR/home/alice/www/ftp"
	assert_equal "$(stat -c %u:%g:%a "$DIR/home/alice/www")" "$ALICE_UID:$ALICE_UID:755"
	assert_equal "$(stat -c %u:%g "$DIR/home/alice/www/ftp")" "$ALICE_UID:$ALICE_UID"
	add_user bob secret --home "$DIR/home/parents/bob"
	assert_equal "$(stat -c %u:%a "$DIR/home/parents")" 0:755
	start_server
	ftp_login alice secret
	ftp 'MKD made' 257
	assert_dir_exists "$DIR/home/alice/www/ftp/made"
}

@test "add: what was made is taken away again when the account cannot be added, and nothing else" {
	chattr +i "$DIR/etc/users" 2>/dev/null || skip "files cannot be made immutable here"
	run add_user bob secret --home "$DIR/home/a/b/bob"
	chattr -i "$DIR/etc/users"
	assert_failure 1
	assert_not_exists "$DIR/home/a"
	assert_exists "$DIR/home"
}

@test "add: a link of root on the way is followed, one of the user is not" {
	mkdir "$DIR/disk"
	ln -s "$DIR/disk" "$DIR/home/by-root"
	add_user bob secret --home "$DIR/home/by-root/bob"
	assert_dir_exists "$DIR/disk/bob"
	as_user "$ALICE_UID" ln -s "$DIR/outside" "$DIR/home/alice/q"
	run add_user alice secret --uid "$ALICE_UID" --home "$DIR/home/alice/q/x"
	assert_failure 1
	assert_output --partial "'$DIR/home/alice/q' is a symbolic link of uid $ALICE_UID"
	start_server
	ftp_login bob secret
}

@test "add against a user who exchanges a directory and a link: nothing is made outside" {
	as_user "$ALICE_UID" mkdir "$DIR/home/alice/p"
	as_user "$ALICE_UID" ln -s "$DIR/outside" "$DIR/home/alice/q"
	swap "$ALICE_UID" exchange "$DIR/home/alice" p q
	race 15 add_and_forget bob secret --uid "$BOB_UID" --home "$DIR/home/alice/p/x"
	race 15 add_and_forget alice secret --uid "$ALICE_UID" --gid "$ALICE_UID" --home "$DIR/home/alice/p/x"
	stop_swapping
	assert [ "$(cat "$DIR/swaps")" -gt 100 ]
}

# An account of alice's uid, whose home the test sets again and again: without a hash, that is quick.
add_alice()
{
	add_user alice secret --uid "$ALICE_UID" --gid "$ALICE_UID" --home "$DIR/home/alice/first"
}

@test "set --home against a user who exchanges a directory and a link: nothing is made outside" {
	add_alice
	as_user "$ALICE_UID" mkdir "$DIR/home/alice/p"
	as_user "$ALICE_UID" ln -s "$DIR/outside" "$DIR/home/alice/q"
	swap "$ALICE_UID" exchange "$DIR/home/alice" p q
	race 300 set_home_in_p
	stop_swapping
	assert [ "$(cat "$DIR/swaps")" -gt 100 ]
	# either directory is correct
	grep -q 'alice: changed' "$DIR/race"
	grep -q "is a symbolic link of uid $ALICE_UID" "$DIR/race"
}

set_home_in_p()
{
	ctl user set alice --home "$DIR/home/alice/p/x" || :
	rmdir "$DIR/home/alice/p/x" || :
}

@test "set --home against a user who puts a directory of root into the place of the new home: it stays root's" {
	add_alice
	mkdir -p "$DIR/home/alice/roots/inner"
	swap "$ALICE_UID" exchange "$DIR/home/alice" roots new
	race 300 set_home_beside_roots
	stop_swapping
	assert [ "$(cat "$DIR/swaps")" -gt 10 ]
}

set_home_beside_roots()
{
	local place=$DIR/home/alice name
	ctl user set alice --home "$place/new" || :
	for name in roots new; do
		# the session is in the home already while the names go on changing
		(cd "$place/$name" && [ -e inner ] && [ "$(stat -c %u .)" != 0 ]) && touch "$DIR/outside/roots-directory-was-given-away"
	done
	rmdir "$place/roots" "$place/new" || :	# the empty one, whatever its name is now
	[ -e "$place/roots" ] || mv -T "$place/new" "$place/roots"
}

@test "del --purge-home against a user who exchanges a directory and a link: nothing outside is removed" {
	install -d -o "$BOB_UID" -g "$BOB_UID" "$DIR/outside/x" "$DIR/home/mine"
	install -o "$BOB_UID" -g "$BOB_UID" /dev/null "$DIR/outside/x/file"
	as_user "$ALICE_UID" mkdir "$DIR/home/alice/p"
	as_user "$ALICE_UID" ln -s "$DIR/outside" "$DIR/home/alice/q"
	install -d -o "$BOB_UID" -g "$BOB_UID" "$DIR/home/alice/p/x"
	add_user bob secret --uid "$BOB_UID" --gid "$BOB_UID" --home "$DIR/home/mine"
	sed -i "s,$DIR/home/mine,$DIR/home/alice/p/x," "$DIR/etc/users"
	cp "$DIR/etc/users" "$DIR/users"
	chmod 600 "$DIR/users"
	swap "$ALICE_UID" exchange "$DIR/home/alice" p q
	race 40 purge_and_put_back
	grep -q "directory '$DIR/home/alice' belongs to uid $ALICE_UID" "$DIR/race"
	grep -q bob "$DIR/etc/users"
}

purge_and_put_back()
{
	ctl user del bob --purge-home || :
	[ -s "$DIR/users" ] && install -m 600 "$DIR/users" "$DIR/etc/users"
}

@test "quota recount and a login do not go through a link of a user" {
	install -d -o "$ALICE_UID" -g "$ALICE_UID" "$DIR/outside/x" "$DIR/home/alice/p" "$DIR/home/alice/p/x"
	chmod 711 "$DIR/outside"
	head -c 5000 /dev/zero >"$DIR/outside/x/big"
	as_user "$ALICE_UID" ln -s "$DIR/outside" "$DIR/home/alice/q"
	add_user alice secret --uid "$ALICE_UID" --gid "$ALICE_UID" --home "$DIR/home/alice/p/x" --quota 1M
	sed -i "s,home/alice/p/x,home/alice/q/x," "$DIR/etc/users"
	start_server
	run ctl quota recount alice
	assert_failure
	assert_output --partial "cannot count '$DIR/home/alice/q/x': '$DIR/home/alice/q' is a symbolic link of uid $ALICE_UID"
	ftp_open
	ftp 'USER alice' 331
	ftp_send 'PASS secret'
	ftp_reply
	assert [ "$REPLY" != 230 ]
	wait_until log_has 'login-failed .*link that is not root'
}

# --- sockets ---

listen_in()
{
	sed -i '/^metrics-listen/d' "$CONF"
	sed -i "1i metrics-listen = \"unix:$1\"" "$CONF"
}

@test "metrics-listen in a directory that another user may change is refused, and the directory is named" {
	write_config "metrics-listen = \"unix:$DIR/home/alice/page\""
	start_server
	wait_until log_has " error metrics .*cannot serve metrics-listen .*directory '$DIR/home/alice' belongs to uid $ALICE_UID"
	assert_not_exists "$DIR/home/alice/page"
	listen_in "$DIR/page"
	ctl reload
	wait_until test -S "$DIR/page"
	assert_equal "$(stat -c %a "$DIR/page")" 666
	assert_equal "$(stat -c %a "$DIR/run/control")" 600
	assert_equal "$(stat -c %a "$DIR/run/metrics.sock")" 600
}

@test "reload with metrics-listen against a user who plants links: no mode changes outside" {
	chmod 755 "$DIR/outside"
	install -d -m 777 "$DIR/home/open"
	start_server
	swap "$ALICE_UID" plant "$DIR/home/open" "$DIR/outside/file" "page.$SERVER_PID" "other.$SERVER_PID" page other
	race 150 reload_twice
}

reload_twice()
{
	listen_in "$DIR/home/open/page"
	ctl reload
	listen_in "$DIR/home/open/other"
	ctl reload
}

# --- files that root reads and writes ---

# is_refused_everywhere MESSAGE: -t, config check and the start all refuse it.
is_refused_everywhere()
{
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_failure 1
	assert_output --partial "$1"
	run ctl config check
	assert_failure 1
	assert_output --partial "$1"
	run timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_output --partial "$1"
}

@test "runtime-directory and state-directory below a directory that others control are refused" {
	local key
	for key in runtime-directory state-directory; do
		write_config "$key = \"$DIR/home/alice/$key\""
		run timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
		assert_failure 1
		assert_output --partial "cannot use directory '$DIR/home/alice/$key': directory '$DIR/home/alice' belongs to uid $ALICE_UID"
		mkdir "$DIR/home/alice/$key"
		is_refused_everywhere "directory '$DIR/home/alice' belongs to uid $ALICE_UID"
		run ctl config check
		assert_output --partial "$CONF:1: $key: directory"
	done
}

with_certificate()
{
	mkdir "$DIR/tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
		-keyout "$DIR/tls/key" -out "$DIR/tls/cert" 2>/dev/null
	chmod 600 "$DIR/tls/key"
	write_config "tls { certificate = \"${1:-$DIR/tls/cert}\" key = \"$DIR/tls/key\" }"
}

@test "a certificate that others can change is refused: by its owner, its mode, its directory, and a link" {
	with_certificate
	chown "$ALICE_UID" "$DIR/tls/cert"
	is_refused_everywhere "certificate '$DIR/tls/cert' cannot be trusted: '$DIR/tls/cert' belongs to uid $ALICE_UID (no system user) and has mode 0644; it must belong to root"
	chown 0 "$DIR/tls/cert"
	chmod 666 "$DIR/tls/cert"
	is_refused_everywhere "and has mode 0666; it must belong to root, and be writable by its owner alone"
	chmod 644 "$DIR/tls/cert"
	chown "$ALICE_UID" "$DIR/tls"
	is_refused_everywhere "certificate '$DIR/tls/cert' cannot be trusted: directory '$DIR/tls' belongs to uid $ALICE_UID"
	chown 0 "$DIR/tls"
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_success
	ln -s ../tls/cert "$DIR/etc/link"
	chown -h "$ALICE_UID" "$DIR/etc/link"
	sed -i "s,$DIR/tls/cert,$DIR/etc/link," "$CONF"
	is_refused_everywhere "'$DIR/etc/link' is a symbolic link of uid $ALICE_UID"
	chown -h 0 "$DIR/etc/link"
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_success
}

@test "a reload with a certificate that others can change keeps the one in force" {
	with_certificate
	start_server
	chown "$ALICE_UID" "$DIR/tls/cert"
	run ctl reload
	assert_failure
	assert_output --partial "tls.certificate: certificate '$DIR/tls/cert' cannot be trusted: '$DIR/tls/cert' belongs to uid $ALICE_UID"
	chown 0 "$DIR/tls/cert"
	ctl reload
}

@test "cert self-signed does not write below a directory that others control" {
	write_config "tls { certificate = \"$DIR/home/alice/cert\" key = \"$DIR/etc/key\" }"
	run ctl cert self-signed --name localhost
	assert_failure 1
	assert_output --partial "cannot write '$DIR/home/alice/cert': directory '$DIR/home/alice' belongs to uid $ALICE_UID"
	assert_not_exists "$DIR/etc/key"
	write_config "tls { certificate = \"$DIR/etc/cert\" key = \"$DIR/etc/key\" }"
	(umask 077 && ctl cert self-signed --name localhost)
	assert_equal "$(stat -c %a "$DIR/etc/cert" "$DIR/etc/key" | xargs)" '644 600'
}

@test "the users file is neither read nor changed in a directory that others control" {
	install -m 600 /dev/null "$DIR/home/alice/users"
	write_config "accounts = \"$DIR/home/alice/users\""
	run add_user bob secret
	assert_failure 1
	assert_output --partial "$DIR/home/alice/users: cannot open; directory '$DIR/home/alice' belongs to uid $ALICE_UID"
	assert_not_exists "$DIR/home/alice/users.lock"
	assert_not_exists "$DIR/home/bob"
	run timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_output --partial "$DIR/home/alice/users: directory '$DIR/home/alice' belongs to uid $ALICE_UID"
	run ctl config check
	assert_failure 1
	assert_output --partial "directory '$DIR/home/alice' belongs to uid $ALICE_UID"
}

@test "what clients are shown at the login is not read through a link of another user" {
	as_user "$ALICE_UID" ln -s "$DIR/outside/file" "$DIR/home/alice/motd"
	write_config "login-message = \"$DIR/home/alice/motd\""
	is_refused_everywhere "$CONF:1: login-message: cannot read '$DIR/home/alice/motd': directory '$DIR/home/alice' belongs to uid $ALICE_UID"
	ln -s "$DIR/outside/file" "$DIR/etc/motd"
	write_config "login-message = \"$DIR/etc/motd\""
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_success
}

@test "config check warns of homes that others control, and of homes of others" {
	mkdir "$DIR/home/open"
	add_user bob secret --home "$DIR/home/open/bob"
	add_user carol secret
	chmod 777 "$DIR/home/open"
	chown "$ALICE_UID" "$DIR/home/carol"
	run ctl config check
	assert_success
	assert_line --regexp "users:[0-9]+: home: directory '$DIR/home/open' can be changed by everybody \(gid 0, mode 0777\); .* \(warning\)"
	assert_line --regexp "users:[0-9]+: home: home '$DIR/home/carol' belongs to uid $ALICE_UID .* \(warning\)"
}

# --- logs ---

# log_in FILE: start a server that logs there, in place of the test's own log.
log_in()
{
	write_config "log { target = \"$1\" level = \"info\" }"
}

@test "a log in a directory of the service user: its own files are appended to, planted ones are not" {
	local service
	service=$(id -u sallyport)
	install -d -o sallyport -m 750 "$DIR/logs"
	log_in "$DIR/logs/log"
	LOG=$DIR/logs/log
	start_server
	stop_server
	assert_equal "$(stat -c %u:%a "$LOG")" 0:600
	# the logger runs as the service user; these are links that this user could make
	rm "$LOG"
	as_user "$service" ln -s "$DIR/outside/file" "$LOG"
	run timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_output --partial "log.target: cannot open log file '$LOG': '$LOG' is a symbolic link of uid $service"
	rm "$LOG"
	ln "$DIR/outside/file" "$LOG"
	run timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_output --partial "with one name"
	rm "$LOG"
	as_user "$service" mkfifo "$LOG"
	run timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_output --partial "cannot open log file '$LOG'"
	rm "$LOG"
	assert_equal "$(cat "$DIR/outside/file")" precious
	start_server
}

@test "a log below a directory of another user, or that everybody may change, is refused" {
	log_in "$DIR/home/alice/logs/log"
	mkdir "$DIR/home/alice/logs"
	is_refused_everywhere "directory '$DIR/home/alice' belongs to uid $ALICE_UID"
	run ctl config check
	assert_output --partial "$CONF:1: log.target: directory"
	install -d -m 777 "$DIR/home/open"
	log_in "$DIR/home/open/log"
	is_refused_everywhere "directory '$DIR/home/open' can be changed by everybody"
	chmod 1777 "$DIR/home/open"
	as_user "$ALICE_UID" touch "$DIR/home/open/log"
	run timeout 20 "$BUILD/sallyportd" -f -c "$CONF"
	assert_failure 1
	assert_output --partial "'$DIR/home/open/log' belongs to uid $ALICE_UID (no system user), who may have put it there"
}

@test "config check and -t say when metrics-listen is in a directory that others control" {
	write_config "metrics-listen = \"unix:$DIR/home/alice/page\""
	run "$BUILD/sallyportd" -t -c "$CONF"
	assert_failure 1
	assert_output --partial "$CONF:1: metrics-listen: directory '$DIR/home/alice' belongs to uid $ALICE_UID"
	run ctl config check
	assert_failure 1
	assert_output --partial "$CONF:1: metrics-listen: directory '$DIR/home/alice' belongs to uid $ALICE_UID"
}
