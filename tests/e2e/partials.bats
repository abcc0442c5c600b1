#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Partial uploads: SITE PARTIALS lists and removes them, and they go when their room is needed.

load lib
load home-lib

setup()
{
	new_home_place
}

teardown()
{
	end_place
}

# Steps that several tests share.
STEPS='
def broken_off(c, name, data, command="STOR"):
    d = c.open("%s %s" % (command, name))
    d.sendall(data)
    place, base = os.path.split(name)
    path = os.path.join(HOME_DIR, place, partial_name(base))
    wait_until(lambda: size_of(path) == len(data))
    c.ask("ABOR", 426)
    c.expect(226)
    d.close()
    return path

def aged(path, seconds):
    os.utime(path, (time.time() - seconds, time.time() - seconds))

def check(c):
    assert used(c)[0] == count(HOME_DIR), (used(c), count(HOME_DIR))
'

@test "SITE PARTIALS lists sizes, ages and names, the oldest first; SITE QUOTA and STAT have a line" {
	serve '--quota 100000'
	py <<-END
		$STEPS
		c = Control().login()
		c.ask('SITE PARTIALS', 200)
		assert 'No partial uploads' in c.ask('SITE PARTIALS', 200)
		assert 'artial' not in c.ask('SITE QUOTA', 200) + c.ask('STAT', 211)
		c.ask('MKD d', 257)
		aged(broken_off(c, 'young', bytes(100)), 130)
		aged(broken_off(c, 'd/an odd  name \xe4;*', bytes(200)), 3 * 86400)
		lines = c.ask('SITE PARTIALS', 200).split('\n')
		assert lines == ['200-Partial uploads, the oldest first',
		    ' 200 bytes, 3 days old: /d/an odd  name \xe4;*',
		    ' 100 bytes, 2 minutes old: /young',
		    '200 2 partial uploads hold 300 bytes'], lines
		for verb, code in ('SITE QUOTA', 200), ('STAT', 211):
		    assert '\n 2 partial uploads hold 300 bytes; SITE PARTIALS lists them\n' in c.ask(verb, code), verb
		aged(broken_off(c, 'younger', bytes(1)), 1.05)
		text = c.ask('SITE PARTIALS', 200)
		assert ' 1 second old: /younger' in text or ' 1 seconds' not in text, text
		c.ask('SITE PARTIALS DELETE younger', 200)
		assert '\n SITE PARTIALS\n' in c.ask('FEAT', 211)
		assert 'SITE PARTIALS [DELETE path | DELETE ALL]' in c.ask('SITE HELP', 214)
		for bad in 'DELETE', 'DELETE ', 'REMOVE x', 'x':
		    c.ask('SITE PARTIALS ' + bad, 501)
		check(c)
		# a partial that an upload goes on with is a file like any other
		c.put('young', b'x', 'APPE')
		assert '1 partial upload holds 200 bytes' in c.ask('SITE PARTIALS', 200)
		assert not any(os.getxattr(os.path.join(HOME_DIR, 'young'), a) for a in os.listxattr(os.path.join(HOME_DIR, 'young')) if 'partial' in a)
	END
}

@test "partials are removed by name, by DELE, or all at once; those in use stay, and so does the file beside one" {
	serve '--quota 100000'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(50))
		broken_off(c, 'f', bytes(70))
		broken_off(c, 'g', bytes(70))
		broken_off(c, 'h', bytes(70))
		c.ask('DELE f', 250)                  # the finished one; the partial stays
		assert '210 bytes' in c.ask('SITE PARTIALS', 200)
		c.put('f', bytes(50), at=0)
		broken_off(c, 'f', bytes(90))
		c.ask('SITE PARTIALS DELETE f', 200)  # the partial; the finished one stays
		assert os.stat(os.path.join(HOME_DIR, 'f')).st_size == 50
		c.ask('SITE PARTIALS DELETE f', 550)
		c.ask('DELE g', 250)
		c.ask('SITE PARTIALS DELETE ../../h', 200)
		check(c)
		broken_off(c, 'ALL', bytes(5))
		broken_off(c, 'j', bytes(5))
		c.ask('SITE PARTIALS DELETE ./ALL', 200)
		assert '1 partial upload holds 5 bytes' in c.ask('SITE PARTIALS', 200)
		other = Control().login()
		d = other.open('STOR live')
		d.sendall(bytes(30))
		wait_until(lambda: size_of(os.path.join(HOME_DIR, partial_name('live'))) == 30)
		assert ' in use: /' in c.ask('SITE PARTIALS', 200)
		c.ask('SITE PARTIALS DELETE live', 450, 550)
		assert '1 removed, 5 bytes; 1 in use stay' in c.ask('SITE PARTIALS DELETE ALL', 200)
		d.close()
		other.expect(226)
		assert os.stat(os.path.join(HOME_DIR, 'live')).st_size == 30
		check(c)
	END
}

