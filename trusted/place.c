/* SPDX-License-Identifier: ISC */
#include "trusted/place.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/io.h"

#include "common/banned.h"

#define LINKS_MAX 40 /* as the kernel */
#define SYSTEM_GIDS 1000 /* those below are the system's, as Debian, Fedora and others count */

/* What to do with the last component. */
enum last {
	LAST_IS_DIRECTORY,
	LAST_IS_HOME, /* a directory that others may write to */
	LAST_IS_FILE, /* a link is followed; the rest is left to the caller */
	LAST_IS_TARGET, /* the same, and it may be missing */
	LAST_IS_LEFT, /* to the caller, whatever it is */
};

/* A path on its way. */
struct walk {
	const struct trust *trust;
	struct trust_problem *problem;
	struct trusted_made *made; /* NULL: nothing is made */
	enum last last;
	int fd; /* of the directory reached so far */
	bool is_roots; /* which root alone can change */
	bool has_arrived; /* at the last component, which is in name */
	unsigned links;
	char at[PATH_MAX]; /* its path, for messages: "" is "/" */
	char left[PATH_MAX]; /* what is to be walked yet */
	char *name; /* the component in hand; NAME_MAX + 1 */
};

/* --- problems --- */

static int
fail_walk(struct walk *walk, enum trust_kind kind, int error, const char *name, const struct stat *st)
{
	struct trust_problem *problem = walk->problem;
	int len;

	*problem = (struct trust_problem){
	    .kind = kind, .error = error, .wanted_uid = walk->trust->uid, .wanted_gid = walk->trust->gid};
	len = snprintf(problem->path, sizeof(problem->path), "%s%s%s", walk->at, name[0] == '\0' ? "" : "/", name);
	if (len == 0)
		snprintf(problem->path, sizeof(problem->path), "/");
	if (st != NULL) {
		problem->uid = st->st_uid;
		problem->gid = st->st_gid;
		problem->mode = st->st_mode & 07777;
	}
	return error;
}

static void
describe_user(uid_t uid, char *text, size_t size)
{
	const struct passwd *entry = getpwuid(uid);

	snprintf(text, size, "uid %u (%s)", (unsigned)uid, entry == NULL ? "no system user" : entry->pw_name);
}

static const char *
writers_of(mode_t mode)
{
	return (mode & S_IWOTH) != 0 ? "everybody" : "its group";
}

/* A group of the system has its reason to write there: /var/log on some, /srv on others. */
static const char *
cure_of_writers(const struct trust_problem *problem)
{
	bool is_systems = problem->uid == 0 && problem->gid < SYSTEM_GIDS && (problem->mode & S_IWOTH) == 0;

	return is_systems ? "use a directory that its owner alone can change" : "take that away with 'chmod go-w'";
}

void
trust_explain(const struct trust_problem *problem, char *text, size_t size)
{
	const char *path = problem->path;
	char owner[128], other[64] = "";

	describe_user(problem->uid, owner, sizeof(owner));
	if (problem->wanted_uid != 0)
		snprintf(other, sizeof(other), " or uid %u", (unsigned)problem->wanted_uid);
	switch (problem->kind) {
	case TRUST_OWNER:
		snprintf(text, size,
		    "directory '%s' belongs to %s, who could put something else in the way; it must belong to root%s",
		    path, owner, other);
		break;
	case TRUST_WRITERS:
		snprintf(text, size, "directory '%s' can be changed by %s (gid %u, mode %04o); %s", path,
		    writers_of(problem->mode), (unsigned)problem->gid, (unsigned)problem->mode,
		    cure_of_writers(problem));
		break;
	case TRUST_HOME:
		snprintf(text, size,
		    "home '%s' belongs to %s and gid %u, with mode %04o; it must belong to uid %u, or, to be shared, to "
		    "gid %u with mode 2770 or more",
		    path, owner, (unsigned)problem->gid, (unsigned)problem->mode, (unsigned)problem->wanted_uid,
		    (unsigned)problem->wanted_gid);
		break;
	case TRUST_FOLDER:
		snprintf(text, size,
		    "folder '%s' belongs to gid %u, with mode %04o; it must belong to gid %u, with mode 2770, or 2775 for "
		    "readers: use 'chgrp' and 'chmod'",
		    path, (unsigned)problem->gid, (unsigned)problem->mode, (unsigned)problem->wanted_gid);
		break;
	case TRUST_LINK:
		snprintf(text, size,
		    "'%s' is a symbolic link of %s; only root's own links are followed, in directories "
		    "that root alone can change",
		    path, owner);
		break;
	case TRUST_FILE:
		snprintf(text, size,
		    "'%s' belongs to %s and has mode %04o; it must belong to root%s, and be writable by its owner "
		    "alone",
		    path, owner, (unsigned)problem->mode, other);
		break;
	case TRUST_PLANTED:
		snprintf(text, size,
		    "'%s' belongs to %s, who may have put it there; in a directory that others can write to, it must "
		    "be a plain file of root%s with one name; name another one",
		    path, owner, other);
		break;
	case TRUST_SPECIAL:
		snprintf(text, size, "'%s' is a device, a FIFO or a socket, which stays; name a file", path);
		break;
	case TRUST_SYSTEM:
		snprintf(text, size, "%s", strerror(-problem->error));
		break;
	}
}

