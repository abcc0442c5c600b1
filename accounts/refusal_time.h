/* SPDX-License-Identifier: ISC */
/*
 * When a refused login is answered: at a step of a grid that begins with the turn, even if the refusal was known
 * sooner. A step is longer than the slowest check of the accounts in use, so that the time reveals nothing about a
 * name. Pure.
 */
#ifndef ACCOUNTS_REFUSAL_TIME_H
#define ACCOUNTS_REFUSAL_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* A step where the slowest hash costs slowest_us microseconds of a processor. asks_others: PAM, or a database. */
uint32_t refusal_step_ms(uint64_t slowest_us, bool asks_others);

/* The first step, counted from granted_ms, that is not over at now_ms; the beginning is no step. */
uint64_t refusal_due_ms(uint64_t granted_ms, uint32_t step_ms, uint64_t now_ms);

#endif
