/* SPDX-License-Identifier: ISC */
/*
 * Options of a command line, by a table. A row has the name of an option, the kind and range of its value, and the
 * place where the value is stored. Errors are codes; each program has its own words for them.
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum opt_type {
	OPT_FLAG, /* a bool, which becomes true; takes no value */
	OPT_TEXT, /* a const char *, borrowed */
	OPT_NUMBER, /* a uint64_t within the range */
	OPT_INT, /* an int within the range */
	OPT_CALL /* take() stores it */
};

struct opt_row {
	const char *name; /* "verify" for --verify; NULL: the letter alone */
	char letter; /* 0: none; rows may share one, where accept() tells them apart */
	const char *value; /* the name of the value in the help; NULL: no value */
	enum opt_type type;
	size_t target; /* offset in what the program fills in */
	uint64_t low, high; /* OPT_NUMBER, OPT_INT: the range, both included */
	const char *wanted; /* how a value must be; NULL: "LOW to HIGH", or "a text that is not empty" */
	int (*take)(
	    void *targets, const char *value); /* OPT_CALL; value is NULL where none is taken. 0, -EINVAL, -ENOMEM */
	uint32_t groups; /* the program's own: which of its commands take it */
	const char *help;
};

enum opt_problem {
	OPT_FINE,
	OPT_UNKNOWN,
	OPT_NEEDS_VALUE,
	OPT_TAKES_NO_VALUE,
	OPT_BAD_VALUE, /* it must be opt_wanted() */
	OPT_NOT_ACCEPTED, /* accept() said so */
	OPT_NO_MEMORY
};

struct opt_parser {
	const struct opt_row *rows;
	size_t count;
	void *targets;
	bool takes_empty; /* values may be "" */
	const char *(*next)(void *arg); /* takes the next word, for a value; NULL: no more words */
	bool (*accept)(void *arg, size_t row); /* is the option of this row meant here? NULL: all are */
	void *arg;
	/* what the last problem was about */
	size_t row;
	char shown[64]; /* "--verify", "-v": as it was written; "" for what is unknown */
	const char *text; /* the value; or the word, where it is unknown */
};

/* Is this word one that opt_take() takes: "-x", "--xyz"; but not "-", nor "--"? */
bool opt_is_option(const char *word);

/* Take "-l", "-lr", "-P4", "-P 4", "--parallel=4" or "--parallel 4", and store what it says. */
enum opt_problem opt_take(struct opt_parser *parser, const char *word);

/* "1 to 32": what the value of a row must be. */
void opt_wanted(const struct opt_row *row, char *text, size_t size);

/* Is the value of this option in the next word? For callers that look for the first operand. */
bool opt_takes_next_word(const struct opt_row *rows, size_t count, const char *word);

#endif