@test "a partial whose name was not noted is told by its own name, and removed by that; a false note is not believed" {
	serve ''
	py <<-END
		$STEPS
		c = Control().login()
		path = broken_off(c, 'f', bytes(10))
		for note in b'other', b'', b'f\0x', b'../f', b'f\n':
		    os.setxattr(path, 'user.sallyport.partial-of', note)
		    assert ': /' + partial_name('f') + '\n' in c.ask('SITE PARTIALS', 200), note
		c.ask('DELE ' + partial_name('f'), 550)
		c.ask('SITE PARTIALS DELETE ' + partial_name('f'), 200)
		assert os.listdir(HOME_DIR) == []
	END
}

@test "SITE PARTIALS DELETE ALL goes on where one cannot be removed, and says how many are left" {
	serve '--quota 100000'
	py <<-END
		$STEPS
		c = Control().login()
		for i in range(5):
		    broken_off(c, 'before%d' % i, bytes(10))
		os.symlink('/etc/passwd', os.path.join(HOME_DIR, partial_name('link')))
		os.mkfifo(os.path.join(HOME_DIR, partial_name('pipe')))
		os.mkdir(os.path.join(HOME_DIR, partial_name('directory')))
		assert c.ask('SITE PARTIALS DELETE ALL', 200).startswith('200 5 removed, 50 bytes')
		with open(os.path.join(HOME_DIR, partial_name('of another user')), 'wb') as file:
		    file.write(bytes(30))
		os.chmod(os.path.join(HOME_DIR, partial_name('of another user')), 0o600) # nor readable
		c.ask('MKD closed', 257)
		broken_off(c, 'closed/f', bytes(10))
		os.chmod(os.path.join(HOME_DIR, 'closed'), 0o555)
		for i in range(5):
		    broken_off(c, 'after%d' % i, bytes(10))
		text = c.ask('SITE PARTIALS DELETE ALL', 550)
		assert text.startswith('550 5 removed, 50 bytes; 0 in use stay, 2 cannot be removed'), text
		assert '\n200 2 partial uploads hold 40 bytes' in c.ask('SITE PARTIALS', 200)
		for name in 'link', 'pipe', 'directory':
		    assert os.path.lexists(os.path.join(HOME_DIR, partial_name(name))), name
	END
}

@test "rights: removing needs create or delete; names need list, sums do not" {
	serve '--allow create'
	ctl user add bob --password-stdin --home "$DIR/home/bob" --read-only <<<secret
	py <<-END
		$STEPS
		c = Control().login()
		broken_off(c, 'f', bytes(10))
		text = c.ask('SITE PARTIALS', 200)
		assert text == '200 1 partial upload holds 10 bytes', text
		c.ask('SITE PARTIALS DELETE f', 200)
		b = Control().login('bob', 'secret')
		b.ask('SITE PARTIALS', 200)
		b.ask('SITE PARTIALS DELETE ALL', 550)
		b.ask('SITE PARTIALS DELETE f', 550)
		stranger = Control()
		stranger.greet()
		stranger.ask('SITE PARTIALS', 530)
	END
}

@test "a short quota: idle partials give way one by one, the oldest first, and never the upload's own" {
	serve '--quota 100000 --quota-files 6'
	py <<-END
		$STEPS
		c = Control().login()
		def there(*names):
		    got = sorted(n for n in os.listdir(HOME_DIR) if n[0] == '.')
		    assert got == sorted(partial_name(n) for n in names), (names, got)
		c.put('full', bytes(40000))
		aged(broken_off(c, 'old', bytes(20000)), 3000)
		aged(broken_off(c, 'middle', bytes(20000)), 2000)
		aged(broken_off(c, 'young', bytes(20000)), 1000)
		there('old', 'middle', 'young')
		c.ask('ALLO 60000', 202)
		c.ask('ALLO 60001', 552)
		c.put('new', bytes(15000))            # at the first byte
		there('middle', 'young')
		c.put('middle', bytes(15000), at=20000)   # goes on with the oldest, which is its own
		assert os.stat(os.path.join(HOME_DIR, 'middle')).st_size == 35000
		there()
		check(c)
		c.put('full', bytes(10000))
		for name in 'a', 'b', 'c':
		    broken_off(c, name, bytes(10))
		there('a', 'b', 'c')
		c.put('sixth', b'x')                  # a file too many
		there('b', 'c')
		live = Control().login()
		d = live.open('STOR b')
		d.sendall(bytes(4000))
		wait_until(lambda: size_of(os.path.join(HOME_DIR, partial_name('b'))) == 4000)
		text = c.put('more', bytes(100000), codes=(552,))
		assert 'in use' not in text and ' hold ' in text and text.startswith('552-') and '\n552 ' in text, text
		there('b', 'more')
		d.close()
		live.expect(226)
		there('more')
		check(c)
	END
}

@test "a copy on the server has the room of partials, too" {
	serve '--quota 100000'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(50000))
		broken_off(c, 'old', bytes(30000))
		c.ask('SITE CPFR f', 350)
		c.ask('SITE CPTO g', 250)
		check(c)
		assert used(c)[0] == (100000, 2)
	END
}

