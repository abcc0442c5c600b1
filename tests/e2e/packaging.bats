#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Packages of other families, several servers on one machine, and supervisors other than systemd.

load lib

setup()
{
	TREE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	VERSION=$(cat "$TREE/VERSION")
	new_place
}

teardown()
{
	local instance
	for instance in one two; do
		[ ! -s "$DIR/run-$instance/sallyportd.pid" ] || kill -INT "$(cat "$DIR/run-$instance/sallyportd.pid")" 2>/dev/null || :
	done
	end_place
}

need_program()
{
	command -v "$1" >/dev/null || skip "$1 is not installed"
}

# Use what is built already, with whatever flags.
install_tree()
{
	need_program make
	make -C "$TREE" -s -o programs install "B=$BUILD" PREFIX=/usr DESTDIR="$DIR/root" "$@" >/dev/null
	UNITS=$DIR/root/usr/lib/systemd/system
}

# --- several servers ---

@test "the unit of one server of several differs from the only one's in its places alone" {
	install_tree
	diff "$UNITS/sallyportd.service" "$UNITS/sallyportd@.service" | sed -n 's/^> //p' >"$DIR/of-instances"
	run cat "$DIR/of-instances"
	assert_line 'Description=FTP and FTPS server (%i)'
	assert_line 'ExecStart=/usr/sbin/sallyportd -c /etc/sallyport/%i.conf -f'
	assert_line 'RuntimeDirectory=sallyport-%i'
	assert_line 'StateDirectory=sallyport-%i'
	assert_line 'LogsDirectory=sallyport-%i'
	run grep -v '%i' "$DIR/of-instances"
	assert_output ""
	# the unit names no directory of the only server
	run grep -E '/sallyport/sallyport\.conf|Directory=sallyport$' "$UNITS/sallyportd@.service"
	assert_output ""
}

@test "systemd finds nothing wrong with the units" {
	need_program systemd-analyze
	install_tree
	sed -i "s|/usr/sbin/sallyport|$BUILD/sallyport|" "$UNITS"/*.service
	ln -s 'sallyportd@.service' "$UNITS/sallyportd@one.service"
	run env SYSTEMD_UNIT_PATH="$UNITS:" SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no \
		"$UNITS/sallyportd.service" "$UNITS/sallyportd@one.service" "$UNITS/sallyportd.socket"
	assert_success
	refute_output --partial sallyportd
}

# start_instance NAME ACCOUNT: start a server as sallyportd@NAME does, with the directories that the unit makes.
start_instance()
{
	CONF=$DIR/etc/$1.conf
	LOG=$DIR/log-$1
	printf '%s\n' 'listen = {"127.0.0.1:0"}' 'service-user = "sallyport"' "accounts = \"$DIR/etc/users-$1\"" \
		"state-directory = \"$DIR/state-$1\"" "runtime-directory = \"$DIR/run-$1\"" "log { target = \"$LOG\" }" >"$CONF"
	(umask 077 && : >"$DIR/etc/users-$1")
	add_user "$2" secret --quota 1M
	"$BUILD/sallyportd" -c "$CONF" </dev/null 3>&-
	wait_until find_ports
}

@test "two servers on one machine have nothing in common" {
	start_instance one alice
	local first=$PORT
	start_instance two bob
	[ "$(cat "$DIR/run-one/sallyportd.pid")" != "$(cat "$DIR/run-two/sallyportd.pid")" ]
	for instance in one two; do
		CONF=$DIR/etc/$instance.conf
		run ctl status
		assert_success
		assert_output --partial "$(cat "$DIR/run-$instance/sallyportd.pid")"
	done
	echo one >"$DIR/file"
	curl -sS --max-time 20 -T "$DIR/file" "ftp://alice:secret@127.0.0.1:$first/file"
	run curl -sS --max-time 20 "ftp://alice:secret@127.0.0.1:$PORT/"
	assert_failure
	CONF=$DIR/etc/two.conf
	run ctl quota bob
	refute_output --partial '4 of'
	# the other server runs on after the first one ends
	local pid
	pid=$(cat "$DIR/run-one/sallyportd.pid")
	kill -TERM "$pid"
	wait_until -t 20 is_gone "$pid"
	CONF=$DIR/etc/two.conf
	run ctl status
	assert_success
	run curl -sS --max-time 20 "ftp://bob:secret@127.0.0.1:$PORT/"
	assert_success
}

# --- OpenRC ---

# openrc COMMAND...: run each in turn, with a private /run and /var/lib, after OpenRC has started the default level.
openrc()
{
	local script=$DIR/sallyportd.one
	sed -e "s|/usr/local/sbin|$BUILD|g" -e "s|/etc/sallyport/|$DIR/etc/|g" -e '/^\t\(need\|use\|after\) /d' \
		-e '/^\tprovide/s/.*/\t:/' "$TREE/etc/openrc/sallyportd" >"$script"
	chmod 755 "$script"
	timeout 120 unshare --mount --pid --fork --kill-child --mount-proc bash -c '
		mount -t tmpfs none /run && mount -t tmpfs none /var/lib || exit 99
		mkdir -p /run/openrc/{started,starting,daemons,options,exclusive}
		echo default >/run/openrc/softlevel
		script=$1; shift
		for command in "$@"; do
			echo "== $command"
			timeout 60 "$script" "$command" </dev/null 3>&-
			echo "status $?"
		done' openrc "$script" "$@" 2>&1
}

