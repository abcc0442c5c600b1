#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# mirror of sallyport(1): a pipeline, filters, and what it never removes.

load lib
load tls-lib
load client-lib

setup_file()
{
	make_authority
}

setup()
{
	new_client_place
}

teardown()
{
	# of a test that failed
	if [ -n "${watcher-}" ] && kill "$watcher" 2>/dev/null; then
		wait "$watcher" || :
	fi
	end_place
}

# tree_in_home DIRECTORIES FILES: make alice's d1 ... with f1 ... in each.
tree_in_home()
{
	local d f
	for d in $(seq "$1"); do
		mkdir -p "$H/d$d"
		for f in $(seq "$2"); do
			echo "$d/$f" >"$H/d$d/f$f"
		done
	done
	chown -R --reference="$H" "$H"
}

# moves [PATTERN]: the transfers in the order of the log, one word each: list, down, up.
moves()
{
	sed -n 's/.* info transfer .*direction="\([a-z]*\)".*/\1/p' "$DIR/log"
}

@test "mirror: files are copied before all directories are listed" {
	tree_in_home 20 3
	run -0 client mirror "$(at)" m
	assert_line --partial 'mirror: 60 copied'
	diff -r "$H" m
	wait_until test "$(moves | grep -c list)" -eq 21
	moves >order
	[ "$(grep -n -m1 down order | cut -d: -f1)" -eq 3 ]
	[ "$(grep -n list order | tail -n1 | cut -d: -f1)" -gt 70 ]
	run -0 client mirror "$(at)" m
	assert_line --partial 'mirror: 0 copied (0 B), 60 the same'
}

@test "mirror: several connections list and copy, down and up" {
	tree_in_home 30 4
	run -0 client mirror -P 4 "$(at)" m
	assert_line --partial 'mirror: 120 copied'
	diff -r "$H" m
	rm -r "$H"/d*
	run -0 client mirror -P 4 m "$(at)"
	assert_line --partial 'mirror: 120 copied'
	assert_line --partial '30 directories made'
	diff -r m "$H"
	run -0 client mirror -P 4 m "$(at)"
	assert_line --partial 'mirror: 0 copied (0 B), 120 the same'
}

@test "mirror --delete: one listing that fails keeps every name on the other side" {
	tree_in_home 8 2
	run -0 client mirror "$(at)" m
	echo mine >m/d1/mine
	mkdir m/d9
	chmod 0 "$H/d5"
	run client mirror -P 3 --delete "$(at)" m
	[ "$status" -eq 3 ]
	assert_line --partial '2 names were not removed, since not everything was copied'
	[ -e m/d1/mine ]
	[ -d m/d9 ]
	chmod 700 "$H/d5"
	run -0 client mirror -P 3 --delete "$(at)" m
	[ ! -e m/d1/mine ]
	[ ! -e m/d9 ]
}

@test "mirror --delete-before: everything is listed, then removed, then copied" {
	tree_in_home 6 2
	mkdir -p m/d1 m/d2/f1 m/old/deep
	echo x >m/d1/extra
	run -0 client mirror -P 3 --delete-before "$(at)" m
	diff -r "$H" m
	assert_line --partial '12 copied'
	assert_line --partial '3 removed'
}

# filter_tree DIRECTORY: make a tree that filters take apart.
filter_tree()
{
	mkdir -p "$1/build" "$1/src/build" "$1/cache"
	for name in a.c a.o keep.o build/x src/b.c src/b.o src/build/y cache/z; do
		echo "$name" >"$1/$name"
	done
	truncate -s 5000 "$1/big"
	touch -d '2020-01-02 03:04:05' "$1/src/b.c"
}

# leaves OPTION...: mirror the tree with these options in both directions; print the names that arrived.
leaves()
{
	local down
	rm -rf down "$H/up"
	client -q mirror "$@" "$(at tree)" down
	client -q mirror "$@" "$H/tree" "$(at up)"
	down=$(cd down && find . -type f | sort | tr '\n' ' ')
	assert_equal "$(cd "$H/up" && find . -type f | sort | tr '\n' ' ')" "$down"
	echo "$down"
}

