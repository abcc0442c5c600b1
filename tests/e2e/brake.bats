#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The brake of an account: keep-brake=3/10m, and what an administrator does about it.

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

STEPS='
TEXT = "read-only until its administrator lifts the brake"

def make(c, *names):
    for name in names:
        c.put(name, name.encode())

def replaced(c, name):
    c.ask("RNFR " + name, 350)
    return c.ask("RNTO target", 250, 550, 553)
'

@test "one removal too many makes all sessions read-only, until user unbrake" {
	serve '--keep-brake 3/10m --keep 30d'
	py <<-END
		$STEPS
		c, other = Control().login(), Control().login()
		make(c, *'abcdefgh')
		make(c, 'target')
		c.put('a', b'1')	# overwrites,
		other.ask('DELE b', 250)	# removes,
		replaced(c, 'c')	# renames over: three in all
		d = other.open('STOR later')
		assert TEXT in c.ask('DELE d', 550)
		assert os.path.exists(HOME_DIR + '/d')
		# whatever changes a file is refused, in both sessions, and in those to come
		third = Control().login()
		for s in c, other, third:
		    if s is not other:
		        for line in 'DELE e', 'MKD m', 'RNFR e', 'SITE CHMOD 600 e', 'MFMT 20200101000000 e', 'RMDA m', 'APPE e', 'STOR n', 'STOU n', 'SITE CPFR e':
		            if line[:4] in ('APPE', 'STOR', 'STOU'):
		                with s.connect():
		                    assert TEXT in s.ask(line, 550), line
		            else:
		                text = s.ask(line, 350, 550)
		                if text.startswith('350'):
		                    text = s.ask('RNTO z' if 'RNFR' in line else 'SITE CPTO z', 550)
		                assert TEXT in text, (line, text)
		        assert s.get('e') == b'e'
		        assert 'perm=r;' in s.ask('MLST e', 250), s.ask('MLST e', 250)
		# an upload that had begun is not lost, but does not take its name
		d.sendall(b'late')
		d.close()
		assert TEXT in other.expect(550)
		assert not os.path.exists(HOME_DIR + '/later')
	END
	grep -q 'warning brake .*user="alice" path="/d" changes=3 seconds=600' "$LOG"
	grep -q 'login .*message="read-only: the brake has fallen"' "$LOG"
	run ctl user show alice
	[[ $output == *'brake: '*'fallen at 20'[0-9][0-9]'-'[0-9][0-9]'-'*' '*':'*' UTC, '*'127.0.0.1'*'unbrake'* ]]
	[[ $output == *'state:        braked'* ]]
	ctl user list | grep -qE '^alice +[0-9]+  braked '
	[ "$(ctl --json user list | jq -r '.[0].state')" = braked ]
	run ctl --json user show alice
	[[ $output == *'"brake_fallen": 1'* ]]
	# neither a start of the server nor a new number lifts it
	stop_server
	ctl user set alice --keep-brake 100/10m
	start_server
	py <<-END
		$STEPS
		c = Control().login()
		assert TEXT in c.ask('DELE e', 550)
	END
	run ctl user unbrake alice
	[ "$status" -eq 0 ]
	[[ $output == *'brake is lifted'* ]]
	[[ $output != *'no line'* ]]
	wait_until grep -q 'warning brake-lifted .*user="alice"' "$LOG"
	py <<-END
		c = Control().login()
		c.ask('DELE e', 250)
		for i in range(50):
		    c.put('f', b'%d' % i)
	END
	run ctl user unbrake alice
	[ "$status" -eq 1 ]
	[[ $output == *'has not fallen'* ]]
	[ "$(grep -c ' brake-lifted ' "$LOG")" -eq 1 ]
	run ctl user unbrake bob
	[ "$status" -eq 1 ]
}

@test "a running session may change files again as soon as the brake is lifted" {
	serve '--keep-brake 1/1h'
	LIMIT=60 py <<-END
		$STEPS
		import subprocess
		c = Control().login()
		make(c, 'a', 'b', 'c')
		c.ask('DELE a', 250)
		assert TEXT in c.ask('DELE b', 550)
		assert TEXT in c.ask('MKD d', 550)
		subprocess.run([os.environ['BUILD'] + '/sallyportctl', '-c', os.environ['CONF'], 'user', 'unbrake', 'alice'], check=True)
		c.ask('MKD d', 257)
		assert 'perm=adfrw' in c.ask('MLST b', 250)
		c.ask('DELE b', 250)
		assert TEXT in c.ask('DELE c', 550)
	END
}

