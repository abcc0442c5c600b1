#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The partial of an upload that broke off: which sessions see it, which do not, and how each client resumes
# it.

load lib
load tls-lib

setup()
{
	new_place
	HOME_DIR=$DIR/home/alice
}

teardown()
{
	[ -z "${MEMORY-}" ] || rm -rf "$MEMORY"
	data_close
	end_place
}

serve()
{
	write_config "$@"
	add_user alice secret
	start_server
}

partial_of()
{
	printf '.sallyport-%s.partial' "$(printf %s "$1" | sha256sum | cut -c1-32)"
}

# leave_partial NAME BYTES FILE: break the upload of FILE off after this many bytes.
leave_partial()
{
	NAME=$1 BYTES=$2 FILE=$3 py <<-'END'
		name, size = os.environ['NAME'], int(os.environ['BYTES'])
		with open(os.environ['FILE'], 'rb') as file:
		    data = file.read(size)
		c = Control().login()
		d = c.open('STOR ' + name)
		d.sendall(data)
		wait_until(lambda: size_of(os.path.join(HOME_DIR, partial_name(name))) == size)
		c.ask('ABOR', 426)
		c.expect(226)
	END
	assert_equal "$(stat -c %s "$HOME_DIR/$(partial_of "$1")")" "$2"
}

new_file()
{
	head -c 1000003 /dev/urandom >"$DIR/file"
}

@test "curl -C - goes on with a partial, and with a finished file that is too short" {
	serve
	new_file
	leave_partial f 700001 "$DIR/file"
	curl -sS --max-time 60 -C - -T "$DIR/file" "$(url alice:secret f)"
	cmp "$DIR/file" "$HOME_DIR/f"
	wait_until log_has ' transfer .*direction="up" bytes=300002 '
	head -c 10 "$DIR/file" >"$HOME_DIR/g"
	chown --reference="$HOME_DIR" "$HOME_DIR/g"
	curl -sS --max-time 60 -C - -T "$DIR/file" "$(url alice:secret g)"
	cmp "$DIR/file" "$HOME_DIR/g"
	assert_equal "$(ls -A "$HOME_DIR")" $'f\ng'
}

@test "lftp: reput and put -c go on with a partial; mirror, which sees none, sends it anew" {
	serve
	new_file
	mkdir "$DIR/tree"
	ln "$DIR/file" "$DIR/tree/h"
	for name in f g h; do
		leave_partial "$name" 700001 "$DIR/file"
	done
	timeout 60 lftp -u alice,secret -p "$PORT" 127.0.0.1 -e \
		"set net:max-retries 1; reput $DIR/file -o f; put -c $DIR/file -o g; mirror -R -c $DIR/tree .; quit"
	for name in f g h; do
		cmp "$DIR/file" "$HOME_DIR/$name"
	done
	wait_until log_has ' transfer .*direction="up" bytes=1000003 .*path="/h"'
	assert_equal "$(log_count ' transfer .*direction="up" bytes=300002 ')" 2
	assert_equal "$(ls -A "$HOME_DIR")" $'f\ng\nh'
}

@test "ftplib: storbinary with rest goes on with a partial" {
	serve
	new_file
	leave_partial f 700001 "$DIR/file"
	py <<-'END'
		import ftplib
		c = ftplib.FTP()
		c.connect(HOST, PORT, WAIT_S)
		c.login('alice', 'secret')
		c.voidcmd('TYPE I')
		with open(os.environ['DIR'] + '/file', 'rb') as file:
		    file.seek(c.size('f'))
		    c.storbinary('STOR f', file, rest=file.tell())
	END
	cmp "$DIR/file" "$HOME_DIR/f"
}

@test "a download goes on: curl -C -, lftp reget" {
	serve
	new_file
	install -o "$(stat -c %u "$HOME_DIR")" "$DIR/file" "$HOME_DIR/f"
	for client in curl lftp; do
		head -c 400000 "$DIR/file" >"$DIR/back"
		case $client in
		curl) curl -sS --max-time 60 -C - -o "$DIR/back" "$(url alice:secret f)" ;;
		lftp) timeout 60 lftp -u alice,secret -p "$PORT" 127.0.0.1 -e "set net:max-retries 1; reget f -o $DIR/back; quit" ;;
		esac
		cmp "$DIR/file" "$DIR/back"
		wait_until log_has ' transfer .*direction="down" bytes=600003 '
		: >"$LOG"
	done
}

