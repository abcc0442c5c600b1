#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Clients that people use: each lists, uploads, downloads, resumes, renames and deletes as far as it can, in clear and with TLS.

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
	start_tls_server tls='require = no'
	HOME_DIR=$DIR/home/alice
	PLAIN=ftp://127.0.0.1:$PORT
	FILE=$DIR/file
	head -c 3000000 /dev/urandom >"$FILE"
	mkdir "$DIR/work"
	cd "$DIR/work" || return 1
}

teardown()
{
	cd /
	end_place
}

# need PROGRAM PACKAGE
need()
{
	command -v "$1" >/dev/null || skip "$1 is not installed (Debian: $2)"
}

# serve_file NAME: $FILE is in the home.
serve_file()
{
	install -o "$(stat -c %u "$HOME_DIR")" -g "$(stat -c %g "$HOME_DIR")" -m 640 "$FILE" "$HOME_DIR/$1"
}

# serve_part NAME BYTES: an upload of $FILE broke off after these bytes.
serve_part()
{
	serve_file "$1"
	truncate -s "$2" "$HOME_DIR/$1"
}

# For clients whose data connections do not resume the session of their control connection.
without_reuse()
{
	stop_server
	: >"$LOG"
	write_tls_config tls='require = no require-data-reuse = no'
	start_server
	find_tls_ports
}

gone()
{
	[ ! -e "$HOME_DIR/$1" ]
}

# --- curl ---

# curl_does URL OPTION...
curl_does()
{
	local url=$1
	shift
	set -- curl -sS --max-time 60 --cacert "$CA" -u alice:secret "$@"
	"$@" -T "$FILE" "$url/up%20load"
	cmp "$FILE" "$HOME_DIR/up load"
	"$@" -o down "$url/up%20load"
	cmp "$FILE" down
	"$@" --list-only "$url/" >names
	tr -d '\r' <names | grep -qx 'up load'
	"$@" "$url/" | grep -q ' 3000000 .* up load'
	truncate -s 1000000 down
	"$@" -C - -o down "$url/up%20load"
	cmp "$FILE" down
	serve_part resumed 1000000
	"$@" -C - -T "$FILE" "$url/resumed"
	cmp "$FILE" "$HOME_DIR/resumed"
	"$@" -r 1000-1999 -o range "$url/resumed"
	tail -c +1001 "$FILE" | head -c 1000 | cmp - range
	"$@" -I "$url/resumed" | grep -q 'Content-Length: 3000000'
	"$@" -Q 'RNFR resumed' -Q 'RNTO renamed' -Q 'DELE up load' -Q 'MKD dir' "$url/" >/dev/null
	cmp "$FILE" "$HOME_DIR/renamed"
	gone 'up load'
	"$@" -T "$FILE" --ftp-create-dirs "$url/new/deep/file"
	cmp "$FILE" "$HOME_DIR/new/deep/file"
	"$@" -a -T - "$url/appended" <<<one
	"$@" -a -T - "$url/appended" <<<two
	printf 'one\ntwo\n' | cmp - "$HOME_DIR/appended"
	"$@" -B "$url/appended" -o text
	printf 'one\ntwo\n' | cmp - text
}

@test "curl" {
	need curl curl
	curl_does "$PLAIN"
}

@test "curl, active" {
	need curl curl
	curl_does "$PLAIN" -P -
}

@test "curl, TLS" {
	need curl curl
	curl_does "$PLAIN" --ssl-reqd
}

# --- wget ---

