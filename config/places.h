/* SPDX-License-Identifier: ISC */
/* Whether root can follow the paths of a configuration to the directories in which it makes files. */
#ifndef CONFIG_PLACES_H
#define CONFIG_PLACES_H

#include "config/config.h"

/*
 * Check the directories of runtime-directory, state-directory, log.target, log.xferlog and metrics-listen, and report
 * each that others can change, with the place of its key. A missing one is no error. Certificates and the users file
 * have checks of their own.
 *
 * Returns 0, or -EPERM when something was reported.
 */
int config_check_places(const struct config *config, void (*tell)(void *arg, const char *line), void *arg);

#endif
