#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Homes on NFS, two servers: in mid-upload one is killed, or loses its network, or the file server stops.
#
# long: it waits for a client of NFS to write back, and for the lease of its server
# limit: 600

load storage-nfs.bash

@test "a node that is killed in mid-upload: the other goes on at once" {
	two_nodes killed cached /export/free/homes/cached 1
	start_node a
}

@test "a node that loses its network: 450 or a wait until the lease ends, then the other goes on; the lost one harms nothing" {
	two_nodes cut cached /export/free/homes/cached 1
	say_notes
}

@test "the file server stops and starts in mid-upload: 226 and the whole file, or an error and the old one" {
	two_nodes restarted cached /export/free/homes/cached 2
	say_notes
}
