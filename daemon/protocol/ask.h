/* SPDX-License-Identifier: ISC */
/*
 * The questions of protocol to the monitor, and the way to ask its siblings (files: ask_files.h). Every question is
 * one message and its answer. The monitor's message to end may come between, and is remembered. If a sibling is gone
 * or breaks the table, this process ends.
 */
#ifndef DAEMON_PROTOCOL_ASK_H
#define DAEMON_PROTOCOL_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "accounts/rate.h"
#include "daemon/protocol/ask_files.h"
#include "privsep/ipc/messages.h"
#include "privsep/tls/sign_scheme.h"

struct protocol;

/*
 * Send the message in hand to a sibling and receive the answer to it. Returns the answer's result. ask_answered() follows
 * when the answer was read: one of another form is a broken sibling's, and ends this process. It returns result.
 */
int ask_sibling(struct protocol *protocol, int channel);
int ask_answered(struct protocol *protocol, int result);

/* Read a notice of the monitor; poll has reported one. */
void ask_take_notice(struct protocol *protocol);

/* Leave at once: a sibling is gone. */
void ask_give_up(struct protocol *protocol) __attribute__((noreturn));

/* Monitor. The password is not kept. 0, or -EACCES, -EUSERS, -ECONNABORTED (messages.h). On success files_channel is set. */
int ask_monitor_login(struct protocol *protocol, const char *user, const char *password, size_t password_len);

/*
 * A listening socket for the data connection: one that was made ahead, or a new one. *was_ahead: it listened before
 * it was announced. 0 or -errno. fd is the caller's.
 */
int ask_monitor_listen(struct protocol *protocol, union address *bound, int *fd, bool *was_ahead);

/*
 * Have the monitor make the next listening sockets, unless there are enough: twice as many as the last time. Its
 * answer is taken when it comes, or when one is needed.
 */
void ask_monitor_listen_ahead(struct protocol *protocol);

/* A socket that connects to target; 0 or -errno. fd is the caller's. */
int ask_monitor_connect(struct protocol *protocol, const union address *target, int *fd);

/* How long to wait before bytes move at the account's rate, in microseconds. */
uint64_t ask_monitor_pace(struct protocol *protocol, enum rate_direction direction, uint32_t bytes);

/* A signature for a TLS handshake (remote_sign of privsep/tls/remote_key.h); arg is the struct protocol. */
int ask_monitor_sign(
    void *arg, enum sign_scheme scheme, const uint8_t *text, size_t text_len, uint8_t *signature, size_t *len);

/*
 * Log a transfer; error is 0 or a positive errno. Several go out as one message, before the next one to the
 * monitor, or by tell_monitor_due().
 */
void tell_monitor_transferred(
    struct protocol *protocol, enum ipc_direction direction, uint64_t bytes, uint64_t ms, int error, const char *path);

#define TELL_MS 5 /* the longest wait, and */
#define TELL_BYTES 65536 /* the most bytes of a next transfer, before what is held back must be sent */

/* Send the records that are held back. False: there were none. */
bool tell_monitor_due(struct protocol *protocol);

/* How long the records that are held back may wait, in ms; -1: there are none. */
int tell_monitor_left_ms(const struct protocol *protocol);

void tell_monitor_noted(struct protocol *protocol, enum ipc_noted_event event, const char *detail);

#endif
