/* SPDX-License-Identifier: ISC */
/* Whether the process that asks the database of accounts can be run as the configuration says. */
#ifndef CONFIG_BROKER_H
#define CONFIG_BROKER_H

#include <limits.h>

#include "config/config.h"

#define BROKER_PROGRAM "sallyport-broker"
#define BROKER_PROGRAM_MAX (PATH_MAX + sizeof("/" BROKER_PROGRAM))

/* The path of its program. */
void config_broker_program(const struct config *config, char path[BROKER_PROGRAM_MAX]);

/*
 * Check its program, which root alone may change; its user; and the file that accounts names: root owns it, its group
 * is that of the user, and nobody else reads it, because it may have a password. The user passes each directory on the
 * way to it. Nothing is read from it.
 *
 * error: where and what is wrong, CONFIG_BROKER_ERROR_MAX bytes. Returns 0, also without a database, or -errno.
 */
int config_check_broker(const struct config *config, char *error, size_t size);

#define CONFIG_BROKER_ERROR_MAX (CONFIG_PLACE_MAX + 3 * PATH_MAX + 1024)

#endif
