/* SPDX-License-Identifier: ISC */
/* Rights of files, and rights and times of directories, as the source has them. */
#ifndef CLIENT_UI_MIRROR_ATTRIBUTES_H
#define CLIENT_UI_MIRROR_ATTRIBUTES_H

#include "client/ui/mirror.h"

/*
 * Give a name of the target these rights (the last nine bits of mode). Where that fails it is reported once; the status
 * of the command says so.
 */
void mirror_set_mode(
    struct mirror *mirror, struct ftp *ftp, const char *directory, const char *name, unsigned int mode);

/* A file that is the same: with --perms its rights shall be, too. path: of the file. */
void mirror_same_mode(struct mirror *mirror, struct ftp *ftp, const char *path, const struct mirror_action *action);

/* Remember a directory for mirror_finish_directories(), where an option wants that. */
void mirror_note_directory(struct mirror *mirror, struct mirror_node *node);

/* When all is in them, give directories their rights and times, and forget them. */
void mirror_finish_directories(struct mirror *mirror);
void mirror_forget_directories(struct mirror *mirror);

#endif
