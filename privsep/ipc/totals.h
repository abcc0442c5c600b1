/* SPDX-License-Identifier: ISC */
/* The counters over the life of the server, their names, and their sums. */
#ifndef PRIVSEP_IPC_TOTALS_H
#define PRIVSEP_IPC_TOTALS_H

#include <stddef.h>
#include <stdint.h>

#include "privsep/ipc/messages.h"

/* How a login ended. */
#define LOGIN_RESULTS(X) \
	X(OK, "ok") \
	X(WRONG, "wrong-password") /* or an unknown name */ \
	X(REFUSED, "refused") /* locked, expired, from an address that the account does not allow */ \
	X(LIMIT, "limit") /* sessions-per-user, or the account's own max-sessions */ \
	X(ERROR, "error") /* no home, no process, no accounts */

/* What the database of accounts said about a name. */
#define LOOKUPS(X) \
	X(FOUND, "found") \
	X(KEPT, "kept") /* found, as it was when the database last answered */ \
	X(NOBODY, "nobody") /* there is no such account */ \
	X(REFUSED, "refused") /* found, and not believed */ \
	X(NOT_NOW, "not-now") /* the database does not answer */ \
	X(UNANSWERED, "unanswered") /* nor does the broker */

/* Why a connection was refused before a session began. */
#define REFUSALS(X) \
	X(ADDRESS, "sessions-per-address") \
	X(SESSIONS, "sessions") \
	X(BANNED, "banned") \
	X(RESOURCES, "resources") \
	X(STOPPING, "stopping") /* at a listener for a proxy, which stays open until the last session has ended */ \
	X(STRANGER, "not-from-proxy") /* at such a listener: the address is not in proxy-from */ \
	X(HEADER, "proxy-header") /* malformed, too slow, or in the way of newer ones */

/* Why a transfer did not complete. */
#define TRANSFER_FAILURES(X) \
	X(ABORTED, "aborted") /* ABOR, or the client left */ \
	X(ENDED, "ended") /* by the server: a deadline, the administrator, a stop */ \
	X(NO_CONNECTION, "no-connection") /* no data connection came about */ \
	X(CONNECTION, "connection") /* it broke */ \
	X(TLS, "tls") /* not protected, not resumed, cut off */ \
	X(SPACE, "space") /* quota or disk full */ \
	X(FILE, "file") /* anything else on the server's side */

#define X(name, text) LOGIN_##name,
enum login_result { LOGIN_RESULTS(X) LOGIN_RESULT_COUNT };
#undef X
#define X(name, text) LOOKUP_##name,
enum lookup { LOOKUPS(X) LOOKUP_COUNT };
#undef X
#define X(name, text) REFUSED_##name,
enum refusal { REFUSALS(X) REFUSAL_COUNT };
#undef X
#define X(name, text) FAILED_##name,
enum transfer_failure { TRANSFER_FAILURES(X) TRANSFER_FAILURE_COUNT };
#undef X

#define HISTOGRAM_BUCKETS 12 /* with the last one, which has no bound */

/* Durations: buckets[i] holds those of at most bounds_ms[i] that no earlier one holds. */
struct histogram {
	uint64_t buckets[HISTOGRAM_BUCKETS];
	uint64_t sum_ms;
};

/* Upper bounds of the buckets but the last, in ms. */
extern const uint32_t handshake_bounds_ms[HISTOGRAM_BUCKETS - 1];
extern const uint32_t transfer_bounds_ms[HISTOGRAM_BUCKETS - 1];

/* The counters of sessions. All members are uint64_t. */
struct work {
	uint64_t logins[LOGIN_RESULT_COUNT];
	uint64_t lookups[LOOKUP_COUNT];
	uint64_t transfers[DIRECTION_COUNT]; /* complete ones */
	uint64_t bytes[DIRECTION_COUNT]; /* of all, complete or not */
	uint64_t failures[TRANSFER_FAILURE_COUNT];
	uint64_t handshake_failures;
	uint64_t brakes; /* of accounts, that have fallen */
	struct histogram handshakes; /* of control connections */
	struct histogram durations; /* of transfers, complete or not */
};

/* All counters. All members are uint64_t. */
struct totals {
	uint64_t connections; /* that became sessions */
	uint64_t refused[REFUSAL_COUNT];
	uint64_t health_checks; /* of a proxy, answered without a session */
	uint64_t alarms;
	uint64_t bans; /* made since the start; not those in force */
	struct work work;
};

const char *login_result_name(enum login_result result);
const char *lookup_name(enum lookup lookup);
const char *broker_state_name(enum broker_state state);
const char *node_standing_name(enum node_standing standing);
const char *refusal_name(enum refusal refusal);
const char *transfer_failure_name(enum transfer_failure failure);
const char *direction_name(enum ipc_direction direction);

/* One more duration. Plain stores, as for the counters: one process writes a struct work. */
void histogram_add(struct histogram *histogram, const uint32_t bounds_ms[HISTOGRAM_BUCKETS - 1], uint64_t ms);

/*
 * Add what a session claims to have done. A counter that no session can reach (2^56 and more)
 * counts as nothing: the session lies.
 */
void work_add(struct work *to, const struct work *claimed);

#endif
