/* SPDX-License-Identifier: ISC */
/* HASH with RANG, and the older X-verbs: digests, computed by files. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/command.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/hash_names.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

static const char *const names[HASH_COUNT] = {
    [HASH_SHA256] = "SHA-256",
    [HASH_SHA512] = "SHA-512",
    [HASH_SHA1] = "SHA-1",
    [HASH_MD5] = "MD5",
    [HASH_CRC32] = "CRC32",
};

const char *
hash_name(enum ipc_hash hash)
{
	return names[hash];
}

int
hash_find(const char *name, enum ipc_hash *hash)
{
	for (int i = 0; i < HASH_COUNT; i++) {
		if (strcasecmp(names[i], name) == 0) {
			*hash = (enum ipc_hash)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* draft-bryan-ftpext-hash-02, 3.5: 553 for a directory, 550 for what is not there. */
static void
reply_hash_error(struct protocol *protocol, int r, const struct home_path *path)
{
	if (r == -EISDIR)
		reply(protocol, 553, "%s: Is a directory", path->text);
	else
		reply_error(protocol, REPLY_FILE, r, path->text);
}

void
cmd_hash(struct protocol *protocol, const struct request *request)
{
	uint64_t from = protocol->restart_offset, to = protocol->range_end;
	char digest[HASH_TEXT_MAX + 1];
	int r = ask_files_hash(protocol, request->path, protocol->hash, &from, &to, digest);

	if (r < 0) {
		reply_hash_error(protocol, r, request->path);
		return;
	}
	/* the reply has the last byte, not the one after it; an empty range has none */
	reply(protocol, 213, "%s %llu-%llu %s %s", names[protocol->hash], (unsigned long long)from,
	    (unsigned long long)(to > from ? to - 1 : from), digest, request->argument);
}

/* draft-bryan-ftp-range-08, 3: both ends belong to the range; "1 0" means the whole file. */
void
cmd_rang(struct protocol *protocol, const struct request *request)
{
	char *blank = strchr(request->argument, ' ');
	uint64_t first, last;

	if (blank != NULL)
		*blank = '\0';
	protocol->restart_offset = 0;
	protocol->range_end = UINT64_MAX;
	if (blank == NULL || parse_u64(request->argument, INT64_MAX, &first) < 0 ||
	    parse_u64(blank + 1, INT64_MAX - 1, &last) < 0) {
		reply(protocol, 501, "Usage: RANG first last, numbers of bytes below 2^63");
		return;
	}
	if (first == 1 && last == 0) {
		reply(protocol, 350, "The whole file");
		return;
	}
	if (first > last) {
		reply(protocol, 501, "The first byte lies after the last one");
		return;
	}
	protocol->restart_offset = first;
	protocol->range_end = last + 1;
	reply(protocol, 350, "Restarting at %llu. End byte range at %llu", (unsigned long long)first,
	    (unsigned long long)last);
}

/*
 * "path", "path first", "path first end" or the path in quotes. Numbers at the end belong to the path when a file has
 * that name: only quotes are unambiguous.
 */
int
xhash_parse(char *argument, char **path, uint64_t *from, uint64_t *to)
{
	char *numbers[2] = {NULL, NULL};
	char *rest = argument;
	int count = 0;

	*from = 0;
	*to = UINT64_MAX;
	*path = argument;
	if (argument[0] == '"') {
		char *quote = strrchr(argument + 1, '"');

		if (quote == NULL || (quote[1] != '\0' && quote[1] != ' '))
			return -EINVAL;
		*path = argument + 1;
		*quote = '\0';
		rest = quote + 1;
	}
	while (count < 2) {
		char *blank = strrchr(rest, ' ');

		if (blank == NULL || blank[1] == '\0' || strspn(blank + 1, "0123456789") != strlen(blank + 1))
			break;
		*blank = '\0';
		numbers[count++] = blank + 1;
	}
	if (count > 0 && parse_u64(numbers[count - 1], INT64_MAX, from) < 0)
		return -ERANGE;
	if (count == 2 && parse_u64(numbers[0], INT64_MAX, to) < 0)
		return -ERANGE;
	return **path == '\0' || (rest != argument && rest[strspn(rest, " ")] != '\0') || *from > *to ? -EINVAL : 0;
}

static void
xhash(struct protocol *protocol, char *argument, enum ipc_hash algorithm)
{
	char digest[HASH_TEXT_MAX + 1];
	struct home_path path;
	uint64_t from, to;
	char *client_path;
	int r = xhash_parse(argument, &client_path, &from, &to);

	if (r == 0)
		r = home_path_resolve(&protocol->cwd, client_path, strlen(client_path), &path);
	if (r < 0) {
		reply(protocol, 501,
		    "Usage: a path, then the first byte and the one after the last; quote a path with blanks");
		return;
	}
	r = ask_files_hash(protocol, &path, algorithm, &from, &to, digest);
	if (r < 0)
		reply_hash_error(protocol, r, &path);
	else
		reply(protocol, 250, "%s", digest);
}

void
cmd_xcrc(struct protocol *protocol, const struct request *request)
{
	xhash(protocol, request->argument, HASH_CRC32);
}

void
cmd_xmd5(struct protocol *protocol, const struct request *request)
{
	xhash(protocol, request->argument, HASH_MD5);
}

void
cmd_xsha1(struct protocol *protocol, const struct request *request)
{
	xhash(protocol, request->argument, HASH_SHA1);
}

void
cmd_xsha256(struct protocol *protocol, const struct request *request)
{
	xhash(protocol, request->argument, HASH_SHA256);
}

void
cmd_xsha512(struct protocol *protocol, const struct request *request)
{
	xhash(protocol, request->argument, HASH_SHA512);
}
