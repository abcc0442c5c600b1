/* SPDX-License-Identifier: ISC */
/* The kind of a download's local name, and how to write to it. */
#ifndef CLIENT_UI_LOCAL_TARGET_H
#define CLIENT_UI_LOCAL_TARGET_H

#include "client/ui/report.h"
#include "client/ui/transfers.h"

/*
 * Set the local side of a download: name in dir_fd (borrowed), shown for messages.
 *
 * A regular file, or a free name, gets a part that takes its place. For a link to a regular file, its target is
 * replaced, and the link stays. The client writes into a device or a FIFO. It refuses a directory, a socket and a
 * terminal, and reports that.
 *
 * *is_stdout: the file is standard output.
 */
enum exit_status local_target_set(struct job *job, int dir_fd, const char *name, const char *shown, bool *is_stdout);

#endif
