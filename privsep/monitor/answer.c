/* SPDX-License-Identifier: ISC */
/*
 * Answers to protocol. They never wait: protocol asks one question at a time and reads the answer before it asks the
 * next, so an answer has room unless protocol has stopped reading. An unread descriptor counts against a limit of the
 * service user (unix(7), ETOOMANYREFS), which all sessions share, and without descriptors nobody logs in.
 */
#include <errno.h>
#include <poll.h>

#include "privsep/monitor/state.h"

#include "common/banned.h"

/*
 * Has protocol read all that it must have read before this question? It may have left our last notice unread. With
 * any question but the same one it may have left listeners ahead, for which it asks without waiting. Each excuses
 * once.
 */
static bool
has_protocol_read_answers(struct monitor *monitor)
{
	int unread = ipc_unread(monitor->protocol.channel);

	if (unread == 0) {
		monitor->unread.told = monitor->unread.ahead = false;
		return true;
	}
	if (monitor->unread.told) {
		monitor->unread.told = false;
		return true;
	}
	if (monitor->unread.ahead && monitor->message.kind != IPC_listen_ahead) {
		monitor->unread.ahead = false;
		return true;
	}
	return false;
}

/* Both ways are shut: what protocol has sent is all that will ever come. */
static bool
has_protocol_left(const struct monitor *monitor)
{
	struct pollfd hang_up = {.fd = monitor->protocol.channel};

	return poll(&hang_up, 1, 0) > 0 && (hang_up.revents & POLLHUP) != 0;
}

void
monitor_send_answer(struct monitor *monitor, const int *fds, unsigned count)
{
	/* listeners ahead excuse another question, so they are judged even where there are none */
	bool is_judged = count > 0 || monitor->message.kind == IPC_listen_ahead;
	int r;

	if (is_judged && !has_protocol_read_answers(monitor))
		monitor_end_for_violation(monitor, &monitor->protocol, "answers left unread");
	r = ipc_send_fds_now(monitor->protocol.channel, &monitor->message, fds, count);
	if (r == -ETOOMANYREFS) {
		ipc_begin_reply(&monitor->message, monitor->message.kind, -EAGAIN);
		r = ipc_send_now(monitor->protocol.channel, &monitor->message, -1);
	} else if (r == 0 && monitor->message.kind == IPC_listen_ahead) {
		monitor->unread.ahead = true;
	}
	if (r == -EAGAIN)
		monitor_end_for_violation(monitor, &monitor->protocol, "answers left unread");
	if (r == -EPIPE && has_protocol_left(monitor))
		return; /* its last messages are still to be read, and then the end of the channel */
	if (r < 0)
		monitor_end_session(monitor);
}

void
monitor_send_protocol(struct monitor *monitor)
{
	if (ipc_send_now(monitor->protocol.channel, &monitor->message, -1) == 0)
		monitor->unread.told = true;
}

void
monitor_send_master(struct monitor *monitor)
{
	if (ipc_send_now(monitor->session->master_channel, &monitor->message, -1) == 0)
		return;
	monitor->end_reason = "master-gone";
	monitor_end_session(monitor);
}

void
monitor_pass_notice(struct monitor *monitor)
{
	char text[NOTICE_TEXT_MAX + 1];

	ipc_get_text(&monitor->message, text, sizeof(text));
	if (!ipc_end(&monitor->message))
		return;
	ipc_begin(&monitor->message, IPC_notice);
	ipc_put_text(&monitor->message, text);
	monitor_send_protocol(monitor);
}
