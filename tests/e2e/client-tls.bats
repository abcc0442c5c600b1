#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What sallyport can be told about TLS: its own certificate, pinned keys, versions, suites, authorities, revoked certificates.

load lib
load tls-lib
load client-lib

setup_file()
{
	make_authority
	make_leaf other p256
	make_key p256 >"$PKI/alice.key"
	sign_with intermediate alice alice 20 'basicConstraints=critical,CA:FALSE' extendedKeyUsage=clientAuth
	cat "$PKI/alice.pem" "$PKI/intermediate.pem" >"$PKI/alice.chain"
	openssl pkey -in "$PKI/alice.key" -aes256 -passout pass:opensesame -out "$PKI/alice.locked"
}

setup()
{
	new_place
	HOME=$DIR/user
	mkdir "$HOME" "$DIR/served" "$DIR/work"
	unset XDG_CONFIG_HOME XDG_STATE_HOME NETRC SALLYPORT_KEY_PASSWORD
	SALLYPORT_PASSWORD=secret
	export HOME SALLYPORT_PASSWORD
	printf 'hello\n' >"$DIR/served/file"
	PEER_PID=
	cd "$DIR/work" || return 1
}

teardown()
{
	end_peer
	cd /
	end_place
}

end_peer()
{
	[ -n "$PEER_PID" ] || return 0
	kill "$PEER_PID" 2>/dev/null || :	# one that serves one client has ended
	wait "$PEER_PID" || :
	PEER_PID=
	rm -f "$DIR/port"
}

# peer OPTION...: a server with the certificate "server".
peer()
{
	"$BATS_TEST_DIRNAME/ftp-old" --cert "$PKI/server.chain" --key "$PKI/server.key" "$@" "$DIR/served" "$DIR/port" "$DIR/commands" \
		2>"$DIR/peer.err" 3>&- &
	PEER_PID=$!
	wait_until [ -s "$DIR/port" ]
	PEER=ftpes://alice@127.0.0.1:$(cat "$DIR/port")
}

# client OPTION...: cat the file, without a terminal.
client()
{
	setsid -w timeout 30 "$BUILD/sallyport" --retry 0 "$@" cat "$PEER/file" </dev/null
}

# key_of NAME: print its pin.
key_of()
{
	echo "sha256//$(openssl x509 -in "$PKI/$1.pem" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64)"
}

@test "a client certificate is shown; without one, the error says what is missing" {
	local tls
	for tls in TLSv1_3 TLSv1_2; do
		peer --tls $tls --client-ca "$CA"
		run -0 client --ca "$CA" --cert "$PKI/alice.chain" --key "$PKI/alice.key"
		assert_output hello
		grep -q "^TLS ${tls/v1_/v1.} .* alice$" "$DIR/commands"
		run -5 client --ca "$CA"
		assert_output --partial 'the server wants a certificate of this client: --cert FILE'
		end_peer
	done
}

@test "the key may be in the file of the certificate, and may be encrypted" {
	peer --client-ca "$CA"
	cat "$PKI/alice.chain" "$PKI/alice.key" >both.pem
	run -0 client --ca "$CA" --cert both.pem
	assert_output hello
	SALLYPORT_KEY_PASSWORD=opensesame run -0 client --ca "$CA" --cert "$PKI/alice.chain" --key "$PKI/alice.locked"
	assert_output hello
	SALLYPORT_KEY_PASSWORD=wrong run -1 client --ca "$CA" --cert "$PKI/alice.chain" --key "$PKI/alice.locked"
	assert_output --partial "the key of '$PKI/alice.locked' cannot be used"
	assert_output --partial 'SALLYPORT_KEY_PASSWORD'
	run -1 client --ca "$CA" --cert "$PKI/alice.chain" --key "$PKI/alice.locked"
	assert_output --partial "the key of '$PKI/alice.locked' cannot be used"
}

