/* SPDX-License-Identifier: ISC */
/* Text of the type ASCII: the pieces in which bytes come and go make no difference. The first byte is the size of a piece. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/text_wire.h"

#include "common/banned.h"

#define SIZE_MAX_HERE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

/* Receive all in pieces. Returns the length. */
static size_t
receive_all(const uint8_t *data, size_t size, size_t piece, char *out)
{
	struct text_wire text = {.is_on = true};
	static char bytes[SIZE_MAX_HERE + 1];
	size_t used = 0;

	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		memcpy(bytes, data + at, n);
		n = text_wire_receive(&text, bytes, n);
		memcpy(out + used, bytes, n);
		used += n;
	}
	if (text.has_held)
		out[used++] = '\r';
	return used;
}

static size_t
send_all(const char *bytes, size_t size, size_t piece, char *out)
{
	struct text_wire text = {.is_on = true};
	size_t used = 0;

	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		used += text_wire_send(&text, bytes + at, n, out + used);
	}
	return used;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char whole[SIZE_MAX_HERE + 1], pieces[SIZE_MAX_HERE + 1], sent[2 * SIZE_MAX_HERE + 2],
	    sent_again[2 * SIZE_MAX_HERE + 2];
	size_t piece, len, sent_len;

	if (size < 2 || size > SIZE_MAX_HERE)
		return 0;
	piece = (size_t)data[0] + 1;
	len = receive_all(data + 1, size - 1, size, whole);
	must(len <= size - 1 && receive_all(data + 1, size - 1, piece, pieces) == len &&
	    memcmp(whole, pieces, len) == 0);
	sent_len = send_all(whole, len, len + 1, sent);
	must(sent_len >= len && send_all(whole, len, piece, sent_again) == sent_len &&
	    memcmp(sent, sent_again, sent_len) == 0);
	/* no line end goes without its CR */
	for (size_t i = 0; i < sent_len; i++)
		must(sent[i] != '\n' || (i > 0 && sent[i - 1] == '\r'));
	return 0;
}
