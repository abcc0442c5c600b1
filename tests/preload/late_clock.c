/* SPDX-License-Identifier: ISC */
/* LD_PRELOAD: a node whose clock is an hour late, beside the storage's. */
#include <stddef.h>
#include <time.h>

time_t
time(time_t *told)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec -= 3600;
	if (told != NULL)
		*told = now.tv_sec;
	return now.tv_sec;
}
