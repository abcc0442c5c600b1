/* SPDX-License-Identifier: ISC */
#include "admin/migrate_blocks.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "accounts/rights.h"
#include "admin/migrate_rows.h"
#include "common/address.h"

#include "common/banned.h"

/* Which right a command needs. Its group has a name of its own in <Limit>. A right that a command takes away is gone. */
static const struct {
	const char *command, *group;
	unsigned rights;
} commands[] = {
    {"LIST", "DIRS", MAY_LIST},
    {"NLST", "DIRS", MAY_LIST},
    {"MLSD", "DIRS", MAY_LIST},
    {"RETR", "READ", MAY_READ},
    {"STOR", "WRITE", MAY_CREATE | MAY_OVERWRITE},
    {"APPE", "WRITE", MAY_OVERWRITE},
    {"DELE", "WRITE", MAY_DELETE},
    {"RNFR", "WRITE", MAY_RENAME},
    {"RNTO", "WRITE", MAY_RENAME},
    {"MKD", "WRITE", MAY_MKDIR},
    {"RMD", "WRITE", MAY_RMDIR},
    {"SITE_CHMOD", "WRITE", MAY_CHMOD},
    {"MFMT", "WRITE", MAY_CHMOD},
};

/* They do no more than one of the others does, or tell no more than a listing. */
static const char *const covered[] = {"ALL", "READ", "WRITE", "DIRS", "LOGIN", "XMKD", "XRMD", "STOU", "STAT", "MLST",
    "PWD", "XPWD", "SIZE", "MDTM", "MFF", "SITE_CHGRP", "SITE_UTIME", "SITE_SYMLINK", "SITE_MKDIR", "SITE_RMDIR",
    "SITE_COPY", "SITE_CPFR", "SITE_CPTO", "EPRT", "EPSV", "PASV", "PORT"};

struct migrate_blocks *
migrate_blocks_new(void)
{
	struct migrate_blocks *blocks = calloc(1, sizeof(*blocks));

	if (blocks != NULL)
		blocks->place_count = 1;
	return blocks;
}

void
migrate_blocks_free(struct migrate_blocks *blocks)
{
	if (blocks == NULL)
		return;
	while (blocks->depth > 0)
		free(blocks->open[--blocks->depth].name);
	free(blocks);
}

const struct directive *
migrate_said_of(const struct migrate_plan *plan, size_t place, const char *name)
{
	if (place == 0)
		return migrate_said(plan, name);
	for (size_t i = plan->count; i > 0; i--)
		if (plan->directives[i - 1].place == place && strcasecmp(plan->directives[i - 1].name, name) == 0)
			return &plan->directives[i - 1];
	return NULL;
}

/* --- what one limit says --- */

enum verdict { NOTHING_SAID, IS_ALLOWED, IS_REFUSED, IS_UNKNOWN };
enum match { IS_NOT, MAY_BE, IS };

static enum match
more(enum match a, enum match b)
{
	return a > b ? a : b;
}

/* Does one of the names fit? */
static enum match
match_user(const struct directive *directive, const char *name)
{
	enum match found = IS_NOT;
	const char *first = migrate_word(directive, 0, "");
	char item[256];

	if (directive->count > 1 && (strcasecmp(first, "AND") == 0 || strcasecmp(first, "regex") == 0))
		return MAY_BE;
	for (size_t i = directive->count > 1 && strcasecmp(first, "OR") == 0; i < directive->count; i++)
		for (const char *at = directive->words[i]; *at != '\0';) {
			size_t len = strcspn(at, ",");
			bool is_not = at[0] == '!';

			snprintf(item, sizeof(item), "%.*s", (int)(len < sizeof(item) ? len : sizeof(item) - 1), at);
			if (len >= sizeof(item) || strpbrk(item, "*?[") != NULL)
				found = more(found, MAY_BE);
			else if (len > 0 && (name != NULL && strcmp(item + is_not, name) == 0) != is_not)
				found = IS;
			at += len + (at[len] == ',');
		}
	return found;
}

/* "from" is a word that says nothing. An address says nothing about the user. */
static enum match
match_address(const struct directive *directive)
{
	size_t i = directive->count > 0 && strcasecmp(directive->words[0], "from") == 0;

	if (directive->count == i + 1 && strcasecmp(directive->words[i], "all") == 0)
		return IS;
	if (directive->count == i + 1 && strcasecmp(directive->words[i], "none") == 0)
		return IS_NOT;
	return MAY_BE;
}

