/* SPDX-License-Identifier: ISC */
/*
 * The brake of the account as files sees it (keep-brake=200/10m): the monitor counts each file that is about to be
 * replaced or removed, and says when that was one too many. From then on the account is read-only, in all its sessions.
 *
 * Without a brake nothing is asked, and every function here returns at once.
 */
#ifndef PRIVSEP_FILES_BRAKED_H
#define PRIVSEP_FILES_BRAKED_H

#include "common/home_path.h"
#include "privsep/files/files.h"
#include "privsep/files/home.h"

/* A request begins: has the brake fallen? 0, -ESHUTDOWN, or -errno where the monitor cannot say. */
int braked_look(const struct files_session *session);

/* A file is about to be replaced or removed: path, in the tree of home, is for the log and the hook. The same; after an error it must stay. */
int braked_count(const struct home *home, const struct home_path *path);

/* What is left of the rights, as of the last look. */
unsigned braked_rights(unsigned rights);

#endif
