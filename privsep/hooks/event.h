/* SPDX-License-Identifier: ISC */
/* One finished upload, or a brake that has fallen, as the processes of hooks pass it on: fields into a message and out of one. Pure. */
#ifndef PRIVSEP_HOOKS_EVENT_H
#define PRIVSEP_HOOKS_EVENT_H

#include <limits.h>
#include <stdint.h>

#include "accounts/account.h"
#include "privsep/ipc/ipc.h"

#define HOOK_HASH_MAX 64 /* digits of a SHA-256 */

enum hook_kind {
	HOOK_UPLOAD,
	HOOK_BRAKE, /* the brake of the account has fallen; path is what was not removed, and size and hash say nothing */
	HOOK_KIND_COUNT
};

struct hook_event {
	enum hook_kind kind;
	uint64_t time_ns; /* since the epoch: when the file had its name */
	char session[20], address[64];
	char user[ACCOUNT_NAME_MAX + 1];
	char home[PATH_MAX]; /* of the account, as the host names it; or the directory of a shared folder */
	char path[PATH_MAX]; /* a home path; a client's words */
	uint32_t at_len; /* bytes of path where the account sees the folder; 0: it is in the home */
	uint64_t size; /* bytes */
	char hash[HOOK_HASH_MAX + 1]; /* SHA-256 in lower-case hex; "": not known */
};

/* The part of path that is below home. */
const char *hook_event_below(const struct hook_event *event);

/* Add the fields of event to message. */
void hook_event_put(struct ipc_message *message, const struct hook_event *event);

/*
 * Read the fields, which must be all that is left of message. The sender may have been taken over: home and path must
 * be absolute, at_len must be the end of a component, and the hash 64 digits or none.
 *
 * Returns 0 or -EPROTO.
 */
int hook_event_get(struct ipc_message *message, struct hook_event *event);

#endif
