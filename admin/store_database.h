/* SPDX-License-Identifier: ISC */
/* store check without a directory: whether the database of accounts can be used. */
#ifndef ADMIN_STORE_DATABASE_H
#define ADMIN_STORE_DATABASE_H

#include "admin/ctl.h"

/* Check the administrator's connection, and the server's where accounts names a database. Loads the configuration. */
enum ctl_exit store_check_database(struct ctl *ctl);

#endif
