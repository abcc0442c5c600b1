/* SPDX-License-Identifier: ISC */
/* The monitor: a noted event whose text begins with the word is a line. Records of the log report. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/state.h"
#include "tests/takeover/takeover.h"

#include "common/banned.h"

/* message NUMBER|count: send a hostile message to the master. */
static void
act_message(struct monitor *monitor, char *line, struct report *report)
{
	const char *number = next_word(&line);

	if (number == NULL)
		return;
	if (strcmp(number, "count") == 0)
		report_add(report, "count: %u; ", messages_count(IPC_MONITOR, IPC_MASTER));
	else
		(void)!messages_send(monitor->session->master_channel, IPC_MONITOR, IPC_MASTER,
		    (unsigned)strtoul(number, NULL, 10), report);
}

/* logmessage NUMBER|count: send a hostile message to the logger. */
static void
act_logmessage(struct monitor *monitor, char *line, struct report *report)
{
	const char *number = next_word(&line);

	if (number == NULL)
		return;
	if (strcmp(number, "count") == 0)
		report_add(report, "count: %u; ", messages_count(IPC_MONITOR, IPC_LOGGER));
	else
		(void)!messages_send(monitor->session->log_channel, IPC_MONITOR, IPC_LOGGER,
		    (unsigned)strtoul(number, NULL, 10), report);
}

/* count NUMBER: have the master count a folder of the session, or one that it does not have. */
static void
act_count_folder(struct monitor *monitor, char *line, struct report *report)
{
	const char *number = next_word(&line);

	if (number == NULL)
		return;
	ipc_begin(&monitor->message, IPC_count_folder);
	ipc_put_u8(&monitor->message, (uint8_t)strtoul(number, NULL, 10));
	report_add(report, "count: %d; ", ipc_send_now(monitor->session->master_channel, &monitor->message, -1));
}

/* used NAME: say that the session has another folder, for the master to count. */
static void
act_folder_used(struct monitor *monitor, char *line, struct report *report)
{
	const char *name = next_word(&line);

	if (name == NULL)
		return;
	ipc_begin(&monitor->message, IPC_folder_used);
	ipc_put_text(&monitor->message, name);
	report_add(report, "used: %d; ", ipc_send_now(monitor->session->master_channel, &monitor->message, -1));
}

/* forge: send records whose words would begin another line, and a failed login that did not happen. */
static void
act_forge(struct monitor *monitor, struct report *report)
{
	(void)monitor;
	log_message(
	    LEVEL_CRITICAL, "alarm\n2026-01-01T00:00:00.000Z sallyportd[1]: critical forged forged=\"yes\"", "forged");
	log_message(LEVEL_WARNING, "login-failed", "forged");
	log_begin(LEVEL_INFO, "transfer");
	log_field_text("path\" forged=\"yes", "x");
	log_end();
	log_begin(LEVEL_INFO, "transfer");
	log_field_text("path", "/x\n2026-01-01T00:00:00.000Z sallyportd[1]: critical forged forged=\"yes\"\x1b[31m");
	log_end();
	report_add(report, "forged; ");
}

/* A turn to check a password, and the channel that comes with it; -1: the master gives none. */
static int
ask_for_channel(struct monitor *monitor)
{
	int master = monitor->session->master_channel, channel;

	ipc_begin(&monitor->message, IPC_attempt);
	if (ipc_send_now(master, &monitor->message, -1) < 0 || io_wait(master, POLLIN, monotonic_ms() + 10000) <= 0 ||
	    ipc_receive_now(master, IPC_MONITOR, IPC_STATE_LOGIN, &monitor->message) < 0 ||
	    monitor->message.kind != IPC_attempt)
		return -1;
	close(ipc_take_fd(&monitor->message)); /* the accounts of the users file */
	channel = ipc_take_fd(&monitor->message);
	ipc_drop_fds(&monitor->message);
	return channel;
}

