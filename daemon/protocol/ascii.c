/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/ascii.h"

#include <string.h>

#include "common/banned.h"

size_t
ascii_encode(const char *in, size_t len, char *out)
{
	const char *end = in + len;
	char *next = out;

	while (in < end) {
		const char *lf = memchr(in, '\n', (size_t)(end - in));
		size_t run = (size_t)((lf == NULL ? end : lf) - in);

		memcpy(next, in, run);
		next += run;
		in += run;
		if (lf != NULL) {
			*next++ = '\r';
			*next++ = '\n';
			in++;
		}
	}
	return (size_t)(next - out);
}

size_t
ascii_decode(const char *in, size_t len, bool *held, char *out)
{
	const char *end = in + len;
	char *next = out;

	if (len > 0 && *held) {
		if (*in != '\n')
			*next++ = '\r';
		*held = false;
	}
	while (in < end) {
		const char *cr = memchr(in, '\r', (size_t)(end - in));
		size_t run = (size_t)((cr == NULL ? end : cr) - in);

		memcpy(next, in, run);
		next += run;
		in += run;
		if (cr == NULL)
			break;
		in++;
		if (in == end)
			*held = true;
		else if (*in != '\n')
			*next++ = '\r';
	}
	return (size_t)(next - out);
}

size_t
ascii_decode_end(bool *held, char *out)
{
	bool was_held = *held;

	*held = false;
	if (!was_held)
		return 0;
	*out = '\r';
	return 1;
}
