/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/ask.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/protocol/notices.h"
#include "daemon/protocol/server_choice.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/shown_server.h"

#include "common/banned.h"

#define HELD_MAX 4000 /* bytes; with one more of the longest path it is still a message */
#define SIGN_WAIT_MS 3000 /* for a signature, where the session had its share */
#define SIGN_PAUSE_MS 10
#define AHEAD_LOW 1 /* listeners that are left when more are asked for */

/* Transfers that were not yet reported to the monitor: the next message wakes it anyway. */
static struct ipc_message held_transfers;

bool
tell_monitor_due(struct protocol *protocol)
{
	if (!protocol->holds_notice)
		return false;
	protocol->holds_notice = false;
	if (ipc_send(protocol->monitor_channel, &held_transfers, -1) < 0)
		ask_give_up(protocol);
	return true;
}

int
tell_monitor_left_ms(const struct protocol *protocol)
{
	return protocol->holds_notice ? deadline_left_ms(protocol->held_since_ms + TELL_MS, monotonic_ms()) : -1;
}

void
ask_give_up(struct protocol *protocol)
{
	static const char leave[] = "421 Internal failure; closing.\r\n";

	if (protocol->holds_notice)
		(void)!ipc_send_now(protocol->monitor_channel, &held_transfers, -1);
	if (protocol->state == IPC_STATE_READY || protocol->control.output_len > 0)
		(void)!stream_write(&protocol->control.stream, leave, sizeof(leave) - 1);
	_exit(0);
}

static void
note_end(struct protocol *protocol)
{
	uint8_t reason = ipc_get_u8(&protocol->message);

	if (!ipc_end(&protocol->message) || reason >= END_REASON_COUNT)
		ask_give_up(protocol);
	if (protocol->end_reason < 0 || END_IS_GENTLE(protocol->end_reason))
		protocol->end_reason = reason;
}

/* The fields of an answer to listen; the socket is the caller's. */
static int
read_listening(struct protocol *protocol, union address *bound)
{
	int fd = ipc_take_fd(&protocol->message);
	uint8_t family = ipc_get_u8(&protocol->message);
	size_t len;
	const void *host = ipc_get_bytes(&protocol->message, 16, &len);
	uint32_t port = ipc_get_u32(&protocol->message);

	if (!ipc_end(&protocol->message) || len != 16 || port > UINT16_MAX)
		ask_give_up(protocol);
	memset(bound, 0, sizeof(*bound));
	bound->family = family == 6 ? AF_INET6 : AF_INET;
	memcpy(family == 6 ? (void *)&bound->v6.sin6_addr : (void *)&bound->v4.sin_addr, host, family == 6 ? 16 : 4);
	address_set_port(bound, (uint16_t)port);
	return fd;
}

/* The message in hand answers ask_monitor_listen_ahead(). */
static void
note_ahead(struct protocol *protocol)
{
	int r = ipc_get_result(&protocol->message);
	unsigned count;

	protocol->ahead.is_asked = false;
	if (r < 0) {
		protocol->ahead.is_refused = r == -EOPNOTSUPP;
		protocol->ahead.asked = 0;
		return;
	}
	count = ipc_get_u8(&protocol->message);
	if (count != protocol->message.fd_count)
		ask_give_up(protocol);
	for (unsigned i = 0; i < count; i++) {
		uint32_t port = ipc_get_u32(&protocol->message);
		int fd = ipc_take_fd(&protocol->message);

		if (port > UINT16_MAX)
			ask_give_up(protocol);
		if (!listeners_add(&protocol->ahead.spare, fd, (uint16_t)port))
			close_fd(&fd);
	}
	if (!ipc_end(&protocol->message))
		ask_give_up(protocol);
}

/* Handle a message that the monitor sends unasked, or about listeners ahead. False: it is another one. */
static bool
take_told(struct protocol *protocol)
{
	char text[NOTICE_TEXT_MAX + 1];

	if (protocol->message.kind == IPC_end) {
		note_end(protocol);
		return true;
	}
	if (protocol->message.kind == IPC_listen_ahead && protocol->ahead.is_asked) {
		note_ahead(protocol);
		return true;
	}
	if (protocol->message.kind != IPC_notice)
		return false;
	ipc_get_text(&protocol->message, text, sizeof(text));
	if (!ipc_end(&protocol->message))
		return false;
	notices_add(protocol, text);
	return true;
}

