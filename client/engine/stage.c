/* SPDX-License-Identifier: ISC */
#include "client/engine/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "client/engine/local.h"
#include "common/io.h"

#include "common/banned.h"

#define DIGITS 8 /* of a temporary name: NAME.0123abcd.part */
#define SUFFIX_LEN (1 + DIGITS + 5)
#define KEEP_S (30 * 86400) /* an older record is of an upload that no run will continue */

/* --- records --- */

static int
directory_of_records(char *path, size_t size)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int len;

	if (state != NULL && *state == '/')
		len = snprintf(path, size, "%s/sallyport/uploads", state);
	else if (home != NULL && *home == '/')
		len = snprintf(path, size, "%s/.local/state/sallyport/uploads", home);
	else
		return -ENOENT;
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

/* Returns the descriptor or -errno. */
static int
open_records(bool makes)
{
	char path[PATH_MAX];
	int r = directory_of_records(path, sizeof(path)), fd;

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || !makes)
		return fd >= 0 ? fd : -errno;
	for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		if (slash == NULL)
			break;
		*slash = '/';
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

/* The record of a target: the hash of its URL, so that a hostile name is no path here. */
static int
name_record(const char *url, char name[STAGE_RECORD_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (EVP_Digest(url, strlen(url), digest, &len, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	for (unsigned int i = 0; i < (STAGE_RECORD_SIZE - 1) / 2; i++)
		snprintf(name + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* True when another process works on the record's upload. Its record is locked then. */
static bool
is_busy(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool is_locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	close_fd(&fd);
	return is_locked;
}

/* --- names --- */

static const char *
last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Is path a temporary name for the target remote? The record says so, but a record is only data. */
static bool
is_temporary_for(const char *path, const char *remote)
{
	const char *name = last_component(path);
	size_t dir_len = (size_t)(last_component(remote) - remote), len = strlen(name);

	return (size_t)(name - path) == dir_len && memcmp(path, remote, dir_len) == 0 && len > SUFFIX_LEN &&
	    name[len - SUFFIX_LEN] == '.' && strspn(name + len - SUFFIX_LEN + 1, "0123456789abcdef") == DIGITS &&
	    strcmp(name + len - 5, ".part") == 0 && strpbrk(path, "\r\n") == NULL;
}

/* A free name: NAME.0123abcd.part beside the target. */
static int
make_stage_name(struct stage *stage, const char *remote)
{
	const char *name = last_component(remote);
	char suffix[SUFFIX_LEN + 1], beside[LOCAL_NAME_SIZE];
	uint32_t number;
	int len;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -errno;
	snprintf(suffix, sizeof(suffix), ".%08x.part", number);
	local_beside(name, suffix, beside);
	len = snprintf(stage->path, sizeof(stage->path), "%.*s%s", (int)(name - remote), remote, beside);
	return len < 0 || (size_t)len >= sizeof(stage->path) ? -ENAMETOOLONG : 0;
}

/* --- stages --- */

int
stage_in_place(struct stage *stage, const char *remote)
{
	memset(stage, 0, sizeof(*stage));
	stage->dir_fd = stage->lock_fd = -1;
	return snprintf(stage->path, sizeof(stage->path), "%s", remote) >= (int)sizeof(stage->path) ? -ENAMETOOLONG : 0;
}

static int
describe_source(struct stage *stage, const struct ftp *ftp, const char *remote, int source_fd)
{
	struct record *record = &stage->record;
	struct stat status;

	memset(record, 0, sizeof(*record));
	if (session_url(ftp, remote, record->url, sizeof(record->url)) < 0)
		return -ENAMETOOLONG;
	if (fstat(source_fd, &status) < 0)
		return -errno;
	record->size = status.st_size;
	record->mtime = status.st_mtim.tv_sec;
	record->mtime_ns = (uint32_t)status.st_mtim.tv_nsec;
	record->whole = -1;
	return file_identify(source_fd, &record->file);
}

static bool
is_same_source(const struct record *left, const struct record *right)
{
	return strcmp(left->url, right->url) == 0 && left->size == right->size && left->mtime == right->mtime &&
	    left->mtime_ns == right->mtime_ns && file_is_same(&left->file, &right->file);
}

int
stage_temporary(struct stage *stage, const struct ftp *ftp, const char *remote, int source_fd)
{
	struct record old;
	int r;

	memset(stage, 0, sizeof(*stage));
	stage->lock_fd = -1;
	stage->is_temporary = true;
	stage->dir_fd = open_records(true);
	r = describe_source(stage, ftp, remote, source_fd);
	if (r == 0)
		r = name_record(stage->record.url, stage->record_name);
	if (r < 0)
		return r;
	if (stage->dir_fd >= 0 && is_busy(stage->dir_fd, stage->record_name)) {
		close_fd(&stage->dir_fd);
	} else if (stage->dir_fd >= 0 && record_read(stage->dir_fd, stage->record_name, &old) == 0 &&
	    strcmp(old.url, stage->record.url) == 0 && is_temporary_for(old.name, remote)) {
		stage->has_record = true;
		stage->is_known = is_same_source(&old, &stage->record);
		memcpy(stage->path, old.name, sizeof(stage->path));
		return 0;
	}
	return make_stage_name(stage, remote);
}

int
stage_keep(struct stage *stage)
{
	int r;

	if (!stage->is_temporary || stage->dir_fd < 0)
		return stage->is_temporary ? -ENOENT : 0;
	memcpy(stage->record.name, stage->path, sizeof(stage->record.name));
	r = record_write(stage->dir_fd, stage->record_name, &stage->record);
	if (r < 0)
		return r;
	close_fd(&stage->lock_fd);
	stage->lock_fd = openat(stage->dir_fd, stage->record_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (stage->lock_fd >= 0)
		(void)flock(stage->lock_fd, LOCK_EX | LOCK_NB);
	return 0;
}

void
stage_forget(struct stage *stage)
{
	if (stage->lock_fd >= 0 || stage->has_record)
		(void)unlinkat(stage->dir_fd, stage->record_name, 0);
	stage->has_record = false;
	close_fd(&stage->lock_fd);
}

void
stage_close(struct stage *stage)
{
	close_fd(&stage->lock_fd);
	close_fd(&stage->dir_fd);
}

/* True while the record counts. A record that is too old does not, so that some run removes its temporary file. */
static bool
is_kept(int dir_fd, const char *name, const char *path)
{
	struct record record;
	struct stat status;

	return fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    status.st_mtim.tv_sec > time(NULL) - KEEP_S && record_read(dir_fd, name, &record) == 0 &&
	    strcmp(record.name, path) == 0;
}

bool
stage_is_own(const struct ftp *ftp, const char *path)
{
	char target[RECORD_TEXT_SIZE], url[RECORD_TEXT_SIZE], name[STAGE_RECORD_SIZE];
	size_t len = strlen(path);
	bool is_own;
	int fd;

	if (len <= SUFFIX_LEN || len >= sizeof(target))
		return false;
	snprintf(target, sizeof(target), "%.*s", (int)(len - SUFFIX_LEN), path);
	if (!is_temporary_for(path, target) || session_url(ftp, target, url, sizeof(url)) < 0 ||
	    name_record(url, name) < 0)
		return false;
	fd = open_records(false);
	is_own = fd >= 0 && is_kept(fd, name, path);
	close_fd(&fd);
	return is_own;
}
