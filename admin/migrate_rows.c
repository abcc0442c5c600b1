/* SPDX-License-Identifier: ISC */
#include "admin/migrate_rows.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "accounts/account.h"
#include "common/text.h"
#include "config/keys.h"

#include "common/banned.h"

static void
note_row(TAKES)
{
	migrate_note(plan, directive, row->weight, NULL, row->why, row->instead);
}

static const char *
first_word(const struct directive *directive)
{
	return directive->count > 0 ? directive->words[0] : directive->value;
}

void
take_same(TAKES)
{
	migrate_set(plan, row->key, directive->value, directive, row->weight);
}

void
take_first_word(TAKES)
{
	migrate_set(plan, row->key, first_word(directive), directive, row->weight);
}

/* Of a word that is neither yes nor no, nobody knows what the other server made. */
static int
parse_switch(struct migrate_plan *plan, const struct directive *directive, bool *value)
{
	int r = migrate_parse_bool(first_word(directive), value);

	if (r < 0)
		migrate_note(plan, directive, MIGRATE_PROTECTS, NULL, "the value is neither yes nor no",
		    "say which of them it is, and migrate again");
	return r;
}

void
take_switch(TAKES)
{
	bool value;

	if (parse_switch(plan, directive, &value) == 0)
		migrate_set(plan, row->key, value ? "yes" : "no", directive, row->weight);
}

static void
take_time(TAKES, unsigned unit)
{
	uint64_t value;

	if (parse_u64(first_word(directive), UINT32_MAX, &value) < 0)
		migrate_note(
		    plan, directive, MIGRATE_PROTECTS, NULL, "the value is no number", "set a time, and migrate again");
	else
		migrate_setf(plan, row->key, directive, row->weight, "%" PRIu64 "s", value * unit);
}

void
take_seconds(TAKES)
{
	take_time(plan, directive, row, 1);
}

void
take_minutes(TAKES)
{
	take_time(plan, directive, row, 60);
}

/* Sessions cost memory, so a server without a ceiling of them gets ours. */
void
take_ceiling(TAKES)
{
	const char *text = first_word(directive);
	uint64_t value;

	if (strcasecmp(text, "none") != 0 && (parse_u64(text, UINT32_MAX, &value) < 0 || value > 0))
		migrate_set(plan, row->key, text, directive, row->weight);
	else if (strcmp(row->key, "limits.sessions") != 0)
		migrate_set(plan, row->key, "100000", directive, row->weight);
	else
		migrate_note(plan, directive, MIGRATE_COMFORT, NULL,
		    "the server has a ceiling of sessions always, 2000", "set limits.sessions");
}

void
take_needless(TAKES)
{
	(void)plan;
	(void)directive;
	(void)row;
}

void
take_later(TAKES)
{
	take_needless(plan, directive, row);
}

void
take_lost(TAKES)
{
	note_row(plan, directive, row);
}

void
take_lost_yes(TAKES)
{
	bool value;

	if (parse_switch(plan, directive, &value) == 0 && value)
		note_row(plan, directive, row);
}

void
take_lost_no(TAKES)
{
	bool value;

	if (parse_switch(plan, directive, &value) == 0 && !value)
		note_row(plan, directive, row);
}

/* Debian's modules.conf has modules alone. */
void
take_named_file(TAKES)
{
	const char *slash = strrchr(directive->value, '/');

	if (!directive->is_read && (slash == NULL || strcmp(slash, "/modules.conf") != 0))
		note_row(plan, directive, row);
}

/* --- what the settle functions share --- */

const char *
migrate_word(const struct directive *directive, size_t i, const char *fallback)
{
	return directive == NULL || directive->count <= i ? fallback : directive->words[i];
}

void
migrate_word_number(const struct directive *directive, uint64_t *value)
{
	uint64_t number;

	if (directive != NULL && parse_u64(first_word(directive), SESSIONS_MAX, &number) == 0)
		*value = number;
}

int
migrate_masks(const char *files, const char *directories, uint32_t *file_mode, uint32_t *directory_mode)
{
	uint32_t file_mask, directory_mask;

	if (parse_mode(files, &file_mask) < 0 || parse_mode(directories, &directory_mask) < 0)
		return -EINVAL;
	*file_mode = ((0666 & ~file_mask) | ACCOUNT_FILE_MODE_LOW) & ACCOUNT_MODE_HIGH;
	*directory_mode = ((0777 & ~directory_mask) | ACCOUNT_DIRECTORY_MODE_LOW) & ACCOUNT_MODE_HIGH;
	return 0;
}

