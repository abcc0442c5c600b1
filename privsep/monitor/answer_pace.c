/* SPDX-License-Identifier: ISC */
/* The rates of the account, shared by all its sessions. */
#include "accounts/rate.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

bool
monitor_answer_pace(struct monitor *monitor)
{
	uint8_t direction = ipc_get_u8(&monitor->message);
	uint32_t bytes = ipc_get_u32(&monitor->message);
	uint64_t rate = direction == RATE_DOWN ? monitor->rates.down : monitor->rates.up;
	uint64_t wait = 0;

	if (!ipc_end(&monitor->message) || direction >= RATE_DIRECTION_COUNT)
		return false;
	if (monitor->rates.fd >= 0 && rate > 0)
		wait = rate_take(monitor->rates.fd, (enum rate_direction)direction, rate, bytes);
	ipc_begin_reply(&monitor->message, IPC_pace, 0);
	ipc_put_u64(&monitor->message, wait);
	monitor_send_answer(monitor, NULL, 0);
	return true;
}
