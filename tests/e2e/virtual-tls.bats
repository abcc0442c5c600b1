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

# --- clients ---

# curl_at WAY NAME OPTION...: up and down at a name that no DNS has; WAY is ftp (explicit) or ftps.
curl_at()
{
	local way=$1 name=$2 port=$PORT
	shift 2
	[ "$way" = ftp ] || port=$TLS_PORT
	run -0 curls "$@" --ssl-reqd --resolve "$name:$port:127.0.0.1" -u alice:secret -T "$DIR/up" "$way://$name:$port/up"
	run -0 curls "$@" --ssl-reqd --resolve "$name:$port:127.0.0.1" -u alice:secret -o "$DIR/down" "$way://$name:$port/up"
	cmp "$DIR/up" "$DIR/down"
}

@test "curl verifies the certificate of the name that it asks for, explicit and implicit, and transfers" {
	start_servers
	head -c 300000 /dev/urandom >"$DIR/up"
	local name way version
	for name in rsa.example.org also.example.org ed.example.org localhost; do
		for way in ftp ftps; do
			for version in --tlsv1.3 '--tls-max 1.2'; do
				# shellcheck disable=SC2086 # words
				curl_at "$way" "$name" $version
			done
		done
	done
	# the same pair as the main server, whose certificate is not for it
	run ! curls --ssl-reqd --resolve "same.example.org:$PORT:127.0.0.1" -u alice:secret "ftp://same.example.org:$PORT/"
	assert_output --partial 'same.example.org'
}

@test "lftp verifies the certificate of the name that it asks for, explicit and implicit, and transfers" {
	unshare --mount true 2>/dev/null || skip "no mount namespace here, in which lftp would know the names"
	start_servers
	head -c 300000 /dev/urandom >"$DIR/up"
	{ cat /etc/hosts && echo '127.0.0.1 rsa.example.org ed.example.org same.example.org'; } >"$DIR/hosts"
	local name url
	for name in rsa.example.org ed.example.org; do
		for url in "ftp://$name:$PORT" "ftps://$name:$TLS_PORT"; do
			lftp_at "$url" "put $DIR/up; get up -o $DIR/down.$name"
			cmp "$DIR/up" "$DIR/down.$name"
			rm "$DIR/down.$name"
		done
	done
	run ! lftp_at "ftp://same.example.org:$PORT" "cls"
}

lftp_at()
{
	# shellcheck disable=SC2016 # words of the inner shell
	HOSTS=$DIR/hosts timeout 60 unshare --mount sh -c 'mount --bind "$HOSTS" /etc/hosts && exec lftp -c "$1"' sh \
		"set ssl:ca-file $CA; set ftp:ssl-force yes; set net:max-retries 1; set cmd:fail-exit yes; open -u alice,secret $1; $2"
}

# --- the walls ---

# For ftps: keys() counts the keys of the only session's monitor.
KEYS='
def monitors():
    return [pid for pid in ftp.children(int(os.environ["SERVER_PID"])) if ftp.children(pid)]

def keys_of(pid):
    count = 0
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            count += os.readlink("/proc/%d/fd/%s" % (pid, fd)).startswith("/memfd:key")
        except FileNotFoundError:  # closed meanwhile
            pass
    return count

def keys():
    ftp.wait_until(lambda: len(monitors()) == 1 and ftp.children(monitors()[0]), "one session")
    [pid] = monitors()
    for child in ftp.children(pid):
        ftp.wait_until(lambda: keys_of(child) == 0, "no key in protocol")
    return keys_of(pid)

def no_session():
    ftp.wait_until(lambda: not monitors(), "the end of the session")
'

@test "a monitor has the keys of servers that its client may name, and from the handshake on one" {
	start_servers
	ftps <<-END
		$NAMED
		$KEYS
		for name in 'rsa.example.org', 'ed.example.org', 'same.example.org', None:
		    c = Control()
		    assert keys() == 3, keys()      # the main server's, rsa and ed
		    named(c, name)
		    assert keys() == 1, keys()
		    c.login()
		    assert keys() == 1, keys()
		    c.close()
		    no_session()
	END
	PORT=$(port_at 127.0.0.2 no) ftps <<-END
		$NAMED
		$KEYS
		ftp.HOST = '127.0.0.2'
		c = Control()
		assert keys() == 1, keys()
	END
}

