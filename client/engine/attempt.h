/* SPDX-License-Identifier: ISC */
/* A transfer that is tried again after a failure that may pass. */
#ifndef CLIENT_ENGINE_ATTEMPT_H
#define CLIENT_ENGINE_ATTEMPT_H

#include "client/engine/session.h"

struct attempt {
	struct ftp *ftp;
	const char *verb;	/* "fetch", "send": for what cannot be done */
	const char *remote;
	unsigned int *retries;	/* counts them */
	const uint64_t *at;	/* how far it has come: only tries in vain are counted */
	enum ftp_class (*once)(void *transfer, bool is_again);
	bool (*may_retry)(const void *transfer);	/* NULL: always */
};

enum ftp_class attempt_run(const struct attempt *attempt, void *transfer);

#endif