void
migrate_set_masks(struct migrate_plan *plan, const struct directive *by, const char *files, const char *directories)
{
	uint32_t file_mode, directory_mode;

	if (migrate_masks(files, directories, &file_mode, &directory_mode) < 0) {
		migrate_note(plan, by, MIGRATE_PROTECTS, NULL, "a mask is three octal digits",
		    "set file-mode and directory-mode");
		return;
	}
	migrate_setf(plan, "file-mode", by, MIGRATE_PROTECTS, "%04o", (unsigned)file_mode);
	migrate_setf(plan, "directory-mode", by, MIGRATE_PROTECTS, "%04o", (unsigned)directory_mode);
}

void
migrate_set_address(struct migrate_plan *plan, const char *key, const struct directive *by, const char *address,
    size_t len, const char *port)
{
	bool is_v6 = memchr(address, ':', len) != NULL;

	migrate_setf(plan, key, by, MIGRATE_PROTECTS, is_v6 ? "[%.*s]:%s" : "%.*s:%s",
	    (int)(len < MIGRATE_LINE_MAX ? len : MIGRATE_LINE_MAX), address, port);
}

void
migrate_set_certificate(
    struct migrate_plan *plan, const struct directive *certificate, const struct directive *key, const char *fallback)
{
	if (key == NULL)
		key = certificate;
	migrate_set(plan, "tls.certificate", certificate == NULL ? fallback : first_word(certificate), certificate,
	    MIGRATE_PROTECTS);
	migrate_set(plan, "tls.key", key == NULL ? fallback : first_word(key), key, MIGRATE_PROTECTS);
}

unsigned
migrate_take_away(const struct migrate_plan *plan, const struct migrate_switch *switches, size_t count, unsigned rights)
{
	for (size_t i = 0; i < count; i++)
		if (migrate_is_on(plan, switches[i].name, switches[i].fallback) != switches[i].keeps)
			rights &= ~switches[i].rights;
	return rights;
}

uint64_t
migrate_rate(struct migrate_plan *plan, const struct directive *by, const char *text, uint64_t unit)
{
	uint64_t rate;

	if (parse_u64(text, INT64_MAX / unit, &rate) < 0) {
		migrate_note(plan, by, MIGRATE_PROTECTS, NULL, "the rate is no number",
		    "give the accounts rate-down= and rate-up=");
		return 0;
	}
	if (rate > 0 && rate * unit < ACCOUNT_RATE_MIN) {
		migrate_note(plan, by, MIGRATE_PROTECTS, NULL, "a rate is 1024 bytes a second, at least",
		    "see whether rate-down= and rate-up= of 1024 do");
		return ACCOUNT_RATE_MIN;
	}
	return rate * unit;
}

void
migrate_add_pattern(struct migrate_plan *plan, const struct directive *by, struct migrate_profile *profile, bool denies,
    const char *pattern, size_t len)
{
	const char *problem;

	if (migrate_profile_pattern(profile, denies, pattern, len, &problem) < 0)
		migrate_note(
		    plan, by, MIGRATE_PROTECTS, NULL, problem, "say it with hide= and deny= of sallyport-users(5)");
}

/* --- words --- */

/* The word at *at, which moves behind it; NULL: there is none. */
static char *
cut_word(char **at, const char **problem)
{
	char *word = *at + strspn(*at, " \t"), quote = *word, *end;

	if (*word == '\0')
		return NULL;
	if (quote == '"' || quote == '\'') {
		word++;
		end = strchr(word, quote);
		if (end == NULL)
			*problem = "a quote that is never closed; end the word with the quote that it began with";
	} else {
		end = word + strcspn(word, " \t");
	}
	if (end != NULL) {
		*at = end + (*end != '\0');
		*end = '\0';
	}
	return word;
}

int
migrate_cut_words(struct directive *out, const char **problem)
{
	char *at = out->text, *word;

	if (at[strspn(at, " \t")] == '#')
		return 0;
	out->name = cut_word(&at, problem);
	if (out->name == NULL)
		return 0;
	out->value = out->shown + (out->name - out->text - (ptrdiff_t)strspn(out->text, " \t")) + strlen(out->name);
	out->value += strspn(out->value, " \t");
	while (*problem == NULL && (word = cut_word(&at, problem)) != NULL) {
		if (out->count == MIGRATE_WORDS_MAX)
			*problem = "too many words; at most 32 behind the name";
		else
			out->words[out->count++] = word;
	}
	return *problem != NULL ? -EINVAL : 1;
}
