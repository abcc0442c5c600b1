/* SPDX-License-Identifier: ISC */
/* What the local name of a download is at present, and how to write to it. */
#ifndef CLIENT_UI_LOCAL_TARGET_H
#define CLIENT_UI_LOCAL_TARGET_H

#include "client/ui/report.h"
#include "client/ui/transfers.h"

/*
 * Set the local side of a download: name in dir_fd (borrowed), shown for messages.
 *
 * A regular file, and a name that nobody has, get a part that takes their place. Of a link to a regular file the target is
 * replaced, and the link stays. A device or a FIFO is written into. A directory, a socket and a terminal are refused,
 * which is reported.
 *
 * *is_stdout: what is there is standard output.
 */
enum exit_status local_target_set(struct job *job, int dir_fd, const char *name, const char *shown, bool *is_stdout);

#endif
