/* SPDX-License-Identifier: ISC */
/* files: MLST /TAKEOVER line. The facts in the reply are the report. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/files/quota.h"
#include "privsep/files/request.h"
#include "tests/takeover/takeover.h"

#include "common/banned.h"

/* begin: start a change in the ledger and never end it; meanwhile no other session of the account changes anything. */
static void
act_begin(struct files *files, struct report *report)
{
	report_add(report, "begin: %d; ", quota_begin(files->home.quota, 0, 0));
}

/* belittle BYTES: report a change that frees this many bytes, and did not happen. */
static void
act_belittle(struct files *files, char *line, struct report *report)
{
	const char *bytes = next_word(&line);
	int r = quota_begin(files->home.quota, 0, 0);

	if (r == 0 && bytes != NULL)
		quota_add(files->home.quota, -strtoll(bytes, NULL, 10), 0);
	if (r == 0)
		r = quota_end(files->home.quota);
	report_add(report, "belittle: %d; ", r);
}

/* name NUMBER: have the monitor keep to another ledger, whatever the table of files says. */
static void
act_name(struct files *files, char *line, struct report *report)
{
	static struct ipc_message message;
	const char *number = next_word(&line);

	if (number == NULL)
		return;
	ipc_begin(&message, IPC_ledger_of);
	ipc_put_u8(&message, (uint8_t)strtoul(number, NULL, 10));
	if (ipc_send_now(files->session->monitor_channel, &message, -1) < 0 ||
	    ipc_receive(files->session->monitor_channel, IPC_FILES, IPC_STATE_READY, &message) < 0)
		report_add(report, "name: the channel ended; ");
	else
		report_add(report, "name: %d; ", ipc_get_result(&message));
}

/* locks: lock each descriptor, over the whole file and beyond its end. How many locks were got. */
static void
act_locks(struct report *report)
{
	unsigned got = 0;

	for (int fd = 0; fd < 1024; fd++) {
		struct flock shared = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
		struct flock alone = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

		got += fcntl(fd, F_OFD_SETLK, &shared) == 0;
		got += fcntl(fd, F_OFD_SETLK, &alone) == 0;
	}
	report_add(report, "locks: %u; ", got);
}

/* stored NAME: report an upload to the hooks process that did not happen. */
static void
act_stored(struct files *files, char *line, struct report *report)
{
	static struct ipc_message message;
	const char *name = next_word(&line);

	if (name == NULL)
		return;
	ipc_begin(&message, IPC_stored);
	ipc_put_u64(&message, UINT64_MAX);
	ipc_put_text(&message, "");
	ipc_put_text(&message, name);
	report_add(report, "stored: %d; ", ipc_send_now(files->session->monitor_channel, &message, -1));
}

/* message NUMBER|count: send a hostile message to the monitor. */
static void
act_message(struct files *files, char *line, struct report *report)
{
	const char *number = next_word(&line);

	if (number == NULL)
		return;
	if (strcmp(number, "count") == 0)
		report_add(report, "count: %u; ", messages_count(IPC_FILES, IPC_MONITOR));
	else
		(void)!messages_send(files->session->monitor_channel, IPC_FILES, IPC_MONITOR,
		    (unsigned)strtoul(number, NULL, 10), report);
}

static void
run(struct files *files, char *line, struct report *report)
{
	char *rest = line;
	const char *name;
	char copy[REPORT_MAX + 1];

	memcpy(copy, line, strnlen(line, REPORT_MAX));
	copy[strnlen(line, REPORT_MAX)] = '\0';
	name = next_word(&rest);
	if (name == NULL)
		return;
	if (strcmp(name, "begin") == 0)
		act_begin(files, report);
	else if (strcmp(name, "belittle") == 0)
		act_belittle(files, rest, report);
	else if (strcmp(name, "name") == 0)
		act_name(files, rest, report);
	else if (strcmp(name, "locks") == 0)
		act_locks(report);
	else if (strcmp(name, "stored") == 0)
		act_stored(files, rest, report);
	else if (strcmp(name, "message") == 0)
		act_message(files, rest, report);
	else if (strcmp(name, "channels") == 0)
		report_add(report, "monitor: %d; protocol: %d; home: %d; folder: %d; ", files->session->monitor_channel,
		    files->session->protocol_channel, files->session->home_fd,
		    files->session->folder_count == 0 ? -1 : files->session->folders[0].fd);
	else if (strcmp(name, "leave") == 0) /* send it to the monitor, and stay */
		close(files->session->monitor_channel);
	else if (!act(copy, report))
		report_add(report, "no such act; ");
}

bool
takeover_files(struct files *files)
{
	static const char prefix[] = "/" TAKEOVER_WORD;
	static struct report report;
	struct home_path path;
	struct ipc_message *message = &files->message;
	size_t cursor = message->cursor;

	if (message->kind != IPC_facts || message->is_reply)
		return false;
	(void)!ipc_get_u8(message);
	if (!request_only_path(files, &path) || strncmp(path.text, prefix, sizeof(prefix) - 1) != 0) {
		message->cursor = cursor;
		message->bad = false;
		return false;
	}
	report = (struct report){.len = 0};
	run(files, path.text + sizeof(prefix) - 1, &report);
	request_reply(files, 0);
	ipc_put_text(message, report.len == 0 ? "done; " : report.text);
	return true;
}
