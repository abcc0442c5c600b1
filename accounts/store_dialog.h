/* SPDX-License-Identifier: ISC */
/*
 * What sallyportctl and sallyport-store say to each other, on the standard input and output of sallyport-store: lines
 * ended by '\n', in UTF-8, without other control characters than tabs. Neither believes the other: each line is parsed
 * strictly, and what a line of an account holds is for account_parse().
 *
 *   sallyport-store VERSION MODE CONF [READERS]
 *
 * MODE is "accounts", "init", "upgrade" or "check". CONF is a file (sallyport-store.conf(5)), READERS the group that may
 * read it; "-": the first line on standard input is the connection string.
 *
 * Mode "accounts" answers "ready", then requests, until the end of its input; what is not committed by then is undone.
 * The other modes ask nothing: they report, and end with "done" or "failed".
 */
#ifndef ACCOUNTS_STORE_DIALOG_H
#define ACCOUNTS_STORE_DIALOG_H

#include <stddef.h>

#include "accounts/account.h"

#define DIALOG_WORD_MAX 16
#define DIALOG_LINE_MAX (DIALOG_WORD_MAX + 1 + ACCOUNT_LINE_MAX)	/* bytes without the newline */

/* clang-format off */
/*        name       word         argument */
#define DIALOG_REQUESTS(X) \
	X(FIND,      "find",      true)		/* NAME: "account", or "none" */ \
	X(LIST,      "list",      false)	/* "account" for each, in the order of names; "done" */ \
	X(COUNT,     "count",     false)	/* "done NUMBER" */ \
	X(SHARING,   "sharing",   true)		/* LINE: "account" for each that shares its uid or home; "done" */ \
	X(FREE_UID,  "free-uid",  true)		/* LOW HIGH COUNT: "done UID", or "none" */ \
	X(GROUP,     "group",     true)		/* a definition line of sallyport-users(5), for what accounts get later; no answer */ \
	X(BEGIN,     "begin",     false)	/* a transaction, in which nobody else changes accounts: "done" */ \
	X(ADD,       "add",       true)		/* LINE; no answer; what is wrong is told by the next "flush" */ \
	X(FLUSH,     "flush",     false)	/* "taken NAME" for each name that was there; "done" */ \
	X(SET,       "set",       true)		/* LINE, in place of that of its name: "done", or "none" */ \
	X(REMOVE,    "remove",    true)		/* NAME: "done", or "none" */ \
	X(COMMIT,    "commit",    false)	/* "done" */ \
	X(QUOTA,     "quota",     true)		/* NAME: "usage", "haunted" and "share" lines, "done"; or "none" */ \
	X(NODES,     "nodes",     false)	/* "node" for each, in the order of names; "done" */ \
	X(RECOUNT,   "recount",   true)		/* NAME, at once: "done", or "none" */ \
	X(FORGET,    "forget",    true)		/* NODE, at once: "done SHARES", or "none" */

/*        name     word       argument */
#define DIALOG_ANSWERS(X) \
	X(READY,   "ready",   false)	/* of mode "accounts", first */ \
	X(ACCOUNT, "account", true)	/* LINE of sallyport-users(5) */ \
	X(TAKEN,   "taken",   true)	/* NAME */ \
	X(ROLE,    "role",    true)	/* of "init": ROLE PASSWORD, or ROLE alone when it was there */ \
	X(HOLDS,   "holds",   true)	/* of "check": what is right */ \
	X(WRONG,   "wrong",   true)	/* of "check": what is not, and what would be right */ \
	X(NOTE,    "note",    true)	/* what is worth knowing */ \
	X(USAGE,   "usage",   true)	/* COUNTED BYTES FILES SLACK-BYTES SLACK-FILES: t or f, and what an account uses */ \
	X(HAUNTED, "haunted", true)	/* NODE, which may go on within a share that was taken back */ \
	X(SHARE,   "share",   true)	/* GONE SESSIONS NET-BYTES NET-FILES ALLOW-BYTES ALLOW-FILES NODE */ \
	X(NODE,    "node",    true)	/* SEEN ALIVE SHARES SESSIONS NODE; SEEN: seconds, "-": declared dead */ \
	X(DONE,    "done",    true)	/* the end of an answer; its argument may be empty */ \
	X(NONE,    "none",    false)	/* the end: there is no such account */ \
	X(FAILED,  "failed",  true)	/* the end of it all: what is wrong; what would be right */
/* clang-format on */

#define X(name, ...) DIALOG_##name,
enum dialog_request { DIALOG_REQUESTS(X) DIALOG_REQUEST_COUNT };
enum dialog_answer { DIALOG_ANSWERS(X) DIALOG_ANSWER_COUNT };
#undef X

/* The words; by enum. */
extern const char *const dialog_requests[DIALOG_REQUEST_COUNT];
extern const char *const dialog_answers[DIALOG_ANSWER_COUNT];

/*
 * Parse one line without its newline. Pure.
 *
 * argument  within line, not ended by a NUL; "" where the word takes none. An argument is never empty but that of "done".
 *
 * Returns the enum, or -EINVAL: not a word of the table, an argument too many or too few, too long, a control character,
 * or not UTF-8.
 */
int dialog_parse_request(const char *line, size_t len, const char **argument, size_t *argument_len);
int dialog_parse_answer(const char *line, size_t len, const char **argument, size_t *argument_len);

/* Can a line have this as its argument? As the parsers decide. */
bool dialog_may_carry(const char *argument, size_t len);

#endif
