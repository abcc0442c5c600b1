/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/session.h"

#include <errno.h>
#include <string.h>

#include "daemon/protocol/control.h"
#include "daemon/protocol/data.h"

#include "common/banned.h"

void
session_reset(struct protocol *protocol)
{
	data_forget(protocol);
	explicit_bzero(protocol->user, sizeof(protocol->user));
	memcpy(protocol->cwd.text, "/", 2);
	protocol->cwd.len = 1;
	protocol->is_ascii = true; /* RFC 959, 3.1.1: the default */
	protocol->is_deflated = false;
	protocol->deflate_level = DEFLATE_LEVEL_DEFAULT;
	protocol->facts = FACTS_ALL;
	protocol->hash = HASH_SHA256;
	protocol->restart_offset = 0;
	protocol->range_end = UINT64_MAX;
	protocol->has_rename_from = protocol->has_copy_from = false;
	protocol->announced = UINT64_MAX;
	protocol->only_epsv = false;
	protocol->told_size = protocol->quota_asked = 0;
}

bool
session_resolve_path(struct protocol *protocol, const char *client_path, struct home_path *path)
{
	int r = home_path_resolve(&protocol->cwd, client_path, strlen(client_path), path);

	if (r < 0)
		reply(protocol, 501, "%s: %s", client_path, r == -ENAMETOOLONG ? "Name too long" : "Not a path");
	return r == 0;
}
