/* SPDX-License-Identifier: ISC */
/* Descriptors: close, read and write loops, deadlines. */
#ifndef COMMON_IO_H
#define COMMON_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Close *fd if it is open (>= 0) and set it to -1. errno is kept. */
void close_fd(int *fd);

/*
 * Write all of len bytes to a blocking descriptor; EINTR is retried.
 * Returns 0 or -errno; on an error some of the bytes may have been written.
 */
int io_write_all(int fd, const void *bytes, size_t len);

/*
 * Read until len bytes have come or the end of the file.
 * Returns the number of bytes read (less than len only at the end) or -errno.
 */
ssize_t io_read_all(int fd, void *bytes, size_t len);

/*
 * Rename a new file within dir_fd to the name of the one that it replaces. That must be a regular file or a link,
 * which is then replaced itself; a device, a FIFO or a socket stays.
 *
 * Returns 0, -EEXIST for anything but a file or a link, -EISDIR, or the -errno of renameat(2).
 */
int io_rename_over(int dir_fd, const char *from, const char *to);

/* CLOCK_MONOTONIC in milliseconds; the unit of every deadline. */
uint64_t monotonic_ms(void);

/* The same from the coarse clock (a few ms behind, no hardware read). */
uint64_t monotonic_coarse_ms(void);

/*
 * The time until deadline_ms (monotonic_ms() units) as a poll(2) timeout: never negative, at most INT_MAX, rounded
 * up.
 */
int deadline_left_ms(uint64_t deadline_ms, uint64_t now_ms);

/*
 * Wait until fd is ready for events (POLLIN, POLLOUT) or deadline_ms passes.
 * Returns revents (> 0), 0 when the deadline passed, or -errno.
 */
int io_wait(int fd, short events, uint64_t deadline_ms);

#endif
