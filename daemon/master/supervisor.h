/* SPDX-License-Identifier: ISC */
/* Supervisors that watch this process by its number, so that no other process can take its place. */
#ifndef DAEMON_MASTER_SUPERVISOR_H
#define DAEMON_MASTER_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Find a supervisor that would take the end of this process for the end of the service; at start, before the
 * environment is cleared.
 *
 * is_foreground  started with -f. In the background, the server is known by its pid file.
 * why            "" when nothing does: a service manager with NOTIFY_SOCKET learns of the new main process. Else the
 *                reason why no other server can take over, and what to do instead.
 */
void supervisor_find(bool is_foreground, char *why, size_t size);

#endif
