#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What is kept of files, for the administrator: sallyportctl keep, the daily errand, events and metrics.

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

# put NAME CONTENT: upload
put()
{
	printf %s "$2" | curl -sS --user alice:secret --ftp-create-dirs -T - "ftp://127.0.0.1:$PORT/$1"
}

# get NAME
get()
{
	curl -sS --user alice:secret "ftp://127.0.0.1:$PORT/$1"
}

# ids PATH: the ids of what is kept, the oldest first
ids()
{
	ctl --json keep list alice --path "$1" | python3 -c 'import json, sys
print("\n".join(sorted(row["id"] for row in json.load(sys.stdin)["kept"])))'
}

# The clock of the keep goes on by so many days.
age_keep()
{
	python3 - "$KEEP/state" "$1" <<-'END'
		import struct, sys
		with open(sys.argv[1], 'r+b') as file:
		    magic, clock = struct.unpack('=8sQ', file.read(16))
		    file.seek(8)
		    file.write(struct.pack('=Q', clock + 86400 * int(sys.argv[2])))
	END
}

@test "keep list and keep restore: what a client has overwritten and removed, with curl and lftp" {
	local first id
	serve '--keep 30d --keep-quota 1M --quota 1M'
	[ "$(ctl keep list alice | tail -1)" = '              0 bytes in 0 files' ]
	put 'docs/a.txt' one
	put 'docs/a.txt' second
	lftp -u alice,secret -e "rm docs/a.txt; rmdir docs; quote SITE VERSIONS /docs/a.txt; bye" "ftp://127.0.0.1:$PORT" >"$DIR/lftp"
	[ "$(grep -cE '^ ?[0-9]{14} [0-9]+ [0-9]{5}\.[0-9]{14}\.[0-9]{4}$' "$DIR/lftp")" -eq 2 ]
	run -0 ctl keep list alice
	[[ ${lines[0]} == 'KEPT (UTC) '*' FILE' ]]
	[ "$(grep -c ' /docs/a.txt$' <<<"$output")" -eq 2 ]
	[ "${lines[-1]}" = '              9 bytes in 2 files' ]
	run -0 ctl keep list alice --path /other
	[ "${lines[-1]}" = '              0 bytes in 0 files' ]

	# the youngest; its directory is made again, and the quota knows of it
	run -0 ctl keep restore alice --path /docs/a.txt
	[[ $output == "restored '/docs/a.txt', 6 bytes, of "* ]]
	[ "$(get docs/a.txt)" = second ]
	[ "$(stat -c %u "$HOME_DIR/docs")" = "$(stat -c %u "$HOME_DIR")" ]
	[ "$(ctl --json quota show alice | jq .bytes)" -eq 6 ]

	# what is there stays, unless that is said
	first=$(ids /docs/a.txt)
	run -1 ctl keep restore alice --path /docs/a.txt
	[[ $output == *"'/docs/a.txt' is there, with 6 bytes"*'--as PATH'*'--force'* ]]
	[ "$(get docs/a.txt)" = second ]
	run -0 ctl --json keep restore alice --path /docs/a.txt --id "$first" --as '/docs/a b.txt'
	[ "$(jq -r '.as, .bytes' <<<"$output")" = $'/docs/a b.txt\n3' ]
	[ "$(get docs/a%20b.txt)" = one ]
	[ "$(get docs/a.txt)" = second ]
	[ "$(ctl --json quota show alice | jq .bytes)" -eq 9 ]
	put docs/a.txt third
	id=$(ids /docs/a.txt)
	run -0 ctl keep restore alice --path /docs/a.txt --force
	[ "$(get docs/a.txt)" = second ]
	[ "$(ids /docs/a.txt)" != "$id" ]
	[ "$(ctl --json keep list alice --path /docs/a.txt | jq '.kept[0].bytes')" -eq 5 ]
	[[ $(ctl --json keep list alice --path /docs/a.txt | jq -r '.kept[0].kept') =~ ^20[0-9-]{8}\ [0-9:]{8}Z$ ]]
}

