#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# AppArmor as Debian enables it: no denial in the kernel's log, whatever the server does.

setup() { load lib; }

denials()
{
	journalctl --boot --dmesg --output cat | grep 'apparmor="DENIED"'
}

@test "AppArmor is on, with Debian's profiles" {
	run cat /sys/module/apparmor/parameters/enabled
	assert_output Y
	grep -q ' (enforce)$' /sys/kernel/security/apparmor/profiles
}

@test "start, login, upload, download, reload, upgrade and stop: nothing is denied" {
	new_account alice
	echo content >"$DIR/sent"
	secure_curl --upload-file "$DIR/sent" "$URL/sent"
	run secure_curl "$URL/sent"
	assert_output content
	systemctl reload sallyportd
	install_packages newer
	is_served
	systemctl restart sallyportd
	is_served
	run denials
	assert_output ""
}

@test "the client saves, and nothing is denied" {
	(cd "$DIR" && SALLYPORT_PASSWORD=secret sallyport --quiet --ca /etc/sallyport/cert.pem \
		get "ftpes://alice@$(hostname)/sent" fetched)
	cmp "$DIR/fetched" "$DIR/sent"
	run denials
	assert_output ""
}
