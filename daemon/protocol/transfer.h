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

#endif
