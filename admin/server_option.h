/* SPDX-License-Identifier: ISC */
/*
 * --server NAME, and names in full (NAME@SERVER): a command is about the users file of a further server. From here on the
 * configuration in hand names that file and that server's directory of homes. Accounts have their short names there.
 */
#ifndef ADMIN_SERVER_OPTION_H
#define ADMIN_SERVER_OPTION_H

#include <stdbool.h>

struct config;
struct ctl;

/* Take the option, or the server of a name in full. has_name: the operand is a name, and no file. Says what is wrong. 0 or -errno. */
int server_option_take(struct ctl *ctl, bool has_name);

/* Let a configuration name what a server of it has. 0 or -ENOMEM. */
int server_option_use(struct config *config, unsigned long server);

#endif
