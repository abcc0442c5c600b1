/* Answers to requests that change the home. */
#include "privsep/files/request.h"

#include "privsep/files/change.h"

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
	ipc_put_u64(&files->message, start);
	ipc_put_text(&files->message, mode == STORE_UNIQUE ? files->upload.name : home_path_name(&path));
	files->reply_fd = files->upload.fd;
	files->is_reply_fd_ours = false;
	return true;
}

bool
files_answer_finish_write(struct files *files)
{
	unsigned is_complete = ipc_get_u8(&files->message);

	if (!ipc_end(&files->message) || is_complete > 1 || files->upload.fd < 0)
		return false;
	request_reply(files, upload_finish(&files->upload, files->session->config, is_complete == 1));
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

bool
files_answer_rename(struct files *files)
{
	struct home_path from, to;
	int r;

	if (!request_path(files, &from) || !request_only_path(files, &to))
		return false;
	r = request_reachable(&from);
	if (r == 0)
		r = request_reachable(&to);
	if (r == 0)
		r = change_rename(&files->home, &from, &to);
	request_reply(files, r);
	return true;
}
