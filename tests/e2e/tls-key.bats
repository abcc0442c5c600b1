#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The private key: in sealed memory, parsed by the monitor to sign, and nowhere else.

load lib
load tls-lib

setup_file()
{
	make_authority
	local type
	for type in rsa2048 p384 ed25519; do make_leaf "$type" "$type"; done
}

setup()
{
	skip_if_asan "the shadow memory of a sanitizer is too large to search"
	new_place
	export DIR
}

teardown()
{
	end_holder
	end_place
}

end_holder()
{
	[ -z "${HOLDER-}" ] || kill "$HOLDER"
	HOLDER=
}

# has_key PID [--files], lacks_key PID [--files]
has_key()
{
	run -0 "$BUILD/tests/helpers/find_key" "$DIR/etc/key.pem" "$@"
}

lacks_key()
{
	run "$BUILD/tests/helpers/find_key" "$DIR/etc/key.pem" "$@"
	[ "$status" -eq 1 ] || { echo "in process $*: $output" >&2 && return 1; }
}

# A control: the same search finds the key in a process that holds it, as openssl reads it.
holder_has_key()
{
	openssl s_server -accept 127.0.0.1:0 -cert "$DIR/etc/cert.pem" -key "$DIR/etc/key.pem" -quiet >/dev/null 2>&1 3>&- &
	HOLDER=$!
	wait_until "$BUILD/tests/helpers/find_key" "$DIR/etc/key.pem" "$HOLDER" >/dev/null
	end_holder
}

# session_lacks_key: protocol and files of the only session hold no part of the key.
session_lacks_key()
{
	find_session
	lacks_key "$PROTOCOL"
	lacks_key "$PROTOCOL" --files
	if [ -n "$FILES" ]; then
		lacks_key "$FILES"
		lacks_key "$FILES" --files
	fi
}

key_is_isolated()
{
	use_leaf "$1"
	start_tls_server tls='require-data-reuse = no'
	holder_has_key
	# the key has to be in the master's sealed memory file, and in no file of protocol's
	has_key "$SERVER_PID" --files
	assert_output --partial memfd:key
	lacks_key "$SERVER_PID"

	# a client that stops at each step of the handshake
	mkfifo "$DIR/go"
	coproc CLIENT { ftps 2>&1 <<-'END'
		def step():
		    print('ready', flush=True)
		    open(os.environ['DIR'] + '/go').close()
		c = Control()
		step()
		c.auth()
		step()
		c.login()
		step()
		for version in TLS12, TLS13:
		    c.context = context(version)
		    for i in range(20):
		        c.put('file', b'1', session=None)
		step()
	END
	}
	local i line client=$CLIENT_PID from=${CLIENT[0]}
	for i in 1 2 3 4; do
		read -r -t 60 line <&"$from"
		assert_equal "$line" ready
		session_lacks_key
		timeout 20 sh -c ': >"$1"' sh "$DIR/go"
	done
	wait "$client"
	lacks_key "$SERVER_PID"
	assert_equal "$(log_count ' tls-failed ')" 0
}

@test "RSA: no part of the key is in protocol or files, whatever they did; it is in the master's sealed file" {
	key_is_isolated rsa2048
}

@test "EC: no part of the key is in protocol or files" {
	key_is_isolated server
}

@test "P-384: no part of the key is in protocol or files" {
	key_is_isolated p384
}

@test "Ed25519: no part of the key is in protocol or files" {
	key_is_isolated ed25519
}

@test "the sealed file cannot be changed" {
	start_tls_server
	local fd sum
	for fd in "/proc/$SERVER_PID/fd/"*; do
		case $(readlink "$fd") in /memfd:key*) break ;; esac
	done
	sum=$(sha256sum <"$fd")
	run ! sh -c "echo x >'$fd'"
	assert_equal "$(sha256sum <"$fd")" "$sum"
}