/* What a limit asks. */
struct asked {
	enum match allow, deny;
	bool denies_first; /* Order: and what neither names is refused */
	bool has_networks; /* all that is not known are networks in Allow */
};

static void
ask_directive(struct asked *asked, const struct directive *directive, const char *user)
{
	const char *name = directive->name;
	bool is_allow = strncasecmp(name, "Allow", 5) == 0;
	enum match found;

	if (strcasecmp(name, "Order") == 0) {
		asked->denies_first = strncasecmp(directive->value, "deny", 4) == 0;
		return;
	}
	if (strcasecmp(name, "IgnoreHidden") == 0)
		return;
	if (strcasecmp(name, "AllowAll") == 0 || strcasecmp(name, "DenyAll") == 0)
		found = IS;
	else if (strcasecmp(name, "AllowUser") == 0 || strcasecmp(name, "DenyUser") == 0)
		found = match_user(directive, user);
	else if (strcasecmp(name, "Allow") == 0 || strcasecmp(name, "Deny") == 0)
		found = match_address(directive);
	else
		found = MAY_BE;
	if (found == MAY_BE && strcasecmp(name, "Allow") != 0)
		asked->has_networks = false;
	if (is_allow)
		asked->allow = more(asked->allow, found);
	else
		asked->deny = more(asked->deny, found);
}

static enum verdict
ask_limit(const struct migrate_limit *limit, const char *user, struct asked *asked)
{
	*asked = (struct asked){.has_networks = true};
	for (const struct directive *now = limit->begin + 1; now < limit->end; now++)
		if (now->name[0] != '<')
			ask_directive(asked, now, user);
	if (asked->denies_first) {
		if (asked->deny == IS || asked->allow == IS_NOT)
			return IS_REFUSED;
		return asked->deny == IS_NOT && asked->allow == IS ? IS_ALLOWED : IS_UNKNOWN;
	}
	if (asked->allow == IS)
		return IS_ALLOWED;
	if (asked->allow == MAY_BE)
		return IS_UNKNOWN;
	return asked->deny == IS ? IS_REFUSED : asked->deny == MAY_BE ? IS_UNKNOWN : NOTHING_SAID;
}

static bool
limit_names(const struct migrate_limit *limit, const char *command)
{
	for (size_t i = 0; i < limit->begin->count; i++)
		if (strcasecmp(limit->begin->words[i], command) == 0)
			return true;
	return false;
}

/* --- directories --- */

/* The path of a place for a user; false: not known. */
static bool
place_path(const struct migrate_place *place, const struct migrate_user *user, char path[PATH_MAX])
{
	const char *text = place->path, *tail = text + 1;
	size_t own = user->name == NULL ? 0 : strlen(user->name), len;
	int n;

	if (text[0] == '~' && own > 0 && strncmp(tail, user->name, own) == 0 && (tail[own] == '/' || tail[own] == '\0'))
		tail += own;
	if (text[0] == '/')
		n = snprintf(path, PATH_MAX, "%s", text);
	else if (text[0] != '~')
		n = snprintf(path, PATH_MAX, "%s/%s", user->home, text);
	else if (*tail == '\0' || *tail == '/')
		n = snprintf(path, PATH_MAX, "%s%s", user->home, tail);
	else
		return false;
	if (n < 0 || n >= PATH_MAX)
		return false;
	len = strlen(path);
	while (len > 0 && path[len - 1] == '/')
		path[--len] = '\0';
	if (len >= 2 && strcmp(path + len - 2, "/*") == 0) /* what is in it */
		path[len - 2] = '\0';
	return true;
}

/* Of a home that is not known, whether it is there is not, either. */
static bool
is_elsewhere(const struct migrate_place *place, const struct migrate_user *user)
{
	return strcmp(user->home, MIGRATE_ANY_HOME) == 0 && place->path[0] == '/' && strcmp(place->path, "/") != 0 &&
	    strcmp(place->path, "/*") != 0;
}

