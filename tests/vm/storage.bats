#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Homes on NFS, two servers as two clients of it: what one has answered is there for the other, at once.
#
# Before files asked the NFS server for a directory before each look that decides, "append" failed in all of 20 rounds
# with the default options of mount. The second server wrote into the finished file by its old name, and said 553 or 450.
# limit: 400

load storage-nfs.bash

@test "APPE at once to what the other server has just finished: 20 rounds, nothing is lost" {
	two_nodes append cached /export/free/homes/cached 20
	two_nodes append exact /export/free/homes/exact 3
}

@test "REST and STOR at once into it" {
	for_both_mounts restart 2
}

@test "STOR by turns: SIZE and RETR at the other server are right at once" {
	for_both_mounts store 2
}

@test "RNTO, MKD, CWD and RMD at once" {
	for_both_mounts rename 2
}

@test "STOU by turns: no name is taken twice" {
	for_both_mounts unique 2
}

@test "DELE at once" {
	for_both_mounts remove 2
}

@test "MLSD and MLST at once" {
	for_both_mounts listing 2
}

@test "an account that may not overwrite renames to free names, and replaces nothing" {
	two_nodes keep keeper /export/free/homes/keeper 3
	two_nodes race keeper /export/free/homes/keeper 10
	run find /export/free/homes/keeper -name '.nfs*'
	assert_output ""
}

@test "root is squashed: logins, uploads and listings, without an alarm or a failed login" {
	two_nodes enter squashed /export/squash/squashed 3
	run grep -hE ' (alarm|login-failed|ban) ' /run/a/log /run/b/log
	assert_output ""
}

@test "what it costs: calls to the file server for an upload of 1 KiB and for SIZE" {
	local kind before all forced
	for kind in upload size; do
		two_nodes "cost_$kind" cached /export/free/homes/cached 1
		before=$(rpcs /mnt/a/cached)
		forced=$(rpcs /mnt/a/cached GETATTR)
		two_nodes "cost_$kind" cached /export/free/homes/cached 20
		all=$((($(rpcs /mnt/a/cached) - before) / 20))
		forced=$((($(rpcs /mnt/a/cached GETATTR) - forced) / 20))
		echo "# calls to the file server for one $kind: $all, $forced of them GETATTR" >&3
		[ "$all" -gt 0 ]
		[ "$all" -le 40 ]
	done
}

# A client of NFS renames a file that is open away before it renames one over it: absent for others, for as long as a cut.
@test "an upload over a file is one rename: the name is there at every moment" {
	local renames removes
	two_nodes replace cached /export/free/homes/cached 1
	renames=$(rpcs /mnt/a/cached RENAME)
	removes=$(rpcs /mnt/a/cached REMOVE)
	two_nodes replace cached /export/free/homes/cached 20
	[ "$(($(rpcs /mnt/a/cached RENAME) - renames))" -eq 20 ]
	[ "$(($(rpcs /mnt/a/cached REMOVE) - removes))" -eq 0 ]
}

@test "store check --peer: all holds on both mounts" {
	local mount
	for mount in cached exact; do
		check_at_both "$mount"
		run cat /run/a/check /run/b/check
		refute_output --partial WRONG
		assert_line 'holds  a file that the other node renamed is not found by its old name'
		assert_line --partial 'nfs4, 10.0.2.1:/export/free'
	done
}

@test "root is squashed: homes cannot be made or removed by root, and sallyportctl says what to do" {
	run sallyportctl -c /run/a/conf user add erin --home /mnt/a/squash/erin --password-stdin <<<secret
	assert_failure 1
	assert_output --partial 'root_squash); make it there with '
	echo kept >/export/squash/squashed/file
	mkdir -p /export/squash/squashed/a/b
	chown -R 200003:200003 /export/squash/squashed
	run sallyportctl -c /run/a/conf user del squashed --purge-home
	assert_output --partial 'root_squash); remove the directory there'
	[ -z "$(ls -A /export/squash/squashed)" ]
}

@test "--purge-home removes a whole tree on NFS, and user add makes a home there" {
	printf 'secret\n' | sallyportctl -c /run/a/conf user add frank --home /mnt/a/cached/homes/frank --password-stdin
	[ "$(stat -c %a /export/free/homes/frank)" = 750 ]
	mkdir -p /export/free/homes/frank/a/b/c /export/free/homes/frank/d/b
	touch /export/free/homes/frank/a/b/c/f
	sallyportctl -c /run/a/conf user del frank --purge-home
	[ ! -e /export/free/homes/frank ]
}
