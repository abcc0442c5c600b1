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
#include "privsep/ipc/messages.h"

/* Until when the plain file called name in dir_fd stays. 0 or -errno. */
int retain_date_of(const struct keep_rules *rules, int dir_fd, const char *name, uint64_t *until_s);

/*
 * The moment of the host's calendar at which a keep's clock will have reached a date. The two differ after a jump of the
 * host's clock, which the keep does not follow.
 */
uint64_t retain_date_on_host(uint64_t until_s, uint64_t now_s);

/* Why a request was refused last. */
struct retain_refusal {
	enum ipc_retained what;
	uint64_t until_s;	/* on the host's calendar; 0: no date is known */
};

/* Refuse: remember why, for the reply. Always -EKEYREJECTED. until_s and now_s: by the keep's own clock. */
int retain_refuse(enum ipc_retained what, uint64_t until_s, uint64_t now_s);
struct retain_refusal retain_refused(void);

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
