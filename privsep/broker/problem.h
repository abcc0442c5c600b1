/* SPDX-License-Identifier: ISC */
/* What a database says of itself, as one line for the log. Pure. */
#ifndef PRIVSEP_BROKER_PROBLEM_H
#define PRIVSEP_BROKER_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Write text as one line of at most size - 1 bytes: lines become one, what could hurt a log is escaped,
 * and libpq's advice to verify no certificate is left out.
 *
 * secret  is replaced by "***" wherever it stands; NULL or "": there is none.
 */
void problem_clean(const char *text, const char *secret, char *line, size_t size);

/*
 * Does the SQLSTATE of an error (NULL: none) say that the database works, but refuses what is asked: no such function, no
 * right to it?
 */
bool problem_is_refusal(const char *sqlstate);

/* What helps against such an error, to be put after it; "" when nothing is known. Static. */
const char *problem_cure(const char *sqlstate);

#endif
