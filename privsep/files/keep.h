/* SPDX-License-Identifier: ISC */
/*
 * What is kept of what a client replaces and removes (keep=30d): .sallyport-keep/DAY/HASH/STAMP.NUMBER in the root of the
 * home, where HASH is of the path (keep_path.h), and HASH/path holds that path. DAY is one of the keep's own
 * clock, which is in its file "state": it goes as the clock of the host does, but a jump forward moves it by a tenth of
 * the time of keeping, or of that of retention (retain.h), at most. One lock on the directory makes each change of it one.
 *
 * Without the option home->keep is NULL, and the functions of changes return at once.
 */
#ifndef PRIVSEP_FILES_KEEP_H
#define PRIVSEP_FILES_KEEP_H

#include <stdbool.h>

#include "privsep/files/home.h"
#include "privsep/files/keep_hold.h"

/*
 * What is called name in dir_fd is about to be replaced by a rename: give it a second name in the keep. hold: of keep_init(), or
 * of keep_open(); keep_end_change() must follow, after the rename. path: as the client gave it. Nothing is done for what
 * is no plain file. Returns 0; 1: nothing bears the name, so the rename must replace nothing either; -EEXIST: the name
 * has changed hands; or -ENOLINK: it cannot be kept, so it must stay; -ETIMEDOUT, -ENOSPC, -EDQUOT for the same;
 * -EKEYREJECTED: its date (retain.h) has not come.
 */
int keep_before_replacing(
    struct keep_hold *hold, const struct home *home, const struct home_path *path, int dir_fd, const char *name);

/* r: what came of the rename. After an error the second name goes again. Any hold ends. */
void keep_end(struct keep_hold *hold, int r);

/* The same of a hold that may be the lock alone. */
void keep_end_change(struct keep_hold *hold, int r);

/*
 * Rename from to the name path, which is to in to_fd; what bears that is kept, also what came there a moment before. 0;
 * errors as above; -EBUSY: the name changes hands all the time; or another one of rename(2).
 */
int keep_rename(
    const struct home *home, const struct home_path *path, int from_fd, const char *from, int to_fd, const char *to);

/* As rename_to_new(), with the lock of the keep: no other session is replacing what is renamed. -ETIMEDOUT, too. */
int keep_rename_to_new(const struct home *home, int from_fd, const char *from, int to_fd, const char *to);

/* As quota_unlink() of what is no directory; a plain file is moved to the keep. Errors as above, too. */
int keep_unlink(const struct home *home, const struct home_path *path, int dir_fd, const char *name);

/*
 * May what is called name in dir_fd be renamed, or written to? 0, also where there is none; -EKEYREJECTED; or -errno,
 * where nobody knows the time. A directory may as long as nothing is in it.
 */
int keep_permit_change(const struct home *home, int dir_fd, const char *name);

/* An upload that is whole gets its date. 0 or -errno. */
int keep_give_date(const struct home *home, int fd);

/* The time by the keep's own clock, which goes on. 0 or -errno. */
int keep_time(const struct home *home, uint64_t *now_s);

/* The name of the directory of a path in each day. 0 or -errno. */
int keep_hash(const struct home_path *path, char hash[KEEP_HASH_SIZE]);

#endif