@test "OpenRC starts, reloads, upgrades, restarts and stops a server of several" {
	need_program openrc-run
	is_asan && skip "a sanitizer's reports need standard error"
	printf '%s\n' 'listen = {"127.0.0.1:0"}' 'service-user = "sallyport"' "accounts = \"$DIR/etc/users\"" \
		'runtime-directory = "/run/sallyport-one"' 'state-directory = "/var/lib/sallyport-one"' "log { target = \"$LOG\" }" \
		>"$DIR/etc/one.conf"
	(umask 077 && : >"$DIR/etc/users")
	run openrc start status reload upgrade status restart stop status
	[ "$(grep -c '^status 0$' <<<"$output")" -eq 7 ]
	assert_line --index -1 'status 3'
	[ "$(log_count ' ready ')" -eq 3 ]
	log_has ' reload .*configuration in force'
	log_has 'has taken over'
	# the service reports a mistake before it starts anything
	: >"$LOG"
	run openrc start
	[ "$(grep -c '^status 0$' <<<"$output")" -eq 1 ]
	echo 'listen = {' >>"$DIR/etc/one.conf"
	run openrc start
	assert_line 'status 1'
	assert_output --partial "one.conf"
}

# --- packages of other families ---

@test "each package has the version of the file VERSION" {
	grep -qx "Version:        $VERSION" "$TREE/packaging/fedora/sallyport.spec"
	grep -qx "pkgver=$VERSION" "$TREE/packaging/arch/PKGBUILD"
	grep -qx "pkgver=$VERSION" "$TREE/packaging/alpine/APKBUILD"
}

