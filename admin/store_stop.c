/* SPDX-License-Identifier: ISC */
/* The end of a check before its time. */
#include <signal.h>
#include <stddef.h>

#include "admin/store.h"

#include "common/banned.h"

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

static volatile sig_atomic_t stop_signal;

static void
note_stop(int number)
{
	stop_signal = number;
}

bool
store_is_stopped(void)
{
	return stop_signal != 0;
}

/* One that was ignored before, as by nohup(1), stays so. */
void
store_take_stop_signals(void)
{
	const struct sigaction noted = {.sa_handler = note_stop};
	struct sigaction former;

	for (size_t i = 0; i < sizeof(stop_signals) / sizeof(stop_signals[0]); i++)
		if (sigaction(stop_signals[i], NULL, &former) == 0 && former.sa_handler != SIG_IGN)
			sigaction(stop_signals[i], &noted, NULL);
}

void
store_end_by_signal(void)
{
	const struct sigaction none = {.sa_handler = SIG_DFL};
	int number = stop_signal;

	if (number == 0)
		return;
	sigaction(number, &none, NULL);
	raise(number);
}
