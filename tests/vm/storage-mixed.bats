#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Homes on NFS: eight clients of two servers change the same names, while servers are killed and cut off. Nothing is lost.
#
# mixed-writers keeps a journal, and mixed_judge.py judges it. MIXED_SECONDS=60 scripts/vm-test storage-mixed is a short one.
# long: ten minutes of it
# limit: 1200

load storage-nfs.bash

@test "mixed writers at both nodes, kill -9 and network cuts: what was answered is there" {
	run mixed_writers cached /export/free/homes/cached --nfs
	printf '# %s\n' "${lines[@]}" >&3
	[ "$status" -eq 0 ] || grep -A 120 -m 2 WRONG "$DIR/journal"
	assert_success
}

@test "the judge sees it when a server does without fresh looks" {
	forget_fresh_looks
	run mixed_writers cached /export/free/homes/cached --nfs --preload "$BATS_TEST_DIRNAME/../preload/stale_looks.so" --seconds 200 --families 2 --until-wrong
	printf '# %s\n' "${lines[@]:0:10}" >&3
	assert_failure 1
	assert_output --partial 'no order explains'
}
