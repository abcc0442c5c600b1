/* SPDX-License-Identifier: ISC */
/* The welcome of a directory: its file ".message". */
#ifndef PRIVSEP_FILES_DIRECTORY_MESSAGE_H
#define PRIVSEP_FILES_DIRECTORY_MESSAGE_H

#include <stddef.h>

#include "privsep/files/home.h"

#define DIRECTORY_MESSAGE_MAX 4096
#define DIRECTORY_MESSAGE_SIZE (DIRECTORY_MESSAGE_MAX + 1)	/* with NUL */

/*
 * Read it, lines ended by '\n' alone, other control characters replaced by '?'; no more than its first 4096 bytes.
 * *len is 0 when there is no readable one.
 *
 * Returns 0, or -errno when the path is no directory.
 */
int directory_message_read(
    const struct home *home, const struct home_path *path, char text[DIRECTORY_MESSAGE_SIZE], size_t *len);

#endif
