/* SPDX-License-Identifier: ISC */
/* A session of the board as JSON: one form for the control socket and for the metrics process. */
#ifndef PRIVSEP_IPC_BOARD_JSON_H
#define PRIVSEP_IPC_BOARD_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct board_session;

/*
 * Bytes, rate and percent are those of the running transfer; without one, the bytes are the session's. Unknown values
 * are null. A new reference, or NULL: no memory.
 */
json_t *board_session_json(const struct board_session *session);

/* How much of size is done, 0 to 100. False: that cannot be known (CLAIM_SIZE_UNKNOWN, or more is done than there is). */
bool board_percent(uint64_t done, uint64_t size, unsigned *percent);

#endif
