/* SPDX-License-Identifier: ISC */
/* Find and remove abandoned partial files in a whole home. */
#ifndef PRIVSEP_FILES_SWEEP_H
#define PRIVSEP_FILES_SWEEP_H

#include <stdint.h>

#include "privsep/files/home.h"

#define SWEEP_LOGIN_ENTRIES_MAX 10000	/* so that no login waits for it */

/*
 * Remove the partials of the home that have not been written to for keep_s seconds and that nobody uploads to. No
 * link is followed. Files that cannot be read or removed are left out.
 *
 * entries_max  how many entries are examined; the rest is for another time.
 *
 * Returns how many were removed.
 */
uint64_t sweep_home(const struct home *home, uint64_t keep_s, uint64_t entries_max);

#endif
