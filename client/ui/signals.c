/* SPDX-License-Identifier: ISC */
#include "client/ui/signals.h"

#include <errno.h>
#include <stddef.h>
#include <termios.h>
#include <unistd.h>

#include "common/banned.h"

volatile sig_atomic_t signals_abort;
static volatile sig_atomic_t end_wanted;

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

static void
handle_end(int number)
{
	signals_abort = 1;
	if (number != SIGINT)
		end_wanted = 1;
}

/* --- Ctrl-Z: all of this runs in a handler, and is allowed there (signal-safety(7)) --- */

static int terminal_fd = -1;
static struct termios at_begin, at_stop;
static volatile sig_atomic_t is_pending; /* at_stop waits for the job to come to the front */
static volatile sig_atomic_t stop_count;

static bool
is_terminal_in_front(void)
{
	return terminal_fd >= 0 && tcgetpgrp(terminal_fd) == getpgrp();
}

bool
signals_resume_terminal(void)
{
	if (!is_pending || !is_terminal_in_front())
		return false;
	is_pending = 0;
	return tcsetattr(terminal_fd, TCSADRAIN, &at_stop) == 0;
}

unsigned int
signals_stops(void)
{
	return (unsigned int)stop_count;
}

static void
handle_stop(int number)
{
	struct sigaction usual = {.sa_handler = SIG_DFL}, ours;
	int saved = errno;
	sigset_t stop;

	if (!is_pending && is_terminal_in_front() && tcgetattr(terminal_fd, &at_stop) == 0) {
		(void)tcsetattr(terminal_fd, TCSADRAIN, &at_begin);
		is_pending = 1;
	}
	sigemptyset(&usual.sa_mask);
	sigaction(number, &usual, &ours);
	sigemptyset(&stop);
	sigaddset(&stop, number);
	raise(number);
	/* here it stops, and here it goes on */
	pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	sigaction(number, &ours, NULL);
	stop_count++;
	(void)signals_resume_terminal();
	errno = saved;
}

static void
watch_terminal(void)
{
	struct sigaction action = {.sa_handler = handle_stop}, before;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && terminal_fd < 0; fd++) {
		if (isatty(fd) == 1 && tcgetattr(fd, &at_begin) == 0)
			terminal_fd = fd;
	}
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGTSTP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(SIGTSTP, &action, NULL);
}

static void
handle_nothing(int number)
{
	(void)number;
}

void
signals_init(void)
{
	struct sigaction action = {0}, before;

	sigemptyset(&action.sa_mask);
	action.sa_handler = handle_end; /* no SA_RESTART: what waits returns */
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		/* signals that nohup(1), or a shell for a job in the background, ignores stay ignored */
		if (sigaction(ending[i], NULL, &before) < 0 || before.sa_handler != SIG_IGN)
			sigaction(ending[i], &action, NULL);
	action.sa_handler = handle_nothing;
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGWINCH, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	watch_terminal();
}

bool
signals_have_aborted(void)
{
	return signals_abort != 0;
}

bool
signals_want_end(void)
{
	return end_wanted != 0;
}

void
signals_clear(void)
{
	signals_abort = end_wanted;
}

void
signals_block(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaddset(&set, ending[i]);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTSTP);
	pthread_sigmask(SIG_BLOCK, &set, before);
}

void
signals_unblock(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

void
signals_wake(pthread_t thread)
{
	pthread_kill(thread, SIGUSR1);
}
