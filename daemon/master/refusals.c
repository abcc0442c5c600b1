/* SPDX-License-Identifier: ISC */
#include "daemon/master/refusals.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/budget.h"
#include "common/io.h"
#include "common/siphash.h"
#include "daemon/master/loop.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define BUCKETS 1024
#define TELL_EVERY_MS 10000

/*
 * Addresses that meet in one bucket share it. An attacker needs many addresses for that, which the second size
 * bounds.
 */
static const struct budget_size of_address = {.burst = 20, .per_s = 1};
static const struct budget_size of_all = {.burst = 1000, .per_s = 50};

/* Made at the first refusal: most servers refuse nobody. */
static struct table {
	struct siphash_key secret;
	struct budget all;
	struct budget buckets[BUCKETS];
} * table;

static uint64_t left_out;
static struct loop *refusals_loop;
static struct loop_timer tell_timer;

static bool
has_table(void)
{
	if (table != NULL)
		return true;
	table = calloc(1, sizeof(*table));
	if (table != NULL && getrandom(&table->secret, sizeof(table->secret), 0) != sizeof(table->secret)) {
		free(table);
		table = NULL;
	}
	return table != NULL;
}

static struct budget *
refusal_bucket(const struct address_key *address)
{
	return &table->buckets[siphash(&table->secret, address, sizeof(*address)) % BUCKETS];
}

bool
refusals_take(const struct address_key *address)
{
	uint64_t now = monotonic_ms();

	if (has_table() && budget_take(refusal_bucket(address), &of_address, now) &&
	    budget_take(&table->all, &of_all, now))
		return true;
	left_out++;
	if (refusals_loop != NULL && !timer_is_set(&tell_timer))
		timer_set(refusals_loop, &tell_timer, now + TELL_EVERY_MS);
	return false;
}

void
refusals_tell(void)
{
	if (left_out == 0)
		return;
	log_begin(LEVEL_WARNING, "log-limited");
	log_field_u64("refusals", left_out);
	log_end();
	left_out = 0;
}

static void
refusals_due(void *arg)
{
	(void)arg;
	refusals_tell();
}

void
refusals_init(struct loop *loop)
{
	refusals_loop = loop;
	tell_timer = (struct loop_timer){.due = refusals_due};
}
