/* SPDX-License-Identifier: ISC */
/*
 * Passwords of the desktop's keyring (the Secret Service of freedesktop.org), through libsecret. The library is
 * loaded when it is asked for: a machine without a desktop does without it.
 */
#ifndef CLIENT_UI_KEYRING_H
#define CLIENT_UI_KEYRING_H

#include <stddef.h>

/*
 * Look up the password of a user on a host, as "secret-tool store server HOST user USER protocol ftp" keeps it.
 *
 * Returns 0; -ENOENT when it is not there; -ENOSYS when libsecret is not installed, -EIO when the keyring does not answer,
 * -ENOBUFS for one that is too long; for the last three why says more. The caller wipes password.
 */
int keyring_look_up(const char *host, const char *user, char *password, size_t size, char *why, size_t why_size);

#endif