@test "keep list: what the process behind the walls makes up reaches no terminal" {
	serve '--keep 30d'
	put a one
	put a two
	rm "$HOME_DIR"/.sallyport-keep/*/*/path
	run -1 env "$(preload lying_child)" "$BUILD/sallyportctl" -c "$CONF" keep list alice
	[[ $output != *$'\e'* ]]
	[[ $output == *"'$HOME_DIR' sent nonsense"* ]]
	run -0 ctl keep list alice
	[[ $output == *'(its path is lost)'* ]]
}

@test "keep restore and keep purge: what cannot be, says what would" {
	serve '--keep 30d --keep-quota 1M'
	put a one
	put a two
	run -2 ctl keep restore alice
	[[ $output == *'needs --path PATH'* ]]
	run -2 ctl keep restore alice --path a
	[[ $output == *"bad --path 'a'"* ]]
	run -2 ctl keep restore alice --path /
	run -2 ctl keep restore alice --path /a --id 12
	[[ $output == *"bad --id '12'"* ]]
	run -1 ctl keep restore alice --path /b
	[[ $output == *"nothing is kept of '/b'"*'keep list alice'* ]]
	run -1 ctl keep restore alice --path /a --id 20787.20261130120000.0000 --as /b
	[[ $output == *'nothing with the id 20787.20261130120000.0000 is kept'* ]]
	[ ! -e "$HOME_DIR/b" ]
	run -1 ctl keep restore alice --path /a --id 20787.20261130120000.0000 --as /no/way/b
	[ ! -e "$HOME_DIR/no" ]
	run -1 ctl keep restore alice --path /a --as /.sallyport-keep/x
	ctl user set alice --retain 10d
	run -1 ctl keep restore alice --path /a --force
	[[ $output == *"'/a' is retained (retain=10d) until 20"*' UTC, '*'--as PATH'* ]]
	ctl user set alice --retain none --keep-quota 4
	run -1 ctl keep restore alice --path /a --force
	[[ $output == *"'/a' cannot be kept, so it stays: keep-quota has no room"* ]]
	[ "$(get a)" = two ]
	run -1 ctl keep list nobody
	run -2 ctl keep purge --all
	[[ $output == *'--all needs the NAME'* ]]
	run -2 ctl keep purge alice --all --path /a
	[[ $output == *'--all and --path together'* ]]
	run -2 ctl keep purge alice --older-than 0d
	[[ $output == *"bad --older-than '0d'; use days from 1d to 3650d"* ]]
	ctl user set alice --keep none
	run -1 ctl keep purge alice
	[[ $output == *"'alice' has no option keep"*'--all'* ]]
	[ "$(ctl --json keep list alice | jq .files)" -eq 1 ]
	run -0 ctl keep purge
	[[ $output == *'no account has the option keep'* ]]
	# what it kept is there still
	run -0 ctl keep restore alice --path /a --as /b
	[ "$(get b)" = one ]
}

@test "keep purge: by age, of one path, all; of one account and of all" {
	serve '--keep 30d --keep-quota 1M'
	add_user bob secret --keep 10d
	add_user carol secret
	put a one
	put a two
	age_keep 12
	put b one
	put b two
	put c one
	put c two
	[ "$(ctl --json keep list alice | jq -c '[.files, .bytes, .strange]')" = '[3,9,0]' ]
	[ "$(ctl --json keep purge alice --older-than 12d | jq -c '[.files_removed, .files]')" = '[0,3]' ]
	[ "$(ctl --json keep purge alice | jq -c '[.files_removed, .files]')" = '[0,3]' ]
	run -0 ctl keep purge alice --older-than 11d
	[[ $output == *'3 bytes in 1 file removed, 6 in 2 left' ]]
	[ "$(ctl --json keep list alice --path /a | jq .files)" -eq 0 ]
	[ "$(ctl --json keep purge alice --path /b | jq -c '[.files_removed, .bytes_removed, .files]')" = '[1,3,1]' ]
	age_keep 31
	[ "$(ctl --json keep purge | jq -c '[.[] | [.name, .files_removed]]')" = '[["alice",1],["bob",0]]' ]
	[ "$(ls -A "$KEEP")" = state ]
	put d one
	put d two
	[ "$(ctl --json keep purge alice --all | jq -c '[.files_removed, .files, .bytes]')" = '[1,0,0]' ]
	[ "$(ls -A "$KEEP")" = state ]
}

