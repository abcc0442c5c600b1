# SPDX-License-Identifier: ISC
# The arithmetic of tests/bench: what a session costs in memory, and what a table may say of two servers.

bats_require_minimum_version 1.5.0
load lib

BENCH=$BATS_TEST_DIRNAME/../bench

# tree PROCS THREADS PSS ANON TABLES SLAB VMALLOC STACKS THREADS_OF_ALL: a line as ftpload prints it
tree()
{
	printf '{"mode":"tree","procs":%d,"threads":%d,"pss_kib":%d,"anon_kib":%d,"pte_kib":%d,' "$1" "$2" "$3" "$4" "$5"
	printf '"cpu_s":0.5,"machine_slab_kib":%d,"machine_vmalloc_kib":%d,' "$6" "$7"
	printf '"machine_stacks_kib":%d,"machine_threads":%d}\n' "$8" "$9"
}

# each_of SESSIONS BEFORE AFTER
each_of()
{
	run -0 --separate-stderr "$BENCH/memory.py" "$@"
}

has_figure()
{
	# shellcheck disable=SC2154 # of run
	[[ ${output%\}}, == *"\"$1\":$2,"* ]] || { echo "no \"$1\":$2 in $output"; return 1; }
}

@test "bench: each part of a session's memory counts once" {
	# 100 sessions of three processes: 220 pages, 208 tables, 3 stacks of 16, 150 slab, 20 filters
	each_of 100 "$(tree 2 2 3000 2000 400 500000 20000 3200 200)" \
		"$(tree 302 302 27000 24000 21200 515000 26800 8000 500)"
	has_figure private_kib_session 220.0
	has_figure tables_kib_session 208.0
	has_figure stacks_kib_session 48.0
	has_figure slab_kib_session 150.0
	has_figure filters_kib_session 20.0
	has_figure all_kib_session 646.0
	has_figure kib_session 240.0
	has_figure procs_session 3.0
}

@test "bench: stacks of other processes of the machine count for no session" {
	each_of 10 "$(tree 1 1 100 100 10 1000 5000 1600 100)" "$(tree 11 11 200 200 20 1000 8200 4800 300)"
	has_figure stacks_kib_session 16.0
	has_figure filters_kib_session 0.0
}

@test "bench: threads have stacks, too" {
	each_of 10 "$(tree 1 1 100 100 10 1000 5000 1600 100)" "$(tree 11 31 200 200 20 1000 5480 2080 130)"
	has_figure stacks_kib_session 48.0
}

@test "bench: a server that is gone is no figure" {
	run ! "$BENCH/memory.py" 10 "$(tree 1 1 100 100 10 1000 5000 1600 100)" ''
}

# rounds SERVER RATE...: one line for each
rounds()
{
	local server=$1 rate
	shift
	for rate in "$@"; do
		printf '{"server":"%s","row":"login","round":0,"server_cpu_s":1,"per_s":%s}\n' "$server" "$rate"
	done
}

# judges TEXT: the last cells of the row of logins, of the best peer, and of us against it; output is the table.
judges()
{
	run -0 "$BENCH/table.py" "$BATS_TEST_TMPDIR/raw"
	[ "$(sed -n '/^| logins\/s/s/^.*| \([^|]*\) | \([^|]*\) |$/\1: \2/p' <<<"$output")" = "$1" ] || { echo "$output"; return 1; }
}

@test "bench: a table gives median, least, most and the number of rounds" {
	{ rounds vsftpd 500 510 490 && rounds sallyport 800 700 750; } >"$BATS_TEST_TMPDIR/raw"
	judges 'vsftpd: 1.50'
	assert_output --partial '| 500 (490-510; 3) | 750 (700-800; 3) |'
}

@test "bench: ranges that overlap are level" {
	{ rounds vsftpd 700 720 760 && rounds pure-ftpd 600 650 610 && rounds sallyport 800 750 900; } >"$BATS_TEST_TMPDIR/raw"
	judges 'vsftpd: 1.11 level'
}

@test "bench: one figure in the other's range is level, and one that touches it" {
	{ rounds vsftpd 700 900 1000 && rounds sallyport 800 800 800; } >"$BATS_TEST_TMPDIR/raw"
	judges 'vsftpd: 0.89 level'
	{ rounds vsftpd 700 720 760 && rounds sallyport 760 800 900; } >"$BATS_TEST_TMPDIR/raw"
	judges 'vsftpd: 1.11 level'
}

@test "bench: fewer than three rounds say nothing surely" {
	{ rounds vsftpd 500 510 490 && rounds sallyport 800 700; } >"$BATS_TEST_TMPDIR/raw"
	judges 'vsftpd: 1.50 unsure'
}