@test "mirror: rules for names, in their order, both ways" {
	filter_tree "$H/tree"
	chown -R --reference="$H" "$H/tree"
	assert_equal "$(leaves --exclude '*.o' --exclude big)" './a.c ./build/x ./cache/z ./src/b.c ./src/build/y '
	assert_equal "$(leaves --include keep.o --exclude '*.o' -x build/ -x /cache)" './a.c ./big ./keep.o ./src/b.c '
	assert_equal "$(leaves --include '*.c')" './a.c ./src/b.c '
	assert_equal "$(leaves --exclude-regex '\.o$|^build/|^[ck].*/' -x big)" './a.c ./src/b.c ./src/build/y '
	assert_equal "$(leaves --include-regex '^src/.*c$' -x '*')" ''
	printf '# rules\n\n+ keep.o\n- *.o\n-~ /build/\n' >rules
	assert_equal "$(leaves --filter-from rules -x cache -x big)" './a.c ./build/x ./keep.o ./src/b.c '
}

@test "mirror: ranges of size and time, --only-missing and --existing" {
	filter_tree "$H/tree"
	chown -R --reference="$H" "$H/tree"
	assert_equal "$(leaves --min-size 1K)" './big '
	assert_equal "$(leaves --max-size 4 --max-age 1h)" './a.c ./a.o '
	assert_equal "$(leaves --min-age 365d)" './src/b.c '
	assert_equal "$(leaves --newer 2020-01-02T03:05 --max-size 1K -x build -x '*.o' -x cache)" './a.c '
	touch -d '2020-01-02 03:04:04' stamp
	assert_equal "$(leaves --newer stamp --min-age 1d)" './src/b.c '
	mkdir existing
	echo an older one >existing/a.c
	run -0 client mirror --existing "$(at tree)" existing
	assert_equal "$(find existing -type f)" existing/a.c
	assert_equal "$(cat existing/a.c)" a.c
	echo mine >existing/a.o
	run -0 client mirror --only-missing "$(at tree)" existing
	assert_equal "$(cat existing/a.o)" mine
	[ -e existing/src/build/y ]
}

@test "mirror --delete: what filters leave out stays on the other side; a dry run says why" {
	filter_tree "$H/tree"
	chown -R --reference="$H" "$H/tree"
	mkdir -p m/gone/deep
	echo x >m/extra.o
	echo x >m/gone/deep/x.o
	echo x >m/gone/other
	truncate -s 9000 m/large
	run -0 client mirror -n --delete -x '*.o' --max-size 1K "$(at tree)" m
	assert_line "would leave extra.o: is excluded by '- *.o'"
	assert_line 'would leave large: is larger than --max-size'
	assert_line 'would leave big: is larger than --max-size'
	assert_line --partial 'would remove gone'
	run -0 client mirror --delete -x '*.o' --max-size 1K "$(at tree)" m
	[ -e m/extra.o ]
	[ -e m/large ]
	[ -e m/gone/deep/x.o ]
	[ ! -e m/gone/other ]
	[ ! -e m/big ]
}

@test "mirror: a bad filter is an error that names option, value and what would be right" {
	run -2 client mirror --exclude-regex '(' "$(at)" m
	assert_output --partial "--exclude-regex is '(': "
	assert_output --partial 'it must be an extended regular expression'
	run -2 client mirror --max-size 12Q "$(at)" m
	assert_output --partial "--max-size is '12Q'; it must be a size: 512, 64K, 10M, 2G"
	run -2 client mirror --min-age soon "$(at)" m
	assert_output --partial "--min-age is 'soon'; it must be a time: 90, 90s, 10m, 12h, 7d"
	run -2 client mirror --newer nothing "$(at)" m
	assert_output --partial "--newer is 'nothing'; it must be a local file, or a date"
	run -2 client mirror --filter-from nothing "$(at)" m
	assert_output --partial "--filter-from is 'nothing': No such file or directory"
	printf -- '- fine\nwrong\n' >rules
	run -2 client mirror --filter-from rules "$(at)" m
	assert_output --partial "--filter-from 'rules', line 2: 'wrong'; a rule is"
	run -2 client mirror --only-missing --existing "$(at)" m
	assert_output --partial '--only-missing and --existing leave nothing to copy'
	run -2 client mirror --min-size 2K --max-size 1K "$(at)" m
	[ ! -e m ]
}

