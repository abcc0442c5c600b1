/* SPDX-License-Identifier: ISC */
#include "daemon/master/turns.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "common/siphash.h"
#include "daemon/master/deadlines.h"

#include "common/banned.h"

#define BUCKETS 4096

/* The rank of an address for which somebody waits. */
enum rank {
	RANK_NONE, /* nobody waits */
	RANK_FIRST, /* it has no turn: before those that have */
	RANK_AGAIN, /* it has one already */
	RANK_LATER /* the first one of it is put off */
};

TAILQ_HEAD(turn_list, turn);

struct turn_address {
	struct address_key key;
	uint32_t shares; /* turns of it that are held or not judged */
	enum rank rank;
	struct turn_list waiting;
	TAILQ_ENTRY(turn_address) round; /* among those of its rank */
	LIST_ENTRY(turn_address) same_bucket; /* or in the list of free ones */
	struct deadline wake;
};

TAILQ_HEAD(round, turn_address);
LIST_HEAD(address_list, turn_address);

struct turns {
	uint32_t most, most_per_address;
	uint32_t running, waiting;
	uint32_t ranked; /* addresses in first and again */
	struct round first, again;
	struct deadlines later;
	struct siphash_key secret;
	struct address_list buckets[BUCKETS], free;
	uint32_t addresses_max, used;
	struct turn_address addresses[]; /* behind them the room of later */
};

static size_t
turns_size(uint32_t addresses_max)
{
	return sizeof(struct turns) + addresses_max * (sizeof(struct turn_address) + sizeof(struct deadline *));
}

int
turns_new(uint32_t addresses_max, struct turns **turns_out)
{
	size_t size = turns_size(addresses_max);
	struct turns *turns =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int r = 0;

	if (turns == MAP_FAILED)
		return -errno;
	turns->addresses_max = addresses_max;
	TAILQ_INIT(&turns->first);
	TAILQ_INIT(&turns->again);
	deadlines_init(&turns->later, (struct deadline **)(void *)&turns->addresses[addresses_max], addresses_max);
	if (madvise(turns, size, MADV_DONTFORK) < 0)
		r = -errno;
	else if (getrandom(&turns->secret, sizeof(turns->secret), 0) != sizeof(turns->secret))
		r = -EIO;
	if (r < 0)
		turns_free(turns);
	else
		*turns_out = turns;
	return r;
}

void
turns_free(struct turns *turns)
{
	if (turns != NULL)
		munmap(turns, turns_size(turns->addresses_max));
}

void
turns_set_bounds(struct turns *turns, uint32_t most, uint32_t most_per_address)
{
	turns->most = most;
	turns->most_per_address = most_per_address;
}

/* Addresses. */

static struct address_list *
turn_bucket(struct turns *turns, const struct address_key *key)
{
	return &turns->buckets[siphash(&turns->secret, key, sizeof(*key)) % BUCKETS];
}

static struct turn_address *
claim_address(struct turns *turns, const struct address_key *key)
{
	struct address_list *bucket = turn_bucket(turns, key);
	struct turn_address *address;

	LIST_FOREACH(address, bucket, same_bucket)
		if (memcmp(&address->key, key, sizeof(*key)) == 0)
			return address;
	address = LIST_FIRST(&turns->free);
	if (address != NULL)
		LIST_REMOVE(address, same_bucket);
	else if (turns->used < turns->addresses_max)
		address = &turns->addresses[turns->used++];
	else
		abort(); /* there are more turns than the caller said */
	*address = (struct turn_address){.key = *key};
	TAILQ_INIT(&address->waiting);
	LIST_INSERT_HEAD(bucket, address, same_bucket);
	return address;
}

static struct round *
round_of(struct turns *turns, enum rank rank)
{
	return rank == RANK_FIRST ? &turns->first : &turns->again;
}

static void
leave_rank(struct turns *turns, struct turn_address *address)
{
	if (address->rank == RANK_FIRST || address->rank == RANK_AGAIN) {
		TAILQ_REMOVE(round_of(turns, address->rank), address, round);
		turns->ranked--;
	}
	deadlines_drop(&turns->later, &address->wake);
	address->rank = RANK_NONE;
}

