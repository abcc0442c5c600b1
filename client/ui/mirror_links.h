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

/* Ask the server what the links of a directory lead to. One that leads nowhere stays a link. */
void mirror_resolve_links(struct ftp *ftp, const char *directory, struct ftp_list *list);

#endif
