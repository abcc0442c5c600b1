/* SPDX-License-Identifier: ISC */
/* What a client is told about its quota. */
#ifndef DAEMON_PROTOCOL_QUOTA_H
#define DAEMON_PROTOCOL_QUOTA_H

#include <stdint.h>

struct protocol;
struct quota_told;

/* code, name, what is used of which limit, and what was asked for: protocol->quota_asked bytes, or a file. */
void reply_over_quota(struct protocol *protocol, int code, const char *name);

/* Lines of a 226 that goes on, when nine tenths of a limit are used. */
void reply_quota_warning(struct protocol *protocol, const struct quota_told *told);

/* SITE QUOTA */
void reply_quota(struct protocol *protocol);

#endif
