/* SPDX-License-Identifier: ISC */
/*
 * The certificate in force: checked by a short-lived process that alone parses the key, kept
 * as a TLS context without key and as the key's numbers in sealed memory; replaced when
 * the files change.
 */
#ifndef DAEMON_MASTER_CERTIFICATES_H
#define DAEMON_MASTER_CERTIFICATES_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/file_stamp.h"
#include "config/config.h"
#include "daemon/master/errand.h"

/* One pair on its way into force. */
struct certificate_check {
	struct errand errand;
	int chain_fd, key_fd; /* the files' bytes in sealed memory */
	int parts_fd; /* the checker writes the key's numbers there; see key_parts.h */
	struct file_stamp chain_stamp, key_stamp;
	SSL_CTX *context; /* made when the check was good */
	const char *kernel_trouble; /* of context_kernel_trouble() */
};

/* What is in force is in server->offer: tls and key_fd. */
struct certificates {
	struct server *server;
	struct file_stamp chain_stamp, key_stamp; /* the files last looked at */
	struct certificate_check check; /* because the files have changed */
	struct loop_timer look;
	uint64_t warn_at_ms;
	const char *kernel_trouble; /* why the kernel does not encrypt; NULL: it does */
	const char *date_problem; /* as it was told last; NULL: none */
};

/*
 * Load the pair at start and wait for its check; a line about what is wrong goes to standard error. server is borrowed.
 * must_be_good: a pair that is out of its dates is refused. 0 or -errno.
 */
int certificates_load_first(struct certificates *certificates, struct server *server, bool must_be_good);

/* There is a certificate in force, and it is in date. */
bool certificates_are_good(const struct server *server);

/* The log is there: say what is in force. */
void certificates_tell(const struct certificates *certificates);

/*
 * Read the pair that config names and fork the process that checks it; errors go to tell. gone: called with gone_arg
 * at its end; NULL: the caller waits. 0 or -errno.
 */
int certificate_check_start(struct certificates *certificates, struct certificate_check *check,
    const struct config *config, void (*gone)(void *arg, int status), void *gone_arg,
    void (*tell)(void *arg, const char *line), void *arg);

/*
 * The checker was reaped with status; its lines go to tell. A pair that is not in date is good, unless in_force
 * (NULL: none) is in date: the clock may be wrong, and a server without another pair still needs TLS. Returns 0:
 * certificates_use() or certificate_check_drop() comes next; or -errno of errand_end(), with nothing left to drop.
 */
int certificate_check_end(struct certificate_check *check, const struct config *config, const SSL_CTX *in_force,
    int status, void (*tell)(void *arg, const char *line), void *arg);

/*
 * When the certificate in force begins and ends, in seconds since the epoch, and what is wrong with that now (NULL: nothing).
 * False: there is none.
 */
bool certificates_dates(const struct certificates *certificates, int64_t *from, int64_t *until, const char **problem);

/* Put the pair in force, or, with NULL, none. */
void certificates_use(struct certificates *certificates, struct certificate_check *check);

/* Give up a check, running or done. */
void certificate_check_drop(struct certificate_check *check, struct loop *loop);

/*
 * Look whether the files have changed, and whether the certificate ends soon, before the loop waits again, and every
 * twenty seconds from then on.
 */
void certificates_look_soon(struct certificates *certificates);

#endif
