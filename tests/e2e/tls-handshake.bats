#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Versions, ciphers, protocols and keys; handshakes that fail, and those that never end.

load lib
load tls-lib

setup_file()
{
	make_authority
	local type
	for type in rsa2048 p384 p521 ed25519; do make_leaf "$type" "$type"; done
}

setup()
{
	new_place
	start_tls_server
}

teardown()
{
	end_place
}

restart_with()
{
	stop_server
	: >"$LOG"
	: >"$DIR/stderr"
	write_tls_config "$@"
	start_server
	find_tls_ports
}

# s_client OPTION...: send QUIT over implicit TLS
s_client()
{
	timeout 20 openssl s_client -connect "127.0.0.1:$TLS_PORT" -CAfile "$CA" -verify_return_error "$@" <<<QUIT 2>&1
}

is_served()
{
	run -0 s_client "$@"
	assert_output --partial 'Verify return code: 0 (ok)'
}

# is_refused OPTION...: the server refuses, and one line of the log says so
is_refused()
{
	local before after
	before=$(log_count ' tls-failed ')
	run ! s_client "$@"
	wait_until is_logged_once "$((before + 1))"
}

is_logged_once()
{
	[ "$(log_count ' tls-failed ')" -eq "$1" ]
}

@test "TLS 1.2 and 1.3 are served, 1.0 and 1.1 are not" {
	is_served -tls1_3
	is_served -tls1_2
	is_refused -tls1 -cipher DEFAULT@SECLEVEL=0
	is_refused -tls1_1 -cipher DEFAULT@SECLEVEL=0
}

@test "with minimum = 1.3, 1.2 is not" {
	restart_with tls='minimum = "1.3"'
	is_served -tls1_3
	is_refused -tls1_2
}

@test "TLS 1.2: ciphers with forward secrecy and AEAD alone" {
	use_leaf rsa2048
	kill -HUP "$SERVER_PID"
	wait_until shows_leaf rsa2048
	is_served -tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384
	is_served -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
	is_served -tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305
	is_refused -tls1_2 -cipher AES256-GCM-SHA384
	is_refused -tls1_2 -cipher DHE-RSA-AES256-GCM-SHA384
	is_refused -tls1_2 -cipher ECDHE-RSA-AES256-SHA384
	is_refused -tls1_2 -cipher ECDHE-RSA-AES128-SHA
	is_refused -tls1_2 -cipher 'NULL:@SECLEVEL=0'
	is_refused -tls1_2 -cipher 'aNULL:@SECLEVEL=0'
}

@test "keys of RSA, P-256, P-384, P-521 and Ed25519 serve TLS 1.2 and 1.3, and digests of all sizes" {
	local type digest
	for type in rsa2048 server p384 p521 ed25519; do
		use_leaf "$type"
		kill -HUP "$SERVER_PID"
		wait_until shows_leaf "$type"
		is_served -tls1_3
		is_served -tls1_2
		case $type in
		rsa2048)
			for digest in SHA256 SHA384 SHA512; do
				is_served -tls1_2 -sigalgs "RSA+$digest"
				is_served -tls1_2 -sigalgs "RSA-PSS+$digest"
				is_served -tls1_3 -sigalgs "RSA-PSS+$digest:ECDSA+SHA256"
			done
			;;
		server)
			for digest in SHA256 SHA384 SHA512; do is_served -tls1_2 -sigalgs "ECDSA+$digest"; done
			;;
		esac
	done
	assert_equal "$(log_count ' tls-failed ')" 0
}

@test "ALPN: ftp is accepted, other protocols are refused" {
	is_served -alpn ftp
	assert_output --partial 'ALPN protocol: ftp'
	is_served -alpn h2,ftp
	assert_output --partial 'ALPN protocol: ftp'
	is_refused -alpn h2
	is_refused -alpn http/1.1,h2
}

@test "renegotiation is refused" {
	run timeout 20 openssl s_client -connect "127.0.0.1:$TLS_PORT" -CAfile "$CA" -tls1_2 < <(
		sleep 1
		echo R
		sleep 1
		echo NOOP
		sleep 1
	)
	assert_output --partial 'no renegotiation'
	refute_output --partial '200 Ready'
}

@test "garbage on the implicit port: one line with a reason, and the end" {
	local garbage
	for garbage in 'USER alice\r\n' 'GET / HTTP/1.1\r\n\r\n' '\x16\x03\x01\xff\xff\xff\xff\xff\xff' '\0\0\0\0\0\0\0\0\0\0\0\0\0\0'; do
		exec {raw}<>"/dev/tcp/127.0.0.1/$TLS_PORT"
		# shellcheck disable=SC2059 # the escapes are meant
		printf "$garbage" >&"$raw"
		timeout 20 cat <&"$raw" >"$DIR/answer" || :
		exec {raw}>&-
		run ! grep -q 220 "$DIR/answer"
	done
	wait_until is_logged_once 4
	assert_equal "$(log_count ' tls-failed .*detail="[^"]')" 4
	assert_equal "$(log_count ' alarm ')" 0
}

@test "a handshake half done is ended by the login timeout" {
	restart_with 'timeouts { login = "2s" }'
	local begun=$SECONDS
	exec {raw}<>"/dev/tcp/127.0.0.1/$TLS_PORT"
	printf '\x16\x03\x01\x02\x00\x01\x00' >&"$raw"
	ftp_open
	ftp 'AUTH TLS' 234
	timeout 20 cat <&"$raw" >/dev/null
	timeout 20 cat <&"$FTP" >/dev/null
	exec {raw}>&-
	[ $((SECONDS - begun)) -le 6 ]
	wait_until is_logged_once 2
	wait_until has_timed_out_twice
}

has_timed_out_twice()
{
	[ "$(log_count ' disconnect .*login-timeout')" -eq 2 ]
}

@test "a handshake half done does not hold up a stop" {
	exec {raw}<>"/dev/tcp/127.0.0.1/$TLS_PORT"
	printf '\x16\x03\x01\x02\x00\x01\x00' >&"$raw"
	wait_until log_has ' connect '
	local begun=$SECONDS
	stop_server TERM
	[ $((SECONDS - begun)) -le 5 ]
	exec {raw}>&-
}

@test "a client that refuses the certificate is one line of the log" {
	run ! timeout 20 curl -sS --ssl-reqd -u alice:secret "ftp://127.0.0.1:$PORT/"
	wait_until is_logged_once 1
}
