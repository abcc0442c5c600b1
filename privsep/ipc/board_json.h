/* SPDX-License-Identifier: ISC */
/* A session of the board, and the standing of this server in a database, as JSON: one form for the control socket and for the metrics process. */
#ifndef PRIVSEP_IPC_BOARD_JSON_H
#define PRIVSEP_IPC_BOARD_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct board_head;
struct board_session;

/*
 * Bytes, rate and percent are those of the running transfer; without one, the bytes are the session's. Unknown values
 * are null. A new reference, or NULL: no memory.
 */
json_t *board_session_json(const struct board_session *session);

/*
 * What the database lends to this server, at now_s (CLOCK_REALTIME); "beat": seconds since it was heard, null: never. A new
 * reference, or NULL: no memory.
 */
json_t *board_node_json(const struct board_head *head, uint64_t now_s);

/* Does the lease of this server hold: has the database heard it within BROKER_LEASE_S? */
bool board_has_lease(const struct board_head *head, uint64_t now_s);

/* How much of size is done, 0 to 100. False: that cannot be known (CLAIM_SIZE_UNKNOWN, or more is done than there is). */
bool board_percent(uint64_t done, uint64_t size, unsigned *percent);

#endif
