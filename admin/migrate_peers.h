/* SPDX-License-Identifier: ISC */
/* The servers whose configuration can be migrated. */
#ifndef ADMIN_MIGRATE_PEERS_H
#define ADMIN_MIGRATE_PEERS_H

#include "admin/migrate_plan.h"

extern const struct migrate_peer migrate_vsftpd; /* vsftpd.conf(5), of 3.0.3 */

#endif
