/* SPDX-License-Identifier: ISC */
#include "admin/migrate_accounts.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/password.h"
#include "common/text.h"

#include "common/banned.h"

#define NAME_TAKEN "the account is in these files already; remove one of them"
#define HOME_HAS_COLON "its home has a colon, which would begin its options; rename the directory"

/* --- sets of names --- */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* 1 if it is new, 0 if it was there, or -ENOMEM. */
static int
add_to_names(void **set, const char *name, size_t len)
{
	char *copy = strndup(name, len), **found = copy == NULL ? NULL : tsearch(copy, set, compare_names);

	if (found == NULL || *found != copy)
		free(copy);
	return found == NULL ? -ENOMEM : *found == copy;
}

static bool
has_name(void *const *set, const char *name)
{
	return tfind(name, set, compare_names) != NULL;
}

void
migrate_accounts_init(struct migrate_accounts *accounts, const struct migrate_plan *plan)
{
	struct buf options;

	*accounts = (struct migrate_accounts){.plan = plan};
	buf_init(&accounts->users, MIGRATE_USERS_MAX * 2);
	buf_init(&options, ACCOUNT_LINE_MAX);
	migrate_group_options(plan, &options);
	accounts->has_options = options.len > 0;
	buf_addf(&accounts->users, "# Accounts of sallyportd, sallyport-users(5), made from those of %s.\n",
	    plan->peer->title);
	if (accounts->has_options)
		buf_addf(&accounts->users, "# What its configuration says of all accounts:\n+group %s:%s\n",
		    MIGRATE_GROUP, options.data);
	buf_free(&options);
}

void
migrate_accounts_free(struct migrate_accounts *accounts)
{
	tdestroy(accounts->names, free);
	for (size_t i = 0; i < MIGRATE_LISTS_MAX; i++)
		tdestroy(accounts->lists[i], free);
	buf_free(&accounts->users);
}

int
migrate_accounts_list(struct migrate_accounts *accounts, size_t i, const char *text, size_t len)
{
	const char *end = text + len;
	int r = 0;

	accounts->has_list[i] = true;
	while (r >= 0 && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line = (size_t)((newline == NULL ? end : newline) - text), name = 0;

		while (name < line && strchr(" \t\r#", text[name]) == NULL)
			name++;
		if (name > 0)
			r = add_to_names(&accounts->lists[i], text, name);
		text += line + (newline != NULL);
	}
	return r < 0 ? r : 0;
}

/* --- what a file is --- */

/* "NAME:x:": the password is in shadow(5). */
static bool
is_of_system(const char *line, const char *end)
{
	const char *colon = memchr(line, ':', (size_t)(end - line));

	return colon != NULL && end - colon > 2 && colon[1] == 'x' && colon[2] == ':';
}

enum convert_format
migrate_accounts_format(const char *text, size_t len, enum convert_format fallback)
{
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline == NULL ? end : newline;
		size_t colons = 0;

		for (const char *p = text; p < stop; p++)
			colons += *p == ':';
		if (stop > text && *text != '#')
			return colons >= 10 ? CONVERT_PURE_FTPD : is_of_system(text, stop) ? CONVERT_PASSWD : fallback;
		text = stop + (newline != NULL);
	}
	return fallback;
}

/* --- who could log in --- */

static bool
was_listed_out(const struct migrate_accounts *accounts, const char *name)
{
	for (size_t i = 0; i < accounts->plan->list_count; i++)
		if (accounts->has_list[i] &&
		    has_name(&accounts->lists[i], name) != accounts->plan->lists[i].is_allowing)
			return true;
	return false;
}

