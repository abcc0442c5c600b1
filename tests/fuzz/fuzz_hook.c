/* SPDX-License-Identifier: ISC */
/* A file of the queue of hooks and a message of an upload: any bytes; an accepted one is written again the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "privsep/hooks/event.h"
#include "privsep/hooks/launcher.h"
#include "privsep/hooks/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct launcher_environment environment;
	static struct ipc_message message, again;
	static struct hook_event event;
	struct queue_entry entry;
	char name[QUEUE_NAME_SIZE] = "", made[QUEUE_NAME_SIZE];

	memcpy(name, data, size < sizeof(name) - 1 ? size : sizeof(name) - 1);
	if (queue_name_parse(name, &entry) == 0) {
		struct queue_entry back;

		queue_name_make(&entry, made);
		if (queue_name_parse(made, &back) < 0 || back.number != entry.number || back.tries != entry.tries)
			abort();
	}
	if (ipc_decode(data, size, 0, IPC_HOOKS, IPC_STATE_ANY, &message) < 0 || message.kind != IPC_uploaded ||
	    message.is_reply || hook_event_get(&message, &event) < 0)
		return 0;
	ipc_begin(&again, IPC_uploaded);
	hook_event_put(&again, &event);
	if (again.bad || again.length != message.length || memcmp(again.bytes, message.bytes, again.length) != 0)
		abort();
	(void)launcher_environment_make(&environment, &event, 1);
	return 0;
}
