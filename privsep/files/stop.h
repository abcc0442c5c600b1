/* SPDX-License-Identifier: ISC */
/*
 * What a long operation looks at between its pieces: the word "stop" of protocol, and whether it is still its turn.
 *
 * Work that lasts asks the monitor, and the monitor the master, for a turn: only so many run at once for an account and
 * for the server, in rounds. While it has one, the master gives it a low priority. What is done in a moment asks for nothing,
 * but moments add up, so that many small operations do not take what a long one may not.
 */
#ifndef PRIVSEP_FILES_STOP_H
#define PRIVSEP_FILES_STOP_H

#include <stdbool.h>
#include <stdint.h>

struct stop {
	int channel;	/* to the protocol process */
	int monitor_channel;	/* -1: every turn is had at once */
	int error;	/* the channel ended or something else than stop came: -errno; the session ends */
	uint64_t began_ms, ended_ms;	/* of the operation in hand, and of the last one */
	uint64_t spent_ms;	/* on those before it, less what has been forgiven since */
	/* the operation has brackets of the quota, for which others wait: its priority is not the lowest */
	bool is_change;
	bool has_turn;
	uint64_t turn_ms;	/* when it was had */
};

/* An operation begins. */
void stop_begin(struct stop *stop);

/*
 * Look for stop, without waiting, and wait for a turn when one is due.
 * 0: go on; -ECANCELED: the operation is to end now. Not while anything is held that others wait for.
 */
int stop_check(struct stop *stop);

/* The two parts of it, for those who hold something: look for stop; is a turn due; wait for it. */
int stop_look(struct stop *stop);
bool stop_is_turn_due(const struct stop *stop);
int stop_wait_for_turn(struct stop *stop);

/* What follows takes brackets of the quota, for which others wait: not at the lowest priority. */
void stop_before_changes(struct stop *stop);

/* The operation has ended, or what is left of it is short: the turn is given back. May be called again. */
void stop_end(struct stop *stop);

#endif
