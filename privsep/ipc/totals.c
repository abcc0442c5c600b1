/* SPDX-License-Identifier: ISC */
#include "privsep/ipc/totals.h"

#include "common/banned.h"

#define CLAIM_MAX (UINT64_C(1) << 56)

const uint32_t handshake_bounds_ms[HISTOGRAM_BUCKETS - 1] = {1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 5000};
const uint32_t transfer_bounds_ms[HISTOGRAM_BUCKETS - 1] = {
    5, 20, 100, 500, 1000, 5000, 15000, 60000, 300000, 1800000, 7200000};

#define X(name, text) [LOGIN_##name] = (text),
static const char *const login_results[LOGIN_RESULT_COUNT] = {LOGIN_RESULTS(X)};
#undef X
#define X(name, text) [LOOKUP_##name] = (text),
static const char *const lookups[LOOKUP_COUNT] = {LOOKUPS(X)};
#undef X
#define X(name, text) [REFUSED_##name] = (text),
static const char *const refusals[REFUSAL_COUNT] = {REFUSALS(X)};
#undef X
#define X(name, text) [FAILED_##name] = (text),
static const char *const failures[TRANSFER_FAILURE_COUNT] = {TRANSFER_FAILURES(X)};
#undef X

const char *
login_result_name(enum login_result result)
{
	return result < LOGIN_RESULT_COUNT ? login_results[result] : "unknown";
}

const char *
lookup_name(enum lookup lookup)
{
	return lookup < LOOKUP_COUNT ? lookups[lookup] : "unknown";
}

const char *
broker_state_name(enum broker_state state)
{
	static const char *const states[BROKER_STATE_COUNT] = {"down", "up", "strange", "starting"};

	return state < BROKER_STATE_COUNT ? states[state] : "unknown";
}

const char *
node_standing_name(enum node_standing standing)
{
	static const char *const standings[NODE_STANDING_COUNT] = {"unknown", "known", "refused"};

	return standing < NODE_STANDING_COUNT ? standings[standing] : "unknown";
}

const char *
refusal_name(enum refusal refusal)
{
	return refusal < REFUSAL_COUNT ? refusals[refusal] : "unknown";
}

const char *
transfer_failure_name(enum transfer_failure failure)
{
	return failure < TRANSFER_FAILURE_COUNT ? failures[failure] : "unknown";
}

const char *
direction_name(enum ipc_direction direction)
{
	static const char *const names[DIRECTION_COUNT] = {
	    [DIRECTION_DOWN] = "down",
	    [DIRECTION_UP] = "up",
	    [DIRECTION_LIST] = "list",
	};

	return direction < DIRECTION_COUNT ? names[direction] : "none";
}

void
histogram_add(struct histogram *histogram, const uint32_t bounds_ms[HISTOGRAM_BUCKETS - 1], uint64_t ms)
{
	size_t i = 0;

	while (i < HISTOGRAM_BUCKETS - 1 && ms > bounds_ms[i])
		i++;
	histogram->buckets[i]++;
	histogram->sum_ms += ms;
}

void
work_add(struct work *to, const struct work *claimed)
{
	const uint64_t *from = (const uint64_t *)claimed;
	uint64_t *sums = (uint64_t *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*sums); i++) {
		uint64_t value = __atomic_load_n(&from[i], __ATOMIC_RELAXED);

		if (value < CLAIM_MAX)
			sums[i] += value;
	}
}
