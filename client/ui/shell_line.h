/* SPDX-License-Identifier: ISC */
/*
 * A line of the shell, taken apart at its operators: COMMAND | PROGRAM, COMMAND > FILE, COMMAND >> FILE, and & at the
 * end. Pure. The words after an operator are the user's own, and local; no name of a server is ever among them.
 */
#ifndef CLIENT_UI_SHELL_LINE_H
#define CLIENT_UI_SHELL_LINE_H

#include <stdbool.h>

struct shell_line {
	char *command;	/* what words_split() reads; owned */
	char *program;	/* after |, for sh(1) as it stands; NULL: none; owned */
	char *file;	/* after > and >>; NULL: none; owned */
	bool appends;
	bool is_background;
};

/*
 * Take text apart. Quotes and backslashes keep an operator from being one, as in words_split().
 *
 * Returns 0, -EINVAL with *why, -ENOMEM. The caller calls shell_line_free() after success.
 */
int shell_line_parse(const char *text, struct shell_line *line, const char **why);
void shell_line_free(struct shell_line *line);

#endif
