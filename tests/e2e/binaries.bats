#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# How the programs are linked: position-independent, read-only after relocation, no executable stack.

load lib

setup()
{
	command -v readelf >/dev/null || skip "readelf is not installed"
}

programs()
{
	echo "$BUILD/sallyportd $BUILD/sallyportctl $BUILD/sallyport"
}

@test "programs are position-independent" {
	for program in $(programs); do
		readelf -h "$program" | grep -E 'Type: +DYN'
		readelf -d "$program" | grep -E 'FLAGS_1.*PIE'
	done
}

@test "relocations are read-only and bound at start" {
	for program in $(programs); do
		readelf -lW "$program" | grep GNU_RELRO
		readelf -d "$program" | grep -E 'BIND_NOW|FLAGS.*NOW'
	done
}

@test "no segment is writable and executable, the stack included" {
	for program in $(programs); do
		readelf -lW "$program" | grep GNU_STACK | grep -E ' RW +0x'
		run bash -c "readelf -lW '$program' | grep -E ' RWE '"
		assert_failure
	done
}

@test "code is guarded by stack protector and fortified functions" {
	for program in $(programs); do
		readelf -sW "$program" | grep __stack_chk_fail
	done
	skip_if_asan "sanitizers replace fortified functions"
	for program in $(programs); do
		readelf -sW "$program" | grep -E '__(memcpy|snprintf|vsnprintf|fprintf|printf|read|recv|memset)_chk'
	done
}

@test "no program has a run path of its own" {
	for program in $(programs); do
		run bash -c "readelf -d '$program' | grep -E 'RPATH|RUNPATH'"
		assert_failure
	done
}

# all_libraries PROGRAM: what is loaded with it, and what each of these loads
all_libraries()
{
	ldd "$1" | sed -n 's/^[[:blank:]]*\([^ ]*\)\.so.*/\1/p' | sort
}

@test "the database's library, and what it brings along, is in the two programs that speak with it alone" {
	skip_if_asan "sanitizers add libraries"
	for program in sallyportd sallyportctl sallyport; do
		run grep -E '^lib(pq|ldap|lber|krb5|gssapi_krb5|sasl2)$' <(all_libraries "$BUILD/$program")
		assert_failure
		assert_output ""
		run grep -ac 'PQconnect' "$BUILD/$program"
		assert_output 0
	done
	[ -x "$BUILD/sallyport-broker" ] || skip "this build has no sallyport-broker: libpq is not installed"
	for program in sallyport-broker sallyport-store; do
		all_libraries "$BUILD/$program" | grep -qx libpq
	done
}

@test "root processes link no more libraries than they need" {
	skip_if_asan "sanitizers add libraries"
	readelf -d "$BUILD/sallyportd" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' >"$BATS_TEST_TMPDIR/needed"
	run grep -vE '^(ld-linux[-a-z0-9_]*|ld64|libc|libcrypt|libseccomp|libconfuse|libcap-ng|libjansson|libssl|libcrypto|libz|libpam)\.so' \
		"$BATS_TEST_TMPDIR/needed"
	assert_failure
	assert_output ""
}
