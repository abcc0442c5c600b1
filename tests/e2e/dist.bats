#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The tarball, and the files that packages are made of.

load lib

setup()
{
	TREE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	VERSION=$(cat "$TREE/VERSION")
	NAME=sallyport-$VERSION
}

@test "the tarball is the same each time, and out of itself" {
	(cd / && umask 077 && "$TREE/scripts/dist" "$BATS_TEST_TMPDIR/one")
	(umask 022 && TZ=Asia/Tokyo "$TREE/scripts/dist" "$BATS_TEST_TMPDIR/two")
	cmp "$BATS_TEST_TMPDIR"/{one,two}/"$NAME.tar.gz"
	mkdir "$BATS_TEST_TMPDIR/out"
	tar -xzf "$BATS_TEST_TMPDIR/one/$NAME.tar.gz" -C "$BATS_TEST_TMPDIR/out"
	"$BATS_TEST_TMPDIR/out/$NAME/scripts/dist" "$BATS_TEST_TMPDIR/three"
	cmp "$BATS_TEST_TMPDIR"/{one,three}/"$NAME.tar.gz"
}

@test "it has the sources and the version, and nothing that was built" {
	tar -tzf "$("$TREE/scripts/dist" "$BATS_TEST_TMPDIR")" >"$BATS_TEST_TMPDIR/list"
	for file in VERSION Makefile README.md debian/control daemon/master/main.c man/sallyportd.8; do
		grep -qx "$NAME/$file" "$BATS_TEST_TMPDIR/list"
	done
	run grep -vE "^$NAME/" "$BATS_TEST_TMPDIR/list"
	assert_output ""
	run grep -E "^$NAME/(build|\.git)/|\.o$" "$BATS_TEST_TMPDIR/list"
	assert_output ""
}

@test "programs and packages have the version of the file VERSION" {
	run "$BUILD/sallyportd" -V
	assert_line --index 0 "sallyportd $VERSION"
	run "$BUILD/sallyportctl" --version
	assert_output "sallyportctl $VERSION"
	head -n 1 "$TREE/debian/changelog" | grep -qF "sallyport ($VERSION) "
}

@test "what make installs is what the packages take" {
	command -v make >/dev/null || skip "make is not installed"
	# shellcheck disable=SC2046 # words
	make -C "$TREE" -s -o programs install "B=$BUILD" PREFIX=/usr DESTDIR="$BATS_TEST_TMPDIR/root" \
		$(grep -oE '[A-Z]+DIR=[^ )]+' "$TREE/debian/rules" | grep -v '[$]') >/dev/null
	cd "$BATS_TEST_TMPDIR/root"
	while read -r path _; do
		path=${path#debian/tmp/}
		case $path in
		lib/systemd/*) path=usr/$path ;;
		var/log/* | usr/share/doc/* | etc/needrestart/*) continue ;;
		esac
		compgen -G "$path" >/dev/null || fail "$path is not installed"
	done < <(cat "$TREE"/debian/*.install)
}

@test "make uninstall leaves what an administrator may have changed, and no directory of ours" {
	command -v make >/dev/null || skip "make is not installed"
	local root=$BATS_TEST_TMPDIR/root
	make -C "$TREE" -s -o programs install "B=$BUILD" PREFIX=/usr DESTDIR="$root" >/dev/null
	[ -e "$root/usr/libexec/sallyport" ]
	make -C "$TREE" -s -o programs uninstall "B=$BUILD" PREFIX=/usr DESTDIR="$root" >/dev/null
	run find "$root" -name '*sallyport*' -printf '/%P\n'
	assert_success
	run sort <<<"$output"
	assert_output "/etc/default/sallyportd
/etc/pam.d/sallyport
/etc/sallyport
/etc/sallyport/sallyport.conf"
}
