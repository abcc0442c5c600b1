/* SPDX-License-Identifier: ISC */
/* One pair of certificate and key on its way into force: checked by a short-lived process that alone parses the key. */
#ifndef DAEMON_MASTER_CERTIFICATE_CHECK_H
#define DAEMON_MASTER_CERTIFICATE_CHECK_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "common/file_stamp.h"
#include "config/config.h"
#include "daemon/master/errand.h"

struct server;

struct certificate_check {
	struct errand errand;
	int chain_fd, key_fd; /* the files' bytes in sealed memory, until the end */
	int parts_fd; /* the checker writes the key's numbers there; see key_parts.h */
	struct file_stamp chain_stamp, key_stamp;
	SSL_CTX *context; /* made when the check was good */
	const char *kernel_trouble; /* of context_kernel_trouble() */
};

#define CERTIFICATE_CHECK_NONE \
	{ \
		.chain_fd = -1, .key_fd = -1, .parts_fd = -1 \
	}

/* Where lines about what is wrong go. */
struct certificate_teller {
	void (*tell)(void *arg, const char *line);
	void *arg;
};

/*
 * Read the pair that of names and fork the process that checks it. gone: called with gone_arg at its end; NULL: the
 * caller waits. 0 or -errno.
 */
int certificate_check_start(struct certificate_check *check, struct server *server, const struct config_server *of,
    void (*gone)(void *arg, int status), void *gone_arg, const struct certificate_teller *teller);

/*
 * The checker was reaped with status. A pair that is not in date is good, unless in_force (NULL: none) is in date: the
 * clock may be wrong, and a server without another pair still needs TLS. number: of context_set_number(). Returns 0,
 * and check has a context; or -errno of errand_end(), with nothing left to drop.
 */
int certificate_check_end(struct certificate_check *check, const struct config *config, size_t number,
    const SSL_CTX *in_force, int status, const struct certificate_teller *teller);

/* Give up a check, running or done. loop: that of the start; NULL: it has ended. */
void certificate_check_drop(struct certificate_check *check, struct loop *loop);

/* Why the certificate of a context is not in date now; NULL: it is. */
const char *certificate_problem_of(const SSL_CTX *context);

#endif
