/* SPDX-License-Identifier: ISC */
/* The list of checks for what prevents serving, for sallyportd -t and sallyportctl config check. */
#ifndef DAEMON_CHECK_CHECK_H
#define DAEMON_CHECK_CHECK_H
#include <stdbool.h>

/* Where findings go, a line each, in the order of finding. */
struct check_sink {
	void (*error)(void *arg, const char *line); /* the server would not start, or not serve */
	void (*warning)(void *arg, const char *line); /* it would, but look */
	void *arg;
};

struct check_facts {
	unsigned passive_ports;	/* how many transfers at once the range can announce */
	bool has_tls;		/* a certificate is configured */
};

/*
 * Check the configuration at path and all that it names: users, directories, the certificate, the program of
 * on-upload, accounts and their homes; as root, also the walls (trial_run()). Without root, a warning says what was
 * not tried.
 *
 * facts  results that are worth knowing; all 0 when the configuration cannot be read.
 *
 * Returns 0, or -EINVAL when an error was reported.
 */
int check_setup(const char *path, const struct check_sink *sink, struct check_facts *facts);

/*
 * Check, and print the report as text: findings to standard error, each after prefix, the rest to standard output. 0
 * or -EINVAL.
 */
int check_print(const char *path, const char *prefix);

#endif
