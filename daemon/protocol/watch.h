/* SPDX-License-Identifier: ISC */
/* Waiting for one descriptor while the control connection and the monitor are served. */
#ifndef DAEMON_PROTOCOL_WATCH_H
#define DAEMON_PROTOCOL_WATCH_H

#include <stdint.h>

#define NO_DEADLINE UINT64_MAX	/* the monitor keeps the stall deadline */

struct protocol;

/*
 * Wait until fd is ready for events, serving the control connection (ABOR, STAT) and the monitor meanwhile. fd -1:
 * only check these two, without waiting.
 *
 * Returns 0; -ETIMEDOUT past the deadline (monotonic_ms()); -ECANCELED when the transfer is to stop: ABOR, the
 * monitor's end, or a client that is gone.
 */
int watch_fd(struct protocol *protocol, int fd, short events, uint64_t deadline_ms);

/*
 * The same during long work of files (HASH, SITE CPTO, RMDA, ...), until its channel has the answer; counts as
 * activity for at most half an hour. 0 or -ECANCELED.
 */
int watch_work(struct protocol *protocol, int channel);

#endif