@test "REST in the middle of a partial cuts what was behind; at its end it goes on; beyond is 554" {
	serve
	new_file
	leave_partial f 700001 "$DIR/file"
	py <<-'END'
		c = Control().login()
		assert c.size('f') == 700001
		c.ask('REST 700002', 350)
		c.connect()
		c.ask('STOR f', 554)
		with open(os.environ['DIR'] + '/file', 'rb') as file:
		    data = file.read()
		c.put('f', data[300000:], at=300000)
	END
	cmp "$DIR/file" "$HOME_DIR/f"
}

@test "HASH and the X-verbs tell the partial's where there is no finished file, so that a resume can be checked" {
	serve
	new_file
	leave_partial f 700001 "$DIR/file"
	py <<-'END'
		import hashlib
		data = open(os.environ['DIR'] + '/file', 'rb').read()
		part = hashlib.sha256(data[:700001]).hexdigest()
		c = Control().login()
		assert part in c.ask('HASH f', 213)
		c.ask('RANG 0 700000', 350)
		assert part in c.ask('HASH f', 213)
		c.ask('RANG 10 19', 350)
		assert hashlib.sha256(data[10:20]).hexdigest() in c.ask('HASH f', 213)
		assert part in c.ask('XSHA256 f', 250)
		c.put('f', data[700001:], at=700001)
		assert hashlib.sha256(data).hexdigest() in c.ask('HASH f', 213)
	END
	cmp "$DIR/file" "$HOME_DIR/f"
}

@test "a partial is neither listed nor reached by its name" {
	serve
	new_file
	leave_partial f 700001 "$DIR/file"
	PARTIAL=$(partial_of f) py <<-'END'
		p = os.environ['PARTIAL']
		c = Control().login()
		for listing in 'NLST', 'NLST -a', 'LIST -a', 'LIST -la', 'LIST -R', 'MLSD', 'NLST -a *', 'NLST .*', 'LIST .sallyport*':
		    data = c.list(listing)
		    assert b'partial' not in data and b'sallyport' not in data, (listing, data)
		for line in 'SIZE', 'MDTM', 'MLST', 'DELE', 'RMD', 'RMDA', 'RNFR', 'HASH', 'XSHA256', 'SITE CHMOD 777', 'MKD', 'CWD', 'MFMT 20200101000000':
		    for name in p, './' + p, '/' + p, '//' + p, 'x/../' + p:
		        c.send('%s %s' % (line, name))
		        code, text = c.reply()
		        assert code in (450, 501, 550, 553), text
		for line in 'RETR', 'STOR', 'APPE', 'STOU', 'LIST', 'NLST', 'MLSD':
		    c.connect()
		    c.send('%s %s' % (line, p))
		    code, text = c.reply()
		    assert code in (450, 501, 550, 553), text
		c.put('other', b'x')
		for target in p, '/' + p:
		    c.ask('RNFR other', 350)
		    c.send('RNTO ' + target)
		    assert c.reply()[0] in (550, 553)
		c.ask('SITE CPFR other', 350)
		c.send('SITE CPTO ' + p)
		assert c.reply()[0] in (550, 553)
		assert c.size('f') == 700001
		c.ask('MDTM f', 213)
		c.ask('DELE f', 250)
		assert os.listdir(HOME_DIR) == ['other']
	END
}

@test "a name of 255 bytes is uploaded, broken off and resumed" {
	serve
	new_file
	name=$(printf 'n%.0s' $(seq 255))
	curl -sS --max-time 60 -T "$DIR/file" "$(url alice:secret "$name")"
	cmp "$DIR/file" "$HOME_DIR/$name"
	rm "$HOME_DIR/$name"
	leave_partial "$name" 700001 "$DIR/file"
	curl -sS --max-time 60 -C - -T "$DIR/file" "$(url alice:secret "$name")"
	cmp "$DIR/file" "$HOME_DIR/$name"
	assert_equal "$(ls -A "$HOME_DIR")" "$name"
}

@test "an overwritten file keeps its mode and owner, a new one has the configured mode; a partial is the owner's alone" {
	serve 'file-mode = "0644"'
	new_file
	echo old >"$HOME_DIR/f"
	chown --reference="$HOME_DIR" "$HOME_DIR/f"
	chmod 0751 "$HOME_DIR/f"
	for name in f g; do
		leave_partial "$name" 700001 "$DIR/file"
		assert_equal "$(stat -c %a "$HOME_DIR/$(partial_of "$name")")" 600
	done
	assert_equal "$(stat -c %a "$HOME_DIR/f")" 751
	py <<-'END'
		c = Control().login()
		with open(os.environ['DIR'] + '/file', 'rb') as file:
		    data = file.read()
		for name in 'f', 'g':
		    c.put(name, data[700001:], at=700001)
	END
	cmp "$DIR/file" "$HOME_DIR/f"
	assert_equal "$(stat -c '%a %u' "$HOME_DIR/f")" "751 $(stat -c %u "$HOME_DIR")"
	assert_equal "$(stat -c '%a %u' "$HOME_DIR/g")" "644 $(stat -c %u "$HOME_DIR")"
}

