/* SPDX-License-Identifier: ISC */
#include "privsep/files/stop.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "common/io.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

#define FREE_MS 100	/* of work without a turn */
/*
 * The same beside a transfer: 1 GiB or more. It costs no more than TLS does, which takes no turns, and what a client has to
 * wait for at the end would be slow on a busy machine.
 */
#define FREE_BESIDE_MS 1000
#define FORGIVEN_BESIDE 32
#define FREE_AFTER_MS 20	/* the same after each turn: small operations, one after the other, do not ask each time */
#define FORGIVEN 8	/* one in so many milliseconds without work makes up for one with it */
#define TURN_MS 1000	/* then others have theirs */

static struct ipc_message message;	/* not the one in hand: its reply may have been begun */

static uint64_t
free_ms(const struct stop *stop)
{
	return stop->beside_ms > 0 ? stop->beside_ms : FREE_MS;
}

void
stop_set_beside(struct stop *stop, uint32_t sharers)
{
	uint64_t part_ms = sharers > 1 ? FREE_BESIDE_MS / sharers : FREE_BESIDE_MS;

	stop->beside_ms = part_ms > FREE_MS ? part_ms : FREE_MS;
}

/* The clock of what is spent. */
static uint64_t
work_ms(const struct stop *stop)
{
	struct timespec now;

	if (stop->beside_ms == 0)
		return monotonic_coarse_ms();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void
stop_begin(struct stop *stop)
{
	uint64_t idle_ms = monotonic_coarse_ms() - stop->ended_ms;
	uint64_t forgiven = idle_ms / (stop->beside_ms > 0 ? FORGIVEN_BESIDE : FORGIVEN);

	stop->spent_ms = stop->spent_ms > forgiven ? stop->spent_ms - forgiven : 0;
	stop->began_ms = work_ms(stop);
	stop->is_change = false;
}

int
stop_look(struct stop *stop)
{
	int r = ipc_receive_now(stop->channel, IPC_FILES, IPC_STATE_READY, &message);

	if (r == -EAGAIN)
		return 0;
	if (r == 0 && message.kind != IPC_stop)	/* a second request before the reply to the first */
		r = -EPROTO;
	stop->error = r;
	return -ECANCELED;
}

bool
stop_is_turn_due(const struct stop *stop)
{
	if (stop->monitor_channel < 0)
		return false;
	if (stop->has_turn)
		return monotonic_coarse_ms() - stop->turn_ms >= TURN_MS;
	return stop->spent_ms + (work_ms(stop) - stop->began_ms) >= free_ms(stop);
}

/* The one answer to work_begin: 0, also when it was withdrawn meanwhile; or -errno. */
static int
receive_turn(struct stop *stop)
{
	int r = ipc_receive(stop->monitor_channel, IPC_FILES, IPC_STATE_READY, &message);

	if (r == 0 && (message.kind != IPC_work_begin || !message.is_reply))
		r = -EPROTO;
	return r;
}

static void
give_back(struct stop *stop)
{
	if (!stop->has_turn)
		return;
	stop->has_turn = false;
	ipc_begin(&message, IPC_work_end);
	(void)!ipc_send(stop->monitor_channel, &message, -1);
}

/* The client has aborted it. */
static void
withdraw(struct stop *stop)
{
	stop->has_turn = true;
	give_back(stop);
	(void)!receive_turn(stop);
}

static int
stop_for_error(struct stop *stop, int error)
{
	stop->error = error;
	return -ECANCELED;
}

/* A request of protocol came before the turn. 0: wait on; it was a stop that is late, or was not looked at. */
static int
leave_queue(struct stop *stop, bool is_beside)
{
	if (!is_beside && stop_look(stop) == 0)
		return 0;
	withdraw(stop);
	return is_beside ? -EAGAIN : -ECANCELED;
}

static int
wait_for_turn(struct stop *stop, bool is_beside)
{
	struct pollfd waits[] = {
	    {.fd = stop->channel, .events = POLLIN}, {.fd = stop->monitor_channel, .events = POLLIN}};
	int r;

	give_back(stop);
	ipc_begin(&message, IPC_work_begin);
	ipc_put_u8(&message, stop->is_change);
	r = ipc_send(stop->monitor_channel, &message, -1);
	if (r < 0)
		return stop_for_error(stop, r);
	for (;;) {
		if (poll(waits, 2, -1) < 0 && errno != EINTR)
			return stop_for_error(stop, -errno);
		if (waits[1].revents != 0)
			break;
		r = waits[0].revents != 0 ? leave_queue(stop, is_beside) : 0;
		if (r < 0)
			return r;
	}
	r = receive_turn(stop);
	if (r < 0)
		return stop_for_error(stop, r);
	stop->has_turn = true;
	stop->turn_ms = monotonic_coarse_ms();
	stop->spent_ms = free_ms(stop) - FREE_AFTER_MS;
	return 0;
}

int
stop_wait_for_turn(struct stop *stop)
{
	return wait_for_turn(stop, false);
}

int
stop_wait_for_turn_beside(struct stop *stop)
{
	return wait_for_turn(stop, true);
}

int
stop_check(struct stop *stop)
{
	int r = stop_look(stop);

	return r == 0 && stop_is_turn_due(stop) ? stop_wait_for_turn(stop) : r;
}

void
stop_before_changes(struct stop *stop)
{
	stop_end(stop);
	stop->is_change = true;
}

void
stop_end(struct stop *stop)
{
	uint64_t now = work_ms(stop);

	if (!stop->has_turn)
		stop->spent_ms += now - stop->began_ms;
	stop->began_ms = now;
	stop->ended_ms = monotonic_coarse_ms();
	give_back(stop);
}
