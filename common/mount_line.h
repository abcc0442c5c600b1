/* SPDX-License-Identifier: ISC */
/* How a file system is mounted, of /proc/self/mountinfo, and what that means for homes that other machines write to. */
#ifndef COMMON_MOUNT_LINE_H
#define COMMON_MOUNT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MOUNT_TYPE_SIZE 32
#define MOUNT_TEXT_SIZE 512
#define MOUNT_ADVICE_MAX 4
#define MOUNT_TABLE_MAX 4096 /* lines; what is beyond is left out */

struct mount_line {
	dev_t device;
	char point[MOUNT_TEXT_SIZE]; /* where it is mounted; "" where that does not fit */
	char type[MOUNT_TYPE_SIZE]; /* "nfs4", "fuse.glusterfs" */
	char source[MOUNT_TEXT_SIZE];
	char options[MOUNT_TEXT_SIZE]; /* those of the file system; cut where there are more */
};

/* Parse one line (proc(5), mountinfo), of len bytes. 0 or -EINVAL. Pure. */
int mount_line_parse(const char *line, size_t len, struct mount_line *mount);

/* /proc/self/mountinfo, as it is now. */
struct mount_table {
	struct mount_line *lines;
	size_t count;
};

/* Read it. 0 or -errno; mount_table_free() in any case. */
int mount_table_read(struct mount_table *table);

void mount_table_free(struct mount_table *table);

/* The mount of a device, the last of several; or that of an absolute path, by its text alone. NULL: none. */
const struct mount_line *mount_of_device(const struct mount_table *table, dev_t device);
const struct mount_line *mount_of_path(const struct mount_table *table, const char *path);

/* Is there an option like "lookupcache", with that value unless it is NULL? Pure. */
bool mount_has_option(const struct mount_line *mount, const char *name, const char *value);

struct mount_advice {
	const char *text; /* static: what is wrong, and the cure */
	bool is_doubt; /* its options do not show whether it is wrong: 'sallyportctl store check --peer' finds out */
};

/* What is wrong with it for homes on shared storage, at most MOUNT_ADVICE_MAX. Returns how many. Pure. */
size_t mount_advise(const struct mount_line *mount, struct mount_advice advice[MOUNT_ADVICE_MAX]);

#endif
