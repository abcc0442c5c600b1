/* SPDX-License-Identifier: ISC */
/* A plain file, open for writing and held against every other session that wants to write it. */
#ifndef PRIVSEP_FILES_LOCKED_FILE_H
#define PRIVSEP_FILES_LOCKED_FILE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * Open an existing plain file for writing and lock it.
 *
 * name  in dir_fd; never followed.
 * st    filled on success.
 *
 * Returns 0; -EBUSY when another session holds it; -EISDIR, -ENOTSUP for what is no plain
 * file; -ENOENT; or another -errno. The lock ends with locked_file_close(). The descriptor does not wait: for one
 * that is written to, home_clear_nonblock() is the caller's.
 */
int locked_file_open(int dir_fd, const char *name, int *fd_out, struct stat *st);

/* The same just after a look that found a plain file of that name: it is not looked at again before it is opened. */
int locked_file_open_seen(int dir_fd, const char *name, int *fd_out, struct stat *st);

/* The same as locked_file_open() for a file that is to go, not to be written: one of somebody else's that may only be read is open for reading. */
int locked_file_hold(int dir_fd, const char *name, int *fd_out, struct stat *st);

/*
 * Make a new file, locked. -EBUSY when there is one; -ESTALE when another server holds it already, which removes what seems
 * to be left over; mode is exact. A session that took the name between
 * the two leaves a file without it: the caller finds out by locked_file_is_named(), or by a mark that is seen (handed.h).
 */
int locked_file_create(int dir_fd, const char *name, mode_t mode, int *fd_out);

/* Does the name lead to the file of fd? */
bool locked_file_is_named(int dir_fd, const char *name, int fd);

/*
 * Is fd, which was locked, still so, and does the name lead to its file? It asks the server, which may have given the lock
 * to another machine. st is filled when it is.
 */
bool locked_file_is_held(int dir_fd, const char *name, int fd, struct stat *st);

/* The same without a look at the name: another session may have renamed the file, or removed it. */
bool locked_file_is_still_locked(int fd, struct stat *st);

/* Unlock and close. The lock goes even where another process still holds the same open file. */
void locked_file_close(int *fd);

#endif
