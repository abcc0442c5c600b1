/* SPDX-License-Identifier: ISC */
#include "client/engine/meter.h"

#include "common/io.h"

#include "common/banned.h"

#define INTERVAL_MS 100

static void
show_progress(struct meter *meter)
{
	const struct ftp_events *events = meter->options->events;

	if (events != NULL && events->progress != NULL)
		events->progress(meter->options->context, &meter->progress);
	meter->next_ms = monotonic_coarse_ms() + INTERVAL_MS;
}

void
meter_begin(struct meter *meter, struct ftp *ftp, enum ftp_phase phase, uint64_t resumed, int64_t total)
{
	meter->options = ftp->options;
	meter->progress = (struct ftp_progress){.phase = phase, .done = resumed, .total = total, .resumed = resumed};
	show_progress(meter);
}

void
meter_move(struct meter *meter, uint64_t done)
{
	meter->progress.done = done;
	if (monotonic_coarse_ms() >= meter->next_ms)
		show_progress(meter);
}

void
meter_end(struct meter *meter)
{
	show_progress(meter);
}
