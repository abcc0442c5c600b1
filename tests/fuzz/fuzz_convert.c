/* SPDX-License-Identifier: ISC */
/* The input as the file of each server that accounts are imported from; after a NUL, shadow(5). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/convert.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Numbers of lines grow, ids are numbers, and a home begins with a slash and ends without one. */
static void
check_entry(const struct converted *entry, size_t last_line)
{
	if (entry->line <= last_line)
		abort();
	if (entry->uid[0] != '\0' && (entry->uid[strspn(entry->uid, "0123456789")] != '\0' || entry->uid[0] == '0'))
		abort();
	if (entry->home.len > 0 && (entry->home.data[0] != '/' || entry->home.data[entry->home.len - 1] == '/'))
		abort();
}

static void
convert_all(enum convert_format format, const char *text, size_t len, const char *shadow, size_t shadow_len)
{
	struct convert convert = {
	    .format = format, .text = text, .end = text + len, .shadow = shadow, .shadow_len = shadow_len};
	struct converted entry;
	size_t last_line = 0;

	converted_init(&entry);
	while (convert_next(&convert, &entry) > 0) {
		check_entry(&entry, last_line);
		last_line = entry.line;
	}
	converted_free(&entry);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	const char *nul;
	size_t len;

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	nul = memchr(copy, '\0', size);
	len = nul == NULL ? size : (size_t)(nul - copy);
	for (int format = 0; format < CONVERT_COUNT; format++)
		convert_all(format, copy, len, nul == NULL ? NULL : nul + 1, nul == NULL ? 0 : size - len - 1);
	free(copy);
	return 0;
}
