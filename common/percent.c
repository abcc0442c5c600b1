/* SPDX-License-Identifier: ISC */
#include "common/percent.h"

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "common/character.h"

#include "common/banned.h"

ssize_t
percent_decode(const char *text, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int byte = (unsigned char)text[i];

		if (text[i] == '%') {
			int high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
			int low = len - i > 2 ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EINVAL;
			byte = high << 4 | low;
			i += 2;
		}
		if (byte == 0)
			return -EINVAL;
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		out[n++] = (char)byte;
	}
	if (size == 0)
		return -ENAMETOOLONG;
	out[n] = '\0';
	return (ssize_t)n;
}

void
percent_encode(struct buf *out, const char *bytes, size_t len, const char *also)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)bytes[i];

		if (byte <= ' ' || byte == 0x7f || byte == '%' || byte == '=' || strchr(also, bytes[i]) != NULL)
			buf_addf(out, "%%%02X", byte);
		else
			buf_add(out, bytes + i, 1);
	}
}
