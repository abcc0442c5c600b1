/* SPDX-License-Identifier: ISC */
/* A record for the logger, written in every format. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/text.h"
#include "privsep/logger/log_format.h"

#include "common/banned.h"

#define LINE_BYTES_MAX (8 * IPC_MESSAGE_MAX)
#define XFERLOG_FIELDS 18

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

/* The line is one, and safe for a terminal. */
static void
check_line(const struct buf *line, bool has_end)
{
	size_t len = line->len;

	must(line->error == 0 && len > 0);
	if (has_end)
		must(line->data[--len] == '\n');
	must(utf8_valid(line->data, len));
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)line->data[i];

		must(c >= ' ');
		must(c != 0xc2 || i + 1 == len || (uint8_t)line->data[i + 1] >= 0xa0);
	}
}

static void
check_json(const char *bytes, size_t len)
{
	json_error_t error;
	json_t *object = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

	must(json_is_object(object));
	must(json_is_string(json_object_get(object, "event")));
	json_decref(object);
}

static size_t
count_fields(const char *line)
{
	size_t count = 0;

	for (const char *p = line; *p != '\0' && *p != '\n'; count++) {
		p += strcspn(p, " \n");
		p += strspn(p, " ");
	}
	return count;
}

static void
check_formats(const struct log_entry *entry)
{
	struct buf out;

	buf_init(&out, LINE_BYTES_MAX);
	must(log_format_text(entry, &out) == 0);
	check_line(&out, true);
	buf_clear(&out);
	must(log_format_json(entry, &out) == 0);
	check_line(&out, true);
	check_json(out.data, out.len);
	buf_clear(&out);
	must(log_format_syslog(entry, false, &out) == 0);
	check_line(&out, false);
	buf_clear(&out);
	must(log_format_syslog(entry, true, &out) == 0);
	check_line(&out, false);
	buf_clear(&out);
	must(log_format_xferlog(entry, &out) == 0);
	if (out.len > 0) {
		check_line(&out, true);
		must(count_fields(out.data) == XFERLOG_FIELDS);
	}
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ipc_message message;
	static struct log_entry entry;

	if (size > 12000)
		return 0;
	/* the fuzzer makes the bytes after the kind */
	ipc_begin(&message, IPC_log);
	memcpy(message.bytes + message.length, data, size);
	message.length += size;
	message.cursor = 2;
	if (log_entry_read(&message, &entry) == 0)
		check_formats(&entry);
	return 0;
}