@test "the password of a key is asked for once, on the terminal, for all connections" {
	peer --client-ca "$CA"
	for i in 1 2 3 4 5 6; do head -c 1000 /dev/urandom >"$DIR/served/f$i"; done
	python3 - "$BUILD/sallyport" --ca "$CA" --cert "$PKI/alice.chain" --key "$PKI/alice.locked" mget -P 3 "$PEER/f*" . >"$DIR/out" <<-'END'
		import os, pty, sys, select
		pid, terminal = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[1], sys.argv[1:])
		seen, asked = b"", 0
		while select.select([terminal], [], [], 30)[0]:
		    try:
		        piece = os.read(terminal, 4096)
		    except OSError:
		        break
		    seen += piece
		    if seen.count(b"Password of the key") > asked:
		        asked += 1
		        os.write(terminal, b"opensesame\n")
		print(asked, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	assert_equal "$(cat "$DIR/out")" '1 0'
	for i in 1 2 3 4 5 6; do cmp "f$i" "$DIR/served/f$i"; done
}

@test "certificates and keys that cannot be used" {
	peer
	run -1 client --ca "$CA" --cert nowhere.pem
	assert_output --partial "the certificate of 'nowhere.pem' cannot be used: No such file or directory"
	run -1 client --ca "$CA" --cert "$PKI/alice.chain" --key "$PKI/other.key"
	assert_output --partial "the key of '$PKI/other.key' cannot be used: key values mismatch"
	run -2 client --key "$PKI/alice.key"
	assert_output --partial '--key needs --cert'
}

@test "--pin: the server's key must be one of these, and needs no authority" {
	peer
	run -0 client --pin "$(key_of server)"
	assert_output hello
	run -0 client --pin "$(key_of other);$(key_of server)"
	assert_output hello
	# another key is an error, whoever vouches for it
	run -5 client --ca "$CA" --pin "$(key_of other)"
	assert_output --partial "its public key is none of those of --pin: it is $(key_of server)"
	run -2 client --pin sha256//short
	assert_output --partial "--pin is 'sha256//short'; it must be sha256//BASE64, several with ';' between"
}

@test "--tls-min, --tls-max, --ciphers and --ciphersuites" {
	peer
	client --ca "$CA" --tls-max 1.2 --ciphers ECDHE-ECDSA-AES128-GCM-SHA256
	grep -q '^TLS TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 ' "$DIR/commands"
	client --ca "$CA" --tls-min 1.3 --ciphersuites TLS_CHACHA20_POLY1305_SHA256
	grep -q '^TLS TLSv1.3 TLS_CHACHA20_POLY1305_SHA256 ' "$DIR/commands"
	run -2 client --tls-min 1.3 --tls-max 1.2
	assert_output --partial '--tls-min is 1.3, which is newer than --tls-max, 1.2'
	run -2 client --tls-min 2
	assert_output --partial "--tls-min is '2'; it must be 1.0, 1.1, 1.2 or 1.3"
	run -2 client --ca "$CA" --ciphers nonsense
	assert_output --partial "--ciphers is 'nonsense', which OpenSSL does not know"
	run -2 client --ca "$CA" --ciphersuites nonsense
	assert_output --partial "--ciphersuites is 'nonsense', which OpenSSL does not know"
	end_peer
	peer --tls TLSv1_2
	run -5 client --ca "$CA" --tls-min 1.3
	assert_output --partial 'TLS could not be agreed on'
}

@test "--ca-path: a directory of authorities" {
	peer
	mkdir authorities
	cp "$CA" authorities/
	run -5 client --ca-path "$PWD/authorities"
	openssl rehash authorities
	run -0 client --ca-path "$PWD/authorities"
	assert_output hello
}

