/* SPDX-License-Identifier: ISC */
/* Replies about a client's quota. */
#ifndef DAEMON_PROTOCOL_QUOTA_H
#define DAEMON_PROTOCOL_QUOTA_H

struct protocol;
struct quota_told;

/* Further lines of a 226, when nine tenths of a limit are used. */
void reply_quota_warning(struct protocol *protocol, const struct quota_told *told);

/* SITE QUOTA */
void reply_quota(struct protocol *protocol);

#endif
