/* SPDX-License-Identifier: ISC */
/* Bytes from a server as text for a terminal: no output moves a cursor, and it keeps the columns. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/bar.h"
#include "client/ui/term_text.h"
#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

#define LENGTH_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(int is_true)
{
	if (!is_true)
		abort();
}

static void
check_plain(const struct buf *out)
{
	expect(out->len == 0 || (utf8_valid(out->data, out->len) && !has_control(out->data, out->len)));
}

static void
check_cut(struct buf *out, const char *text, size_t len, size_t columns)
{
	size_t width;

	buf_clear(out);
	width = term_cut(out, text, len, columns);
	check_plain(out);
	expect(width <= columns);
	expect(out->len == 0 || width == term_width(out->data, out->len));
}

static void
check_bar(struct buf *out, const char *text, size_t len, size_t columns)
{
	char name[LENGTH_MAX + 1];
	struct bar bar = {.name = name, .done = len, .total = (int64_t)columns, .bytes_per_s = (int64_t)len};

	memcpy(name, text, len);
	name[len] = '\0';
	buf_clear(out);
	bar_format(out, &bar, columns);
	check_plain(out);
	expect(out->len == 0 || term_width(out->data, out->len) <= (columns > 0 ? columns - 1 : 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int has_locale;
	const char *text = (const char *)data + 1;
	size_t len = size == 0 ? 0 : size - 1, used;
	struct buf out;

	if (!has_locale)
		term_locale();
	has_locale = 1;
	if (size == 0 || len > LENGTH_MAX)
		return 0;
	buf_init(&out, 65536);
	used = term_add(&out, text, len);
	check_plain(&out);
	expect(used == term_width(text, len));
	check_cut(&out, text, len, data[0]);
	check_bar(&out, text, len, data[0]);
	buf_clear(&out);
	used = term_add_lines(&out, text, len, 0);
	expect(used <= len && len - used < 4);
	expect(out.len == 0 || (utf8_valid(out.data, out.len) && memchr(out.data, '\033', out.len) == NULL));
	buf_free(&out);
	return 0;
}
