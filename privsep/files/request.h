/* One request in hand: its fields, its reply, and what the answers share. */
#ifndef PRIVSEP_FILES_REQUEST_H
#define PRIVSEP_FILES_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/home_path.h"
#include "privsep/files/files.h"
#include "privsep/files/home.h"
#include "privsep/files/list_walk.h"
#include "privsep/files/stop.h"
#include "privsep/files/upload.h"
#include "privsep/ipc/ipc.h"

struct files {
	const struct files_session *session;
	struct home home;
	struct upload upload;		/* between open_write and finish_write */
	struct listing listing;
	int list_fd;			/* write end of the pipe: a listing begins when the reply is out */
	bool is_list_due;		/* list_end must be the next request */
	int list_result;
	uint64_t list_entries;
	int reply_fd;			/* goes with the reply */
	bool is_reply_fd_ours;		/* closed when it is out; an upload's is kept for its end */
	struct stop stop;
	bool is_notice;			/* no reply goes out */
	struct ipc_message message;	/* the request, then the reply: paths are copied out first */
};

/* Every request that this process answers; those that change the home are refused for a read-only account. */
#define READS false
#define CHANGES true
#define FILES_ANSWERS(X) \
	X(stat,             READS) \
	X(enter,            READS) \
	X(facts,            READS) \
	X(size_ascii,       READS) \
	X(open_read,        READS) \
	X(open_write,       CHANGES) \
	X(finish_write,     READS)	/* there is nothing to finish without an open_write */ \
	X(list,             READS) \
	X(list_end,         READS) \
	X(make_directory,   CHANGES) \
	X(remove_directory, CHANGES) \
	X(remove_file,      CHANGES) \
	X(rename,           CHANGES) \
	X(hash,             READS) \
	X(set_time,         CHANGES) \
	X(set_mode,         CHANGES) \
	X(copy,             CHANGES) \
	X(remove_tree,      CHANGES) \
	X(tree_size,        READS) \
	X(space,            READS) \
	X(directory_message, READS) \
	X(stop,             READS)

/*
 * An answer reads its request from files->message and leaves the reply there. False: the
 * request is malformed, or not in turn; the session ends.
 */
typedef bool files_answer(struct files *files);

#define X(name, change) files_answer files_answer_##name;
FILES_ANSWERS(X)
#undef X

/* The next field is a home path; the last one and a home path. False: it is not. */
bool request_path(struct files *files, struct home_path *path);
bool request_only_path(struct files *files, struct home_path *path);

/* Partial files cannot be named: -ENOENT as if they, and all that is below such a name, were not there; or 0. */
int request_reachable(const struct home_path *path);

/* Begin the reply to the request in hand. */
void request_reply(struct files *files, int result);

/* The answer to every request that is a path and gets a result, no more. */
bool request_answer_with(struct files *files, int (*operation)(const struct home *home, const struct home_path *path));

/* Write the listing whose pipe is out, for as long as its reader wants it. */
void files_write_listing(struct files *files);

#endif
