/* SPDX-License-Identifier: ISC */
/*
 * Resolution for an account with names that it may not use (accounts/patterns.h), or with a keep (keep.h), into which no
 * link may lead: links are put into the path one by one, so that each name on the way is seen. What is opened in the end
 * is a path without links.
 */
#ifndef PRIVSEP_FILES_LINK_WAY_H
#define PRIVSEP_FILES_LINK_WAY_H

#include <limits.h>

struct patterns;

/*
 * As home_open(), without its O_CLOEXEC. A path without links costs one call more than none: the same one.
 *
 * patterns: NULL denies nothing.
 *
 * Returns 0, -EKEYREVOKED when a name on the way is denied (whether it is there or not), -ENOENT for one of our own, or
 * another -errno.
 */
int link_way_open(int root_fd, const struct patterns *patterns, const char *relative, int flags, int *fd_out);

/*
 * The path without links of what relative names, or would name: the last component may be missing. real is relative to
 * the root, too; "": the root itself. It was right at one moment. Errors as above.
 */
int link_way_resolve(int root_fd, const struct patterns *patterns, const char *relative, char real[PATH_MAX]);

#endif