/* Is the answer to this name an account? -errno: there is none. */
static int
guess_account(struct monitor *monitor, int channel, unsigned number)
{
	char name[32];

	snprintf(name, sizeof(name), "guess%u", number);
	ipc_begin(&monitor->message, IPC_find_account);
	ipc_put_text(&monitor->message, name);
	if (ipc_send_now(channel, &monitor->message, -1) < 0 || io_wait(channel, POLLIN, monotonic_ms() + 10000) <= 0 ||
	    ipc_receive_now(channel, IPC_MONITOR, IPC_STATE_LOGIN, &monitor->message) < 0 ||
	    ipc_get_result(&monitor->message) < 0)
		return -EPIPE;
	return ipc_get_u8(&monitor->message) == FOUND_ACCOUNT;
}

/*
 * harvest COUNT: ask the broker for as many names, over as many channels as the master gives. Each attempt is called
 * right, so that none is a failure of the address. A record of the log tells how many lines came so far.
 */
static void
act_harvest(struct monitor *monitor, char *line)
{
	const char *count = next_word(&line);
	unsigned lines = 0, channels = 0, left = count == NULL ? 0 : (unsigned)strtoul(count, NULL, 10);
	int channel = monitor->store.channel > 0 ? monitor->store.channel : -1;
	char text[64];

	for (; left > 0; left--) {
		int r;

		if (channel < 0 && (channel = ask_for_channel(monitor)) < 0)
			return;
		channels++;
		while ((r = guess_account(monitor, channel, left)) >= 0 && left > 1) {
			lines += (unsigned)r;
			left--;
		}
		snprintf(text, sizeof(text), "lines: %u; channels: %u; ", lines, channels);
		log_begin(LEVEL_INFO, "data-failed");
		log_field_text("takeover", text);
		log_end();
		close(channel);
		channel = -1;
		ipc_begin(&monitor->message, IPC_verdict);
		ipc_put_u8(&monitor->message, VERDICT_RIGHT);
		(void)!ipc_send_now(monitor->session->master_channel, &monitor->message, -1);
	}
}

bool
takeover_monitor(struct monitor *monitor, const char *detail)
{
	static struct report report;
	char line[REPORT_MAX + 1];
	char *rest = line;
	size_t len = strnlen(detail, REPORT_MAX);
	const char *name;

	if (strncmp(detail, TAKEOVER_WORD, sizeof(TAKEOVER_WORD) - 1) != 0)
		return false;
	memcpy(line, detail, len);
	line[len] = '\0';
	rest += sizeof(TAKEOVER_WORD) - 1;
	report = (struct report){.len = 0};
	if (strncmp(rest, "harvest ", 8) == 0) {
		(void)next_word(&rest);
		act_harvest(monitor, rest);
		return true;
	}
	if (strncmp(rest, "count ", 6) == 0 || strncmp(rest, "used ", 5) == 0) {
		name = next_word(&rest);
		if (name[0] == 'c')
			act_count_folder(monitor, rest, &report);
		else
			act_folder_used(monitor, rest, &report);
	} else if (strncmp(rest, "message ", 8) == 0 || strncmp(rest, "logmessage ", 11) == 0 ||
	    strcmp(rest, "forge") == 0) {
		name = next_word(&rest);
		if (name[0] == 'm')
			act_message(monitor, rest, &report);
		else if (name[0] == 'l')
			act_logmessage(monitor, rest, &report);
		else
			act_forge(monitor, &report);
	} else if (strcmp(rest, "channels") == 0) {
		report_add(&report, "master: %d; log: %d; protocol: %d; files: %d; hooks: %d; ",
		    monitor->session->master_channel, monitor->session->log_channel, monitor->protocol.channel,
		    monitor->files.channel, monitor->session->hook_channel);
	} else if (!act(rest, &report)) {
		report_add(&report, "no such act; ");
	}
	log_begin(LEVEL_INFO, "data-failed"); /* this process may write it */
	log_field_text("takeover", report.text);
	log_end();
	return true;
}
