/* SPDX-License-Identifier: ISC */
/*
 * Names in full: NAME@SERVER of an account or a folder in the users file of a further server. Everything that the server
 * keeps of it bears this name; in its own file it is NAME. Pure.
 */
#ifndef ACCOUNTS_FULL_NAME_H
#define ACCOUNTS_FULL_NAME_H

#include <stddef.h>

#include "common/bounds.h"

/* Make name one in full, in place. server "": it stays. 0, or -ENAMETOOLONG: it would have more than ACCOUNT_NAME_MAX bytes. */
int full_name_make(char name[ACCOUNT_NAME_MAX + 1], const char *server);

/*
 * The length of what is before the '@', where one of the servers is behind it, in any case; 0: the name is none in full. servers: names
 * with ',' between; NULL: there are none.
 */
size_t full_name_server(const char *servers, const char *name);

#endif
