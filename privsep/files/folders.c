/* SPDX-License-Identifier: ISC */
#include "privsep/files/folders.h"

#include <errno.h>
#include <string.h>

#include "accounts/folder.h"
#include "common/written.h"
#include "privsep/files/storage.h"
#include "privsep/files/zone.h"

#include "common/banned.h"

struct tree {
	struct home home;
	struct quota quota;
	struct files_session session; /* the account's, as it is there */
};

/* One process has one set. */
static struct folders {
	size_t count;
	struct tree trees[FILES_FOLDERS_MAX];
} folders SELDOM_WRITTEN;

static void
take_settings(struct tree *tree, const struct files_session *session, const struct files_folder *folder)
{
	tree->session = *session;
	tree->session.home_fd = folder->fd;
	tree->session.gid = folder->gid;
	tree->session.rights = folder->rights;
	tree->session.file_mode = folder->file_mode;
	tree->session.directory_mode = folder->directory_mode;
	tree->session.least_file_mode = FOLDER_LEAST_FILE_MODE;
	tree->session.least_directory_mode = FOLDER_LEAST_DIRECTORY_MODE;
	tree->session.has_quota = folder->has_quota;
	tree->session.sweeps = folder->sweeps;
	tree->session.zones = NULL;
	tree->session.keep = (struct keep_rules){0}; /* that is of the home alone */
	tree->session.folder_count = 0;
}

int
folders_init(struct home *home, const struct files_session *session)
{
	if (session->folder_count > FILES_FOLDERS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < session->folder_count; i++) {
		struct tree *tree = &folders.trees[i];
		const struct files_folder *folder = &session->folders[i];
		struct stat st;

		if (fstat(folder->fd, &st) < 0)
			return -errno;
		take_settings(tree, session, folder);
		storage_probe_folder(folder->fd, st.st_dev);
		tree->home = (struct home){.fd = folder->fd,
		    .device = st.st_dev,
		    .inode = st.st_ino,
		    .session = &tree->session,
		    .at = folder->path};
		tree->quota = (struct quota){
		    .channel = session->monitor_channel,
		    .home_device = tree->home.device,
		    .is_kept = folder->has_quota,
		    .number = (unsigned)i + 1,
		    .is_limited_elsewhere = session->has_some_quota && !folder->has_quota,
		};
		tree->home.quota = &tree->quota;
		folders.count++;
	}
	if (folders.count > 0)
		home->folders = &folders;
	return 0;
}

/* The length of the folder's path where the path is that or below it, else 0. */
static size_t
within(const struct tree *tree, const struct home_path *path)
{
	size_t len = strlen(tree->home.at);

	return path->len >= len && memcmp(path->text, tree->home.at, len) == 0 &&
		(path->text[len] == '/' || path->text[len] == '\0')
	    ? len
	    : 0;
}

const struct home *
folders_route(const struct home *home, struct home_path *path)
{
	for (size_t i = 0; home->folders != NULL && i < home->folders->count; i++) {
		const struct tree *tree = &home->folders->trees[i];
		size_t len = within(tree, path);

		if (len == 0)
			continue;
		path->len -= len;
		memmove(path->text, path->text + len, path->len + 1);
		if (path->len == 0)
			*path = (struct home_path){.len = 1, .text = "/"};
		return &tree->home;
	}
	return home;
}

bool
folders_hold(const struct home *home, const struct home_path *path)
{
	for (size_t i = 0; home->folders != NULL && i < home->folders->count; i++) {
		const char *at = home->folders->trees[i].home.at;

		if (strncmp(at, path->text, path->len) == 0 &&
		    (at[path->len] == '\0' || at[path->len] == '/' || path->len == 1))
			return true;
	}
	return false;
}

int
folders_stat(const struct home *home, const struct home_path *path, struct stat *st)
{
	struct home_path routed;
	const struct home *tree;

	if (home->folders == NULL)
		return home_stat(home, path, st);
	routed = *path;
	tree = folders_route(home, &routed);
	return home_stat(tree, &routed, st);
}

unsigned
folders_rights_somewhere(const struct home *home)
{
	unsigned rights = zone_rights_somewhere(home->session);

	for (size_t i = 0; home->folders != NULL && i < home->folders->count; i++)
		rights |= home->folders->trees[i].session.rights;
	return rights;
}

const struct home *
folders_tree(const struct home *home, size_t i)
{
	if (i == 0)
		return home;
	return home->folders != NULL && i <= home->folders->count ? &home->folders->trees[i - 1].home : NULL;
}

/* The name of the folder in the directory, NULL: it is elsewhere. */
static const char *
name_in(const struct tree *tree, const struct home_path *directory)
{
	size_t len = directory->len == 1 ? 0 : directory->len;
	const char *at = tree->home.at;

	if (strncmp(at, directory->text, len) != 0 || at[len] != '/' || strchr(at + len + 1, '/') != NULL)
		return NULL;
	return at + len + 1;
}

const char *
folders_entry(const struct home *home, const struct home_path *directory, size_t i)
{
	for (size_t k = 0; home->folders != NULL && k < home->folders->count; k++) {
		const char *name = name_in(&home->folders->trees[k], directory);

		if (name != NULL && i-- == 0)
			return name;
	}
	return NULL;
}

bool
folders_hide(const struct home *home, const struct home_path *directory, const char *name, struct stat *st)
{
	for (size_t i = 0; home->folders != NULL && i < home->folders->count; i++) {
		const struct tree *tree = &home->folders->trees[i];
		const char *there = name_in(tree, directory);

		if (there != NULL && strcmp(there, name) == 0)
			return st == NULL || fstat(tree->home.fd, st) == 0;
	}
	return false;
}
