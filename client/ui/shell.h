/* SPDX-License-Identifier: ISC */
/* The shell: lines from a person at a terminal, by libedit, or from a file. */
#ifndef CLIENT_UI_SHELL_H
#define CLIENT_UI_SHELL_H

#include <stdio.h>

#include "client/ui/options.h"
#include "client/ui/session.h"

/* Read commands from the terminal until quit or the end of input. session is logged in. */
enum exit_status shell_run(struct session *session, struct options *options);

/*
 * Do the commands of a stream, one a line. The first that fails ends it, unless a '-' stands before it. name is shown with errors.
 */
enum exit_status shell_batch(struct session *session, struct options *options, FILE *stream, const char *name);

#endif
