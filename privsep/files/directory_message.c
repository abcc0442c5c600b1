/* SPDX-License-Identifier: ISC */
#include "privsep/files/directory_message.h"

#include <errno.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"
#include "privsep/files/permitted.h"

#include "common/banned.h"

#define FILE_NAME ".message"

/*
 * Where nothing may be read, somebody else must have put it there: otherwise an upload could be read back, or what
 * others have uploaded, by another name or a link. The account's rights as they are without a brake: it may have fallen
 * after a rename.
 */
static int
open_message_of_others(const struct home *home, const struct home_path *file, int *fd_out)
{
	const struct files_session *session = home->session;
	struct stat st;
	int fd = -1;
	int r = home_lstat(home, file, &st);

	if (r < 0)
		return r;
	if ((zone_rights_somewhere(session) & MAY_RENAME) != 0 || !S_ISREG(st.st_mode))
		return -EKEYREVOKED;
	r = permitted_file(home, file, 0, &fd, &st);
	if (r == 0 && st.st_uid == session->uid) {
		close_fd(&fd);
		r = -EKEYREVOKED;
	}
	*fd_out = fd;
	return r;
}

static int
open_message(const struct home *home, const struct home_path *file, int *fd_out)
{
	const struct files_session *session = home->session;
	bool asks_zone = session->zones != NULL;
	struct stat st;
	int r = -EKEYREVOKED;

	if (asks_zone || (session->rights & MAY_READ) != 0)
		r = permitted_file(home, file, MAY_READ, fd_out, &st);
	return r == -EKEYREVOKED ? open_message_of_others(home, file, fd_out) : r;
}

int
directory_message_read(
    const struct home *home, const struct home_path *path, char text[DIRECTORY_MESSAGE_SIZE], size_t *len)
{
	struct buf out = {.data = text, .size = DIRECTORY_MESSAGE_SIZE, .max = DIRECTORY_MESSAGE_MAX};
	char raw[DIRECTORY_MESSAGE_MAX];
	struct home_path file = *path;
	ssize_t n = 0;
	int fd = -1;
	int r;

	r = home_enter(home, path);
	if (r < 0)
		return r;
	if (home_path_push(&file, FILE_NAME, sizeof(FILE_NAME) - 1) == 0 && open_message(home, &file, &fd) == 0)
		n = io_read_all(fd, raw, sizeof(raw));
	close_fd(&fd);
	if (n > 0)
		(void)escape_lines(&out, raw, (size_t)n);	/* borrowed memory with room for all */
	*len = out.len;
	return 0;
}
