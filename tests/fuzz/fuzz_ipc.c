/* SPDX-License-Identifier: ISC */
/*
 * A message from another process. The first byte chooses who receives it, in which state, and whether a descriptor
 * came; the second byte the order in which the fields are read. The rest is the message.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "privsep/ipc/ipc.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static void
read_text(struct ipc_message *message, size_t size)
{
	char *text = malloc(size);

	must(text != NULL);
	ipc_get_text(message, text, size);
	must(strlen(text) < size && (!message->bad || text[0] == '\0'));
	free(text);
}

static void
read_bytes(struct ipc_message *message, size_t max)
{
	const uint8_t *bytes;
	volatile uint8_t sum = 0;	/* every byte is there to be read */
	size_t len;

	bytes = ipc_get_bytes(message, max, &len);
	must(len <= max && (!message->bad || len == 0));
	must(bytes >= message->bytes && bytes + len <= message->bytes + message->length);
	for (size_t i = 0; i < len; i++)
		sum ^= bytes[i];
	(void)sum;
}

/* Read fields of all kinds until none is left, or one was bad. */
static void
read_fields(struct ipc_message *message, uint8_t order)
{
	int result;

	for (size_t before = SIZE_MAX; !message->bad && message->cursor < message->length;) {
		must(message->cursor != before);
		before = message->cursor;
		order = (uint8_t)(order * 5 + 3);
		switch (order >> 4 & 7) {
		case 0:
			ipc_get_u8(message);
			break;
		case 1:
			ipc_get_u32(message);
			break;
		case 2:
			ipc_get_u64(message);
			break;
		case 3:
			read_bytes(message, SIZE_MAX);
			break;
		case 4:
			read_bytes(message, 16);
			break;
		case 5:
			read_text(message, 1);
			break;
		case 6:
			read_text(message, 4096);
			break;
		default:
			result = ipc_get_result(message);
			must(result <= 0 && result >= -4095);
			break;
		}
		must(message->cursor <= message->length);
	}
	must(ipc_end(message) == !message->bad);
	must(!message->bad || (ipc_get_u64(message) == 0 && ipc_get_result(message) == -EPROTO));
}

static void
try_message(
    const uint8_t *data, size_t size, unsigned fd_count, enum ipc_process me, enum ipc_state state, uint8_t order)
{
	static struct ipc_message message;

	if (ipc_decode(data, size, fd_count, me, state, &message) < 0)
		return;
	must(message.kind < IPC_KIND_COUNT && strcmp(ipc_kind_name(message.kind), "unknown") != 0);
	must(message.length == size && size <= IPC_MESSAGE_MAX && message.cursor == 2 && !message.bad);
	if (message.is_reply)
		must(ipc_get_result(&message) <= 0);
	read_fields(&message, order);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum ipc_process processes[] = {IPC_MASTER, IPC_MONITOR, IPC_PROTOCOL, IPC_FILES, IPC_LOGGER};
	uint8_t *copy;

	if (size < 2)
		return 0;
	copy = malloc(size - 2 + 1);	/* a copy of exact size, so that reading past its end is seen */
	if (copy == NULL)
		return 0;
	memcpy(copy, data + 2, size - 2);
	for (size_t p = 0; p < sizeof(processes) / sizeof(processes[0]); p++)
		for (int state = IPC_STATE_LOGIN; state <= IPC_STATE_ANY; state++)
			try_message(
			    copy, size - 2, data[0] % (IPC_FDS_MAX + 2), processes[p], (enum ipc_state)state, data[1]);
	free(copy);
	return 0;
}
