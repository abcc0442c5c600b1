/* SPDX-License-Identifier: ISC */
/*
 * Shared memory of the sessions, one page a slot: what a session claims about its own work. Its monitor uses it for
 * deadlines; master and metrics show it (board.h). Each session can reach only its own slot, and is not trusted
 * beyond that.
 */
#ifndef PRIVSEP_IPC_SCOREBOARD_H
#define PRIVSEP_IPC_SCOREBOARD_H

#include <stddef.h>
#include <stdint.h>

#include "privsep/ipc/totals.h"

#define CLAIM_VERB_SIZE 12
#define CLAIM_TLS_SIZE 64
#define CLAIM_PATH_SIZE 256
#define CLAIM_SIZE_UNKNOWN UINT64_MAX

enum claim_activity {
	CLAIM_IDLE,
	CLAIM_TRANSFER, /* bytes should move */
	CLAIM_FINISH /* the last bytes of an upload are on their way to the disk */
};

/* Written by protocol (work.logins: by monitor). All of it is hostile to a reader. Use the functions below. */
struct claims {
	uint64_t active_ms; /* CLOCK_MONOTONIC: the last whole command, or byte of a transfer */
	uint32_t activity; /* enum claim_activity */
	uint32_t sequence; /* odd while the texts are being written */
	uint32_t direction; /* enum ipc_direction; DIRECTION_COUNT: no transfer */
	uint64_t began_ms; /* the transfer; CLOCK_MONOTONIC */
	uint64_t bytes_done; /* of the transfer; in work.bytes when it has ended */
	uint64_t size; /* that the transfer will have moved, or CLAIM_SIZE_UNKNOWN */
	struct work work;
	char verb[CLAIM_VERB_SIZE]; /* of the last command; these three end with a NUL, or are cut off */
	char tls[CLAIM_TLS_SIZE]; /* of the control connection: version and cipher */
	char path[CLAIM_PATH_SIZE]; /* of the last command with one; the end of a long one */
};

#define SCOREBOARD_SLOT_SIZE 4096
_Static_assert(sizeof(struct claims) <= SCOREBOARD_SLOT_SIZE, "a slot is one page");

/* Reserve the page where a session has its slot: near libraries, so that it needs no page table of its own. NULL: errno. */
void *scoreboard_place(void);

/*
 * In a session: move this slot to place, and unmap all count of them. 0 or -errno. Returns the claims of the slot through
 * claims.
 */
int scoreboard_confine(void *scoreboard, size_t count, size_t slot, void *place, struct claims **claims);

/* In files, which claims nothing: unmap the slot as well. */
void scoreboard_leave(struct claims *claims);

/* A session begins: idle, without a transfer. */
void claims_begin(struct claims *claims, uint64_t now_ms);

/* What the session does now: the verb of a command, with its path (len 0: none). Plain stores. */
void claim_command(struct claims *claims, const char *verb, const char *path, size_t len);

/* The control connection is protected: "TLSv1.3 TLS_AES_256_GCM_SHA384". */
void claim_tls(struct claims *claims, const char *version_and_cipher);

/* A transfer begins: its way, and how many bytes it will have moved (CLAIM_SIZE_UNKNOWN). */
void claim_transfer(struct claims *claims, enum ipc_direction direction, uint64_t size, uint64_t now_ms);

/* The transfer has ended after bytes and ms; failure is TRANSFER_FAILURE_COUNT when it is complete. */
void claim_transfer_end(
    struct claims *claims, enum ipc_direction direction, uint64_t bytes, uint64_t ms, enum transfer_failure failure);

static inline void
claim(struct claims *claims, enum claim_activity activity, uint64_t now_ms)
{
	__atomic_store_n(&claims->activity, (uint32_t)activity, __ATOMIC_RELAXED);
	__atomic_store_n(&claims->active_ms, now_ms, __ATOMIC_RELAXED);
}

static inline void
claim_bytes(struct claims *claims, uint64_t bytes_done)
{
	__atomic_store_n(&claims->bytes_done, bytes_done, __ATOMIC_RELAXED);
}

static inline uint64_t
claimed_active_ms(const struct claims *claims)
{
	return __atomic_load_n(&claims->active_ms, __ATOMIC_RELAXED);
}

static inline enum claim_activity
claimed_activity(const struct claims *claims)
{
	uint32_t activity = __atomic_load_n(&claims->activity, __ATOMIC_RELAXED);

	return activity <= CLAIM_FINISH ? (enum claim_activity)activity : CLAIM_IDLE;
}

#endif
