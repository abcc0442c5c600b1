/* SPDX-License-Identifier: ISC */
/*
 * The servers of a configuration: which of them a session is with, and whether they contradict each other. An index is
 * one of config->servers, and 0 the main server.
 */
#ifndef CONFIG_SERVERS_H
#define CONFIG_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "config/config.h"

/* The server that has this address for itself; 0 where none has. dialled: without IPv4 in IPv6 (address_unmap()). */
uint8_t servers_at(const struct config *config, const union address *dialled);

/* May a client that dialled this address be with the server? Either it has the address, or it and the address have nobody. */
bool servers_eligible(const struct config *config, size_t server, const union address *dialled);

/*
 * The server that a client means by a name, in HOST (RFC 7151) or in TLS (RFC 6066, 3), among those that are eligible
 * at the address. Case does not matter.
 *
 * Returns its index, or -ENOENT.
 */
int servers_named(const struct config *config, const union address *dialled, const char *name);

/* The server of a session: that of the name, if one that is eligible has it, or else that of the address. name "": none is given. */
uint8_t servers_choose(const struct config *config, const union address *dialled, const char *name);

/* The server with this title (SERVER_NAME_MAX), whatever its case; "" is the main one. -ENOENT: there is none. */
int servers_titled(const struct config *config, const char *title);

/* The server whose users file the server uses: itself, or 0. */
uint8_t servers_book(const struct config *config, size_t server);

/* The name that is behind the '@' in names of the server's accounts and folders; "": they have the accounts of the main server. */
const char *servers_suffix(const struct config *config, size_t server);

/* The server with a users file of its own that this is the name of an account or a folder of, in full; 0: none. len: what is before the '@'. */
uint8_t servers_of_name(const struct config *config, const char *full_name, size_t *len);

/* The users file of the server; what %{host} becomes in its texts; its banner, its greeting, the text of its login message; does it require TLS? */
const char *servers_accounts(const struct config *config, size_t server);
const char *servers_host(const struct config *config, size_t server);
const char *servers_banner(const struct config *config, size_t server);
const char *servers_greeting(const struct config *config, size_t server);
const char *servers_login_message(const struct config *config, size_t server);
bool servers_require_tls(const struct config *config, size_t server);

/* Where a key of the server was set, as config_place(): "FILE:LINE: server "NAME": KEY: ". */
void servers_place(const struct config *config, size_t server, const char *name, char place[CONFIG_PLACE_MAX]);

/* The line where a key of a section was set, or that of the section. */
int servers_line(const struct config *config, size_t server, const char *name);

/* While a file is read: append a section. error: 0, -E2BIG when there are CONFIG_SERVERS_MAX, or -ENOMEM; NULL then. */
struct config_server *servers_add(struct config *config, const char *title, int *error);

/* Give the main server the values of the top, and each section what it does not say. 0 or -ENOMEM. */
int servers_inherit(struct config *config);

/* Report each section that contradicts itself or another one, with its line. Comes before servers_inherit(). */
void servers_check(const struct config *config, void (*tell)(void *arg, int line, const char *text), void *arg);

void servers_free(struct config *config);

#endif
