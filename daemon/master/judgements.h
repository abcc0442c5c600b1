/* SPDX-License-Identifier: ISC */
/*
 * Refused logins whose failure does not count yet. A failure counts when the client gets its answer, so that other
 * connections of the address learn nothing from when they slow down. Until then the attempt keeps its share of turns.
 */
#ifndef DAEMON_MASTER_JUDGEMENTS_H
#define DAEMON_MASTER_JUDGEMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"

struct loop;
struct judgements;
struct turn;
struct turns;

#define JUDGEMENTS_MAX 4096

/*
 * None waits. No other process inherits them. turns, those for a hash, and loop are borrowed. judged: what was added
 * of address counts now. 0 or -errno.
 */
int judgements_new(struct loop *loop, struct turns *turns,
    void (*judged)(void *arg, const struct address_key *address, bool is_failure), void *arg,
    struct judgements **judgements_out);

/*
 * An attempt of address has failed (is_failure), or nobody could judge it, which counts at at_ms. share, a turn for a
 * hash that is held or given back, is taken over and zeroed. Over JUDGEMENTS_MAX it counts at once.
 */
void judgements_add(struct judgements *judgements, const struct address_key *address, struct turn *share,
    uint64_t at_ms, bool is_failure);

/* How many have not counted yet. */
uint32_t judgements_waiting(const struct judgements *judgements);

#endif
