/* SPDX-License-Identifier: ISC */
#include "privsep/ipc/ipc.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "accounts/account.h"
#include "accounts/password.h"
#include "common/home_path.h"
#include "common/io.h"
#include "common/proxy_header.h"
#include "privsep/ipc/decode.h"
#include "privsep/tls/sign_scheme.h"

#include "common/banned.h"

#define KIND_SIZE 2
#define RESULT_SIZE 4

struct ipc_row {
	const char *name;
	unsigned from, to, states;
	uint64_t request, reply;	/* shapes */
	enum ipc_fd fd;
};

#define X(row_name, row_from, row_to, row_states, row_request, row_reply, row_fd) \
	_Static_assert(SHAPE_MAX(row_request) <= IPC_MESSAGE_MAX - KIND_SIZE && \
		((row_reply) == S_NONE || SHAPE_MAX(row_reply) <= IPC_MESSAGE_MAX - KIND_SIZE - RESULT_SIZE), \
	    #row_name " does not fit into a message");
IPC_MESSAGES(X)
#undef X

static const struct ipc_row rows[IPC_KIND_COUNT] = {
#define X(row_name, row_from, row_to, row_states, row_request, row_reply, row_fd) \
	[IPC_##row_name] = {#row_name, (row_from), (row_to), (row_states), (row_request), (row_reply), (row_fd)},
    IPC_MESSAGES(X)
#undef X
};

const char *
ipc_kind_name(enum ipc_kind kind)
{
	return kind < IPC_KIND_COUNT ? rows[kind].name : "unknown";
}

static void
put_message_number(struct ipc_message *message, uint64_t value, size_t width)
{
	if (message->bad || message->length + width > IPC_MESSAGE_MAX) {
		message->bad = true;
		return;
	}
	for (size_t i = 0; i < width; i++)
		message->bytes[message->length++] = (uint8_t)(value >> (8 * i));
}

static uint64_t
get_message_number(struct ipc_message *message, size_t width)
{
	uint64_t value = 0;

	if (message->bad || message->length - message->cursor < width) {
		message->bad = true;
		return 0;
	}
	for (size_t i = 0; i < width; i++)
		value |= (uint64_t)message->bytes[message->cursor++] << (8 * i);
	return value;
}

static void
note_touched(struct ipc_message *message)
{
	if (message->length > message->touched)
		message->touched = message->length;
}

void
ipc_wipe(struct ipc_message *message)
{
	note_touched(message);
	explicit_bzero(message->bytes, message->touched);
	message->touched = 0;
	message->length = message->cursor = 0;
}

void
ipc_begin(struct ipc_message *message, enum ipc_kind kind)
{
	note_touched(message);
	message->kind = kind;
	message->is_reply = false;
	message->bad = false;
	message->length = 0;
	message->cursor = 0;
	message->fd_count = message->fds_taken = 0;
	put_message_number(message, (uint64_t)kind, KIND_SIZE);
}

void
ipc_begin_reply(struct ipc_message *message, enum ipc_kind kind, int result)
{
	ipc_begin(message, kind);
	message->is_reply = true;
	message->length = 0;
	put_message_number(message, (uint64_t)kind | IPC_REPLY, KIND_SIZE);
	put_message_number(message, (uint32_t)result, RESULT_SIZE);
}

void
ipc_put_u8(struct ipc_message *message, uint8_t value)
{
	put_message_number(message, value, 1);
}

void
ipc_put_u32(struct ipc_message *message, uint32_t value)
{
	put_message_number(message, value, 4);
}

void
ipc_put_u64(struct ipc_message *message, uint64_t value)
{
	put_message_number(message, value, 8);
}

void
ipc_put_bytes(struct ipc_message *message, const void *bytes, size_t len)
{
	if (len > UINT16_MAX || message->length + 2 + len > IPC_MESSAGE_MAX) {
		message->bad = true;
		return;
	}
	put_message_number(message, len, 2);
	if (message->bad || len == 0)
		return;
	memcpy(message->bytes + message->length, bytes, len);
	message->length += len;
}

void
ipc_put_text(struct ipc_message *message, const char *text)
{
	ipc_put_bytes(message, text, strlen(text));
}

uint8_t
ipc_get_u8(struct ipc_message *message)
{
	return (uint8_t)get_message_number(message, 1);
}

uint32_t
ipc_get_u32(struct ipc_message *message)
{
	return (uint32_t)get_message_number(message, 4);
}

uint64_t
ipc_get_u64(struct ipc_message *message)
{
	return get_message_number(message, 8);
}

const void *
ipc_get_bytes(struct ipc_message *message, size_t max, size_t *len)
{
	const void *bytes;

	*len = (size_t)get_message_number(message, 2);
	if (message->bad || *len > max || *len > message->length - message->cursor) {
		message->bad = true;
		*len = 0;
		return message->bytes;
	}
	bytes = message->bytes + message->cursor;
	message->cursor += *len;
	return bytes;
}

void
ipc_get_text(struct ipc_message *message, char *text, size_t size)
{
	size_t len;
	const void *bytes = ipc_get_bytes(message, size - 1, &len);

	if (memchr(bytes, '\0', len) != NULL) {
		message->bad = true;
		len = 0;
	}
	memcpy(text, bytes, len);
	text[len] = '\0';
}

bool
ipc_has_more(const struct ipc_message *message)
{
	return !message->bad && message->cursor < message->length;
}

bool
ipc_end(const struct ipc_message *message)
{
	return !message->bad && message->cursor == message->length;
}

int
ipc_take_fd(struct ipc_message *message)
{
	return message->fds_taken < message->fd_count ? message->fds[message->fds_taken++] : -1;
}

void
ipc_drop_fds(struct ipc_message *message)
{
	for (int fd; (fd = ipc_take_fd(message)) >= 0;)
		close_fd(&fd);
}

int
ipc_get_result(struct ipc_message *message)
{
	int32_t result = (int32_t)ipc_get_u32(message);

	if (message->bad || result > 0 || result < -4095) {
		message->bad = true;
		return -EPROTO;
	}
	return result;
}

static bool
fits_shape(uint64_t shape, size_t size)
{
	return size >= SHAPE_MIN(shape) && size <= SHAPE_MAX(shape);
}

/* Does a reply to this row, with its result at the front, have a size and descriptors that the table allows? */
static bool
reply_fits(const struct ipc_row *row, struct ipc_message *message, size_t size, unsigned fd_count)
{
	int result;

	result = ipc_get_result(message);
	if (message->bad)
		return false;
	message->cursor -= RESULT_SIZE;	/* the asker reads it again */
	size -= RESULT_SIZE;
	if (result < 0)
		return size == 0 && fd_count == 0;
	if (row->fd == IPC_FD_REPLIES ? fd_count == 0 : fd_count != (row->fd == IPC_FD_REPLY))
		return false;
	return fits_shape(row->reply, size);
}

/* The message's bytes and length are set; fill in the rest or refuse. */
static int
decode_message(struct ipc_message *message, enum ipc_process me, enum ipc_state state)
{
	const struct ipc_row *row;
	unsigned kind, fd_count = message->fd_count;
	size_t size;

	note_touched(message);
	message->cursor = 0;
	message->bad = false;
	kind = (unsigned)get_message_number(message, KIND_SIZE);
	if (message->bad || (kind & ~(unsigned)IPC_REPLY) >= IPC_KIND_COUNT)
		return -EPROTO;
	message->is_reply = (kind & IPC_REPLY) != 0;
	message->kind = (enum ipc_kind)(kind & ~(unsigned)IPC_REPLY);
	row = &rows[message->kind];
	size = message->length - KIND_SIZE;
	if ((row->states & state) == 0)
		return -EPROTO;
	if (message->is_reply)
		return (row->from & me) != 0 && reply_fits(row, message, size, fd_count) ? 0 : -EPROTO;
	if ((row->to & me) == 0 || !fits_shape(row->request, size))
		return -EPROTO;
	return fd_count == (row->fd == IPC_FD_REQUEST) ? 0 : -EPROTO;
}

int
ipc_decode(const void *bytes, size_t len, unsigned fd_count, enum ipc_process me, enum ipc_state state,
    struct ipc_message *message)
{
	if (len > IPC_MESSAGE_MAX || fd_count > IPC_FDS_MAX)
		return -EPROTO;
	memcpy(message->bytes, bytes, len);
	message->length = len;
	for (unsigned i = 0; i < fd_count; i++)
		message->fds[i] = -1;
	message->fd_count = fd_count;
	message->fds_taken = 0;
	return decode_message(message, me, state);
}

int
ipc_decode_received(struct ipc_message *message, enum ipc_process me, enum ipc_state state)
{
	int r = decode_message(message, me, state);

	if (r < 0)
		ipc_drop_fds(message);
	return r;
}
