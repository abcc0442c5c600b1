#include "privsep/files/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"
#include "privsep/files/locked_file.h"
#include "privsep/files/partial.h"
#include "privsep/files/upload_place.h"

#include "common/banned.h"

#define PARTIAL_MODE 0600	/* until it is whole; then the configured one */
#define UNIQUE_TRIES_MAX 1000
#define KEPT_MODE_BITS 0777	/* of an overwritten file; new content inherits no setuid */

void
upload_init(struct upload *upload)
{
	*upload = (struct upload){.fd = -1, .finished_fd = -1, .dir_fd = -1};
}

static void
upload_release(struct upload *upload)
{
	locked_file_close(&upload->fd);
	locked_file_close(&upload->finished_fd);
	close_fd(&upload->dir_fd);
	upload_init(upload);
}

/* Lock what lies there. The finished file first: whoever holds it holds the name. */
static int
lock_found(struct upload *upload, struct upload_found *found)
{
	struct stat st;
	int r;

	r = locked_file_open(upload->dir_fd, upload->name, &upload->finished_fd, &st);
	if (r == 0) {
		found->has_finished = true;
		found->finished_size = (uint64_t)st.st_size;
	} else if (r != -ENOENT) {
		return r;
	}
	if (!found->is_atomic)
		return 0;
	r = locked_file_open(upload->dir_fd, upload->partial, &upload->fd, &st);
	if (r == 0) {
		found->has_partial = true;
		found->partial_size = (uint64_t)st.st_size;
	}
	return r == -ENOENT ? 0 : r;
}

/* Let upload->fd be the file that the decision names, made where it is not there yet. */
static int
open_place(struct upload *upload, const struct config *config, const struct upload_place *place)
{
	upload->is_partial = place->is_partial;
	if (place->is_partial) {
		if (upload->fd >= 0)
			return 0;
		upload->is_fresh = true;
		return locked_file_create(upload->dir_fd, upload->partial, PARTIAL_MODE, &upload->fd);
	}
	locked_file_close(&upload->fd);	/* an empty partial, left by a crash */
	upload->fd = upload->finished_fd;
	upload->finished_fd = -1;
	if (upload->fd >= 0)
		return 0;
	upload->is_new = upload->is_fresh = true;
	return locked_file_create(upload->dir_fd, upload->name, config->file_mode, &upload->fd);
}

static int
position(const struct upload *upload, const struct upload_place *place)
{
	if (upload->is_fresh)
		return 0;	/* empty, and at its start */
	if (place->cuts && ftruncate(upload->fd, (off_t)place->start) < 0)
		return -errno;
	return lseek(upload->fd, (off_t)place->start, SEEK_SET) < 0 ? -errno : 0;
}

/* New content of a finished file is an overwriting, however it comes; all else makes a file, one's own partial too. */
static int
permit(struct upload *upload, unsigned rights, bool has_finished)
{
	if ((rights & MAY_OVERWRITE) == 0)
		upload->never_replaces = true;
	return (rights & (has_finished ? MAY_OVERWRITE : MAY_CREATE)) != 0 ? 0 : -EKEYREVOKED;
}

static int
begin_named(struct upload *upload, const struct files_session *session, enum ipc_store_mode mode, uint64_t offset,
    uint64_t *start)
{
	struct upload_found found = {.is_atomic = upload->is_atomic};
	struct upload_place place;
	int r;

	r = lock_found(upload, &found);
	if (r == 0)
		r = permit(upload, session->rights, found.has_finished);
	if (r == 0)
		r = upload_decide(mode, offset, &found, &place);
	if (r == 0)
		r = open_place(upload, session->config, &place);
	if (r == 0)
		r = position(upload, &place);
	if (r == 0)
		*start = place.start;
	return r;
}

