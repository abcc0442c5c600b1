/* SPDX-License-Identifier: ISC */
/* The rights of an account: bits, the words for them, and lists of such words. */
#ifndef ACCOUNTS_RIGHTS_H
#define ACCOUNTS_RIGHTS_H

#include <stddef.h>

/* One row each in rights.c; the words are those of the option "rights" (sallyport-users(5)). */
enum account_right {
	MAY_LIST = 1,
	MAY_READ = 2,
	MAY_CREATE = 4,		/* new files */
	MAY_OVERWRITE = 8,	/* existing files: replace, resume, append */
	MAY_DELETE = 16,
	MAY_RENAME = 32,
	MAY_MKDIR = 64,
	MAY_RMDIR = 128,
	MAY_CHMOD = 256,	/* modes and times */
	MAY_ALL = 511,
	MAY_ONLY_LOOK = MAY_LIST | MAY_READ,	/* what is left to a read-only account */
	MAY_CHANGE = MAY_ALL & ~MAY_ONLY_LOOK
};

#define RIGHTS_COUNT 9
#define RIGHTS_TEXT_MAX 80	/* all words with commas and NUL */

/* The word of right number i (1 << i), below RIGHTS_COUNT. */
const char *rights_word(size_t i);

/* Parse words separated by ',', or "all". Returns 0, or -EINVAL for another word or none. Pure. */
int rights_parse(const char *text, size_t len, unsigned *rights);

/* The words separated by ','; "all" for all, "" for none. */
void rights_text(unsigned rights, char text[RIGHTS_TEXT_MAX]);

#endif