/* --- who can change what --- */

/* Where another user runs this, that user takes root's part. */
static bool
is_root_owner(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

static bool
is_root_group(gid_t gid)
{
	return gid == 0 || gid == getegid();
}

/* Only the owner of an entry, and that of the directory, can change an entry of a sticky directory. */
static bool
others_write(const struct stat *st, gid_t trusted_gid)
{
	if ((st->st_mode & S_ISVTX) != 0)
		return false;
	if ((st->st_mode & S_IWOTH) != 0)
		return true;
	return (st->st_mode & S_IWGRP) != 0 && !is_root_group(st->st_gid) && trusted_gid != TRUST_ANY_GROUP &&
	    (trusted_gid == 0 || st->st_gid != trusted_gid);
}

static int
check_directory(struct walk *walk, const char *name, const struct stat *st)
{
	if (!is_root_owner(st->st_uid) && (walk->trust->uid == 0 || st->st_uid != walk->trust->uid))
		return fail_walk(walk, TRUST_OWNER, -EPERM, name, st);
	if (others_write(st, walk->trust->gid))
		return fail_walk(walk, TRUST_WRITERS, -EPERM, name, st);
	return 0;
}

/* --- walking --- */

/* Whether the component in hand is the last one. */
static bool
is_last_component(const struct walk *walk)
{
	return walk->left[strspn(walk->left, "/")] == '\0';
}

/* The directory in fd becomes the one reached. Takes fd over. */
static int
enter_directory(struct walk *walk, int *fd, const char *name, const struct stat *st)
{
	size_t len = strlen(walk->at);
	int r = walk->last == LAST_IS_HOME && is_last_component(walk) ? 0 : check_directory(walk, name, st);

	if (r < 0)
		return r;
	if (strcmp(name, "..") == 0 && strrchr(walk->at, '/') != NULL)
		*strrchr(walk->at, '/') = '\0';
	else if (name[0] != '\0' &&
	    (size_t)snprintf(walk->at + len, sizeof(walk->at) - len, "/%s", name) >= sizeof(walk->at) - len)
		return fail_walk(walk, TRUST_SYSTEM, -ENAMETOOLONG, "", NULL);
	close_fd(&walk->fd);
	walk->fd = *fd;
	walk->is_roots = is_root_owner(st->st_uid) && !others_write(st, 0);
	*fd = -1;
	return 0;
}

/* Where the path begins, or a link leads back to: the root, or for a relative one the working directory. */
static int
begin_walk(struct walk *walk)
{
	bool is_absolute = walk->left[0] == '/';
	struct stat st;
	int fd, r;

	snprintf(walk->at, sizeof(walk->at), "%s", is_absolute ? "" : ".");
	fd = open(is_absolute ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		r = fail_walk(walk, TRUST_SYSTEM, -errno, "", NULL);
	else
		r = enter_directory(walk, &fd, "", &st);
	close_fd(&fd);
	return r;
}

/* Put the target of a link in front of what is left. */
static int
follow(struct walk *walk, int link_fd, const struct stat *st)
{
	char target[PATH_MAX], left[PATH_MAX];
	ssize_t len;

	if (!is_root_owner(st->st_uid) || !walk->is_roots)
		return fail_walk(walk, TRUST_LINK, -EPERM, walk->name, st);
	if (++walk->links > LINKS_MAX)
		return fail_walk(walk, TRUST_SYSTEM, -ELOOP, walk->name, st);
	len = readlinkat(link_fd, "", target, sizeof(target) - 1);
	if (len < 0)
		return fail_walk(walk, TRUST_SYSTEM, -errno, walk->name, st);
	target[len] = '\0';
	memcpy(left, walk->left, sizeof(left));
	if ((size_t)snprintf(walk->left, sizeof(walk->left), "%s/%s", target, left) >= sizeof(walk->left))
		return fail_walk(walk, TRUST_SYSTEM, -ENAMETOOLONG, walk->name, st);
	return target[0] == '/' ? begin_walk(walk) : 0;
}

/* Make what is missing, to be entered as if it had been there. */
static int
make_missing(struct walk *walk)
{
	bool is_roots = walk->is_roots;
	int fd = trusted_dir_make(walk->fd, walk->name, is_roots ? 0 : walk->trust->uid,
	    is_roots ? TRUST_ANY_GROUP : walk->trust->gid, 0755, walk->made);

	if (fd < 0 && fd != -EEXIST)
		return fail_walk(walk, TRUST_SYSTEM, fd, walk->name, NULL);
	close_fd(&fd);
	return 0;
}

static int
walk_step(struct walk *walk)
{
	struct stat st;
	int fd = openat(walk->fd, walk->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT && walk->made != NULL) {
		r = make_missing(walk);
		if (r < 0)
			return r;
		fd = openat(walk->fd, walk->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0 && errno == ENOENT && walk->last == LAST_IS_TARGET && is_last_component(walk))
		r = walk->has_arrived = true;
	else if (fd < 0 || fstat(fd, &st) < 0)
		r = fail_walk(walk, TRUST_SYSTEM, -errno, walk->name, NULL);
	else if (S_ISLNK(st.st_mode))
		r = follow(walk, fd, &st);
	else if (S_ISDIR(st.st_mode))
		r = enter_directory(walk, &fd, walk->name, &st);
	else if ((walk->last == LAST_IS_FILE || walk->last == LAST_IS_TARGET) && is_last_component(walk))
		r = walk->has_arrived = true;
	else
		r = fail_walk(walk, TRUST_SYSTEM, -ENOTDIR, walk->name, &st);
	close_fd(&fd);
	return r < 0 ? r : 0;
}

/* Move the next component from left to name. 1, 0: there is none, or -errno. */
static int
next_component(struct walk *walk)
{
	size_t start = strspn(walk->left, "/");
	size_t len = strcspn(walk->left + start, "/");

	if (len == 0)
		return 0;
	if (len > NAME_MAX)
		return fail_walk(walk, TRUST_SYSTEM, -ENAMETOOLONG, "", NULL);
	memcpy(walk->name, walk->left + start, len);
	walk->name[len] = '\0';
	memmove(walk->left, walk->left + start + len, strlen(walk->left + start + len) + 1);
	return 1;
}

/* The caller's last component must be a name. */
static int
leave_last(struct walk *walk)
{
	if (strcmp(walk->name, ".") == 0 || strcmp(walk->name, "..") == 0)
		return fail_walk(walk, TRUST_SYSTEM, -EINVAL, walk->name, NULL);
	walk->has_arrived = true;
	return 0;
}

/* Walk path. Returns the descriptor of the directory that was reached, or -errno. */
static int
walk_path(struct walk *walk, const char *path)
{
	int r;

	walk->fd = -1;
	walk->name[0] = '\0';
	if ((size_t)snprintf(walk->left, sizeof(walk->left), "%s", path) >= sizeof(walk->left))
		return fail_walk(walk, TRUST_SYSTEM, -ENAMETOOLONG, "", NULL);
	r = begin_walk(walk);
	while (r == 0 && !walk->has_arrived && (r = next_component(walk)) > 0) {
		if (strcmp(walk->name, ".") == 0 && !(walk->last == LAST_IS_LEFT && is_last_component(walk)))
			r = 0;
		else
			r = walk->last == LAST_IS_LEFT && is_last_component(walk) ? leave_last(walk) : walk_step(walk);
	}
	if (r == 0 && walk->last >= LAST_IS_FILE && !walk->has_arrived)
		r = fail_walk(walk, TRUST_SYSTEM, walk->last == LAST_IS_LEFT ? -EINVAL : -EISDIR, "", NULL);
	if (r < 0)
		close_fd(&walk->fd);
	return r < 0 ? r : walk->fd;
}

int
trusted_dir_open(const char *path, const struct trust *trust, struct trust_problem *problem)
{
	char name[NAME_MAX + 1];
	struct walk walk = {.trust = trust, .problem = problem, .last = LAST_IS_DIRECTORY, .name = name};

	return walk_path(&walk, path);
}

int
trusted_parent_open(const char *path, const struct trust *trust, char name[NAME_MAX + 1], struct trust_problem *problem)
{
	struct walk walk = {.trust = trust, .problem = problem, .last = LAST_IS_LEFT, .name = name};

	return walk_path(&walk, path);
}

/* The directory of the file to which path leads, whatever that is. */
static int
open_end(const char *path, const struct trust *trust, char *name, struct trust_problem *problem)
{
	struct walk walk = {.trust = trust, .problem = problem, .last = LAST_IS_TARGET, .name = name};

	return walk_path(&walk, path);
}

int
trusted_file_open(const char *path, struct trust_problem *problem)
{
	char name[NAME_MAX + 1];
	struct walk walk = {.trust = TRUST_ROOT_ALONE, .problem = problem, .last = LAST_IS_FILE, .name = name};
	int dir_fd = walk_path(&walk, path);
	int fd = dir_fd;

	if (dir_fd >= 0) {
		fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0)
			fd = fail_walk(&walk, TRUST_SYSTEM, -errno, name, NULL);
	}
	close_fd(&dir_fd);
	return fd;
}

/* For errors about a path as a whole. */
static int
fail_path(struct trust_problem *problem, enum trust_kind kind, int error, const char *path, uid_t wanted_uid,
    const struct stat *st)
{
	struct walk walk = {.trust = &(const struct trust){.uid = wanted_uid}, .problem = problem};

	snprintf(walk.at, sizeof(walk.at), "%s", path);
	return fail_walk(&walk, kind, error, "", st);
}

int
trusted_target_open(const char *path, const struct trust *trust, char name[NAME_MAX + 1], struct trust_problem *problem)
{
	struct stat st;
	int dir_fd = open_end(path, trust, name, problem);

	if (dir_fd < 0 || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISREG(st.st_mode))
		return dir_fd;
	close_fd(&dir_fd);
	return fail_path(problem, TRUST_SPECIAL, -EPERM, path, trust->uid, &st);
}

int
trusted_file_check(int fd, const char *path, struct trust_problem *problem)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_path(problem, TRUST_SYSTEM, -errno, path, 0, NULL);
	if (is_root_owner(st.st_uid) && !others_write(&st, 0))
		return 0;
	return fail_path(problem, TRUST_FILE, -EPERM, path, 0, &st);
}

/* In a directory to which only root can write, root has put everything. */
static bool
may_be_planted(int dir_fd)
{
	struct stat st;

	return fstat(dir_fd, &st) < 0 || !is_root_owner(st.st_uid) || (st.st_mode & S_IWOTH) != 0 ||
	    others_write(&st, 0);
}

static int
check_planted(int fd, const char *path, uid_t uid, struct trust_problem *problem)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_path(problem, TRUST_SYSTEM, -errno, path, uid, NULL);
	if (S_ISREG(st.st_mode) && st.st_nlink == 1 && (is_root_owner(st.st_uid) || st.st_uid == uid))
		return 0;
	return fail_path(problem, TRUST_PLANTED, -EPERM, path, uid, &st);
}