@test "removals that are further apart do not add up, and new files do not count" {
	serve '--keep-brake 2/2s'
	LIMIT=60 py <<-END
		$STEPS
		c = Control().login()
		make(c, *['f%d' % i for i in range(20)])
		for i in range(3):
		    c.ask('MKD d%d' % i, 257)
		    c.ask('DELE f%d' % (2 * i), 250)
		    c.ask('DELE f%d' % (2 * i + 1), 250)
		    time.sleep(2.2)	# the time of the brake
		c.ask('DELE f10', 250)
		c.ask('DELE f11', 250)
		assert TEXT in c.ask('DELE f12', 550)
	END
}

@test "what is retained, and stays, does not count" {
	serve '--keep-brake 1/1h --retain 10d'
	py <<-END
		$STEPS
		c = Control().login()
		make(c, 'a', 'target')
		for i in range(3):
		    assert 'retained, and stays as it is until 20' in c.ask('DELE a', 550)
		    c.ask('RNFR a', 350)
		    assert 'retained' in c.ask('RNTO target', 550, 553)
		make(c, 'b')
	END
}

@test "RMDA stops where the brake falls, and files that are written in place count" {
	serve '--keep-brake 3/10m' 'uploads = "in-place"'
	py <<-END
		$STEPS
		c = Control().login()
		c.ask('MKD d', 257)
		make(c, *['d/%d' % i for i in range(9)])
		assert TEXT in c.ask('RMDA d', 550)
		assert len(os.listdir(HOME_DIR + '/d')) == 6
	END
	ctl user unbrake alice
	py <<-END
		$STEPS
		c = Control().login()
		make(c, 'a')
		for i in range(3):
		    c.put('a', b'%d' % i)
		with c.connect():
		    assert TEXT in c.ask('STOR a', 550)
		assert c.get('a') == b'2'
	END
}

@test "many sessions at once remove no more than the brake allows" {
	serve '--keep-brake 20/10m'
	LIMIT=120 py <<-END
		$STEPS
		make(Control().login(), *['f%03d' % i for i in range(80)])
		def remove(k):
		    c = Control().login()
		    for i in range(k, 80, 4):
		        c.ask('DELE f%03d' % i, 250, 550)
		threads = [threading.Thread(target=remove, args=(k,)) for k in range(4)]
		for thread in threads:
		    thread.start()
		for thread in threads:
		    thread.join()
		assert len(os.listdir(HOME_DIR)) == 60, len(os.listdir(HOME_DIR))
	END
	[ "$(grep -c 'warning brake ' "$LOG")" -eq 1 ]
}

@test "the hook hears of a brake that falls" {
	mkdir -m 777 "$DIR/out"
	cat >"$DIR/hook" <<-END
		#!/bin/sh
		echo "\$SALLYPORT_EVENT \$SALLYPORT_USER \$SALLYPORT_CLIENT_PATH" >>"$DIR/out/heard"
	END
	chmod 755 "$DIR/hook"
	serve '--keep-brake 1/10m' "on-upload = \"$DIR/hook\""
	py <<-END
		$STEPS
		c = Control().login()
		make(c, 'a', 'b')
		c.ask('DELE a', 250)
		assert TEXT in c.ask('DELE b', 550)
	END
	wait_until grep -qx 'brake alice /b' "$DIR/out/heard"
	grep -qx 'upload alice /a' "$DIR/out/heard"
}

