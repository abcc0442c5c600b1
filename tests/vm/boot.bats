#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# After the installation, and after a reboot, the server is up and serves over TLS.

setup() { load lib; }

@test "the service is active, enabled and ready" {
	run systemctl is-enabled sallyportd
	assert_output enabled
	run systemctl is-active sallyportd
	assert_output active
	run sallyportctl status
	assert_success
}

@test "login, upload and download over TLS, with the certificate that the package made" {
	new_account alice
	head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/sent"
	secure_curl --upload-file "$BATS_TEST_TMPDIR/sent" "$URL/sent"
	cmp "$BATS_TEST_TMPDIR/sent" /srv/sallyport/alice/sent
	secure_curl "$URL/sent" --output "$BATS_TEST_TMPDIR/got"
	cmp "$BATS_TEST_TMPDIR/sent" "$BATS_TEST_TMPDIR/got"
}

@test "systemd knows the master as its own, and the journal has its lines" {
	run cat /run/sallyport/sallyportd.pid
	assert_output "$(master_pid)"
	journalctl --unit sallyportd --boot --output cat | grep -qE '(^| )ready '
}
