#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Packages come and go while the server runs: no session is cut, and a mistake on the disk stops nothing.
# shellcheck disable=SC2030,SC2031 # output is that of run

setup_file()
{
	load lib
	# a plain password over loopback; what stands still must do so for as long as this machine needs
	sed -i -e 's/^\( *\)require = .*/\1require = no/' -e 's/^\( *\)stall = .*/\1stall = "1h"/' /etc/sallyport/sallyport.conf
	systemctl reload sallyportd
	new_account alice
	home_file alice big 16777216
	cp -p /etc/sallyport/sallyport.conf /etc/sallyport/good.conf
}

setup()
{
	load lib
	CURSOR=$(journalctl -q -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
}

teardown()
{
	ftp_close
	data_close
	cp -p /etc/sallyport/good.conf /etc/sallyport/sallyport.conf
	chmod 600 /etc/sallyport/key.pem
	if [ -z "${BATS_TEST_COMPLETED-}" ]; then
		journalctl -q --after-cursor="$CURSOR" | tail -n 60
		systemctl status --no-pager sallyportd || :
	fi
}

is_installed()
{
	[ "$(dpkg-query -W -f='${db:Status-Status}' sallyport-server)" = installed ]
}

serves()
{
	ftp_login alice secret
	ftp_close
	service_has ActiveState active
}

@test "two upgrades and a downgrade during a transfer: it ends well, and so does the stop of all servers" {
	first=$(master_pid)
	ftp_login alice secret
	ftp 'TYPE I' 200
	ftp_passive
	ftp 'RETR big' 150
	wait_until -t 60 data_is_full
	for version in newer newest debs; do
		before=$(master_pid)
		run install_packages "$version"
		assert_success
		refute_output --partial 'sallyport-server: '
		[ "$(master_pid)" != "$before" ]
	done
	[ -d "/proc/$first" ]
	systemctl stop --no-block sallyportd
	wait_until -t 60 service_has ActiveState deactivating
	assert_equal "$(timeout 60 cat <&"$DATA" | wc -c)" 16777216
	ftp_reply
	assert_equal "$REPLY" 226
	wait_until -t 60 service_has ActiveState inactive
	run journalctl -q --after-cursor="$CURSOR"
	refute_output --partial 'not our child'
	refute_output --partial 'Killing process'
	systemctl start sallyportd
	serves
}

@test "an upgrade with a typing error: the server of before goes on, and apt says what to mend" {
	before=$(master_pid)
	sed -i '1i no-such-key = 1' /etc/sallyport/sallyport.conf
	run install_packages newer
	assert_success
	assert_output --partial 'sallyport-server: the running server goes on with the former program'
	assert_output --partial "/etc/sallyport/sallyport.conf:1: no-such-key: unknown key"
	assert_output --partial "test it with 'sallyportd -t', and run 'sallyportctl upgrade'"
	is_installed
	assert_equal "$(master_pid)" "$before"
	serves
	# found without asking the server, which was neither upgraded nor restarted
	run journalctl -q --after-cursor="$CURSOR"
	refute_output --partial "starting '/usr/sbin/sallyportd'"
	refute_output --partial 'Stopping sallyportd.service'
	# as it says
	sed -i 1d /etc/sallyport/sallyport.conf
	sallyportd -t
	run sallyportctl upgrade
	assert_success
	wait_until -t 60 eval "[ \"\$(master_pid)\" != $before ]"
	serves
}

@test "an upgrade with a certificate that has expired, or with a key that others can read: somebody serves" {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/key.pem" -out "$DIR/request.pem" -subj /CN=expired 2>/dev/null
	cp -p /etc/sallyport/cert.pem "$DIR/saved-cert.pem"
	cp -p /etc/sallyport/key.pem "$DIR/saved-key.pem"
	mkdir "$DIR/ca"
	: >"$DIR/ca/index"
	printf '[ca]\ndefault_ca = a\n[a]\ndatabase = %s\nnew_certs_dir = %s\nserial = %s\ndefault_md = sha256\npolicy = p\n[p]\nCN = supplied\n' \
		"$DIR/ca/index" "$DIR/ca" "$DIR/ca/serial" >"$DIR/ca/conf"
	openssl req -new -key "$DIR/key.pem" -subj /CN=expired -out "$DIR/request.pem"
	openssl ca -config "$DIR/ca/conf" -batch -selfsign -create_serial -keyfile "$DIR/key.pem" -in "$DIR/request.pem" \
		-startdate 20200101000000Z -enddate 20210101000000Z -out "$DIR/cert.pem" -notext 2>/dev/null
	install -m 600 "$DIR/key.pem" /etc/sallyport/key.pem
	install -m 644 "$DIR/cert.pem" /etc/sallyport/cert.pem
	before=$(master_pid)
	run install_packages newest
	status_of_apt=$status words=$output
	serves
	install -m 644 "$DIR/saved-cert.pem" /etc/sallyport/cert.pem
	install -m 644 "$DIR/saved-key.pem" /etc/sallyport/key.pem
	# with the certificate that it has had all the time
	is_served
	assert_equal "$status_of_apt" 0
	assert_equal "$(master_pid)" "$before"
	[[ $words == *'the running server goes on with the former program'*'has expired'*'it does not replace that of the running server'* ]]
	is_installed
	before=$(master_pid)
	run install_packages debs
	assert_success
	assert_output --partial 'key.pem'
	assert_output --partial "run 'sallyportctl upgrade'"
	is_installed
	assert_equal "$(master_pid)" "$before"
	serves
	chmod 600 /etc/sallyport/key.pem
	sallyportctl upgrade
	serves
}

@test "remove drains, and a second installation with a mistake is no half one" {
	ftp_login alice secret
	ftp 'TYPE I' 200
	ftp_passive
	ftp 'RETR big' 150
	wait_until -t 60 data_is_full
	apt-get -q -y remove sallyport-server >"$DIR/remove.log" 2>&1 3>&- &
	removing=$!
	wait_until -t 60 service_has ActiveState deactivating
	assert_equal "$(timeout 60 cat <&"$DATA" | wc -c)" 16777216
	ftp_reply
	assert_equal "$REPLY" 226
	wait "$removing"
	sed -i '1i no-such-key = 1' /etc/sallyport/sallyport.conf
	run install_packages debs
	assert_success
	assert_output --partial 'sallyport-server: the server cannot start:'
	assert_output --partial "and run 'systemctl start sallyportd'"
	is_installed
	cp -p /etc/sallyport/good.conf /etc/sallyport/sallyport.conf
	systemctl reset-failed sallyportd
	systemctl start sallyportd
	serves
}

@test "needrestart: a replaced library makes the server take over from itself, without cutting a session" {
	before=$(master_pid)
	ftp_login alice secret
	run /etc/needrestart/restart.d/sallyportd.service
	assert_success
	assert_output --partial 'has taken over'
	ftp NOOP 200
	wait_until -t 60 eval "[ \"\$(master_pid)\" != $before ]"
}
