/* SPDX-License-Identifier: ISC */
/* Names of a server in its character set, which the first byte chooses: they come back, and none of them is two. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/charset.h"
#include "common/buf.h"

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
	static const char *const sets[] = {
	    "ISO-8859-1", "CP1252", "CP932", "GB18030", "EUC-KR", "BIG5-HKSCS", "ISO-2022-JP", "UTF-8"};
	static struct charset *charsets[sizeof(sets) / sizeof(sets[0])];
	struct buf text, bytes;
	size_t set;
	int r;

	if (size == 0 || size > 4096)
		return 0;
	set = data[0] % (sizeof(sets) / sizeof(sets[0]));
	if (charsets[set] == NULL)
		charsets[set] = charset_new(sets[set], "UTF-8", &r);
	must(charsets[set] != NULL);
	buf_init(&text, 4 * size);
	buf_init(&bytes, 4 * size);
	must(charset_to_local(charsets[set], (const char *)data + 1, size - 1, &text) == 0);
	if (text.len > 0) {
		must(charset_to_wire(charsets[set], text.data, text.len, &bytes) == 0);
		must(bytes.len == size - 1 && memcmp(bytes.data, data + 1, size - 1) == 0);
	}
	/* any text as a name of this machine: it is one of the server's, or an error */
	buf_clear(&bytes);
	r = charset_to_wire(charsets[set], (const char *)data + 1, size - 1, &bytes);
	must(r == 0 || r == -EILSEQ || r == -ENOBUFS);
	buf_free(&text);
	buf_free(&bytes);
	return 0;
}