wget_does()
{
	local url=$1
	shift
	set -- wget -q -t 2 -T 30 --ca-certificate="$CA" --user=alice --password=secret "$@"
	serve_file 'a file'
	mkdir "$HOME_DIR/dir"
	serve_file dir/inner
	"$@" -O down "$url/a%20file"
	cmp "$FILE" down
	head -c 1000000 "$FILE" >'a file'
	"$@" -c "$url/a%20file"
	cmp "$FILE" 'a file'
	"$@" -r -nH -P tree "$url/"
	cmp "$FILE" 'tree/a file'
	cmp "$FILE" tree/dir/inner
	"$@" -N "$url/dir/inner"
	# LIST has the times to the minute
	[ "$(($(stat -c %Y inner) / 60))" -eq "$(($(stat -c %Y "$HOME_DIR/dir/inner") / 60))" ]
	"$@" -O globbed "$url/a*e"
	cmp "$FILE" globbed
}

@test "wget" {
	need wget wget
	TZ=UTC wget_does "$PLAIN"
}

@test "wget, active" {
	need wget wget
	TZ=UTC wget_does "$PLAIN" --no-passive-ftp
}

@test "wget, implicit TLS" {
	need wget wget
	TZ=UTC wget_does "ftps://127.0.0.1:$TLS_PORT" --ftps-implicit
}

# --- lftp ---

lftp_does()
{
	need lftp lftp
	serve_part resumed 1000000
	head -c 1000000 "$FILE" >part
	mkdir -p tree/sub
	cp "$FILE" tree/sub/one
	: >tree/empty
	timeout 60 lftp -c "set ssl:ca-file $CA; set net:max-retries 2; set cmd:fail-exit yes; $1
		open -u alice,secret $PLAIN
		put $FILE -o 'up load'; get 'up load' -o down
		get -c 'up load' -o part
		put -c $FILE -o resumed
		cls -1 >names; ls >long
		mv resumed renamed; mkdir dir; rmdir dir
		chmod 600 renamed
		mirror -R tree tree; mirror tree back
		rm 'up load'; rm -r tree"
	cmp "$FILE" down
	cmp "$FILE" part
	cmp "$FILE" "$HOME_DIR/renamed"
	grep -qx 'up load' names
	grep -q '3000000 .* up load' long
	diff -r tree back
	gone 'up load'
	gone tree
	gone dir
	[ "$(stat -c %a "$HOME_DIR/renamed")" = 600 ]
}

@test "lftp" {
	lftp_does 'set ftp:ssl-allow no'
}

@test "lftp without MLSD, active" {
	lftp_does 'set ftp:ssl-allow no; set ftp:use-mlsd no; set ftp:passive-mode no'
}

@test "lftp, TLS" {
	lftp_does 'set ftp:ssl-force yes; set ftp:ssl-protect-data yes'
}

# --- ncftp ---

@test "ncftp" {
	local login=(-u alice -p secret -P "$PORT")
	need ncftpput ncftp
	cp "$FILE" upload
	ncftpput -V "${login[@]}" 127.0.0.1 / upload
	cmp "$FILE" "$HOME_DIR/upload"
	head -c 1000000 "$FILE" >part
	serve_file part
	ncftpget -V -z "${login[@]}" 127.0.0.1 . part
	cmp "$FILE" part
	# ncftpput 3.2.6 resumes no upload: it asks for REST and sends the whole file
	serve_file resumed
	ncftpls -x -1 "${login[@]}" ftp://127.0.0.1/ | grep -qx resumed
	ncftpls -x -l "${login[@]}" ftp://127.0.0.1/ | grep -q '3000000 .* resumed'
	mkdir -p tree/sub
	cp "$FILE" tree/sub/one
	ncftpput -V -R "${login[@]}" 127.0.0.1 / tree
	cmp "$FILE" "$HOME_DIR/tree/sub/one"
	ncftpget -V -R "${login[@]}" 127.0.0.1 back tree || { mkdir back && ncftpget -V -R "${login[@]}" 127.0.0.1 back tree; }
	cmp "$FILE" back/tree/sub/one
	ncftpget -V -DD "${login[@]}" 127.0.0.1 . resumed
	gone resumed
}

# --- tnftp ---

