/* SPDX-License-Identifier: ISC */
#include "admin/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/messages.h"
#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

int
whole_file_read(const char *path, struct buf *text)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t got = 0;
	int r = fd < 0 ? -errno : 0;

	while (r == 0) {
		char *room = buf_room(text, 1 << 16);

		got = room == NULL ? text->error : io_read_all(fd, room, 1 << 16);
		if (got <= 0)
			break;
		text->len += (size_t)got;
	}
	close_fd(&fd);
	if (r == 0 && got < 0)
		r = (int)got;
	if (r < 0)
		ctl_error("cannot read '%s': %s", ctl_quote(path), strerror(-r));
	return r;
}

int
whole_file_read_shadow(const char *path, struct buf *text)
{
	const char *slash = strrchr(path, '/');
	char shadow[PATH_MAX];
	int len = snprintf(shadow, sizeof(shadow), "%.*sshadow", slash == NULL ? 0 : (int)(slash + 1 - path), path);

	if (len < 0 || (size_t)len >= sizeof(shadow) || access(shadow, F_OK) < 0)
		return 0;
	return whole_file_read(shadow, text);
}
