/* SPDX-License-Identifier: ISC */
/*
 * How many records of the log a session causes. Protocol and files only report what happened. The monitor decides
 * what becomes a line, because a client, or a taken-over process, could fill the disk and hide what others do.
 */
#include "common/io.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

#define TELL_EVERY_MS 10000

static const struct {
	const char *field;	/* of the event log-limited */
	struct budget_size size;
} kinds[RECORD_KIND_COUNT] = {
    /* beside those that the data sockets allow; far above what a session can transfer, since transfers are billed */
    [RECORD_TRANSFER] = {"transfers", {.burst = 20000, .per_s = 20000}},
    [RECORD_UPLOAD] = {"uploads", {.burst = 1000, .per_s = 100}},
    [RECORD_NOTE] = {"notes", {.burst = 200, .per_s = 1}},
    /* its own: a flood of notes must not hide why the session ended */
    [RECORD_END] = {"ends", {.burst = 2, .per_s = 0}},
};

static void
leave_out(struct monitor *monitor, enum record_kind kind, uint64_t now)
{
	monitor->records.left_out[kind]++;
	if (monitor->records.tell_at_ms == 0)
		monitor->records.tell_at_ms = now + TELL_EVERY_MS;
}

void
records_expect_transfers(struct monitor *monitor, unsigned transfers)
{
	monitor->records.transfers += transfers;
}

bool
records_take(struct monitor *monitor, enum record_kind kind, enum log_level level)
{
	uint64_t now;

	if (!log_takes(level))
		return false;
	now = monotonic_ms();
	if ((kind == RECORD_TRANSFER && monitor->records.transfers == 0) ||
	    !budget_take(&monitor->records.budgets[kind], &kinds[kind].size, now)) {
		leave_out(monitor, kind, now);
		return false;
	}
	if (kind == RECORD_TRANSFER)
		monitor->records.transfers--;
	return true;
}

void
records_tell_left_out(struct monitor *monitor)
{
	if (monitor->records.tell_at_ms == 0)
		return;
	monitor->records.tell_at_ms = 0;
	log_begin(LEVEL_WARNING, "log-limited");
	for (int kind = 0; kind < RECORD_KIND_COUNT; kind++) {
		if (monitor->records.left_out[kind] > 0)
			log_field_u64(kinds[kind].field, monitor->records.left_out[kind]);
		monitor->records.left_out[kind] = 0;
	}
	log_end();
}

uint64_t
records_watch(struct monitor *monitor, uint64_t now)
{
	if (now >= monitor->records.tell_at_ms)
		records_tell_left_out(monitor);
	return monitor->records.tell_at_ms == 0 ? NEVER : monitor->records.tell_at_ms;
}
