/* SPDX-License-Identifier: ISC */
#include "admin/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "common/file_system.h"
#include "common/io.h"
#include "trusted/place.h"

#include "common/banned.h"

/* The account may not remove what belongs to somebody else, so we do not do it for the account. */
#define SQUASHED "the server of its file system takes root for nobody (root_squash)"
#define KEEP_HOME "delete the account without --purge-home, which leaves the place as it is"

static const char *
owner_name(uid_t uid)
{
	const struct passwd *entry = getpwuid(uid);

	return entry == NULL ? "no system user" : entry->pw_name;
}

/* Say why root does not go there. */
static void
refuse_way(const char *path, const struct trust_problem *problem, const char *cure)
{
	char why[TRUST_TEXT_MAX];

	trust_explain(problem, why, sizeof(why));
	ctl_error("home '%s': %s; %s", ctl_quote(path), ctl_quote(why), cure);
}

/* --- making --- */

static int
check_existing(const char *path, const struct stat *st, uid_t uid, gid_t gid)
{
	if (!S_ISDIR(st->st_mode)) {
		ctl_error("home '%s' exists and is %s; use a directory, or another one with --home", ctl_quote(path),
		    S_ISLNK(st->st_mode) ? "a symbolic link" : "not a directory");
		return -ENOTDIR;
	}
	if (st->st_gid == gid && (st->st_mode & TRUST_GROUP_MODE) == TRUST_GROUP_MODE)
		return 0; /* shared through its group */
	/* never "chown": it may belong to the system, or serve another purpose */
	if (st->st_uid != uid && st->st_uid == 0)
		ctl_error(
		    "home '%s' exists and belongs to root; use another one with --home, which is made if it is missing",
		    ctl_quote(path));
	else if (st->st_uid != uid)
		ctl_error(
		    "home '%s' exists and belongs to uid %u (%s), not to uid %u; use --uid %u, so that the account "
		    "works as its owner, or another home with --home; or share it: 'chgrp GID' and 'chmod g+rwxs' of "
		    "the home, and --gid GID",
		    ctl_quote(path), (unsigned)st->st_uid, owner_name(st->st_uid), (unsigned)uid, (unsigned)st->st_uid);
	return st->st_uid == uid ? 0 : -EPERM;
}

/* Does an error of root's mean that it is nobody there? */
static bool
is_squashed_error(int error, int dir_fd)
{
	struct stat st;

	return (error == -EACCES || error == -EPERM) && fstat(dir_fd, &st) == 0 &&
	    file_system_kind_of(dir_fd, st.st_dev) != FILE_SYSTEM_LOCAL;
}

/* In its directory. If it exists already, only check it. */
static int
make_or_check(
    int dir_fd, const char *name, const char *path, const struct trust *account, mode_t mode, struct trusted_made *made)
{
	struct stat st;
	int fd, r;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return check_existing(path, &st, account->uid, account->gid);
	fd = trusted_dir_make(dir_fd, name, account->uid, account->gid, mode, made);
	r = fd < 0 ? fd : 0;
	close_fd(&fd);
	if (is_squashed_error(r, dir_fd))
		ctl_error("cannot make home '%s': %s; " SQUASHED
			  "; make it there with 'install -d -m 0%o -o %u -g %u', and run this again",
		    ctl_quote(path), strerror(-r), (unsigned)mode, (unsigned)account->uid, (unsigned)account->gid);
	else if (r < 0)
		ctl_error("cannot make home '%s': %s; make it by hand, or use another one with --home", ctl_quote(path),
		    strerror(-r));
	return r;
}

int
home_prepare(const char *path, uid_t uid, gid_t gid, mode_t mode, struct trusted_made *made)
{
	const struct trust account = {.uid = uid, .gid = gid};
	struct trust_problem problem;
	char name[NAME_MAX + 1];
	int dir_fd, r;

	*made = (struct trusted_made)TRUSTED_MADE_NOTHING;
	dir_fd = trusted_parent_make(path, &account, name, made, &problem);
	if (dir_fd < 0)
		refuse_way(path, &problem, "repair that, or use another home with --home");
	r = dir_fd < 0 ? dir_fd : make_or_check(dir_fd, name, path, &account, mode, made);
	if (r < 0)
		trusted_made_undo(made);
	close_fd(&dir_fd);
	return r;
}

/* --- removing --- */

