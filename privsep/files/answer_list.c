/* SPDX-License-Identifier: ISC */
/* Answers about listings. */
#include "privsep/files/request.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/io.h"

#include "common/banned.h"

#define PIPE_SIZE (256 * 1024)

static int
open_list_pipe(struct files *files)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);	/* fewer wake-ups where the user's pipe budget allows it */
	files->reply_fd = ends[0];
	files->is_reply_fd_ours = true;
	files->list_fd = ends[1];
	return 0;
}

bool
files_answer_list(struct files *files)
{
	static struct list_request request;
	unsigned form = ipc_get_u8(&files->message);
	int r;

	request.flags = ipc_get_u8(&files->message);
	request.facts = ipc_get_u8(&files->message);
	request.shown_from = ipc_get_u32(&files->message);
	if (!request_only_path(files, &request.path) || form >= LIST_FORM_COUNT || !listing_shown_from_fits(&request))
		return false;
	request.form = (enum ipc_list_form)form;
	r = request_reachable(files, &request.path);
	if (r == 0)
		r = open_list_pipe(files);
	if (r == 0) {
		r = listing_open(&files->listing, &files->home, &request);
		if (r < 0) {
			close_fd(&files->list_fd);
			close_fd(&files->reply_fd);
		}
	}
	request_reply(files, r);
	return true;
}

void
files_write_listing(struct files *files)
{
	files->list_result = listing_write(&files->listing, &files->list_fd, &files->list_entries);
	files->is_list_due = true;
}

bool
files_answer_list_end(struct files *files)
{
	if (!ipc_end(&files->message) || !files->is_list_due)
		return false;
	files->is_list_due = false;
	request_reply(files, files->list_result);
	if (files->list_result == 0)
		ipc_put_u64(&files->message, files->list_entries);
	return true;
}
