/* SPDX-License-Identifier: ISC */
/*
 * Definition lines of the users file, "+KIND NAME:...": what accounts refer to by its name (sallyport-users(5)). Pure.
 *
 * No account's name begins with '+', so no line is both. A definition is found under its key "+KIND NAME", as an
 * account is under its name: users_file_find(), snapshot_definition().
 */
#ifndef ACCOUNTS_DEFINITION_H
#define ACCOUNTS_DEFINITION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/bounds.h"

#define DEFINITION_KEY_MAX (ACCOUNT_NAME_MAX + 16)	/* bytes of "+KIND NAME", without NUL */

/* One row of the table in definition.c each; append only. */
enum definition_kind { DEFINITION_GROUP, DEFINITION_FOLDER, DEFINITION_KIND_COUNT };

struct definition {
	enum definition_kind kind;
	const char *name;	/* borrowed from the line, as body is; not NUL-terminated */
	size_t name_len;
	const char *body;	/* all after the colon */
	size_t body_len;
};

/* True for a line that begins with '+'; whether it is a good one, definition_parse() says. */
static inline bool
line_is_definition(const char *line, size_t len)
{
	return len > 0 && line[0] == '+';
}

/*
 * Parse a definition line, without its newline, and check what its kind demands of it.
 *
 * error  on failure: what is wrong and what would be right; static text.
 *
 * Returns 0 or -EINVAL.
 */
int definition_parse(const char *line, size_t len, struct definition *out, const char **error);

/* "group" and so on: KIND of the line. */
const char *definition_word(enum definition_kind kind);

/* Write "+KIND NAME". Returns false, with key empty, for a name that no definition can have. */
bool definition_key(enum definition_kind kind, const char *name, char key[DEFINITION_KEY_MAX + 1]);

#endif
