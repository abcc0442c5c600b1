/* SPDX-License-Identifier: ISC */
/* Symbolic links in a mirror: made here as the source has them, or followed on the server. */
#ifndef CLIENT_UI_MIRROR_LINKS_H
#define CLIENT_UI_MIRROR_LINKS_H

#include "client/ui/mirror.h"

/*
 * Make a link of a download, in one step where another one has the name; in a dry run only say so. Reports errors.
 * Returns whether it is there, or would be.
 */
bool mirror_make_link(struct mirror *mirror, const char *path, const struct mirror_action *action);

/*
 * The links of a listing of the server: where they lead, for --links copy; for --links follow, what is there. directory is its path on
 * the server, path that in the mirror. One that leads nowhere, or back up, stays a link.
 */
enum ftp_class mirror_look_at_links(
    struct mirror *mirror, struct ftp *ftp, const char *directory, const char *path, struct ftp_list *list);

#endif
