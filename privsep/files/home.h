/* SPDX-License-Identifier: ISC */
/*
 * Resolution: from a home path to a descriptor. Every operation resolves once, from the
 * descriptor of the home, by openat2 with RESOLVE_IN_ROOT: "..", absolute links and races
 * with renames all stay inside. No process changes its directory.
 */
#ifndef PRIVSEP_FILES_HOME_H
#define PRIVSEP_FILES_HOME_H

#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/home_path.h"
#include "privsep/files/files.h"
#include "privsep/files/quota.h"

struct home {
	int fd; /* borrowed from the session */
	dev_t device; /* of the home's root */
	ino_t inode;
	const struct files_session *session;
	struct quota *quota; /* NULL: nobody keeps one for this home */
	const struct folders *folders; /* beside the account's home (folders.h); NULL: none */
	const char *at; /* of a folder: the path where the account sees it; NULL: the home itself */
	const struct keep_rules
	    *keep; /* NULL: what is replaced or removed is not kept (keep.h), nor retained (retain.h) */
};

/* Take the session's home. 0 or -errno. */
int home_init(struct home *home, const struct files_session *session);

/*
 * Open what a text below the home names, links followed inside the home.
 *
 * relative  as home_path_relative() gives it; may hold "..".
 * flags     open(2) flags; O_CLOEXEC is added. Nothing is created by this call.
 */
int home_open(const struct home *home, const char *relative, int flags, int *fd_out);

/* fstat of what the path names, links followed. 0 or -errno. */
int home_stat(const struct home *home, const struct home_path *path, struct stat *st);

/* The same without following a link in the last component. */
int home_lstat(const struct home *home, const struct home_path *path, struct stat *st);

/*
 * Open the directory that holds the last component (O_PATH), for *at calls that do not follow. Of shared storage it is
 * fresh (storage.h): for the calls that follow at once.
 *
 * name  points into path; "." for the home itself, whose "parent" is the home.
 */
int home_open_parent(const struct home *home, const struct home_path *path, int *dir_fd_out, const char **name);

/*
 * The same for a place to write to: where the last component is a link, its target's
 * directory and name, so that the link stays a link. A dangling link names what is to be made.
 * -EISDIR for what can only be a directory ("/", or a link to "..").
 *
 * type  of what bears the name at the moment (S_IFMT); 0: nothing does.
 */
int home_open_target(
    const struct home *home, const struct home_path *path, int *dir_fd_out, char name[NAME_MAX + 1], mode_t *type);

/*
 * Open a plain file for reading. Special files are never opened: -ENOTSUP; directories -EISDIR.
 *
 * st  filled on success.
 */
int home_open_file(const struct home *home, const struct home_path *path, int *fd_out, struct stat *st);

/*
 * The -errno of unlinkat(2) or renameat(2) that set errno to error: EBUSY, which means a mount point there, becomes
 * -EXDEV, since -EBUSY of files means an upload that runs.
 */
int home_name_error(int error);

/* May the path be a working directory: a directory that may be searched? 0 or -errno. */
int home_enter(const struct home *home, const struct home_path *path);

/* Append one component. 0, or -ENAMETOOLONG (the path stays as it was). */
int home_path_push(struct home_path *path, const char *name, size_t len);

/* Put the path where the account sees a tree, the home or a folder, before a path in it. 0, or -ENAMETOOLONG. */
int home_full_path(const struct home *tree, struct home_path *path);

/* Make a descriptor block again that was opened with O_NONBLOCK, and no other status flag, for safety's sake. 0 or -errno. */
int home_clear_nonblock(int fd);

#endif
