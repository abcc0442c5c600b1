/* SPDX-License-Identifier: ISC */
#include "daemon/master/ports.h"

#include "common/address.h"
#include "privsep/ipc/board.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

static struct ipc_message message;

void
ports_init(struct ports *ports, const struct board *board)
{
	ports->board = board;
	TAILQ_INIT(&ports->announcing);
}

void
ports_leave(struct ports *ports, struct slot *slot)
{
	if (slot->announced.family == AF_UNSPEC)
		return;
	TAILQ_REMOVE(&ports->announcing, slot, announcing);
	slot->announced.family = AF_UNSPEC;
}

void
ports_announce(struct ports *ports, struct slot *slot, const union address *bound, uint64_t now_ms)
{
	ports_leave(ports, slot);
	slot->announced = *bound;
	slot->announced_ms = now_ms;
	TAILQ_INSERT_TAIL(&ports->announcing, slot, announcing);
}

static bool
may_yield(const struct ports *ports, const struct slot *slot, uint64_t now_ms)
{
	return now_ms - slot->announced_ms >= PORTS_YIELD_AFTER_MS || board_has_moved(ports->board, slot->row);
}

static bool
is_in_range(const struct slot *slot, const union address *local, uint16_t low, uint16_t high)
{
	uint16_t port = address_port(&slot->announced);

	return port >= low && port <= high && address_same_host(&slot->announced, local);
}

struct slot *
ports_yield(struct ports *ports, const union address *local, uint16_t low, uint16_t high, uint64_t now_ms)
{
	struct slot *slot;

	/* no more of them than ports in small ranges */
	TAILQ_FOREACH(slot, &ports->announcing, announcing)
		if (is_in_range(slot, local, low, high) && may_yield(ports, slot, now_ms))
			break;
	if (slot == NULL)
		return NULL;
	ports_leave(ports, slot);
	ipc_begin(&message, IPC_yield_port);
	(void)!ipc_send_now(slot->channel, &message, -1); /* its end is seen by who reads the channel */
	return slot;
}
