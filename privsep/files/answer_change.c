/* SPDX-License-Identifier: ISC */
/* Answers to requests that change the home. */
#include "privsep/files/request.h"

#include <errno.h>

#include <string.h>
#include <unistd.h>

#include "privsep/files/braked.h"
#include "privsep/files/change.h"
#include "privsep/files/copy.h"
#include "privsep/files/files.h"
#include "privsep/files/folders.h"
#include "privsep/files/tree.h"

#include "common/banned.h"

/* A name of our making in the place of the last one; the directory alone, should that be too long. */
static void
name_anew(struct home_path *path, const char *name)
{
	size_t slash = (size_t)(home_path_name(path) - path->text) - 1;

	path->len = slash == 0 ? 1 : slash;
	path->text[path->len] = '\0';
	(void)!home_path_push(path, name, strlen(name));
}

bool
files_answer_open_write(struct files *files)
{
	unsigned mode = ipc_get_u8(&files->message);
	uint64_t offset = ipc_get_u64(&files->message), start;
	struct home_path path;
	int r;

	if (!request_only_path(files, &path) || mode >= STORE_MODE_COUNT || files->upload.fd >= 0)
		return false;
	files->upload_path = path;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = upload_begin(&files->upload, files->tree, &path, (enum ipc_store_mode)mode, offset, &start);
	request_reply(files, r);
	if (r < 0)
		return true;
	files->upload.path = &files->upload_path;
	if (mode == STORE_UNIQUE)
		name_anew(&files->upload_path, files->upload.name);
	ipc_put_u64(&files->message, start);
	ipc_put_text(&files->message, mode == STORE_UNIQUE ? files->upload.name : home_path_name(&path));
	beside_begin_write(&files->beside, &files->upload);
	files->reply_fd = files->upload.fd;
	files->is_reply_fd_ours = false;
	return true;
}

bool
files_answer_sync_write(struct files *files)
{
	if (!ipc_end(&files->message) || files->upload.fd < 0)
		return false;
	request_reply(files, upload_sync(&files->upload, files->session->config));
	return true;
}

bool
files_answer_grow_write(struct files *files)
{
	struct home_path path;

	if (!ipc_end(&files->message) || files->upload.fd < 0)
		return false;
	path = files->upload_path;
	files->tree = folders_route(&files->home, &path);
	request_reply(files, upload_grow(&files->upload, &path));
	return true;
}

bool
files_answer_finish_write(struct files *files)
{
	unsigned is_complete = ipc_get_u8(&files->message);
	bool is_hooked = is_complete == 1 && files->session->config->on_upload[0] != '\0';
	struct quota_figures figures;
	bool is_guarded;
	int r, braked;

	if (!ipc_end(&files->message) || is_complete > 1 || files->upload.fd < 0)
		return false;
	is_guarded = files->upload.handed.is_marked;
	files->tree = files->upload.home;
	if (is_complete == 1)
		beside_settle(&files->beside);
	braked = is_complete == 1 ? braked_look(files->session) : 0; /* it may have fallen since the upload began */
	if (braked < 0)
		is_complete = 0;
	r = upload_finish(&files->upload, files->session->config, is_complete == 1);
	if (r == 0 && braked < 0)
		r = braked;
	if (r == -EPROTO) {
		stored_end(&files->stored, files->session, &files->beside); /* the upload before this one */
		_exit(FILES_EXIT_HELD);
	}
	beside_end_write(&files->beside, r == 0 && is_complete == 1);
	if (r == 0 && !is_guarded)
		unguarded_add(&files->unguarded, &files->home, &files->upload_path, is_hooked);
	if (r == 0 && is_hooked)
		stored_begin(&files->stored, &files->home, &files->upload_path, &files->beside);
	(void)quota_read(files->tree->quota, false, &figures);	/* no limits, should it fail */
	request_reply(files, r);
	if (r == 0)
		request_put_quota(files, &figures);
	return true;
}

bool
files_answer_make_directory(struct files *files)
{
	return request_answer_with(files, change_make_directory);
}

/* The path of a request that would take away a folder, or what leads to it, is refused as that of a mount point. */
static int
route_removal(struct files *files, enum ipc_kind kind, struct home_path *path)
{
	bool is_held = path->len > 1 && folders_hold(&files->home, path);
	int r = request_route(files, kind, path);

	return r == 0 && is_held ? -EXDEV : r;
}

bool
files_answer_remove_directory(struct files *files)
{
	struct home_path path;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = route_removal(files, IPC_remove_directory, &path);
	if (r == 0)
		r = change_remove_directory(files->tree, &path);
	request_reply(files, r);
	return true;
}

bool
files_answer_remove_file(struct files *files)
{
	return request_answer_with(files, change_remove_file);
}

/* Two trees are as two file systems. A folder, and what leads to one, stays where it is. */
static int
rename_routed(struct files *files, struct home_path *from, struct home_path *to)
{
	const struct home *from_tree;
	int r = folders_hold(&files->home, from) || folders_hold(&files->home, to) ? -EXDEV : 0;

	if (r == 0)
		r = request_route(files, IPC_rename, from);
	from_tree = files->tree;
	if (r == 0)
		r = request_route(files, IPC_rename, to);
	if (r == 0 && files->tree != from_tree)
		r = -EXDEV;
	return r < 0 ? r : change_rename(from_tree, from, to);
}

bool
files_answer_rename(struct files *files)
{
	struct home_path from, to, routed_from, routed_to;
	int r;

	if (!request_path(files, &from) || !request_only_path(files, &to))
		return false;
	routed_from = from;
	routed_to = to;
	r = rename_routed(files, &routed_from, &routed_to);
	if (r == 0)
		unguarded_renamed(&files->unguarded, &from, &to);
	request_reply(files, r);
	return true;
}

/* What is read and what is written may be in two trees, each with its rights. */
static int
copy_routed(struct files *files, struct home_path *from, struct home_path *to)
{
	const struct home *from_tree;
	int r = request_route(files, IPC_open_read, from);

	from_tree = files->tree;
	if (r == 0)
		r = request_route(files, IPC_open_write, to);
	return r < 0 ? r : copy_file(from_tree, from, files->tree, to, &files->stop);
}

bool
files_answer_copy(struct files *files)
{
	struct home_path from, to;

	if (!request_path(files, &from) || !request_only_path(files, &to))
		return false;
	request_reply(files, copy_routed(files, &from, &to));
	return true;
}

bool
files_answer_set_time(struct files *files)
{
	int64_t mtime_s = (int64_t)ipc_get_u64(&files->message);	/* two's complement: negative before 1970 */
	struct home_path path;
	int64_t kept_s;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = change_set_time(files->tree, &path, mtime_s, &kept_s);
	request_reply(files, r);
	if (r == 0)
		ipc_put_u64(&files->message, (uint64_t)kept_s);
	return true;
}

bool
files_answer_set_mode(struct files *files)
{
	uint32_t mode = ipc_get_u32(&files->message);
	struct home_path path;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = change_set_mode(files->tree, &path, mode);
	request_reply(files, r);
	return true;
}

bool
files_answer_remove_tree(struct files *files)
{
	struct home_path path;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = route_removal(files, IPC_remove_tree, &path);
	if (r == 0)
		r = tree_remove(files->tree, &path, &files->stop);
	request_reply(files, r);
	return true;
}
