#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What "sallyportctl migrate" makes of a configuration, beside the old server: the same steps, and the clauses of
# conformance. Each test names the differences that it expects, and why; any other one fails it.
#
# MIGRATED_CLAUSES: a regular expression of the clauses (all: "make compare-migrated"); by default a few groups.

load lib
load peers-lib

CLAUSES=${MIGRATED_CLAUSES-^(files|directories|restart): }

setup_file()
{
	make_peers_place
}

teardown_file()
{
	end_peers_place
}

setup()
{
	new_place
	OUT=$DIR/etc/new
	export PEER_CONF=$DIR/old.conf
}

teardown()
{
	[ -z "${OLD-}" ] || "$PEERS" stop "$OLD"
	end_place
}

# make_tree DIR UID: the files that migrated-steps uses.
make_tree()
{
	local place name
	find "$1" -mindepth 1 -delete
	for place in "$1" "$1/pub" "$1/in" "$1/archive"; do
		mkdir -p "$place/empty"
		for name in there more moved mode gone across .dot old.bak run.exe the-secret; do
			echo "$name of old" >"$place/$name"
		done
	done
	ln -s /etc "$1/out"
	chown -hR "$2:$2" "$1"
	chmod -R u=rwX,go=rX "$1"
}

# start_old NAME LINE...: that server with these lines besides those of tests/bench/peers. OLD_PORT, OLD_CONF.
start_old()
{
	need_peer "$1"
	OLD=$1
	shift
	printf '%s\n' "$@" >"$PEER_CONF"
	start_peer "$OLD"
	OLD_PORT=$PEER_PORT OLD_CONF=$BENCH_TMP/$OLD.conf
}

# start_new FILE...: migrate the old configuration and these accounts, and start a server of it, at LISTEN. PORT.
start_new()
{
	run "$BUILD/sallyportctl" migrate "${OLD%-pam}" "$OLD_CONF" "$@" --output "$OUT"
	echo "$output" >&3
	[ "$status" -le 1 ]
	CONF=$OUT/sallyport.conf
	sed -i -E "s/^(listen = )\{.*/\1{${LISTEN-\"127.0.0.1:0\"}}/; /^active-port/d; /xferlog = /d" "$CONF"
	cat >>"$CONF" <<-E
		state-directory = "$DIR/state"
		runtime-directory = "$DIR/run"
		log { target = "$LOG" }
	E
	ctl config check
	start_server
}

# differences USER PASSWORD HOME UID: the steps against both servers, at the address AT; what differs, "STEP: OLD -> OURS".
differences()
{
	make_tree "$3" "$4"
	chown "${OLD_OWNER-$4}" "$3"
	"$BATS_TEST_DIRNAME/migrated-steps" "${AT-127.0.0.1}" "$OLD_PORT" "$1" "$2" "$3" >"$DIR/old.steps" || {
		tail "$DIR/old.steps" "$BENCH_TMP/$OLD.log"
		return 1
	}
	make_tree "$3" "$4"
	# shellcheck disable=SC2153 # PORT is set by lib.bash
	"$BATS_TEST_DIRNAME/migrated-steps" "${AT-127.0.0.1}" "$PORT" "$1" "$2" "$3" >"$DIR/new.steps"
	awk -F ': ' '
		function said(text) { return text == "" ? "nothing" : text }
		NR == FNR { old[$1] = $2; order[++n] = $1; next }
		{ new[$1] = $2; if (!($1 in old)) order[++n] = $1 }
		END {
			for (i = 1; i <= n; i++)
				if (old[order[i]] != new[order[i]])
					printf "%s: %s -> %s\n", order[i], said(old[order[i]]), said(new[order[i]])
		}' "$DIR/old.steps" "$DIR/new.steps" >"$DIR/differences"
	[ "$(wc -l <"$DIR/new.steps")" -gt 3 ]
}

# Read what is expected, "STEP: OLD -> OURS", with comments. A step of "*" is one of each directory, a step of "+" one
# of each but the home. Anything else fails.
expect_differences()
{
	sed -e '/^#/d' | awk '
		/^[*+] / {
			n = split("/pub /in /archive /", places, " ")
			for (i = 1; i <= n - ($1 == "+"); i++)
				print places[i] substr($0, 2)
			next
		}
		{ print }' |
		sort >"$DIR/expected"
	sed 's/^/# differs: /' "$DIR/differences" >&3
	sort "$DIR/differences" | diff "$DIR/expected" -
}

