/* SPDX-License-Identifier: ISC */
/* A change of the home that files is in: other sessions of the account wait for its end, so it has a time. */
#include "common/io.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

#define CHANGE_MS 10000		/* of one change of the home, while another session waits for its end; a disk may be slow */
#define LOOK_AGAIN_MS 100	/* does one wait now? */

uint64_t
quota_change_due_ms(const struct monitor *monitor)
{
	return monitor->quota.changing_since_ms == 0 ? NEVER : monitor->quota.changing_since_ms + CHANGE_MS;
}

bool
quota_give_up_change(struct monitor *monitor)
{
	if (!ledger_is_awaited(quota_ledger(monitor))) {
		monitor->quota.changing_since_ms = monotonic_ms() - CHANGE_MS + LOOK_AGAIN_MS;
		return false;
	}
	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("violation", "a change of the home without an end, for which other sessions wait");
	log_field_text("by", "files");
	log_end();
	monitor->quota.changing_since_ms = 0;
	ledger_abandon(quota_ledger(monitor));
	ledger_suspect(quota_ledger(monitor));
	return true;
}
