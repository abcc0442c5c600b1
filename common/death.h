/* SPDX-License-Identifier: ISC */
/* How a child ended, in words for the log. */
#ifndef COMMON_DEATH_H
#define COMMON_DEATH_H

#include <stdbool.h>
#include <stddef.h>

#define DEATH_TEXT_MAX 64
/* SIGKILL that we did not send. The kernel sends it when memory is short, and does not give the parent a reason. */
#define DEATH_BY_KILL "killed from outside, perhaps because memory was short"

/* Ended by SIGKILL? status: of waitpid(2). */
bool death_is_kill(int status);

/* "exit status 1", "status 11" of a signal, or DEATH_BY_KILL. status: of waitpid(2), of a child that nobody here has killed. */
void death_text(int status, char text[DEATH_TEXT_MAX]);

#endif