@test "while a partial is written to, a second upload of that name is 450, whatever it asks" {
	serve
	py <<-'END'
		c = Control().login()
		d = c.open('STOR f')
		d.sendall(b'x' * 100)
		wait_until(lambda: size_of(os.path.join(HOME_DIR, partial_name('f'))) == 100)
		other = Control().login()
		for line in 'STOR f', 'APPE f':
		    for at in 0, 50:
		        other.ask('REST %d' % at, 350)
		        other.connect()
		        assert 'In use' in other.ask(line, 450)
		other.ask('DELE f', 450, 550)
		other.put('g', b'2')
		other.ask('SITE CPFR g', 350)
		other.ask('SITE CPTO f', 450, 550)
		d.close()
		c.expect(226)
		assert other.get('f') == b'x' * 100
	END
}

# Two ways to begin a file that is not there, while another session renames one to its name.
ADDITIONS='
def renamed_meanwhile(name, begin):
    a, b = Control().login(), Control().login()
    b.put("other", b"acknowledged")
    d = begin(a, name)
    d.sendall(b"added")
    b.ask("RNFR other", 350)
    b.ask("RNTO " + name, 250)
    d.close()
    assert "exists already" in a.expect(553)
    assert b.get(name) == b"acknowledged", b.get(name)
    with open(os.path.join(HOME_DIR, partial_name(name)), "rb") as file:
        return a, file.read()

def append(a, name):
    return a.open("APPE " + name)

def restart(a, name):
    d = a.open("STOR " + name)
    d.sendall(b"begun")
    wait_until(lambda: size_of(os.path.join(HOME_DIR, partial_name(name))) == 5)
    a.ask("ABOR", 426)
    a.expect(226)
    a.ask("REST 5", 350)
    return a.open("STOR " + name)
'

@test "APPE and REST that found no file replace none that comes meanwhile: 553, and what they sent is kept" {
	serve
	py <<-END
		$ADDITIONS
		a, kept = renamed_meanwhile('appended', append)
		assert kept == b'added', kept
		a, kept = renamed_meanwhile('resumed', restart)
		assert kept == b'begunadded', kept
		# the client decides: at exactly its size the partial goes on, and takes the name
		a.put('resumed', b'!', at=len(kept))
		assert a.get('resumed') == b'begunadded!'
		# a whole file is another thing: the last one to end wins
		b = Control().login()
		b.put('other', b'acknowledged')
		d = a.open('STOR whole')
		b.ask('RNFR other', 350)
		b.ask('RNTO whole', 250)
		d.sendall(b'new')
		d.close()
		a.expect(226)
		assert a.get('whole') == b'new'
	END
}

@test "the same where renames have no flag for it (NFS, CephFS)" {
	write_config
	add_user alice secret
	start_server_with "$BUILD/tests/helpers/without_noreplace"
	py <<-END
		$ADDITIONS
		a, kept = renamed_meanwhile('appended', append)
		assert kept == b'added', kept
	END
}

@test "where a file cannot get a second name either (FAT in user space), new files, APPE and REST have their names" {
	write_config
	add_user alice secret
	start_server_with "$BUILD/tests/helpers/without_noreplace" --no-links
	py <<-END
		$ADDITIONS
		a = Control().login()
		a.put('new', b'whole')
		a.put('new', b'again')
		a.put('appended', b'begun', command='APPE')
		restarted = restart(a, 'restarted')
		restarted.sendall(b'-ended')
		restarted.close()
		a.expect(226)
		for name, content in ('new', b'again'), ('appended', b'begun'), ('restarted', b'begun-ended'):
		    assert a.get(name) == content, (name, a.get(name))
	END
}