/* How much of path pattern covers, from its first component on: the bytes, or -1 if it does not fit. */
static long
covers(const char *pattern, const char *path)
{
	const char *at = path;

	while (*pattern == '/' && *at == '/') {
		size_t pattern_len = strcspn(pattern + 1, "/"), len = strcspn(at + 1, "/");
		char a[NAME_MAX + 1], b[NAME_MAX + 1];

		if (pattern_len > NAME_MAX || len > NAME_MAX)
			return -1;
		memcpy(a, pattern + 1, pattern_len);
		memcpy(b, at + 1, len);
		a[pattern_len] = b[len] = '\0';
		if (fnmatch(a, b, 0) != 0)
			return -1;
		pattern += 1 + pattern_len;
		at += 1 + len;
	}
	return *pattern == '\0' ? at - path : -1;
}

/* The part of pattern below home, or NULL: it is not below it. */
static const char *
below_home(const char *pattern, const char *home)
{
	size_t depth = 0;
	const char *at = pattern;
	char above[PATH_MAX];

	for (const char *p = home; *p != '\0'; p++)
		depth += *p == '/';
	while (depth > 0 && *at == '/') {
		at += 1 + strcspn(at + 1, "/");
		depth--;
	}
	if (depth > 0 || *at != '/')
		return NULL;
	snprintf(above, sizeof(above), "%.*s", (int)(at - pattern), pattern);
	return covers(above, home) == (long)strlen(home) ? at : NULL;
}

/* --- what decides in a directory --- */

/* Places that cover a directory, the deepest first; the scope, and what is around it, last. */
struct chain {
	size_t count;
	size_t place[MIGRATE_PLACES_MAX + 2];
	long depth[MIGRATE_PLACES_MAX + 2];
};

static void
chain_insert(struct chain *chain, size_t first, size_t place, long depth)
{
	size_t i = chain->count++;

	for (; i > first && chain->depth[i - 1] < depth; i--) {
		chain->place[i] = chain->place[i - 1];
		chain->depth[i] = chain->depth[i - 1];
	}
	chain->place[i] = place;
	chain->depth[i] = depth;
}

static void
chain_scope(const struct migrate_blocks *blocks, const struct migrate_user *user, size_t scope, const char *directory,
    struct chain *chain)
{
	size_t first = chain->count;
	char path[PATH_MAX];

	for (size_t i = 1; i < blocks->place_count; i++) {
		const struct migrate_place *place = &blocks->places[i];
		long depth;

		if (place->kind != PLACE_DIRECTORY || place->scope != scope || is_elsewhere(place, user) ||
		    !place_path(place, user, path))
			continue;
		depth = covers(path, directory);
		if (depth >= 0) /* what is in a directory is deeper than it */
			chain_insert(chain, first, i, depth + (place->path[strlen(place->path) - 1] == '*'));
	}
	chain->place[chain->count] = scope;
	chain->depth[chain->count++] = -1;
}

/* Whether a directory of the server decides for anonymous users, too, is not certain: it only refuses them. */
static enum verdict
decide(const struct migrate_blocks *blocks, const struct migrate_user *user, const struct chain *chain,
    const char *command)
{
	for (size_t i = 0; i < chain->count; i++)
		for (size_t j = 0; j < blocks->limit_count; j++) {
			const struct migrate_limit *limit = &blocks->limits[j];
			bool is_around = user->scope != 0 && blocks->places[limit->place].kind == PLACE_DIRECTORY &&
			    blocks->places[limit->place].scope == 0;
			enum verdict verdict;
			struct asked asked;

			if (limit->place != chain->place[i] || !limit_names(limit, command))
				continue;
			verdict = ask_limit(limit, user->name, &asked);
			if (verdict != NOTHING_SAID && !(is_around && verdict == IS_ALLOWED))
				return verdict;
		}
	return NOTHING_SAID;
}

/* As dir_check() of ProFTPD: the command itself, wherever it is named, then its group, then ALL. */
static bool
is_command_refused(
    const struct migrate_blocks *blocks, const struct migrate_user *user, const struct chain *chain, size_t row)
{
	enum verdict verdict = decide(blocks, user, chain, commands[row].command);

	if (verdict == NOTHING_SAID)
		verdict = decide(blocks, user, chain, commands[row].group);
	if (verdict == NOTHING_SAID)
		verdict = decide(blocks, user, chain, "ALL");
	return verdict == IS_REFUSED || verdict == IS_UNKNOWN;
}

static bool
may_overwrite(const struct migrate_plan *plan, const struct chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct directive *said = migrate_said_of(plan, chain->place[i], "AllowOverwrite");
		bool is_on = false;

		if (said != NULL)
			return migrate_parse_bool(migrate_word(said, 0, ""), &is_on) == 0 && is_on;
	}
	return false;
}

