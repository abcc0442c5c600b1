# SPDX-License-Identifier: ISC
# What the scenarios with homes on NFS have in common: two servers, and two ways to mount the same homes.

setup_file()
{
	load lib
	load storage.bash
	serve_homes
}

setup()
{
	load lib
	load storage.bash
}

teardown()
{
	if [ -z "${BATS_TEST_COMPLETED-}" ]; then
		grep -hE 'alarm|error|critical' /run/[ab]/log | tail -n 20
	fi
}

for_both_mounts() # CASE ROUNDS
{
	two_nodes "$1" cached /export/free/homes/cached "$2"
	two_nodes "$1" exact /export/free/homes/exact "$2"
}
