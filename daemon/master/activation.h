/* SPDX-License-Identifier: ISC */
/*
 * Sockets that are older than this process: from the service manager (the protocol of sd_listen_fds(3), by hand), or
 * from the server that this one replaces.
 */
#ifndef DAEMON_MASTER_ACTIVATION_H
#define DAEMON_MASTER_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/master/listeners.h"

#define ACTIVATION_NAME_MAX 24 /* bytes of activation_name(), with its ":" or NUL */
#define INHERITED_FIRST 3 /* SD_LISTEN_FDS_START */

/* What a former server hands over besides its listeners; in this order after them. */
enum inherited_extra {
	INHERITED_CHANNEL,
	INHERITED_STDERR,
	INHERITED_UPLOADS,
	INHERITED_UPLOADS_READ,
	INHERITED_EXTRAS
};

#define INHERITED_ENVIRONMENT "SALLYPORT_UPGRADE" /* set to "1" by a former server, */
#define INHERITED_GOOD_CERTIFICATES "SALLYPORT_GOOD_CERTIFICATE" /* and this, of certificates_good() */

/* What was inherited. */
struct inherited {
	struct listener listeners[LISTENERS_MAX];
	size_t count;
	bool is_upgrade; /* there are extras, and names are those of activation_name() */
	const char *good_certificates; /* none that is not in date may replace one of these; NULL: none is */
	int extras[INHERITED_EXTRAS]; /* -1: none */
};

/*
 * Read the variables: how many descriptors there are, and what each is for. Pure.
 *
 * fds, pid, names, upgrade  LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES, SALLYPORT_UPGRADE; NULL: not set.
 * self                      this process; variables that are for another one are ignored.
 * inherited                 count, is_upgrade, and of each listener fd, kind, is_activated; port 0 in address
 *                           and is_any in a name of activation_name() go together.
 *
 * Returns 0, -EINVAL (no numbers), -E2BIG (more than there is room for).
 */
int activation_parse(
    const char *fds, const char *pid, const char *names, const char *upgrade, pid_t self, struct inherited *inherited);

/* The name by which the next server knows the kind of a listener. Static text. */
const char *activation_name(const struct listener *listener);

/*
 * Take what this process inherited, make it close-on-exec, and close every other descriptor above standard error.
 * Anything but a listening TCP socket is an error. error: what is wrong. 0 or -errno.
 */
int activation_take(struct inherited *inherited, char *error, size_t size);

#endif