static unsigned
rights_in(const struct migrate_plan *plan, const struct migrate_user *user, const char *directory)
{
	struct chain chain = {.count = 0};
	unsigned rights = MAY_ALL;

	chain_scope(plan->blocks, user, user->scope, directory, &chain);
	if (user->scope != 0)
		chain_scope(plan->blocks, user, 0, directory, &chain);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (is_command_refused(plan->blocks, user, &chain, i))
			rights &= ~commands[i].rights;
	return may_overwrite(plan, &chain) ? rights : rights & ~(unsigned)MAY_OVERWRITE;
}

static void
lose_place(struct migrate_plan *plan, struct migrate_place *place, const char *why)
{
	if (place->is_lost)
		return;
	place->is_lost = true;
	migrate_note(plan, place->begin, MIGRATE_PROTECTS, NULL, why,
	    "say it with rights=/DIRECTORY=... of the accounts that see it");
}

static void
take_zone_of_place(struct migrate_plan *plan, const struct migrate_user *user, struct migrate_place *place,
    const char *path, struct migrate_profile *profile)
{
	const char *rest = below_home(path, user->home), *problem;
	char directory[PATH_MAX * 2];

	if (rest == NULL)
		return;
	if (strpbrk(rest, "*?[") != NULL) {
		lose_place(plan, place, "rights are those of a directory, not of a pattern");
		return;
	}
	if (zones_find(&profile->zones, rest) < profile->zones.count)
		return;
	snprintf(directory, sizeof(directory), "%s%s", user->home, rest);
	if (migrate_profile_zone(profile, rest, rights_in(plan, user, directory), &problem) < 0)
		lose_place(plan, place, problem);
}

void
migrate_limited_rights(struct migrate_plan *plan, const struct migrate_user *user, struct migrate_profile *profile)
{
	struct migrate_blocks *blocks = plan->blocks;
	char path[PATH_MAX];

	profile->rights = rights_in(plan, user, user->home);
	profile->zones = (struct zones){.count = 0};
	for (size_t i = 1; i < blocks->place_count; i++) {
		struct migrate_place *place = &blocks->places[i];

		if (place->kind != PLACE_DIRECTORY || (place->scope != 0 && place->scope != user->scope))
			continue;
		if (is_elsewhere(place, user) && user->scope == 0)
			continue;
		if (is_elsewhere(place, user) || !place_path(place, user, path))
			lose_place(plan, place, "the home of another user is not looked up");
		else
			take_zone_of_place(plan, user, place, path, profile);
	}
}

/* --- who may log in --- */

/* "192.168." is a network, too. False: no network. */
static bool
parse_network(const char *text, size_t len, char out[ADDRESS_TEXT_MAX])
{
	struct address_block block;
	unsigned dots = 0;

	if (len + 12 >= ADDRESS_TEXT_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		dots += text[i] == '.';
	snprintf(out, ADDRESS_TEXT_MAX, "%.*s", (int)len, text);
	if (len > 1 && text[len - 1] == '.' && dots <= 3)
		snprintf(out, ADDRESS_TEXT_MAX, "%.*s%s/%u", (int)len, text,
		    dots == 1       ? "0.0.0"
			: dots == 2 ? "0.0"
				    : "0",
		    dots * 8);
	return address_block_parse(out, &block) == 0;
}

/* Add the networks of Allow. Names of hosts are none: those clients are refused. True: there was one. */
static bool
add_networks(const struct migrate_limit *limit, struct migrate_profile *profile)
{
	char network[ADDRESS_TEXT_MAX];
	bool has_names = false;

	for (const struct directive *now = limit->begin + 1; now < limit->end; now++) {
		if (strcasecmp(now->name, "Allow") != 0)
			continue;
		for (size_t i = 0; i < now->count; i++)
			for (const char *at = now->words[i]; *at != '\0';) {
				size_t len = strcspn(at, ","), had = strlen(profile->allow_from);
				bool is_word = (len == 4 && strncasecmp(at, "from", 4) == 0) || len == 0;

				if (!parse_network(at, len, network) ||
				    had + strlen(network) + 1 >= sizeof(profile->allow_from))
					has_names = has_names || !is_word;
				else
					snprintf(profile->allow_from + had, sizeof(profile->allow_from) - had, "%s%s",
					    had == 0 ? "" : ",", network);
				at += len + (at[len] == ',');
			}
	}
	return has_names;
}

/* Only the networks of Allow are let in, and nobody else. */
static bool
is_by_network(const struct asked *asked)
{
	return asked->has_networks && asked->allow == MAY_BE &&
	    (asked->denies_first ? asked->deny == IS_NOT : asked->deny == IS);
}

bool
migrate_limited_login(const struct migrate_plan *plan, const struct migrate_user *user, struct migrate_profile *profile)
{
	for (size_t i = 0; i < plan->blocks->limit_count; i++) {
		const struct migrate_limit *limit = &plan->blocks->limits[i];
		struct asked asked;
		enum verdict verdict;

		if ((limit->place != 0 && limit->place != user->scope) || !limit_names(limit, "LOGIN"))
			continue;
		verdict = ask_limit(limit, user->name, &asked);
		if (verdict == IS_REFUSED)
			return false;
		if (verdict != IS_UNKNOWN || !is_by_network(&asked))
			continue;
		if (profile->allow_from[0] != '\0') /* of two lists, both would count */
			return false;
		add_networks(limit, profile);
		if (profile->allow_from[0] == '\0')
			return false;
	}
	return true;
}

/* --- notes --- */

static bool
has_row(const char *command)
{
	for (size_t i = 0; i < sizeof(covered) / sizeof(covered[0]); i++)
		if (strcasecmp(covered[i], command) == 0)
			return true;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcasecmp(commands[i].command, command) == 0)
			return true;
	return false;
}

