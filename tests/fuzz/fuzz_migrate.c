/* SPDX-License-Identifier: ISC */
/*
 * The first byte chooses the server; up to a NUL the input is its configuration, then the settings of one account, then
 * a file of accounts. What comes out must be what our own parsers take.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/rights.h"
#include "admin/migrate_accounts.h"
#include "admin/migrate_hosts.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_regex.h"
#include "config/values.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct migrate_peer *const peers[] = {&migrate_vsftpd, &migrate_pure_ftpd, &migrate_proftpd};

/* The input in three. */
struct parts {
	const char *config, *own, *accounts;
	size_t config_len, own_len, accounts_len;
};

static void
cut_parts(const char *text, size_t size, struct parts *parts)
{
	const char *end = text + size, *nul = memchr(text, '\0', size);

	*parts = (struct parts){.config = text, .config_len = nul == NULL ? size : (size_t)(nul - text)};
	if (nul == NULL)
		return;
	parts->own = nul + 1;
	nul = memchr(parts->own, '\0', (size_t)(end - parts->own));
	parts->own_len = (size_t)((nul == NULL ? end : nul) - parts->own);
	if (nul == NULL)
		return;
	parts->accounts = nul + 1;
	parts->accounts_len = (size_t)(end - parts->accounts);
}

static int
read_own_part(void *arg, const char *name, struct buf *file, struct buf *text)
{
	const struct parts *parts = arg;

	(void)name;
	if (parts->own == NULL)
		return 0;
	buf_add_text(file, "own");
	buf_add(text, parts->own, parts->own_len);
	return file->error < 0 || text->error < 0 ? -ENOMEM : 1;
}

/* Lines of the users file are accounts, the group, or comments; the group's options are good. */
static void
check_users(const struct buf *users)
{
	const char *at = users->data, *end = at + users->len;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *error = NULL, *words;
		size_t len;
		struct account account;

		if (newline == NULL)
			abort();
		len = (size_t)(newline - at);
		words = memchr(at, ':', len);
		if (at[0] == '+') {
			if (words == NULL || account_group_check(words + 1, (size_t)(newline - words - 1), &error) < 0)
				abort();
		} else if (at[0] != '#') {
			if (account_parse(at, len, &account, &error) < 0)
				abort();
			account_wipe(&account);
		}
		at = newline + 1;
	}
}

static void
take_parts(struct migrate_plan *plan, const char *server, struct parts *parts)
{
	struct migrate_accounts accounts;
	struct convert convert = {.line = 0};
	const char *problem;

	migrate_accounts_init(&accounts, plan, server);
	accounts.guest_uid = accounts.guest_gid = 200000;
	accounts.guest_home = "/srv/guest";
	accounts.has_pam = plan->pam_service != NULL && (parts->config_len & 1) != 0;
	accounts.read_own = read_own_part;
	accounts.read_arg = parts;
	if (plan->anonymous_user != NULL)
		migrate_accounts_anonymous(&accounts, 200001, 200001, "/srv/site", &problem);
	if (parts->accounts != NULL) {
		convert.text = parts->accounts;
		convert.end = parts->accounts + parts->accounts_len;
		convert.format = migrate_accounts_format(parts->accounts, parts->accounts_len, plan->format);
		if (convert.format != CONVERT_VSFTPD) /* which would hash passwords */
			migrate_accounts_take(&accounts, "accounts", &convert);
	}
	if (accounts.users.error == 0 && accounts.problem == NULL)
		check_users(&accounts.users);
	migrate_accounts_free(&accounts);
}

/* Each virtual host that is carried has a name of its own that our configuration takes, and accounts. */
static void
take_hosts(struct migrate_plan *plan, struct parts *parts)
{
	const struct migrate_hosts *hosts = plan->hosts;

	for (size_t i = 0; hosts != NULL && i < hosts->count; i++) {
		struct migrate_host *host = hosts->list[i];

		if (!host->is_carried)
			continue;
		if (!value_is_host_name(host->title))
			abort();
		for (size_t j = 0; j < i; j++)
			if (strcmp(hosts->list[j]->title, host->title) == 0)
				abort();
		take_parts(&host->plan, host->title, parts);
		host->users = "/users";
	}
	migrate_hosts_join_notes(plan);
}

/* A pattern is one that an account may have, as far as its length goes. */
static void
try_regex(const char *text)
{
	struct migrate_profile profile;
	struct migrate_globs globs;
	const char *problem;

	for (unsigned i = 0; i < 4; i++) {
		if (migrate_regex_globs(text, (i & 1) != 0, (i & 2) != 0, &globs) < 0)
			continue;
		migrate_profile_init(&profile);
		for (size_t j = 0; j < globs.count; j++) {
			if (globs.text[j][0] == '\0')
				abort();
			migrate_profile_pattern(&profile, true, globs.text[j], strlen(globs.text[j]), &problem);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct migrate_plan plan;
	struct parts parts;
	const char *problem;
	struct buf config;
	size_t at;
	char *text;

	if (size == 0 || (text = malloc(size)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	cut_parts(text, size - 1, &parts);
	try_regex(text);
	buf_init(&config, (size_t)1 << 22);
	if (migrate_plan_init(&plan, peers[data[0] % 3]) == 0 &&
	    migrate_plan_read(&plan, "old", parts.config, parts.config_len, &at, &problem) == 0 &&
	    migrate_plan_settle(&plan, &at, &problem) == 0) {
		take_parts(&plan, NULL, &parts);
		take_hosts(&plan, &parts);
		migrate_write_config(&plan, "/users", &config);
		if (config.error == 0 && config.len == 0)
			abort();
	}
	migrate_plan_free(&plan);
	buf_free(&config);
	free(text);
	return 0;
}