tnftp_does()
{
	need tnftp tnftp
	serve_part resumed 1000000
	head -c 1000000 "$FILE" >reget
	serve_file reget
	cp "$FILE" upload
	printf '%s\n' 'user alice secret' 'binary' 'put upload "up load"' 'get "up load" down' 'reget reget' 'restart 1000000' \
		"put $FILE resumed" 'ls . names' 'dir . long' 'mlst reget' 'rename resumed renamed' 'mkdir dir' 'rmdir dir' \
		'modtime reget' 'size reget' 'delete "up load"' 'features' 'quit' |
		timeout 60 tnftp -n -i -v "$@" 127.0.0.1 "$PORT" >out 2>&1
	cmp "$FILE" down
	cmp "$FILE" reget
	cmp "$FILE" "$HOME_DIR/renamed"
	grep -q 'up load' names
	grep -q '3000000 .* up load' long
	gone 'up load'
	gone dir
	grep -q '3000000' out
}

@test "tnftp" {
	tnftp_does -p
}

@test "tnftp, active" {
	tnftp_does -A
}

# --- rclone ---

# rclone_does OPTION...
rclone_does()
{
	local password remote
	need rclone rclone
	password=$(rclone obscure secret)
	export RCLONE_CONFIG=/dev/null SSL_CERT_FILE=$CA
	remote=":ftp,host=127.0.0.1,user=alice,pass=$password,$1:"
	set -- timeout 90 rclone --retries 1 --low-level-retries 2
	mkdir -p tree/sub
	cp "$FILE" 'tree/a file'
	cp "$FILE" $'tree/sub/\xc3\xbcmlaut'
	: >tree/empty
	touch -d '2020-02-29 12:34:56 UTC' 'tree/a file'
	"$@" copy tree "$remote"
	cmp "$FILE" "$HOME_DIR/a file"
	cmp "$FILE" "$HOME_DIR/"$'sub/\xc3\xbcmlaut'
	[ "$(stat -c %Y "$HOME_DIR/a file")" -eq 1582979696 ]
	"$@" copy "$remote" back
	diff -r tree back
	"$@" check tree "$remote" --download
	"$@" lsf -R "$remote" | grep -qx 'a file'
	"$@" moveto "${remote}a file" "${remote}sub/moved"
	cmp "$FILE" "$HOME_DIR/sub/moved"
	"$@" deletefile "${remote}sub/moved"
	gone sub/moved
	"$@" mkdir "${remote}dir"
	"$@" rmdir "${remote}dir"
	gone dir
	"$@" sync tree "$remote"
	"$@" purge "${remote}sub"
	gone sub
}

@test "rclone" {
	rclone_does "port=$PORT"
}

@test "rclone, explicit TLS, one connection" {
	rclone_does "port=$PORT,explicit_tls=true,concurrency=1"
}

@test "rclone, implicit TLS, one connection" {
	rclone_does "port=$TLS_PORT,tls=true,concurrency=1"
}

# rclone keeps one cache of sessions for all its connections, so data connections resume the session of another one.
@test "rclone, TLS, several connections, with require-data-reuse = no" {
	without_reuse
	rclone_does "port=$PORT,explicit_tls=true"
}

# --- aria2 ---

# One connection: with several, aria2 1.36 sometimes waits for ever for a 226 that it read together with the 150.
@test "aria2" {
	need aria2c aria2
	head -c 64000000 /dev/urandom >"$FILE"
	serve_file 'a file'
	set -- timeout 60 aria2c -q --no-conf --ftp-user=alice --ftp-passwd=secret -s 1 -d .
	"$@" -o down "$PLAIN/a%20file"
	cmp "$FILE" down
	head -c 20000000 "$FILE" >part
	"$@" -c -o part "$PLAIN/a%20file"
	cmp "$FILE" part
}

# --- libraries ---

