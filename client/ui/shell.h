/* SPDX-License-Identifier: ISC */
/* The shell: lines from a person at a terminal, by libedit, or from a file. */
#ifndef CLIENT_UI_SHELL_H
#define CLIENT_UI_SHELL_H

#include <stdio.h>

#include "client/ui/exit_status.h"

/* Read commands from the terminal until quit or the end of input. A connection is open. */
enum exit_status shell_run(void);

/*
 * Do the commands of a stream, one a line. The first that fails ends it, unless a '-' stands before it. name is shown with errors.
 * Jobs in the background are waited for.
 */
enum exit_status shell_batch(FILE *stream, const char *name);

#endif