int
trusted_file_append(const char *path, uid_t uid, mode_t mode, struct trust_problem *problem)
{
	const struct trust trust = {.uid = uid, .gid = TRUST_ANY_GROUP};
	char name[NAME_MAX + 1];
	int dir_fd = open_end(path, &trust, name, problem), fd;
	int r = 0;

	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
	if (fd < 0)
		r = fail_path(problem, TRUST_SYSTEM, -errno, path, uid, NULL);
	else if (may_be_planted(dir_fd))
		r = check_planted(fd, path, uid, problem);
	if (r == 0 && fcntl(fd, F_SETFL, O_APPEND) < 0) /* a device or FIFO of root's is waited for, as ever */
		r = fail_path(problem, TRUST_SYSTEM, -errno, path, uid, NULL);
	if (r < 0)
		close_fd(&fd);
	close_fd(&dir_fd);
	return r < 0 ? r : fd;
}

/* --- making --- */

int
trusted_parent_make(const char *path, const struct trust *trust, char name[NAME_MAX + 1], struct trusted_made *made,
    struct trust_problem *problem)
{
	struct walk walk = {.trust = trust, .problem = problem, .made = made, .last = LAST_IS_LEFT, .name = name};

	return walk_path(&walk, path);
}

/* The file system sees uid and gid. The kernel takes the rights over files away with uid 0, and gives them back with it. */
static void
take_file_identity(uid_t uid, gid_t gid)
{
	setfsgid(gid);
	setfsuid(uid);
}