/* Open a directory of the tree: no link, no mount point, bind mounts included. */
static int
open_below(int dir_fd, const char *name)
{
	struct open_how how = {
	    .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	long fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* Call take for each entry; stops at the first error. */
static int
for_each_entry(int dir_fd, int (*take)(int dir_fd, const char *name, void *arg), void *arg)
{
	struct dirent *entry;
	DIR *dir;
	int fd;
	int r = 0;

	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		r = -errno;
		close_fd(&fd);
		return r;
	}
	while (r == 0 && (errno = 0, entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = take(dir_fd, entry->d_name, arg);
	if (r == 0 && errno != 0)
		r = -errno;
	closedir(dir);
	return r;
}

struct purge {
	int home_fd;
	unsigned long moved; /* for unique names */
	bool found_any;
	bool is_squashed; /* the server of the file system takes root for nobody; the account's ids do the work */
};

/*
 * Remove what is no directory; move a directory to the top of the home, where its turn comes.
 * So the depth of the tree costs neither descriptors nor stack.
 */
static int
unlink_or_lift(int dir_fd, const char *name, void *arg)
{
	struct purge *purge = arg;
	char top_name[64];

	if (unlinkat(dir_fd, name, 0) == 0)
		return 0;
	if (errno != EISDIR)
		return -errno;
	for (;;) {
		snprintf(top_name, sizeof(top_name), ".purge-%ld-%lu", (long)getpid(), purge->moved++);
		/* it takes the place of an empty one: not every file system has a rename that replaces nothing */
		if (mkdirat(purge->home_fd, top_name, 0700) < 0) {
			if (errno != EEXIST)
				return -errno;
			continue;
		}
		return renameat(dir_fd, name, purge->home_fd, top_name) < 0 ? -errno : 0;
	}
}

static int
purge_top_entry(int home_fd, const char *name, void *arg)
{
	struct purge *purge = arg;
	int fd = -1;
	int r;

	purge->found_any = true;
	if (unlinkat(home_fd, name, 0) == 0)
		return 0;
	if (errno != EISDIR)
		return -errno;
	fd = open_below(home_fd, name);
	r = fd < 0 ? fd : for_each_entry(fd, unlink_or_lift, purge);
	if (r == 0 && unlinkat(home_fd, name, AT_REMOVEDIR) < 0)
		r = -errno;
	close_fd(&fd);
	return r;
}

/* Open the directory of the home, and check the home. name: its name there. */
static int
open_home_place(const char *path, const struct trust *account, char name[NAME_MAX + 1], int *dir_fd, struct stat *st)
{
	struct trust_problem problem;

	*dir_fd = trusted_parent_open(path, account, name, &problem);
	if (*dir_fd < 0) {
		if (*dir_fd != -ENOENT)
			refuse_way(path, &problem, KEEP_HOME);
		return *dir_fd;
	}
	return fstatat(*dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int
check_own(const char *path, const struct stat *st, uid_t uid)
{
	if (!S_ISDIR(st->st_mode)) {
		ctl_error("home '%s' is not a directory; " KEEP_HOME, ctl_quote(path));
		return -ENOTDIR;
	}
	if (st->st_uid != uid) {
		ctl_error("home '%s' belongs to uid %u (%s), not to uid %u; " KEEP_HOME, ctl_quote(path),
		    (unsigned)st->st_uid, owner_name(st->st_uid), (unsigned)uid);
		return -EPERM;
	}
	return 0;
}

int
home_purge_open(const char *path, uid_t uid, gid_t gid, struct home_place *place)
{
	const struct trust account = {.uid = uid, .gid = gid};
	struct stat st;
	int r;

	*place = (struct home_place){.dir_fd = -1, .home_fd = -1};
	r = open_home_place(path, &account, place->name, &place->dir_fd, &st);
	if (r == 0)
		r = check_own(path, &st, uid);
	if (r == 0) {
		place->home_fd = trusted_dir_read(place->dir_fd, place->name, uid, gid);
		if (place->home_fd < 0)
			r = place->home_fd;
		else if (fstat(place->home_fd, &st) < 0)
			r = -errno;
		else
			r = check_own(path, &st, uid); /* it may be another one than a moment ago */
	}
	if (r < 0)
		home_place_close(place);
	return r;
}

void
home_place_close(struct home_place *place)
{
	close_fd(&place->home_fd);
	close_fd(&place->dir_fd);
}

/* Let the home be root's alone. Where root has no power over it, what is to be done is done as the account itself. */
static int
take_home(struct purge *purge)
{
	struct stat st;

	if (fstat(purge->home_fd, &st) < 0)
		return -errno;
	if (fchown(purge->home_fd, 0, 0) == 0)
		return fchmod(purge->home_fd, 0700) < 0 ? -errno : 0;
	if (errno != EPERM || file_system_kind_of(purge->home_fd, st.st_dev) == FILE_SYSTEM_LOCAL)
		return -errno;
	purge->is_squashed = true;
	setfsgid(st.st_gid);
	setfsuid(st.st_uid);
	return 0;
}

static void
leave_home(const struct purge *purge)
{
	if (!purge->is_squashed)
		return;
	setfsuid(geteuid());
	setfsgid(getegid());
}

static int
purge_home(struct purge *purge)
{
	int r = take_home(purge);

	if (r < 0)
		return r;
	do {
		purge->found_any = false;
		r = for_each_entry(purge->home_fd, purge_top_entry, purge);
	} while (r == 0 && purge->found_any);
	leave_home(purge);
	return r;
}

static const char *
purge_cure(const struct purge *purge, int error)
{
	if (error == -EXDEV || error == -EBUSY)
		return "something is mounted in it; unmount that, and remove the rest by hand";
	if (purge->is_squashed && (error == -EACCES || error == -EPERM))
		return SQUASHED "; remove the directory there";
	return "remove the rest by hand";
}

int
home_purge(const char *path, const struct home_place *place)
{
	struct purge purge = {.home_fd = place->home_fd};
	int r = purge_home(&purge);

	if (r == 0 && unlinkat(place->dir_fd, place->name, AT_REMOVEDIR) < 0)
		r = -errno;
	if (r < 0)
		ctl_error(
		    "cannot remove all of home '%s': %s; %s", ctl_quote(path), strerror(-r), purge_cure(&purge, r));
	return r;
}
