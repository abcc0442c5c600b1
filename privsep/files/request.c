/* SPDX-License-Identifier: ISC */
#include "privsep/files/request.h"

#include <errno.h>

#include "privsep/files/folders.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

bool
request_path(struct files *files, struct home_path *path)
{
	size_t len;
	const void *bytes = ipc_get_bytes(&files->message, HOME_PATH_MAX, &len);

	return home_path_check(bytes, len, path) == 0;
}

bool
request_only_path(struct files *files, struct home_path *path)
{
	return request_path(files, path) && ipc_end(&files->message);
}

int
request_reachable(const struct files *files, const struct home_path *path)
{
	if (patterns_deny_path(files->session->patterns, path->text))
		return -EKEYREVOKED;
	return own_name_in_path(path) ? -ENOENT : 0;
}

int
request_route(struct files *files, enum ipc_kind kind, struct home_path *path)
{
	int r = request_reachable(files, path);

	files->tree = folders_route(&files->home, path);
	return r < 0 || files->home.folders == NULL ? r : request_permit(files->tree->session, kind);
}

bool
request_only_place(struct files *files)
{
	struct home_path path;

	files->tree = &files->home;
	if (files->message.cursor == files->message.length)
		return true;
	if (!request_only_path(files, &path))
		return false;
	files->tree = folders_route(&files->home, &path);
	return true;
}

void
request_refuse(struct files *files, int result)
{
	ipc_begin_reply(&files->message, files->message.kind, result);
}

void
request_reply(struct files *files, int result)
{
	if (result == -EDQUOT)
		files->refused_tree = files->tree;
	if (result == -EROFS)
		result = -EMEDIUMTYPE;
	if (result == -EBUSY && storage_is_shared())
		result = -EHOSTDOWN;
	request_refuse(files, result);
}

void
request_put_quota(struct files *files, const struct quota_figures *figures)
{
	ipc_put_u64(&files->message, figures->bytes);
	ipc_put_u64(&files->message, figures->bytes_limit);
	ipc_put_u64(&files->message, figures->files);
	ipc_put_u64(&files->message, figures->files_limit);
}

bool
request_answer_with(struct files *files, int (*operation)(const struct home *home, const struct home_path *path))
{
	struct home_path path;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = operation(files->tree, &path);
	request_reply(files, r);
	return true;
}
