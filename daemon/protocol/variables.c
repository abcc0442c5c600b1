/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/variables.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/utc.h"
#include "daemon/protocol/ask_files.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

#define EXPANDED_MAX 32768	/* of a text, with all that its variables became */

static void
put_user(struct protocol *protocol, struct buf *out)
{
	buf_add_text(out, protocol->user);
}

static void
put_address(struct protocol *protocol, struct buf *out)
{
	buf_add_text(out, protocol->session->peer_text);
}

static struct utc
utc_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return utc_from_seconds(now.tv_sec);
}

static void
put_day(struct protocol *protocol, struct buf *out)
{
	struct utc now = utc_now();

	(void)protocol;
	buf_addf(out, "%04d-%02d-%02d", (int)now.year, (int)now.month, (int)now.day);
}

static void
put_clock(struct protocol *protocol, struct buf *out)
{
	struct utc now = utc_now();

	(void)protocol;
	buf_addf(out, "%02d:%02d", (int)now.hour, (int)now.minute);
}

static void
put_left(struct buf *out, int r, uint64_t used, uint64_t limit, const char *unit)
{
	if (r < 0 || limit == UINT64_MAX)
		buf_add_text(out, r < 0 ? "an unknown number of" : "any number of");
	else
		buf_addf(out, "%" PRIu64, used < limit ? limit - used : 0);
	buf_addf(out, " %s", unit);
}

static void
put_quota_left(struct protocol *protocol, struct buf *out)
{
	struct quota_told told = {0};
	int r = ask_files_quota(protocol, &told);

	put_left(out, r, told.bytes, told.bytes_limit, "bytes");
}

static void
put_files_left(struct protocol *protocol, struct buf *out)
{
	struct quota_told told = {0};
	int r = ask_files_quota(protocol, &told);

	put_left(out, r, told.files, told.files_limit, "files");
}

static const struct {
	const char *name;
	void (*put)(struct protocol *protocol, struct buf *out);
} variables[] = {
    {"%{user}", put_user},
    {"%{address}", put_address},
    {"%{date}", put_day},
    {"%{time}", put_clock},
    {"%{quota-left}", put_quota_left},
    {"%{files-left}", put_files_left},
};

/* Add the value of the variable that text begins with. The bytes of its name; 1, and the byte itself, for none. */
static size_t
put_variable(struct protocol *protocol, const char *text, struct buf *out)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		size_t len = strlen(variables[i].name);

		if (strncmp(text, variables[i].name, len) != 0)
			continue;
		variables[i].put(protocol, out);
		return len;
	}
	buf_add(out, text, 1);
	return 1;
}

void
reply_text_with_variables(struct protocol *protocol, int code, const char *text)
{
	struct buf out;

	if (strstr(text, "%{") == NULL) {
		reply_text(protocol, code, text);
		return;
	}
	buf_init(&out, EXPANDED_MAX);
	for (const char *next = text; *next != '\0';) {
		size_t plain = strcspn(next, "%");

		buf_add(&out, next, plain);
		next += plain;
		if (*next != '\0')
			next += put_variable(protocol, next, &out);
	}
	reply_text(protocol, code, out.error == 0 && out.data != NULL ? out.data : text);
	buf_free(&out);
}
