/* SPDX-License-Identifier: ISC */
#include "daemon/master/ports.h"

#include "common/address.h"
#include "daemon/master/master.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

static struct ipc_message message;

void
ports_init(struct master *master)
{
	TAILQ_INIT(&master->announcing);
}

void
ports_leave(struct master *master, struct slot *slot)
{
	if (slot->announced.family == AF_UNSPEC)
		return;
	TAILQ_REMOVE(&master->announcing, slot, announcing);
	slot->announced.family = AF_UNSPEC;
}

void
ports_announce(struct master *master, struct slot *slot, const union address *bound, uint64_t now_ms)
{
	ports_leave(master, slot);
	slot->announced = *bound;
	slot->announced_ms = now_ms;
	TAILQ_INSERT_TAIL(&master->announcing, slot, announcing);
}

static bool
may_yield(const struct master *master, const struct slot *slot, uint64_t now_ms)
{
	return now_ms - slot->announced_ms >= PORTS_YIELD_AFTER_MS ||
	    board_has_moved(&master->board, (size_t)(slot - master->slots));
}

static bool
is_in_range(const struct slot *slot, const union address *local, uint16_t low, uint16_t high)
{
	uint16_t port = address_port(&slot->announced);

	return port >= low && port <= high && address_same_host(&slot->announced, local);
}

struct slot *
ports_yield(struct master *master, const union address *local, uint16_t low, uint16_t high, uint64_t now_ms)
{
	struct slot *slot;

	/* no more of them than ports in small ranges */
	TAILQ_FOREACH(slot, &master->announcing, announcing)
	if (is_in_range(slot, local, low, high) && may_yield(master, slot, now_ms))
		break;
	if (slot == NULL)
		return NULL;
	ports_leave(master, slot);
	ipc_begin(&message, IPC_yield_port);
	(void)!ipc_send_now(slot->channel, &message, -1); /* its end is seen by who reads the channel */
	return slot;
}
