#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The loss that fresh looks prevent, counted: APPE at one server at once after 226 at the other, without them and with them.
# long: 40 runs with four logins each, to show a loss that storage.bats shows to be gone
# limit: 500

load storage-nfs.bash

@test "20 runs with fresh looks: none is lost or refused" {
	two_nodes append_race cached /export/free/homes/cached 20
	run cat /run/two-nodes.notes
	say_notes
	assert_output '0 lost, 0 changed, 0 refused, 20 right'
}

@test "20 runs of a server that does without: each goes wrong" {
	forget_fresh_looks
	two_nodes append_race cached /export/free/homes/cached 20 || :
	run cat /run/two-nodes.notes
	say_notes
	assert_output --partial ' 0 right'
	refute_output --partial '0 lost, 0 changed'
}
