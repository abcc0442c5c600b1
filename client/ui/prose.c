/* SPDX-License-Identifier: ISC */
#include "client/ui/prose.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/ui/term_text.h"
#include "common/buf.h"

#include "common/banned.h"

#define COLUMNS_UNKNOWN 80
#define COLUMNS_CEILING 120 /* longer lines are hard to read */
#define TEXT_MAX 65536
#define NARROW 64 /* below this, a table's second column has no room beside the first */
#define NARROW_INDENT 8

size_t
prose_columns(FILE *out)
{
	struct winsize size;

	if (isatty(fileno(out)) != 1 || ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 0;
	return size.ws_col;
}

static size_t
columns_of(FILE *out)
{
	size_t columns = prose_columns(out);

	if (columns == 0)
		return COLUMNS_UNKNOWN;
	return columns > COLUMNS_CEILING ? COLUMNS_CEILING : columns;
}

static void
print_wrapped(FILE *out, const char *text, size_t len, size_t first, size_t indent)
{
	struct buf wrapped;

	buf_init(&wrapped, TEXT_MAX);
	term_wrap(&wrapped, text, len, columns_of(out), first, indent);
	if (wrapped.error == 0 && wrapped.len > 0)
		fwrite(wrapped.data, 1, wrapped.len, out);
	fputc('\n', out);
	buf_free(&wrapped);
}

void
prose_print(FILE *out, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n"), indent = strspn(text, " ");

		print_wrapped(out, text, len, 0, indent + (indent > 0 ? 2 : 0));
		text += len + (text[len] == '\n');
	}
}

void
prose_row(FILE *out, const char *left, size_t width, const char *text)
{
	size_t used = fprintf(out, "  %s", left) < 0 ? 0 : strlen(left) + 2;
	size_t indent = columns_of(out) < NARROW ? NARROW_INDENT : width;

	if (used + 1 > indent || columns_of(out) < NARROW) {
		fputc('\n', out);
		used = 0;
	}
	fprintf(out, "%*s", (int)(indent - used), "");
	print_wrapped(out, text, strlen(text), indent, indent);
}
