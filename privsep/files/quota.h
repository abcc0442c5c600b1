/* SPDX-License-Identifier: ISC */
/*
 * The quota as files sees it: questions to the monitor, which keeps the ledger, bracket every change of the home.
 * Without a quota nothing is asked, and every function here returns at once.
 *
 * Between quota_begin() and quota_end() no other session of the account changes anything: the change and its tally
 * are one. Brackets are short; quota_turn() cuts long work into several.
 */
#ifndef PRIVSEP_FILES_QUOTA_H
#define PRIVSEP_FILES_QUOTA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define QUOTA_WAIT_MS 80	/* for a count: most homes are counted meanwhile, and no command takes longer for the others */

struct quota {
	int channel;		/* to the monitor */
	dev_t home_device;
	bool is_kept;		/* the account has a quota */
	bool is_limited_elsewhere;	/* not here, but in another tree of the session: uploads must be let free */
	unsigned number;	/* of the ledger: 0 is the home's, then those of folders */
	bool is_lost;		/* an upload could not be settled: no further change is allowed */
	unsigned changes;	/* in this bracket */
	int64_t bytes, files;	/* tally of this bracket */
	bool is_counted;	/* somebody counts the home: what changes in this bracket is told */
	bool is_unknown;	/* nobody knows the figure: no upload can begin */
	bool was_patient;	/* a first count was waited for in vain: from now on QUOTA_WAIT_MS at most */
	uint64_t upload_start;	/* the size of the upload's file before the first byte */
};

struct quota_figures {
	uint64_t bytes, bytes_limit, files, files_limit;	/* UINT64_MAX: no limit; used is 0 without any limit */
	bool is_bound;	/* used is an upper bound */
};

/* False also for NULL: nobody keeps one for this home. */
bool quota_is_kept(const struct quota *quota);

/*
 * A change begins that adds at most so much. 0; -EDQUOT; -ETIMEDOUT while another session changes the home, or the figure
 * must be counted first, which takes too long; -EINPROGRESS where there is no figure; -EIO when the ledger fails.
 */
int quota_begin(struct quota *quota, uint64_t bytes, uint64_t files);

/* The same for the end of an upload, which is not to be lost because another session changes the home: waits up to a minute. */
int quota_begin_patiently(struct quota *quota);

/*
 * True: r says that the home is being counted, and it is time to ask again, after a moment. -EUCLEAN: there is no figure,
 * which is waited for up to three seconds, once in a session; -EINPROGRESS: there is one, a bound, QUOTA_WAIT_MS.
 * since_ms: 0 at first.
 */
bool quota_wait_for_count(struct quota *quota, int r, uint64_t *since_ms);

/* r; for what was waited for in vain -EINPROGRESS where there is no figure, and -ETIMEDOUT where it is a bound. */
int quota_counted_too_late(int r);

/* What the change has added; may be called several times, and takes negative figures. */
void quota_add(struct quota *quota, int64_t bytes, int64_t files);

/* A file has become so many bytes larger, or smaller, under each of its names; st: as it is now. */
void quota_resized(struct quota *quota, const struct stat *st, int64_t bytes);

/* What bears this name was made: a name more. */
void quota_made(struct quota *quota, int dir_fd, const char *name);

/* The same for the file that was opened. */
void quota_made_file(struct quota *quota, int fd);

/* The file that was just made is removed again. */
void quota_unmade(struct quota *quota, int fd);

/* Within a bracket: what is called so is about to be renamed. Only where the home is counted meanwhile st is filled (else st_nlink 0). */
void quota_look_for_count(const struct quota *quota, int dir_fd, const char *name, struct stat *st);

/* It has its new name, in place of what quota_look() saw there. */
void quota_renamed(struct quota *quota, const struct stat *moved, const struct stat *replaced);

/* The change is made. Only where quota_begin() returned 0. */
int quota_end(struct quota *quota);

/* An upload cannot be settled: the session's figure is no longer right, and no further change is allowed. */
void quota_lose(struct quota *quota);

/* One of many changes is made: from time to time, let others have their turn. As quota_begin(); after an error there is no bracket. */
int quota_turn(struct quota *quota);

/* Within a bracket: end it, and begin another one with room for a file. As quota_begin(); after an error there is no bracket. */
int quota_need_file(struct quota *quota);

/*
 * Remove a name, and tally it: unlinkat(2) with flags. A plain file that another session uploads to in place is
 * -EBUSY, since its size is not known. Within a bracket.
 */
int quota_unlink(struct quota *quota, int dir_fd, const char *name, int flags);

/* Within a bracket: what is called name there is about to be replaced: 0 with st filled (st_nlink 0: nothing), or -errno. */
int quota_look(struct quota *quota, int dir_fd, const char *name, struct stat *st);

/* Tally what quota_look() saw as gone. */
void quota_gone(struct quota *quota, const struct stat *st);

/* Within a bracket: an upload begins that wants so many bytes (0: not known), to a file that is as st says. 0, -EDQUOT,
 * -EUCLEAN or -EINPROGRESS (see quota_wait_for_count()), or -EIO. */
int quota_upload(struct quota *quota, const struct stat *st, uint64_t wanted);

/* More bytes for the upload. 0, -EDQUOT; -EFBIG where there is no quota; -ETIMEDOUT as quota_begin(), after ten seconds. */
int quota_grow(struct quota *quota);

/* Within a bracket: the upload to fd has ended, its file wherever it is now, or removed. */
int quota_uploaded(struct quota *quota, int fd);

/* Bytes that fit yet; UINT64_MAX without a limit. */
uint64_t quota_left(const struct quota_figures *figures);

/*
 * 0, or -errno with figures of no limit; -EINPROGRESS: there is no figure.
 * is_patient: a figure that is only a bound is waited for, QUOTA_WAIT_MS at most, since a home is counted.
 */
int quota_read(struct quota *quota, bool is_patient, struct quota_figures *figures);

#endif
