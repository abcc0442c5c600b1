/* SPDX-License-Identifier: ISC */
/*
 * Retention (retain=365d): what a client has uploaded is neither replaced, changed, renamed nor removed before its date.
 *
 * The date is in the extended attribute user.sallyport.retained-until of the file, in seconds of the keep's own clock
 * (keep.h), which no verb of a client reaches: MFMT and SITE CHMOD do not move it, and a rename takes it along. A file
 * without one (older than the option, made by another program, on a file system without attributes) has the date
 * that its ctime gives, which a client can only make later.
 */
#ifndef PRIVSEP_FILES_RETAIN_H
#define PRIVSEP_FILES_RETAIN_H

#include <stdint.h>

#include "accounts/keep_rules.h"

/* Until when the plain file called name in dir_fd stays. 0 or -errno. */
int retain_date_of(const struct keep_rules *rules, int dir_fd, const char *name, uint64_t *until_s);

/* May it go now? 0, also where there is none; -EKEYREJECTED: its date has not come; or another -errno. */
int retain_permit(const struct keep_rules *rules, uint64_t now_s, int dir_fd, const char *name);

/*
 * Give an upload its date, before it takes its name. A file system without attributes is no error. 0 or -errno: then it
 * has none.
 */
int retain_give_date(const struct keep_rules *rules, uint64_t now_s, int fd);

/* A file without a date gets the one that it has by its ctime, which is about to move. */
void retain_settle_date(const struct keep_rules *rules, int fd);

#endif