# python_does CLASS: open() makes its connections.
python_does()
{
	serve_part resumed 1000000
	ftps <<-END
		class Client($1):
		    pass

		def client():
		    c = Client(context=context()) if '$1' != 'ftplib.FTP' else Client()
		    c.connect(HOST, PORT, WAIT_S)
		    c.login('alice', 'secret')
		    if '$1' != 'ftplib.FTP':
		        c.prot_p()
		    return c

		whole = open('$FILE', 'rb').read()
		c = client()
		c.encoding = 'utf-8'
		c.storbinary('STOR ümlaut', io.BytesIO(whole))
		got = []
		c.retrbinary('RETR ümlaut', got.append, rest=1000)
		assert b''.join(got) == whole[1000:]
		c.storbinary('STOR resumed', io.BytesIO(whole[1000000:]), rest=1000000)
		got = []
		c.retrbinary('RETR resumed', got.append)
		assert b''.join(got) == whole
		facts = dict(c.mlsd())
		assert facts['ümlaut']['type'] == 'file' and int(facts['ümlaut']['size']) == len(whole)
		assert set(c.nlst()) == {'ümlaut', 'resumed'}
		lines = []
		c.dir(lines.append)
		assert len(lines) == 2
		c.storlines('STOR text', io.BytesIO(b'one\ntwo\n'))
		lines = []
		c.retrlines('RETR text', lines.append)
		assert lines == ['one', 'two']
		c.voidcmd('TYPE I')
		assert c.size('resumed') == len(whole)
		assert c.mkd('a"b') == '/a"b'
		c.cwd('a"b')
		assert c.pwd() == '/a"b'
		c.cwd('..')
		c.rmd('a"b')
		c.rename('resumed', 'renamed')
		c.delete('ümlaut')
		data = c.transfercmd('RETR renamed')
		data.recv(1)
		assert c.abort()[:3] in ('426', '225', '226')
		data.close()
		c.close()
		c = client()
		assert sorted(c.nlst()) == ['renamed', 'text']
		c.quit()
	END
	cmp "$FILE" "$HOME_DIR/renamed"
}

@test "python: ftplib" {
	python_does ftplib.FTP
}

@test "python: ftplib, TLS" {
	python_does Reusing
}

# perl_does TLS OPTION...: TLS is 0 or 1; Net::FTP->new gets the options.
perl_does()
{
	need perl perl
	perl -MNet::FTP -e 1 2>/dev/null || skip 'Net::FTP is not installed (Debian: perl)'
	serve_part resumed 1000000
	cat >client.pl <<-'END'
		use strict;
		use Net::FTP;
		my ($port, $file, $tls, @options) = @ARGV;
		my $f = Net::FTP->new('127.0.0.1', Port => $port, Timeout => 30, @options) or die "new: $@";
		sub ok { my ($what, $is_so) = @_; $is_so or die "$what: " . $f->code . ' ' . $f->message; }
		ok('starttls', !$tls || $f->starttls);
		ok('login', $f->login('alice', 'secret'));
		ok('binary', $f->binary);
		ok('put', $f->put($file, 'up load') eq 'up load');
		ok('get', $f->get('up load', 'down'));
		ok('size', $f->size('up load') == -s $file);
		ok('mdtm', abs($f->mdtm('up load') - time) < 600);
		ok('get from 1000', $f->get('up load', 'rest', 1000));
		$f->restart(1000000);
		open(my $in, '<:raw', $file) or die;
		seek($in, 1000000, 0);
		ok('put from 1000000', $f->put($in, 'resumed'));
		ok('ls', grep { $_ eq 'up load' } $f->ls);
		ok('dir', grep { /up load$/ } $f->dir);
		ok('put_unique', $f->put_unique($file, 'unique'));
		ok('append', $f->append($file, 'appended'));
		ok('mkdir', $f->mkdir('a/b', 1));
		ok('cwd', $f->cwd('a/b') && $f->pwd eq '/a/b' && $f->cdup && $f->cwd('/'));
		ok('rmdir', $f->rmdir('a', 1));
		ok('rename', $f->rename('resumed', 'renamed'));
		ok('delete', $f->delete('up load'));
		ok('ascii', $f->ascii && $f->type eq 'A');
		ok('supported', $f->feature('MDTM') && $f->supported('SIZE'));
		ok('site', $f->site('CHMOD 600 renamed') == 2);
		ok('quit', $f->quit);
	END
	timeout 60 perl client.pl "$PORT" "$FILE" "$@"
	cmp "$FILE" down
	tail -c +1001 "$FILE" | cmp - rest
	cmp "$FILE" "$HOME_DIR/renamed"
	cmp "$FILE" "$HOME_DIR/unique"
	cmp "$FILE" "$HOME_DIR/appended"
	gone 'up load'
	gone a
}

