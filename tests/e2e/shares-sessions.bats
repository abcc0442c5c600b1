#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Quotas that the database counts, as a session sees them: a broker that grants, refuses, is silent, lies or dies.
# tests/helpers/fake_broker.c takes its place; shares-nodes.bats has the real one, with PostgreSQL.

load lib

setup_file()
{
	make_broker_user
}

teardown_file()
{
	end_broker_user
}

setup()
{
	new_place
	STORE=$DIR/etc/store.conf
	install -m 0640 -g "$BROKER" /dev/null "$STORE"
	install -d -m 755 "$DIR/libexec"
	install -m 755 "$BUILD/tests/helpers/fake_broker" "$DIR/libexec/sallyport-broker"
	export STORE
}

teardown()
{
	ftp_close
	end_place
}

# store_says [LINE...]: what the broker does from now on, besides the account dora with a quota of 1 MiB and 10 files.
store_says()
{
	printf '%s\n' "$LINE" "$@" >"$STORE"
}

# serve [OPTIONS]: with dora in the database.
serve()
{
	install -d -o 200001 -g 200001 "$DIR/home/dora"
	LINE="account dora dora:$(perl -e 'print crypt("secret", "\$6\$rounds=1000\$salt")'):200001:200001:$DIR/home/dora:${1-quota=1M quota-files=10}"
	export LINE
	store_says
	write_config "accounts = \"$DIR/etc/users,postgresql:$STORE\"" "broker-user = \"$BROKER\"" \
		"libexec-directory = \"$DIR/libexec\"" "home-directory = \"$DIR/home\"" 'uid-range = "200000-299999"' \
		"log { target = \"$LOG\" level = \"debug\" }"
	start_server
	wait_until log_has ' store-up '
}

# dora <SCRIPT: Python with ftp.py, and says(LINE...) for the broker.
dora()
{
	{
		cat <<-'END'
			import os, time
			from ftp import *
			def says(*lines):
			    with open(os.environ["STORE"], "w") as out:
			        print(os.environ["LINE"], *lines, sep="\n", file=out)
			def dora():
			    return Control().login("dora", "secret")
			def takes(seconds, act):
			    began = time.monotonic()
			    answer = act()
			    assert time.monotonic() - began < seconds, time.monotonic() - began
			    return answer
			home = os.environ["DIR"] + "/home/dora"
		END
		cat
	} | py
}

@test "what is granted is used up to the byte; what is over the quota is 552 with figures; nothing is asked for in between" {
	serve
	dora <<-'END'
		c = dora()
		c.put("one", b"x" * 1000000)
		assert "1000000 of 1048576 bytes" in c.ask("SITE QUOTA", 200), "figures"
		def asked():
		    return open(os.environ["LOG"]).read().count("credit: ")
		before = asked()
		c.ask("DELE one", 250)
		c.put("two", b"y" * 900000)
		assert asked() == before, asked()
		says("credit 1 1048576 10 1048576 2 7")
		answer = c.put("three", b"z" * 148577, codes=(552,))
		assert "Quota exceeded: 1048576 of 1048576 bytes" in answer, answer
		assert os.stat(home + "/two").st_size == 900000
	END
}

@test "each refusal has its words and its time" {
	serve
	dora <<-'END'
		c = dora()
		c.put("one", b"x" * 1000000)
		def refused(line, code, words, least, most):
		    says(line)
		    began = time.monotonic()
		    answer = c.put("two", b"y" * 100000, codes=(code,))
		    assert words in answer, answer
		    assert least <= time.monotonic() - began < most, time.monotonic() - began
		elsewhere = "Room of the quota is held by another server; try again in a minute"
		refused("credit 6 1048576 10 1048576 2 7", 452, elsewhere, 0, 3)
		refused("credit 2 1048576 10 1048576 2 7", 452, elsewhere, 0.8, 4)
		refused("credit-delay 6000", 452, "More of the quota cannot be asked for now", 2, 6)
		# what needs no room goes on meanwhile, and afterwards
		c.ask("DELE one", 250)
		c.ask("MKD d", 257)
	END
}

@test "others that give back what they do not use: the answer comes when they have" {
	serve
	dora <<-'END'
		c = dora()
		says("credit 2 0 0 0 0 7")
		begun = threading.Timer(0.5, says)
		begun.start()
		takes(5, lambda: c.put("one", b"x" * 1000000))
		begun.join()
		assert os.stat(home + "/one").st_size == 1000000
	END
}

