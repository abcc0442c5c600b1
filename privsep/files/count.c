/* SPDX-License-Identifier: ISC */
#include "privsep/files/count.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/ledger.h"
#include "common/io.h"
#include "common/libc.h"
#include "privsep/files/directory.h"
#include "privsep/files/locked_file.h"

#include "common/banned.h"

#define DEAD_WAIT_MS 5000	/* a killed process needs a moment to be gone */
#define OWNER_READS (S_IRUSR | S_IXUSR)

struct counting {
	const struct count_uploads *uploads;
	struct count_figure figure;
};

static int count_directory(struct counting *counting, int dir_fd, const char *name, unsigned depth);

/* By insertion: they are few, and libc's qsort asks for the machine's memory first, which the walls do not allow. */
static void
sort(uint64_t *inodes, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint64_t inode = inodes[i];
		size_t at = i;

		for (; at > 0 && inodes[at - 1] > inode; at--)
			inodes[at] = inodes[at - 1];
		inodes[at] = inode;
	}
}

static int
compare_uploads(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool
has(const uint64_t *inodes, size_t count, uint64_t inode)
{
	return count > 0 && bsearch(&inode, inodes, count, sizeof(inode), compare_uploads) != NULL;
}

/* The last bytes of a session that was killed: its file's size is final when nobody holds it any more. */
static void
wait_for_dead(int dir_fd, const char *name, struct stat *st)
{
	uint64_t deadline = monotonic_ms() + DEAD_WAIT_MS;
	int fd = -1;

	while (locked_file_open(dir_fd, name, &fd, st) == -EBUSY && monotonic_ms() < deadline)
		poll(NULL, 0, 2);
	locked_file_close(&fd);
}

static void
count_file(struct counting *counting, int dir_fd, const char *name, struct stat *st)
{
	const struct count_uploads *uploads = counting->uploads;

	if (has(uploads->live, uploads->live_count, st->st_ino))
		return;
	if (has(uploads->dead, uploads->dead_count, st->st_ino))
		wait_for_dead(dir_fd, name, st);
	/* of sparse files a home can have more than a figure holds */
	counting->figure.bytes += (uint64_t)st->st_size;
	if (counting->figure.bytes > LEDGER_FIGURE_MAX)
		counting->figure.bytes = LEDGER_FIGURE_MAX;
}

/* A directory that its owner made unreadable must not hide anything. */
static int
count_closed(struct counting *counting, int dir_fd, const char *name, const struct stat *st, unsigned depth)
{
	mode_t mode = st->st_mode & 07777 & ~(mode_t)S_ISUID;
	int r;

	if (st->st_uid != geteuid() || (mode & OWNER_READS) == OWNER_READS)
		return 0;	/* somebody else's */
	if (fchmodat(dir_fd, name, mode | OWNER_READS, 0) < 0)
		return -errno;
	r = count_directory(counting, dir_fd, name, depth);
	if (fchmodat(dir_fd, name, mode, 0) < 0 && r == 0)
		r = -errno;
	return r == -EACCES ? 0 : r;
}

static int
count_subdirectory(struct counting *counting, int dir_fd, const char *name, const struct stat *st, unsigned depth)
{
	int r;

	if (depth == COUNT_DEPTH_MAX)
		return -E2BIG;
	if ((st->st_mode & OWNER_READS) != OWNER_READS)
		return count_closed(counting, dir_fd, name, st, depth);
	r = count_directory(counting, dir_fd, name, depth);
	return r == -EACCES ? count_closed(counting, dir_fd, name, st, depth) : r;
}

static int
count_entry(struct counting *counting, int dir_fd, const char *name, unsigned depth)
{
	struct stat st;
	int r = 0;

	if (is_dot_or_dotdot(name))
		return 0;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;	/* removed by somebody of this host */
	counting->figure.files++;
	if (S_ISDIR(st.st_mode))
		r = count_subdirectory(counting, dir_fd, name, &st, depth + 1);
	else if (S_ISREG(st.st_mode))
		count_file(counting, dir_fd, name, &st);
	return r == -ENOENT ? 0 : r;
}

static int
count_directory(struct counting *counting, int dir_fd, const char *name, unsigned depth)
{
	static struct directory levels[COUNT_DEPTH_MAX];	/* touched as deep as trees are */
	struct directory *level = &levels[depth];
	const struct dirent64 *entry;
	int r;

	r = directory_open_at(level, dir_fd, name);
	while (r == 0 && (r = directory_next(level, &entry)) == 0 && entry != NULL)
		r = count_entry(counting, level->fd, entry->d_name, depth);
	directory_close(level);
	return r;
}

int
count_home(int home_fd, struct count_uploads *uploads, struct count_figure *figure)
{
	struct counting counting = {.uploads = uploads};
	int r;

	sort(uploads->live, uploads->live_count);
	sort(uploads->dead, uploads->dead_count);
	r = count_directory(&counting, home_fd, ".", 0);
	*figure = counting.figure;
	return r;
}
