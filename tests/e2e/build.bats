#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# When make builds something again, and what scripts/release refuses.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	unset MAKEFLAGS MAKELEVEL
	TREE=$BATS_TEST_TMPDIR/tree
	mkdir "$TREE"
	tar -C "$BATS_TEST_DIRNAME/../.." -c --exclude=./build --exclude=./.git . | tar -C "$TREE" -x
	cd "$TREE" || return 1
}

# A clone's worth: one commit of the tree on the branch main.
commit_tree()
{
	git init -q -b main .
	git -c user.name=Tester -c user.email=tester@example.invalid add -A
	git -c user.name=Tester -c user.email=tester@example.invalid commit -q -m "the tree"
}

@test "a changed flag builds again what was compiled with the old one" {
	run -0 timeout 120 make build/config/keys.o
	assert grep -q '/etc/sallyport/users' build/config/keys.o
	run -0 timeout 120 make build/config/keys.o
	assert_output --partial 'up to date'
	run -0 timeout 120 make build/config/keys.o SYSCONFDIR=/opt/etc
	assert grep -q '/opt/etc/sallyport/users' build/config/keys.o
	run -1 timeout 120 make -q build/config/keys.o SYSCONFDIR=/opt/etc WERROR=1
	run -0 timeout 120 make -q build/config/keys.o SYSCONFDIR=/opt/etc
}

@test "make -n with other flags changes nothing" {
	run -0 timeout 120 make build/config/keys.o
	run -0 timeout 120 make -n build/config/keys.o SYSCONFDIR=/opt/etc
	assert_output --partial /opt/etc
	run -0 timeout 120 make -q build/config/keys.o
}

# how_linked FILE ARGUMENT...: the line that would link it.
how_linked()
{
	local file=$1
	shift
	timeout 120 make -nB V=1 "$file" "$@" | grep -e " -o $file "
}

@test "flags on the command line of make are added to the project's own" {
	run -0 how_linked build/sallyportd CFLAGS=-O1 LDFLAGS=-Wl,-O1
	assert_output --regexp ' -O1 .*-fstack-protector-strong .*-fPIE .*-Wl,-O1 -pie -Wl,-z,relro,-z,now'
	run -0 how_linked build/static/sallyportd STATIC=1 LDFLAGS=-Wl,-O1
	assert_output --regexp ' -Wl,-O1 -static-pie -Wl,-z,relro,-z,now'
	refute_output --partial -lpam
}

@test "STATIC=1 is refused with what it cannot be" {
	run -2 timeout 120 make -n STATIC=yes
	assert_output --partial 'STATIC=yes: write STATIC=1, or leave it out'
	run -2 timeout 120 make -n STATIC=1 PAM=yes
	assert_output --partial 'STATIC=1 has no PAM, which loads modules: leave out PAM=yes'
	run -2 timeout 120 make -n STATIC=1 VARIANT=asan
	assert_output --partial 'STATIC=1 is a variant itself: leave out STATIC=1 or VARIANT=asan'
}

@test "each source file names its licence" {
	run bash -c 'find . -name "*.[ch]" -o -name "*.bats" -o -name "*.py" -o -name "*.bash" | xargs grep -L "SPDX-License-Identifier: ISC"'
	assert_output ''
	run bash -c 'for file in scripts/* debian/*.postinst debian/*.postrm etc/init.d/*; do
		head -n 2 "$file" | grep -q "SPDX-License-Identifier: ISC" || echo "$file"; done'
	assert_output ''
}

@test "a release needs an address for reports of vulnerabilities" {
	commit_tree
	run -1 scripts/release --check
	assert_output --partial 'SECURITY.md: the address for reports is a placeholder (security@sallyport.invalid)'
	run -0 git tag
	assert_output ''
}

@test "a release needs one version in all files, and a changelog for it" {
	sed -i 's/security@sallyport.invalid/security@example.org/' SECURITY.md
	sed -i 's/maintainers@sallyport.invalid/maintainers@example.org/' debian/control debian/changelog
	echo 9.9.9 >VERSION
	commit_tree
	run -1 scripts/release --check
	assert_output --partial 'CHANGELOG.md: there is no section "## [9.9.9] - YYYY-MM-DD"'
	assert_output --partial 'debian/changelog: the newest version is '
	refute_output --partial placeholder

	sed -i 's/^## \[Unreleased\]$/&\n\n## [9.9.9] - 2026-12-01/' CHANGELOG.md
	sed -i '1s/(.*)/(9.9.9)/' debian/changelog
	run -1 scripts/release --check
	assert_output --partial 'the tree has changes that are not committed'
	git -c user.name=Tester -c user.email=tester@example.invalid commit -q -a -m "9.9.9"
	run -0 scripts/release --check
	assert_output --partial 'release: 9.9.9 can be released'
	run -0 git tag
	assert_output ''
}

