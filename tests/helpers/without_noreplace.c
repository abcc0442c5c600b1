/* SPDX-License-Identifier: ISC */
/*
 * Run a program in which renameat2(2) refuses RENAME_NOREPLACE with EINVAL, as on NFS and CephFS. Processes that
 * the program starts inherit that, below their own filters. --no-links: linkat(2) is refused as well, as on FAT in user
 * space.
 *
 * usage: without_noreplace [--no-links] PROGRAM [ARGUMENT]...
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/libc.h"

#include "common/banned.h"

int
main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int has_no_links = argc > 1 && strcmp(argv[1], "--no-links") == 0;

	argc -= has_no_links;
	argv += has_no_links;
	if (argc < 2 || filter == NULL)
		return 2;
	if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) < 0 ||
	    seccomp_rule_add(
		filter, SCMP_ACT_ERRNO(EINVAL), SYS_renameat2, 1, SCMP_A4(SCMP_CMP_EQ, RENAME_NOREPLACE, 0)) < 0 ||
	    (has_no_links && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SYS_linkat, 0) < 0) ||
	    seccomp_load(filter) < 0) {
		fprintf(stderr, "without_noreplace: the filter cannot be loaded\n");
		return 2;
	}
	seccomp_release(filter);
	execvp(argv[1], argv + 1);
	fprintf(stderr, "without_noreplace: cannot run '%s': %s\n", argv[1], strerror(errno));
	return 2;
}
