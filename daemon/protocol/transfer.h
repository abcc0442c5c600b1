/* SPDX-License-Identifier: ISC */
/* Transfers: RETR, STOR, APPE, LIST, NLST, MLSD over a data connection. */
#ifndef DAEMON_PROTOCOL_TRANSFER_H
#define DAEMON_PROTOCOL_TRANSFER_H

#include <stdint.h>

#include "common/home_path.h"
#include "privsep/ipc/messages.h"

struct protocol;

/* Each sends its replies: 150, then 226 or what went wrong. */
void transfer_retrieve(struct protocol *protocol, const struct home_path *path);
void transfer_store(struct protocol *protocol, const struct home_path *path, enum ipc_store_mode mode);
void transfer_list(struct protocol *protocol, const struct home_path *path, enum ipc_list_form form, uint8_t flags,
    uint32_t shown_from);

/*
 * Wait until fd is ready for events, serving the control connection (ABOR, STAT) and the
 * monitor meanwhile. fd -1: only look at these two, without waiting.
 *
 * Returns 0; -ETIMEDOUT past the deadline (monotonic_ms()); -ECANCELED when the transfer is
 * to stop: ABOR, the monitor's word, or a client that is gone.
 */
int transfer_watch(struct protocol *protocol, int fd, short events, uint64_t deadline_ms);

/*
 * The same while files works on something long (HASH, SITE CPTO, RMDA, ...) until its channel
 * has the answer; counts as activity for at most half an hour. 0 or -ECANCELED.
 */
int transfer_watch_work(struct protocol *protocol, int channel);

#endif
