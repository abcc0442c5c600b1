/* SPDX-License-Identifier: ISC */
#include "client/engine/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"

#include "common/banned.h"

/* A file with the second name is ours, because no other program uses such names. */
#define OWN_PART_SUFFIX ".sallyport.part"

static bool
has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

/* True when the open file is the one that its record describes. */
static bool
read_own_record(int dir_fd, const char *name, int fd, struct record *record)
{
	struct file_id id;

	return record_read(dir_fd, name, record) == 0 && file_identify(fd, &id) == 0 &&
	    file_is_same(&id, &record->file);
}

/* Errors of files that the client would not have made: a directory, a link, a FIFO, another user's file. */
static bool
is_others(int r)
{
	return r == -EACCES || r == -EISDIR || r == -EINVAL || r == -ELOOP || r == -ENXIO;
}

/* A file has the record's name, and is no record. */
static bool
is_others_record(int dir_fd, const char *name)
{
	struct record record;
	int r = record_read(dir_fd, name, &record);

	return r < 0 && r != -ENOENT;
}

/* Open the file with this name. Returns 0, 1 when it is another program's, or an error as local_open_part(). */
static int
open_part_named(struct part *part, const char *target, const char *suffix)
{
	bool is_ours = strcmp(suffix, OWN_PART_SUFFIX) == 0, is_new;
	struct stat status;

	local_beside(target, suffix, part->name);
	local_beside(part->name, RECORD_SUFFIX, part->record_name);
	if (!is_ours && is_others_record(part->dir_fd, part->record_name))
		return 1;
	part->fd = local_open_part(part->dir_fd, part->name, &status, &is_new);
	if (!is_ours && is_others(part->fd))
		return 1;
	if (part->fd < 0)
		return part->fd;
	part->length = (uint64_t)status.st_size;
	part->has_record = !is_new && read_own_record(part->dir_fd, part->record_name, part->fd, &part->record);
	if (part->has_record && part->record.whole >= 0 && part->length > (uint64_t)part->record.whole)
		part->length = (uint64_t)part->record.whole;
	if (is_new || part->has_record || is_ours)
		return 0;
	close_fd(&part->fd);
	return 1;
}

int
part_open(struct part *part, int dir_fd, const char *target)
{
	int r;

	memset(part, 0, sizeof(*part));
	part->dir_fd = dir_fd;
	part->fd = -1;
	r = open_part_named(part, target, PART_SUFFIX);
	part->is_beside_other = r == 1;
	if (r == 1)
		r = open_part_named(part, target, OWN_PART_SUFFIX);
	if (r < 0)
		part->fd = -1;
	return r;
}

int
part_record(struct part *part, const struct record *record)
{
	int r;

	part->record = *record;
	r = file_identify(part->fd, &part->record.file);
	if (r == 0)
		r = record_write(part->dir_fd, part->record_name, &part->record);
	part->has_record = r == 0;
	return r;
}

/* True when the part still has its name. Another transfer may have renamed its own part over it. */
static bool
part_is_there(const struct part *part)
{
	struct stat open, named;

	return fstat(part->fd, &open) == 0 && fstatat(part->dir_fd, part->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

int
part_rename(struct part *part, const char *target)
{
	int r;

	if (!part_is_there(part))
		return -ESTALE;
	r = io_rename_over(part->dir_fd, part->name, target);
	if (r < 0)
		return r;
	if (part->has_record)
		(void)unlinkat(part->dir_fd, part->record_name, 0);
	part->has_record = false;
	return 0;
}

void
part_remove(struct part *part)
{
	if (part->fd >= 0 && part_is_there(part))
		(void)unlinkat(part->dir_fd, part->name, 0);
	if (part->has_record)
		(void)unlinkat(part->dir_fd, part->record_name, 0);
	part->has_record = false;
}

void
part_close(struct part *part)
{
	close_fd(&part->fd);
}

bool
part_is_own(int dir_fd, const char *name)
{
	char record_name[LOCAL_NAME_SIZE];
	struct record record;
	bool is_own;
	int fd;

	if (has_suffix(name, RECORD_SUFFIX))
		return record_read(dir_fd, name, &record) == 0;
	if (!has_suffix(name, PART_SUFFIX))
		return false;
	if (has_suffix(name, OWN_PART_SUFFIX))
		return true;
	local_beside(name, RECORD_SUFFIX, record_name);
	fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	is_own = fd >= 0 && read_own_record(dir_fd, record_name, fd, &record);
	close_fd(&fd);
	return is_own;
}
