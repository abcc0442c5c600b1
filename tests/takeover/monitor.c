/* SPDX-License-Identifier: ISC */
/* The monitor after login: a noted event whose text begins with the word is a line. Records of the log report. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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
	if (strncmp(rest, "message ", 8) == 0 || strncmp(rest, "logmessage ", 11) == 0 || strcmp(rest, "forge") == 0) {
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
