/* SPDX-License-Identifier: ISC */
#include "accounts/zones.h"

#include <errno.h>
#include <string.h>

#include "accounts/rights.h"
#include "common/buf.h"
#include "common/home_path.h"
#include "common/percent.h"
#include "common/text.h"

#include "common/banned.h"

#define NO_RIGHTS "none"

static int
reject(const char **error, const char *text)
{
	*error = text;
	return -EINVAL;
}

static size_t
count_components(const char *path)
{
	size_t count = 0;

	for (; *path != '\0'; path++)
		count += *path == '/';
	return count;
}

static int
parse_zone_path(const char *text, size_t len, struct home_path *path, const char **error)
{
	char decoded[PATH_MAX];
	ssize_t decoded_len = percent_decode(text, len, decoded, sizeof(decoded));

	if (decoded_len < 0)
		return reject(error, "bad '%' in a directory of rights; write %25 for it, and %XX for any other byte");
	if (has_control(decoded, (size_t)decoded_len) || !utf8_valid(decoded, (size_t)decoded_len))
		return reject(error, "a directory of rights has a control character or is not UTF-8; rename it");
	if (home_path_check(decoded, (size_t)decoded_len, path) < 0)
		return reject(error,
		    "a directory of rights has '.', '..', '//' or a '/' at its end; write it as the user sees it, "
		    "like rights=/in=create");
	if (count_components(path->text) > ZONE_DEPTH_MAX)
		return reject(error, "a directory of rights is too deep; at most 16 directories down");
	return 0;
}

static int
parse_zone_rights(const char *text, size_t len, unsigned *rights, const char **error)
{
	*rights = 0;
	if ((len == sizeof(NO_RIGHTS) - 1 && memcmp(text, NO_RIGHTS, len) == 0) || rights_parse(text, len, rights) == 0)
		return 0;
	return reject(error,
	    "bad rights of a directory; write rights=/DIRECTORY=WORD,WORD of list, read, create, overwrite, delete, "
	    "rename, mkdir, rmdir and chmod, or none");
}

size_t
zones_find(const struct zones *zones, const char *path)
{
	size_t i = 0;

	while (i < zones->count && strcmp(zone_path(zones, i), path) != 0)
		i++;
	return i;
}

int
zones_put(struct zones *zones, const struct home_path *path, unsigned rights, const char **error)
{
	if (zones_find(zones, path->text) < zones->count)
		return reject(error, "a directory has rights twice; keep one of them");
	if (zones->count == ZONES_MAX)
		return reject(error, "too many directories with rights; at most 32");
	if (path->len + 1 > sizeof(zones->text) - zones->text_len)
		return reject(error, "the directories with rights are too long; at most 4096 bytes in all");
	zones->rule[zones->count++] =
	    (struct zone_rule){.rights = rights, .at = (uint16_t)zones->text_len, .len = (uint16_t)path->len};
	memcpy(zones->text + zones->text_len, path->text, path->len + 1);
	zones->text_len += path->len + 1;
	return 0;
}

bool
zones_have(const struct zones *zones, const char *value, size_t len)
{
	const char *equals = memchr(value, '=', len);
	const char *error;
	struct home_path path;

	return equals != NULL && parse_zone_path(value, (size_t)(equals - value), &path, &error) == 0 &&
	    zones_find(zones, path.text) < zones->count;
}

int
zones_add(struct zones *zones, const char *value, size_t len, unsigned *base, const char **error)
{
	const char *equals = memchr(value, '=', len);
	struct home_path path;
	unsigned rights;
	int r;

	if (equals == NULL)
		return reject(error, "rights of a directory without rights; write rights=/DIRECTORY=WORD,WORD");
	r = parse_zone_path(value, (size_t)(equals - value), &path, error);
	if (r == 0)
		r = parse_zone_rights(equals + 1, len - (size_t)(equals + 1 - value), &rights, error);
	if (r < 0)
		return r;
	if (path.len > 1)
		return zones_put(zones, &path, rights, error);
	*base = rights;
	return 1;
}

const char *
zone_path(const struct zones *zones, size_t i)
{
	return zones->text + zones->rule[i].at;
}

unsigned
zones_rights_of_any(const struct zones *zones)
{
	unsigned rights = 0;

	for (size_t i = 0; zones != NULL && i < zones->count; i++)
		rights |= zones->rule[i].rights;
	return rights;
}

void
zone_text(const struct zones *zones, size_t i, struct buf *out)
{
	char rights[RIGHTS_TEXT_MAX];

	rights_text(zones->rule[i].rights, rights);
	percent_encode(out, zone_path(zones, i), zones->rule[i].len, "");
	buf_addf(out, "=%s", rights[0] == '\0' ? NO_RIGHTS : rights);
}
