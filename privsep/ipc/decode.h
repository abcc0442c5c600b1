/* SPDX-License-Identifier: ISC */
/* Between message.c and channel.c: decode the bytes that are in the message already. */
#ifndef PRIVSEP_IPC_DECODE_H
#define PRIVSEP_IPC_DECODE_H

#include "privsep/ipc/ipc.h"

/* As ipc_decode() for message->bytes, length and fds; closes the descriptors of a refused message. */
int ipc_decode_received(struct ipc_message *message, enum ipc_process me, enum ipc_state state);

#endif
