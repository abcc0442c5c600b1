/* SPDX-License-Identifier: ISC */
/* A password from the terminal or from standard input. */
#ifndef ADMIN_SECRET_H
#define ADMIN_SECRET_H

#include <stdbool.h>

#include "accounts/password.h"

#define SECRET_SIZE (PASSWORD_MAX + 1)

/*
 * Read a password: from standard input (one line, its end stripped), or twice from the terminal
 * without echo. Says on stderr what is wrong with it.
 *
 * secret  filled on success; the caller wipes it.
 *
 * Returns 0 or -errno.
 */
int secret_read(bool from_stdin, const char *name, char secret[SECRET_SIZE]);

#endif