@test "one session too many on all servers is refused as one too many here" {
	serve max-sessions=1
	dora <<-'END'
		first = dora()
		second = Control()
		second.greet()
		second.ask("USER dora", 331)
		here = second.ask("PASS secret", 530)
		first.ask("QUIT", 221)
		second.ask("QUIT", 221)
		says("credit 5 0 0 0 0 0")
		wait_until(no_session)
		third = Control()
		third.greet()
		third.ask("USER dora", 331)
		assert third.ask("PASS secret", 530) == here
		says()
		third.ask("USER dora", 331)
		third.ask("PASS secret", 230)
		third.ask("NOOP", 200)
	END
	run log_count 'login-failed.*max-sessions of the account reached, on all servers together'
	assert_output 1
}

@test "a share that is gone ends all sessions of the account with 421; the next ones begin anew" {
	serve
	dora <<-'END'
		one, two = dora(), dora()
		one.put("one", b"x" * 1000000)
		says("credit 3 0 0 0 0 0")
		two.put("two", b"y" * 100000, codes=(452, 421))
		says()
		for c in one, two:
		    assert "divided anew among the servers; log in again" in c.expect(421)
		c = dora()
		c.put("three", b"z" * 1000)
		assert (used(c)[0][0]) == 1000, used(c)
	END
}

# A session that is taken over can use them up; and they would not end with it.
@test "a share whose numbers are used up is given up, and the next session begins anew" {
	serve
	dora <<-'END'
		c = dora()
		c.put("one", b"x" * 1000000)
		says("credit 7 0 0 0 0 7")
		c.put("two", b"y" * 100000, codes=(452, 421))
		says()
		assert "divided anew among the servers; log in again" in c.expect(421)
		c = dora()
		c.put("two", b"z" * 1000)
		c.ask("QUIT", 221)
		# one that a session of before has left
		wait_until(no_session)
		says("credit 7 0 0 0 0 7")
		c = Control()
		c.greet()
		c.ask("USER dora", 331)
		c.ask("PASS secret", 421)
		says()
		dora().put("three", b"z" * 1000)
	END
}

@test "a broker that lies: no byte over what was asked for, no more than a quota at once, and never a loop" {
	serve
	dora <<-'END'
		c = dora()
		huge = 1 << 62
		says("credit 0 %d %d 0 0 7" % (huge, huge))
		c.put("one", b"x" * 1048576)
		c.put("two", b"x" * 1048576) # a quota that the database does not keep is none: docs say so
		says("credit 0 -%d -%d -%d %d 7" % (huge, huge, huge, huge))
		c.put("three", b"x" * 3000000, codes=(452, 552))
		c.ask("SITE QUOTA", 200)
		says("credit 0 0 0 0 0 0")
		c.put("three", b"x" * 3000000, codes=(452, 552, 421))
	END
	local answer
	for answer in 'credit 200 0 0 0 0 7' 'mode bad-outcome' 'mode other-kind' 'mode long' 'mode hangs-up'; do
		store_says
		find "$DIR/home/dora" -mindepth 1 -delete
		rm -f "$DIR/state/ledger/dora"
		ANSWER=$answer dora <<-'END'
			c = dora()
			print(os.environ["ANSWER"])
			says(os.environ["ANSWER"])
			c.put("one", b"x" * 3000000, codes=(452, 421))
			says()
			c = dora()
			c.put("two", b"x" * 10)
		END
	done
}

@test "floods of recalls: the session answers, gives back what it does not use, and asks few questions" {
	serve
	dora <<-'END'
		c = dora()
		says("recalls 2000")
		c.put("one", b"x" * 100000)
		time.sleep(1)
		before = open(os.environ["LOG"]).read().count("credit: ")
		for _ in range(20):
		    takes(2, lambda: c.ask("NOOP", 200))
		time.sleep(1)
		asked = open(os.environ["LOG"]).read().count("credit: ") - before
		assert asked < 200, asked
		says()
		c.put("two", b"y" * 900000)
		c.ask("QUIT", 221)
	END
}

@test "a broker that is killed: the session goes on within what it has, then reads 452, and is asked to log in again" {
	ALARM_EXPECTED=1
	serve
	dora <<-'END'
		c = dora()
		c.put("one", b"x" * 1000)
		d = c.open("STOR two")
		d.send(b"y" * 1000)
		for pid in children(int(os.environ["SERVER_PID"])):
		    if os.readlink("/proc/%d/exe" % pid).endswith("sallyport-broker"):
		        os.kill(pid, signal.SIGKILL)
		wait_until(lambda: "broker" in open(os.environ["LOG"]).read())
		time.sleep(0.3)
		d.send(b"y" * 1000)
		d.close()
		c.expect(226)
		assert "log in again" in c.expect(421)
		assert os.stat(home + "/two").st_size == 2000
		found = []
		def again():
		    try:
		        found.append(dora())
		    except Unexpected:
		        pass
		    return found
		wait_until(again)
		c = found[0]
		c.put("three", b"z" * 1000)
		assert used(c)[0][0] == 4000, used(c)
	END
}
