/* SPDX-License-Identifier: ISC */
/*
 * The story of the files process: enter the walls, answer protocol's requests until it closes the channel. What it may
 * call, and what for, is in privsep/sandbox/rules_files.c.
 */
#include "privsep/files/files.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privsep/files/answer.h"
#include "privsep/files/digest.h"
#include "privsep/files/partial_name.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

int
files_prepare(void)
{
	int r = partial_name_init();

	return r < 0 ? r : digest_init();
}

void
files_run(const struct files_session *session)
{
	pid_t parent = getppid();
	int r;

	if (files_prepare() < 0)
		_exit(FILES_EXIT_WALLS);
	files_enter_walls(session, parent);
	r = files_serve(session);
	_exit(r == 0 ? FILES_EXIT_END : FILES_EXIT_PROTOCOL);
}
