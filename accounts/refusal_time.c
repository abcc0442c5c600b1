/* SPDX-License-Identifier: ISC */
#include "accounts/refusal_time.h"

#include "common/banned.h"

#define SPARE_MS 100	/* for a processor that others want as well */
#define OTHERS_MS 300	/* for what PAM or a database does, if it is near */
#define STEP_MAX_MS 5000	/* a client does not wait longer, whatever a hash costs */

uint32_t
refusal_step_ms(uint64_t slowest_us, bool asks_others)
{
	uint64_t step = SPARE_MS + (asks_others ? OTHERS_MS : 0);

	/* twice: hashes side by side share memory and caches */
	if (slowest_us > (uint64_t)STEP_MAX_MS * 1000)
		return STEP_MAX_MS;
	step += 2 * slowest_us / 1000;
	return step < STEP_MAX_MS ? (uint32_t)step : STEP_MAX_MS;
}

uint64_t
refusal_due_ms(uint64_t granted_ms, uint32_t step_ms, uint64_t now_ms)
{
	uint64_t steps;

	if (now_ms <= granted_ms)
		return granted_ms + step_ms;
	steps = (now_ms - granted_ms + step_ms - 1) / step_ms;
	return granted_ms + steps * step_ms;
}
