/* SPDX-License-Identifier: ISC */
/* Bounds that the configuration, the users file, the tools and the server agree on. */
#ifndef COMMON_BOUNDS_H
#define COMMON_BOUNDS_H

#define SESSIONS_MAX 100000	/* of a server */
#define ID_MAX 4294967294u	/* of a user or group; (uid_t)-1 means "leave it" to chown(2) */
#define ACCOUNT_NAME_MAX 64	/* bytes, without NUL */
#define SERVER_NAME_MAX 60	/* of a server in the configuration: USER@SERVER is a name of an account */

#endif
