/* SPDX-License-Identifier: ISC */
/* Every line of the input as a line of the users file. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/definition.h"
#include "accounts/users_file.h"
#include "common/buf.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A rule that is written again means the same. */
static void
check_zones(const struct account *account)
{
	const struct zones *zones = &account->zones;
	struct zones again = {.count = 0};
	unsigned base = 0;

	for (size_t i = 0; account->has_zones && i < zones->count; i++) {
		const char *error = NULL;
		struct buf text;

		buf_init(&text, ACCOUNT_LINE_MAX);
		zone_text(zones, i, &text);
		if (text.error == 0 && zones_add(&again, text.data, text.len, &base, &error) < 0)
			abort();
		if (text.error == 0 &&
		    (again.rule[again.count - 1].rights != zones->rule[i].rights ||
			strcmp(zone_path(&again, again.count - 1), zone_path(zones, i)) != 0))
			abort();
		buf_free(&text);
	}
}

/* An accepted line stays accepted, and the same, when an edit that changes nothing is applied. */
static void
check_line(const char *line, size_t len)
{
	const struct users_edit nothing = {0};
	struct account account, again;
	const char *error = NULL;
	struct buf edited;

	if (account_parse(line, len, &account, &error) < 0) {
		if (error == NULL)
			abort();
		return;
	}
	buf_init(&edited, ACCOUNT_LINE_MAX);
	if (users_line_edit(line, len, &nothing, &edited) < 0 ||
	    account_parse(edited.data, edited.len, &again, &error) < 0)
		abort();
	if (strcmp(account.name, again.name) != 0 || strcmp(account.home, again.home) != 0 ||
	    strcmp(account.hash, again.hash) != 0 || account.is_locked != again.is_locked || account.uid == 0 ||
	    account.gid == 0 || account.rights != again.rights || account.has_zones != again.has_zones ||
	    account.allow_from_count != again.allow_from_count)
		abort();
	check_zones(&account);
	buf_free(&edited);
}

/* Words that were checked are taken by any account. */
static void
join_group(const struct definition *definition)
{
	static const char own[] = "a:$y$x:1:1:/a:group=g quota=1 rights=list allow-from=192.0.2.1";
	struct account account;
	const char *error;

	if (account_parse(own, sizeof(own) - 1, &account, &error) < 0 ||
	    account_take_group(&account, definition->body, definition->body_len, &error) < 0 ||
	    account.quota_bytes != 1 || account.rights != MAY_LIST || account.allow_from_count != 1)
		abort();
}

/* What a definition names lies within its line. */
static void
check_definition(const char *line, size_t len)
{
	struct definition definition;
	const char *error = NULL;

	if (definition_parse(line, len, &definition, &error) < 0) {
		if (error == NULL)
			abort();
		return;
	}
	if (definition.name <= line || definition.name + definition.name_len + 1 != definition.body ||
	    definition.body + definition.body_len != line + len || account_line_is_account(line, len))
		abort();
	if (definition.kind == DEFINITION_GROUP)
		join_group(&definition);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((newline == NULL ? end : newline) - text);
		char *line = malloc(len + 1); /* a copy of exact size, so that reading past its end is seen */

		if (line == NULL)
			return 0;
		memcpy(line, text, len);
		if (!account_line_is_blank(line, len))
			check_line(line, len);
		check_definition(line, len);
		free(line);
		text += len + 1;
	}
	return 0;
}