@test "a damaged keep loses nothing: modes, names, links, a file in place of a directory" {
	local day hash id owner
	serve '--keep 30d --keep-quota 1M'
	put a one
	put a two
	owner=$(stat -c %u:%g "$KEEP")
	day=$(basename "$KEEP"/[0-9]*)
	hash=$(basename "$KEEP/$day"/*)
	id=$(ids /a)
	echo precious >"$DIR/precious"
	mkdir "$KEEP/$day/$hash/directory" "$KEEP/$day/odd" "$KEEP/00001" "$KEEP/notes" "$KEEP/$day/00000000000000000000000000000000"
	ln -s "$DIR" "$KEEP/00002"
	ln -s "$DIR/precious" "$KEEP/$day/$hash/20200101000000.0000"
	ln -s "$DIR/precious" "$KEEP/$day/00000000000000000000000000000000/path"
	echo 1 >"$KEEP/$day/00000000000000000000000000000000/20200101000000.0000"
	echo 1 >"$KEEP/00003"
	echo 1 >"$KEEP/00001/x"
	mkfifo "$KEEP/$day/11111111111111111111111111111111"
	mkdir -m 0 "$KEEP/00004"
	chown -R -h "$owner" "$KEEP"
	run -0 ctl --json keep list alice
	[ "$(grep -v '^sallyportctl: ' <<<"$output" | jq -c '[.files, ([.kept[].path] | sort)]')" = '[2,[null,"/a"]]' ]
	[[ $output == *"names in .sallyport-keep are not the server's"* ]]
	run -0 curl -sS --user alice:secret -Q 'SITE VERSIONS /a' -v "ftp://127.0.0.1:$PORT/"
	[[ $output == *"$id"* ]]
	run -0 ctl keep restore alice --path /a --as /b
	[ "$(get b)" = one ]
	put a three
	# all of it that is the server's own goes, and nothing else
	run -0 ctl keep purge alice --all
	[[ $output == *' in 2 files removed, 0 in 0 left'* ]]
	[ -d "$KEEP/$day/$hash/directory" ] && [ -d "$KEEP/$day/odd" ] && [ -d "$KEEP/notes" ] && [ -f "$KEEP/00003" ]
	[ -f "$KEEP/00001/x" ] && [ -L "$KEEP/00002" ] && [ -p "$KEEP/$day/11111111111111111111111111111111" ]
	[ -f "$KEEP/$day/$hash/path" ]	# something is beside it
	[ "$(cat "$DIR/precious")" = precious ]
	put a four
	[ "$(ctl --json keep list alice 2>/dev/null | jq -c '[.files, .kept[0].path]')" = '[1,"/a"]' ]
	# others may write to it, or it is not a directory, or leads away
	chmod 777 "$KEEP"
	run -1 ctl keep purge alice --all
	[[ $output == *"/.sallyport-keep' is damaged: it must be a directory of uid "* ]]
	mv "$KEEP" "$DIR/away"
	echo 1 >"$KEEP"
	run -1 ctl keep list alice
	[[ $output == *'is damaged'* ]]
	rm "$KEEP"
	ln -s "$DIR/away" "$KEEP"
	for verb in list 'purge --all' 'restore --path /a --as /z'; do
		# shellcheck disable=SC2086 # several words
		run -1 ctl keep ${verb%% *} alice ${verb#"${verb%% *}"}
	done
	[ "$(find "$DIR/away" -name '*.0000' -size -9c -type f | wc -l)" -ge 1 ]
}

@test "events of a session: kept and restored, each with its version; FEAT names the verbs" {
	local id
	serve '--keep 30d --keep-quota 1M'
	put a one
	[ "$(log_count ' kept ')" -eq 0 ]
	put a second
	id=$(ids /a)
	wait_until log_has " info kept .*user=\"alice\" bytes=3 version=\"$id\" path=\"/a\""
	curl -sS --user alice:secret -Q 'DELE a' -Q "SITE RESTORE /a $id" -o "$DIR/list" "ftp://127.0.0.1:$PORT/"
	wait_until log_has ' info kept .*bytes=6 version="[0-9.]*" path="/a"'
	wait_until log_has " info restored .*bytes=3 version=\"$id\" path=\"/a\""
	[ "$(get a)" = one ]
	# what is refused is not reported
	ctl user set alice --keep-quota 9
	run curl -sS --user alice:secret -Q 'DELE a' "ftp://127.0.0.1:$PORT/"
	put b 0123456789
	run curl -sS --user alice:secret -Q 'DELE b' "ftp://127.0.0.1:$PORT/"
	[ "$(log_count ' kept .*path="/b"')" -eq 0 ]
	[ "$(get b)" = 0123456789 ]
	run -0 curl -sS --user alice:secret -Q FEAT -v "ftp://127.0.0.1:$PORT/"
	[[ $output == *' SITE RESTORE'*' SITE VERSIONS'* ]]
}

@test "keep without keep-quota: config check, user add and user set warn once" {
	write_config
	run -0 add_user alice secret --keep 30d
	[[ $output == *"keep without keep-quota: what 'alice' keeps may fill the disk"* ]]
	run -0 ctl user set alice --max-sessions 3
	[[ $output != *keep-quota* ]]
	ctl group add careful --keep 5d
	run -0 add_user bob secret --group careful
	[[ $output == *"what 'bob' keeps"* ]]
	run -0 add_user carol secret
	[[ $output != *keep-quota* ]]
	run ctl config check
	[[ $output == *"/users:"*": 'alice' and 1 more: keep without keep-quota, so what is kept may fill the disk"* ]]
	ctl group set careful --keep-quota 1G
	run -0 ctl user set alice --keep-quota 1G
	[[ $output != *keep-quota:* ]]
	run ctl config check
	[[ $output != *keep-quota* ]]
}

# --- the errand ---

@test "the errand: at the start, what is old goes without a login; events and metrics tell it" {
	serve '--keep 10d --keep-quota 1M' 'metrics-listen = "127.0.0.1:0"'
	add_user bob secret --keep 10d
	put a one
	put a two
	put b one
	put b two
	stop_server
	age_keep 11
	start_server
	wait_until log_has ' keep-purged process=keep user="alice" files=2 bytes=6 files_left=0 bytes_left=0'
	[ "$(ls -A "$KEEP")" = state ]
	[ "$(log_count ' keep-purged .*user="bob"')" -eq 0 ]
	metrics_say kept_purged_files_total 2
	metrics_say kept_purged_bytes_total 6
	metrics_say kept_accounts 2
	metrics_say kept_files 0
	# a day has not passed: the next one finds nothing new
	put a three
	ctl reload
	metrics_say kept_files 0
	stop_server
	start_server
	metrics_say kept_files 1
	metrics_say kept_bytes 3
	metrics_say kept_held_accounts 0
}

# metrics_say NAME VALUE, soon
metrics_say()
{
	wait_until metrics_has "sallyport_$1 $2"
}

metrics_has()
{
	ctl metrics 2>/dev/null | grep -qxF -- "$1"
}

@test "the errand: without the option nothing runs; an account that gets it is looked at" {
	serve ''
	[ "$(ctl metrics | grep -c kept_)" -eq 0 ]
	ctl user set alice --keep 10d
	ctl reload
	metrics_say kept_accounts 1
	add_group_member
	ctl reload
	stop_server
	start_server
	metrics_say kept_accounts 2
}

# An account that keeps by its group.
add_group_member()
{
	ctl group add careful --keep 5d
	add_user carol secret --group careful
}

@test "the errand: one damaged keep after the other is told, and the rest is tended" {
	serve '--keep 10d'
	add_user bob secret --keep 10d
	add_user carol secret --keep 10d
	add_user dora secret --keep 10d
	put a one
	put a two
	stop_server
	cp -a "$KEEP" "$DIR/home/dora/"
	chown -R --reference="$DIR/home/dora" "$DIR/home/dora/.sallyport-keep"
	chmod 777 "$KEEP"
	echo 1 >"$DIR/home/bob/.sallyport-keep"
	ln -s "$DIR/home/dora/.sallyport-keep" "$DIR/home/carol/.sallyport-keep"
	mkdir "$DIR/home/dora/.sallyport-keep/00001"
	touch "$DIR/home/dora/.sallyport-keep/00001/odd"
	KEEP=$DIR/home/dora/.sallyport-keep age_keep 11
	start_server
	wait_until log_has ' warning keep-purged .*user="dora" files=1 .*strange=1'
	for name in alice bob carol; do
		log_has " warning keep-purged .*user=\"$name\" result=\"ENOLINK\" message=\"'.sallyport-keep' is damaged"
	done
	[ -e "$DIR/home/dora/.sallyport-keep/00001/odd" ]
	[ -f "$DIR/home/bob/.sallyport-keep" ]
	[ "$(find "$KEEP" -name '*.0000' | wc -l)" -eq 1 ]
}

# The clock of the server differs by so many days.
move_clock()
{
	python3 -c 'import struct, sys; open(sys.argv[1], "r+b").write(struct.pack("=q", 86400 * int(sys.argv[2])))' "$DIR/moved" "$1"
}

@test "a clock that is set forward makes nothing old, and the log says what is held back" {
	write_config
	add_user alice secret --keep 10d
	head -c 8 /dev/zero >"$DIR/moved"
	chmod 644 "$DIR/moved"
	start_server_with env "MOVED_CLOCK=$DIR/moved" "$(preload moved_clock)"
	put a one
	put a two
	move_clock 365
	ctl reload
	wait_until log_has ' warning keep-held process=master seconds=315[0-9]* message="the clock of this machine was set forward'
	wait_until log_has ' warning keep-held process=keep accounts=1 seconds=315'
	[ "$(find "$KEEP" -name '*.0000' | wc -l)" -eq 1 ]
	# and on: a session may take a tenth of the time at once, and no more in the same year
	put b one
	put b two
	[ "$(find "$KEEP" -name '*.0000' | wc -l)" -eq 2 ]
	move_clock 0
	ctl reload
	move_clock 365
	ctl reload
	put c one
	[ "$(find "$KEEP" -name '*.0000' | wc -l)" -eq 2 ]
}

# Does the errand wait for a keep that the process $1 has locked?
errand_waits()
{
	find /proc/[0-9]*/fd -lname "$DIR/home/*/.sallyport-keep" -not -path "/proc/$1/*" 2>/dev/null | grep -q .
}

@test "a clock that is set while the errand goes on makes nothing old" {
	local holder name
	write_config
	for name in alice bob carol; do
		add_user "$name" secret --keep 1d
	done
	head -c 8 /dev/zero >"$DIR/moved"
	chmod 644 "$DIR/moved"
	start_server
	for name in alice bob carol; do
		echo one | curl -sS -T - "ftp://$name:secret@127.0.0.1:$PORT/a"
		echo two | curl -sS -T - "ftp://$name:secret@127.0.0.1:$PORT/a"
	done
	stop_server
	clocks >"$DIR/before"
	python3 - "$DIR" <<-'END' 3>&- &
		import fcntl, glob, os, sys, time
		fds = [os.open(path, os.O_RDONLY) for path in glob.glob(sys.argv[1] + '/home/*/.sallyport-keep')]
		for fd in fds:
		    fcntl.flock(fd, fcntl.LOCK_EX)
		open(sys.argv[1] + '/held', 'w').close()
		end = time.time() + 60
		while time.time() < end and not os.path.exists(sys.argv[1] + '/release'):
		    time.sleep(0.01)
	END
	holder=$!
	wait_until test -e "$DIR/held"
	start_server_with env "MOVED_CLOCK=$DIR/moved" "$(preload moved_clock)"
	wait_until errand_waits "$holder"
	move_clock 365
	touch "$DIR/release"
	wait "$holder"
	wait_until log_has ' keep-held process=keep accounts=[23] '
	# a tenth of the time would be 8640 seconds
	clocks | paste -d ' ' - "$DIR/before" | while read -r now before; do
		[ $((now - before)) -lt 1000 ]
	done
	[ "$(find "$DIR/home" -name '*.0000' | wc -l)" -eq 3 ]
}

# The clock of each keep.
clocks()
{
	python3 -c 'import glob, struct, sys
for path in sorted(glob.glob(sys.argv[1] + "/home/*/.sallyport-keep/state")):
    print(struct.unpack("=8sQ", open(path, "rb").read(16))[1])' "$DIR"
}

@test "a server that did not run for long holds back what its clock has left out" {
	serve '--keep 10d'
	put a one
	put a two
	stop_server
	python3 - "$KEEP/state" <<-'END'
		import struct, sys
		with open(sys.argv[1], 'r+b') as file:
		    magic, clock, seen = struct.unpack('=8sQQ', file.read(24))
		    file.seek(8)
		    file.write(struct.pack('=QQ', clock - 100 * 86400, seen - 100 * 86400))
	END
	start_server
	wait_until log_has ' warning keep-held process=keep accounts=1 seconds=85536[0-9][0-9] message='
	[ "$(find "$KEEP" -name '*.0000' | wc -l)" -eq 1 ]
	metrics_say kept_held_accounts 1
}

@test "a hundred thousand kept files: list, errand and purge in bounded memory and time" {
	local before after
	serve '--keep 10d'
	put a one
	put a two
	stop_server
	LIMIT=300 py <<-'END'
		keep = HOME_DIR + '/.sallyport-keep'
		owner = os.stat(keep)
		day = int([name for name in os.listdir(keep) if name != 'state'][0])
		for old, count in ((day - 20, 50), (day - 3, 50)):
		    for i in range(count):
		        place = '%s/%05d/%032x' % (keep, old, i)
		        os.makedirs(place, 0o700)
		        os.chown(place, owner.st_uid, owner.st_gid)
		        os.chown(os.path.dirname(place), owner.st_uid, owner.st_gid)
		        for j in range(1000):
		            os.close(os.open('%s/20260101000000.%04d' % (place, j), os.O_CREAT | os.O_WRONLY))
	END
	before=$SECONDS
	py <<-END
		import json, resource, subprocess
		def listed(*options):
		    return subprocess.run(['$BUILD/sallyportctl', '-c', '$CONF', *options, 'keep', 'list', 'alice'],
		        check=True, stdout=subprocess.PIPE).stdout
		assert listed().count(b'\\n') == 100003
		most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
		print(most, 'KiB')
		assert most < 40000 or '$BUILD'.endswith('asan')
		assert json.loads(listed('--json'))['files'] == 100001
	END
	start_server
	wait_until -t 60 log_has ' keep-purged process=keep user="alice" files=50000 '
	[ "$(find "$KEEP" -name '*.[0-9]*' | wc -l)" -eq 50001 ]
	# a session is not kept waiting by a purge
	ctl keep purge alice --all &
	put a three
	wait $!
	[ "$(find "$KEEP" -name '*.[0-9]*' | wc -l)" -le 1 ]
	after=$((SECONDS - before))
	echo "$after seconds"
	is_asan || [ "$after" -lt 60 ]
}
