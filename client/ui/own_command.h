/* SPDX-License-Identifier: ISC */
/* Commands that the user has written: sh(1) runs them. No word of a server is ever in one. */
#ifndef CLIENT_UI_OWN_COMMAND_H
#define CLIENT_UI_OWN_COMMAND_H

#include <stddef.h>

/*
 * Run a command, and read the first line of its standard output. SALLYPORT_HOST and SALLYPORT_USER are in its environment.
 *
 * Returns 0; -ECANCELED when it failed, -ENODATA when it printed nothing, -ENOBUFS for a line that is too long, -EINTR
 * after Ctrl-C, or -errno.
 */
int own_command_line(const char *command, const char *host, const char *user, char *line, size_t size);

#endif
