/* SPDX-License-Identifier: ISC */
/* Tells at the start of mounts whose options are no good for the homes on them: an errand reads the users file. */
#ifndef DAEMON_MASTER_HOME_MOUNTS_H
#define DAEMON_MASTER_HOME_MOUNTS_H

#include "daemon/master/errand.h"

struct server;

struct home_mounts {
	struct errand errand;
};

/*
 * Begin. Where no mount of this machine has such options, that is all. The log gets the event walls for each mount that
 * homes are on, by the text of their paths: no home is touched. server is borrowed.
 */
void home_mounts_tell(struct home_mounts *mounts, struct server *server);

#endif
