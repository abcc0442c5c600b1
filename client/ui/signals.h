/* SPDX-License-Identifier: ISC */
/* Ctrl-C, and the terminal's size: handlers, and functions that ask for their results. */
#ifndef CLIENT_UI_SIGNALS_H
#define CLIENT_UI_SIGNALS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

/* Set by SIGINT, SIGTERM and SIGHUP; what struct ftp_options wants. */
extern volatile sig_atomic_t signals_abort;

/*
 * Install the handlers: SIGINT, SIGTERM, SIGHUP set signals_abort; SIGTSTP leaves the terminal in order; SIGUSR1 only wakes a
 * thread; SIGPIPE is ignored.
 */
void signals_init(void);

/*
 * After Ctrl-Z the terminal is as it was when the program began, and after fg as it was at Ctrl-Z. A job that went
 * on in the background, and comes to the front without a signal, calls this now and then. Returns whether it
 * changed something.
 */
bool signals_resume_terminal(void);

/* How often the program was stopped by Ctrl-Z and went on; output that stays on the terminal must be drawn again. */
unsigned int signals_stops(void);

/* True when one has come since signals_clear(). */
bool signals_have_aborted(void);

/* Forget a Ctrl-C. SIGTERM and SIGHUP are not forgotten. */
void signals_clear(void);

/* True when SIGTERM or SIGHUP has come: the program ends when its running work has stopped. */
bool signals_want_end(void);

/* Block the signals that the main thread handles, for new threads. signals_unblock() restores the mask. */
void signals_block(sigset_t *before);
void signals_unblock(const sigset_t *before);

/* Make a blocking call of another thread return with EINTR. */
void signals_wake(pthread_t thread);

#endif
