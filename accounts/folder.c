/* SPDX-License-Identifier: ISC */
#include "accounts/folder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/definition.h"
#include "accounts/grants.h"
#include "common/home_path.h"
#include "common/text.h"

#include "common/banned.h"

static const char *const keys[] = {"quota", "quota-files", "rights", "file-mode", "directory-mode"};

static int
refuse_folder(const char **error, const char *text)
{
	*error = text;
	return -EINVAL;
}

static int
parse_directory(const char *text, size_t len, struct folder *folder, const char **error)
{
	struct home_path path;

	if (len == 0 || text[0] != '/' || len == 1)
		return refuse_folder(error,
		    "the directory of the folder is not an absolute path below '/'; write +folder NAME:/DIRECTORY:GID:");
	if (has_control(text, len) || len >= sizeof(folder->directory) || home_path_check(text, len, &path) < 0)
		return refuse_folder(error,
		    "the directory of the folder is too long, or has a control character, '.', '..', '//' or a '/' at its "
		    "end; write it without them");
	memcpy(folder->directory, path.text, path.len + 1);
	return 0;
}

static int
parse_gid(const char *text, size_t len, struct folder *folder, const char **error)
{
	char number[16] = "";
	uint64_t value;

	if (len < sizeof(number))
		memcpy(number, text, len);
	if (len >= sizeof(number) || parse_u64(number, ID_MAX, &value) < 0 || value == 0)
		return refuse_folder(
		    error, "bad GID of the folder; write a number from 1 to 4294967294 (never root's)");
	folder->gid = (uint32_t)value;
	return 0;
}

static bool
is_key_of_folder(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (len > strlen(keys[i]) && memcmp(word, keys[i], strlen(keys[i])) == 0 &&
		    word[strlen(keys[i])] == '=')
			return true;
	return false;
}

/* They mean what they mean for an account. */
static int
parse_folder_options(const char *text, size_t len, struct folder *folder, const char **error)
{
	struct account like = {.name = ""};
	const char *next = text, *word;
	size_t left = len, n;
	int r;

	while ((n = account_option_next(&next, &left, &word)) > 0)
		if (!is_key_of_folder(word, n) || memchr(word, '/', n) != NULL)
			return refuse_folder(error,
			    "an option that no folder has; it may have quota, quota-files, rights, file-mode and directory-mode");
	r = account_take_options(&like, text, len, error);
	if (r < 0)
		return r;
	folder->rights = like.rights;
	folder->quota_bytes = like.quota_bytes;
	folder->quota_files = like.quota_files;
	folder->file_mode = like.file_mode != 0 ? like.file_mode : FOLDER_FILE_MODE;
	folder->directory_mode = like.directory_mode != 0 ? like.directory_mode : FOLDER_DIRECTORY_MODE;
	if ((folder->file_mode & FOLDER_LEAST_FILE_MODE) != FOLDER_LEAST_FILE_MODE ||
	    (folder->directory_mode & 0070) != 0070)
		return refuse_folder(error,
		    "modes of a folder that lock out its group; write file-mode=0640 or more, directory-mode=0770 or more");
	return 0;
}

static int
parse_body(const char *body, size_t len, struct folder *folder, const char **error)
{
	const char *end = body + len;
	const char *gid = memchr(body, ':', len);
	const char *options = gid == NULL ? NULL : memchr(gid + 1, ':', (size_t)(end - gid - 1));
	int r;

	if (options == NULL)
		return refuse_folder(error, "too few fields; write +folder NAME:DIRECTORY:GID:OPTIONS");
	r = parse_directory(body, (size_t)(gid - body), folder, error);
	if (r == 0)
		r = parse_gid(gid + 1, (size_t)(options - gid - 1), folder, error);
	if (r == 0)
		r = parse_folder_options(options + 1, (size_t)(end - options - 1), folder, error);
	return r;
}

int
folder_check(const char *body, size_t len, const char **error)
{
	struct folder folder;

	return parse_body(body, len, &folder, error);
}

int
folder_parse(const struct definition *definition, struct folder *folder, const char **error)
{
	if (definition->kind != DEFINITION_FOLDER || definition->name_len >= sizeof(folder->name))
		return refuse_folder(error, "no folder");
	memcpy(folder->name, definition->name, definition->name_len);
	folder->name[definition->name_len] = '\0';
	return parse_body(definition->body, definition->body_len, folder, error);
}

void
folder_as_account(const struct folder *folder, uint32_t uid, struct account *account)
{
	account_wipe(account);
	(void)!account_take_options(account, "", 0, &(const char *){NULL});
	account->name[0] = '+';
	snprintf(account->name + 1, sizeof(account->name) - 1, "%.*s", ACCOUNT_NAME_MAX - 1, folder->name);
	account->uid = uid;
	account->gid = folder->gid;
	account->quota_bytes = folder->quota_bytes;
	account->quota_files = folder->quota_files;
	memcpy(account->home, folder->directory, sizeof(account->home));
}

int
folder_overlaps(const char *directory, const char *other)
{
	return path_is_within(directory, other) || path_is_within(other, directory);
}
