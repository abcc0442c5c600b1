/* SPDX-License-Identifier: ISC */
/* The files of the user: ~/.netrc, bookmarks, history. */
#ifndef CLIENT_UI_PLACES_H
#define CLIENT_UI_PLACES_H

#include <stdbool.h>

#include "client/ui/exit_status.h"

struct buf;

/* $NETRC, or .netrc in the home. False where there is no home. */
bool places_netrc(struct buf *path);

/* $XDG_STATE_HOME/sallyport/history (~/.local/state); its directory is made, and the file with mode 0600. False: cannot. */
bool places_history(struct buf *path);

/* $XDG_CONFIG_HOME/sallyport/config (~/.config). False where there is no home. */
bool places_config(struct buf *path);

/* The text of the bookmarks' file, empty where there is none. Returns 0 or -errno. */
int places_read_bookmarks(struct buf *text);

/* Put another text in place of the file, in one step, mode 0600. Returns 0, -EINVAL where that is no file, or -errno. */
int places_write_bookmarks(const struct buf *text);

/* Whether place begins with a bookmark; out is then the URL. */
bool places_expand_bookmark(const char *place, struct buf *out);

#endif
