/* SPDX-License-Identifier: ISC */
/* Variables in texts of the administrator: %{host}, %{user}, %{date} and others. Pure, but for the clock. */
#ifndef COMMON_TEXT_VARIABLES_H
#define COMMON_TEXT_VARIABLES_H

#include <stdbool.h>

struct buf;

/* Those that have a value before the login come first. */
enum text_variable {
	VARIABLE_HOST,
	VARIABLE_ADDRESS,
	VARIABLE_DATE,
	VARIABLE_TIME,
	VARIABLE_USER,
	VARIABLE_QUOTA_LEFT,
	VARIABLE_FILES_LEFT,
	VARIABLE_COUNT
};

/* What variables are about before the login. Borrowed texts. */
struct text_facts {
	const char *host;	/* the name of the server */
	const char *address;	/* of the client */
};

/* Has the text something that looks like a variable? */
bool text_has_variables(const char *text);

/* The first %{...} of the text that is no variable; NULL: there is none. */
const char *text_variable_unknown(const char *text);

/* Is each %{...} of the text a variable that has a value before the login? */
bool text_variables_are_early(const char *text);

/*
 * Add text to out. put adds the value of each variable in it; any other %{...} stays as it is. An error is left in out.
 */
void text_variables_fill(
    const char *text, void (*put)(void *arg, enum text_variable variable, struct buf *out), void *arg, struct buf *out);

/* Add the value of a variable before the login; nothing for another one. Date and time are of now, in UTC. */
void text_variable_put_early(const struct text_facts *facts, enum text_variable variable, struct buf *out);

/* text_variables_fill() with these alone. */
void text_variables_fill_early(const char *text, const struct text_facts *facts, struct buf *out);

#endif
