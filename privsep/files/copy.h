/* SPDX-License-Identifier: ISC */
/* SITE CPFR and CPTO: a file copied inside the home, without a byte on the network. */
#ifndef PRIVSEP_FILES_COPY_H
#define PRIVSEP_FILES_COPY_H

#include "privsep/files/home.h"
#include "privsep/files/stop.h"

/*
 * Copy a plain file of a tree (folders.h) to the same or another one, links followed. The new file takes its name when it is whole and safe
 * (upload-sync); until then, and after any error, the old one stays. Rules of the name and
 * modes as of uploads.
 *
 * Returns 0; -EINVAL where both are one file; -ECANCELED; errors of home_open_file() for
 * from and of upload_begin() for to; or another -errno.
 */
int copy_file(const struct home *from_tree, const struct home_path *from, const struct home *home,
    const struct home_path *to, struct stop *stop);

#endif
