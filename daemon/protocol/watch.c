/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/ahead.h"
#include "daemon/protocol/watch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "common/io.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/data.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

#define WORK_MS_MAX (30 * 60 * 1000) /* the longest that files may work on one command */
#define WORK_TICK_MS 5000

/* Serve a line that may come during a transfer; any other stays until its end. */
static void
serve_line(struct protocol *protocol)
{
	char verb[16];
	char *argument = NULL;
	size_t len;
	char line[COMMAND_LINE_MAX + 1];

	protocol->transfer.is_deferred = true;
	if (protocol->control.line_event != LINE_WHOLE)
		return;
	memcpy(line, protocol->control.reader.text, protocol->control.reader.len + 1);
	if (line_split(line, verb, &argument, &len) < 0)
		return;
	if (strcmp(verb, "ABOR") == 0)
		protocol->transfer.was_aborted = true;
	else if (strcmp(verb, "STAT") == 0 && argument == NULL)
		reply(protocol, 213, "%s: %llu bytes so far", protocol->transfer.verb,
		    (unsigned long long)protocol->transfer.bytes);
	else
		return;
	protocol->transfer.is_deferred = false;
	control_done_line(protocol);
}

static bool
must_stop(const struct protocol *protocol)
{
	if (protocol->transfer.was_aborted)
		return true;
	/* a client that is gone ends the transfer (RFC 959, 4.1.1 QUIT), unless it has left commands */
	if (protocol->control.at_end && !protocol->transfer.is_deferred)
		return true;
	return protocol->end_reason >= 0 && !END_IS_GENTLE(protocol->end_reason);
}

/* How long poll(2) may wait. Nothing is due beside the deadline where there is no descriptor. */
static int
wait_ms(const struct protocol *protocol, int fd, uint64_t deadline_ms)
{
	int timeout = deadline_ms == NO_DEADLINE ? -1 : deadline_left_ms(deadline_ms, monotonic_ms());
	const int others[] = {tell_monitor_left_ms(protocol), fd < 0 ? -1 : ahead_left_ms(protocol)};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (others[i] >= 0 && (timeout < 0 || timeout > others[i]))
			timeout = others[i];
	}
	return timeout;
}

/* Do what is due beside the deadline. False: nothing was. */
static bool
did_due(struct protocol *protocol)
{
	bool has_told = tell_monitor_due(protocol);

	return ahead_expire(protocol) || has_told;
}

int
watch_fd(struct protocol *protocol, int fd, short events, uint64_t deadline_ms)
{
	enum { DATA, CONTROL, MONITOR, WAITS };
	struct pollfd waits[WAITS];

	for (;;) {
		bool listens = !protocol->transfer.is_deferred && !protocol->control.at_end;
		int n;

		while (!protocol->transfer.is_deferred && control_has_line(protocol))
			serve_line(protocol);
		control_flush(protocol);
		if (must_stop(protocol))
			return -ECANCELED;
		if (listens && !protocol->transfer.is_deferred && control_read_pending(protocol))
			continue;
		waits[DATA] = (struct pollfd){.fd = fd, .events = events};
		waits[CONTROL] = (struct pollfd){
		    .fd = listens ? protocol->control.stream.fd : -1, .events = protocol->control.input_wants};
		waits[MONITOR] = (struct pollfd){.fd = protocol->monitor_channel, .events = POLLIN};
		(void)ahead_expire(protocol); /* also where bytes flow without a pause */
		n = poll(waits, WAITS, wait_ms(protocol, fd, deadline_ms));
		if (n == 0 && fd >= 0 && did_due(protocol))
			continue;
		if (n == 0)
			return fd < 0 ? 0 : -ETIMEDOUT;
		if (n < 0)
			continue;
		if (waits[MONITOR].revents != 0)
			ask_take_notice(protocol);
		if (waits[CONTROL].revents != 0)
			control_read(protocol);
		if (waits[MONITOR].revents == 0 && waits[CONTROL].revents == 0)
			return 0;
	}
}

int
watch_work(struct protocol *protocol, int channel)
{
	uint64_t give_up = monotonic_ms() + WORK_MS_MAX;
	int r;

	tell_monitor_due(protocol);
	protocol->transfer.is_running = true;
	protocol->transfer.was_aborted = protocol->transfer.is_deferred = false;
	protocol->transfer.bytes = 0;
	protocol->transfer.verb = "work on files";
	do {
		claim(protocol->session->claims, CLAIM_TRANSFER, monotonic_ms());
		r = watch_fd(protocol, channel, POLLIN, monotonic_ms() + WORK_TICK_MS);
	} while (r == -ETIMEDOUT && monotonic_ms() < give_up);
	protocol->transfer.owes_abort_reply = protocol->transfer.was_aborted;
	protocol->transfer.is_running = protocol->transfer.is_deferred = false;
	claim(protocol->session->claims, CLAIM_IDLE, monotonic_ms());
	return r < 0 ? -ECANCELED : 0;
}
