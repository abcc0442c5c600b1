#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Under the unit the kernel encrypts downloads, and each byte is right.

setup() { load lib; }

@test "the unit has loaded the module, and status says that it is in use" {
	grep -q '^tls ' /proc/modules
	run sallyportctl status
	assert_line --regexp '^kernel TLS: +on, for downloads'
	journalctl --boot --output cat SALLYPORT_EVENT=certificate | grep -q 'kernel_tls="yes"'
}

encrypted()
{
	awk '$1 == "TlsTxSw" { print $2 }' /proc/net/tls_stat
}

@test "downloads, uploads and listings, byte by byte" {
	new_account alice
	before=$(encrypted)
	for size in 0 1 16384 16385 5000000; do
		home_file alice "f$size" "$size"
		for version in 1.2 1.3; do
			secure_curl --tls-max "$version" "$URL/f$size" --output "$BATS_TEST_TMPDIR/got"
			cmp "/srv/sallyport/alice/f$size" "$BATS_TEST_TMPDIR/got"
		done
	done
	[ "$(encrypted)" -gt "$before" ]
	secure_curl --upload-file "/srv/sallyport/alice/f5000000" "$URL/up"
	cmp /srv/sallyport/alice/f5000000 /srv/sallyport/alice/up
	run secure_curl --list-only "$URL/"
	assert_line up
}

@test "without the module the server encrypts by itself, and status says why" {
	echo 'install tls /bin/false' >/etc/modprobe.d/none.conf
	systemctl stop sallyportd
	modprobe -r tls || skip "the module is in use"
	systemctl start sallyportd
	run sallyportctl status
	assert_line --regexp "^kernel TLS: +off: the module 'tls' of the kernel is not loaded; 'modprobe tls', then reload"
	secure_curl "$URL/f5000000" --output "$BATS_TEST_TMPDIR/got"
	cmp /srv/sallyport/alice/f5000000 "$BATS_TEST_TMPDIR/got"
	rm /etc/modprobe.d/none.conf
	modprobe tls
	sallyportctl reload
	run sallyportctl status
	assert_line --regexp '^kernel TLS: +on'
}