/* The same, but the right to write to any directory stays, where there is one. */
static int
become_owner(uid_t uid, gid_t gid)
{
	take_file_identity(uid, gid);
	if (uid == geteuid())
		return 0;
	if (capng_get_caps_process() < 0)
		return -EPERM;
	if (!capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE))
		return 0;
	if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, CAP_DAC_OVERRIDE) < 0 || capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	return 0;
}

static int
make_as(int dir_fd, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	mode_t mask = umask(0);
	int r;

	r = become_owner(uid, gid == TRUST_ANY_GROUP ? getegid() : gid);
	if (r == 0 && mkdirat(dir_fd, name, mode) < 0)
		r = -errno;
	(void)become_owner(geteuid(), getegid());
	umask(mask);
	return r;
}

/*
 * Without the right to write to any directory, root makes it as its own and gives it away. It does so only where
 * nobody else can change the parent: elsewhere somebody could put another directory of root's into its place.
 */
static int
make_and_give(int dir_fd, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	mode_t mask = umask(0);
	int r = mkdirat(dir_fd, name, mode) < 0 ? -errno : 0;
	int fd = -1;

	umask(mask);
	if (r < 0)
		return r;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, uid, gid == TRUST_ANY_GROUP ? (gid_t)-1 : gid) < 0) {
		r = -errno;
		unlinkat(dir_fd, name, AT_REMOVEDIR);
	}
	close_fd(&fd);
	return r;
}

