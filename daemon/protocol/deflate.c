/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/deflate.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "common/banned.h"

static struct {
	z_stream stream;
	enum { CLOSED, SENDING, RECEIVING } state;
	bool is_complete;
	uint64_t left;	/* bytes that may still come out of a reception */
} state;

int
deflate_begin_sending(int level)
{
	memset(&state, 0, sizeof(state));
	if (deflateInit(&state.stream, level) != Z_OK)
		return -ENOMEM;
	state.state = SENDING;
	return 0;
}

int
deflate_begin_receiving(uint64_t most_bytes)
{
	memset(&state, 0, sizeof(state));
	if (inflateInit(&state.stream) != Z_OK)
		return -ENOMEM;
	state.left = most_bytes;
	state.state = RECEIVING;
	return 0;
}

void
deflate_close(void)
{
	if (state.state == SENDING)
		deflateEnd(&state.stream);
	else if (state.state == RECEIVING)
		inflateEnd(&state.stream);
	state.state = CLOSED;
}

void
deflate_input(const void *bytes, size_t len)
{
	state.stream.next_in = (Bytef *)(uintptr_t)bytes;
	state.stream.avail_in = (uInt)len;
}

long
deflate_next(void *out, size_t size, bool is_last)
{
	int r;

	if (state.is_complete)
		return 0;
	state.stream.next_out = out;
	state.stream.avail_out = (uInt)size;
	r = deflate(&state.stream, is_last ? Z_FINISH : Z_NO_FLUSH);
	if (r == Z_STREAM_END)
		state.is_complete = true;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return -EIO;
	return (long)(size - state.stream.avail_out);
}

long
inflate_next(void *out, size_t size)
{
	long made;
	int r;

	if (state.is_complete)
		return state.stream.avail_in > 0 ? -EPROTO : 0;
	state.stream.next_out = out;
	state.stream.avail_out = (uInt)size;
	r = inflate(&state.stream, Z_NO_FLUSH);
	if (r == Z_STREAM_END)
		state.is_complete = true;
	else if (r == Z_MEM_ERROR)
		return -ENOMEM;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return -EPROTO;
	made = (long)(size - state.stream.avail_out);
	if ((uint64_t)made > state.left)
		return -EFBIG;
	state.left -= (uint64_t)made;
	return made;
}

bool
inflate_is_complete(void)
{
	return state.is_complete;
}
