#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Users of the system log in by PAM, as the unit confines the server.

setup() { load lib; }

setup_file()
{
	load lib
	useradd --create-home --shell /bin/bash carol
	echo carol:system-secret | chpasswd
	set_key accounts '"/etc/sallyport/users,pam:sallyport"'
	systemctl reload sallyportd
}

carol()
{
	secure_curl --user "carol:$1" "${@:2}"
}

@test "a user of the system logs in, uploads and downloads; the file is the user's" {
	echo content >"$DIR/sent"
	carol system-secret --upload-file "$DIR/sent" "$URL/sent"
	assert_equal "$(stat -c %U /home/carol/sent)" carol
	run carol system-secret "$URL/sent"
	assert_output content
}

@test "a wrong password and a locked account are refused, and the journal has them" {
	run carol wrong "$URL/"
	assert_failure 67
	usermod --lock carol
	run carol system-secret "$URL/"
	assert_failure 67
	usermod --unlock carol
	run carol system-secret --list-only "$URL/"
	assert_success
	[ "$(journalctl --unit sallyportd --boot --output cat | grep -c 'login-failed')" -ge 2 ]
}

@test "while /etc/nologin is there nobody of the system is let in" {
	echo "maintenance" >/etc/nologin
	run carol system-secret "$URL/"
	rm /etc/nologin
	assert_failure 67
	carol system-secret --list-only "$URL/"
}
