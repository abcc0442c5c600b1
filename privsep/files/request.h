/* SPDX-License-Identifier: ISC */
/* One request in hand: its fields, its reply, and what the answers share. */
#ifndef PRIVSEP_FILES_REQUEST_H
#define PRIVSEP_FILES_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/home_path.h"
#include "privsep/files/beside.h"
#include "privsep/files/files.h"
#include "privsep/files/home.h"
#include "privsep/files/list_walk.h"
#include "privsep/files/permitted.h"
#include "privsep/files/stop.h"
#include "privsep/files/stored.h"
#include "privsep/files/unguarded.h"
#include "privsep/files/upload.h"
#include "privsep/ipc/ipc.h"

/* Small members come first: each page that a session writes to is copied. */
struct files {
	const struct files_session *session;
	struct home home;
	struct quota quota;
	const struct home *tree;	/* that the request in hand is about: the home, or a folder */
	const struct home *refused_tree;	/* where there was no room last */
	struct upload upload;		/* between open_write and finish_write */
	int list_fd;			/* write end of the pipe: a listing begins when the reply is out */
	bool is_list_due;		/* list_end must be the next request */
	int list_result;
	uint64_t list_entries;
	int reply_fd;			/* goes with the reply */
	bool is_reply_fd_ours;		/* closed when it is out; an upload's is kept for its end */
	unsigned fds_since_look;	/* sent since it was last seen that protocol reads them */
	struct stop stop;
	struct beside beside;
	bool is_notice;			/* no reply goes out */
	struct ipc_message message;	/* the request, then the reply: paths are copied out first */
	struct stored stored;
	struct home_path upload_path;	/* of the upload, as the client names it: not routed */
	struct unguarded unguarded;
	struct listing listing;
};

/*
 * Every request that this process answers. Those that change the home are refused for a read-only account (-EROFS).
 * Of the rights, each in the third column and at least one in the fourth are needed (-EKEYREVOKED): somewhere in the
 * home. Where directories have rights of their own, the answer checks again (permitted.h), and it checks what depends
 * on the file itself.
 */
#define READS false
#define CHANGES true
#define NONE 0
#define MAY_WRITE (MAY_CREATE | MAY_OVERWRITE)
/* clang-format off */
#define FILES_ANSWERS(X) \
	X(stat,              READS,   NONE,                   MAY_KNOW | MAY_CREATE) /* a drop box: files_answer_stat() */ \
	X(enter,             READS,   NONE,                   NONE)      \
	X(facts,             READS,   MAY_LIST,               NONE)      \
	X(size_ascii,        READS,   NONE,                   MAY_KNOW)  \
	X(open_read,         READS,   MAY_READ,               NONE)      \
	X(open_write,        CHANGES, NONE,                   MAY_WRITE) /* which one: upload_begin() */ \
	X(sync_write,        READS,   NONE,                   NONE)      /* nothing to sync without an open_write */ \
	X(grow_write,        READS,   NONE,                   NONE)      /* nothing to grow without an open_write */ \
	X(finish_write,      READS,   NONE,                   NONE)      /* nothing to finish without an open_write */ \
	X(list,              READS,   MAY_LIST,               NONE)      \
	X(list_end,          READS,   NONE,                   NONE)      \
	X(make_directory,    CHANGES, MAY_MKDIR,              NONE)      \
	X(remove_directory,  CHANGES, MAY_RMDIR,              NONE)      \
	X(remove_file,       CHANGES, MAY_DELETE,             NONE)      \
	X(rename,            CHANGES, MAY_RENAME,             NONE)      /* over another: change_rename() */ \
	X(hash,              READS,   MAY_READ,               NONE)      \
	X(set_time,          CHANGES, MAY_CHMOD,              NONE)      \
	X(set_mode,          CHANGES, MAY_CHMOD,              NONE)      \
	X(copy,              CHANGES, MAY_READ,               MAY_WRITE) /* which one: upload_begin_copy() */ \
	X(remove_tree,       CHANGES, MAY_RMDIR | MAY_DELETE, NONE)      \
	X(tree_size,         READS,   MAY_LIST,               NONE)      \
	X(space,             READS,   NONE,                   NONE)      \
	X(quota,             READS,   NONE,                   NONE)      \
	X(partials,          READS,   NONE,                   NONE)      /* names: MAY_LIST */ \
	X(remove_partial,    CHANGES, NONE,                   MAY_CREATE | MAY_DELETE) \
	X(remove_partials,   CHANGES, NONE,                   MAY_CREATE | MAY_DELETE) \
	X(versions,          READS,   MAY_LIST,               NONE)      \
	X(retained,          READS,   NONE,                   NONE)      /* of the last refusal alone */ \
	X(restore,           CHANGES, NONE,                   MAY_WRITE) /* which one: keep_restore() */ \
	X(directory_message, READS,   NONE,                   NONE)      \
	X(expect_hash,       READS,   NONE,                   NONE)      /* a notice, which is never refused */ \
	X(stop,              READS,   NONE,                   NONE)
/* clang-format on */

/*
 * An answer reads its request from files->message and leaves the reply there. False: the request is malformed, or out
 * of turn; the session ends.
 */
typedef bool files_answer(struct files *files);

#define X(name, ...) files_answer files_answer_##name;
FILES_ANSWERS(X)
#undef X

/* The next field is a home path; the last one and a home path. False: it is not. */
bool request_path(struct files *files, struct home_path *path);
bool request_only_path(struct files *files, struct home_path *path);

/*
 * Partial files cannot be named: -ENOENT as if they, and all that is below such a name, were not there. Nor can names that
 * the account is denied, there or not: -EKEYREVOKED. Or 0.
 */
int request_reachable(const struct files *files, const struct home_path *path);

/*
 * The tree that a path is in, which the path then is one of (folders.h), becomes files->tree, if the account may ask for
 * kind there. 0, -ENOENT as above, -EROFS or -EKEYREVOKED.
 */
int request_route(struct files *files, enum ipc_kind kind, struct home_path *path);

/* An optional path at the end: what the request is about becomes files->tree, and without a path, the home. False: malformed. */
bool request_only_place(struct files *files);

/* May the session of a tree ask for this, somewhere there; or with these rights? 0, -EROFS or -EKEYREVOKED. */
int request_permit(const struct files_session *session, enum ipc_kind kind);
int request_permit_with(const struct files_session *session, unsigned rights, enum ipc_kind kind);

/*
 * Begin the reply to the request in hand. -EROFS of a file system becomes -EMEDIUMTYPE; -EBUSY on shared storage becomes
 * -EHOSTDOWN: the lock may be that of a machine which is gone.
 */
void request_reply(struct files *files, int result);

/* The same where the account may not ask; here -EROFS is the account's. */
void request_refuse(struct files *files, int result);

/* The fields of a quota's figures. */
void request_put_quota(struct files *files, const struct quota_figures *figures);

/* The answer to every request that is a path and gets a result, no more. */
bool request_answer_with(struct files *files, int (*operation)(const struct home *home, const struct home_path *path));

/* Write the listing whose pipe protocol has, until its reader closes it. */
void files_write_listing(struct files *files);

#endif
