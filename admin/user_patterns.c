/* SPDX-License-Identifier: ISC */
#include "admin/user_patterns.h"

#include <errno.h>
#include <string.h>

#include "accounts/users_file.h"
#include "admin/ctl.h"
#include "common/buf.h"
#include "common/percent.h"

#include "common/banned.h"

static const char *const keys[2] = {"hide", "deny"};
static const char *const option_names[2] = {"hide", "deny-name"};

/* The line has them with %XX, which patterns_add() decodes; a command has the bytes themselves. */
static int
add_plain(struct patterns *patterns, bool denies, const char *text, size_t len, const char **problem)
{
	struct buf encoded;
	int r;

	buf_init(&encoded, ACCOUNT_LINE_MAX);
	percent_encode(&encoded, text, len, "");
	*problem = "it is too long";
	r = encoded.error < 0
	    ? -EINVAL
	    : patterns_add(patterns, denies, encoded.data == NULL ? "" : encoded.data, encoded.len, problem);
	buf_free(&encoded);
	return r;
}

int
user_patterns_parse(const struct ctl *ctl, struct user_patterns *patterns)
{
	for (size_t i = 0; i < ctl->pattern_count; i++) {
		const struct ctl_pattern *given = &ctl->patterns[i];
		struct patterns *list = given->ends ? &patterns->ended : &patterns->added;
		const char *problem;

		patterns->changes[given->denies] = true;
		if (add_plain(list, given->denies, given->text, strlen(given->text), &problem) == 0)
			continue;
		ctl_error("bad --%s%s '%s': %s", given->ends ? "no-" : "", option_names[given->denies],
		    ctl_quote(given->text), problem);
		return -EINVAL;
	}
	return 0;
}

static bool
is_same_pattern(const struct patterns *a, size_t i, const struct patterns *b, size_t k)
{
	const struct pattern *x = &a->list[i], *y = &b->list[k];

	return x->denies == y->denies && x->len == y->len && memcmp(a->text + x->at, b->text + y->at, x->len) == 0;
}

static bool
has_pattern(const struct patterns *patterns, const struct patterns *of, size_t i)
{
	for (size_t k = 0; patterns != NULL && k < patterns->count; k++)
		if (is_same_pattern(patterns, k, of, i))
			return true;
	return false;
}

/* Add those of from that neither without nor merged has. */
static int
merge_patterns(struct patterns *merged, const struct patterns *from, const struct patterns *without)
{
	const char *problem;

	for (size_t i = 0; from != NULL && i < from->count; i++) {
		const struct pattern *pattern = &from->list[i];

		if (has_pattern(without, from, i) || has_pattern(merged, from, i))
			continue;
		if (add_plain(merged, pattern->denies, from->text + pattern->at, pattern->len, &problem) < 0) {
			ctl_error("bad --%s: %s", option_names[pattern->denies], problem);
			return -EINVAL;
		}
	}
	return 0;
}

static int
check_ended(const struct patterns *ended, const struct patterns *now)
{
	char text[NAME_MAX + 1];

	for (size_t i = 0; i < ended->count; i++) {
		const struct pattern *pattern = &ended->list[i];

		if (has_pattern(now, ended, i))
			continue;
		memcpy(text, ended->text + pattern->at, pattern->len);
		text[pattern->len] = '\0';
		ctl_error("bad --no-%s '%s': there is no such pattern of its own; 'show' lists them",
		    option_names[pattern->denies], ctl_quote(text));
		return -EINVAL;
	}
	return 0;
}

/* As the line has them; users_edit_option() puts the key before the first one. */
static int
write_words(struct user_patterns *patterns, const struct patterns *merged, bool denies)
{
	struct buf words = {
	    .data = patterns->words[denies], .size = sizeof(patterns->words[denies]), .max = ACCOUNT_LINE_MAX};

	patterns->words[denies][0] = '\0';
	for (size_t i = 0; i < merged->count; i++) {
		const struct pattern *pattern = &merged->list[i];

		if (pattern->denies != denies)
			continue;
		if (words.len > 0)
			buf_addf(&words, " %s=", keys[denies]);
		percent_encode(&words, merged->text + pattern->at, pattern->len, "");
	}
	if (words.error < 0)
		ctl_error("the patterns of names are too long; name fewer");
	return words.error;
}

int
user_patterns_settle(struct user_patterns *patterns, const struct account *own)
{
	const struct patterns *now = own != NULL && own->has_patterns ? &own->patterns : NULL;
	struct patterns merged;

	merged.count = merged.text_len = 0;
	if (!patterns->changes[false] && !patterns->changes[true])
		return 0;
	if (check_ended(&patterns->ended, now) < 0 || merge_patterns(&merged, now, &patterns->ended) < 0 ||
	    merge_patterns(&merged, &patterns->added, NULL) < 0 || write_words(patterns, &merged, false) < 0 ||
	    write_words(patterns, &merged, true) < 0)
		return -EINVAL;
	return 0;
}

bool
user_patterns_change(const struct user_patterns *patterns, const char *key)
{
	for (int denies = 0; denies < 2; denies++)
		if (patterns->changes[denies] && strcmp(keys[denies], key) == 0)
			return true;
	return false;
}

void
user_patterns_to_edit(const struct user_patterns *patterns, struct users_edit *edit)
{
	for (int denies = 0; denies < 2; denies++)
		if (patterns->changes[denies])
			users_edit_option(
			    edit, keys[denies], patterns->words[denies][0] == '\0' ? NULL : patterns->words[denies]);
}
