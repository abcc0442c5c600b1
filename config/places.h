/* SPDX-License-Identifier: ISC */
/* Whether root can follow the paths of a configuration to directories that it makes things in. */
#ifndef CONFIG_PLACES_H
#define CONFIG_PLACES_H

#include "config/config.h"

/*
 * Look at the directories of runtime-directory, state-directory, log.target, log.xferlog and metrics-listen, and tell
 * each that others can change, with the place of its key. What is not there yet is no error. Certificates and the
 * users file have checks of their own.
 *
 * Returns 0, or -EPERM when something was told.
 */
int config_check_places(const struct config *config, void (*tell)(void *arg, const char *line), void *arg);

#endif
