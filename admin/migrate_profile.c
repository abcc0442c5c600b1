/* SPDX-License-Identifier: ISC */
#include "admin/migrate_profile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/rights.h"
#include "common/buf.h"
#include "common/home_path.h"
#include "common/percent.h"

#include "common/banned.h"

void
migrate_profile_init(struct migrate_profile *profile)
{
	*profile = (struct migrate_profile){.rights = MAY_ALL};
}

void
migrate_profile_free(struct migrate_profile *profile)
{
	free(profile->home);
	profile->home = NULL;
}

void
migrate_profile_copy(struct migrate_profile *out, const struct migrate_profile *profile)
{
	*out = *profile;
	out->home = NULL;
	out->is_refused = false;
	out->problem = NULL;
}

int
migrate_profile_pattern(
    struct migrate_profile *profile, bool denies, const char *pattern, size_t len, const char **problem)
{
	struct buf text;
	int r;

	buf_init(&text, 4096);
	percent_encode(&text, pattern, len, "");
	r = patterns_add(&profile->patterns, denies, text.data == NULL ? "" : text.data, text.len, problem);
	buf_free(&text);
	return r;
}

/* As a line of the users file has it, so that all its rules hold. */
int
migrate_profile_zone(struct migrate_profile *profile, const char *path, unsigned rights, const char **problem)
{
	char words[RIGHTS_TEXT_MAX];
	unsigned base = 0;
	struct buf text;
	int r;

	rights_text(rights, words);
	buf_init(&text, HOME_PATH_MAX * 3 + RIGHTS_TEXT_MAX);
	percent_encode(&text, path, strlen(path), "");
	buf_addf(&text, "=%s", rights == 0 ? "none" : words);
	r = zones_add(&profile->zones, text.data == NULL ? "" : text.data, text.len, &base, problem);
	buf_free(&text);
	return r < 0 ? r : 0;
}

/* --- options --- */

static void
begin_word(struct buf *out, const char *key)
{
	buf_addf(out, "%s%s=", out->len == 0 ? "" : " ", key);
}

static void
add_word_number(struct buf *out, const char *key, uint64_t value, uint64_t of_group)
{
	if (value == of_group)
		return;
	begin_word(out, key);
	if (value == 0)
		buf_add_text(out, "none");
	else
		buf_addf(out, "%" PRIu64, value);
}

static void
add_octal(struct buf *out, const char *key, uint32_t value, uint32_t of_group)
{
	if (value == of_group)
		return;
	begin_word(out, key);
	if (value == 0)
		buf_add_text(out, "none");
	else
		buf_addf(out, "%04o", (unsigned)value);
}

static void
add_rights(struct buf *out, unsigned rights, unsigned of_group)
{
	char text[RIGHTS_TEXT_MAX];

	if (rights == of_group)
		return;
	rights_text(rights, text);
	begin_word(out, "rights");
	buf_add_text(out, rights == 0 ? "/=none" : text);
}

static void
add_zones(struct buf *out, const struct zones *zones, const struct zones *of_group)
{
	for (size_t i = 0; i < zones->count; i++) {
		size_t same = zones_find(of_group, zone_path(zones, i));

		if (same < of_group->count && of_group->rule[same].rights == zones->rule[i].rights)
			continue;
		begin_word(out, "rights");
		zone_text(zones, i, out);
	}
}

static bool
patterns_are(const struct patterns *a, const struct patterns *b)
{
	if (a->count != b->count || a->text_len != b->text_len || memcmp(a->text, b->text, a->text_len) != 0)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->list[i].denies != b->list[i].denies || a->list[i].at != b->list[i].at)
			return false;
	return true;
}

/* The patterns of a group do not hold for an account that has some, so these are all of them. */
static void
add_patterns(struct buf *out, const struct patterns *patterns, const struct patterns *of_group)
{
	if (patterns_are(patterns, of_group))
		return;
	for (size_t i = 0; i < patterns->count; i++) {
		begin_word(out, patterns->list[i].denies ? "deny" : "hide");
		percent_encode(out, patterns->text + patterns->list[i].at, patterns->list[i].len, "");
	}
}

void
migrate_profile_words(const struct migrate_profile *profile, const struct migrate_profile *group, struct buf *out)
{
	struct migrate_profile none;

	migrate_profile_init(&none);
	if (group == NULL)
		group = &none;
	add_rights(out, profile->rights, group->rights);
	add_zones(out, &profile->zones, &group->zones);
	add_word_number(out, "max-sessions", profile->max_sessions, group->max_sessions);
	add_word_number(out, "quota", profile->quota_bytes, group->quota_bytes);
	add_word_number(out, "quota-files", profile->quota_files, group->quota_files);
	add_word_number(out, "rate-down", profile->rate_down, group->rate_down);
	add_word_number(out, "rate-up", profile->rate_up, group->rate_up);
	add_octal(out, "file-mode", profile->file_mode, group->file_mode);
	add_octal(out, "directory-mode", profile->directory_mode, group->directory_mode);
	add_patterns(out, &profile->patterns, &group->patterns);
	if (strcmp(profile->allow_from, group->allow_from) != 0)
		buf_addf(out, "%sallow-from=%s", out->len == 0 ? "" : " ",
		    profile->allow_from[0] == '\0' ? "any" : profile->allow_from);
}
