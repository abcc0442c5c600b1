/* SPDX-License-Identifier: ISC */
/* Reports to the monitor, for its log: a file is kept, or has got its name again. */
#ifndef PRIVSEP_FILES_KEEP_REPORT_H
#define PRIVSEP_FILES_KEEP_REPORT_H

#include <stdint.h>

#include "privsep/files/home.h"
#include "privsep/ipc/messages.h"

/* Never waits: what finds no room is not logged. A home that no session has reports nothing. */
void keep_report(
    const struct home *home, enum kept_event event, const struct home_path *path, const char *id, uint64_t size);

#endif