/* The last field of the line that convert has just read. */
static bool
has_shell(const struct convert *convert, const char *start)
{
	const char *end = convert->text, *colon;

	while (end > start && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	for (colon = end; colon > start && colon[-1] != ':' && colon[-1] != '\n'; colon--)
		;
	return !(end - colon >= 7 && memcmp(end - 7, "nologin", 7) == 0) &&
	    !(end - colon >= 5 && memcmp(end - 5, "false", 5) == 0);
}

/* No hash that any password fits. */
static bool
has_password(const struct converted *entry)
{
	const char *hash = entry->hash.data == NULL ? "" : entry->hash.data;

	hash += strspn(hash, "!");
	return hash[0] != '\0' && hash[0] != '*';
}

static bool
could_log_in(const struct migrate_accounts *accounts, const struct convert *convert, const struct converted *entry,
    const char *start)
{
	const struct migrate_plan *plan = accounts->plan;
	bool has_shadow = convert->format == CONVERT_PASSWD;
	uint64_t uid = 0;

	if (was_listed_out(accounts, entry->name.data == NULL ? "" : entry->name.data))
		return false;
	if ((has_shadow || convert->format == CONVERT_PROFTPD) && plan->needs_shell && !has_shell(convert, start))
		return false;
	if (has_shadow && !has_password(entry))
		return false;
	return plan->uid_low == 0 || parse_u64(entry->uid, UINT32_MAX, &uid) < 0 || uid >= plan->uid_low;
}

/* --- lines --- */

/* That of the configuration, which may have a token in it; or its own; or that of the user of all guests. */
static const char *
home_pattern(const struct migrate_accounts *accounts, const struct converted *entry)
{
	if (accounts->plan->home != NULL)
		return accounts->plan->home;
	return entry->home.len > 0 ? entry->home.data : accounts->guest_home == NULL ? "" : accounts->guest_home;
}

static void
add_home(const struct migrate_accounts *accounts, const struct converted *entry, struct buf *line)
{
	const char *home = home_pattern(accounts, entry), *token = accounts->plan->home_token, *found;
	const char *name = entry->name.data == NULL ? "" : entry->name.data;

	found = token == NULL || token[0] == '\0' ? NULL : strstr(home, token);
	if (found == NULL)
		buf_add_text(line, home);
	else
		buf_addf(line, "%.*s%s%s", (int)(found - home), home, name, found + strlen(token));
}

static void
compose_migrated(
    const struct migrate_accounts *accounts, const struct converted *entry, const char *hash, struct buf *line)
{
	char uid[16], gid[16];

	snprintf(uid, sizeof(uid), "%u", (unsigned)accounts->guest_uid);
	snprintf(gid, sizeof(gid), "%u", (unsigned)accounts->guest_gid);
	buf_addf(line, "%s:%s:%s:%s:", entry->name.data == NULL ? "" : entry->name.data, hash,
	    entry->uid[0] == '\0' ? uid : entry->uid, entry->gid[0] == '\0' ? gid : entry->gid);
	add_home(accounts, entry, line);
	buf_addf(line, ":%s", entry->options.data == NULL ? "" : entry->options.data);
	if (accounts->has_options)
		buf_addf(line, "%sgroup=%s", entry->options.len == 0 ? "" : " ", MIGRATE_GROUP);
}

static void
refuse_migrated(struct migrate_accounts *accounts, const char *file, const struct converted *entry, const char *why)
{
	const char *name = entry->name.data == NULL ? "" : entry->name.data;

	buf_add_text(&accounts->users, "# ");
	escape_bytes(&accounts->users, ESCAPE_LOG, file, strlen(file));
	buf_addf(&accounts->users, ":%zu: '", entry->line);
	escape_bytes(&accounts->users, ESCAPE_LOG, name, strlen(name));
	buf_addf(&accounts->users, "' is not taken: %s\n", why);
	accounts->refused++;
}

/* Why the line is none of ours; NULL: it is one. */
static const char *
line_problem(const struct buf *line)
{
	struct account account = {.name = ""};
	const char *problem = NULL;

	if (line->error < 0)
		return "its line is too long; at most 8192 bytes";
	if (account_parse(line->data, line->len, &account, &problem) == 0)
		problem = NULL;
	account_wipe(&account);
	return problem;
}

/* Its hash, or that of a password in clear. */
static int
hash_for(const struct converted *entry, char **hash, const char **problem)
{
	const char *text = entry->hash.data == NULL ? "" : entry->hash.data;

	if (entry->is_plain && strlen(text) > PASSWORD_MAX) {
		*problem = "its password is too long; at most 511 bytes";
		return 0;
	}
	if (entry->is_plain)
		return password_hash(text, hash);
	*hash = strdup(text);
	return *hash == NULL ? -ENOMEM : 0;
}

static int
take_migrated(struct migrate_accounts *accounts, const char *file, const struct converted *entry)
{
	const char *problem = entry->problem, *name = entry->name.data == NULL ? "" : entry->name.data;
	char *hash = NULL;
	struct buf line;
	int r = 0;

	buf_init(&line, ACCOUNT_LINE_MAX);
	if (problem == NULL && has_name(&accounts->names, name))
		problem = NAME_TAKEN;
	if (problem == NULL && entry->uid[0] == '\0' && accounts->guest_uid == 0)
		problem = "the user of all guests (guest_username) is not on this system, or is root; make it";
	if (problem == NULL && strchr(home_pattern(accounts, entry), ':') != NULL)
		problem = HOME_HAS_COLON;
	if (problem == NULL)
		r = hash_for(entry, &hash, &problem);
	if (r == 0 && problem == NULL) {
		compose_migrated(accounts, entry, hash, &line);
		problem = line_problem(&line);
	}
	if (r == 0 && problem != NULL) {
		refuse_migrated(accounts, file, entry, problem);
	} else if (r == 0) {
		buf_addf(&accounts->users, "%s\n", line.data);
		r = add_to_names(&accounts->names, name, strlen(name));
		accounts->taken++;
	}
	if (hash != NULL)
		explicit_bzero(hash, strlen(hash));
	free(hash);
	buf_free(&line);
	return r < 0 ? r : 0;
}

int
migrate_accounts_anonymous(
    struct migrate_accounts *accounts, uint32_t uid, uint32_t gid, const char *home, const char **problem)
{
	const struct migrate_plan *plan = accounts->plan;
	char rights[RIGHTS_TEXT_MAX];
	struct buf line;
	int r = 0;

	rights_text(plan->anonymous_rights, rights);
	buf_init(&line, ACCOUNT_LINE_MAX);
	buf_addf(&line, "anonymous:%s:%u:%u:%s:rights=%s tls=optional", ACCOUNT_ANY_PASSWORD, (unsigned)uid,
	    (unsigned)gid, home, rights);
	if (plan->anonymous_rate > 0)
		buf_addf(&line, " rate-down=%llu rate-up=%llu", (unsigned long long)plan->anonymous_rate,
		    (unsigned long long)plan->anonymous_rate);
	*problem = strchr(home, ':') != NULL ? HOME_HAS_COLON : line_problem(&line);
	if (*problem == NULL) {
		buf_addf(&accounts->users, "%s\n", line.data);
		r = add_to_names(&accounts->names, "anonymous", strlen("anonymous"));
		accounts->taken++;
	}
	buf_free(&line);
	return *problem != NULL ? -EINVAL : r < 0 ? r : 0;
}

int
migrate_accounts_take(struct migrate_accounts *accounts, const char *file, struct convert *convert)
{
	const char *start = convert->text;
	struct converted entry;
	int r;

	converted_init(&entry);
	while ((r = convert_next(convert, &entry)) > 0) {
		if (could_log_in(accounts, convert, &entry, start))
			r = take_migrated(accounts, file, &entry);
		else
			accounts->left_out++;
		if (r < 0)
			break;
	}
	converted_free(&entry);
	return r < 0 ? r : accounts->users.error;
}
