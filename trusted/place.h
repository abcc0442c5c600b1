/* SPDX-License-Identifier: ISC */
/*
 * Paths that root follows. A path is resolved once, step by step, through directories that only root (and one user
 * whom the caller names) can change. The result is a descriptor.
 *
 * Of links, only root's own are followed, and only in directories that root alone can change.
 */
#ifndef TRUSTED_PLACE_H
#define TRUSTED_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TRUST_TEXT_MAX (PATH_MAX + 512)
#define TRUST_ANY_GROUP ((gid_t)-1)
#define TRUST_ROOT_ALONE (&(const struct trust){.uid = 0})

/* Who may change a directory on the way, besides root. */
struct trust {
	uid_t uid;	/* may own it too; 0: nobody else */
	gid_t gid;	/* may write to it; 0: the group root alone */
};

enum trust_kind {
	TRUST_SYSTEM,	/* a call failed */
	TRUST_OWNER,	/* the directory belongs to somebody else */
	TRUST_WRITERS,	/* others can write to the directory, and it is not sticky */
	TRUST_HOME,	/* the home belongs to another user than its account */
	TRUST_FOLDER,	/* a shared folder is not its group's */
	TRUST_LINK,	/* a link that is not followed */
	TRUST_FILE,	/* the file itself can be changed by others */
	TRUST_PLANTED,	/* the file may be another one than it seems */
	TRUST_SPECIAL,	/* a device, a FIFO or a socket, where a file is to be replaced */
};

/* Why a path was not followed; see trust_explain(). Filled only after an error. */
struct trust_problem {
	enum trust_kind kind;
	int error;		/* -errno; -EPERM for all kinds but TRUST_SYSTEM */
	char path[PATH_MAX];	/* the component, with links resolved up to it */
	uid_t uid, wanted_uid;	/* the owner; who else could own it */
	gid_t gid, wanted_gid;	/* of the file; of a home that is shared through its group */
	mode_t mode;
};

/*
 * Say which component is wrong, whose it is, and what would be right; for a failed call, only its error. Reads the
 * system's users, so it is not for a process behind a filter.
 */
void trust_explain(const struct trust_problem *problem, char *text, size_t size);

/* Open a directory (O_PATH). Returns a descriptor, or -errno with problem filled. */
int trusted_dir_open(const char *path, const struct trust *trust, struct trust_problem *problem);

/*
 * Open the directory (O_PATH) that the last component of path is in, and copy that component to name. The file that
 * name leads to is not checked.
 *
 * Returns a descriptor, or -errno with problem filled; -EINVAL: the path has no last component.
 */
int trusted_parent_open(
    const char *path, const struct trust *trust, char name[NAME_MAX + 1], struct trust_problem *problem);

/*
 * As trusted_parent_open(), for a file to replace: root's own links at the end of path are followed, and name is
 * their target. That is a regular file, or free; TRUST_SPECIAL otherwise, -EISDIR for a directory.
 */
int trusted_target_open(
    const char *path, const struct trust *trust, char name[NAME_MAX + 1], struct trust_problem *problem);

/*
 * Open a file for reading, links of root included. Only root can put another file into its place; the owner of the
 * file itself is not checked. Does not wait for a FIFO.
 *
 * Returns a descriptor of any kind of file, or -errno with problem filled.
 */
int trusted_file_open(const char *path, struct trust_problem *problem);

/* Whether root alone can change the file in fd. path: for problem. 0, or -EPERM (-errno) with problem filled. */
int trusted_file_check(int fd, const char *path, struct trust_problem *problem);

/*
 * Open a file that is appended to, and make it (mode) if it is missing. Its directories may belong to uid as well,
 * and any group may write to them. Where somebody besides root could have put the file there, it must be a plain one
 * of root or uid with one name. Root's own links at the end of the path are followed. A FIFO without a reader is
 * -ENXIO.
 *
 * Returns a descriptor, or -errno with problem filled.
 */
int trusted_file_append(const char *path, uid_t uid, mode_t mode, struct trust_problem *problem);

/* What was made on the way of one path, so that it can be undone. */
struct trusted_made {
	int top_fd;		/* where the first directory was made; -1: none was made */
	char below[PATH_MAX];	/* all of them, as a path below top_fd */
};

/* clang-format off */
#define TRUSTED_MADE_NOTHING {.top_fd = -1}
/* clang-format on */

/*
 * As trusted_parent_open(), and make missing directories (0755). They belong to root where only root can change the
 * parent, else to the user of trust, who owns the parent. made->top_fd must be -1.
 */
int trusted_parent_make(const char *path, const struct trust *trust, char name[NAME_MAX + 1], struct trusted_made *made,
    struct trust_problem *problem);

/*
 * Make a directory that belongs to uid and gid, with mode, from its first moment on. If somebody puts something into
 * its place meanwhile, that keeps its owner. gid TRUST_ANY_GROUP: as the system gives it. made, unless NULL, gets the
 * name as its next one.
 *
 * Returns a descriptor (O_RDONLY), or -errno: -EEXIST when the name is taken.
 */
int trusted_dir_make(int dir_fd, const char *name, uid_t uid, gid_t gid, mode_t mode, struct trusted_made *made);

/*
 * Open a directory of uid and gid for reading: with these as ids of the file system where root may not read it.
 * Returns a descriptor, or -errno.
 */
int trusted_dir_read(int dir_fd, const char *name, uid_t uid, gid_t gid);

/* Remove what was made, as far as it is empty, and forget it. */
void trusted_made_undo(struct trusted_made *made);

/* Forget what was made; it stays. */
void trusted_made_keep(struct trusted_made *made);

/* What makes a directory common to the accounts of a group: they may write to it, and what is made there is the group's. */
#define TRUST_GROUP_MODE 02070

/*
 * Open the home of an account (O_PATH), which must belong to trust->uid, the account's. A home that is reached
 * without a link costs two system calls, and the directories above it are not checked: their owners can offer only
 * another directory of the account's user. Where links are on the way, all of it is checked. Where root may not pass
 * (EACCES), it tries once more with the account's ids as those of the file system (setfsuid(2)).
 *
 * A home of somebody else is the account's as well where it belongs to trust->gid and has TRUST_GROUP_MODE. Of such a
 * one all of the way is checked.
 *
 * Returns a descriptor, or -errno with problem filled.
 */
int trusted_home_open(const char *path, const struct trust *trust, struct trust_problem *problem);

/*
 * Open a shared folder (O_PATH): a directory of gid with TRUST_GROUP_MODE, to which nobody else may write. All of its way
 * is checked, and root alone may change it. Returns a descriptor, or -errno with problem filled.
 */
int trusted_folder_open(const char *path, gid_t gid, struct trust_problem *problem);

/* The same, for callers that make or remove something there: all of the way is checked in any case. */
int trusted_home_open_strictly(const char *path, const struct trust *trust, struct trust_problem *problem);

#endif
