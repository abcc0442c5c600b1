/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/versions.h"

#include <errno.h>
#include <string.h>

#include "daemon/protocol/ask.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

void
site_versions(struct protocol *protocol, char *argument)
{
	struct version_told row;
	struct home_path path;
	uint64_t count, listed = 0;
	int r;

	if (!session_resolve_path(protocol, argument, &path))
		return;
	r = ask_files_versions(protocol, &path, &count);
	if (r < 0) {
		reply_error(protocol, REPLY_FILE, r, path.text);
		return;
	}
	for (; ask_files_next_version(protocol, &row); listed++) {
		if (listed == 0)
			reply_begin(
			    protocol, 200, "Kept, the youngest first: time (UTC), bytes, and the id for SITE RESTORE");
		reply_line(protocol, "%.14s %llu %s", strchr(row.id, '.') + 1, (unsigned long long)row.size, row.id);
	}
	if (listed < count)
		reply_line(protocol, "and %llu more", (unsigned long long)(count - listed));
	if (count == 0)
		reply(protocol, 200, "%s: Nothing is kept", path.text);
	else
		reply(protocol, 200, "%s: %llu kept", path.text, (unsigned long long)count);
}

void
site_restore(struct protocol *protocol, char *argument)
{
	char *id = strrchr(argument, ' ');
	struct home_path path;
	int r;

	if (id == NULL || strlen(id + 1) != IPC_VERSION_ID_MAX) {
		reply(protocol, 501, "Usage: SITE RESTORE path id, with an id of SITE VERSIONS");
		return;
	}
	*id++ = '\0';
	if (!session_resolve_path(protocol, argument, &path))
		return;
	r = ask_files_restore(protocol, &path, id);
	if (r == -ENOENT)
		reply(protocol, 550, "%s: No such version; SITE VERSIONS lists them", path.text);
	else if (r < 0)
		reply_error(protocol, REPLY_CREATE, r, path.text);
	else
		reply(protocol, 250, "%s is restored", path.text);
}