/* Take one candidate name, if it is nobody's. -EEXIST: it is. */
static int
try_unique(struct upload *upload, const struct config *config)
{
	struct stat st;
	int r;

	if (fstatat(upload->dir_fd, upload->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if (errno != ENOENT)
		return -errno;
	upload->is_partial = upload->is_atomic;
	if (!upload->is_partial) {
		upload->is_new = true;
		r = locked_file_create(upload->dir_fd, upload->name, config->file_mode, &upload->fd);
		return r == -EBUSY ? -EEXIST : r;
	}
	r = partial_name_make(upload->name, upload->partial);
	if (r == 0)
		r = locked_file_create(upload->dir_fd, upload->partial, PARTIAL_MODE, &upload->fd);
	return r == -EBUSY ? -EEXIST : r;	/* a kept partial reserves its name, too */
}

/* NAME, NAME.1, NAME.2 and so on: the first that nothing and no partial bears. */
static int
begin_unique(struct upload *upload, const struct files_session *session)
{
	const struct config *config = session->config;
	char base[NAME_MAX + 1];
	int r;

	if ((session->rights & MAY_CREATE) == 0)
		return -EKEYREVOKED;
	memcpy(base, upload->name, sizeof(base));
	upload->never_replaces = true;
	r = try_unique(upload, config);
	for (int i = 1; r == -EEXIST && i < UNIQUE_TRIES_MAX; i++) {
		char name[NAME_MAX + 16];
		int len = snprintf(name, sizeof(name), "%s.%d", base, i);

		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(upload->name, name, (size_t)len + 1);
		r = try_unique(upload, config);
	}
	return r;
}

/* The directory and the name to write to. STOU follows no link: whatever bears the name, it is taken. */
static int
find_target(struct upload *upload, const struct home *home, const struct home_path *path, bool is_unique)
{
	const char *name;
	int r;

	if (!is_unique)
		return home_open_target(home, path, &upload->dir_fd, upload->name);
	if (path->len == 1)
		return -EISDIR;
	r = home_open_parent(home, path, &upload->dir_fd, &name);
	memcpy(upload->name, name, strlen(name) + 1);
	return r;
}

static int
begin(struct upload *upload, const struct home *home, const struct home_path *path, enum ipc_store_mode mode,
    uint64_t offset, uint64_t *start)
{
	const struct files_session *session = home->session;
	bool is_unique = mode == STORE_UNIQUE;
	int r;

	r = find_target(upload, home, path, is_unique);
	if (r < 0)
		goto out;
	r = -ENOENT;
	if (partial_name_is(upload->name, strlen(upload->name)))	/* where a link led to */
		goto out;
	r = -EINVAL;
	if (has_control(upload->name, strlen(upload->name)))
		goto out;
	r = partial_name_make(upload->name, upload->partial);
	if (r < 0)
		goto out;
	partial_sweep(upload->dir_fd, session->config->partial_keep_s);
	*start = 0;
	r = is_unique ? begin_unique(upload, session) : begin_named(upload, session, mode, offset, start);
out:
	if (r < 0)
		upload_release(upload);
	return r;
}

int
upload_begin(struct upload *upload, const struct home *home, const struct home_path *path, enum ipc_store_mode mode,
    uint64_t offset, uint64_t *start)
{
	upload_init(upload);
	upload->is_atomic = home->session->config->uploads == UPLOADS_ATOMIC;
	return begin(upload, home, path, mode, offset, start);
}

int
upload_begin_copy(struct upload *upload, const struct home *home, const struct home_path *path)
{
	uint64_t start;

	upload_init(upload);
	upload->is_atomic = true;
	upload->is_copy = true;
	return begin(upload, home, path, STORE_REPLACE, 0, &start);
}

/* What a rename did is safe when the directory is. Directories that cannot be read or synced are left to the kernel. */
static int
sync_directory(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return errno == EACCES ? 0 : -errno;
	if (fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	close_fd(&fd);
	return r;
}

/* An overwritten file keeps its mode; a new one gets the configured one. */
static int
settle_mode(const struct upload *upload, const struct config *config)
{
	mode_t mode = config->file_mode;
	struct stat st;

	if (fstatat(upload->dir_fd, upload->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		mode = st.st_mode & KEPT_MODE_BITS;
	return fchmod(upload->fd, mode) < 0 ? -errno : 0;
}

static int
rename_into_place(const struct upload *upload)
{
	unsigned flags = upload->never_replaces ? RENAME_NOREPLACE : 0;

	if (renameat2(upload->dir_fd, upload->partial, upload->dir_fd, upload->name, flags) == 0)
		return 0;
	/* a file system that knows no RENAME_NOREPLACE: the partial's lock reserves the name among sessions */
	if (flags != 0 && errno == EINVAL &&
	    renameat2(upload->dir_fd, upload->partial, upload->dir_fd, upload->name, 0) == 0)
		return 0;
	return -errno;
}

int
upload_sync(struct upload *upload, const struct config *config)
{
	int r = 0;

	if (upload->is_synced)
		return 0;
	if (upload->is_partial)
		r = settle_mode(upload, config);
	if (r == 0 && config->upload_sync && fsync(upload->fd) < 0) {
		r = -errno;
		upload->is_lost = true;
	}
	upload->is_synced = r == 0;
	return r;
}

static int
finish_whole(struct upload *upload, const struct config *config)
{
	int r = upload_sync(upload, config);

	if (r == 0 && upload->is_partial)
		r = rename_into_place(upload);
	if (r == 0 && config->upload_sync && (upload->is_partial || upload->is_new))
		r = sync_directory(upload->dir_fd);
	return r;
}

/* A partial is kept for a resume; one without a byte is of no use to anybody. */
static int
finish_broken(struct upload *upload)
{
	struct stat st;

	if (!upload->is_partial)
		return 0;
	if (fstat(upload->fd, &st) < 0)
		return -errno;
	if (st.st_size == 0 && unlinkat(upload->dir_fd, upload->partial, 0) < 0)
		return -errno;
	return 0;
}

int
upload_finish(struct upload *upload, const struct config *config, bool is_whole)
{
	int r = is_whole ? finish_whole(upload, config) : finish_broken(upload);

	if (upload->is_partial && (upload->is_lost || (upload->is_copy && (!is_whole || r < 0))))
		(void)unlinkat(upload->dir_fd, upload->partial, 0);
	upload_release(upload);
	return r;
}
