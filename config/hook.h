/* SPDX-License-Identifier: ISC */
/* Whether the program of on-upload can be run as the configuration says. */
#ifndef CONFIG_HOOK_H
#define CONFIG_HOOK_H

#include "config/config.h"

/* error: where and what is wrong, CONFIG_USER_ERROR_MAX bytes. Returns 0, also without on-upload, or -errno. */
int config_check_hook(const struct config *config, char *error, size_t size);

#endif
