#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Several servers in one, each with a certificate: which one a client is shown, and what happens to each of them.

load lib
load tls-lib

# make_server_leaf FILE TYPE NAME[,NAME]... [DAYS]: a pair for a server of these names.
make_server_leaf()
{
	make_key "$2" >"$PKI/$1.key"
	sign_with intermediate "$1" "$1" "${4:-20}" 'basicConstraints=critical,CA:FALSE' \
		"subjectAltName=DNS:${3//,/,DNS:}" 'extendedKeyUsage=serverAuth'
	cat "$PKI/$1.pem" "$PKI/intermediate.pem" >"$PKI/$1.chain"
}

# For ftps: named() begins TLS with a name; data() opens a data connection that does.
NAMED='
def named(c, name, session=None):
    c.ask("AUTH TLS", 234)
    c.context.check_hostname = False
    c.socket = c.context.wrap_socket(c.socket, server_hostname=name, session=session)
    return c

def data(c, command, name, session):
    raw = c.connect()
    c.ask(command, 150)
    return c.context.wrap_socket(raw, server_hostname=name, session=session, suppress_ragged_eofs=False)

def end(c, d):
    receive(d)
    d.unwrap().close()
    c.expect(226)

def shown_by(connection, leaf):
    pem = open(os.environ["PKI"] + "/" + leaf + ".pem").read()
    assert connection.getpeercert(True) == ssl.PEM_cert_to_DER_cert(pem), leaf

def shown(c, leaf):
    shown_by(c.socket, leaf)
'

setup_file()
{
	make_authority
	make_server_leaf rsa rsa2048 rsa.example.org,also.example.org
	make_server_leaf ed ed25519 ed.example.org
	make_server_leaf own p384 own.example.org
	make_server_leaf renewed p256 ed.example.org
}

setup()
{
	new_place
	export DIR
}

teardown()
{
	end_place
}

# use_pair NAME [AS]: put the pair where the server AS looks for it.
use_pair()
{
	install -m 600 "$PKI/$1.key" "$DIR/etc/${2:-$1}.key"
	install -m 644 "$PKI/$1.chain" "$DIR/etc/${2:-$1}.pem"
}

# section NAME FILE [LINE]...: print a section of the configuration; FILE "": no pair of its own.
section()
{
	local name=$1 file=$2
	shift 2
	printf 'server "%s" {\n' "$name"
	[ -z "$file" ] || printf 'certificate = "%s"\nkey = "%s"\n' "$DIR/etc/$file.pem" "$DIR/etc/$file.key"
	[ $# -eq 0 ] || printf '%s\n' "$@"
	echo '}'
}

# write_servers [tls=LINES] [LINE...]
# Three servers at all addresses but one: by name, one without a certificate; and one that has 127.0.0.2 for itself.
write_servers()
{
	local sections tls=
	case ${1-} in tls=*) tls=${1#tls=} && shift ;; esac
	sections=$(section rsa.example.org rsa 'names = "also.example.org"' &&
		section ed.example.org ed &&
		section same.example.org '' &&
		section own.example.org own 'address = {"127.0.0.2"}')
	write_config 'listen = {"127.0.0.2:0", "127.0.0.1:0"}' 'listen-tls = {"127.0.0.2:0", "127.0.0.1:0"}' \
		"tls { certificate = \"$DIR/etc/cert.pem\" key = \"$DIR/etc/key.pem\" $tls }" "$@" "$sections"
}

# port_at ADDRESS no|implicit
port_at()
{
	sed -n "s/.* listening address=$1 .*port=\([0-9]*\) tls=\"$2\".*/\1/p" "$LOG" | tail -n 1
}

start_servers()
{
	local name
	for name in rsa ed own; do use_pair "$name"; done
	use_leaf server
	write_servers "$@"
	add_user alice secret
	start_server
	PORT=$(port_at 127.0.0.1 no)
	TLS_PORT=$(port_at 127.0.0.1 implicit)
	export PORT TLS_PORT
}

# fingerprint FILE: of the leaf of a pair.
fingerprint()
{
	openssl x509 -in "$PKI/$1.pem" -noout -fingerprint -sha256
}

# shows LEAF [-h HOST] [OPTION...]: what a new connection is shown, explicit and implicit.
shows()
{
	local leaf=$1 host=127.0.0.1 way
	shift
	case ${1-} in -h) host=$2 && shift 2 ;; esac
	for way in "$(port_at "$host" no) -starttls ftp" "$(port_at "$host" implicit)"; do
		# shellcheck disable=SC2086 # words
		timeout 20 openssl s_client -connect $host:$way "$@" -CAfile "$CA" </dev/null >"$DIR/s_client" 2>&1 || :
		assert_equal "$(openssl x509 -in "$DIR/s_client" -noout -fingerprint -sha256)" "$(fingerprint "$leaf")"
	done
}

