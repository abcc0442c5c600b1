/* SPDX-License-Identifier: ISC */
#include "client/engine/attempt.h"

#include "common/banned.h"

enum ftp_class
attempt_run(const struct attempt *attempt, void *transfer)
{
	unsigned int tries = 0;
	enum ftp_class reason;

	for (;;) {
		uint64_t at = *attempt->at;

		reason = attempt->once(transfer, tries > 0);
		if (reason == FTP_OK || (attempt->may_retry != NULL && !attempt->may_retry(transfer)))
			return reason;
		/* a try that moved bytes does not count */
		if (*attempt->at > at && attempt->ftp->options->retries > 0 && tries > 1)
			tries = 1;
		reason = session_retry(attempt->ftp, reason, &tries);
		if (reason != FTP_OK)
			return reason;
		++*attempt->retries;
		doing(attempt->ftp, "cannot %s '%s'", attempt->verb, attempt->remote);
	}
}
