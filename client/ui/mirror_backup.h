/* SPDX-License-Identifier: ISC */
/* --backup-dir of mirror: where the target's files go instead of being replaced or removed. */
#ifndef CLIENT_UI_MIRROR_BACKUP_H
#define CLIENT_UI_MIRROR_BACKUP_H

#include "client/ui/mirror.h"

/* Make the directory, and find out whether it lies in the mirror, which leaves it alone then. Reports errors. */
enum exit_status mirror_backup_open(struct mirror *mirror);
void mirror_backup_close(struct mirror *mirror);

/*
 * Keep the target's file or directory path (of the mirror) there, under its own path. Where that is taken already,
 * ".~1~", ".~2~" ... is added. is_replaced: something else will take the name, in one step. The old file stays until then
 * where that is possible. Reports errors; then nothing has changed.
 */
enum exit_status mirror_backup_keep(struct mirror *mirror, struct ftp *ftp, const char *path, bool is_replaced);

#endif