# write_many COUNT: that many servers, each with a pair of its own, and the main one.
write_many()
{
	local i sections=
	for ((i = 1; i <= $1; i++)); do
		[ -e "$DIR/etc/s$i.pem" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 20 \
			-subj "/CN=s$i.example.org" -keyout "$DIR/etc/s$i.key" -out "$DIR/etc/s$i.pem" 2>/dev/null
		sections+=$(section "s$i.example.org" "s$i")$'\n'
	done
	[ "$1" -eq 0 ] || chmod 600 "$DIR"/etc/s*.key
	use_leaf server
	write_tls_config "$sections"
}

@test "with 64 servers a session keeps 64 KiB more at most, and has one key" {
	skip_if_asan "sanitizers keep memory of their own"
	local count
	for count in 0 64; do
		write_many "$count"
		[ "$count" -gt 0 ] || add_user alice secret
		start_server
		find_tls_ports
		COUNT=$count ftps >"$DIR/kib.$count" <<-END
			$NAMED
			$KEYS
			count = int(os.environ['COUNT'])
			for i in range(3):  # the first one finds the pages of the libraries untouched
			    c = Control(tls=context(TLS13))
			    assert keys() == count + 1, keys()
			    c.context.check_hostname = False
			    c.context.verify_mode = ssl.CERT_NONE
			    named(c, 's%d.example.org' % count if count else 'localhost').login()
			    assert keys() == 1, keys()
			    kib = sum(ftp.sessions_kib())
			    c.close()
			    no_session()
			print(kib)
		END
		stop_server
	done
	echo "# KiB of an idle session over TLS, with one server and with 65: $(cat "$DIR/kib.0" "$DIR/kib.64" | xargs)" >&3
	[ "$(cat "$DIR/kib.64")" -le $(($(cat "$DIR/kib.0") + 64)) ]
}

# --- while it runs ---

# A client at ed.example.org that transfers until the file done is there.
session_at_ed()
{
	ftps <<-END
		$NAMED
		c = named(Control(), 'ed.example.org')
		shown(c, 'ed')
		c.login()
		open(os.environ['DIR'] + '/began', 'w').close()
		deadline = time.monotonic() + 50
		while not os.path.exists(os.environ['DIR'] + '/done'):
		    assert time.monotonic() < deadline
		    end(c, data(c, 'LIST', 'ed.example.org', c.socket.session))
		    d = data(c, 'LIST', 'ed.example.org', None)
		    shown_by(d, 'ed')	# a handshake of its own
		    end(c, d)
		    time.sleep(0.1)
		shown(c, 'ed')
	END
}

shows_renewed()
{
	(shows renewed -servername ed.example.org) >/dev/null 2>&1
}

@test "one certificate is renewed by itself while sessions run: they go on with theirs, and others notice nothing" {
	start_servers tls='require-data-reuse = no'
	session_at_ed >"$DIR/session" 2>&1 &
	local session=$!
	wait_until test -e "$DIR/began"
	use_pair renewed ed
	wait_until -t 45 shows_renewed
	log_has ' info certificate .*server="ed.example.org" .*file="[^"]*/ed.pem"'
	shows rsa -servername rsa.example.org
	shows server -noservername
	: >"$DIR/done"
	wait "$session" || { cat "$DIR/session" && return 1; }
	assert_equal "$(log_count ' certificate-refused ')" 0
}

@test "a bad pair of one server keeps no other from being renewed, and its old one stays" {
	start_servers
	install -m 600 "$PKI/renewed.key" "$DIR/etc/rsa.key"
	use_pair renewed ed
	wait_until -t 60 shows_renewed
	wait_until -t 45 log_has " error certificate-refused .*private key '$DIR/etc/rsa.key' does not belong to certificate"
	wait_until log_has ' error certificate-refused .*server="rsa.example.org" .*the certificate in force stays'
	shows rsa -servername rsa.example.org
}

@test "a reload with a bad pair of one server is refused, with file, line and server, and all old ones stay" {
	start_servers
	use_pair renewed ed
	install -m 600 "$PKI/renewed.key" "$DIR/etc/rsa.key"
	run -1 ctl reload
	assert_line --regexp "^sallyportctl: $CONF:[0-9]+: server \"rsa.example.org\": certificate: private key '$DIR/etc/rsa.key' does not belong"
	assert_line --regexp 'the configuration in force stays'
	shows rsa -servername rsa.example.org
	rm "$DIR/etc/own.pem"
	run -1 ctl reload	# each that is bad is told
	assert_line --regexp 'server "rsa.example.org": certificate: '
	assert_line --regexp "server \"own.example.org\": certificate: cannot open '$DIR/etc/own.pem'"
	shows own -h 127.0.0.2
	use_pair rsa
	use_pair own
	run -0 ctl reload
	shows renewed -servername ed.example.org
}

@test "the start names the pair that it cannot use" {
	start_servers
	stop_server
	rm "$DIR/etc/own.pem"
	run -1 timeout 30 "$BUILD/sallyportd" -f -c "$CONF" 3>&-
	assert_line --regexp "cannot open '$DIR/etc/own.pem': No such file"
	assert_line --regexp "certificate '$DIR/etc/own.pem' and key '$DIR/etc/own.key' cannot be used; see the line above"
}

# expire FILE: a certificate of the key of FILE that has ended.
expire()
{
	mkdir -p "$DIR/ca"
	: >"$DIR/ca/index"
	printf '%s\n' '[ca]' 'default_ca=d' '[d]' "new_certs_dir=$DIR/ca" "database=$DIR/ca/index" 'rand_serial=yes' \
		'default_md=default' 'policy=p' '[p]' 'commonName=supplied' >"$DIR/ca/conf"
	openssl req -new -key "$DIR/etc/$1.key" -subj /CN=expired -out "$DIR/ca/csr" 2>/dev/null
	openssl ca -batch -selfsign -config "$DIR/ca/conf" -keyfile "$DIR/etc/$1.key" -in "$DIR/ca/csr" \
		-startdate 20200101000000Z -enddate 20210101000000Z -notext -out "$DIR/etc/$1.pem" 2>/dev/null
}

@test "one that has expired is told by everything under its server's name, and replaces no good one" {
	start_servers 'metrics-listen = "127.0.0.1:0"'
	assert_equal "$(shows ed -servername ed.example.org)" ''
	expire rsa
	run -1 ctl reload
	assert_output --partial "server \"rsa.example.org\": certificate: certificate '$DIR/etc/rsa.pem' has expired"
	run -1 ctl upgrade
	assert_output --partial "certificate '$DIR/etc/rsa.pem' has expired; renew it; it does not replace that of the running server"
	shows rsa -servername rsa.example.org
	run -0 ctl status
	assert_output --regexp "certificate: +good until [-0-9]+, $DIR/etc/cert.pem"$'\n'
	assert_output --regexp " good until [-0-9]+, $DIR/etc/rsa.pem, of rsa.example.org"

	stop_server	# now there is no better one
	rm "$LOG"
	start_server
	find_tls_ports
	wait_until log_has " error certificate-ends .*server=\"rsa.example.org\" .*certificate '$DIR/etc/rsa.pem' has expired"
	assert_equal "$(log_count ' error certificate-ends ')" 1
	run -0 ctl status
	assert_output --regexp " has expired; renew it; until 2021-01-01, $DIR/etc/rsa.pem, of rsa.example.org"
	assert_equal "$(ctl --json status | jq -r '.certificate.problem, (.certificates[] | select(.problem) | .server)')" $'null\nrsa.example.org'
	run -0 ctl config check
	assert_output --regexp "$CONF:[0-9]+: server \"rsa.example.org\": certificate: certificate '$DIR/etc/rsa.pem' has expired; renew it"
	run -0 ctl metrics
	assert_line --regexp '^sallyport_certificate_days_left 1[89]$'
	assert_line --regexp '^sallyport_certificate_days_left\{server="rsa.example.org"\} -[0-9]+$'
	assert_line --regexp '^sallyport_certificate_days_left\{server="same.example.org"\} 1[89]$'
	run -0 ctl upgrade	# it replaces no better one
	SERVER_PID=$(cat "$DIR/run/sallyportd.pid")
	use_pair rsa
	run -0 ctl reload
	shows rsa -servername rsa.example.org
}

@test "config check warns of a certificate that is not for a name of its server" {
	start_servers
	run -0 ctl config check
	assert_line --regexp "$CONF:[0-9]+: server \"same.example.org\": certificate: '$DIR/etc/cert.pem' is not for 'same.example.org', and clients"
	assert_equal "$(grep -c 'is not for' <<<"$output")" 1
	# an address is a name as well
	cp "$CONF" "$DIR/good.conf"
	sed -i 's/^server "same.example.org" {/& names = "127.0.0.1,127.0.0.9"\n/' "$CONF"
	run -0 ctl config check
	assert_line --partial "is not for '127.0.0.9', "
	refute_line --partial "is not for '127.0.0.1', "
	cp "$DIR/good.conf" "$CONF"
	use_pair renewed rsa
	run -0 ctl config check
	assert_line --regexp "server \"rsa.example.org\": certificate: '$DIR/etc/rsa.pem' is not for 'rsa.example.org', "
	assert_line --regexp "is not for 'also.example.org', "
	install -m 600 "$PKI/own.key" "$DIR/etc/rsa.key"
	run -1 ctl config check
	assert_line --regexp "server \"rsa.example.org\": certificate: private key '$DIR/etc/rsa.key' does not belong"
}

@test "servers come and go with a reload, and each session goes on with its own" {
	start_servers tls='require-data-reuse = no'
	session_at_ed >"$DIR/session" 2>&1 &
	local session=$!
	wait_until test -e "$DIR/began"
	write_tls_config tls='require-data-reuse = no' "$(section ed.example.org rsa)"
	run -0 ctl reload
	shows server -servername rsa.example.org
	shows rsa -servername ed.example.org
	: >"$DIR/done"
	wait "$session" || { cat "$DIR/session" && return 1; }
	run -0 ctl status
	assert_equal "$(grep -c ' of [a-z]*.example.org$' <<<"$output")" 1
}

# --- with the rest of a server ---

@test "implicit TLS greets with the banner of the server that the client names, and logs in to its accounts" {
	use_pair ed
	use_leaf server
	install -m 600 /dev/null "$DIR/etc/ed.users"
	write_tls_config 'banner = "the main one"' \
		"$(section ed.example.org ed "accounts = \"$DIR/etc/ed.users\"" 'banner = "that of ed"' "home-directory = \"$DIR/ed\"")"
	install -d "$DIR/ed"
	add_user alice secret
	printf 'another\n' | ctl user add alice --server ed.example.org --password-stdin
	start_server
	find_tls_ports
	ftps <<-'END'
		def greeted(name, text):
		    raw = socket.create_connection((HOST, TLS_PORT), WAIT_S)
		    made = context()
		    made.check_hostname = False
		    c = made.wrap_socket(raw, server_hostname=name)
		    assert receive_line(c) == text, text
		    return c

		def receive_line(c):
		    line = b''
		    while not line.endswith(b'\r\n'):
		        line += c.recv(1)
		    return line.decode()

		def logs_in(c, password, code):
		    c.sendall(b'USER alice\r\n')
		    receive_line(c)
		    c.sendall(b'PASS %s\r\n' % password)
		    line = receive_line(c)
		    assert line.startswith(code), line

		for name in None, 'localhost':
		    logs_in(greeted(name, '220 the main one\r\n'), b'secret', '230')
		    logs_in(greeted(name, '220 the main one\r\n'), b'another', '530')
		logs_in(greeted('ED.example.org', '220 that of ed\r\n'), b'another', '230')
		logs_in(greeted('ed.example.org', '220 that of ed\r\n'), b'secret', '530')
	END
}

