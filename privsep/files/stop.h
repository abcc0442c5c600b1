/* SPDX-License-Identifier: ISC */
/*
 * What a long operation checks between its pieces: a "stop" from protocol, and whether it still has its turn.
 *
 * Long work asks the monitor, and the monitor the master, for a turn. Turns are limited for an account and for the
 * server, and go in rounds. During a turn the master gives the work a low priority. Short work asks for nothing, but
 * its time adds up, so that many small operations cannot take more than a long one.
 */
#ifndef PRIVSEP_FILES_STOP_H
#define PRIVSEP_FILES_STOP_H

#include <stdbool.h>
#include <stdint.h>

struct stop {
	int channel;	/* to the protocol process */
	int monitor_channel;	/* -1: every turn is had at once */
	int error;	/* the channel ended or something else than stop came: -errno; the session ends */
	uint64_t beside_ms;	/* 0, or beside a transfer: so much is free, and it is processor time */
	uint64_t began_ms, ended_ms;	/* of the operation in hand, and of the last one */
	uint64_t spent_ms;	/* on those before it, less what has been forgiven since */
	/* the operation has brackets of the quota, for which others wait: its priority is not the lowest */
	bool is_change;
	bool has_turn;
	uint64_t turn_ms;	/* when it was had */
};

/*
 * The work goes on beside transfers. What is free of it is one session's for the first one of the account, half of that
 * for the second, and so on, down to what other work has: the sum grows slowly with the sessions. sharers: how many there
 * are, with this one.
 */
void stop_set_beside(struct stop *stop, uint32_t sharers);

/* An operation begins. */
void stop_begin(struct stop *stop);

/*
 * Check for stop, without waiting, and wait for a turn when one is due. 0: go on; -ECANCELED: end the operation now.
 * Do not call it while you hold anything for which others wait.
 */
int stop_check(struct stop *stop);

/* Its parts, for callers that hold something: check for stop; is a turn due; wait for it. */
int stop_look(struct stop *stop);
bool stop_is_turn_due(const struct stop *stop);
int stop_wait_for_turn(struct stop *stop);

/* As stop_wait_for_turn(), for work that nobody waits for: -EAGAIN when a request comes first. */
int stop_wait_for_turn_beside(struct stop *stop);

/* The next work takes brackets of the quota, for which others wait: do not use the lowest priority. */
void stop_before_changes(struct stop *stop);

/* The operation has ended, or what is left of it is short: the turn is given back. May be called again. */
void stop_end(struct stop *stop);

#endif
