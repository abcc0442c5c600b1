/* SPDX-License-Identifier: ISC */
/*
 * The brake of an account (keep-brake=200/10m): one small file, which all sessions of the account on this server share.
 * It holds the times of the last removals, and whether the brake has fallen, which lasts until an administrator lifts it.
 *
 * The monitor alone has the file open. Times are those of this boot of the machine: no clock that is set counts, and a
 * start of the machine begins the count anew. It does not lift the brake.
 */
#ifndef ACCOUNTS_BRAKE_H
#define ACCOUNTS_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "accounts/keep_rules.h"

#define BRAKE_SESSION_SIZE 24
#define BRAKE_ADDRESS_SIZE 64

struct brake {
	int fd, fall_fd; /* -1: the account has none; what is written to fall_fd is on the disk at once */
	uint32_t changes, seconds;
	uint8_t boot_id[16];
};

/* Whose removal was one too many. */
struct brake_fall {
	bool has_fallen;
	int64_t time_s; /* since the epoch; 0: the file is damaged, and counts as fallen */
	char session[BRAKE_SESSION_SIZE], address[BRAKE_ADDRESS_SIZE];
};

/* No brake. */
void brake_init(struct brake *brake);

/* Open the file of an account; makes a missing one. 0, -ENOTSUP for anything but a plain file, or -errno. */
int brake_open(struct brake *brake, const char *path, const struct keep_rules *rules, const uint8_t boot_id[16]);
void brake_close(struct brake *brake);

/* Has it fallen? 0: no; -ESHUTDOWN, also for a damaged file; or another -errno. */
int brake_look(const struct brake *brake);

/*
 * A file is about to be replaced or removed. 0: it is counted; -ESHUTDOWN: it must not be, for the brake has fallen, or
 * falls now, which sets *falls; or another -errno: it must not be, because it cannot be counted.
 */
int brake_count(const struct brake *brake, const char *session, const char *address, bool *falls);

/* What the file says. 0, -ENOENT: there is none; or -errno. */
int brake_read_fall(const char *path, struct brake_fall *fall);

/* Lift it: the count begins anew. 0, -ENOENT: it had not fallen; or -errno. */
int brake_lift(const char *path);

#endif
