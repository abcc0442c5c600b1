/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/partials.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/protocol/ask.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/figures.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

#define AGE_SIZE 40

/* In the largest unit that has at least two of it. */
static void
age_text(uint64_t seconds, char text[AGE_SIZE])
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {0, "seconds"}};
	size_t i = 0;

	if (seconds == 1) {
		snprintf(text, AGE_SIZE, "1 second");
		return;
	}
	while (units[i].seconds > 0 && seconds < 2 * units[i].seconds)
		i++;
	snprintf(text, AGE_SIZE, "%llu %s",
	    (unsigned long long)(units[i].seconds > 0 ? seconds / units[i].seconds : seconds), units[i].name);
}

static void
list_partials(struct protocol *protocol)
{
	struct partials_told told;
	struct partial_told row;
	uint64_t listed = 0;
	char text[PARTIALS_SUMS_SIZE], age[AGE_SIZE];
	int r = ask_files_partials(protocol, &told);

	if (r < 0) {
		reply_error(protocol, REPLY_FILE, r, "SITE PARTIALS");
		return;
	}
	for (; ask_files_next_partial(protocol, &row); listed++) {
		if (listed == 0)
			reply_begin(protocol, 200, "Partial uploads, the oldest first");
		age_text(row.age_s, age);
		reply_line(protocol, "%llu bytes, %s old%s: %s", (unsigned long long)row.size, age,
		    row.is_in_use ? ", in use" : "", row.path.text);
	}
	if (listed > 0 && listed < told.count)
		reply_line(protocol, "and %llu more", (unsigned long long)(told.count - listed));
	partials_sums_text(&told, text, sizeof(text));
	reply(protocol, 200, "%s", told.count > 0 ? text : "No partial uploads");
}

static void
delete_all(struct protocol *protocol)
{
	struct partials_removed removed;
	int r = ask_files_remove_partials(protocol, &removed);

	if (r < 0)
		reply_error(protocol, REPLY_FILE, r, "SITE PARTIALS DELETE ALL");
	else if (removed.failed > 0)
		reply(protocol, 550,
		    "%llu removed, %llu bytes; %llu in use stay, %llu cannot be removed: they or their directories "
		    "belong to another user or are read-only",
		    (unsigned long long)removed.count, (unsigned long long)removed.bytes,
		    (unsigned long long)removed.busy, (unsigned long long)removed.failed);
	else if (removed.busy > 0)
		reply(protocol, 200, "%llu removed, %llu bytes; %llu in use stay", (unsigned long long)removed.count,
		    (unsigned long long)removed.bytes, (unsigned long long)removed.busy);
	else
		reply(protocol, 200, "%llu removed, %llu bytes", (unsigned long long)removed.count,
		    (unsigned long long)removed.bytes);
}

static void
delete_one(struct protocol *protocol, const char *client_path)
{
	struct home_path path;
	int r;

	if (!session_resolve_path(protocol, client_path, &path))
		return;
	r = ask_files_path(protocol, IPC_remove_partial, &path);
	if (r == -ENOENT)
		reply(protocol, 550, "%s: No partial upload of that name; SITE PARTIALS lists them", path.text);
	else if (r < 0)
		reply_error(protocol, REPLY_FILE, r, path.text);
	else
		reply(protocol, 200, "The partial upload of %s is removed", path.text);
}

void
site_partials(struct protocol *protocol, char *argument)
{
	static const char verb[] = "DELETE ";

	if (protocol->state != IPC_STATE_READY)
		reply(protocol, 530, "Log in with USER and PASS first");
	else if (argument == NULL || *argument == '\0')
		list_partials(protocol);
	else if (strncasecmp(argument, verb, sizeof(verb) - 1) != 0 || argument[sizeof(verb) - 1] == '\0')
		reply(protocol, 501, "Usage: SITE PARTIALS [DELETE path | DELETE ALL]");
	else if (strcasecmp(argument + sizeof(verb) - 1, "ALL") == 0)
		delete_all(protocol);
	else
		delete_one(protocol, argument + sizeof(verb) - 1);
}