static int
make_owned(int dir_fd, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	int r = make_as(dir_fd, name, uid, gid, mode);

	return r == -EACCES && !may_be_planted(dir_fd) ? make_and_give(dir_fd, name, uid, gid, mode) : r;
}

int
trusted_dir_read(int dir_fd, const char *name, uid_t uid, gid_t gid)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int path_fd;

	if (fd >= 0 || errno != EACCES)
		return fd < 0 ? -errno : fd;
	/* in two steps: the parent may be one that only root passes */
	path_fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (path_fd < 0)
		return -errno;
	take_file_identity(uid, gid);
	fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	take_file_identity(geteuid(), getegid());
	close_fd(&path_fd);
	return fd;
}

static void
note_made(int dir_fd, const char *name, struct trusted_made *made)
{
	size_t len;

	if (made->top_fd < 0) {
		made->top_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
		made->below[0] = '\0';
	}
	len = strlen(made->below);
	snprintf(made->below + len, sizeof(made->below) - len, "%s%s", len == 0 ? "" : "/", name);
}

/* A set-group-ID parent gives its own gid, an access list its own mode. fd is of a directory of uid. */
static int
settle_new_directory(int fd, const struct stat *st, gid_t gid, mode_t mode)
{
	if (gid == TRUST_ANY_GROUP)
		return 0;
	if (st->st_gid != gid && fchown(fd, (uid_t)-1, gid) < 0)
		return -errno;
	return (st->st_mode & 07777) != mode && fchmod(fd, mode) < 0 ? -errno : 0;
}

int
trusted_dir_make(int dir_fd, const char *name, uid_t uid, gid_t gid, mode_t mode, struct trusted_made *made)
{
	struct stat st;
	int fd = -1;
	int r = make_owned(dir_fd, name, uid, gid, mode);

	if (r < 0)
		return r;
	if (made != NULL)
		note_made(dir_fd, name, made);
	fd = trusted_dir_read(dir_fd, name, uid, gid);
	if (fd < 0)
		r = fd;
	else if (fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_uid != uid)
		r = -EEXIST; /* somebody put it there meanwhile */
	else
		r = settle_new_directory(fd, &st, gid, mode);
	if (r < 0)
		close_fd(&fd);
	return r < 0 ? r : fd;
}

