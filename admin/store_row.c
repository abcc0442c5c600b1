/* SPDX-License-Identifier: ISC */
/* store check: what its tests are made of, and where they note what they found. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "admin/messages.h"
#include "admin/store.h"
#include "common/io.h"

#include "common/banned.h"

static const char *const verdict_words[] = {[STORE_HOLDS] = "holds", [STORE_WRONG] = "WRONG", [STORE_NOTE] = "note"};

void
store_note(struct store *store, enum store_verdict verdict, const char *what, const char *detail, const char *cure)
{
	json_array_append_new(store->rows,
	    json_pack("{s:s, s:s, s:s, s:s}", "verdict", verdict_words[verdict], "what", what, "detail",
		ctl_quote(detail), "cure", cure));
	store->is_wrong = store->is_wrong || verdict == STORE_WRONG;
}

void
store_test(struct store *store, int r, const char *what, const char *cure)
{
	store_note(store, r == 0 ? STORE_HOLDS : STORE_WRONG, what,
	    r == 0                ? ""
		: r == STORE_DONE ? "it was done all the same"
				  : strerror(-r),
	    r == 0 ? "" : cure);
}

int
store_refused(int r, int wanted)
{
	if (r >= 0)
		return STORE_DONE;
	return r == wanted ? 0 : r;
}

int
store_result(int result)
{
	return result < 0 ? -errno : 0;
}

DIR *
store_entries(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL)
		close_fd(&fd);
	return dir;
}

static int
make_with(int dir_fd, const char *name, const char *content, int flags)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = io_write_all(fd, content, strlen(content));
	if (r < 0)
		close_fd(&fd);
	return r < 0 ? r : fd;
}

int
store_make(int dir_fd, const char *name, const char *content)
{
	return make_with(dir_fd, name, content, O_EXCL);
}

int
store_put(int dir_fd, const char *name, const char *content)
{
	int fd = make_with(dir_fd, name, content, O_TRUNC);
	int r = fd < 0 ? fd : 0;

	close_fd(&fd);
	return r;
}
