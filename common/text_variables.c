/* SPDX-License-Identifier: ISC */
#include "common/text_variables.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/utc.h"

#include "common/banned.h"

#define MARK "%{"

static const char *const names[VARIABLE_COUNT] = {
    [VARIABLE_HOST] = "%{host}",
    [VARIABLE_ADDRESS] = "%{address}",
    [VARIABLE_DATE] = "%{date}",
    [VARIABLE_TIME] = "%{time}",
    [VARIABLE_USER] = "%{user}",
    [VARIABLE_QUOTA_LEFT] = "%{quota-left}",
    [VARIABLE_FILES_LEFT] = "%{files-left}",
};

/* The length of the variable that text begins with; 0: of none. */
static size_t
variable_at(const char *text, enum text_variable *variable)
{
	for (unsigned i = 0; i < VARIABLE_COUNT; i++) {
		size_t len = strlen(names[i]);

		if (strncmp(text, names[i], len) != 0)
			continue;
		*variable = (enum text_variable)i;
		return len;
	}
	return 0;
}

bool
text_has_variables(const char *text)
{
	return strstr(text, MARK) != NULL;
}

const char *
text_variable_unknown(const char *text)
{
	enum text_variable variable;

	for (const char *at = strstr(text, MARK); at != NULL; at = strstr(at + 1, MARK))
		if (variable_at(at, &variable) == 0)
			return at;
	return NULL;
}

bool
text_variables_are_early(const char *text)
{
	enum text_variable variable;

	for (const char *at = strstr(text, MARK); at != NULL; at = strstr(at + 1, MARK))
		if (variable_at(at, &variable) == 0 || variable >= VARIABLE_USER)
			return false;
	return true;
}

void
text_variables_fill(
    const char *text, void (*put)(void *arg, enum text_variable variable, struct buf *out), void *arg, struct buf *out)
{
	while (*text != '\0') {
		size_t plain = strcspn(text, "%"), len;
		enum text_variable variable;

		buf_add(out, text, plain);
		text += plain;
		len = variable_at(text, &variable);
		if (len > 0)
			put(arg, variable, out);
		else if (*text != '\0')
			buf_add(out, text, len = 1);
		text += len;
	}
}

static struct utc
utc_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return utc_from_seconds(now.tv_sec);
}

void
text_variable_put_early(const struct text_facts *facts, enum text_variable variable, struct buf *out)
{
	struct utc now = utc_now();

	switch (variable) {
	case VARIABLE_HOST:
		buf_add_text(out, facts->host);
		break;
	case VARIABLE_ADDRESS:
		buf_add_text(out, facts->address);
		break;
	case VARIABLE_DATE:
		buf_addf(out, "%04u-%02u-%02u", now.year, now.month, now.day);
		break;
	case VARIABLE_TIME:
		buf_addf(out, "%02u:%02u", now.hour, now.minute);
		break;
	case VARIABLE_USER:
	case VARIABLE_QUOTA_LEFT:
	case VARIABLE_FILES_LEFT:
	case VARIABLE_COUNT:
		break;
	}
}

static void
put_early(void *arg, enum text_variable variable, struct buf *out)
{
	text_variable_put_early(arg, variable, out);
}

void
text_variables_fill_early(const char *text, const struct text_facts *facts, struct buf *out)
{
	struct text_facts copy = *facts;

	text_variables_fill(text, put_early, &copy, out);
}
