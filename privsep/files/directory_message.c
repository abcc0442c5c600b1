/* SPDX-License-Identifier: ISC */
#include "privsep/files/directory_message.h"

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define FILE_NAME ".message"

int
directory_message_read(
    const struct home *home, const struct home_path *path, char text[DIRECTORY_MESSAGE_SIZE], size_t *len)
{
	struct buf out = {.data = text, .size = DIRECTORY_MESSAGE_SIZE, .max = DIRECTORY_MESSAGE_MAX};
	char raw[DIRECTORY_MESSAGE_MAX];
	struct home_path file = *path;
	struct stat st;
	ssize_t n = 0;
	int fd = -1;
	int r;

	r = home_enter(home, path);
	if (r < 0)
		return r;
	if (home_path_push(&file, FILE_NAME, sizeof(FILE_NAME) - 1) == 0 && home_open_file(home, &file, &fd, &st) == 0)
		n = io_read_all(fd, raw, sizeof(raw));
	close_fd(&fd);
	if (n > 0)
		(void)escape_lines(&out, raw, (size_t)n);	/* borrowed memory with room for all */
	*len = out.len;
	return 0;
}
