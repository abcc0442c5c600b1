#include "client/ui/signals.h"

#include <stddef.h>

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
	action.sa_handler = handle_end;	/* no SA_RESTART: what waits returns */
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		/* what nohup(1), or a shell for a job in the background, wants ignored stays so */
		if (sigaction(ending[i], NULL, &before) < 0 || before.sa_handler != SIG_IGN)
			sigaction(ending[i], &action, NULL);
	action.sa_handler = handle_nothing;
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGWINCH, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
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
