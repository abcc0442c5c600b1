#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Homes on NFS: eight clients of two servers change the same names, while servers are killed and cut off. Nothing is lost.
#
# mixed-writers keeps a journal, and mixed_judge.py judges it. tests/e2e/mixed.bats shows that it can find a loss.
# MIXED_SECONDS=60 scripts/vm-test storage-mixed is a short one.
# long: ten minutes of it
# limit: 1200

load storage-nfs.bash

@test "mixed writers at both nodes, kill -9 and network cuts: what was answered is there" {
	run mixed_writers cached /export/free/homes/cached --nfs
	printf '# %s\n' "${lines[@]}" >&3
	[ "$status" -eq 0 ] || grep -A 120 -m 2 WRONG "$DIR/journal"
	assert_success
}