void
ask_take_notice(struct protocol *protocol)
{
	int r = ipc_receive_now(protocol->monitor_channel, IPC_PROTOCOL, protocol->state, &protocol->message);

	if (r == -EAGAIN)
		return;
	if (r < 0 || !take_told(protocol))
		ask_give_up(protocol);
}

int
ask_sibling(struct protocol *protocol, int channel)
{
	enum ipc_kind kind = protocol->message.kind;

	if (channel == protocol->monitor_channel)
		tell_monitor_due(protocol);
	if (ipc_send(channel, &protocol->message, -1) < 0)
		ask_give_up(protocol);
	for (;;) {
		if (ipc_receive(channel, IPC_PROTOCOL, protocol->state, &protocol->message) < 0)
			ask_give_up(protocol);
		if (protocol->message.kind == kind && protocol->message.is_reply)
			return ipc_get_result(&protocol->message);
		if (channel != protocol->monitor_channel || !take_told(protocol))
			ask_give_up(protocol);
	}
}

int
ask_answered(struct protocol *protocol, int result)
{
	if (!ipc_end(&protocol->message))
		ask_give_up(protocol);
	return result;
}

int
ask_monitor_login(struct protocol *protocol, const char *user, const char *password, size_t password_len)
{
	int r;

	ipc_begin(&protocol->message, IPC_login);
	ipc_put_u8(&protocol->message, protocol->control.stream.tls == NULL);
	ipc_put_text(&protocol->message, user);
	ipc_put_bytes(&protocol->message, password, password_len);
	if (protocol->config->server_count > 1)
		ipc_put_text(&protocol->message, server_choice_name(protocol));
	/* the monitor changes to the logged-in state before it answers */
	r = ask_sibling(protocol, protocol->monitor_channel);
	if (r == 0) {
		protocol->files_channel = ipc_take_fd(&protocol->message);
		protocol->state = IPC_STATE_READY;
		protocol->rate_down = ipc_get_u64(&protocol->message);
		protocol->rate_up = ipc_get_u64(&protocol->message);
		if (ipc_get_u8(&protocol->message) == 1)
			protocol->must_protect = false;
	}
	return ask_answered(protocol, r);
}

uint64_t
ask_monitor_pace(struct protocol *protocol, enum rate_direction direction, uint32_t bytes)
{
	uint64_t wait;

	ipc_begin(&protocol->message, IPC_pace);
	ipc_put_u8(&protocol->message, (uint8_t)direction);
	ipc_put_u32(&protocol->message, bytes);
	if (ask_sibling(protocol, protocol->monitor_channel) < 0)
		ask_give_up(protocol);
	wait = ipc_get_u64(&protocol->message);
	(void)!ask_answered(protocol, 0);
	return wait;
}

void
ask_monitor_listen_ahead(struct protocol *protocol)
{
	unsigned room = IPC_FDS_MAX - protocol->ahead.spare.count;

	if (protocol->ahead.is_asked || protocol->ahead.is_refused || protocol->ahead.spare.count > AHEAD_LOW)
		return;
	tell_monitor_due(protocol);
	protocol->ahead.asked = protocol->ahead.asked == 0 ? 1 : 2 * protocol->ahead.asked;
	if (protocol->ahead.asked > room)
		protocol->ahead.asked = room;
	ipc_begin(&protocol->message, IPC_listen_ahead);
	ipc_put_u8(&protocol->message, (uint8_t)protocol->ahead.asked);
	if (ipc_send(protocol->monitor_channel, &protocol->message, -1) < 0)
		ask_give_up(protocol);
	protocol->ahead.is_asked = true;
}

int
ask_monitor_listen(struct protocol *protocol, union address *bound, int *fd, bool *was_ahead)
{
	int r;

	while (!(*was_ahead = listeners_take(&protocol->ahead.spare, monotonic_ms(), &protocol->ahead.current)) &&
	    protocol->ahead.is_asked) {
		if (ipc_receive(protocol->monitor_channel, IPC_PROTOCOL, protocol->state, &protocol->message) < 0)
			ask_give_up(protocol);
		if (!take_told(protocol))
			ask_give_up(protocol);
	}
	if (*was_ahead) {
		*bound = protocol->session->local;
		address_set_port(bound, protocol->ahead.current.port);
		*fd = protocol->ahead.current.fd;
		return 0;
	}
	ipc_begin(&protocol->message, IPC_listen);
	ipc_put_u8(&protocol->message, 0);
	r = ask_sibling(protocol, protocol->monitor_channel);
	if (r < 0)
		return ask_answered(protocol, r);
	*fd = read_listening(protocol, bound);
	return 0;
}