@test "perl: Net::FTP" {
	perl_does 0 Passive 1
}

@test "perl: Net::FTP, active" {
	perl_does 0 Passive 0
}

@test "perl: Net::FTP, TLS" {
	perl -MIO::Socket::SSL -e 1 2>/dev/null || skip 'IO::Socket::SSL is not installed (Debian: libio-socket-ssl-perl)'
	# Net::FTP 3.14 looks for the session under the port of the data connection, and finds none
	without_reuse
	perl_does 1 Passive 1 SSL_ca_file "$CA" SSL_verifycn_scheme none
}

# node_does VALUE: the value of "secure". npm puts the package into the test's own directory.
node_does()
{
	local major
	need node nodejs
	need npm npm
	major=$(node -p 'process.versions.node.split(".")[0]')
	[ "$major" -ge 10 ] || skip "node $major is too old for basic-ftp"
	npm_config_cache=$DIR/npm timeout 60 npm install --prefix "$DIR/work" --no-audit --no-fund --loglevel=error basic-ftp@5 \
		>npm.log 2>&1 || skip "basic-ftp cannot be had from the registry of npm: $(tail -n 1 npm.log)"
	serve_part resumed 1000000
	cat >client.js <<-'END'
		const ftp = require("basic-ftp");
		const fs = require("fs");
		const assert = require("assert");
		const [port, file, secure, ca] = process.argv.slice(2);
		async function run() {
			const client = new ftp.Client(20000);
			await client.access({host: "127.0.0.1", port: Number(port), user: "alice", password: "secret",
				secure: secure === "implicit" ? "implicit" : secure === "true", secureOptions: {ca: fs.readFileSync(ca)}});
			await client.uploadFrom(file, "up load");
			await client.downloadTo("down", "up load");
			await client.downloadTo("part", "up load", 1000000);
			await client.appendFrom(fs.createReadStream(file, {start: 1000000}), "resumed");
			assert.strictEqual(await client.size("resumed"), 3000000);
			assert((await client.list()).some(entry => entry.name === "up load" && entry.size === 3000000));
			assert(Math.abs((await client.lastMod("resumed")) - Date.now()) < 600000);
			await client.ensureDir("/a/b");
			await client.cd("/");
			await client.uploadFromDir("tree", "tree");
			await client.downloadToDir("back", "tree");
			await client.rename("resumed", "renamed");
			await client.remove("up load");
			await client.removeDir("a");
			await client.removeDir("tree");
			client.close();
		}
		run().catch(error => { console.error(error); process.exit(1); });
	END
	mkdir -p tree/sub
	cp "$FILE" tree/sub/one
	head -c 1000000 "$FILE" >part
	timeout 60 node client.js "$2" "$FILE" "$1" "$CA"
	cmp "$FILE" down
	cmp "$FILE" part
	cmp "$FILE" "$HOME_DIR/renamed"
	diff -r tree back
	gone 'up load'
	gone a
	gone tree
}

@test "node: basic-ftp" {
	node_does false "$PORT"
}

@test "node: basic-ftp, TLS" {
	node_does true "$PORT"
}

@test "node: basic-ftp, implicit TLS" {
	node_does implicit "$TLS_PORT"
}
