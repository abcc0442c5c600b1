/* SPDX-License-Identifier: ISC */
#include "privsep/files/count.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/files/directory.h"
#include "privsep/files/locked_file.h"
#include "privsep/files/partial_name.h"

#include "common/banned.h"

#define DEAD_WAIT_MS 5000 /* a killed process needs a moment to be gone */
#define PROGRESS_EVERY 1024
#define OWNER_READS (S_IRUSR | S_IXUSR)

static int count_directory(struct count *count, int dir_fd, const char *name, unsigned depth);

uint64_t
count_key(dev_t home_device, const struct stat *st)
{
	uint64_t key = st->st_ino;

	if (st->st_dev != home_device)
		key ^= ((uint64_t)st->st_dev << 1 | 1) * 0x9e3779b97f4a7c15ULL;
	return key == 0 ? UINT64_MAX : key;
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

static uint64_t
size_of_file(int dir_fd, const char *name, struct stat *st, const struct count_seen *seen)
{
	if (!S_ISREG(st->st_mode))
		return 0;
	if (seen != NULL && seen->is_awaited)
		wait_for_dead(dir_fd, name, st);
	return (uint64_t)st->st_size;
}

/* A directory that its owner made unreadable must not hide anything. */
static int
count_closed(struct count *count, int dir_fd, const char *name, const struct stat *st, unsigned depth)
{
	mode_t mode = st->st_mode & 07777 & ~(mode_t)S_ISUID;
	int r;

	if (st->st_uid != geteuid() || (mode & OWNER_READS) == OWNER_READS)
		return 0; /* somebody else's */
	if (fchmodat(dir_fd, name, mode | OWNER_READS, 0) < 0)
		return -errno;
	r = count_directory(count, dir_fd, name, depth);
	if (fchmodat(dir_fd, name, mode, 0) < 0 && r == 0)
		r = -errno;
	return r == -EACCES ? 0 : r;
}

static int
count_subdirectory(struct count *count, int dir_fd, const char *name, const struct stat *st, unsigned depth)
{
	int r;

	if (depth == COUNT_DEPTH_MAX)
		return -E2BIG;
	if ((st->st_mode & OWNER_READS) != OWNER_READS)
		return count_closed(count, dir_fd, name, st, depth);
	r = count_directory(count, dir_fd, name, depth);
	return r == -EACCES ? count_closed(count, dir_fd, name, st, depth) : r;
}

static void
tell_progress(struct count *count)
{
	if (++count->met % PROGRESS_EVERY == 0 && count->progress != NULL)
		count->progress(count->arg, count->met);
}

/*
 * The name is gone, or another file has it now, which the journal tells. What another machine has removed is -ESTALE, and
 * in no journal: this count is in vain, and the next one does not meet it.
 */
static int
of_entry_gone(struct count *count, int r)
{
	if (r == -ESTALE)
		count->table.is_wrong = true;
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -ESTALE ? 0 : r;
}

/* was_walked: the directory's names were seen before, and only what lies below them may be new. */
static int
count_entry(struct count *count, int dir_fd, const struct dirent64 *entry, bool was_walked, unsigned depth)
{
	const char *name = entry->d_name;
	struct stat st;
	const struct count_seen *seen;
	uint64_t key;
	int r = 0;

	/* what is kept has a quota of its own */
	if (is_dot_or_dotdot(name) || (depth == 0 && strcmp(name, KEEP_DIRECTORY) == 0) ||
	    (was_walked && entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
		return 0;
	tell_progress(count);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return of_entry_gone(count, -errno);
	key = count_key(count->device, &st);
	/* an upload that goes on in a file of several names: which of them were seen cannot be told */
	if (S_ISREG(st.st_mode) && st.st_nlink > 1 && (seen = count_table_find(&count->table, key)) != NULL &&
	    seen->is_told)
		count->table.is_wrong = true;
	if (!was_walked)
		count_table_see(
		    &count->table, key, size_of_file(dir_fd, name, &st, count_table_find(&count->table, key)));
	if (S_ISDIR(st.st_mode))
		r = count_subdirectory(count, dir_fd, name, &st, depth + 1);
	return of_entry_gone(count, r);
}

/* The first walk meets a directory again only where it was moved; the next one looks what is below. */
static int
count_opened(struct count *count, struct directory *level, unsigned depth)
{
	const struct dirent64 *entry;
	const struct count_seen *seen;
	struct stat st;
	uint64_t key;
	bool was_walked;
	int r;

	/* of what was opened: the name may have led to another directory when it was looked at */
	if (fstat(level->fd, &st) < 0)
		return -errno;
	key = count_key(count->device, &st);
	seen = count_table_find(&count->table, key);
	was_walked = seen != NULL && seen->is_walked;
	if (was_walked && count->is_first_walk)
		return 0;
	if (!was_walked)
		count_table_walked(&count->table, key);
	while ((r = directory_next(level, &entry)) == 0 && entry != NULL) {
		r = count_entry(count, level->fd, entry, was_walked, depth);
		if (r < 0)
			break;
	}
	return r;
}

static int
count_directory(struct count *count, int dir_fd, const char *name, unsigned depth)
{
	static struct directory levels[COUNT_DEPTH_MAX] SELDOM_WRITTEN; /* touched as deep as trees are */
	struct directory *level = &levels[depth];
	int r = directory_open_at(level, dir_fd, name);

	if (r == 0)
		r = count_opened(count, level, depth);
	directory_close(level);
	return r;
}

int
count_init(struct count *count, int home_fd)
{
	struct stat st;

	*count = (struct count){.home_fd = home_fd, .is_first_walk = true};
	if (fstat(home_fd, &st) < 0)
		return -errno;
	count->device = st.st_dev;
	return count_table_init(&count->table);
}

int
count_walk(struct count *count)
{
	int r = count_directory(count, count->home_fd, ".", 0);

	count->is_first_walk = false;
	return r;
}

void
count_end(struct count *count)
{
	count_table_free(&count->table);
}
