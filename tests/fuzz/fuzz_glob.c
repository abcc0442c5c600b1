/* SPDX-License-Identifier: ISC */
/* The first line of the input as a pattern, the rest as a name. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/glob.h"

#include "common/banned.h"

#define PLENTY (1ULL << 40)
#define FEW 50
#define LENGTH_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exact size, so that reading past its end is seen. */
static char *
copy(const void *bytes, size_t len)
{
	char *out = malloc(len + (len == 0));

	if (out == NULL)
		abort();
	if (len > 0)
		memcpy(out, bytes, len);
	return out;
}

static bool
matches(const char *pattern, size_t pattern_len, const char *name, size_t name_len)
{
	uint64_t steps = PLENTY;
	bool answer = glob_match(pattern, pattern_len, name, name_len, &steps);

	if (steps == 0 || steps > PLENTY)
		abort();
	return answer;
}

/* A match that runs out of steps fails; other results do not depend on the steps. */
static void
check_steps(const char *pattern, size_t pattern_len, const char *name, size_t name_len, bool expected)
{
	uint64_t steps = FEW;
	bool answer = glob_match(pattern, pattern_len, name, name_len, &steps);

	if (steps > FEW || (steps == 0 && answer) || (steps > 0 && answer != expected))
		abort();
}

/* A name with a backslash before each special byte matches itself. */
static void
check_quoted(const char *name, size_t len)
{
	char *quoted = malloc(2 * len + 1);
	size_t n = 0;

	if (quoted == NULL)
		abort();
	for (size_t i = 0; i < len; i++) {
		if (memchr("*?[\\", name[i], 4) != NULL)
			quoted[n++] = '\\';
		quoted[n++] = name[i];
	}
	if (!matches(quoted, n, name, len))
		abort();
	free(quoted);
}

/* Stars at both ends can only make a pattern match more; a star alone matches all. */
static void
check_stars(const char *pattern, size_t pattern_len, const char *name, size_t name_len, bool expected)
{
	char *starred = malloc(pattern_len + 1);

	if (starred == NULL)
		abort();
	starred[0] = '*';
	memcpy(starred + 1, pattern, pattern_len);
	if ((expected && !matches(starred, pattern_len + 1, name, name_len)) || !matches("*", 1, name, name_len))
		abort();
	free(starred);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size == 0 ? NULL : memchr(data, '\n', size);
	size_t pattern_len = newline == NULL ? size : (size_t)(newline - data);
	size_t name_len = newline == NULL ? 0 : size - pattern_len - 1;
	char *pattern, *name;
	bool answer;

	if (pattern_len > LENGTH_MAX || name_len > LENGTH_MAX)
		return 0;
	pattern = copy(data, pattern_len);
	name = copy(data + pattern_len + (newline != NULL), name_len);
	answer = matches(pattern, pattern_len, name, name_len);
	if (!glob_is_pattern(pattern, pattern_len) &&
	    answer != (pattern_len == name_len && memcmp(pattern, name, name_len) == 0))
		abort();
	check_steps(pattern, pattern_len, name, name_len, answer);
	check_quoted(name, name_len);
	check_stars(pattern, pattern_len, name, name_len, answer);
	free(pattern);
	free(name);
	return 0;
}
