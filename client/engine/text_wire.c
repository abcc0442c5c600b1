/* SPDX-License-Identifier: ISC */
#include "client/engine/text_wire.h"

#include <string.h>

#include "common/banned.h"

size_t
text_wire_receive(struct text_wire *text, char *bytes, size_t len)
{
	size_t out = 0;

	if (len == 0)
		return 0;
	if (text->has_held) {
		memmove(bytes + 1, bytes, len++);
		bytes[0] = '\r';
	}
	text->has_held = bytes[len - 1] == '\r';
	len -= text->has_held ? 1 : 0;
	for (size_t i = 0; i < len; i++) {
		bool is_end = bytes[i] == '\r' && i + 1 < len && bytes[i + 1] == '\n';

		if (!is_end)
			bytes[out++] = bytes[i];
	}
	return out;
}

size_t
text_wire_send(struct text_wire *text, const char *bytes, size_t len, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n' && !text->was_cr)
			out[used++] = '\r';
		out[used++] = bytes[i];
		text->was_cr = bytes[i] == '\r';
	}
	return used;
}
