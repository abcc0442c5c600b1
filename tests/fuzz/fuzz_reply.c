/* SPDX-License-Identifier: ISC */
/* Replies of a hostile server, in one piece and byte by byte: the results are the same. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/reply.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

/* The next reply from pieces of this size; *at moves past it. */
static int
next_reply(struct reply *reply, const char *bytes, size_t len, size_t piece, size_t *at)
{
	int r = 0;

	while (r == 0 && *at < len) {
		size_t n = len - *at < piece ? len - *at : piece, used = 0;

		r = reply_feed(reply, bytes + *at, n, &used);
		must(used <= n && (r != 0 || used == n));
		*at += used;
	}
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	size_t at_one = 0, at_two = 0;
	struct reply one, two;
	int r = 1;

	reply_init(&one);
	reply_init(&two);
	while (r == 1) {
		r = next_reply(&one, bytes, size, size, &at_one);
		must(next_reply(&two, bytes, size, 1, &at_two) == r);
		must(r == 1 || r == 0 || r == -EBADMSG || r == -EMSGSIZE);
		if (r == 1) {
			must(at_one == at_two && one.code == two.code && one.code >= 100 && one.code <= 599);
			must(one.text.len == two.text.len && memcmp(one.text.data, two.text.data, one.text.len) == 0);
			must(strlen(one.text.data) == one.text.len);
			must(strchr(reply_message(&one), '\n') == NULL);
		}
	}
	reply_free(&one);
	reply_free(&two);
	return 0;
}
