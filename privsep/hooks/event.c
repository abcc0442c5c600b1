/* SPDX-License-Identifier: ISC */
#include "privsep/hooks/event.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/banned.h"

const char *
hook_event_below(const struct hook_event *event)
{
	const char *below = event->path + event->at_len;

	return below[0] == '\0' ? "/" : below;
}

void
hook_event_put(struct ipc_message *message, const struct hook_event *event)
{
	ipc_put_u64(message, event->time_ns);
	ipc_put_text(message, event->session);
	ipc_put_text(message, event->address);
	ipc_put_text(message, event->user);
	ipc_put_text(message, event->home);
	ipc_put_text(message, event->path);
	ipc_put_u64(message, event->size);
	ipc_put_text(message, event->hash);
	if (event->kind != HOOK_UPLOAD)
		ipc_put_u8(message, (uint8_t)event->kind);
	if (event->at_len > 0)
		ipc_put_u32(message, event->at_len);
}

static bool
is_end_of_component(const char *path, uint32_t at_len)
{
	return at_len <= strlen(path) && (path[at_len] == '/' || path[at_len] == '\0');
}

static bool
is_hash(const char *text)
{
	size_t len = strlen(text);

	return (len == 0 || len == HOOK_HASH_MAX) && strspn(text, "0123456789abcdef") == len;
}

int
hook_event_get(struct ipc_message *message, struct hook_event *event)
{
	unsigned kind;
	bool has_kind;
	size_t left;

	event->time_ns = ipc_get_u64(message);
	ipc_get_text(message, event->session, sizeof(event->session));
	ipc_get_text(message, event->address, sizeof(event->address));
	ipc_get_text(message, event->user, sizeof(event->user));
	ipc_get_text(message, event->home, sizeof(event->home));
	ipc_get_text(message, event->path, sizeof(event->path));
	event->size = ipc_get_u64(message);
	ipc_get_text(message, event->hash, sizeof(event->hash));
	left = message->length - message->cursor; /* both fields may be missing; the kind is one byte */
	has_kind = (left & 1) != 0;
	kind = has_kind ? ipc_get_u8(message) : HOOK_UPLOAD;
	event->at_len = left > 1 ? ipc_get_u32(message) : 0;
	if (!ipc_end(message) || (has_kind && kind == HOOK_UPLOAD) || kind >= HOOK_KIND_COUNT ||
	    event->user[0] == '\0' || event->home[0] != '/' || event->path[0] != '/' ||
	    !is_end_of_component(event->path, event->at_len) || !is_hash(event->hash))
		return -EPROTO;
	event->kind = (enum hook_kind)kind;
	return 0;
}
