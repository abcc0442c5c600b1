/* SPDX-License-Identifier: ISC */
/* Records beside parts, which every user of the directory may write. An accepted record is written again the same. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/record.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static bool
is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool
is_same(const struct record *left, const struct record *right)
{
	return strcmp(left->url, right->url) == 0 && strcmp(left->name, right->name) == 0 &&
	    strcmp(left->validator, right->validator) == 0 && left->size == right->size &&
	    left->mtime == right->mtime && left->mtime_ns == right->mtime_ns && left->whole == right->whole &&
	    file_is_same(&left->file, &right->file) && left->piece_count == right->piece_count &&
	    memcmp(left->pieces, right->pieces, left->piece_count * sizeof(left->pieces[0])) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record record, again;
	struct buf text;
	int r = record_parse((const char *)data, size, &record);

	must(r == 0 || r == -EINVAL);
	if (r < 0)
		return 0;
	must(is_text(record.url, sizeof(record.url)) && is_text(record.name, sizeof(record.name)) &&
	    is_text(record.validator, sizeof(record.validator)));
	must(record.mtime_ns < 1000000000 && record.file.born_ns < 1000000000);
	buf_init(&text, RECORD_BYTES_MAX);
	r = record_format(&text, &record);
	/* a text may need three bytes for each of its own, and is then too long for a line */
	must(r == 0 || r == -EINVAL || r == -ENOMEM);
	if (r == 0)
		must(record_parse(text.data, text.len, &again) == 0 && is_same(&record, &again));
	buf_free(&text);
	return 0;
}
