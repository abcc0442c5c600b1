#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Homes on NFS, two servers: one is killed, or loses its network, in the middle of an upload.
# long: it waits for a client of NFS to write back, and for the lease of its server
# limit: 600

load storage-nfs.bash

@test "a node that is killed in mid-upload: the other goes on at once" {
	two_nodes killed cached /export/free/homes/cached 1
	start_node a
}

@test "a node that loses its network: 450 that says how long, then the other goes on; the lost one harms nothing" {
	two_nodes cut cached /export/free/homes/cached 1
}
