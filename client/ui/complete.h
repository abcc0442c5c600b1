/* SPDX-License-Identifier: ISC */
/* The possible completions of a word of the shell. */
#ifndef CLIENT_UI_COMPLETE_H
#define CLIENT_UI_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

struct connection;

struct candidate {
	char *text;	/* the whole word, unquoted; owned */
	char *shown;	/* its last component, for a list; owned */
	bool is_directory;	/* more may follow */
};

struct candidates {
	struct candidate *items;
	size_t count;
};

/*
 * Find the completions of the word at the cursor: commands for the first word, then the operands of the command:
 * names on the server (which costs a listing), names here, settings. Errors leave the list empty, and nothing is
 * printed. Sorted.
 */
void complete_find(struct connection *connection, const char *line, size_t len, struct candidates *candidates);

void candidates_free(struct candidates *candidates);

/* The number of leading bytes that all have in common; never cuts a UTF-8 character. */
size_t candidates_common(const struct candidates *candidates);

#endif
