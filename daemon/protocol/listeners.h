/* SPDX-License-Identifier: ISC */
/*
 * The listeners that the monitor made ahead for one session (listen_ahead). Each serves several transfers, in turn with
 * the others and one at a time, for a short while: to make one costs more than a small transfer.
 */
#ifndef DAEMON_PROTOCOL_LISTENERS_H
#define DAEMON_PROTOCOL_LISTENERS_H

#include <stdbool.h>
#include <stdint.h>

#include "privsep/ipc/messages.h"

#define LISTENER_MS 2000	/* from the first announcement of a port until the last one */

struct listener {
	int fd;
	uint16_t port;
	uint16_t uses;	/* how often it was announced, at most LISTENER_USES_MAX */
	uint64_t until_ms;	/* it is announced until then; 0: it never was */
};

struct listeners {
	unsigned count;
	struct listener of[IPC_FDS_MAX];	/* the one that has rested for the longest time first */
};

/* Add a new one; the descriptor is the set's. False: there is no room, and it stays the caller's. */
bool listeners_add(struct listeners *set, int fd, uint16_t port);

/*
 * Take the next one, to announce it now; the descriptor is the caller's. Closes those whose time is over.
 * False: there is none.
 */
bool listeners_take(struct listeners *set, uint64_t now_ms, struct listener *listener);

/* It was used, and goes to the end of the queue; it is closed when it has served its time. Empties listener->fd. */
void listeners_give_back(struct listeners *set, uint64_t now_ms, struct listener *listener);

void listeners_close(struct listeners *set);

#endif
