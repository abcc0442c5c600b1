/* SPDX-License-Identifier: ISC */
#include "common/death.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/banned.h"

bool
death_is_kill(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

void
death_text(int status, char text[DEATH_TEXT_MAX])
{
	if (death_is_kill(status))
		snprintf(text, DEATH_TEXT_MAX, "%s", DEATH_BY_KILL);
	else if (WIFSIGNALED(status))
		snprintf(text, DEATH_TEXT_MAX, "status %d", WTERMSIG(status));
	else
		snprintf(text, DEATH_TEXT_MAX, "exit status %d", WEXITSTATUS(status));
}