# No clause is broken by ours, and none that the old server keeps is one that ours does not offer.
keeps_clauses()
{
	local server at
	for server in old new; do
		at=$PORT
		[ $server = new ] || at=$OLD_PORT
		timeout 500 "$BATS_TEST_DIRNAME/conformance" --only "$CLAUSES" 127.0.0.1 "$at" "$1" "$2" >"$DIR/$server.tap" 2>&3 || :
		sed -n 's/^ok [0-9]* - //p' "$DIR/$server.tap" | grep -v ' # SKIP ' | sort >"$DIR/$server.kept"
	done
	sed -n 's/^ok [0-9]* - \(.*\) # SKIP .*/\1/p' "$DIR/new.tap" | sort >"$DIR/new.skipped"
	echo "# clauses: $(grep -c '^ok\|^not ok' "$DIR/new.tap"); kept by $OLD: $(wc -l <"$DIR/old.kept"), by ours: $(wc -l <"$DIR/new.kept")" >&3
	[ "$(wc -l <"$DIR/new.kept")" -gt 20 ]
	run grep -A 1 '^not ok' "$DIR/new.tap"
	assert_output ''
	run comm -12 "$DIR/old.kept" "$DIR/new.skipped"
	assert_output ''
}

# The steps as the user of tests/bench/peers.
compare_as_user()
{
	differences "$BENCH_USER" "$BENCH_PASS" "$BENCH_HOME" "$(id -u "$BENCH_USER")"
}

# The same as "ftp", whose files are that user's. vsftpd wants the home to be root's; ours wants it to be the account's.
compare_as_anonymous()
{
	OLD_OWNER=root
	differences ftp me@example.org "$BENCH_HOME" "$(id -u "$BENCH_USER")"
	grep -q '^the password: yes$' "$DIR/new.steps"
}

@test "vsftpd: users of the system who may write, names that are hidden and refused" {
	start_old vsftpd 'local_umask=027' 'chmod_enable=NO' 'hide_file={*.bak}' 'deny_file={*.exe,the-secret}' \
		'chroot_local_user=YES' 'allow_writeable_chroot=YES'
	start_new /etc/passwd
	compare_as_user
	expect_differences <<-E
		# what is refused is not listed, either
		/ is listed: across archive empty gone in mode more moved pub run.exe the-secret there -> across archive empty gone in mode more moved pub there
		/pub is listed: across empty gone mode more moved run.exe the-secret there -> across empty gone mode more moved there
		/in is listed: across empty gone mode more moved run.exe the-secret there -> across empty gone mode more moved there
		/archive is listed: across empty gone mode more moved run.exe the-secret there -> across empty gone mode more moved there
		a path above the home: across archive in made mode more new pub renamed run.exe the-secret there x.dot xthe-secret -> across archive in made mode more new pub renamed there x.dot xthe-secret
	E
}

@test "vsftpd: clauses, and settings of a single user" {
	mkdir "$DIR/own"
	start_old vsftpd "user_config_dir=$DIR/own" 'chroot_local_user=YES' 'allow_writeable_chroot=YES'
	start_new /etc/passwd
	keeps_clauses "$BENCH_USER" "$BENCH_PASS"
	stop_server
	printf '%s\n' write_enable=NO "local_root=$BENCH_HOME/pub" >"$DIR/own/$BENCH_USER"
	rm -r "$OUT"
	start_new /etc/passwd
	compare_as_user
	expect_differences <<-E
		# there is no such directory; vsftpd sends an empty list
		/archive is listed: nothing -> no
		/in is listed: nothing -> no
		/pub is listed: nothing -> no
	E
}

@test "vsftpd: anonymous users who upload what nobody reads" {
	start_old vsftpd anonymous_enable=YES local_enable=NO "ftp_username=$BENCH_USER" "anon_root=$BENCH_HOME" \
		allow_writeable_chroot=YES anon_upload_enable=YES
	start_new
	compare_as_anonymous
	expect_differences <<-E
		# others could read it here: a note says how to make a drop-box
		+ takes a new file: yes -> no
		+ has it: 4 bytes -> nothing
		+ its owner: uid $(id -u "$BENCH_USER"), mode 0600 -> nothing
		+ takes new .dot: yes -> no
		+ has new .dot: 4 bytes -> nothing
		+ takes new old.bak: yes -> no
		+ has new old.bak: 4 bytes -> nothing
		+ takes new run.exe: yes -> no
		+ has new run.exe: 4 bytes -> nothing
		+ takes new the-secret: yes -> no
		+ has new the-secret: 4 bytes -> nothing
		+ takes a new .x: yes -> no
	E
}

@test "pure-ftpd: users of the system, without renames and removals" {
	start_old pure-ftpd -E -A -G -K '-U 137:027'
	start_new /etc/passwd
	compare_as_user
	expect_differences </dev/null
}

@test "pure-ftpd: clauses" {
	start_old pure-ftpd -E -A
	start_new /etc/passwd
	compare_as_user
	expect_differences </dev/null
	keeps_clauses "$BENCH_USER" "$BENCH_PASS"
}

@test "proftpd: users of the system" {
	start_old proftpd 'DefaultRoot ~' 'Umask 027 027'
	start_new /etc/passwd
	compare_as_user
	expect_differences <<-E
		# AllowStoreRestart is off there: who may replace a file may continue it here
		* appends to a file: no -> yes
		* has more: 12 bytes -> 16 bytes
	E
	keeps_clauses "$BENCH_USER" "$BENCH_PASS"
}

