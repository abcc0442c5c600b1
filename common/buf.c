/* SPDX-License-Identifier: ISC */
#include "common/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"

void
buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max};
}

void
buf_free(struct buf *buf)
{
	if (buf->data != NULL)
		explicit_bzero(buf->data, buf->size);
	free(buf->data);
	buf_init(buf, buf->max);
}

void
buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->error = 0;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

char *
buf_room(struct buf *buf, size_t len)
{
	size_t need, size;
	char *data;

	if (buf->error != 0)
		return NULL;
	if (len > buf->max || buf->len > buf->max - len) {
		buf->error = -ENOBUFS;
		return NULL;
	}
	need = buf->len + len + 1;
	if (need <= buf->size)
		return buf->data + buf->len;
	size = buf->size < 128 ? 128 : buf->size;
	while (size < need)
		size *= 2;
	if (size > buf->max + 1)
		size = buf->max + 1;
	data = realloc(buf->data, size);
	if (data == NULL) {
		buf->error = -ENOMEM;
		return NULL;
	}
	buf->data = data;
	buf->size = size;
	return data + buf->len;
}

int
buf_add(struct buf *buf, const void *bytes, size_t len)
{
	char *room = buf_room(buf, len);

	if (room == NULL)
		return buf->error;
	if (len > 0)
		memcpy(room, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int
buf_add_text(struct buf *buf, const char *text)
{
	return buf_add(buf, text, strlen(text));
}

int
buf_addv(struct buf *buf, const char *format, va_list args)
{
	size_t have = buf->error != 0 || buf->data == NULL ? 0 : buf->size - buf->len;
	va_list again;
	char *room;
	int len;

	va_copy(again, args);
	/* most often there is room already, and once is enough */
	len = vsnprintf(have == 0 ? NULL : buf->data + buf->len, have, format, args);
	room = len < 0 ? NULL : buf_room(buf, (size_t)len);
	if (room != NULL) {
		if ((size_t)len >= have)
			vsnprintf(room, (size_t)len + 1, format, again);
		buf->len += (size_t)len;
	} else if (have > 0) {
		buf->data[buf->len] = '\0';
	}
	va_end(again);
	return room == NULL ? (buf->error != 0 ? buf->error : -EINVAL) : 0;
}

int
buf_addf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = buf_addv(buf, format, args);
	va_end(args);
	return r;
}

void
buf_consume(struct buf *buf, size_t len)
{
	if (len == 0)
		return;
	memmove(buf->data, buf->data + len, buf->len - len);
	buf->len -= len;
	buf->data[buf->len] = '\0';
}
