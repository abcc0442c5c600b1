/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/pace.h"

#include "common/io.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/watch.h"

#include "common/banned.h"

#define PIECES_PER_S 25			/* smooth enough for the eye, seldom enough for the processor */
#define PIECE_MIN 512
#define PIECE_MAX (4 * 1024 * 1024)
#define WAIT_STEP_MS 10000		/* the monitor sees that the transfer is alive */

void
pace_begin(struct pace *pace, const struct protocol *protocol, enum rate_direction direction)
{
	*pace = (struct pace){
	    .direction = direction,
	    .rate = direction == RATE_DOWN ? protocol->rate_down : protocol->rate_up,
	};
}

static uint64_t
piece_of(uint64_t rate)
{
	uint64_t piece = rate / PIECES_PER_S;

	return piece < PIECE_MIN ? PIECE_MIN : piece > PIECE_MAX ? PIECE_MAX : piece;
}

/* Sleep until then, but watch the control connection, and for an end. */
static int
sleep_until(struct protocol *protocol, uint64_t due_ms)
{
	int r = 0;

	for (uint64_t now = monotonic_ms(); r == 0 && now < due_ms; now = monotonic_ms()) {
		claim(protocol->session->claims, CLAIM_TRANSFER, now);
		r = watch_fd(protocol, -1, 0, due_ms < now + WAIT_STEP_MS ? due_ms : now + WAIT_STEP_MS);
	}
	return r;
}

int
pace_wait(struct pace *pace, struct protocol *protocol, size_t want, size_t *allowed)
{
	uint64_t now;
	int r;

	*allowed = want;
	if (pace->rate == 0)
		return 0;
	if (pace->credit == 0) {
		uint64_t piece = piece_of(pace->rate);

		/* credit that is left over is lost; it is at most one piece */
		if (piece > want)
			piece = want;
		now = monotonic_ms();
		r = sleep_until(
		    protocol, now + (ask_monitor_pace(protocol, pace->direction, (uint32_t)piece) + 500) / 1000);
		if (r < 0)
			return r;
		pace->credit = piece;
	}
	if (pace->credit < want)
		*allowed = (size_t)pace->credit;
	return 0;
}

void
pace_moved(struct pace *pace, size_t n)
{
	pace->credit -= n < pace->credit ? n : pace->credit;
}
