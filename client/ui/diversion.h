/* SPDX-License-Identifier: ISC */
/* Standard output goes to a file, or to a local program, while one command of the shell runs. */
#ifndef CLIENT_UI_DIVERSION_H
#define CLIENT_UI_DIVERSION_H

#include <sys/types.h>

#include "client/ui/exit_status.h"

struct shell_line;

struct diversion {
	int own_fd;	/* what standard output was; -1: it stays */
	pid_t program;	/* 0: none */
};

/* Begin. Reports errors; then there is nothing to end. */
enum exit_status diversion_begin(struct diversion *diversion, const struct shell_line *line);

/* Standard output is as before; waits for the program. EXIT_LOCAL when that failed, or the file could not be written. */
enum exit_status diversion_end(struct diversion *diversion);

#endif
