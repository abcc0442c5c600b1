/* SPDX-License-Identifier: ISC */
#include "accounts/patterns.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/glob.h"
#include "common/percent.h"
#include "common/text.h"

#include "common/banned.h"

#define STEPS_MAX 100000 /* of the matcher, for one name; beyond, the pattern counts as matching */

static int
reject_pattern(const char **error, const char *text)
{
	*error = text;
	return -EINVAL;
}

int
patterns_add(struct patterns *patterns, bool denies, const char *text, size_t len, const char **error)
{
	char decoded[NAME_MAX + 1];
	ssize_t decoded_len = percent_decode(text, len, decoded, sizeof(decoded));
	size_t n = (size_t)decoded_len;

	if (decoded_len == -ENAMETOOLONG)
		return reject_pattern(error, "a pattern of names is too long; at most 255 bytes");
	if (decoded_len <= 0)
		return reject_pattern(error,
		    "bad pattern of names; write hide=PATTERN or deny=PATTERN, like deny=*.exe, with %XX for blanks and '%'");
	if (memchr(decoded, '/', n) != NULL || has_control(decoded, n))
		return reject_pattern(error,
		    "a pattern of names has a slash or a control character; it is about one name, in every directory");
	if (patterns->count == PATTERNS_MAX || n > sizeof(patterns->text) - patterns->text_len)
		return reject_pattern(error, "too many patterns of names; at most 32, of 2048 bytes in all");
	patterns->list[patterns->count++] =
	    (struct pattern){.denies = denies, .at = (uint16_t)patterns->text_len, .len = (uint16_t)n};
	memcpy(patterns->text + patterns->text_len, decoded, n);
	patterns->text_len += n;
	return 0;
}

bool
patterns_match(const struct patterns *patterns, bool denies, const char *name, size_t len)
{
	for (size_t i = 0; patterns != NULL && i < patterns->count; i++) {
		const struct pattern *pattern = &patterns->list[i];
		uint64_t steps = STEPS_MAX;

		if ((pattern->denies || !denies) &&
		    (glob_match(patterns->text + pattern->at, pattern->len, name, len, &steps) || steps == 0))
			return true;
	}
	return false;
}

bool
patterns_deny_some(const struct patterns *patterns)
{
	for (size_t i = 0; patterns != NULL && i < patterns->count; i++)
		if (patterns->list[i].denies)
			return true;
	return false;
}

bool
patterns_deny_path(const struct patterns *patterns, const char *path)
{
	for (const char *name = path; patterns != NULL && name != NULL; name = strchr(name, '/')) {
		name++;
		if (patterns_match(patterns, true, name, strcspn(name, "/")))
			return true;
	}
	return false;
}
