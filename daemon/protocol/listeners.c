/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/listeners.h"

#include <string.h>

#include "common/io.h"

#include "common/banned.h"

static void
append_listener(struct listeners *set, const struct listener *listener)
{
	set->of[set->count++] = *listener;
}

bool
listeners_add(struct listeners *set, int fd, uint16_t port)
{
	if (set->count == IPC_FDS_MAX)
		return false;
	append_listener(set, &(const struct listener){.fd = fd, .port = port});
	return true;
}

static bool
is_worn(const struct listener *listener, uint64_t now_ms)
{
	return listener->uses >= LISTENER_USES_MAX || (listener->until_ms != 0 && now_ms >= listener->until_ms);
}

bool
listeners_take(struct listeners *set, uint64_t now_ms, struct listener *listener)
{
	while (set->count > 0) {
		struct listener next = set->of[0];

		memmove(&set->of[0], &set->of[1], --set->count * sizeof(set->of[0]));
		if (is_worn(&next, now_ms)) {
			close_fd(&next.fd);
			continue;
		}
		next.uses++;
		if (next.until_ms == 0)
			next.until_ms = now_ms + LISTENER_MS;
		*listener = next;
		return true;
	}
	return false;
}

void
listeners_give_back(struct listeners *set, uint64_t now_ms, struct listener *listener)
{
	if (is_worn(listener, now_ms) || set->count == IPC_FDS_MAX)
		close_fd(&listener->fd);
	else
		append_listener(set, listener);
	listener->fd = -1;
}

void
listeners_close(struct listeners *set)
{
	while (set->count > 0)
		close_fd(&set->of[--set->count].fd);
}
