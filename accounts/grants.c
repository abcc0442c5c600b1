/* SPDX-License-Identifier: ISC */
#include "accounts/grants.h"

#include <errno.h>
#include <string.h>

#include "accounts/rights.h"
#include "common/buf.h"
#include "common/home_path.h"
#include "common/percent.h"
#include "common/text.h"

#include "common/banned.h"

static int
refuse_grant(const char **error, const char *text)
{
	*error = text;
	return -EINVAL;
}

bool
path_is_within(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return strncmp(path, directory, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static int
parse_grant_path(const char *text, size_t len, struct home_path *path, const char **error)
{
	char decoded[PATH_MAX];
	ssize_t decoded_len = percent_decode(text, len, decoded, sizeof(decoded));

	if (decoded_len < 0)
		return refuse_grant(
		    error, "bad '%' in the path of a folder; write %25 for it, and %XX for any other byte");
	if (has_control(decoded, (size_t)decoded_len) || !utf8_valid(decoded, (size_t)decoded_len))
		return refuse_grant(
		    error, "the path of a folder has a control character or is not UTF-8; use another one");
	if (home_path_check(decoded, (size_t)decoded_len, path) < 0)
		return refuse_grant(error,
		    "the path of a folder has '.', '..', '//' or a '/' at its end; write it as the user sees it, like "
		    "folder=NAME=/team");
	if (path->len == 1)
		return refuse_grant(error, "a folder at '/', where the home is; give it another path");
	return 0;
}

/* Each path leads to one folder. */
static int
check_beside_others(const struct grants *grants, const char *name, const char *path, const char **error)
{
	for (size_t i = 0; i < grants->count; i++) {
		if (strcmp(grant_name(grants, i), name) == 0)
			return refuse_grant(error, "a folder appears twice; keep one of them");
		if (path_is_within(path, grant_path(grants, i)) || path_is_within(grant_path(grants, i), path))
			return refuse_grant(
			    error, "a folder at or below the path of another one; give each a path of its own");
	}
	return 0;
}

static uint16_t
keep_text(struct grants *grants, const char *text)
{
	uint16_t at = (uint16_t)grants->text_len;
	size_t size = strlen(text) + 1;

	memcpy(grants->text + at, text, size);
	grants->text_len += size;
	return at;
}

static int
put_grant(struct grants *grants, const char *name, const struct home_path *path, unsigned rights, const char **error)
{
	struct grant *grant = &grants->list[grants->count];
	int r = check_beside_others(grants, name, path->text, error);

	if (r < 0)
		return r;
	if (grants->count == GRANTS_MAX)
		return refuse_grant(error, "too many folders; at most 8 of an account");
	if (strlen(name) + path->len + 2 > sizeof(grants->text) - grants->text_len)
		return refuse_grant(error, "the paths of the folders are too long; at most 4096 bytes in all");
	grant->rights = rights;
	grant->name_at = keep_text(grants, name);
	grant->path_at = keep_text(grants, path->text);
	grants->count++;
	return 0;
}

int
grants_add(struct grants *grants, const char *value, size_t len, const char **error)
{
	const char *end = value + len;
	const char *path_from = memchr(value, '=', len), *rights_from;
	char name[ACCOUNT_NAME_MAX + 1];
	unsigned rights = MAY_ALL;
	struct home_path path;
	int r;

	if (path_from == NULL)
		return refuse_grant(error, "bad folder; write folder=NAME=/PATH or folder=NAME=/PATH=RIGHT,RIGHT");
	if ((size_t)(path_from - value) >= sizeof(name))
		return refuse_grant(error, "the name of a folder is too long; at most 63 bytes");
	memcpy(name, value, (size_t)(path_from - value));
	name[path_from++ - value] = '\0';
	rights_from = memchr(path_from, '=', (size_t)(end - path_from));
	r = parse_grant_path(path_from, (size_t)((rights_from == NULL ? end : rights_from) - path_from), &path, error);
	if (r < 0)
		return r;
	if (rights_from != NULL && rights_parse(rights_from + 1, (size_t)(end - rights_from - 1), &rights) < 0)
		return refuse_grant(error,
		    "bad rights of a folder; write folder=NAME=/PATH=WORD,WORD of list, read, create, overwrite, "
		    "delete, rename, mkdir, rmdir and chmod");
	return put_grant(grants, name, &path, rights, error);
}

const char *
grant_name(const struct grants *grants, size_t i)
{
	return grants->text + grants->list[i].name_at;
}

const char *
grant_path(const struct grants *grants, size_t i)
{
	return grants->text + grants->list[i].path_at;
}

size_t
grants_find(const struct grants *grants, const char *name)
{
	size_t i = 0;

	while (i < grants->count && strcmp(grant_name(grants, i), name) != 0)
		i++;
	return i;
}

void
grant_text(const struct grants *grants, size_t i, struct buf *out)
{
	char rights[RIGHTS_TEXT_MAX];

	buf_addf(out, "%s=", grant_name(grants, i));
	percent_encode(out, grant_path(grants, i), strlen(grant_path(grants, i)), "");
	rights_text(grants->list[i].rights, rights);
	if (grants->list[i].rights != MAY_ALL)
		buf_addf(out, "=%s", rights);
}
