/* SPDX-License-Identifier: ISC */
/* Transfers: a list of files, moved by one thread or several, each with a connection of its own. */
#ifndef CLIENT_UI_TRANSFERS_H
#define CLIENT_UI_TRANSFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/ui/report.h"
#include "client/ui/session.h"

enum job_state {
	JOB_WAITING,
	JOB_DONE,
	JOB_SAME,	/* compared, and nothing was to be moved */
	JOB_FAILED
};

struct job {
	enum transfer_way way;
	char *remote;	/* path on the server; owned */
	int dir_fd;	/* borrowed */
	char *beneath;	/* directory below dir_fd, reached without following a link; NULL: dir_fd itself; owned */
	char *name;	/* local name, one component; NULL: stream_fd; owned */
	int stream_fd;	/* borrowed */
	int own_dir_fd, own_stream_fd;	/* what is closed with the job; -1 none */
	char *shown_local;	/* owned */
	int64_t size, mtime;	/* of the source; -1 unknown */
	bool is_known;	/* get: a fresh listing gave size and mtime, to the second */
	bool is_resume_own;	/* continue what an earlier run left, whatever the options say */
	bool is_followed;	/* another transfer follows over the same connection, as far as one knows */
	bool is_compare;	/* move it only where the hashes differ */
	/* called before the target is written, where it is not NULL; an error fails the job */
	enum exit_status (*prepare)(void *context, struct ftp *ftp, const struct job *job);
	void *context;
	/* afterwards */
	enum job_state state;
	enum exit_status status;
	struct ftp_result result;
};

struct jobs {
	struct job *items;
	size_t count;
};

/*
 * Add an empty job to fill in; valid until the next call. NULL: no memory.
 */
struct job *jobs_add(struct jobs *jobs, enum transfer_way way);
void jobs_free(struct jobs *jobs);

/* One job alone. job_free() frees what it owns. */
void job_init(struct job *job, enum transfer_way way);
void job_free(struct job *job);

/*
 * Do it over this connection. Reports errors; its state and status are set. *is_fatal becomes true when other jobs
 * would fail too: no connection, no login, disk full.
 */
void job_run(struct ftp *ftp, struct job *job, const struct options *options, bool *is_fatal);

/* Whether it failed, and left a part that the same command continues. */
bool job_has_part(const struct job *job);

/*
 * True when two of them, from different places, end under one name, so that the second destroys the first. Reports
 * it as an error of usage.
 */
enum exit_status jobs_check_names(const struct jobs *jobs);

/*
 * Do them all, options->parallel at once. Goes on after a file that failed, unless the others would fail too (no
 * connection, no login, disk full) or Ctrl-C came. Errors are reported. Returns the worst status.
 */
enum exit_status transfers_run(struct session *session, const struct options *options, struct jobs *jobs);

/*
 * Open the directory path ("a/b/c") below dir_fd, no component of it by way of a symbolic link or "..". makes: make
 * missing directories (mode 0777 and umask). Returns the descriptor, the caller's, or -errno.
 */
int open_local_beneath(int dir_fd, const char *path, bool makes);

#endif
