#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyportctl store check: the guarantees of a directory's file system. tests/vm/storage.bats runs it on NFS.

load lib

setup()
{
	DIR=$(mktemp -d /tmp/sallyport-store.XXXXXX)
	mkdir "$DIR/store"
}

teardown()
{
	if [ -n "${OTHER-}" ]; then kill "$OTHER" 2>/dev/null || :; fi
	rm -rf "$DIR"
}

check_store()
{
	"$BUILD/sallyportctl" "$@"
}

@test "alone: all holds here, and nothing is left" {
	run check_store store check "$DIR/store"
	assert_success
	assert_line --index 0 --partial "$DIR/store: "
	assert_line 'holds  a name is made once'
	assert_line 'holds  a locked file is locked for other sessions'
	assert_line 'holds  a rename can replace nothing'
	refute_line --partial WRONG
	[ "$(find "$DIR/store" | wc -l)" -eq 1 ]
}

@test "alone: locks that lock nothing are WRONG, with the cure, and the exit status is 1" {
	command -v strace >/dev/null || skip "strace is not installed"
	# two nodes mount it with "nolock"
	strace -qq -o /dev/null -e trace=flock -e inject=flock:retval=0 true || skip "strace may not trace here"
	run strace -qq -o /dev/null -e trace=flock -e inject=flock:retval=0 "$BUILD/sallyportctl" store check "$DIR/store"
	assert_failure 1
	assert_line --regexp "^WRONG  a locked file is locked for other sessions: it was done all the same; .*local_lock=none"
	run strace -qq -o /dev/null -e trace=flock -e inject=flock:error=ENOLCK "$BUILD/sallyportctl" store check "$DIR/store"
	assert_failure 1
	assert_line --partial "WRONG  a locked file is locked for other sessions: No locks available"
	[ "$(find "$DIR/store" | wc -l)" -eq 1 ]
}

@test "alone: a storage that syncs slowly has the right time; of one with another time the difference is told" {
	command -v strace >/dev/null || skip "strace is not installed"
	strace -qq -o /dev/null -e trace=fsync -e inject=fsync:delay_enter=1000 true || skip "strace may not trace here"
	run strace -qq -o /dev/null -e trace=fsync -e inject=fsync:delay_enter=4s "$BUILD/sallyportctl" store check "$DIR/store"
	assert_success
	assert_line 'holds  the clocks here and at the storage agree'
	run env "$(preload late_clock)" "$BUILD/sallyportctl" store check "$DIR/store"
	assert_failure 1
	assert_line --regexp "^WRONG  the clocks here and at the storage agree: the storage's is 3(599|600|601) s ahead; set both by NTP"
}

@test "alone: renames need no flag, and what is no directory is said" {
	run "$BUILD/tests/helpers/without_noreplace" "$BUILD/sallyportctl" store check "$DIR/store"
	assert_success
	touch "$DIR/store/file"
	run check_store store check "$DIR/store/file"
	assert_failure 1
	assert_output --partial 'Not a directory'
	run check_store store check "$DIR/absent"
	assert_failure 1
	assert_output --partial 'No such file or directory'
	# without a directory it is the database of the configuration
	run check_store -c "$DIR/absent.conf" store check
	assert_failure 1
	assert_output --partial "$DIR/absent.conf: cannot open"
	run check_store store check --peer
	assert_failure 2
	assert_output --partial "'store check --peer' needs a DIR"
	[ "$(find "$DIR/store" | wc -l)" -eq 2 ]
}

@test "as JSON, and by a user without rights" {
	chmod 711 "$DIR"
	chown 54321:54321 "$DIR/store"
	run setpriv --reuid 54321 --regid 54321 --clear-groups "$BUILD/sallyportctl" --json store check "$DIR/store"
	assert_success
	run jq -r '.good, (.checks | map(select(.verdict == "WRONG")) | length), .directory' <<<"$output"
	assert_output "true
0
$DIR/store"
}

