/* SPDX-License-Identifier: ISC */
/* Kinds of file systems: which are of this machine alone, and which another machine may write to at the same time. */
#ifndef COMMON_FILE_SYSTEM_H
#define COMMON_FILE_SYSTEM_H

#include <stdbool.h>
#include <sys/types.h>

enum file_system_kind {
	FILE_SYSTEM_LOCAL,	/* what this kernel knows of it is true */
	FILE_SYSTEM_SHARED,	/* others write to it, and the kernel keeps what it saw for a while; or a kind not known here */
	FILE_SYSTEM_FUSE,	/* the same, and a program decides what flags of renameat2(2) mean */
};

/*
 * Of the file system that fd (O_PATH as well) and device, its st_dev, are on. A file system on a block device is local and
 * costs no call. What cannot be asked counts as shared.
 */
enum file_system_kind file_system_kind_of(int fd, dev_t device);

/* Of f_type of statfs(2). Pure. */
enum file_system_kind file_system_kind_of_type(unsigned long type);

/*
 * May a file have a second name there, made by the file system (FAT: SALLYP~1)? The first: of the one that fd is on; a
 * file system that cannot be asked has none. What a file system of FUSE does, nobody can tell: it counts as none.
 */
bool file_system_has_short_names(int fd);
bool file_system_type_has_short_names(unsigned long type);

/* Its name as mount(8) has it, or "file system 0x..." in static text. Pure. */
const char *file_system_name_of_type(unsigned long type);

#endif
