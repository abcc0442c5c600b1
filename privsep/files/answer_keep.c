/* SPDX-License-Identifier: ISC */
/* Answers to requests about what is kept. */
#include "privsep/files/request.h"

#include <errno.h>
#include <string.h>

#include "common/written.h"
#include "privsep/files/keep_report.h"
#include "privsep/files/keep_restore.h"
#include "privsep/files/retain.h"

#include "common/banned.h"

_Static_assert(IPC_VERSIONS_MAX == KEEP_VERSIONS_MAX, "all rows fit");
_Static_assert(IPC_VERSION_ID_MAX == KEEP_ID_SIZE - 1, "all ids fit");

bool
files_answer_versions(struct files *files)
{
	static struct keep_versions versions SELDOM_WRITTEN;
	struct home_path path;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = keep_versions(files->tree, &path, &versions);
	request_reply(files, r);
	if (r < 0)
		return true;
	ipc_put_u64(&files->message, versions.count);
	for (unsigned i = 0; i < versions.rows; i++) {
		ipc_put_u64(&files->message, versions.row[i].size);
		ipc_put_text(&files->message, versions.row[i].id);
	}
	return true;
}

bool
files_answer_retained(struct files *files)
{
	struct retain_refusal refusal = retain_refused();

	if (!ipc_end(&files->message))
		return false;
	request_reply(files, 0);
	ipc_put_u8(&files->message, (uint8_t)refusal.what);
	ipc_put_u64(&files->message, refusal.until_s);
	return true;
}

bool
files_answer_restore(struct files *files)
{
	char id[IPC_VERSION_ID_MAX + 1];
	struct home_path path;
	struct stat st;
	int r;

	ipc_get_text(&files->message, id, sizeof(id));
	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = keep_restore(files->tree, &path, id, strlen(id));
	if (r == 0 && home_stat(files->tree, &path, &st) == 0)
		keep_report(files->tree, KEPT_RESTORED, &path, id, (uint64_t)st.st_size);
	request_reply(files, r);
	return true;
}