@test "in a shared folder, hook and log name the file as the client sees it, and where it really is" {
	mkdir -m 777 "$DIR/out"
	cat >"$DIR/hook" <<-END
		#!/bin/sh
		echo "\$SALLYPORT_EVENT \$SALLYPORT_CLIENT_PATH \$SALLYPORT_HOME \$SALLYPORT_PATH" >>"$DIR/out/heard"
	END
	chmod 755 "$DIR/hook"
	serve '--keep-brake 1/10m' "on-upload = \"$DIR/hook\""
	ctl folder add shared --directory "$DIR/shared"
	ctl folder grant shared --user alice --at /in/shared
	py <<-END
		$STEPS
		c = Control().login()
		make(c, 'in/shared/a')
		c.ask('MKD in/shared/d', 257)
		make(c, 'in/shared/d/b')
		c.ask('DELE in/shared/a', 250)
		assert TEXT in c.ask('DELE in/shared/d/b', 550)
	END
	wait_until grep -qx "brake /in/shared/d/b $DIR/shared $DIR/shared/d/b" "$DIR/out/heard"
	grep -q 'warning brake .*user="alice" path="/in/shared/d/b"' "$LOG"
	# without a server nothing is logged, and the administrator reads so
	stop_server
	run ctl user unbrake alice
	[ "$status" -eq 0 ]
	[[ $output == *'no server runs here, so the log has no line'* ]]
}

@test "a damaged brake counts as fallen, and an administrator lifts it" {
	serve '--keep-brake 5/10m'
	py <<-END
		c = Control().login()
		c.put('a', b'a')
		c.ask('DELE a', 250)
	END
	printf damage | dd of="$DIR/state/brakes/alice" conv=notrunc bs=1 seek=20 status=none
	py <<-END
		$STEPS
		c = Control().login()
		with c.connect():
		    assert TEXT in c.ask('STOR b', 550)
	END
	ctl user unbrake alice
	py <<-END
		Control().login().put('b', b'b')
	END
}

@test "no administrator removes what is retained: user del --purge-home and keep purge say what" {
	serve '--retain 10d --keep 20d'
	py <<-END
		import struct
		c = Control().login()
		c.ask('MKD d', 257)
		c.put('d/a', b'one')
		# ten days pass for the keep alone, and the next upload replaces the first
		with open(HOME_DIR + '/.sallyport-keep/state', 'r+b') as file:
		    magic, clock, seen = struct.unpack('=8sQQ', file.read(24))
		    file.seek(8)
		    file.write(struct.pack('=Q', clock + 10 * 86400 + 60))
		c.put('d/a', b'two')
		for i in range(30):
		    c.put('d/f%02d' % i, b'x')
	END
	stop_server
	run ctl user del alice --purge-home
	[ "$status" -eq 1 ]
	[[ $output == *'32 files in '*' are retained (retain=10d)'* ]]
	[[ $output == *'  until 20'*' UTC  /.sallyport-keep/'* ]]
	[[ $output == *'  until 20'*'/d/'* ]]
	[[ $output == *'  and 12 more'* ]]
	[ "$(cat "$HOME_DIR/d/a")" = two ]
	ctl user show alice
	run -0 ctl keep purge alice --all
	run -0 ctl keep purge alice --older-than 1d
	run -0 ctl keep purge alice --path /d/a
	run -2 ctl keep purge alice --all --force
	[ "$(find "$HOME_DIR/.sallyport-keep" -name '*.0000' | wc -l)" -eq 1 ]
	# the account alone may go; its home stays
	ctl user set alice --retain none
	run ctl user del alice --purge-home
	[ "$status" -eq 0 ]
	[ ! -e "$HOME_DIR" ]
}

@test "bad settings are refused with what would be right" {
	write_config
	add_user alice secret
	for value in 0/10m 200 200/8d 10001/1m x/1m 5/0s; do
		run ctl user set alice --keep-brake "$value"
		[ "$status" -eq 2 ]
		[[ $output == *'200/10m'* ]]
	done
	run ctl user set alice --retain 0d
	[ "$status" -eq 2 ]
	run ctl user set alice --keep 30d --retain 31d
	[ "$status" -eq 1 ]
	[[ $output == *'retain is longer than keep'* ]]
	ctl user set alice --keep 30d --retain 30d
	sed -i 's/retain=30d/retain=31d/' "$DIR/etc/users"
	run ctl config check
	[ "$status" -ne 0 ]
	[[ $output == *"users:1: "*'retain is longer than keep'* ]]
	sed -i 's/keep=30d/keep-brake=0\/10m/' "$DIR/etc/users"
	run ctl config check
	[ "$status" -ne 0 ]
	[[ $output == *'such as keep-brake=200/10m'* ]]
}
