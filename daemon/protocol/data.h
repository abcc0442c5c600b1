/* SPDX-License-Identifier: ISC */
/* The data connection: how it was agreed on, and opening it. */
#ifndef DAEMON_PROTOCOL_DATA_H
#define DAEMON_PROTOCOL_DATA_H

#include <stdbool.h>

#include "common/address.h"
#include "daemon/protocol/stream.h"

struct protocol;

/* Forget what PASV, EPSV, PORT or EPRT agreed on. */
void data_forget(struct protocol *protocol);

/* How long an announced port is still kept, in ms; -1: none is announced. */
int data_left_ms(const struct protocol *protocol);

/* Give it up when its time (timeouts.data-connect) is over and nobody has connected. */
void data_expire(struct protocol *protocol);

/* PASV and EPSV: listen; bound is where. 0 or -errno. */
int data_listen(struct protocol *protocol, union address *bound);

/*
 * A transfer begins. After one passive transfer and another a third is likely, whose listener the monitor can make
 * ahead, and more at a time the longer this lasts. data_prepare_next() asks for them while only the client is waited
 * for. They are given up when the client is idle (wait_for_input() of protocol.c), in a large transfer, and when no port
 * was announced for LISTENER_MS.
 */
void data_expect_next(struct protocol *protocol);
void data_prepare_next(struct protocol *protocol);

/* PORT and EPRT: may target be connected to? Remembers it. 0, -EACCES (not the client's host, or a port below 1024). */
int data_set_target(struct protocol *protocol, const union address *target);

/*
 * Open the data connection that was agreed on; uses the agreement up. Waits at most
 * timeouts.data-connect; ABOR and STAT are served meanwhile (transfer.h).
 *
 * With PROT P, TLS is set up as well (RFC 4217, 10).
 *
 * Returns 0; -ETIMEDOUT or the errno of the connect; -EPROTO when TLS failed (stream->error says why);
 * -EKEYREJECTED when TLS did not resume the control connection's session, and that is required;
 * -ECANCELED when the transfer is to stop.
 */
int data_open(struct protocol *protocol, struct stream *stream);

#endif