@test "sallyportctl cert shows and makes the pair of one server" {
	use_leaf server
	use_pair rsa
	write_tls_config "$(section rsa.example.org rsa)" "$(section new.example.org new 'names = "more.example.org"')" \
		"$(section same.example.org '')"
	run -0 ctl cert show --server rsa.example.org
	assert_line "certificate    $DIR/etc/rsa.pem"
	assert_line --regexp '^names +DNS:rsa.example.org, DNS:also.example.org$'
	run -0 ctl cert show
	assert_line "certificate    $DIR/etc/cert.pem"
	run -1 ctl cert show --server new.example.org
	run -0 ctl cert self-signed --server new.example.org
	run -0 ctl cert show --server NEW.example.org
	assert_line --regexp '^names +DNS:new.example.org, DNS:more.example.org$'
	assert_line 'key matches    yes'
	run -1 ctl cert self-signed --server same.example.org --force
	assert_output --partial "server 'same.example.org' shows the certificate of the main server; set certificate and key in its section"
	run -2 ctl cert show --server nobody.example.org
	assert_output --partial "no section 'server \"nobody.example.org\"'"
	cmp "$PKI/server.key" "$DIR/etc/key.pem"
}

@test "a server that clients reach by its name alone needs a certificate at its address" {
	use_pair ed
	write_config "$(section ed.example.org ed)"
	run -1 ctl config check
	assert_output --regexp "$CONF:[0-9]+: server \"ed.example.org\": certificate: clients that name no server in TLS would have none; set tls.certificate, or give"
	write_config "$(section ed.example.org ed 'address = {"127.0.0.2"}')"
	run -0 ctl config check
}

