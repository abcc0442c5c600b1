/* SPDX-License-Identifier: ISC */
/* One growing byte buffer with a ceiling from birth. */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;	/* NUL-terminated once anything was added; owned */
	size_t len;	/* without the NUL */
	size_t size;	/* allocated */
	size_t max;	/* len never passes it */
	int error;	/* the first error (-ENOBUFS, -ENOMEM), sticky */
};

/* An empty buffer that never holds more than max bytes. Allocates nothing yet. */
void buf_init(struct buf *buf, size_t max);

/* Wipe and free; the buffer is empty and usable again afterwards. */
void buf_free(struct buf *buf);

/* Forget the content and the error, keep the memory. */
void buf_clear(struct buf *buf);

/*
 * Append. Returns 0, -ENOBUFS past the ceiling, -ENOMEM. The error sticks, and after it nothing is added. So a chain
 * of calls is checked once at its end.
 */
int buf_add(struct buf *buf, const void *bytes, size_t len);
int buf_add_text(struct buf *buf, const char *text);
int buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_addv(struct buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Make room for len more bytes and return where they go, or NULL; then add to len. */
char *buf_room(struct buf *buf, size_t len);

/* Drop the first len bytes (len <= buf->len). */
void buf_consume(struct buf *buf, size_t len);

#endif
