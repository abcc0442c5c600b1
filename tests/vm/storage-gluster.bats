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

@test "store check --peer: all holds" {
	check_at_both gluster
	run cat /run/a/check /run/b/check
	refute_output --partial WRONG
	assert_line 'holds  a file that the other node renamed is not found by its old name'
	assert_line --regexp '^note .*entry-timeout=0'
}
