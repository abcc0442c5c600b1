/* SPDX-License-Identifier: ISC */
/* The local side of a transfer: names within a directory, and the part that becomes the file. */
#ifndef CLIENT_ENGINE_LOCAL_H
#define CLIENT_ENGINE_LOCAL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define LOCAL_NAME_SIZE (NAME_MAX + 1)

/* One component that stays in its directory: not "", ".", "..", no '/'. Returns 0, -EINVAL, -ENAMETOOLONG. */
int local_check_name(const char *name);

/*
 * name with suffix. A name that is too long for it is cut between two characters, and gets a checksum of all of it, so that
 * two long names do not share what is beside them.
 */
void local_beside(const char *name, const char *suffix, char beside[LOCAL_NAME_SIZE]);

/*
 * Open a part for reading and writing, made when it is not there (*is_new); no link is followed, and nobody else's
 * transfer writes it (-EBUSY). Returns the descriptor, -EINVAL for what is no regular file, -errno.
 */
int local_open_part(int dir_fd, const char *name, struct stat *status, bool *is_new);

/* Open a file to be sent. Returns the descriptor, -EISDIR, -EINVAL for what is no regular file, -errno. */
int local_open_source(int dir_fd, const char *name, struct stat *status);

/* Copy length bytes from the beginning of a file to that of another. Returns 0, -ENODATA (it is shorter), -errno. */
int local_copy(int from_fd, int to_fd, uint64_t length);

/* Compare len bytes with those at offset of a file. Returns 0, -EBADMSG when they differ, -errno. */
int local_compare(int fd, uint64_t offset, const char *bytes, size_t len);

#endif