static enum rank
turn_rank(const struct turn_address *address)
{
	if (TAILQ_EMPTY(&address->waiting))
		return RANK_NONE;
	return address->shares == 0 ? RANK_FIRST : RANK_AGAIN;
}

/* The address has other waiters or turns now; an address of a new rank comes last there. */
static void
settle_place(struct turns *turns, struct turn_address *address)
{
	enum rank rank = turn_rank(address);

	if (rank != address->rank) {
		leave_rank(turns, address);
		address->rank = rank;
		if (rank != RANK_NONE) {
			TAILQ_INSERT_TAIL(round_of(turns, rank), address, round);
			turns->ranked++;
		}
	}
	if (rank != RANK_NONE || address->shares > 0)
		return;
	LIST_REMOVE(address, same_bucket);
	LIST_INSERT_HEAD(&turns->free, address, same_bucket);
}

/* Turns. */

void
turns_wait(struct turns *turns, struct turn *turn, const struct address_key *key)
{
	struct turn_address *address = claim_address(turns, key);

	*turn = (struct turn){.state = TURN_WAITS, .address = address};
	TAILQ_INSERT_TAIL(&address->waiting, turn, next);
	turns->waiting++;
	if (address->rank != RANK_LATER)
		settle_place(turns, address);
}

static struct turn_address *
address_of_wake(struct deadline *wake)
{
	return (struct turn_address *)(void *)((char *)wake - offsetof(struct turn_address, wake));
}

struct turn *
turns_next(struct turns *turns, uint64_t now_ms)
{
	struct turn_address *address;
	struct deadline *wake;

	while ((wake = deadlines_first(&turns->later)) != NULL && wake->at_ms <= now_ms)
		settle_place(turns, address_of_wake(wake));
	if (turns->running >= turns->most)
		return NULL;
	address = TAILQ_FIRST(&turns->first);
	if (address == NULL && turns->ranked == 1)
		address = TAILQ_FIRST(&turns->again);
	if (address == NULL || address->shares >= turns->most_per_address)
		return NULL;
	return TAILQ_FIRST(&address->waiting);
}

void
turns_put_off(struct turns *turns, struct turn *turn, uint64_t until_ms)
{
	struct turn_address *address = turn->address;

	turn->not_before_ms = until_ms;
	leave_rank(turns, address);
	address->rank = RANK_LATER;
	deadlines_set(&turns->later, &address->wake, until_ms);
}

static void
wait_no_more(struct turns *turns, struct turn *turn)
{
	TAILQ_REMOVE(&turn->address->waiting, turn, next);
	turns->waiting--;
}

void
turns_take(struct turns *turns, struct turn *turn)
{
	wait_no_more(turns, turn);
	turn->state = TURN_HELD;
	turn->address->shares++;
	turns->running++;
	settle_place(turns, turn->address);
}

void
turns_give_back(struct turns *turns, struct turn *turn)
{
	turn->state = TURN_GIVEN_BACK;
	turns->running--;
}

void
turns_leave(struct turns *turns, struct turn *turn)
{
	struct turn_address *address = turn->address;
	bool was_first = false;

	switch (turn->state) {
	case TURN_NONE:
		return;
	case TURN_WAITS:
		was_first = TAILQ_FIRST(&address->waiting) == turn;
		wait_no_more(turns, turn);
		break;
	case TURN_HELD:
		turns->running--;
		address->shares--;
		break;
	case TURN_GIVEN_BACK:
		address->shares--;
		break;
	}
	*turn = (struct turn){.state = TURN_NONE};
	/* an address sleeps only for its first waiter */
	if (address->rank != RANK_LATER || was_first)
		settle_place(turns, address);
}

uint32_t
turns_running(const struct turns *turns)
{
	return turns->running;
}

uint32_t
turns_waiting(const struct turns *turns)
{
	return turns->waiting;
}

uint64_t
turns_due_ms(const struct turns *turns)
{
	const struct deadline *wake = deadlines_first(&turns->later);

	return wake == NULL ? UINT64_MAX : wake->at_ms;
}
