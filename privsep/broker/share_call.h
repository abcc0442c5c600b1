/* SPDX-License-Identifier: ISC */
/*
 * What a monitor asks about its node's share of a quota, and what a row of the database says to it. Pure. Both ends are
 * hostile: a monitor serves a client, and a database is somebody else's machine.
 */
#ifndef PRIVSEP_BROKER_SHARE_CALL_H
#define PRIVSEP_BROKER_SHARE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "privsep/broker/connection.h"
#include "privsep/ipc/messages.h"

#define SHARE_FIGURE_MAX (INT64_C(1) << 60) /* figure_max() of the schema */
#define SHARE_SESSIONS_MAX 1000000
#define SHARE_NODES_MAX 1024
#define SHARE_NUMBER_SIZE 21
#define SHARE_NO_COUNT UINT64_MAX

struct ipc_message;

struct share_use {
	int64_t bytes, files;
};

/* One question: kind is QUESTION_CREDIT, QUESTION_SHARE_CLOSE, QUESTION_COUNTED or QUESTION_SESSIONS. */
struct share_call {
	enum question_kind kind;
	uint64_t share, seq;
	uint32_t sessions; /* of credit and sessions; the broker counts them */
	struct share_use net;
	struct share_use keep, want, spare; /* of credit */
	struct share_use found; /* of counted */
	uint64_t count; /* of counted */
};

/* The answer to a credit; to the others is_true alone. */
struct share_answer {
	bool is_true;
	enum credit_outcome outcome;
	uint64_t share;
	struct share_use allow, used;
	uint64_t count; /* SHARE_NO_COUNT: none */
	uint32_t nodes;
};

/* Who asks. */
struct share_sender {
	uint32_t node;
	const char *boot; /* borrowed */
	uint32_t broker; /* its number among those of the node */
	bool is_alone; /* the node has no other */
};

/* Parameters of a prepared statement, in the order of its function. */
struct share_params {
	char texts[QUESTION_PARAMS_MAX][SHARE_NUMBER_SIZE];
	const char *values[QUESTION_PARAMS_MAX];
	unsigned count;
};

/*
 * Read the message in hand into call. False: it is no such question, or breaks the table. *is_bounded: no figure is one that
 * the ledger never has.
 */
bool share_call_take(struct ipc_message *message, struct share_call *call, bool *is_bounded);

/* Write its parameters. */
void share_call_params(
    const struct share_call *call, uint64_t account, const struct share_sender *sender, struct share_params *params);

/*
 * Read the row that answers call. Returns NULL, or what is wrong with it: then nothing of it is believed. The database
 * decides about quotas, but within the question: a credit allows what was kept, and at most what was wanted on top.
 */
const char *share_answer_of_row(const struct row *row, const struct share_call *call, struct share_answer *answer);

/* Read a row of one number, from 1 to max; 0 for NULL. Returns NULL, or what is wrong with it. */
const char *share_number_of_row(const struct row *row, uint64_t max, uint64_t *number);

#endif
