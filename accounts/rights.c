/* SPDX-License-Identifier: ISC */
#include "accounts/rights.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/banned.h"

#define ALL "all"

static const char *const words[RIGHTS_COUNT] = {
    "list", "read", "create", "overwrite", "delete", "rename", "mkdir", "rmdir", "chmod"};

_Static_assert(MAY_ALL == (1 << RIGHTS_COUNT) - 1, "a word for each right");

const char *
rights_word(size_t i)
{
	return words[i];
}

static unsigned
right_of(const char *word, size_t len)
{
	if (len == sizeof(ALL) - 1 && memcmp(word, ALL, len) == 0)
		return MAY_ALL;
	for (size_t i = 0; i < RIGHTS_COUNT; i++)
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return 1U << i;
	return 0;
}

int
rights_parse(const char *text, size_t len, unsigned *rights)
{
	const char *end = text + len;

	*rights = 0;
	for (;;) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		unsigned right = right_of(text, (size_t)((comma == NULL ? end : comma) - text));

		if (right == 0)
			return -EINVAL;
		*rights |= right;
		if (comma == NULL)
			return 0;
		text = comma + 1;
	}
}

void
rights_text(unsigned rights, char text[RIGHTS_TEXT_MAX])
{
	size_t len = 0;

	text[0] = '\0';
	if (rights == MAY_ALL)
		snprintf(text, RIGHTS_TEXT_MAX, ALL);
	for (size_t i = 0; i < RIGHTS_COUNT && rights != MAY_ALL; i++)
		if ((rights & (1U << i)) != 0)
			len +=
			    (size_t)snprintf(text + len, RIGHTS_TEXT_MAX - len, "%s%s", len == 0 ? "" : ",", words[i]);
}
