/* SPDX-License-Identifier: ISC */
/* Logins kept in ~/.netrc, as ftp(1) and curl(1) read it. */
#ifndef CLIENT_UI_NETRC_H
#define CLIENT_UI_NETRC_H

#include <stdbool.h>
#include <stddef.h>

struct netrc_login {
	char *user;	/* NULL where the entry has none; owned */
	char *password;	/* NULL where the entry has none; owned, wiped when freed */
	char *account;	/* likewise */
};

/*
 * Find the entry of a host in the text of a file: the first "machine HOST" whose login is user (or which has no
 * login), or "default", which matches every host and ends the search. Host names are compared
 * without regard to case. Tokens may stand in "..." with backslashes. A macdef is skipped up to the next empty line.
 *
 * user   NULL: any login will do.
 *
 * Returns 0; -ENOENT when there is no entry; -EINVAL with *line (from 1) where the text makes no sense; -ENOMEM.
 * login is filled on success; the caller calls netrc_login_free().
 */
int netrc_find(
    const char *text, size_t len, const char *host, const char *user, struct netrc_login *login, size_t *line);

/*
 * Read the file at path and find the entry. A password is not used if somebody else may read the file.
 *
 * Returns as netrc_find(), or -EPERM (others or the group have rights on it, or it belongs to somebody
 * else, and the entry has a password), -errno of opening and reading (-ENOENT: no file).
 */
int netrc_look_up(const char *path, const char *host, const char *user, struct netrc_login *login, size_t *line);

void netrc_login_free(struct netrc_login *login);

#endif
