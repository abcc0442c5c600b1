/* SPDX-License-Identifier: ISC */
/*
 * What a path names, where the rights of its directory (zone.h) allow it. Each function resolves the path once, asks for
 * the rights of the directory that it leads to, and works from there on by a name that is no link: what is permitted is
 * what is done. Without rules it is the function of home.h.
 *
 * A refusal (-EKEYREVOKED) comes before the name is looked for: it does not tell whether there is one.
 */
#ifndef PRIVSEP_FILES_PERMITTED_H
#define PRIVSEP_FILES_PERMITTED_H

#include <sys/stat.h>

#include "privsep/files/home.h"
#include "privsep/files/list_format.h"
#include "privsep/files/zone.h"

/* What a name is to be known by: listed, or read. */
#define MAY_KNOW (MAY_LIST | MAY_READ)

/* home_open_parent() of a directory in which each_of and one of one_of are permitted (zone_permit()). */
int permitted_parent(const struct home *home, const struct home_path *path, unsigned each_of, unsigned one_of,
    int *dir_fd_out, const char **name);

/* home_stat() of what one of one_of is permitted for. */
int permitted_stat(const struct home *home, const struct home_path *path, unsigned one_of, struct stat *st);

/*
 * Complete what was seen of a name, path in the home, whose looked->own is filled: where a link leads to, if that may be
 * known, and the rights that hold there, or in a directory. After zone_of() of the same request.
 */
void permitted_look(const struct home *home, const struct home_path *path, struct list_looked *looked);

/* home_open_file() of a file that one of one_of is permitted for. */
int permitted_file(
    const struct home *home, const struct home_path *path, unsigned one_of, int *fd_out, struct stat *st);

/* Open a file or directory with flags of open(2) where right is permitted: for its name, and in it if it has a rule. */
int permitted_open(const struct home *home, const struct home_path *path, int flags, unsigned right, int *fd_out);

/* May the name in dir_fd be taken away, or given to something else? -EKEYREVOKED: it, or what is below it, has a rule. */
int permitted_removal(const struct home *home, int dir_fd, const char *name);

/*
 * May one name become another, and in permits_replacing, may it replace something? Within one zone that needs rename,
 * and overwrite to replace. From one zone into another it also needs read and delete there, of a directory rmdir as
 * well; here create, of a directory mkdir. The new zone must not allow anything that the old one does not.
 */
int permitted_rename(const struct home *home, int from_fd, const char *from_name, int to_fd, const char *to_name,
    bool *permits_replacing);

#endif
