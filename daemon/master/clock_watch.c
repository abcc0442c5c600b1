/* SPDX-License-Identifier: ISC */
#include "daemon/master/clock_watch.h"

#include "common/banned.h"

void
clock_watch_begin(struct clock_watch *watch, int64_t real_s, int64_t boot_s)
{
	*watch = (struct clock_watch){.real_s = real_s, .boot_s = boot_s};
}

int64_t
clock_watch_look(struct clock_watch *watch, int64_t real_s, int64_t boot_s)
{
	int64_t passed_s = boot_s - watch->boot_s;
	int64_t step_s = real_s - watch->real_s - passed_s;

	if (step_s > -CLOCK_WATCH_STEP_S && step_s < CLOCK_WATCH_STEP_S) {
		watch->sure_s += (uint64_t)passed_s;
		step_s = 0;
	} else {
		watch->sure_s = 0;
	}
	watch->real_s = real_s;
	watch->boot_s = boot_s;
	return step_s;
}