@test "a copy that does not fit without the partials either leaves them alone, and ALLO counts what is over the limit" {
	serve '--quota 100000'
	py <<-END
		$STEPS
		c = Control().login()
		c.put('f', bytes(60000))
		path = broken_off(c, 'old', bytes(30000))
		c.ask('SITE CPFR f', 350)
		text = c.ask('SITE CPTO g', 552)
		assert ' holds 30000 bytes' in text, text
		assert size_of(path) == 30000
		check(c)
		c.ask('QUIT', 221)
	END
	ctl user set alice --quota 70000
	py <<-END
		$STEPS
		c = Control().login()
		c.ask('ALLO 10001', 552)
		c.ask('ALLO 10000', 202)
		c.put('g', bytes(10000))
		check(c)
	END
}

@test "curl and lftp upload into a quota that their broken uploads had filled" {
	serve '--quota 1000000'
	head -c 900000 /dev/urandom >"$DIR/file"
	py <<-END
		$STEPS
		broken_off(Control().login(), 'one', bytes(950000))
	END
	curl -sS --max-time 60 -T "$DIR/file" "$(url alice:secret two)"
	cmp "$DIR/file" "$HOME_DIR/two"
	curl -sS --max-time 60 -Q 'DELE two' "$(url alice:secret)"
	py <<-END
		$STEPS
		broken_off(Control().login(), 'one', bytes(950000))
	END
	lftp -c "set net:max-retries 1; set net:timeout 20; open -u alice,secret ftp://127.0.0.1:$PORT; put $DIR/file -o three"
	cmp "$DIR/file" "$HOME_DIR/three"
	run -0 curl -sS --max-time 60 -v -Q 'SITE PARTIALS' "$(url alice:secret)"
	assert_output --partial '200 No partial uploads'
}

@test "SIZE of a name with only a partial is the partial's; listings and rclone, which go by them, see none" {
	serve ''
	head -c 900000 /dev/urandom >"$DIR/file"
	py <<-END
		$STEPS
		c = Control().login()
		with open(os.environ['DIR'] + '/file', 'rb') as file:
		    part = file.read(300000)
		for name in 'a', 'b', 'file':
		    broken_off(c, name, part)
		assert c.size('a') == 300000
		assert c.names() == []
		c.ask('MLST a', 550)
	END
	curl -sS --max-time 60 -C - -T "$DIR/file" "$(url alice:secret a)"
	lftp -c "set net:max-retries 1; set net:timeout 20; open -u alice,secret ftp://127.0.0.1:$PORT; reput $DIR/file -o b"
	wait_until log_has 'bytes=600000 .*path="/a"'
	wait_until log_has 'bytes=600000 .*path="/b"'
	if command -v rclone >/dev/null; then
		rclone copy --ignore-existing "$DIR/file" ":ftp,host=127.0.0.1,port=$PORT,user=alice,pass=$(rclone obscure secret):" --config /dev/null
		cmp "$DIR/file" "$HOME_DIR/file"
	fi
	cmp "$DIR/file" "$HOME_DIR/a"
	cmp "$DIR/file" "$HOME_DIR/b"
}

@test "more partials than a reply holds: the oldest are listed, the rest is counted" {
	serve ''
	py <<-END
		$STEPS
		import pwd
		os.makedirs(os.path.join(HOME_DIR, 'd'))
		for i in range(3000):
		    path = os.path.join(HOME_DIR, 'd', partial_name(str(i)))
		    with open(path, 'wb') as file:
		        file.write(b'x')
		    os.setxattr(path, 'user.sallyport.partial-of', str(i).encode())
		    aged(path, 100000 + i)
		subprocess.run(['chown', '-R', '--reference=' + HOME_DIR, HOME_DIR], check=True)
		c = Control().login()
		lines = c.ask('SITE PARTIALS', 200).split('\n')
		assert lines[1].endswith(': /d/2999') and lines[-2:] == [' and 2936 more', '200 3000 partial uploads hold 3000 bytes'], lines
	END
	run -0 ctl user partials alice
	assert_line --regexp '^ *1 +10(29|30)[0-9]{2} +/d/2999$'
	assert_line 'and 2936 more'
	run -0 ctl --json user partials alice
	python3 -c 'import json, sys; o = json.loads(sys.argv[1]); assert o["count"] == 3000 and o["bytes"] == 3000 and len(o["oldest"]) == 64 and o["oldest"][0]["path"] == "/d/2999", o' "$output"
	py <<-END
		c = Control().login()
		assert '3000 removed, 3000 bytes' in c.ask('SITE PARTIALS DELETE ALL', 200)
	END
}

@test "sallyportctl user partials: names are escaped, a missing account and a home of somebody else are said" {
	serve ''
	py <<-END
		$STEPS
		c = Control().login()
		broken_off(c, 'odd\u202ename', bytes(10))
	END
	run -0 ctl user partials alice
	refute_output --partial $'\u202e'
	assert_output --regexp '10 +[0-9]+ +/odd.*name'
	assert_output --partial "in 1 partial upload"
	refute_output --partial "1 partial uploads"
	run -1 ctl user partials nobody-such
	assert_output --partial "no account 'nobody-such'"
	chown root "$HOME_DIR"
	run -1 ctl user partials alice
	assert_output --partial "cannot look through '$HOME_DIR'"
}
