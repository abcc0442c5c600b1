/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/variables.h"

#include <inttypes.h>
#include <stdbool.h>
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

/* A text that is being filled in. */
struct filling {
	struct protocol *protocol;
	struct buf out;
	bool is_asked; /* for the quota: once, however often the text has it, since an answer may wait for a count */
	int result;
	struct quota_told told;
};

static void
put_user(struct filling *filling)
{
	buf_add_text(&filling->out, filling->protocol->user);
}

static void
put_address(struct filling *filling)
{
	buf_add_text(&filling->out, filling->protocol->session->peer_text);
}

static struct utc
utc_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return utc_from_seconds(now.tv_sec);
}

static void
put_day(struct filling *filling)
{
	struct utc now = utc_now();

	buf_addf(&filling->out, "%04d-%02d-%02d", (int)now.year, (int)now.month, (int)now.day);
}

static void
put_clock(struct filling *filling)
{
	struct utc now = utc_now();

	buf_addf(&filling->out, "%02d:%02d", (int)now.hour, (int)now.minute);
}

static void
put_left(struct filling *filling, uint64_t used, uint64_t limit, const char *unit)
{
	struct buf *out = &filling->out;

	if (filling->result < 0 || limit == UINT64_MAX)
		buf_add_text(out, filling->result < 0 ? "an unknown number of" : "any number of");
	else
		buf_addf(out, "%" PRIu64, used < limit ? limit - used : 0);
	buf_addf(out, " %s", unit);
}

static const struct quota_told *
quota_once(struct filling *filling)
{
	if (!filling->is_asked)
		filling->result = ask_files_quota(filling->protocol, &filling->told);
	filling->is_asked = true;
	return &filling->told;
}

static void
put_quota_left(struct filling *filling)
{
	const struct quota_told *told = quota_once(filling);

	put_left(filling, told->bytes, told->bytes_limit, "bytes");
}

static void
put_files_left(struct filling *filling)
{
	const struct quota_told *told = quota_once(filling);

	put_left(filling, told->files, told->files_limit, "files");
}

static const struct {
	const char *name;
	void (*put)(struct filling *filling);
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
put_variable(struct filling *filling, const char *text)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		size_t len = strlen(variables[i].name);

		if (strncmp(text, variables[i].name, len) != 0)
			continue;
		variables[i].put(filling);
		return len;
	}
	buf_add(&filling->out, text, 1);
	return 1;
}

void
reply_text_with_variables(struct protocol *protocol, int code, const char *text)
{
	struct filling filling = {.protocol = protocol};
	struct buf *out = &filling.out;

	if (strstr(text, "%{") == NULL) {
		reply_text(protocol, code, text);
		return;
	}
	buf_init(out, EXPANDED_MAX);
	for (const char *next = text; *next != '\0';) {
		size_t plain = strcspn(next, "%");

		buf_add(out, next, plain);
		next += plain;
		if (*next != '\0')
			next += put_variable(&filling, next);
	}
	reply_text(protocol, code, out->error == 0 && out->data != NULL ? out->data : text);
	buf_free(out);
}