@test "proftpd: limits of commands, directories and users" {
	start_old proftpd 'DefaultRoot ~' 'AllowStoreRestart on' '<Directory ~>' 'HideFiles "\\.bak$"' '</Directory>' \
		"<Directory $BENCH_HOME/pub>" '<Limit WRITE>' "DenyUser $BENCH_USER" '</Limit>' '</Directory>' \
		'<Directory ~/in>' 'AllowOverwrite off' '<Limit READ DELE RMD RNFR RNTO MKD>' DenyAll '</Limit>' '</Directory>' \
		'<Directory ~/archive>' '<Limit ALL>' DenyAll '</Limit>' '</Directory>' \
		'<Limit LOGIN>' "AllowUser $BENCH_USER" DenyAll '</Limit>' '<Limit SITE_CHMOD MFMT>' DenyAll '</Limit>'
	start_new /etc/passwd
	compare_as_user
	expect_differences <<-E
		# a listing tells it there, too
		/in tells a size: no -> 13 bytes
		# the right is about STOR and APPE
		/in appends to a file: yes -> no
		/in has more: 16 bytes -> 12 bytes
		# a pattern holds everywhere here
		/in is listed: across empty gone mode more moved old.bak run.exe the-secret there -> across empty gone mode more moved run.exe the-secret there
		/pub is listed: across empty gone mode more moved old.bak run.exe the-secret there -> across empty gone mode more moved run.exe the-secret there
		# its name is seen, and nothing of what is in it: a note says so
		/ is listed: across empty gone in mode more moved pub run.exe the-secret there -> across archive empty gone in mode more moved pub run.exe the-secret there
		/archive is entered: no -> yes
		/archive is listed: nothing -> no
		a path above the home: across in made mode more new pub renamed run.exe the-secret there x.dot xrun.exe xthe-secret -> across archive in made mode more new pub renamed run.exe the-secret there x.dot xrun.exe xthe-secret
	E
}

@test "proftpd: anonymous users and a drop-box, as in Debian's example" {
	start_old proftpd "<Anonymous $BENCH_HOME>" "User $BENCH_USER" "UserAlias ftp $BENCH_USER" 'RequireValidShell off' \
		'<Directory *>' '<Limit WRITE>' DenyAll '</Limit>' '</Directory>' \
		'<Directory in>' '<Limit READ WRITE>' DenyAll '</Limit>' '<Limit STOR>' AllowAll '</Limit>' '</Directory>' \
		'</Anonymous>'
	start_new
	compare_as_anonymous
	expect_differences <<-E
		# a listing tells it there, too
		/in tells a size: no -> 13 bytes
		# APPE is refused there, and the right is about both
		/in replaces a file: yes -> no
		/in has replaced it: 9 bytes -> 13 bytes
	E
}

@test "proftpd: a virtual host with accounts, limits and a mask of its own" {
	local port ours accounts=$DIR/host.passwd
	need_peer proftpd
	port=$(free_port)
	ours=$(free_port)
	echo "$BENCH_USER:$(openssl passwd -5 of-host):$(id -u "$BENCH_USER"):$(id -g "$BENCH_USER")::$BENCH_HOME:/bin/false" >"$accounts"
	chmod 600 "$accounts"
	start_old proftpd 'DefaultRoot ~' 'Umask 022 022' '<Limit DELE>' DenyAll '</Limit>' '<Global>' 'RequireValidShell off' '<Limit SITE_CHMOD MFMT>' DenyAll \
		'</Limit>' '</Global>' '<VirtualHost 127.0.0.2>' "Port $port" 'DefaultRoot ~' 'AllowOverwrite on' \
		'AllowStoreRestart on' 'Umask 027 027' 'AuthOrder mod_auth_file.c' "AuthUserFile $accounts" \
		"<Directory $BENCH_HOME/pub>" '<Limit WRITE>' DenyAll '</Limit>' '</Directory>' '</VirtualHost>'
	LISTEN="\"127.0.0.1:$ours\", \"127.0.0.2:$ours\"" start_new /etc/passwd "$accounts"
	OLD_PORT=$port AT=127.0.0.2
	differences "$BENCH_USER" of-host "$BENCH_HOME" "$(id -u "$BENCH_USER")"
	grep -q '^the password: yes$' "$DIR/new.steps"
	expect_differences </dev/null
}

@test "peers: a server stays when one of the same name is stopped in another place" {
	start_old vsftpd
	PEER_CONF='' BENCH_TMP=$BATS_FILE_TMPDIR/elsewhere start_peer vsftpd
	BENCH_TMP=$BATS_FILE_TMPDIR/elsewhere "$PEERS" stop vsftpd
	rm -r "$BATS_FILE_TMPDIR/elsewhere"
	run curl -sS --max-time 20 --user "$BENCH_USER:$BENCH_PASS" "ftp://127.0.0.1:$OLD_PORT/"
	assert_success
}
