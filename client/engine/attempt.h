/* SPDX-License-Identifier: ISC */
/* Try a transfer again after a failure that may pass. */
#ifndef CLIENT_ENGINE_ATTEMPT_H
#define CLIENT_ENGINE_ATTEMPT_H

#include "client/engine/session.h"

struct attempt {
	struct ftp *ftp;
	const char *verb;	/* "fetch" or "send", for messages */
	const char *remote;
	unsigned int *retries;	/* counts them */
	const uint64_t *at;	/* the bytes moved so far: only tries without progress count */
	enum ftp_class (*once)(void *transfer, bool is_again);
	bool (*may_retry)(const void *transfer);	/* NULL: always */
};

enum ftp_class attempt_run(const struct attempt *attempt, void *transfer);

#endif
