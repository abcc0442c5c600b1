/* SPDX-License-Identifier: ISC */
/* What a row of the database says about an account. Pure. The monitor parses the line; here it is bounded. */
#ifndef PRIVSEP_BROKER_ANSWER_H
#define PRIVSEP_BROKER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "privsep/ipc/messages.h"

struct row;

struct answer {
	enum found_account found;
	bool is_kept; /* of the cache */
	uint64_t id;
	const char *text; /* the line of an account, the decoy of FOUND_NOBODY; borrowed */
	size_t len;
};

/*
 * Read the row of a QUESTION_ACCOUNT into answer; its text is the row's.
 * Returns NULL, or what is wrong with the row: then nothing is known of the account (FOUND_NOT_NOW).
 */
const char *answer_of_row(const struct row *row, struct answer *answer);

/* Is the version of the schema, the row of a QUESTION_VERSION, one that this server knows? Else problem says what to do. */
bool answer_version_known(const struct row *row, char *problem, size_t size);

#endif
