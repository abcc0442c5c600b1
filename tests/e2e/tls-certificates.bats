#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Certificates: checked before the start, replaced while the server runs, made and shown by sallyportctl.

load lib
load tls-lib

setup_file()
{
	make_authority
	make_leaf other p256
	make_leaf soon p256 5
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

# --- before the start ---

@test "a missing file, one that is no PEM, and no plain file: one line names it" {
	write_tls_config
	refuses_to_start "cannot open '$DIR/etc/cert.pem': No such file or directory; name one that exists; where both are missing, 'sallyportctl setup' makes a pair"
	use_leaf server
	rm "$DIR/etc/key.pem"
	refuses_to_start "cannot open '$DIR/etc/key.pem': No such file"
	use_leaf server
	echo rubbish >"$DIR/etc/cert.pem"
	refuses_to_start "'$DIR/etc/cert.pem' holds no PEM certificate"
	use_leaf server
	: >"$DIR/etc/key.pem"
	refuses_to_start "'$DIR/etc/key.pem' holds no PEM private key"
	use_leaf server
	rm "$DIR/etc/key.pem"
	mkfifo -m 600 "$DIR/etc/key.pem"
	refuses_to_start "'$DIR/etc/key.pem' is not a plain file"
	use_leaf server
	truncate -s 10M "$DIR/etc/cert.pem"
	refuses_to_start "cannot read '$DIR/etc/cert.pem': File too large"
}

@test "a key that others can use, by mode or by owner" {
	write_tls_config
	use_leaf server
	chmod 644 "$DIR/etc/key.pem"
	refuses_to_start "private key '$DIR/etc/key.pem' can be read or changed by others .mode 0644.; chmod 600 it"
	chmod 660 "$DIR/etc/key.pem"
	refuses_to_start 'mode 0660'
	chmod 600 "$DIR/etc/key.pem"
	chown sallyport "$DIR/etc/key.pem"
	refuses_to_start "private key '$DIR/etc/key.pem' belongs to uid [0-9]+"
	chown root "$DIR/etc/key.pem"
	chmod 640 "$DIR/etc/key.pem"
	start_tls_server
}

@test "a pair that does not belong together, a passphrase, an unknown kind of key, a short one" {
	write_tls_config
	use_leaf server
	install -m 600 "$PKI/other.key" "$DIR/etc/key.pem"
	refuses_to_start "private key '$DIR/etc/key.pem' does not belong to certificate '$DIR/etc/cert.pem'"
	openssl pkey -in "$PKI/server.key" -aes128 -passout pass:x -out "$DIR/etc/key.pem"
	refuses_to_start "'$DIR/etc/key.pem' holds no PEM private key, or one with a passphrase"
	local type
	for type in 'EC -pkeyopt ec_paramgen_curve:secp256k1' rsa1024 ED448; do
		# shellcheck disable=SC2086 # words of openssl genpkey
		make_key $type >"$PKI/odd.key"
		sign_with intermediate odd odd 5 'subjectAltName=DNS:localhost'
		cp "$PKI/odd.pem" "$PKI/odd.chain"
		use_leaf odd
		refuses_to_start 'is of a type that is not supported'
	done
}

# A wrong clock at boot must not keep the server down: clients check dates.
@test "a certificate that has expired, or is not valid yet, is served with an error in the log, and told by everything" {
	write_tls_config
	use_leaf server
	for row in '20200101000000Z 20210101000000Z has.expired' '20900101000000Z 20910101000000Z is.not.valid.yet'; do
		# shellcheck disable=SC2086 # words
		set -- $row
		cert_from_to "$1" "$2"
		rm -f "$LOG"
		run -0 "$BUILD/sallyportd" -t -c "$CONF"
		assert_output --regexp "certificate '$DIR/etc/cert.pem' $3; .* \(warning\)"
		run -0 ctl config check
		assert_output --regexp "certificate '$DIR/etc/cert.pem' $3; .* \(warning\)"
		start_server
		find_tls_ports
		wait_until log_has " error certificate-ends .*certificate '$DIR/etc/cert.pem' $3; .*used all the same"
		[ -n "$(shown_certificate)" ]
		run -0 ctl status
		assert_output --regexp "certificate: +$3; .*$DIR/etc/cert.pem"
		stop_server INT
	done
}

@test "one that is out of its dates replaces none that is good; a good one replaces it by itself" {
	start_tls_server
	before=$(shown_certificate)
	cert_from_to 20200101000000Z 20210101000000Z
	run -1 ctl reload
	assert_output --partial 'has expired'
	assert_equal "$(shown_certificate)" "$before"
	run -0 ctl status
	assert_output --regexp 'certificate: +good until [0-9-]+, '
	# an upgrade does not warn either
	run -1 ctl upgrade
	assert_output --partial "certificate '$DIR/etc/cert.pem' has expired"
	assert_output --partial 'it does not replace that of the running server, which is in date'
	assert_output --partial 'this one goes on'
	assert_equal "$(shown_certificate)" "$before"
	stop_server INT
	rm -f "$LOG"
	start_server	# now there is no other
	find_tls_ports
	run -0 ctl upgrade
	SERVER_PID=$(cat "$DIR/run/sallyportd.pid")
	find_tls_ports
	run -0 ctl reload
	use_leaf server
	wait_until -t 40 log_has ' info certificate .*days_left=[1-9]'
	run -0 ctl status
	assert_output --regexp 'certificate: +good until '
}

@test "what is wrong with a pair beside its dates stops the start" {
	write_tls_config
	use_leaf server
	cert_from_to 20200101000000Z 20210101000000Z
	install -m 600 "$PKI/other.key" "$DIR/etc/key.pem"
	refuses_to_start "private key '$DIR/etc/key.pem' does not belong"
}

@test "status says whether the kernel encrypts, and why not" {
	start_tls_server
	run -0 ctl status
	if log_has ' certificate .*kernel_tls="yes"'; then
		assert_line --regexp '^kernel TLS: +on, for downloads'
	else
		assert_line --regexp "^kernel TLS: +off: .*(modprobe tls|built without it)"
	fi
	run -0 ctl --json status
	assert_equal "$(jq -r .certificate.file <<<"$output")" "$DIR/etc/cert.pem"
	stop_server INT
	write_config
	start_server
	run -0 ctl status
	assert_line --regexp '^certificate: +none, TLS is off'
}

# cert_from_to START END: make a self-signed certificate of the key in force.
cert_from_to()
{
	mkdir -p "$DIR/ca"
	: >"$DIR/ca/index"
	printf '%s\n' '[ca]' 'default_ca=d' '[d]' "new_certs_dir=$DIR/ca" "database=$DIR/ca/index" 'rand_serial=yes' \
		'default_md=sha256' 'policy=p' '[p]' 'commonName=supplied' >"$DIR/ca/conf"
	openssl req -new -key "$DIR/etc/key.pem" -subj /CN=localhost -out "$DIR/ca/csr" 2>/dev/null
	openssl ca -batch -selfsign -config "$DIR/ca/conf" -keyfile "$DIR/etc/key.pem" -in "$DIR/ca/csr" -startdate "$1" \
		-enddate "$2" -notext -out "$DIR/etc/cert.pem" 2>/dev/null
}

@test "config check tells the same, and -t is good with a good pair" {
	write_tls_config
	use_leaf server
	ctl config check
	run -0 "$BUILD/sallyportd" -t -c "$CONF"
	install -m 600 "$PKI/other.key" "$DIR/etc/key.pem"
	run -1 ctl config check
	assert_output --partial "sallyport.conf: tls: private key '$DIR/etc/key.pem' does not belong"
	run -1 ctl --json config check
	assert_output --partial '"good": false'
}

@test "fewer than 14 days left are a warning" {
	use_leaf soon
	start_tls_server
	wait_until log_has ' warning certificate-ends .*days_left=[45] .*renew'
}

# --- while it runs ---

@test "SIGHUP puts a new pair in force; running sessions go on with theirs" {
	start_tls_server
	shows_leaf server
	ftps <<-'END'
		import signal, subprocess
		c = Control().login()
		subprocess.run('install -m 600 $PKI/other.key $DIR/etc/key.pem; install -m 644 $PKI/other.chain $DIR/etc/cert.pem',
		               shell=True, check=True)
		os.kill(int(os.environ['SERVER_PID']), signal.SIGHUP)
		for i in range(20):
		    c.put('file', b'1')
		    time.sleep(0.05)
	END
	wait_until shows_leaf other
}

@test "a bad pair at SIGHUP leaves the old one in force, and says why" {
	start_tls_server
	install -m 600 "$PKI/other.key" "$DIR/etc/key.pem"
	kill -HUP "$SERVER_PID"
	wait_until log_has ' error certificate-refused .*does not belong to certificate'
	shows_leaf server
	ftps <<<"Control().login().put('file', b'1')"
	use_leaf other
	kill -HUP "$SERVER_PID"
	wait_until shows_leaf other
}

@test "a certificate taken out of the configuration is gone with SIGHUP, and comes back" {
	start_tls_server
	write_config
	kill -HUP "$SERVER_PID"
	wait_until log_has ' reload .*configuration in force'	# before that, its port may be the one of implicit TLS
	wait_until offers_no_tls
	write_tls_config
	kill -HUP "$SERVER_PID"
	wait_until log_has ' listening .*tls="implicit"'
	wait_until offers_tls
}

offers_tls()
{
	find_tls_ports
	ftp_close
	ftp_open
	ftp 'AUTH TLS' 234
}

offers_no_tls()
{
	find_ports
	ftp_close
	ftp_open
	ftp 'AUTH TLS' 502
}

@test "symlinks that are swapped under load, as ACME clients do: no session fails, and the new pair is found by itself" {
	mkdir -p "$DIR/etc/archive" "$DIR/etc/live"
	local name
	for name in server other; do
		install -m 600 "$PKI/$name.key" "$DIR/etc/archive/$name.key"
		install -m 644 "$PKI/$name.chain" "$DIR/etc/archive/$name.chain"
	done
	ln -s ../archive/server.key "$DIR/etc/live/key.pem"
	ln -s ../archive/server.chain "$DIR/etc/live/cert.pem"
	ln -s live/cert.pem "$DIR/etc/cert.pem"
	ln -s live/key.pem "$DIR/etc/key.pem"
	start_tls_server
	ftps >"$DIR/load" <<-'END' &
		done = failed = 0
		deadline = time.monotonic() + 45
		while time.monotonic() < deadline and not os.path.exists(os.environ['DIR'] + '/enough'):
		    try:
		        c = Control(implicit=done % 2 == 0).login()
		        c.put('file%d' % (done % 7), b'x' * 20000)
		        c.ask('QUIT', 221)
		        done += 1
		    except Exception as error:
		        print(repr(error))
		        failed += 1
		print('%d done, %d failed' % (done, failed))
	END
	local load=$!
	sleep 1
	# certbot writes one file after the other: a look in between finds half a pair, and keeps the old one
	ln -s ../archive/other.chain "$DIR/etc/live/new" && mv -T "$DIR/etc/live/new" "$DIR/etc/live/cert.pem"
	sleep 0.2
	ln -s ../archive/other.key "$DIR/etc/live/new" && mv -T "$DIR/etc/live/new" "$DIR/etc/live/key.pem"
	wait_until -t 45 shows_leaf other
	: >"$DIR/enough"
	wait "$load"
	run -0 tail -n 1 "$DIR/load"
	assert_output --regexp '^[1-9][0-9]+ done, 0 failed$'
}

# --- sallyportctl ---

@test "cert self-signed: a pair that the server takes and clients verify" {
	write_tls_config
	run -0 ctl cert self-signed --name localhost --name 127.0.0.1 --name ::1
	assert_output --partial 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'
	assert_equal "$(stat -c %a "$DIR/etc/key.pem")" 600
	assert_equal "$(stat -c %a "$DIR/etc/cert.pem")" 644
	run -0 ctl cert show
	assert_output --partial 'key matches    yes'
	assert_output --regexp 'days left      82[45]'
	CA=$DIR/etc/cert.pem
	start_tls_server
	curls --ssl-reqd -u alice:secret "ftp://127.0.0.1:$PORT/"
	curls --ssl-reqd -u alice:secret "ftp://localhost:$PORT/"
	timeout 30 lftp -c "set ssl:ca-file $CA; set ftp:ssl-force yes; set net:max-retries 1; open -u alice,secret localhost:$PORT; cls"
	run ! curls --ssl-reqd -u alice:secret "ftp://127.0.0.2:$PORT/"
	ftps <<<"Control().login().put('file', b'1')"
}

@test "cert self-signed replaces nothing without --force, and a running server takes the new pair" {
	start_tls_server
	run -1 ctl cert self-signed
	assert_output --partial "'$DIR/etc/cert.pem' exists; nothing was changed; --force"
	rm "$DIR/etc/cert.pem"
	run -1 ctl cert self-signed
	assert_output --partial "'$DIR/etc/key.pem' exists"
	cmp "$DIR/etc/key.pem" "$PKI/server.key"
	assert_equal "$(find "$DIR/etc" -name '*.pem*')" "$DIR/etc/key.pem"
	run -0 ctl cert self-signed --force --name localhost --days 30
	CA=$DIR/etc/cert.pem
	kill -HUP "$SERVER_PID"
	wait_until curls --ssl-reqd -u alice:secret "ftp://localhost:$PORT/"
}

@test "cert self-signed: names, days and places that are wrong" {
	write_tls_config
	local name
	for name in 'a b' 'a,DNS:b' '' '.' 'a..b' '-' "$(printf 'x%.0s' {1..70})" '*' 'a.*' $'a\nb' 'a:b'; do
		[ "$name" != - ] || continue
		run -1 ctl cert self-signed --name "$name"
		assert_output --partial 'is neither a host name nor an address'
	done
	for name in 0 3651 -1 x ''; do
		run -2 ctl cert self-signed --days "$name"
	done
	[ ! -e "$DIR/etc/key.pem" ]
	sed -i 's|/etc/key.pem|/nowhere/key.pem|' "$CONF"
	run -1 ctl cert self-signed --name localhost
	assert_output --partial "cannot write '$DIR/nowhere/key.pem': No such file or directory; nothing was changed"
	[ ! -e "$DIR/etc/cert.pem" ]
}

@test "cert self-signed makes another key and serial number each time" {
	write_tls_config
	ctl cert self-signed --name localhost
	cp "$DIR/etc/key.pem" "$DIR/etc/cert.pem" "$DIR"
	ctl --json cert self-signed --name localhost --force >"$DIR/json"
	run ! cmp -s "$DIR/key.pem" "$DIR/etc/key.pem"
	[ "$(openssl x509 -in "$DIR/cert.pem" -noout -serial)" != "$(openssl x509 -in "$DIR/etc/cert.pem" -noout -serial)" ]
	openssl verify -x509_strict -CAfile "$DIR/etc/cert.pem" -purpose sslserver "$DIR/etc/cert.pem"
	python3 -c 'import json, sys; assert json.load(sys.stdin)["configured"] is True' <"$DIR/json"
}

@test "cert show: what it is, as text and as JSON" {
	write_tls_config
	use_leaf server
	run -0 ctl cert show
	assert_output --partial "$(openssl x509 -in "$PKI/server.pem" -noout -fingerprint -sha256 | cut -d= -f2)"
	assert_output --partial 'issuer         CN=test intermediate'
	assert_output --partial 'intermediates  1'
	assert_output --partial 'key type       EC prime256v1'
	assert_output --partial 'mode 0600, tight'
	ctl --json cert show | python3 -c 'if True:
		import json, sys
		shown = json.load(sys.stdin)
		assert shown["days_left"] in (19, 20) and shown["key_matches"] == "yes" and shown["good"] and shown["error"] == ""
		assert shown["names"].startswith("DNS:localhost")'
}

@test "cert show: exit 1 and one line for what is wrong" {
	write_config
	run -1 ctl cert show
	assert_output --partial 'no certificate is configured'
	write_tls_config
	run -1 ctl cert show
	assert_output --partial "cannot open '$DIR/etc/cert.pem'"
	use_leaf server
	install -m 644 "$PKI/other.key" "$DIR/etc/key.pem"
	run -1 ctl cert show
	assert_output --partial 'key matches    no'
	assert_output --partial 'mode 0644, too open'
	assert_output --partial 'can be read or changed by others'
	chmod 600 "$DIR/etc/key.pem"
	run -1 ctl cert show
	assert_output --partial 'does not belong to certificate'
	run -1 ctl --json cert show
	assert_output --partial '"good": false'
	use_leaf server
	cert_from_to 20200101000000Z 20210101000000Z
	run -1 ctl cert show
	assert_output --partial 'has expired'
	assert_output --regexp 'days left      -[0-9]+'
}
