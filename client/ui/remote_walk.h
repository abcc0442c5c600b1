/* SPDX-License-Identifier: ISC */
/* Looking at a directory on the server and all that is below it. Links are not followed. */
#ifndef CLIENT_UI_REMOTE_WALK_H
#define CLIENT_UI_REMOTE_WALK_H

#include <stdbool.h>

#include "client/engine/ftp.h"
#include "client/ui/session.h"

struct remote_walk {
	struct session *session;
	void *context;
	/* Each name, sorted within its directory. Returns whether a directory is entered. */
	bool (*visit)(void *context, const char *directory, const char *below, const struct ftp_entry *entry);
	/* The directory is done, and all below it. is_complete: what it has was seen. NULL: not asked for. */
	void (*leave)(void *context, const char *directory, bool is_complete);
	size_t seen;	/* names, counted on */
};

/* Walk. Errors of a directory are reported, and the walk goes on. Returns the worst status. */
enum exit_status remote_walk(struct remote_walk *walk, const char *path);

#endif
