/* SPDX-License-Identifier: ISC */
/* logger, hooks, metrics, broker and porter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/logger/log_format.h"
#include "tests/takeover/takeover.h"

#include "common/banned.h"

static void
run(const char *line, size_t len, struct report *report)
{
	static char copy[REPORT_MAX + 1];

	if (len > REPORT_MAX)
		len = REPORT_MAX;
	memcpy(copy, line, len);
	copy[len] = '\0';
	*report = (struct report){.len = 0};
	if (!act(copy, report))
		report_add(report, "no such act; ");
}

bool
takeover_logger(const struct log_entry *entry, int file)
{
	static const char prefix[] = "LOGGER-" TAKEOVER_WORD;
	static struct report report;
	const struct log_field *field = &entry->fields[0];
	char line[REPORT_MAX + 64];
	int len;

	if (entry->field_count == 0 || field->is_number || field->len < sizeof(prefix) - 1 ||
	    memcmp(field->bytes, prefix, sizeof(prefix) - 1) != 0)
		return false;
	run(field->bytes + sizeof(prefix) - 1, field->len - (sizeof(prefix) - 1), &report);
	len = snprintf(line, sizeof(line), "the logger was taken over: %s\n", report.text);
	(void)!io_write_all(file, line, (size_t)len);
	return true;
}

bool
takeover_hooks(const char *path)
{
	static const char prefix[] = "/" TAKEOVER_WORD;
	static struct report report;

	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
		return false;
	run(path + sizeof(prefix) - 1, strlen(path) - (sizeof(prefix) - 1), &report);
	log_begin(LEVEL_INFO, "hook"); /* this process may write it */
	log_field_text("takeover", report.text);
	log_end();
	return true;
}

/* A target has '+' in place of a blank. */
bool
takeover_metrics(const char *path, struct buf *body)
{
	static const char prefix[] = "/TAKEOVER+";
	static struct report report;
	char line[REPORT_MAX + 1];
	size_t len = strnlen(path, REPORT_MAX);

	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
		return false;
	memcpy(line, path, len);
	line[len] = '\0';
	for (char *at = line; *at != '\0'; at++)
		if (*at == '+')
			*at = ' ';
	run(line + sizeof(prefix) - 1, len - (sizeof(prefix) - 1), &report);
	buf_add_text(body, report.text);
	return true;
}

void
takeover_broker(const char **decoy, size_t *len)
{
	static const char prefix[] = TAKEOVER_WORD;
	static struct report report;

	if (strncmp(*decoy, prefix, sizeof(prefix) - 1) != 0)
		return;
	run(*decoy + sizeof(prefix) - 1, *len - (sizeof(prefix) - 1), &report);
	*decoy = report.text;
	*len = report.len;
}

/*
 * Acts of the porter: "messages" reports how many hostile messages there are, "message N" sends one, "claim N
 * ADDRESS" reports to the master that connection N belongs to a client with this address. False: the line is none
 * of these.
 */
static bool
act_of_porter(const char *line, int channel, struct report *report)
{
	static struct ipc_message message;
	static const uint8_t host[16] = {203, 0, 113, 66};
	uint64_t number;

	if (strcmp(line, "messages") == 0) {
		report_add(report, "%u; ", messages_count(IPC_PORTER, IPC_MASTER));
		return true;
	}
	if (strncmp(line, "message ", 8) == 0 && parse_u64(line + 8, UINT32_MAX, &number) == 0) {
		(void)messages_send(channel, IPC_PORTER, IPC_MASTER, (unsigned)number, report);
		return true;
	}
	if (strncmp(line, "claim ", 6) != 0 || parse_u64(line + 6, UINT32_MAX, &number) < 0)
		return false;
	ipc_begin(&message, IPC_introduced);
	ipc_put_u32(&message, (uint32_t)number);
	ipc_put_u8(&message, INTRODUCED_CLIENT);
	ipc_put_u8(&message, 0);
	for (int i = 0; i < 2; i++) {
		ipc_put_u8(&message, 4);
		ipc_put_bytes(&message, host, sizeof(host));
		ipc_put_u32(&message, 21);
	}
	ipc_put_bytes(&message, host, 0);
	report_result(report, "claim", ipc_send_now(channel, &message, -1));
	return true;
}

bool
takeover_porter(int fd, int master_channel)
{
	static const char prefix[] = "PROXY " TAKEOVER_WORD;
	static struct report report;
	char line[REPORT_MAX + 1];
	ssize_t len = recv(fd, line, REPORT_MAX, MSG_PEEK | MSG_DONTWAIT);
	const char *end = len <= 0 ? NULL : memchr(line, '\n', (size_t)len);

	if (end == NULL || (size_t)(end - line) < sizeof(prefix) || memcmp(line, prefix, sizeof(prefix) - 1) != 0)
		return false;
	len = recv(fd, line, (size_t)(end - line) + 1, MSG_DONTWAIT);
	line[len - 1] = '\0';
	report = (struct report){.len = 0};
	if (!act_of_porter(line + sizeof(prefix) - 1, master_channel, &report))
		run(line + sizeof(prefix) - 1, strlen(line) - (sizeof(prefix) - 1), &report);
	report_add(&report, "\n");
	(void)!send(fd, report.text, report.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return true;
}
