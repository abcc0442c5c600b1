/*
 * Failed logins by address: each failure makes the next password check of that address wait
 * longer, over all its connections. Memory is bounded; the least recent address gives way.
 */
#ifndef DAEMON_MASTER_FAILURES_H
#define DAEMON_MASTER_FAILURES_H

#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

#define FAILURES_MAX 4096

struct failure {
	struct address_key address;
	uint32_t count;		/* 0: the entry is free */
	uint64_t last_ms;
	uint64_t next_ms;	/* no check before */
};

struct failures {
	struct failure entries[FAILURES_MAX];
	size_t used;
};

/*
 * When the next check for address may start; reserves that time, so that connections side
 * by side wait one after the other. Failures older than forget_ms do not count.
 */
uint64_t failures_reserve(struct failures *failures, const struct address_key *address, uint64_t now_ms,
    uint64_t forget_ms);

/* One more failed login (or a session process that was stopped) of address. */
void failures_add(struct failures *failures, const struct address_key *address, uint64_t now_ms, uint64_t forget_ms);

#endif
