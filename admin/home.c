#include "admin/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "common/io.h"

#include "common/banned.h"

static const char *
owner_name(uid_t uid)
{
	const struct passwd *entry = getpwuid(uid);

	return entry == NULL ? "no system user" : entry->pw_name;
}

/* --- making --- */

static int
make_parents(const char *path, struct home_made *made)
{
	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		char parent[PATH_MAX];
		int len = snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);

		if (len < 0 || (size_t)len >= sizeof(parent))
			return -ENAMETOOLONG;
		if (mkdir(parent, 0755) == 0) {
			if (made->kept_len > (size_t)len)
				made->kept_len = (size_t)strlen(parent) - strlen(strrchr(parent, '/'));
		} else if (errno != EEXIST) {
			return -errno;
		}
	}
	return 0;
}

static int
check_existing(const char *path, uid_t uid)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode)) {
		ctl_error("home '%s' is there and is %s; use a directory, or another one with --home", ctl_quote(path),
		    S_ISLNK(st.st_mode) ? "a symbolic link" : "not a directory");
		return -ENOTDIR;
	}
	if (st.st_uid != uid) {
		ctl_error("home '%s' is there and belongs to uid %u (%s), not to uid %u; %s'chown -R %u %s' first, "
			  "or use another one with --home",
		    ctl_quote(path), (unsigned)st.st_uid, owner_name(st.st_uid), (unsigned)uid,
		    st.st_uid == 0 ? "" : "name its owner with --uid, or ", (unsigned)uid, ctl_quote(path));
		return -EPERM;
	}
	return 0;
}

static int
give_to(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat st;
	int fd = -1;
	int r = 0;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		goto out;
	}
	/* made a moment ago by us; anything else was put into its place */
	if (st.st_uid != geteuid()) {
		r = -EEXIST;
		goto out;
	}
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		r = -errno;
out:
	close_fd(&fd);
	return r;
}

int
home_prepare(const char *path, uid_t uid, gid_t gid, mode_t mode, struct home_made *made)
{
	bool is_made = false;
	int r;

	snprintf(made->path, sizeof(made->path), "%s", path);
	made->kept_len = strlen(made->path);
	r = make_parents(path, made);
	if (r == 0) {
		is_made = mkdir(path, 0700) == 0;
		if (!is_made && errno != EEXIST)
			r = -errno;
	}
	if (r == 0 && !is_made)
		return check_existing(path, uid);
	if (is_made) {
		size_t parent_len = strlen(path) - strlen(strrchr(path, '/'));

		if (made->kept_len > parent_len)
			made->kept_len = parent_len;
		r = give_to(path, uid, gid, mode);
	}
	if (r < 0) {
		ctl_error("cannot make home '%s': %s; make it by hand, or use another one with --home",
		    ctl_quote(path), strerror(-r));
		home_undo(made);
		made->kept_len = strlen(made->path);
	}
	return r;
}

void
home_undo(const struct home_made *made)
{
	char path[PATH_MAX];
	char *slash;

	snprintf(path, sizeof(path), "%s", made->path);
	while (strlen(path) > made->kept_len) {
		rmdir(path);	/* only what is empty */
		slash = strrchr(path, '/');
		if (slash == NULL)
			return;
		*slash = '\0';
	}
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
	unsigned long moved;	/* for unique names */
	bool found_any;
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
		if (syscall(SYS_renameat2, dir_fd, name, purge->home_fd, top_name, 1 /* RENAME_NOREPLACE */) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
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

int
home_check_purge(const char *path, uid_t uid)
{
	struct stat st;
	int r = 0;

	if (lstat(path, &st) < 0) {
		r = -errno;
		if (r != -ENOENT)
			ctl_error("cannot look at home '%s': %s", ctl_quote(path), strerror(-r));
	} else if (!S_ISDIR(st.st_mode)) {
		ctl_error("home '%s' is not a directory; remove it by hand, and the account without --purge-home",
		    ctl_quote(path));
		r = -ENOTDIR;
	} else if (st.st_uid != uid) {
		ctl_error("home '%s' belongs to uid %u (%s), not to uid %u; "
			  "remove it by hand, and the account without --purge-home",
		    ctl_quote(path), (unsigned)st.st_uid, owner_name(st.st_uid), (unsigned)uid);
		r = -EPERM;
	}
	return r;
}

int
home_purge(const char *path, uid_t uid)
{
	struct purge purge = {.home_fd = -1};
	struct stat st;
	int r = 0;

	purge.home_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (purge.home_fd < 0 || fstat(purge.home_fd, &st) < 0) {
		r = -errno;
		goto out;
	}
	if (st.st_uid != uid || strcmp(path, "/") == 0) {
		r = -EPERM;
		goto out;
	}
	if (fchown(purge.home_fd, 0, 0) < 0 || fchmod(purge.home_fd, 0700) < 0) {
		r = -errno;
		goto out;
	}
	do {
		purge.found_any = false;
		r = for_each_entry(purge.home_fd, purge_top_entry, &purge);
	} while (r == 0 && purge.found_any);
	if (r == 0 && rmdir(path) < 0)
		r = -errno;
out:
	if (r < 0)
		ctl_error("cannot remove home '%s' to its end: %s; %s", ctl_quote(path), strerror(-r),
		    r == -EXDEV || r == -EBUSY ? "something is mounted in it; unmount that, and remove the rest by hand"
					       : "remove the rest by hand");
	close_fd(&purge.home_fd);
	return r;
}