# Another machine that got the lock, because the file server did not hear this one, is a write without a lock here.
@test "on shared storage an upload into a file ends with 450 where somebody else has written to it" {
	[ "$(stat -c %Hd /dev/shm)" -eq 0 ] || skip "/dev/shm is on a block device"
	MEMORY=$(mktemp -d /dev/shm/sallyport-resume.XXXXXX)
	chmod 755 "$MEMORY"
	HOME_DIR=$MEMORY/alice
	write_config
	add_user alice secret --home "$HOME_DIR"
	start_server_with env "$(preload ceph_fuse)"
	MEMORY=$MEMORY py <<-'END'
		file = os.path.join(os.environ['MEMORY'], 'alice', 'f')
		a = Control().login()
		a.put('f', b'begin')
		a.put('f', b'-more', command='APPE')
		a.put('f', b'BEG', at=1)
		assert a.get('f') == b'bBEGn-more', a.get('f')
		d = a.open('APPE f')
		d.sendall(b'-ours')
		wait_until(lambda: size_of(file) == 15)
		with open(file, 'ab') as other:
		    other.write(b'-theirs')
		d.close()
		a.expect(450)
		assert a.get('f') == b'bBEGn-more-ours-theirs'
		a.put('f', b'!', command='APPE')
		assert a.get('f') == b'bBEGn-more-ours-theirs!'
	END
}

@test "TLS that ends without close_notify leaves a partial, which is resumed" {
	BATS_FILE_TMPDIR=$DIR
	make_authority
	start_tls_server
	export HOME_DIR
	ftps <<-'END'
		from ftp import size_of, partial_name
		for version in TLS12, TLS13:
		    c = Control(tls=context(version)).login()
		    d = c.open('STOR f')
		    d.sendall(b'new' * 1000)
		    cut(d)
		    assert 'close_notify' in c.expect(426)
		    assert os.listdir(os.environ['HOME_DIR']) == [partial_name('f')]
		    assert c.size('f') == 3000
		    c.ask('REST 3000', 350)
		    c.put('f', b'end')
		    assert c.get('f') == b'new' * 1000 + b'end'
		    c.ask('DELE f', 250)
	END
}

@test "a partial expires: not before partial-keep, and not while it is written to" {
	serve 'partial-keep = "1h"'
	new_file
	for name in old young busy; do
		leave_partial "$name" 700001 "$DIR/file"
	done
	touch -d '-3000 seconds' "$HOME_DIR/$(partial_of young)"
	touch -d '-3700 seconds' "$HOME_DIR/$(partial_of old)"
	py <<-'END'
		busy = os.path.join(HOME_DIR, partial_name('busy'))
		c = Control().login()
		c.ask('REST 700001', 350)
		d = c.open('STOR busy')
		os.utime(busy, (0, 0))
		other = Control().login()
		other.put('f', b'x')
		assert sorted(os.listdir(HOME_DIR)) == sorted([partial_name('young'), partial_name('busy'), 'f'])
		d.close()
		c.expect(226)
	END
}

@test "a login sweeps what has expired anywhere in the home, once an hour, and follows no link" {
	serve 'partial-keep = "1h"'
	new_file
	mkdir -p "$HOME_DIR/a/b/c" "$DIR/home/outside"
	ln -s "$DIR/home/outside" "$HOME_DIR/link"
	chown -R --no-dereference --reference="$HOME_DIR" "$HOME_DIR"
	stamp=$DIR/state/swept/alice
	for round in 1 2; do
		for place in "$HOME_DIR" "$HOME_DIR/a/b/c" "$DIR/home/outside"; do
			for name in old young; do
				head -c 100 /dev/zero >"$place/$(partial_of $name)"
				chown --reference="$HOME_DIR" "$place/$(partial_of $name)"
			done
			touch -d '-3700 seconds' "$place/$(partial_of old)"
		done
		py <<-'END'
			Control().login().ask('NOOP', 200)
		END
		wait_until no_session
		assert_equal "$(find "$HOME_DIR" -name "$(partial_of young)" | wc -l)" 2
		assert_file_exists "$DIR/home/outside/$(partial_of old)"
		case $round in
		1) assert_equal "$(find "$HOME_DIR" -name "$(partial_of old)" | wc -l)" 0 ;;
		2) assert_equal "$(find "$HOME_DIR" -name "$(partial_of old)" | wc -l)" 2 ;;
		esac
	done
	touch -d '-3700 seconds' "$stamp"
	py <<-'END'
		Control().login().ask('NOOP', 200)
	END
	wait_until no_session
	assert_equal "$(find "$HOME_DIR" -name "$(partial_of old)" | wc -l)" 0
	[ "$(($(date +%s) - $(stat -c %Y "$stamp")))" -lt 60 ]
}