@test "listen-tls needs no certificate of the main server, where each of its addresses is that of a server with one" {
	use_pair ed
	write_config 'listen = {"127.0.0.1:0", "127.0.0.2:0"}' 'listen-tls = {"127.0.0.2:0"}' \
		"$(section ed.example.org ed 'address = {"127.0.0.2"}')"
	run -0 ctl config check
	add_user alice secret
	start_server
	# with and without a name, and with that of another server
	shows ed -h 127.0.0.2 -servername ed.example.org
	shows ed -h 127.0.0.2 -noservername
	shows ed -h 127.0.0.2 -servername elsewhere.example.org
	run -0 curl -sS --cacert "$CA" --connect-to "ed.example.org::127.0.0.2:" --user alice:secret \
		"ftps://ed.example.org:$(port_at 127.0.0.2 implicit)/"
	stop_server
	# one address without such a server is enough
	for addresses in '"127.0.0.2:0", "127.0.0.1:0"' '"*:0"'; do
		write_config "listen-tls = {$addresses}" "$(section ed.example.org ed 'address = {"127.0.0.2"}')"
		run -1 ctl config check
		assert_output --regexp "$CONF:[0-9]+: listen-tls: needs a certificate; set tls.certificate and tls.key, outside of all sections, or give each address here, without \"\\*\", to a section server"
	done
}