static void
note_login(struct migrate_plan *plan, const struct migrate_limit *limit)
{
	struct migrate_profile networks = {.rights = 0};
	struct asked asked;

	if (ask_limit(limit, NULL, &asked) != IS_UNKNOWN)
		return;
	if (is_by_network(&asked) && add_networks(limit, &networks))
		migrate_note(plan, limit->begin, MIGRATE_COMFORT, NULL,
		    "names of hosts are not looked up, so clients there are refused",
		    "name their networks in allow-from=");
	if (!is_by_network(&asked))
		migrate_note(plan, limit->begin, MIGRATE_PROTECTS, NULL,
		    "who may log in depends on what accounts here have not: groups, classes, or refused networks",
		    "remove accounts from users, or give them allow-from=");
}

/* Commands that are refused to some, by what is not looked up here, are refused to all. */
static void
note_commands(struct migrate_plan *plan, const struct migrate_limit *limit)
{
	struct asked asked;
	enum verdict verdict = ask_limit(limit, NULL, &asked);

	if (verdict == IS_UNKNOWN)
		migrate_note(plan, limit->begin, MIGRATE_COMFORT, NULL,
		    "groups, classes and networks are not looked up, so the commands are refused to all",
		    "give single accounts more: rights= of sallyport-users(5)");
	if (verdict == IS_ALLOWED ||
	    (verdict == NOTHING_SAID && asked.deny == IS_NOT && asked.allow == IS_NOT &&
		limit->begin + 1 == limit->end))
		return;
	for (size_t i = 0; i < limit->begin->count; i++)
		if (!has_row(limit->begin->words[i]))
			migrate_note(plan, limit->begin, MIGRATE_PROTECTS, NULL, "no right is about this command alone",
			    "see which right of sallyport-users(5) is about what it does");
	if (plan->blocks->places[limit->place].kind == PLACE_DIRECTORY &&
	    (limit_names(limit, "ALL") || limit_names(limit, "DIRS")))
		migrate_note(plan, limit->begin, MIGRATE_COMFORT, NULL,
		    "a directory without rights can be seen and entered, but nothing in it", "put it in another home");
	if (limit_names(limit, "SITE_CHMOD") && !limit_names(limit, "MFMT") && !limit_names(limit, "WRITE"))
		migrate_note(plan, limit->begin, MIGRATE_COMFORT, NULL, "the right chmod is about modes and times",
		    "give accounts that set times the right chmod");
}

void
migrate_note_limits(struct migrate_plan *plan)
{
	for (size_t i = 0; i < plan->blocks->limit_count; i++) {
		const struct migrate_limit *limit = &plan->blocks->limits[i];

		if (limit_names(limit, "LOGIN"))
			note_login(plan, limit);
		if (limit->begin->count > limit_names(limit, "LOGIN"))
			note_commands(plan, limit);
	}
}
