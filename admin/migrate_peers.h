/* SPDX-License-Identifier: ISC */
/* The servers whose configuration can be migrated. */
#ifndef ADMIN_MIGRATE_PEERS_H
#define ADMIN_MIGRATE_PEERS_H

#include "admin/migrate_plan.h"

extern const struct migrate_peer migrate_vsftpd; /* vsftpd.conf(5), of 3.0.3 */
extern const struct migrate_peer migrate_pure_ftpd; /* pure-ftpd.conf, and options as pure-ftpd(8) has them */
extern const struct migrate_peer migrate_proftpd; /* proftpd.conf(5), of 1.3.8 */

#endif
