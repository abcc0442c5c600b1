#include "privsep/files/directory_message.h"

#include <string.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define FILE_NAME ".message"

/* Make the lines of raw fit to be shown; they never grow. */
static size_t
clean_lines(const char *raw, size_t raw_len, char text[DIRECTORY_MESSAGE_SIZE])
{
	struct buf out = {.data = text, .size = DIRECTORY_MESSAGE_SIZE, .max = DIRECTORY_MESSAGE_MAX};

	while (raw_len > 0) {
		const char *newline = memchr(raw, '\n', raw_len);
		size_t taken = newline == NULL ? raw_len : (size_t)(newline - raw) + 1;
		size_t shown = newline == NULL ? taken : taken - 1;

		if (newline != NULL && shown > 0 && raw[shown - 1] == '\r')
			shown--;
		escape_bytes(&out, ESCAPE_REPLY, raw, shown);
		if (newline != NULL)
			buf_add(&out, "\n", 1);
		raw += taken;
		raw_len -= taken;
	}
	return out.len;
}

int
directory_message_read(const struct home *home, const struct home_path *path, char text[DIRECTORY_MESSAGE_SIZE],
    size_t *len)
{
	char raw[DIRECTORY_MESSAGE_MAX];
	struct home_path file = *path;
	struct stat st;
	ssize_t n = 0;
	int fd = -1;
	int r;

	*len = 0;
	r = home_enter(home, path);
	if (r < 0)
		return r;
	if (home_path_push(&file, FILE_NAME, sizeof(FILE_NAME) - 1) == 0 &&
	    home_open_file(home, &file, &fd, &st) == 0)
		n = io_read_all(fd, raw, sizeof(raw));
	close_fd(&fd);
	if (n > 0)
		*len = clean_lines(raw, (size_t)n, text);
	return 0;
}
