/* SPDX-License-Identifier: ISC */
/* Partial files that nobody goes on with, in a whole home: found and removed. */
#ifndef PRIVSEP_FILES_SWEEP_H
#define PRIVSEP_FILES_SWEEP_H

#include <stdint.h>

#include "privsep/files/home.h"

#define SWEEP_LOGIN_ENTRIES_MAX 10000	/* so that no login waits for it */

/*
 * Remove the partials of the home that have not been written to for keep_s seconds and that
 * nobody uploads to. No link is followed. What cannot be read or removed is left out.
 *
 * entries_max  how many entries are looked at; the rest is for another time.
 *
 * Returns how many were removed.
 */
uint64_t sweep_home(const struct home *home, uint64_t keep_s, uint64_t entries_max);

#endif
