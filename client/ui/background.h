/* SPDX-License-Identifier: ISC */
/*
 * Commands of the shell in the background: each is a process of its own, with a connection of its own and no
 * terminal. The program has one list of them.
 */
#ifndef CLIENT_UI_BACKGROUND_H
#define CLIENT_UI_BACKGROUND_H

#include <stdbool.h>
#include <stddef.h>

#include "client/ui/exit_status.h"

/* Runs a line in the child; its value is the exit status of the process. */
typedef enum exit_status (*background_run)(const char *line);

/* Start a line. is_queued: it waits for the one that was queued before it. Reports errors, and the job's number. */
enum exit_status background_start(const char *line, bool is_queued, background_run run);

/* Print the list. */
void background_list(void);

/* Say which jobs have ended since the last time, with their last words, and forget them. */
void background_notice(void);

/* How many have not ended. */
size_t background_count(void);

/*
 * Wait for a job (number 0: for all), and print what it says meanwhile. Ctrl-C ends waiting; with ends_job it ends the job,
 * too. Returns the job's exit status; EXIT_USAGE, reported, for a number that no job has.
 */
enum exit_status background_wait(unsigned int number, bool ends_job);

/* The last job that was started; 0: there is none. */
unsigned int background_last(void);

/* Stop a job as Ctrl-C does, which keeps parts. EXIT_USAGE, reported, for a number that no job has. */
enum exit_status background_kill(unsigned int number);

/* Stop all, and wait for their ends. */
void background_end(void);

#endif
