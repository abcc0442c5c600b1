/* SPDX-License-Identifier: ISC */
/* Answers to requests that change the home. */
#include "privsep/files/request.h"

#include <errno.h>

#include <string.h>
#include <unistd.h>

#include "privsep/files/change.h"
#include "privsep/files/copy.h"
#include "privsep/files/files.h"
#include "privsep/files/tree.h"

#include "common/banned.h"

bool
files_answer_open_write(struct files *files)
{
	unsigned mode = ipc_get_u8(&files->message);
	uint64_t offset = ipc_get_u64(&files->message), start;
	struct home_path path;
	int r;

	if (!request_only_path(files, &path) || mode >= STORE_MODE_COUNT || files->upload.fd >= 0)
		return false;
	r = request_reachable(&path);
	if (r == 0)
		r = upload_begin(&files->upload, &files->home, &path, (enum ipc_store_mode)mode, offset, &start);
	request_reply(files, r);
	if (r < 0)
		return true;
	files->upload_path = path;
	if (mode == STORE_UNIQUE) {	/* a name of our making */
		files->upload_path.len -= strlen(home_path_name(&path));
		(void)!home_path_push(&files->upload_path, files->upload.name, strlen(files->upload.name));
	}
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
	if (!ipc_end(&files->message) || files->upload.fd < 0)
		return false;
	request_reply(files, upload_grow(&files->upload, &files->upload_path));
	return true;
}

bool
files_answer_finish_write(struct files *files)
{
	unsigned is_complete = ipc_get_u8(&files->message);
	bool is_hooked = is_complete == 1 && files->session->config->on_upload[0] != '\0';
	struct quota_figures figures;
	bool is_guarded;
	int r;

	if (!ipc_end(&files->message) || is_complete > 1 || files->upload.fd < 0)
		return false;
	is_guarded = files->upload.handed.is_marked;
	if (is_complete == 1)
		beside_settle(&files->beside);
	r = upload_finish(&files->upload, files->session->config, is_complete == 1);
	if (r == -EPROTO)
		_exit(FILES_EXIT_HELD);
	beside_end_write(&files->beside, r == 0 && is_complete == 1);
	if (r == 0 && !is_guarded)
		unguarded_add(&files->unguarded, &files->home, &files->upload_path, is_hooked);
	if (r == 0 && is_hooked)
		stored_begin(&files->stored, &files->home, &files->upload_path, &files->beside);
	(void)quota_read(files->home.quota, false, &figures);	/* no limits, should it fail */
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

bool
files_answer_remove_directory(struct files *files)
{
	return request_answer_with(files, change_remove_directory);
}

bool
files_answer_remove_file(struct files *files)
{
	return request_answer_with(files, change_remove_file);
}

/* The answer to a request that is two paths. */
static bool
answer_with_two(struct files *files,
    int (*operation)(struct files *files, const struct home_path *from, const struct home_path *to))
{
	struct home_path from, to;
	int r;

	if (!request_path(files, &from) || !request_only_path(files, &to))
		return false;
	r = request_reachable(&from);
	if (r == 0)
		r = request_reachable(&to);
	if (r == 0)
		r = operation(files, &from, &to);
	request_reply(files, r);
	return true;
}

static int
rename_in(struct files *files, const struct home_path *from, const struct home_path *to)
{
	int r = change_rename(&files->home, from, to);

	if (r == 0)
		unguarded_renamed(&files->unguarded, from, to);
	return r;
}

bool
files_answer_rename(struct files *files)
{
	return answer_with_two(files, rename_in);
}

static int
copy_in(struct files *files, const struct home_path *from, const struct home_path *to)
{
	return copy_file(&files->home, from, to, &files->stop);
}

bool
files_answer_copy(struct files *files)
{
	return answer_with_two(files, copy_in);
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
	r = request_reachable(&path);
	if (r == 0)
		r = change_set_time(&files->home, &path, mtime_s, &kept_s);
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
	r = request_reachable(&path);
	if (r == 0)
		r = change_set_mode(&files->home, &path, mode);
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
	r = request_reachable(&path);
	if (r == 0)
		r = tree_remove(&files->home, &path, &files->stop);
	request_reply(files, r);
	return true;
}
