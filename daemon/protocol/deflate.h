/* SPDX-License-Identifier: ISC */
/*
 * MODE Z: a data connection of zlib's format (RFC 1950), by draft-preston-ftpext-deflate-04. The process without
 * files or network rights inflates what a client sends.
 */
#ifndef DAEMON_PROTOCOL_DEFLATE_H
#define DAEMON_PROTOCOL_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One direction of one transfer at a time. Begin; then calls; then deflate_close(), on every path. 0 or -ENOMEM. */
int deflate_begin_sending(int level);
int deflate_begin_receiving(uint64_t most_bytes);
void deflate_close(void);

/* Hand input over; then call deflate_next() or inflate_next() until it gives 0. */
void deflate_input(const void *bytes, size_t len);

/* Compressed bytes into out. is_last: no more input comes; then 0 means all is out. Returns their number or -EIO. */
long deflate_next(void *out, size_t size, bool is_last);

/*
 * Plain bytes into out. Returns their number; 0 when more input is needed (or the end was reached); -EPROTO for
 * another format than zlib's, or bytes after its end; -EFBIG past most_bytes.
 */
long inflate_next(void *out, size_t size);

/* Has the stream's own end come? */
bool inflate_is_complete(void);

#endif
