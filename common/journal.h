/* SPDX-License-Identifier: ISC */
/* Standard error, where it leads to the journal of systemd (systemd.exec(5), JOURNAL_STREAM). */
#ifndef COMMON_JOURNAL_H
#define COMMON_JOURNAL_H

#include <stdbool.h>

/* Is it the journal's? Looked at once: the environment is cleared later. */
bool journal_is_stderr(void);

/*
 * The prefix of a line on standard error from which the journal learns its priority (sd-daemon(3)): "<3>" for LOG_ERR
 * of syslog(3). "" where standard error does not lead to the journal.
 */
const char *journal_prefix(int priority);

#endif