@test "two nodes meet in the directory: each tells what it saw of the other, and nothing is left" {
	check_store store check "$DIR/store" --peer >"$DIR/other" 2>&1 3>&- &
	OTHER=$!
	run check_store store check "$DIR/store" --peer
	assert_success
	wait "$OTHER"
	OTHER=
	for report in "$output" "$(cat "$DIR/other")"; do
		run cat <<<"$report"
		assert_line "note   the other node: $(hostname)"
		assert_line 'holds  a file that the other node has locked is locked'
		assert_line 'holds  a file that the other node renamed is not found by its old name'
		assert_line 'holds  a new file of the other node is found, where there was none'
		assert_line 'holds  a file that the other node removed is gone'
		refute_line --partial WRONG
	done
	[ "$(find "$DIR/store" | wc -l)" -eq 1 ]
}

# Runs one check, or two, and breaks the first off.
BROKEN_OFF='
import os, signal, subprocess, sys, time

STORE = os.path.join(os.environ["DIR"], "store")
FOLDER = os.path.join(STORE, ".sallyport-store-check")

signal.signal(signal.SIGINT, signal.default_int_handler)    # who runs the tests may ignore it

def start():
    return subprocess.Popen([os.path.join(os.environ["BUILD"], "sallyportctl"), "store", "check", STORE, "--peer"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

def wait_for(what):
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)

def has(name):
    return os.path.exists(os.path.join(FOLDER, name))
'

@test "broken off while it waits for the other node: nothing is left, and the signal takes its course" {
	export DIR BUILD
	python3 - <<-END
		$BROKEN_OFF
		for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
		    check = start()
		    wait_for(lambda: has('step-0-of-0'))
		    check.send_signal(number)
		    out, _ = check.communicate(timeout=20)
		    assert check.returncode == -number, (check.returncode, out)
		    assert 'waiting for the other node; run the same command there, within 120 seconds' in out, out
		    assert os.listdir(STORE) == [], (os.listdir(STORE), out)
	END
}

@test "broken off while the other node is at it: that one says so at once, and nothing is left" {
	export DIR BUILD
	python3 - <<-END
		$BROKEN_OFF
		for is_slow in False, True:
		    one = start()
		    wait_for(lambda: has('step-0-of-0'))
		    two = start()
		    wait_for(lambda: has('node-1'))
		    two.send_signal(signal.SIGSTOP)
		    one.send_signal(signal.SIGINT)
		    if is_slow:              # the first one removes the folder by itself, in the end
		        wait_for(lambda: os.listdir(STORE) == [])
		    two.send_signal(signal.SIGCONT)
		    began = time.monotonic()
		    out, _ = one.communicate(timeout=20)
		    assert one.returncode == -signal.SIGINT, (one.returncode, out)
		    out, _ = two.communicate(timeout=20)
		    assert two.returncode == 1 and time.monotonic() - began < 10, (two.returncode, out)
		    assert is_slow or 'the other node has broken off its check' in out, out
		    assert 'warning' not in out, out
		    assert os.listdir(STORE) == [], (os.listdir(STORE), out)
	END
}

@test "two nodes are there already: the third says what to do, and leaves theirs alone" {
	mkdir -m 700 "$DIR/store/.sallyport-store-check"
	touch "$DIR/store/.sallyport-store-check/node-0" "$DIR/store/.sallyport-store-check/node-1"
	run check_store store check "$DIR/store" --peer
	assert_failure 1
	assert_output --partial "remove '.sallyport-store-check'"
	[ -e "$DIR/store/.sallyport-store-check/node-0" ]
}

@test "a folder that another user has put there is not used" {
	mkdir -m 777 "$DIR/store/.sallyport-store-check"
	chown 54321 "$DIR/store/.sallyport-store-check"
	run check_store store check "$DIR/store" --peer
	assert_failure 1
	assert_output --partial 'not ours alone'
}

@test "another directory of ours with the folder's name is refused, and keeps its files" {
	mkdir -m 700 "$DIR/store/.sallyport-store-check"
	echo kept >"$DIR/store/.sallyport-store-check/file"
	run check_store store check "$DIR/store" --peer
	assert_failure 1
	assert_output --partial 'not ours alone'
	[ "$(cat "$DIR/store/.sallyport-store-check/file")" = kept ]
	[ "$(find "$DIR/store" | wc -l)" -eq 3 ]
}
