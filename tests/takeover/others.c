/* SPDX-License-Identifier: ISC */
/* logger, hooks and metrics. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
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
	log_begin(LEVEL_INFO, "hook"); /* which it may write */
	log_field_text("takeover", report.text);
	log_end();
	return true;
}

/* A blank is written as '+' in a target. */
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
