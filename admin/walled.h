/* SPDX-License-Identifier: ISC */
/* Work in the home of an account, from the command line: in a process behind the walls of files, under the account's uid. */
#ifndef ADMIN_WALLED_H
#define ADMIN_WALLED_H

#include <stdbool.h>
#include <stddef.h>

#include "accounts/account.h"

struct walled_work {
	const char *verb; /* "count", for messages */
	int (*job)(int home_fd, const void *arg, void *result); /* runs in the child. 0 or -errno */
	const void *arg;
	bool is_read_only;
	void (*take)(
	    void *arg, const void *row, size_t len); /* called here for each row of the job; NULL: it has none */
	void *take_arg;
};

#define WALLED_ROW_MAX 8192

/* In the job: tell a row, of at most WALLED_ROW_MAX bytes. As long as the result is the last thing that is told. 0 or -errno. */
int walled_put_row(const void *row, size_t len);

/*
 * Open the account's home for a process behind walls, which can be built from now on. Says on stderr what is wrong; verb:
 * as of struct walled_work. The descriptor or -errno.
 */
int walled_open_home(const struct account *account, const char *verb);

/* Say on stderr that the work failed, with -errno; -ECHILD: its process died. */
void walled_report(const struct account *account, const char *verb, int error);

/*
 * Do the work in the account's home. Says on stderr what is wrong.
 *
 * Rows come while the job runs, so that memory is bounded.
 *
 * result  zeros, filled by the job in the child, and copied as bytes. The child has read the home, so check what it
 *         reports like any other text from outside.
 *
 * Returns 0 or -errno.
 */
int walled_run(const struct account *account, const struct walled_work *work, void *result, size_t size);

#endif
