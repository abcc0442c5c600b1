/* SPDX-License-Identifier: ISC */
#include "privsep/files/hash.h"

#include <errno.h>
#include <unistd.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/files/hash_cache.h"
#include "privsep/files/partial.h"
#include "privsep/files/permitted.h"

#include "common/banned.h"

#define CHUNK (256 * 1024)

/* The next bytes of [from, to), at least one, at most size. */
static ssize_t
read_chunk(int fd, char *chunk, size_t size, uint64_t from, uint64_t to)
{
	size_t wanted = to - from < size ? (size_t)(to - from) : size;
	ssize_t n;

	do
		n = pread(fd, chunk, wanted, (off_t)from);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 0 ? -EBUSY : n; /* it was cut while it was read: there is no hash */
}

static int
hash_range(int fd, enum ipc_hash algorithm, uint64_t from, uint64_t to, struct stop *stop, char text[DIGEST_TEXT_SIZE])
{
	static char chunk[CHUNK] SELDOM_WRITTEN;
	struct digest digest;
	int r = digest_begin(&digest, algorithm);

	while (r == 0 && from < to) {
		ssize_t n = read_chunk(fd, chunk, sizeof(chunk), from, to);

		if (n < 0)
			return (int)n;
		r = digest_add(&digest, chunk, (size_t)n);
		from += (uint64_t)n;
		if (r == 0 && from < to)
			r = stop_check(stop);
	}
	return r < 0 ? r : digest_end(&digest, text);
}

static bool
is_unchanged(int fd, const struct stat *before)
{
	struct stat after;

	return fstat(fd, &after) == 0 && after.st_size == before->st_size &&
	    after.st_mtim.tv_sec == before->st_mtim.tv_sec && after.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

/* The whole file: from the cache, or into it. */
static int
hash_whole(const struct home *home, int fd, const struct stat *st, enum ipc_hash algorithm, struct stop *stop,
    struct beside *beside, char text[DIGEST_TEXT_SIZE])
{
	uint64_t size = (uint64_t)st->st_size;
	int r;

	if (hash_cache_get(fd, st, algorithm, text))
		return 0;
	r = beside_hash(beside, fd, st, algorithm, size, stop, text);
	if (r == -ESTALE)
		r = hash_range(fd, algorithm, 0, size, stop, text);
	if (r == 0 && (zone_rights_somewhere(home->session) & MAY_CHANGE) != 0 && is_unchanged(fd, st))
		hash_cache_put(fd, st, algorithm, text);
	return r;
}

/* The beginning of a file, from which a transfer may go on: what is read here is not read again then. */
static int
hash_part(int fd, const struct stat *st, enum ipc_hash algorithm, uint64_t to, bool is_partial, struct stop *stop,
    struct beside *beside, char text[DIGEST_TEXT_SIZE])
{
	int r = beside_hash(beside, fd, st, algorithm, to, stop, text);

	if (r == -ESTALE && beside_begin_part(beside, st, algorithm, is_partial))
		r = beside_hash(beside, fd, st, algorithm, to, stop, text);
	return r == -ESTALE ? hash_range(fd, algorithm, 0, to, stop, text) : r;
}

int
hash_file(const struct home *home, const struct home_path *path, enum ipc_hash algorithm, uint64_t from, uint64_t *to,
    struct stop *stop, struct beside *beside, char text[DIGEST_TEXT_SIZE])
{
	struct stat st;
	bool is_partial;
	uint64_t size;
	int fd = -1;
	int r;

	r = permitted_file(home, path, MAY_READ, &fd, &st);
	is_partial = r == -ENOENT && files_is_atomic(home->session);
	if (is_partial)
		r = partial_open(home, path, &fd, &st);
	if (r < 0)
		return r;
	size = (uint64_t)st.st_size;
	if (*to == UINT64_MAX)
		*to = size;
	if (from > *to || *to > size)
		r = -ERANGE;
	else if (from == 0 && *to == size && !is_partial)
		r = hash_whole(home, fd, &st, algorithm, stop, beside, text);
	else if (from == 0)
		r = hash_part(fd, &st, algorithm, *to, is_partial, stop, beside, text);
	else
		r = hash_range(fd, algorithm, from, *to, stop, text);
	close_fd(&fd);
	return r;
}