@test "each family has a PAM file with its own names, which make installs" {
	grep -q 'include[[:blank:]]*password-auth' "$TREE/packaging/fedora/sallyport.pam"
	grep -q 'include[[:blank:]]*system-auth' "$TREE/packaging/arch/sallyport.pam"
	grep -q 'include[[:blank:]]*base-auth' "$TREE/packaging/alpine/sallyport.pam"
	for file in "$TREE"/packaging/*/sallyport.pam; do
		run grep -vE '^#|^$|^(auth|account)[[:blank:]]+(required|include)[[:blank:]]+[-_a-z.]+( |$)' "$file"
		assert_output ""
		run grep '^@include' "$file"
		assert_output ""
	done
	"$BUILD/sallyportd" -V | grep -qi 'pam' || skip "this build has no PAM"
	install_tree PAM_FILE=packaging/fedora/sallyport.pam
	cmp "$DIR/root/etc/pam.d/sallyport" "$TREE/packaging/fedora/sallyport.pam"
}

@test "rpm reads the Fedora specification, and makes the source package" {
	need_program rpmbuild
	"$TREE/scripts/dist" "$DIR" >/dev/null
	run rpmbuild --define "_topdir $DIR/rpm" --define "_sourcedir $DIR" -bs --nodeps "$TREE/packaging/fedora/sallyport.spec"
	assert_success
	[ -s "$DIR/rpm/SRPMS/sallyport-$VERSION-1.src.rpm" ]
}

@test "rpm finds each installed file in the Fedora specification, and no other" {
	need_program rpmspec
	install_tree
	mkdir "$DIR/root/var" "$DIR/root/var/log" "$DIR/root/var/log/sallyport"
	rm -r "$DIR/root/etc/init.d" "$DIR/root/etc/default"
	rpmspec --define "_mandir /usr/share/man" -P "$TREE/packaging/fedora/sallyport.spec" |
		sed -n 's/^\(%[^/]* \)*\(\/[^ ]*\)$/\2/p' >"$DIR/patterns"
	while read -r pattern; do
		compgen -G "$DIR/root$pattern*" >/dev/null || case $pattern in
		/etc/pam.d/*) ;;
		*) fail "$pattern is not installed" ;;
		esac
	done <"$DIR/patterns"
	while read -r file; do
		local found=
		while read -r pattern; do
			# shellcheck disable=SC2053 # a pattern
			[[ $file != $pattern* ]] || found=yes
		done <"$DIR/patterns"
		[ -n "$found" ] || fail "$file is in no package"
	done < <(cd "$DIR/root" && find . -type f | sed 's/^\.//')
}

@test "the Arch and Alpine recipes are good shell, and have all that they name" {
	cd "$DIR"
	bash -n "$TREE/packaging/arch/PKGBUILD"
	bash -n "$TREE/packaging/arch/sallyport.install"
	sh -n "$TREE/packaging/alpine/APKBUILD"
	for script in "$TREE"/packaging/alpine/sallyport*.p*-*; do
		sh -n "$script"
	done
	# run package() of each, with the programs that are built already
	need_program make
	local pam=no
	! "$BUILD/sallyportd" -V | grep -qi pam || pam=yes
	mkdir "$DIR/bin"
	printf '#!/bin/sh\nexec %s -s -o programs "$@" "B=%s" PAM=%s\n' "$(command -v make)" "$BUILD" "$pam" >"$DIR/bin/make"
	chmod 755 "$DIR/bin/make"
	ln -s "$TREE" "$DIR/sallyport-$VERSION"
	# make_package RECIPE FUNCTION: as makepkg and abuild do
	make_package()
	{
		env -i PATH="$DIR/bin:$PATH" srcdir="$DIR" pkgdir="$DIR/package-${1#*/}${2#package}" bash -euc '
			. "$1"
			case $1 in *APKBUILD) cd "sallyport-$pkgver" ;; esac
			"$2"' recipe "$TREE/packaging/$1" "$2"
	}
	make_package arch/PKGBUILD package_sallyport
	mv "$DIR/package-PKGBUILD_sallyport" "$DIR/package-PKGBUILD"
	make_package alpine/APKBUILD package
	[ -x "$DIR/package-PKGBUILD/usr/bin/sallyportd" ]
	[ -e "$DIR/package-PKGBUILD/usr/lib/systemd/system/sallyportd@.service" ]
	grep -q '^ExecStart=/usr/bin/sallyportd ' "$DIR/package-PKGBUILD/usr/lib/systemd/system/sallyportd.service"
	[ -x "$DIR/package-APKBUILD/usr/sbin/sallyportd" ]
	[ ! -e "$DIR/package-APKBUILD/usr/lib/systemd" ]
	head -n 1 "$DIR/package-APKBUILD/etc/init.d/sallyportd" | grep -qx '#!/sbin/openrc-run'
	run grep /usr/local "$DIR/package-APKBUILD/etc/init.d/sallyportd"
	assert_output ""
	[ -x "$BUILD/sallyport-broker" ] || skip "this build has no sallyport-broker: libpq is not installed"
	# the database's package has what the other one lacks, and nothing of it
	make_package arch/PKGBUILD package_sallyport-postgresql
	other=$DIR/package-PKGBUILD_sallyport-postgresql
	[ -x "$other/usr/lib/sallyport/sallyport-broker" ] && [ -x "$other/usr/lib/sallyport/sallyport-store" ]
	[ "$(stat -c %a "$other/etc/sallyport/store")" = 750 ]
	run comm -12 <(cd "$other" && find . -type f | sort) <(cd "$DIR/package-PKGBUILD" && find . -type f | sort)
	assert_output ""
	run comm -3 <(cd "$DIR/all" && find . -type f ! -path './etc/init.d/*' ! -path './etc/default/*' | sort) \
		<(cd "$DIR/package-PKGBUILD" && find . -type f ! -path '*/licenses/*' ! -path './usr/share/doc/*' | sort)
	assert_output ""
	# abuild's amove moves from one to the other
	run env -i PATH="$DIR/bin:$PATH" pkgdir="$DIR/package-APKBUILD" subpkgdir="$DIR/sub-APKBUILD" bash -euc '
		amove() { for path in "$@"; do mkdir -p "$subpkgdir/${path%/*}" && mv "$pkgdir/$path" "$subpkgdir/${path%/*}/"; done; }
		. "$1"
		_postgresql
		echo "$depends"' recipe "$TREE/packaging/alpine/APKBUILD"
	assert_success
	assert_output "sallyport=$VERSION-r0"
	[ -x "$DIR/sub-APKBUILD/usr/libexec/sallyport/sallyport-broker" ] && [ -d "$DIR/sub-APKBUILD/etc/sallyport/store" ]
	run grep -rl libpq.so "$DIR/package-APKBUILD"
	assert_output ""
}

@test "makepkg reads the Arch recipe: two packages, of which one depends on the other" {
	need_program makepkg
	cp "$TREE"/packaging/arch/* "$DIR/"
	chown -R nobody "$DIR"
	run runuser -u nobody -- sh -c "cd '$DIR' && HOME='$DIR' makepkg --printsrcinfo"
	assert_success
	assert_line 'pkgname = sallyport'
	assert_line 'pkgname = sallyport-postgresql'
	assert_line --regexp "depends = sallyport=$VERSION-1\$"
}
