/* SPDX-License-Identifier: ISC */
/* LD_PRELOAD: storage on which every flock(2) succeeds, as between two nodes that mount NFS with "nolock". */
#include <sys/file.h>

int
flock(int fd, int operation)
{
	(void)fd;
	(void)operation;
	return 0;
}
