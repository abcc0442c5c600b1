/* SPDX-License-Identifier: ISC */
/* The system users that the configuration names: whom processes of the server become. */
#ifndef CONFIG_USERS_H
#define CONFIG_USERS_H

#include <stddef.h>
#include <sys/types.h>

#include "config/config.h"

#define CONFIG_USER_ERROR_MAX (CONFIG_PLACE_MAX + 512)

/*
 * Look up service-user, hook-user or broker-user. An empty hook-user means service-user. error: where the key is, what
 * is wrong, and what would be right; CONFIG_USER_ERROR_MAX bytes.
 *
 * Returns 0, or -ENOENT, or -EPERM for root, and for a broker-user that is one of the others.
 */
int config_service_user(const struct config *config, uid_t *uid, gid_t *gid, char *error, size_t size);
int config_hook_user(const struct config *config, uid_t *uid, gid_t *gid, char *error, size_t size);
int config_broker_user(const struct config *config, uid_t *uid, gid_t *gid, char *error, size_t size);

#endif
