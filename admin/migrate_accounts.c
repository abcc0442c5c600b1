/* SPDX-License-Identifier: ISC */
#include "admin/migrate_accounts.h"

#include <errno.h>
#include <limits.h>
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

static const char *
converted_name(const struct converted *entry)
{
	return entry->name.data == NULL ? "" : entry->name.data;
}

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
migrate_accounts_init(struct migrate_accounts *accounts, struct migrate_plan *plan, const char *server)
{
	struct buf options;

	*accounts = (struct migrate_accounts){.plan = plan, .server = server};
	buf_init(&accounts->users, MIGRATE_USERS_MAX * 2);
	buf_init(&options, ACCOUNT_LINE_MAX);
	migrate_profile_words(&plan->all, NULL, &options);
	accounts->has_options = options.len > 0;
	if (options.error < 0 || options.len > ACCOUNT_LINE_MAX - sizeof("+group " MIGRATE_GROUP ":"))
		accounts->problem = "its line would be too long; at most 8192 bytes";
	else if (accounts->has_options)
		account_group_check(options.data, options.len, &accounts->problem);
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

/* Does PAM check its password, as before? */
static bool
is_for_pam(const struct migrate_accounts *accounts, const struct converted *entry)
{
	return accounts->has_pam && (accounts->is_live || entry->lacks_shadow);
}

static bool
could_log_in(const struct migrate_accounts *accounts, const struct convert *convert, const struct converted *entry,
    const char *start)
{
	const struct migrate_plan *plan = accounts->plan;
	bool has_shadow = convert->format == CONVERT_PASSWD;
	uint64_t uid = 0;

	if (plan->is_anonymous_only || (has_shadow && plan->refuses_system))
		return false;
	if (was_listed_out(accounts, converted_name(entry)))
		return false;
	if ((has_shadow || convert->format == CONVERT_PROFTPD) && plan->needs_shell && !has_shell(convert, start))
		return false;
	if (has_shadow && !has_password(entry) && !(is_for_pam(accounts, entry) && entry->lacks_shadow))
		return false;
	return plan->uid_low == 0 || parse_u64(entry->uid, UINT32_MAX, &uid) < 0 || uid >= plan->uid_low;
}

/* --- lines --- */

/* That of its own settings; or of the configuration, which may have a token in it; or its own; or that of the user of all guests. */
static const char *
home_pattern(
    const struct migrate_accounts *accounts, const struct converted *entry, const struct migrate_profile *profile)
{
	if (profile->home != NULL)
		return profile->home;
	if (accounts->plan->home != NULL)
		return accounts->plan->home;
	return entry->home.len > 0 ? entry->home.data : accounts->guest_home == NULL ? "" : accounts->guest_home;
}

static void
add_home(const struct migrate_accounts *accounts, const struct converted *entry, const struct migrate_profile *profile,
    struct buf *line)
{
	const char *home = home_pattern(accounts, entry, profile), *token = accounts->plan->home_token, *found;
	const char *name = converted_name(entry);

	found = token == NULL || token[0] == '\0' ? NULL : strstr(home, token);
	if (found == NULL)
		buf_add_text(line, home);
	else
		buf_addf(line, "%.*s%s%s", (int)(found - home), home, name, found + strlen(token));
}

static void
compose_migrated(const struct migrate_accounts *accounts, const struct converted *entry,
    const struct migrate_profile *profile, const char *hash, struct buf *line)
{
	char uid[16], gid[16];
	struct buf words;

	buf_init(&words, ACCOUNT_LINE_MAX);
	snprintf(uid, sizeof(uid), "%u", (unsigned)accounts->guest_uid);
	snprintf(gid, sizeof(gid), "%u", (unsigned)accounts->guest_gid);
	buf_addf(line, "%s:%s:%s:%s:", converted_name(entry), hash, entry->uid[0] == '\0' ? uid : entry->uid,
	    entry->gid[0] == '\0' ? gid : entry->gid);
	add_home(accounts, entry, profile, line);
	buf_add(&words, entry->options.data, entry->options.len);
	if (accounts->has_options)
		buf_addf(&words, "%sgroup=%s", words.len == 0 ? "" : " ", MIGRATE_GROUP);
	migrate_profile_words(profile, &accounts->plan->all, &words);
	buf_addf(line, ":%s", words.data == NULL ? "" : words.data);
	if (words.error < 0)
		line->error = words.error;
	buf_free(&words);
}

static void
refuse_migrated(struct migrate_accounts *accounts, const char *file, const struct converted *entry, const char *why)
{
	const char *name = converted_name(entry);

	buf_add_text(&accounts->users, "# ");
	escape_bytes(&accounts->users, ESCAPE_LOG, file, strlen(file));
	buf_addf(&accounts->users, ":%zu: '", entry->line);
	escape_bytes(&accounts->users, ESCAPE_LOG, name, strlen(name));
	buf_addf(&accounts->users, "' is not taken: %s\n", why);
	accounts->refused++;
}

/* A login is refused while the home is missing, or another's. */
static void
check_home(struct migrate_accounts *accounts, const struct account *account)
{
	char why[PATH_MAX + 512];

	if (accounts->home_fits == NULL ||
	    accounts->home_fits(account->home, account->uid, account->gid, why, sizeof(why)))
		return;
	buf_addf(&accounts->users, "# '%s' cannot log in yet: ", account->name);
	escape_bytes(&accounts->users, ESCAPE_LOG, why, strlen(why));
	buf_add_text(&accounts->users, "\n");
	accounts->unfit++;
}

/* Why the line is none of ours; NULL: it is one. */
static const char *
line_problem(struct migrate_accounts *accounts, const struct buf *line)
{
	struct account account = {.name = ""};
	const char *problem = NULL;

	if (line->error < 0)
		return "its line is too long; at most 8192 bytes";
	if (account_parse(line->data, line->len, &account, &problem) == 0) {
		problem = NULL;
		check_home(accounts, &account);
	}
	account_wipe(&account);
	return problem;
}

/* Its hash, or that of a password in clear, or the PAM service. */
static int
hash_for(const struct migrate_accounts *accounts, const struct converted *entry, char **hash, const char **problem)
{
	const char *text = entry->hash.data == NULL ? "" : entry->hash.data;

	if (is_for_pam(accounts, entry))
		return asprintf(hash, "*pam:%s", accounts->plan->pam_service) < 0 ? -ENOMEM : 0;
	if (entry->is_plain && strlen(text) > PASSWORD_MAX) {
		*problem = "its password is too long; at most 511 bytes";
		return 0;
	}
	if (entry->is_plain)
		return password_hash(text, hash);
	*hash = strdup(text);
	return *hash == NULL ? -ENOMEM : 0;
}

/* Why it cannot be one of ours, besides what its line would say; NULL: it can. */
static const char *
entry_problem(
    const struct migrate_accounts *accounts, const struct converted *entry, const struct migrate_profile *profile)
{
	if (entry->problem != NULL && !(entry->lacks_shadow && is_for_pam(accounts, entry)))
		return entry->problem;
	if (has_name(&accounts->names, converted_name(entry)))
		return NAME_TAKEN;
	if (entry->uid[0] == '\0' && accounts->guest_uid == 0)
		return "the user of all guests (guest_username) is not on this system, or is root; make it";
	if (strchr(home_pattern(accounts, entry, profile), ':') != NULL)
		return HOME_HAS_COLON;
	if (accounts->server != NULL && entry->name.len + 1 + strlen(accounts->server) > ACCOUNT_NAME_MAX)
		return "with its server, NAME@SERVER, its name has more than 64 bytes; give the section a shorter name";
	return profile->problem;
}

/* Those of passwd(5) that PAM checks need its file. */
static void
say_pam(struct migrate_accounts *accounts, const struct converted *entry)
{
	if (!is_for_pam(accounts, entry) || accounts->pam_count++ > 0)
		return;
	buf_add_text(&accounts->users, "# PAM checks passwords of '*pam:', as before: keep /etc/pam.d/");
	escape_bytes(&accounts->users, ESCAPE_LOG, accounts->plan->pam_service, strlen(accounts->plan->pam_service));
	buf_add_text(&accounts->users, ", which the old server's package may remove.\n");
}

static int
take_migrated(struct migrate_accounts *accounts, const char *file, const struct converted *entry,
    const struct migrate_profile *profile)
{
	const char *problem = entry_problem(accounts, entry, profile), *name = converted_name(entry);
	char *hash = NULL;
	struct buf line;
	int r = 0;

	buf_init(&line, ACCOUNT_LINE_MAX);
	if (problem == NULL)
		r = hash_for(accounts, entry, &hash, &problem);
	if (r == 0 && problem == NULL) {
		compose_migrated(accounts, entry, profile, hash, &line);
		problem = line_problem(accounts, &line);
	}
	if (r == 0 && problem != NULL) {
		refuse_migrated(accounts, file, entry, problem);
	} else if (r == 0) {
		say_pam(accounts, entry);
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
	struct buf line, words;
	int r = 0;

	buf_init(&words, ACCOUNT_LINE_MAX);
	migrate_profile_words(&plan->anonymous, NULL, &words);
	buf_init(&line, ACCOUNT_LINE_MAX);
	buf_addf(&line, "anonymous:%s:%u:%u:%s:%s", ACCOUNT_ANY_PASSWORD, (unsigned)uid, (unsigned)gid, home,
	    words.data == NULL ? "" : words.data);
	if (plan->anonymous_tls != NULL)
		buf_addf(&line, "%stls=%s", words.len == 0 ? "" : " ", plan->anonymous_tls);
	*problem = strchr(home, ':') != NULL ? HOME_HAS_COLON : line_problem(accounts, &line);
	if (*problem == NULL) {
		buf_addf(&accounts->users, "%s\n", line.data);
		r = add_to_names(&accounts->names, "anonymous", strlen("anonymous"));
		accounts->taken++;
	}
	buf_free(&line);
	buf_free(&words);
	return *problem != NULL ? -EINVAL : r < 0 ? r : 0;
}

/* What the old server says of it, all in all. */
static int
describe_entry(struct migrate_accounts *accounts, const struct converted *entry, struct migrate_profile *profile)
{
	struct migrate_who who = {.name = converted_name(entry)};
	struct migrate_plan *plan = accounts->plan;
	struct buf file, text;
	int r = 0;

	migrate_profile_copy(profile, &plan->all);
	if (plan->peer->describe == NULL)
		return 0;
	buf_init(&file, PATH_MAX * 2);
	buf_init(&text, MIGRATE_OWN_MAX);
	who.home = home_pattern(accounts, entry, profile);
	if (plan->own_directory != NULL && accounts->read_own != NULL)
		r = accounts->read_own(accounts->read_arg, who.name, &file, &text);
	if (r > 0) {
		who.own_file = migrate_plan_keep(plan, file.data);
		who.own = text.data == NULL ? "" : text.data;
		who.own_len = text.len;
		r = who.own_file == NULL ? -ENOMEM : 0;
	}
	if (r == 0)
		plan->peer->describe(plan, &who, profile);
	else
		profile->problem = "the file of its own settings cannot be read; repair it, and migrate again";
	buf_free(&file);
	buf_free(&text);
	return r == -ENOMEM ? r : 0;
}

int
migrate_accounts_take(struct migrate_accounts *accounts, const char *file, struct convert *convert)
{
	struct converted entry;
	int r;

	converted_init(&entry);
	for (;;) {
		const char *start = convert->text;
		struct migrate_profile profile;

		r = convert_next(convert, &entry);
		if (r <= 0)
			break;
		r = describe_entry(accounts, &entry, &profile);
		if (r == 0 && !profile.is_refused && could_log_in(accounts, convert, &entry, start))
			r = take_migrated(accounts, file, &entry, &profile);
		else
			accounts->left_out++;
		migrate_profile_free(&profile);
		if (r < 0)
			break;
	}
	converted_free(&entry);
	return r < 0 ? r : accounts->users.error;
}
