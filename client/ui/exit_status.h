/* SPDX-License-Identifier: ISC */
/* The exit statuses of sallyport: from 10 to 19 the same command may succeed later. */
#ifndef CLIENT_UI_EXIT_STATUS_H
#define CLIENT_UI_EXIT_STATUS_H

#include "client/engine/error.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_LOCAL = 1,
	EXIT_USAGE = 2,
	EXIT_REFUSED = 3,
	EXIT_LOGIN = 4,
	EXIT_CERTIFICATE = 5,
	EXIT_VERIFY = 6,
	EXIT_NETWORK = 10,
	EXIT_TEMPORARY = 11,
	EXIT_INTERRUPTED = 130
};

enum exit_status exit_status_of(enum ftp_class class);

/* The status of several actions in a row: the first that is not "try again" stays, else the first error. */
enum exit_status exit_status_worse(enum exit_status so_far, enum exit_status next);

/* One line for --help and the man page's test; NULL for a number that is none. */
const char *exit_status_help(enum exit_status status);

#endif
