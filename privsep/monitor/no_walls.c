/* SPDX-License-Identifier: ISC */
/* A child that cannot go behind its walls. */
#include "privsep/monitor/state.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

bool
monitor_take_no_walls(struct monitor *monitor, struct child *child)
{
	struct sandbox_failure failure;

	if (child->gave_up || !sandbox_get_failure(&monitor->message, &failure))
		return false;
	child->gave_up = true;
	monitor->end_reason = "walls";
	sandbox_log_failure(child->name, &failure);
	return true;
}