@test "mirror --backup-dir: what is replaced or removed is kept, here and on the server" {
	mkdir -p "$H/t/d" "$H/t/gone" m/d
	echo new >"$H/t/d/f"
	echo there >"$H/t/gone/x"
	chown -R --reference="$H" "$H/t"
	echo the old one >m/d/f
	echo extra >m/extra
	run -0 client mirror --delete --backup-dir kept "$(at t)" m
	assert_equal "$(cat kept/d/f)" 'the old one'
	assert_equal "$(cat kept/extra)" extra
	[ ! -e m/extra ]
	diff -r "$H/t" m
	# a second one of the name does not take the place of the first
	echo newer >m/extra
	echo changed, too >m/d/f
	run -0 client mirror --delete --backup-dir kept "$(at t)" m
	assert_equal "$(cat kept/extra)" extra
	assert_equal "$(cat kept/extra.~1~)" newer
	assert_equal "$(cat kept/d/f.~1~)" 'changed, too'
	# on the server, within the target, which leaves it alone
	rm -r m/gone
	echo from here >m/d/f
	run -0 client mirror --delete --backup-dir t/.old/today m "$(at t)"
	assert_equal "$(cat "$H/t/.old/today/d/f")" new
	assert_equal "$(cat "$H/t/.old/today/gone/x")" there
	assert_equal "$(cat "$H/t/d/f")" 'from here'
	run -0 client mirror --delete --backup-dir t/.old/today m "$(at t)"
	assert_line --partial '0 copied (0 B), 1 the same, 0 removed'
	run -2 client mirror --backup-dir m "$(at t)" m
	assert_output --partial "--backup-dir is 'm', the target itself"
}

has_copy()
{
	cmp -s "$1" "$2"
}

@test "mirror --watch: what changes is uploaded, removed and renamed, until Ctrl-C" {
	mkdir -p m/a
	echo one >m/a/f
	env --default-signal=INT "$BUILD/sallyport" --ca "$CA" mirror --watch --delete -P 2 m "$(at up)" >out 2>&1 </dev/null 3>&- &
	watcher=$!
	wait_until -t 20 grep -qs watching out
	assert_equal "$(cat "$H/up/a/f")" one
	echo two, and more >m/a/f
	wait_until -t 20 has_copy m/a/f "$H/up/a/f"
	# directories that are made at once with what is in them
	mkdir -p m/x/y/z && echo deep >m/x/y/z/f
	wait_until -t 20 has_copy m/x/y/z/f "$H/up/x/y/z/f"
	echo deeper >m/x/y/z/g
	wait_until -t 20 has_copy m/x/y/z/g "$H/up/x/y/z/g"
	# a directory that moves
	mv m/x/y m/moved
	wait_until -t 20 has_copy m/moved/z/f "$H/up/moved/z/f"
	wait_until -t 20 test ! -e "$H/up/x/y"
	echo after the move >m/moved/z/f
	wait_until -t 20 has_copy m/moved/z/f "$H/up/moved/z/f"
	rm m/a/f
	wait_until -t 20 test ! -e "$H/up/a/f"
	# a file that is still written waits; its neighbour does not
	# a slow machine must not come between the two
	kill -STOP "$watcher"
	exec 7>m/a/slow
	echo begun >&7
	kill -CONT "$watcher"
	echo beside >m/a/beside
	wait_until -t 20 has_copy m/a/beside "$H/up/a/beside"
	[ ! -e "$H/up/a/slow" ]
	echo ended >&7
	exec 7>&-
	wait_until -t 20 has_copy m/a/slow "$H/up/a/slow"
	kill -INT "$watcher"
	wait "$watcher"
	diff -r m "$H/up"
	grep -q 'mirror: ' out
}

@test "mirror --watch: what cannot work is refused" {
	mkdir m
	run -2 client mirror --watch "$(at)" m
	assert_output --partial '--watch follows changes of local files; it needs an upload'
	run -2 client mirror --watch -n m "$(at)"
	assert_output --partial '--watch has no meaning with --dry-run'
}

@test "mirror --perms and --dir-times, both ways" {
	mkdir -p "$H/t/d/e"
	echo x >"$H/t/d/run"
	echo y >"$H/t/d/e/closed"
	chmod 750 "$H/t/d/run"
	chmod 600 "$H/t/d/e/closed"
	chmod 700 "$H/t/d/e"
	touch -d '2021-03-04 05:06:07' "$H/t/d/e" "$H/t/d"
	chown -R --reference="$H" "$H/t"
	run -0 client mirror --perms --dir-times -P 2 "$(at t)" m
	assert_equal "$(stat -c '%a %n' m/d/run m/d/e/closed m/d/e)" "$(cd "$H/t" && stat -c '%a m/%n' d/run d/e/closed d/e)"
	assert_equal "$(stat -c %Y m/d m/d/e)" "$(stat -c %Y "$H/t/d" "$H/t/d/e")"
	# rights alone are set without a transfer
	chmod 640 m/d/run
	run -0 client mirror -n --perms "$(at t)" m
	assert_line 'would chmod d/run: has other rights'
	run -0 client mirror --perms "$(at t)" m
	assert_line --partial '0 copied'
	assert_equal "$(stat -c %a m/d/run)" 750
	run -0 client mirror --perms --dir-times m "$(at up)"
	assert_equal "$(stat -c %a "$H/up/d/run" "$H/up/d/e/closed")" "$(stat -c %a m/d/run m/d/e/closed)"
	assert_equal "$(stat -c %Y "$H/up/d" "$H/up/d/e")" "$(stat -c %Y m/d m/d/e)"
}

