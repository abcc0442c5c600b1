/* SPDX-License-Identifier: ISC */
#include "client/ui/places.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ui/bookmarks.h"
#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

#define FILE_SIZE_MAX 1048576

static const char *
home(void)
{
	const char *directory = getenv("HOME");
	const struct passwd *entry;

	if (directory != NULL && directory[0] == '/')
		return directory;
	entry = getpwuid(geteuid());
	return entry == NULL || entry->pw_dir[0] != '/' ? NULL : entry->pw_dir;
}

bool
places_netrc(struct buf *path)
{
	const char *given = getenv("NETRC"), *directory = home();

	if (given != NULL && given[0] != '\0')
		(void)buf_add_text(path, given);
	else if (directory != NULL)
		(void)buf_addf(path, "%s/.netrc", directory);
	return path->len > 0 && path->error == 0;
}

/* The directory of an XDG variable, or its default in the home; without what follows. */
static bool
base_directory(struct buf *path, const char *variable, const char *in_home)
{
	const char *given = getenv(variable), *directory = home();

	if (given != NULL && given[0] == '/')
		(void)buf_add_text(path, given);
	else if (directory != NULL)
		(void)buf_addf(path, "%s/%s", directory, in_home);
	return path->len > 0 && path->error == 0;
}

/* Make the directories of path that are missing, all but its last component. */
static void
make_place_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
}

bool
places_history(struct buf *path)
{
	struct stat status;
	bool is_file;
	int fd;

	if (!base_directory(path, "XDG_STATE_HOME", ".local/state") || buf_add_text(path, "/sallyport/history") < 0)
		return false;
	make_place_directories(path->data);
	fd = open(path->data, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0)
		return false;
	/* a device or a FIFO in its place means that no history is wanted */
	is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
	if (is_file)
		(void)fchmod(fd, 0600);
	close_fd(&fd);
	return is_file;
}

bool
places_config(struct buf *path)
{
	return base_directory(path, "XDG_CONFIG_HOME", ".config") && buf_add_text(path, "/sallyport/config") == 0;
}

/* $XDG_CONFIG_HOME/sallyport/bookmarks (~/.config). */
static bool
places_bookmarks(struct buf *path)
{
	return base_directory(path, "XDG_CONFIG_HOME", ".config") && buf_add_text(path, "/sallyport/bookmarks") == 0;
}

int
places_read_bookmarks(struct buf *text)
{
	struct buf path;
	int fd = -1, r = 0;

	buf_init(&path, 4096);
	if (places_bookmarks(&path))
		fd = open(path.data, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && path.len > 0 && errno != ENOENT)
		r = -errno;
	while (fd >= 0) {
		char *room = buf_room(text, 4096);
		ssize_t n = room == NULL ? -EFBIG : io_read_all(fd, room, 4096);

		if (n < 0)
			r = (int)n;
		if (n <= 0)
			break;
		text->len += (size_t)n;
	}
	close_fd(&fd);
	buf_free(&path);
	return r;
}

int
places_write_bookmarks(const struct buf *text)
{
	struct buf path, fresh;
	struct stat status;
	char *real = NULL;
	int fd = -1, r = -ENOENT;

	buf_init(&path, 4096);
	buf_init(&fresh, 4096);
	if (!places_bookmarks(&path))
		goto out;
	make_place_directories(path.data);
	/* a link stays, and its target is replaced */
	real = realpath(path.data, NULL);
	if (real != NULL && stat(real, &status) == 0 && !S_ISREG(status.st_mode)) {
		r = -EINVAL;
		goto out;
	}
	if (buf_addf(&fresh, "%s.new", real != NULL ? real : path.data) < 0)
		goto out;
	fd = open(fresh.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0) {
		r = -errno;
		goto out;
	}
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		r = -EINVAL;
		goto out;
	}
	r = io_write_all(fd, text->len == 0 ? "" : text->data, text->len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && rename(fresh.data, real != NULL ? real : path.data) < 0)
		r = -errno;
out:
	close_fd(&fd);
	free(real);
	buf_free(&fresh);
	buf_free(&path);
	return r;
}

bool
places_expand_bookmark(const char *place, struct buf *out)
{
	struct buf text;
	bool is_one = false;

	if (!bookmark_name_is_good(place, strcspn(place, "/")))
		return false;
	buf_init(&text, FILE_SIZE_MAX);
	if (places_read_bookmarks(&text) == 0 && text.len > 0)
		is_one = bookmarks_expand(text.data, text.len, place, out);
	buf_free(&text);
	return is_one;
}