static int
open_path_beneath(int dir_fd, const char *path)
{
	struct open_how how = {
	    .flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* Remove the last directory of path, below dir_fd. */
static void
remove_last(int dir_fd, char *path)
{
	char *slash = strrchr(path, '/');
	int fd;

	if (slash == NULL) {
		unlinkat(dir_fd, path, AT_REMOVEDIR);
		path[0] = '\0';
		return;
	}
	*slash = '\0';
	fd = open_path_beneath(dir_fd, path);
	if (fd >= 0)
		unlinkat(fd, slash + 1, AT_REMOVEDIR);
	close_fd(&fd);
}

void
trusted_made_undo(struct trusted_made *made)
{
	while (made->top_fd >= 0 && made->below[0] != '\0')
		remove_last(made->top_fd, made->below);
	trusted_made_keep(made);
}

void
trusted_made_keep(struct trusted_made *made)
{
	close_fd(&made->top_fd);
	made->below[0] = '\0';
}

/* --- homes --- */

static int
open_without_links(const char *path)
{
	struct open_how how = {
	    .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* All of the way, and that its end is a directory of uid. */
static int
walk_home(const char *path, const struct trust *trust, struct trust_problem *problem)
{
	char name[NAME_MAX + 1];
	struct walk walk = {.trust = trust, .problem = problem, .last = LAST_IS_HOME, .name = name};

	return walk_path(&walk, path);
}

static int
check_home_owner(int fd, const char *path, const struct trust *trust, bool *is_others, struct trust_problem *problem)
{
	struct walk walk = {.trust = trust, .problem = problem};
	struct stat st = {.st_uid = 0};

	if (fstat(fd, &st) == 0 && st.st_uid == trust->uid)
		return 0;
	*is_others = true;
	if (trust->gid != 0 && st.st_gid == trust->gid && (st.st_mode & TRUST_GROUP_MODE) == TRUST_GROUP_MODE)
		return 0;
	snprintf(walk.at, sizeof(walk.at), "%s", path);
	return fail_walk(&walk, TRUST_HOME, -EPERM, "", &st);
}

/* Takes fd over. */
static int
checked_home(int fd, const char *path, const struct trust *trust, bool *is_others, struct trust_problem *problem)
{
	int r = fd < 0 ? fd : check_home_owner(fd, path, trust, is_others, problem);

	if (r < 0)
		close_fd(&fd);
	return r < 0 ? r : fd;
}

/* Look at the way only where links are on it. */
static int
open_home(const char *path, const struct trust *trust, struct trust_problem *problem)
{
	int fd = open_without_links(path);

	if (fd == -ELOOP)
		return walk_home(path, trust, problem);
	return fd < 0 ? fail_path(problem, TRUST_SYSTEM, fd, path, trust->uid, NULL) : fd;
}

/* One of the two functions above. */
typedef int (*home_opener)(const char *path, const struct trust *trust, struct trust_problem *problem);

/*
 * As root, and where root has no right to pass the directories, as the account. That is so in a container without
 * CAP_DAC_OVERRIDE, and on a file system whose server treats root as nobody.
 */
static int
open_as_root_or_account(
    home_opener open_it, const char *path, const struct trust *trust, bool *is_others, struct trust_problem *problem)
{
	int fd = open_it(path, trust, problem);

	if (fd == -EACCES && trust->uid != 0) {
		take_file_identity(trust->uid, trust->gid);
		fd = open_it(path, trust, problem);
		take_file_identity(geteuid(), getegid());
	}
	return checked_home(fd, path, trust, is_others, problem);
}

int
trusted_home_open_strictly(const char *path, const struct trust *trust, struct trust_problem *problem)
{
	bool is_others = false;

	return open_as_root_or_account(walk_home, path, trust, &is_others, problem);
}

int
trusted_home_open(const char *path, const struct trust *trust, struct trust_problem *problem)
{
	bool is_others = false;
	int fd = open_as_root_or_account(open_home, path, trust, &is_others, problem);

	if (fd < 0 || !is_others)
		return fd;
	/* whoever has a directory above it could put another one of the group there */
	close_fd(&fd);
	return trusted_home_open_strictly(path, trust, problem);
}

int
trusted_folder_open(const char *path, gid_t gid, struct trust_problem *problem)
{
	const struct trust group = {.gid = gid};
	struct walk walk = {.trust = &group, .problem = problem};
	struct stat st = {.st_gid = 0};
	int fd = walk_home(path, TRUST_ROOT_ALONE, problem);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0 && st.st_gid == gid && gid != 0 &&
	    (st.st_mode & (TRUST_GROUP_MODE | S_IWOTH)) == TRUST_GROUP_MODE)
		return fd;
	close_fd(&fd);
	snprintf(walk.at, sizeof(walk.at), "%s", path);
	return fail_walk(&walk, TRUST_FOLDER, -EPERM, "", &st);
}