@test "the certificate by the name in TLS, explicit and implicit, TLS 1.2 and 1.3, with three types of keys side by side" {
	start_servers
	for version in -tls1_2 -tls1_3; do
		shows server $version -noservername
		shows server $version -servername localhost
		shows server $version -servername same.example.org
		shows rsa $version -servername rsa.example.org
		shows rsa $version -servername ALSO.example.org
		shows ed $version -servername ed.example.org
	done
	# the whole chain of the chosen one verifies, for its name
	shows ed -servername ed.example.org -verify_return_error -verify_hostname ed.example.org
	grep -q 'Verify return code: 0 (ok)' "$DIR/s_client"
	assert_equal "$(log_count ' tls-failed ')" 0
}

@test "an unknown name gets the certificate of the address, and no alert" {
	start_servers 'server-name = "localhost"'
	shows server -servername nobody.example.org
	shows own -h 127.0.0.2 -noservername
	shows own -h 127.0.0.2 -servername own.example.org
	shows own -h 127.0.0.2 -servername rsa.example.org	# another server's name, which is not at this address
	shows server -servername own.example.org	# and the other way round
	run ! grep -q alert "$DIR/s_client"
	assert_equal "$(log_count ' tls-failed ')" 0
}

@test "the server acknowledges a name that it has used" {
	start_servers 'server-name = "localhost"'
	shows rsa -servername rsa.example.org -tlsextdebug
	assert_equal "$(grep -c '^TLS server extension "server name" (id=0), len=0' "$DIR/s_client")" 1
	shows server -servername nobody.example.org -tlsextdebug
	assert_equal "$(grep -c '^TLS server extension "server name"' "$DIR/s_client")" 0
}

@test "HOST in clear chooses the certificate of a client that names no server in TLS, and must agree with one that does" {
	start_servers
	ftps <<-END
		$NAMED
		for version in TLS12, TLS13:
		    for host, leaf in ('rsa.example.org', 'rsa'), ('ED.example.org', 'ed'), ('same.example.org', 'server'):
		        c = Control(tls=context(version))
		        c.ask('HOST ' + host, 220)
		        named(c, None)
		        shown(c, leaf)
		        c = Control(tls=context(version))
		        c.ask('HOST ' + host, 220)
		        named(c, host)
		        shown(c, leaf)
		    c = Control(tls=context(version))
		    c.ask('HOST rsa.example.org', 220)
		    named(c, 'ed.example.org')
		    shown(c, 'rsa')
		    c.expect(421)
		    assert c.at_end() == b''
		    c = named(Control(tls=context(version)), 'rsa.example.org')
		    c.ask('HOST ed.example.org', 504)
		    c.ask('HOST rsa.example.org', 220)
	END
	wait_until log_has ' tls-failed .*HOST and TLS name different servers'
}

@test "data connections show the certificate of the control connection, and resume its session alone" {
	start_servers tls='require-data-reuse = no'
	ftps <<-END
		$NAMED
		for version, tickets in (TLS12, True), (TLS12, False), (TLS13, True):
		    for name, leaf in ('rsa.example.org', 'rsa'), ('ed.example.org', 'ed'), ('localhost', 'server'):
		        c = named(Control(tls=context(version, tickets)), name)
		        shown(c, leaf)
		        c.login()
		        for data_name in name, 'rsa.example.org', 'ed.example.org', None:
		            for i in range(2):
		                d = data(c, 'LIST', data_name, c.socket.session)
		                assert d.session_reused, (version, tickets, name, data_name)
		                end(c, d)
		            d = data(c, 'LIST', data_name, None)
		            assert not d.session_reused
		            shown_by(d, leaf)
		            end(c, d)
	END
	assert_equal "$(log_count ' tls-failed ')" 0
}

@test "the session of one server is not resumed at another" {
	start_servers
	ftps <<-END
		$NAMED
		for version in TLS12, TLS13:
		    first = named(Control(tls=context(version)), 'rsa.example.org').login()
		    c = Control(tls=first.context)
		    named(c, 'ed.example.org', first.socket.session)
		    assert not c.socket.session_reused
		    shown(c, 'ed')
		    c.login()
		    d = None
		    try:
		        d = data(c, 'LIST', 'ed.example.org', first.socket.session)
		    except (OSError, Unexpected):
		        pass
		    assert d is None or not d.session_reused
		    c.expect(522)
	END
}
