/* SPDX-License-Identifier: ISC */
/* Resource limits of a process; the descriptors and the environment that it does not inherit. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/libc.h"
#include "privsep/sandbox/failure.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define AS_IT_IS RLIM_INFINITY
#define MIB ((rlim_t)1 << 20)

/*
 * descriptors  A monitor keeps what it inherits: the kernel also uses this figure as the ceiling of
 *              descriptors in flight over channels, counted over all processes of one user, and
 *              the monitors of all sessions are one user. A low figure would let one session
 *              that does not read its answers starve the others.
 * processes    Counted per user too, so the only useful figures are none and as it is.
 * data         Private writable memory, inherited pages included. A monitor that checks a password needs the memory
 *              of the hash, which the administrator chose.
 */
static const struct limits {
	rlim_t descriptors, processes, data;
} limits[SANDBOX_COUNT] = {
    [SANDBOX_PROTOCOL] = {64, 0, 256 * MIB},
    [SANDBOX_MONITOR_LOGIN] = {AS_IT_IS, AS_IT_IS, AS_IT_IS},
    [SANDBOX_MONITOR] = {AS_IT_IS, 0, AS_IT_IS},
    [SANDBOX_FILES] = {256, 0, 1024 * MIB},
    [SANDBOX_LOGGER] = {64, 0, 256 * MIB},
    [SANDBOX_HOOKS] = {64, 0, 256 * MIB},
    [SANDBOX_METRICS] = {64, 0, 256 * MIB},
    [SANDBOX_PORTER] = {1088, 0, 256 * MIB},
    [SANDBOX_BROKER] = {AS_IT_IS, 0, 256 * MIB},
};

/* Lower the soft and the hard limit to at most value. */
static int
lower_limit(int resource, rlim_t value)
{
	struct rlimit limit;

	if (value == AS_IT_IS)
		return 0;
	if (value == 0) /* less than whatever it is */
		return setrlimit(resource, &(struct rlimit){0, 0}) < 0 ? -errno : 0;
	if (getrlimit(resource, &limit) < 0)
		return -errno;
	if (limit.rlim_max <= value && limit.rlim_cur == limit.rlim_max)
		return 0;
	if (limit.rlim_max > value) /* RLIM_INFINITY is above everything */
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

int
sandbox_limit(enum sandbox_process process)
{
	const struct limits *limit;
	int r;

	if ((int)process < 0 || process >= SANDBOX_COUNT)
		return -EINVAL;
	limit = &limits[process];

	r = lower_limit(RLIMIT_CORE, 0);
	if (r == 0)
		r = lower_limit(RLIMIT_MEMLOCK, 0);
	if (r == 0)
		r = lower_limit(RLIMIT_NOFILE, limit->descriptors);
	if (r == 0)
		r = lower_limit(RLIMIT_NPROC, limit->processes);
	if (r == 0 && !sandbox_is_widened()) /* shadow memory is terabytes */
		r = lower_limit(RLIMIT_DATA, limit->data);
	return sandbox_step(SANDBOX_STEP_LIMITS, r);
}

/* The lowest descriptor in keep that is at least from, or INT64_MAX. */
static int64_t
next_kept(const int *keep, size_t count, int64_t from)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < count; i++) {
		if (keep[i] >= from && keep[i] < next)
			next = keep[i];
	}
	return next;
}

int
sandbox_close_all_but(const int *keep, size_t count)
{
	int64_t from = STDERR_FILENO + 1;

	for (;;) {
		int64_t kept = next_kept(keep, count, from);

		unsigned last = kept == INT64_MAX ? ~0U : (unsigned)(kept - 1);

		if (kept > from && close_range((unsigned)from, last, 0) < 0)
			return sandbox_step(SANDBOX_STEP_DESCRIPTORS, -errno);
		if (kept == INT64_MAX)
			return 0;
		from = kept + 1;
	}
}

void
sandbox_clear_environment(void)
{
	for (char **variable = environ; variable != NULL && *variable != NULL; variable++)
		explicit_bzero(*variable, strlen(*variable));
	clearenv();
}
