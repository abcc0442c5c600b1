#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Homes on GlusterFS with its timeouts at 0, two servers as two clients of it: what one has answered is there for the other.
# long: its server takes a minute to start in an emulated machine
# limit: 900

setup_file()
{
	load lib
	load storage.bash
	local node
	modprobe fuse
	mkdir -p /brick
	detached glusterd
	wait_until -t 120 volume_is_made
	for option in stat-prefetch readdir-ahead quick-read; do
		detached gluster --mode=script volume set homes "performance.$option" off
	done
	detached gluster --mode=script volume start homes
	for node in $NODES; do
		mkdir -p "/mnt/$node/gluster"
		wait_until -t 120 mount_volume "/mnt/$node/gluster"
	done
	make_nodes
	configure_nodes
	add_everywhere cluster 200000 gluster /mnt/a/gluster/cluster ''
	add_everywhere keeper 200002 gluster /mnt/a/gluster/keeper rights=list,read,create,rename,mkdir
	chmod 711 /mnt/a/gluster
	start_node a
	start_node b
}

volume_is_made()
{
	detached gluster --mode=script volume create homes "$(hostname):/brick/homes" force || detached gluster volume info homes
}

mount_volume()
{
	mountpoint -q "$1" || detached mount -t glusterfs -o entry-timeout=0,attribute-timeout=0,negative-timeout=0 "$(hostname):/homes" "$1"
}

setup()
{
	load lib
	load storage.bash
}

@test "APPE at once to what the other server has just finished: 20 rounds, nothing is lost" {
	two_nodes append cluster /brick/homes/cluster 20
}

@test "REST, STOR, RNTO, STOU, DELE and MLSD at once" {
	local case
	for case in restart store rename unique remove listing; do
		two_nodes "$case" cluster /brick/homes/cluster 3
	done
}

@test "an account that may not overwrite renames to free names, and replaces nothing" {
	two_nodes keep keeper /brick/homes/keeper 3
}

@test "mixed writers for a minute, and kill -9: what was answered is there" {
	run mixed_writers cluster /brick/homes/cluster --seconds 60
	printf '# %s\n' "${lines[@]}" >&3
	[ "$status" -eq 0 ] || grep -A 120 -m 2 WRONG "$DIR/journal"
	assert_success
}

@test "store check --peer: all holds, and a doubt is left only where the nodes were too slow to see it" {
	local node
	check_at_both gluster
	for node in $NODES; do
		run cat "/run/$node/check"
		grep ' ms from one look' <<<"$output" | sed 's/^/# /' >&3 || :
		refute_output --partial WRONG
		assert_line 'holds  a file that the other node renamed is not found by its old name'
		if grep -q 'the nodes were slow' <<<"$output"; then
			assert_line --partial "needs 'entry-timeout=0"
		else
			refute_output --partial entry-timeout
		fi
	done
}

@test "alone, store check and the log say what the mount does not show, and neither calls it wrong" {
	run sallyportctl store check /mnt/a/gluster
	assert_success
	assert_line --regexp "^note .*needs 'entry-timeout=0.*store check --peer' once"
	run grep ' walls .*storage=' /run/a/log
	assert_line --regexp " info walls .*entry-timeout=0"
	refute_output --partial warning
}

@test "with names that are kept for half a minute, store check --peer says what is wrong and the cure" {
	local node
	for node in $NODES; do
		mkdir -p "/mnt/$node/kept"
		detached mount -t glusterfs -o entry-timeout=30,attribute-timeout=30,negative-timeout=30 "$(hostname):/homes" "/mnt/$node/kept"
	done
	check_at_both kept || :
	# a kernel that keeps the folder's absence, too, does not even let the nodes meet
	run cat /run/a/check /run/b/check
	assert_line --regexp '^(WRONG  a file that the other node renamed is not found by its old name|.* is there, .*and is not found): .*negative-timeout 0'
}
