/* SPDX-License-Identifier: ISC */
/*
 * The certificates in force, one for each server that has one: a TLS context without key, and the key's numbers in
 * sealed memory. Replaced when the files change.
 */
#ifndef DAEMON_MASTER_CERTIFICATES_H
#define DAEMON_MASTER_CERTIFICATES_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/file_stamp.h"
#include "config/config.h"
#include "daemon/master/certificate_check.h"
#include "daemon/master/loop.h"

struct certificate_round;

/* That of a server; server->offer.credentials has the pair. */
struct certificate_in_force {
	bool is_own; /* else there is none, or it is that of an earlier server, which looks after it */
	struct file_stamp chain_stamp, key_stamp; /* the files last looked at */
	uint64_t warn_at_ms;
	const char *date_problem; /* as it was told last; NULL: none */
};

struct certificates {
	struct server *server;
	struct loop_timer look;
	const char *kernel_trouble; /* why the kernel does not encrypt; NULL: it does */
	size_t checked; /* the server whose files were looked at because they have changed */
	struct certificate_check check; /* of them */
	struct certificate_in_force in_force[CONFIG_SERVERS_MAX + 1];
};

/*
 * Load all pairs at start and wait for their checks; a line about what is wrong goes to standard error. server is
 * borrowed. good: certificates_good() of the running server, none of whose certificates is replaced by one that is
 * not in date; NULL: there is no such server. failed: set on failure. 0 or -errno.
 */
int certificates_load_first(struct certificates *certificates, struct server *server, const char *good, size_t *failed);

#define CERTIFICATES_GOOD_MAX (2 + CONFIG_SERVERS_MAX * (SERVER_NAME_MAX + 1))

/*
 * Which servers have a certificate that is in date, for the next program: "1" or "0" for the main one, then each
 * server's name after a comma. "" when there is none.
 */
void certificates_good(const struct server *server, char good[CERTIFICATES_GOOD_MAX]);

/* The log is there: say what is in force. */
void certificates_tell(const struct certificates *certificates);

/*
 * When the certificate of a server begins and ends, in seconds since the epoch, and what is wrong with that now (NULL:
 * nothing). False: there is none.
 */
bool certificates_dates(
    const struct certificates *certificates, size_t server, int64_t *from, int64_t *until, const char **problem);

/* Put in force what the round for the configuration in force has found good. */
void certificates_use(struct certificates *certificates, struct certificate_round *round);

/*
 * Look whether the files have changed, and whether a certificate ends soon, before the loop waits again, and every
 * twenty seconds from then on.
 */
void certificates_look_soon(struct certificates *certificates);

#endif