@test "mirror --links: followed to files in an upload; copies are for downloads" {
	mkdir m
	echo target >target
	ln -s ../target m/link
	ln -s .. m/up
	run -0 client mirror m "$(at up)"
	assert_line --partial 'link is left out: it is a symbolic link'
	[ ! -e "$H/up/link" ]
	run -0 client mirror --links follow m "$(at up)"
	assert_equal "$(cat "$H/up/link")" target
	[ ! -e "$H/up/up" ]
	run -2 client mirror --links copy m "$(at up)"
	assert_output --partial "--links is 'copy', and FTP has no command that makes a link"
	run -2 client mirror --links some m "$(at up)"
	assert_output --partial "--links is 'some'; it must be copy, follow or skip"
}

@test "mirror --links follow, down: files and directories, also outside; a link that leads back, or nowhere, stays out" {
	mkdir -p "$H/t/real/deep" "$H/elsewhere"
	echo file >"$H/t/real/file"
	echo below >"$H/t/real/deep/below"
	echo out >"$H/elsewhere/out"
	ln -s real/file "$H/t/to-file"
	ln -s real "$H/t/to-directory"
	ln -s ../elsewhere "$H/t/outside"
	ln -s .. "$H/t/real/deep/up"
	ln -s . "$H/t/self"
	ln -s nothing "$H/t/dangling"
	ln -s /etc "$H/t/absolute"
	chown -Rh --reference="$H" "$H"
	run -0 client mirror --links follow -P 2 "$(at t)" m
	assert_line 'sallyport: self is left out: it is a symbolic link that leads back to a directory above it'
	assert_line 'sallyport: real/deep/up is left out: it is a symbolic link that leads back to a directory above it'
	assert_line 'sallyport: dangling is left out: it is a symbolic link that leads nowhere'
	assert_equal "$(cat m/to-file m/to-directory/file m/to-directory/deep/below m/outside/out)" $'file\nfile\nbelow\nout'
	# nothing of this machine's /etc, which an absolute link may name there
	[ ! -e m/absolute/passwd ]
	[ ! -L m/to-file ]
	assert_equal "$(find m -type l)" ''
	run -0 client mirror --links follow -P 2 "$(at t)" m
	assert_line --partial 'mirror: 0 copied'
	# two links that lead to each other's parents end, too
	mkdir -p "$H/c/a" "$H/c/b"
	echo x >"$H/c/a/x"
	echo y >"$H/c/a/y"
	ln -s ../b "$H/c/a/b"
	ln -s ../a "$H/c/b/a"
	chown -Rh --reference="$H" "$H"
	run -3 timeout 60 "$BUILD/sallyport" --ca "$CA" mirror --links follow "$(at c)" c
	assert_output --partial 'leads back'
	assert_equal "$(cat c/a/x c/b/a/y)" $'x\ny'
}

@test "mirror --watch: when the system has lost events, nothing is lost" {
	local most
	most=$(cat /proc/sys/fs/inotify/max_queued_events)
	[ "$most" -le 100000 ] || skip "the queue of inotify has $most events"
	mkdir -p m/a
	echo one >m/a/f
	echo gone >m/a/gone
	env --default-signal=INT "$BUILD/sallyport" --ca "$CA" mirror --watch --delete m "$(at up)" >out 2>&1 </dev/null 3>&- &
	watcher=$!
	wait_until -t 20 grep -qs watching out
	kill -STOP "$watcher"
	# two names in turn, as equal events are merged
	python3 -c 'import os, sys
for _ in range(int(sys.argv[1]) // 2 + 100): os.utime("m/a/f"), os.utime("m/a/gone")' "$most"
	rm m/a/gone
	mkdir -p m/new/deep
	echo new >m/new/deep/f
	echo changed since >m/a/f
	kill -CONT "$watcher"
	wait_until -t 30 has_copy m/new/deep/f "$H/up/new/deep/f"
	wait_until -t 30 has_copy m/a/f "$H/up/a/f"
	wait_until -t 30 test ! -e "$H/up/a/gone"
	# and it goes on with what comes then
	echo later >m/new/deep/g
	wait_until -t 20 has_copy m/new/deep/g "$H/up/new/deep/g"
	kill -INT "$watcher"
	wait "$watcher"
	diff -r m "$H/up"
}