int
ask_monitor_connect(struct protocol *protocol, const union address *target, int *fd)
{
	uint8_t host[16] = {0};
	bool is_v6 = target->family == AF_INET6;
	int r;

	memcpy(host, is_v6 ? (const void *)&target->v6.sin6_addr : (const void *)&target->v4.sin_addr, is_v6 ? 16 : 4);
	ipc_begin(&protocol->message, IPC_connect);
	ipc_put_u8(&protocol->message, is_v6 ? 6 : 4);
	ipc_put_bytes(&protocol->message, host, sizeof(host));
	ipc_put_u32(&protocol->message, address_port(target));
	r = ask_sibling(protocol, protocol->monitor_channel);
	if (r == 0)
		*fd = ipc_take_fd(&protocol->message);
	return ask_answered(protocol, r);
}

/* The question, and its answer's result. */
static int
ask_signature(struct protocol *protocol, enum sign_scheme scheme, const uint8_t *text, size_t text_len)
{
	ipc_begin(&protocol->message, IPC_sign);
	ipc_put_u8(&protocol->message, shown_server_signer(protocol));
	ipc_put_u8(&protocol->message, (uint8_t)scheme);
	ipc_put_bytes(&protocol->message, text, text_len);
	return ask_sibling(protocol, protocol->monitor_channel);
}

int
ask_monitor_sign(
    void *arg, enum sign_scheme scheme, const uint8_t *text, size_t text_len, uint8_t *signature, size_t *len)
{
	struct protocol *protocol = arg;
	uint64_t deadline = monotonic_ms() + SIGN_WAIT_MS;
	const void *bytes;
	size_t n;
	int r;

	if (text_len > SIGN_TEXT_MAX)
		return -EINVAL;
	/*
	 * the monitor bounds the signatures of a session: a client that resumes nothing becomes slow, and loses no
	 * transfer
	 */
	while ((r = ask_signature(protocol, scheme, text, text_len)) == -EAGAIN && monotonic_ms() < deadline)
		poll(NULL, 0, SIGN_PAUSE_MS);
	if (r < 0)
		return ask_answered(protocol, r);
	bytes = ipc_get_bytes(&protocol->message, SIGNATURE_MAX, &n);
	if (n > *len)
		return -ENOBUFS;
	memcpy(signature, bytes, n);
	*len = n;
	return ask_answered(protocol, 0);
}

void
tell_monitor_transferred(
    struct protocol *protocol, enum ipc_direction direction, uint64_t bytes, uint64_t ms, int error, const char *path)
{
	if (tell_monitor_left_ms(protocol) == 0 || (protocol->holds_notice && held_transfers.length > HELD_MAX))
		tell_monitor_due(protocol);
	if (!protocol->holds_notice) {
		ipc_begin(&held_transfers, IPC_transferred);
		protocol->held_since_ms = monotonic_ms();
	}
	ipc_put_u8(&held_transfers, (uint8_t)direction);
	ipc_put_u8(&held_transfers, protocol->is_ascii);
	ipc_put_u64(&held_transfers, bytes);
	ipc_put_u64(&held_transfers, ms);
	ipc_put_u32(&held_transfers, (uint32_t)error);
	ipc_put_text(&held_transfers, path);
	protocol->holds_notice = true;
}

void
tell_monitor_noted(struct protocol *protocol, enum ipc_noted_event event, const char *detail)
{
	tell_monitor_due(protocol);
	ipc_begin(&protocol->message, IPC_noted);
	ipc_put_u8(&protocol->message, (uint8_t)event);
	ipc_put_bytes(&protocol->message, detail, strnlen(detail, 500));
	/* the session goes on, or ends, without it */
	(void)!ipc_send_now(protocol->monitor_channel, &protocol->message, -1);
}
