/* SPDX-License-Identifier: ISC */
#include "privsep/broker/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "accounts/account.h"
#include "common/text.h"
#include "privsep/broker/connection.h"

#include "common/banned.h"

/* Versions of the schema that are served: this one and the one before. */
#define SCHEMA_NEWEST 1
#define SCHEMA_OLDEST 1

enum { FIELD_ID, FIELD_LINE, FIELD_DECOY };

static bool
is_one_line(const char *text, size_t len)
{
	return memchr(text, '\0', len) == NULL && memchr(text, '\n', len) == NULL;
}

/* A decoy that is none is left out: the monitor has one of its own. */
static const char *
read_nobody(const struct row *row, struct answer *answer)
{
	const char *decoy = row->fields[FIELD_DECOY];
	size_t len = row->lens[FIELD_DECOY];
	bool is_good = decoy != NULL && len <= ACCOUNT_HASH_MAX && is_one_line(decoy, len) && !has_control(decoy, len);

	answer->found = FOUND_NOBODY;
	answer->text = is_good ? decoy : "";
	answer->len = is_good ? len : 0;
	return NULL;
}

const char *
answer_of_row(const struct row *row, struct answer *answer)
{
	const char *line = row->fields[FIELD_LINE];
	size_t len = row->lens[FIELD_LINE];
	uint64_t id;

	*answer = (struct answer){.found = FOUND_NOT_NOW, .text = ""};
	if (row->fields[FIELD_ID] == NULL)
		return read_nobody(row, answer);
	if (strlen(row->fields[FIELD_ID]) != row->lens[FIELD_ID] ||
	    parse_u64(row->fields[FIELD_ID], INT64_MAX, &id) < 0)
		return "its id is no number";
	if (line == NULL || len == 0)
		return "its line is missing";
	if (len > BROKER_LINE_MAX)
		return "its line is too long; at most 8192 bytes";
	if (!is_one_line(line, len))
		return "its line has a newline or a NUL";
	*answer = (struct answer){.found = FOUND_ACCOUNT, .id = id, .text = line, .len = len};
	return NULL;
}

bool
answer_version_known(const struct row *row, char *problem, size_t size)
{
	uint64_t version;

	if (row->fields[0] == NULL || parse_u64(row->fields[0], INT32_MAX, &version) < 0) {
		snprintf(
		    problem, size, "the schema of the database has no version; 'sallyportctl store check' says more");
		return false;
	}
	if (version >= SCHEMA_OLDEST && version <= SCHEMA_NEWEST)
		return true;
	snprintf(problem, size, "the schema of the database is version %" PRIu64 ", and this server knows %d to %d; %s",
	    version, SCHEMA_OLDEST, SCHEMA_NEWEST,
	    version > SCHEMA_NEWEST ? "upgrade the server" : "run 'sallyportctl store upgrade'");
	return false;
}
