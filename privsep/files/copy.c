/* SPDX-License-Identifier: ISC */
#include "privsep/files/copy.h"

#include <errno.h>
#include <unistd.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/files/permitted.h"
#include "privsep/files/upload.h"

#include "common/banned.h"

#define KERNEL_CHUNK (8 << 20)	/* between two checks for stop */
#define CHUNK (256 * 1024)

static size_t
at_most(uint64_t left, size_t chunk)
{
	return left < chunk ? (size_t)left : chunk;
}

/* One chunk inside the kernel, which may share blocks. The bytes copied, 0 at the end of the file, or -errno. */
static ssize_t
copy_in_kernel(int from_fd, int to_fd, uint64_t left)
{
	ssize_t n = copy_file_range(from_fd, NULL, to_fd, NULL, at_most(left, KERNEL_CHUNK), 0);

	return n < 0 ? -errno : n;
}

static ssize_t
copy_by_hand(int from_fd, int to_fd, uint64_t left)
{
	static char chunk[CHUNK] SELDOM_WRITTEN;
	ssize_t n = io_read_all(from_fd, chunk, at_most(left, sizeof(chunk)));
	int r;

	if (n <= 0)
		return n;
	r = io_write_all(to_fd, chunk, (size_t)n);
	return r < 0 ? r : n;
}

/* Errors that mean "not by this call, between these two". */
static bool
is_no_way(ssize_t r)
{
	return r == -EXDEV || r == -EINVAL || r == -EOPNOTSUPP || r == -ENOSYS;
}

/* Copy size bytes, or those that there are, from where both descriptors stand. */
static int
copy_content(int from_fd, int to_fd, uint64_t size, struct stop *stop)
{
	bool by_hand = false;
	int r = 0;

	while (r == 0 && size > 0) {
		ssize_t n = by_hand ? copy_by_hand(from_fd, to_fd, size) : copy_in_kernel(from_fd, to_fd, size);

		/* some file systems report an end where there is none */
		if (!by_hand && (n == 0 || is_no_way(n))) {
			by_hand = true;
			continue;
		}
		if (n == 0)
			return -EBUSY;	/* cut while it is read: there is no whole file to be had */
		if (n < 0 && n != -EINTR)
			return (int)n;
		if (n > 0)
			size -= (uint64_t)n;
		r = size > 0 ? stop_check(stop) : 0;
	}
	return r;
}

static bool
is_same_home_file(const struct home *home, const struct home_path *path, const struct stat *st)
{
	struct stat other;

	return home_stat(home, path, &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

int
copy_file(const struct home *from_tree, const struct home_path *from, const struct home *home,
    const struct home_path *to, struct stop *stop)
{
	struct upload upload;
	struct stat st;
	int from_fd = -1;
	int r;

	r = permitted_file(from_tree, from, MAY_READ, &from_fd, &st);
	if (r == 0 && is_same_home_file(home, to, &st))
		r = -EINVAL;
	if (r == 0)
		r = upload_begin_copy(&upload, home, to, (uint64_t)st.st_size);
	if (r < 0)
		goto out;
	r = copy_content(from_fd, upload.fd, (uint64_t)st.st_size, stop);
	stop_end(stop);	/* the end of an upload is a change that others wait for */
	if (r == 0)
		r = upload_finish(&upload, home->session->config, true);
	else
		(void)upload_finish(&upload, home->session->config, false);
out:
	close_fd(&from_fd);
	return r;
}
