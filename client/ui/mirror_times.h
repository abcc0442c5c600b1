/* SPDX-License-Identifier: ISC */
/* The times that mirror compares, made exact where the server's listings are not. */
#ifndef CLIENT_UI_MIRROR_TIMES_H
#define CLIENT_UI_MIRROR_TIMES_H

#include "client/ui/mirror.h"

/*
 * Ask the server (MDTM) for the times of files that have the same size on both sides, where the listing has no
 * seconds. An upload also finds out, at the first file that is newer on the server, whether the server keeps times
 * at all. If not, such a file is the same.
 *
 * full is the directory on the server, path that in the mirror. A time that the server does not report stays
 * unchanged.
 */
void mirror_sharpen_times(struct mirror *mirror, struct ftp *ftp, const char *full, const char *path,
    struct ftp_list *remote, const struct ftp_list *local);

#endif
