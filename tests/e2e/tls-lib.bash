# SPDX-License-Identifier: ISC
# Helpers of the tests of TLS, besides lib.bash: a small certificate authority, a server with it, a client in
# Python.
#
#   setup_file() { make_authority; }
#   setup()      { new_place; start_tls_server; }
#
# Sets CA (the root's certificate), PKI (where all of it is), TLS_PORT (implicit TLS).

bats_require_minimum_version 1.5.0

# --- certificates ---

# Print a new key of this type: rsa2048, p256, p384, p521, ed25519, or what openssl genpkey takes.
make_key()
{
	case $1 in
	rsa*) openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:${1#rsa}" ;;
	p256) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 ;;
	p384) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 ;;
	p521) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 ;;
	*) openssl genpkey -algorithm "$@" ;;
	esac 2>/dev/null
}

# sign_with ISSUER NAME SUBJECT DAYS EXTENSION...: sign a certificate NAME.pem for NAME.key.
sign_with()
{
	local issuer=$1 name=$2 subject=$3 days=$4 line
	shift 4
	# strict clients (Python 3.13) want both identifiers, and the usage of each key that signs
	for line in subjectKeyIdentifier=hash authorityKeyIdentifier=keyid "$@"; do echo "$line"; done >"$PKI/$name.ext"
	openssl req -new -key "$PKI/$name.key" -subj "/CN=$subject" -out "$PKI/$name.csr" 2>/dev/null
	openssl x509 -req -in "$PKI/$name.csr" -CA "$PKI/$issuer.pem" -CAkey "$PKI/$issuer.key" -days "$days" \
		-CAcreateserial -extfile "$PKI/$name.ext" -out "$PKI/$name.pem" 2>/dev/null
}

# Make a root, and an intermediate that signs the servers' certificates.
make_authority()
{
	PKI=$BATS_FILE_TMPDIR/pki
	CA=$PKI/root.pem
	export PKI CA
	mkdir "$PKI"
	make_key p256 >"$PKI/root.key"
	openssl req -x509 -new -key "$PKI/root.key" -subj '/CN=test root' -days 30 -addext keyUsage=critical,keyCertSign -out "$PKI/root.pem" 2>/dev/null
	make_key p256 >"$PKI/intermediate.key"
	sign_with root intermediate 'test intermediate' 30 'basicConstraints=critical,CA:TRUE' 'keyUsage=critical,keyCertSign,cRLSign'
	make_leaf server p256
}

# make_leaf NAME TYPE [DAYS]: make NAME.chain (leaf and intermediate) and NAME.key for localhost and 127.0.0.1.
make_leaf()
{
	make_key "$2" >"$PKI/$1.key"
	sign_with intermediate "$1" "$1" "${3:-20}" 'basicConstraints=critical,CA:FALSE' \
		'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' 'extendedKeyUsage=serverAuth'
	cat "$PKI/$1.pem" "$PKI/intermediate.pem" >"$PKI/$1.chain"
}

# use_leaf NAME: give this pair to the server.
use_leaf()
{
	install -m 600 "$PKI/$1.key" "$DIR/etc/key.pem"
	install -m 644 "$PKI/$1.chain" "$DIR/etc/cert.pem"
}

# --- the server ---

# write_tls_config [tls=LINES] [LINE...]: explicit and implicit TLS.
write_tls_config()
{
	local lines=
	case ${1-} in tls=*) lines=${1#tls=} && shift ;; esac
	write_config 'listen = {"127.0.0.1:0"}' 'listen-tls = {"127.0.0.1:0"}' \
		"tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" $lines }" "$@"
}

# start_tls_server [tls=LINES] [LINE...]: with the pair "server" and the account alice.
start_tls_server()
{
	write_tls_config "$@"
	[ -e "$DIR/etc/cert.pem" ] || use_leaf server
	add_user alice secret
	start_server
	find_tls_ports
}

find_tls_ports()
{
	PORT=$(sed -n 's/.* listening .*port=\([0-9]*\) tls="no".*/\1/p' "$LOG" "$DIR/stderr" | tail -n 1)
	TLS_PORT=$(sed -n 's/.* listening .*port=\([0-9]*\) tls="implicit".*/\1/p' "$LOG" "$DIR/stderr" | tail -n 1)
	export PORT TLS_PORT
	[ -n "$PORT" ] && [ -n "$TLS_PORT" ]
}

# The server must not start, and must print this in one line.
refuses_to_start()
{
	run -1 timeout 30 "$BUILD/sallyportd" -f -c "$CONF" 3>&-
	assert_output --regexp "$1"
	run -1 "$BUILD/sallyportd" -t -c "$CONF"
	assert_output --regexp "^sallyportd: [^"$'\n'"]*$1[^"$'\n'"]*$"
}

# Print the SHA-256 of the certificate that the server shows to a new connection.
shown_certificate()
{
	timeout 20 openssl s_client -connect "127.0.0.1:$TLS_PORT" -CAfile "$CA" </dev/null 2>/dev/null |
		openssl x509 -noout -fingerprint -sha256
}

shows_leaf()
{
	[ "$(shown_certificate)" = "$(openssl x509 -in "$PKI/$1.pem" -noout -fingerprint -sha256)" ]
}

# --- clients ---

# curls OPTION... URL: run curl with the root, bounded, silent.
curls()
{
	curl -sS --max-time 60 --cacert "$CA" "$@"
}

# ftps <SCRIPT: run Python with everything of ftps.py.
ftps()
{
	{
		echo 'from ftps import *'
		cat
	} | PYTHONPATH=$BATS_TEST_DIRNAME PYTHONDONTWRITEBYTECODE=1 timeout "${LIMIT:-60}" python3 -
}