@test "a release of a version that has a tag already is refused" {
	sed -i 's/security@sallyport.invalid/security@example.org/' SECURITY.md
	commit_tree
	git tag "v$(cat VERSION)"
	run -1 scripts/release --check
	assert_output --partial "the tag v$(cat VERSION) exists"
}

@test "no folder includes a header that is not its own business" {
	run -0 scripts/check-walls
	assert_output ''
	sed -i '1a #include "privsep/monitor/state.h"' privsep/files/home.c
	run -1 scripts/check-walls
	assert_output 'check-walls: privsep/files/home.c includes privsep/monitor/state.h, which no row allows'
}

@test "no function has the name of another" {
	run -0 scripts/check-names
	assert_output ''
	printf 'int\nhome_open(void)\n{\n\treturn 0;\n}\n' >daemon/protocol/twin.c
	printf 'static void __attribute__((format(printf, 1, 2))) reply_line(const char *format, ...)\n{\n}\n' >client/twin.c
	printf 'int main(void)\n{\n\treturn reply_end(0);\n}\nint home_path_resolve(int a);\n' >admin/twin.c
	run -1 scripts/check-names
	assert_line --regexp '^check-names: home_open is defined in daemon/protocol/twin.c:2 and in privsep/files/home.c:[0-9]+$'
	assert_line --regexp '^check-names: reply_line is defined in client/twin.c:1 and in daemon/protocol/control.c:[0-9]+$'
	assert_equal "${#lines[@]}" 2
}

@test "make lint runs its tools, counts them, and fails when one finds something" {
	run -0 make -n -o programs lint
	assert_output --partial 'case " nm awk clang-format cppcheck clang-tidy shellcheck mandoc "'
	run -0 make -o programs lint LINT_TOOLS=awk
	assert_line '2 passed, 0 failed, 0 skipped'
	sed -i '1a #include "privsep/monitor/state.h"' privsep/files/home.c
	run -2 make -o programs lint LINT_TOOLS=awk
	assert_line 'check-walls: privsep/files/home.c includes privsep/monitor/state.h, which no row allows'
	assert_line '1 passed, 1 failed, 0 skipped'
}

@test "check-format shows what clang-format would change, and writes it with -w" {
	command -v clang-format >/dev/null || skip "clang-format is not installed (scripts/deps lint)"
	printf '/* SPDX-License-Identifier: ISC */\nint f(int  a);\n' >common/odd.h
	run scripts/check-format common/odd.h common/text.h
	[ "$status" -ne 77 ] || skip "$output"
	assert_equal "$status" 1
	assert_line '+int f(int a);'
	refute_output --partial text.h
	run -0 scripts/check-format -w common/odd.h common/text.h
	assert_output common/odd.h
	run -0 scripts/check-format common/odd.h
	assert_output ''
}

@test "check-circles finds files that use each other, also by way of a third, and an excuse that is not needed" {
	mkdir -p "$BATS_TEST_TMPDIR/small/scripts" "$BATS_TEST_TMPDIR/small/room" "$BATS_TEST_TMPDIR/small/build/room"
	cd "$BATS_TEST_TMPDIR/small"
	cp "$TREE/scripts/check-circles" scripts/
	sed -i '/^\t\[daemon/d' scripts/check-circles
	echo 'int b(void); int a(void) { return b(); }' >room/a.c
	echo 'int c(void); int b(void) { return c(); }' >room/b.c
	echo 'int c(void) { return 0; }' >room/c.c
	compile() { for file in room/*.c; do cc -c -o "build/${file%.c}.o" "$file"; done; }
	compile
	run -0 scripts/check-circles
	echo 'int a(void); int c(void) { return a(); }' >room/c.c
	compile
	run -1 scripts/check-circles
	assert_line --partial 'room: a circle of'
	assert_line --partial 'a.c -> b.c: b'
	assert_line --partial 'c.c -> a.c: a'
	sed -i 's/^declare -A excused=($/&\n\t[room]="later"/' scripts/check-circles
	run -0 scripts/check-circles
	echo 'int c(void) { return 0; }' >room/c.c
	compile
	run -1 scripts/check-circles
	assert_output --partial 'take its row out'
}