# A list of the intermediate's revoked certificates.
make_list()
{
	cat >"$DIR/ca.conf" <<-END
		[ca]
		default_ca = test
		[test]
		database = $DIR/index
		default_md = sha256
		default_crl_days = 5
	END
	: >"$DIR/index"
	for name; do
		openssl ca -config "$DIR/ca.conf" -cert "$PKI/intermediate.pem" -keyfile "$PKI/intermediate.key" -revoke "$PKI/$name.pem"
	done
	openssl ca -config "$DIR/ca.conf" -cert "$PKI/intermediate.pem" -keyfile "$PKI/intermediate.key" -gencrl -out "$DIR/list.pem"
}

@test "--crl-file: a revoked certificate is refused, whatever else speaks for it" {
	peer
	make_list other
	run -0 client --ca "$CA" --crl-file "$DIR/list.pem"
	assert_output hello
	make_list other server
	run -5 client --ca "$CA" --crl-file "$DIR/list.pem"
	assert_output --partial 'its certificate is on the list of revoked ones'
	run -5 client --pin "$(key_of server)" --crl-file "$DIR/list.pem"
	assert_output --partial 'its certificate is on the list of revoked ones'
	run -1 client --ca "$CA" --crl-file nowhere
	assert_output --partial "the revoked certificates of 'nowhere' cannot be used"
	# a list of somebody else proves nothing
	openssl ca -config "$DIR/ca.conf" -cert "$PKI/root.pem" -keyfile "$PKI/root.key" -gencrl -out "$DIR/list.pem"
	run -5 client --ca "$CA" --crl-file "$DIR/list.pem"
	assert_output --partial 'unable to get certificate CRL'
}

# staple STATUS: an answer of the intermediate about the server's certificate, and a server of implicit TLS that staples it.
staple()
{
	local serial
	serial=$(openssl x509 -in "$PKI/server.pem" -noout -serial)
	printf '%s\t%s\t%s\t%s\tunknown\t/CN=server\n' "$1" 390101000000Z "${2-}" "${serial#serial=}" >"$DIR/ocsp.index"
	openssl ocsp -issuer "$PKI/intermediate.pem" -cert "$PKI/server.pem" -reqout "$DIR/request" -no_nonce
	openssl ocsp -index "$DIR/ocsp.index" -CA "$PKI/intermediate.pem" -rsigner "$PKI/${3-intermediate}.pem" -rkey "$PKI/${3-intermediate}.key" \
		-reqin "$DIR/request" -respout "$DIR/answer" -ndays "${4-3}"
}

# ocsp_server [OPTION...]: it greets, and refuses every login.
ocsp_server()
{
	local port
	port=$(free_port)
	# shellcheck disable=SC2016 # the inner shell's variables
	(printf '220 ready\r\n'; sleep 3; printf '530 no\r\n'; sleep 3) | openssl s_server -accept "127.0.0.1:$port" -cert "$PKI/server.pem" \
		-cert_chain "$PKI/server.chain" -key "$PKI/server.key" -quiet -naccept 1 "$@" >"$DIR/ocsp.out" 2>&1 3>&- &
	PEER_PID=$!
	PEER=ftps://alice@127.0.0.1:$port
	wait_until listens "$port"
}

listens()
{
	ss -Hltn "sport = :$1" | grep -q .
}

@test "--ocsp: a stapled answer that is good, of now and signed, or none of it" {
	command -v ss >/dev/null || skip 'ss is not installed'
	staple V
	ocsp_server -status_file "$DIR/answer"
	run -4 client --ca "$CA" --ocsp
	assert_output --partial '530 no'
	end_peer
	ocsp_server
	run -5 client --ca "$CA" --ocsp
	assert_output --partial 'the server staples no answer of its authority'
	end_peer
	staple R 200101000000Z
	ocsp_server -status_file "$DIR/answer"
	run -5 client --ca "$CA" --ocsp
	assert_output --partial 'its authority has revoked it'
	end_peer
	staple V '' other
	ocsp_server -status_file "$DIR/answer"
	run -5 client --ca "$CA" --ocsp
	assert_output --partial 'the stapled answer is not signed by its authority'
}
