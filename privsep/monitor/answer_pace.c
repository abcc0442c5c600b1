/* SPDX-License-Identifier: ISC */
/* The rates of the account, shared by all its sessions, on all servers where it has some. */
#include "accounts/rate.h"
#include "common/io.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

#define NODES_FRESH_MS 10000

/* On how many servers the account is open comes with each credit. While bytes move, it is asked for every ten seconds. */
static uint64_t
part_of_rate(struct monitor *monitor, uint64_t rate)
{
	uint64_t now = monotonic_ms();

	if (rate > 0 && share_is_used(monitor) && now >= monitor->rates.nodes_ms) {
		monitor->rates.nodes_ms = now + NODES_FRESH_MS;
		share_note_doubt(monitor);
	}
	return rate_part(rate, share_is_used(monitor) ? monitor->share.nodes : 0);
}

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
		wait = rate_take(monitor->rates.fd, (enum rate_direction)direction, part_of_rate(monitor, rate), bytes);
	ipc_begin_reply(&monitor->message, IPC_pace, 0);
	ipc_put_u64(&monitor->message, wait);
	monitor_send_answer(monitor, NULL, 0);
	return true;
}
