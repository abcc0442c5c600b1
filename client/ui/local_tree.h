/* SPDX-License-Identifier: ISC */
/* A tree on this machine, for mirror: listed as a server lists, and removed. */
#ifndef CLIENT_UI_LOCAL_TREE_H
#define CLIENT_UI_LOCAL_TREE_H

#include "client/ui/mirror_plan.h"

/*
 * List an open directory; takes dir_fd over. Names that vanish meanwhile are left out. A name that cannot be looked
 * at for another reason (EIO, ESTALE, EACCES) is reported, left out, and a doubt: FTP_DOUBT_CUT. shown is the
 * directory's name for that report.
 *
 * Returns 0 or -errno, with an empty list.
 */
int local_list(int dir_fd, const char *shown, struct ftp_list *list);

/*
 * Remove the directory name with all that is in it, following no link. What keep excludes stays, and so do its
 * parents; keep->path is the path of the directory in the mirror.
 *
 * is_counting: remove nothing. names: how many names went, or would, counted on.
 *
 * Returns 0 or the first -errno.
 */
int local_tree_remove(int dir_fd, const char *name, const struct mirror_wishes *keep, bool is_counting, size_t *names);

#endif
