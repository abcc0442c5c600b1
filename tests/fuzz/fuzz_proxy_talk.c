/* SPDX-License-Identifier: ISC */
/* What a proxy says to the client. The first byte chooses the kind of proxy, the login and the size of the pieces. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/proxy_talk.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char user[] = "user", password[] = "password";
	struct proxy proxy = {.port = 1080};
	static struct proxy_talk talk;
	size_t piece, at = 1;
	int r;

	if (size == 0)
		return 0;
	proxy.kind = (enum proxy_kind)(data[0] % 3);
	proxy.user = (data[0] & 4) != 0 ? user : NULL;
	proxy.password = (data[0] & 8) != 0 ? password : NULL;
	piece = (data[0] & 16) != 0 ? 1 : size;
	r = proxy_talk_begin(&talk, &proxy, (data[0] & 32) != 0 ? "::1" : "host", 21);
	while (r == 0 && at < size) {
		size_t len = size - at < piece ? size - at : piece, used = 0;

		must(talk.out_len <= sizeof(talk.out));
		talk.out_len = 0;
		r = proxy_talk_feed(&talk, data + at, len, &used);
		must(used <= len && (r != 0 || used == len));
		must((r < 0) == (talk.why[0] != '\0'));
		at += used;
	}
	must(r <= 1 && memchr(talk.why, '\0', sizeof(talk.why)) != NULL);
	proxy_talk_end(&talk);
	return 0;
}
