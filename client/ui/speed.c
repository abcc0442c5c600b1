/* SPDX-License-Identifier: ISC */
#include "client/ui/speed.h"

#include "common/banned.h"

#define WINDOW_MS 3000.0	/* bytes of this age count for about a third */
#define STEP_MS 50
#define ETA_MAX_S 86400000

void
speed_add(struct speed *speed, uint64_t now_ms, uint64_t bytes)
{
	double keep, rate;
	uint64_t step;

	if (!speed->has_begun || now_ms < speed->last_ms || bytes < speed->last_bytes) {
		*speed = (struct speed){.last_ms = now_ms, .last_bytes = bytes, .has_begun = true};
		return;
	}
	step = now_ms - speed->last_ms;
	if (step < STEP_MS)
		return;
	rate = (double)(bytes - speed->last_bytes) * 1000.0 / (double)step;
	keep = WINDOW_MS / (WINDOW_MS + (double)step);
	/* a mean weighted by age; dividing by the weight seen so far spares it a slow start from zero */
	speed->bytes_per_s = keep * speed->bytes_per_s + (1.0 - keep) * rate;
	speed->weight = keep * speed->weight + (1.0 - keep);
	speed->last_ms = now_ms;
	speed->last_bytes = bytes;
}

int64_t
speed_get(const struct speed *speed)
{
	if (speed->weight < 0.03)	/* a tenth of a second */
		return -1;
	return (int64_t)(speed->bytes_per_s / speed->weight);
}

int64_t
speed_eta(int64_t bytes_per_s, uint64_t done, int64_t total)
{
	uint64_t left;

	if (total < 0 || bytes_per_s <= 0)
		return -1;
	if (done >= (uint64_t)total)
		return 0;
	left = ((uint64_t)total - done + (uint64_t)bytes_per_s - 1) / (uint64_t)bytes_per_s;
	return left > ETA_MAX_S ? -1 : (int64_t)left;
}
