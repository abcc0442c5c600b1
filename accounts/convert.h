/* SPDX-License-Identifier: ISC */
/*
 * Accounts of other servers as accounts of sallyport, one after the other out of the text of their file. Pure. What an
 * account of theirs has and one of ours cannot have is an error, so that no restriction is lost in silence.
 */
#ifndef ACCOUNTS_CONVERT_H
#define ACCOUNTS_CONVERT_H

#include <stdbool.h>
#include <stddef.h>

#include "accounts/account.h"
#include "common/buf.h"

enum convert_format {
	CONVERT_USERS,		/* sallyport-users(5); lines stay as they are */
	CONVERT_PURE_FTPD,	/* what pure-pw(8) edits */
	CONVERT_PROFTPD,	/* AuthUserFile, as ftpasswd writes it */
	CONVERT_VSFTPD,		/* what db_load makes a database for pam_userdb of: a name, a password, line by line */
	CONVERT_PASSWD,		/* passwd(5), with shadow(5) */
	CONVERT_COUNT
};

/* The words of "user import --from"; by enum. */
extern const char *const convert_words[CONVERT_COUNT];

struct convert {
	enum convert_format format;
	const char *text, *end;		/* what is left of the file */
	size_t line;			/* the number of the last line that was read */
	const char *shadow;		/* the text of shadow(5), for CONVERT_PASSWD; NULL: there is none */
	size_t shadow_len;
	size_t shadow_at;		/* where the next look-up begins; 0 at first */
};

struct converted {
	size_t line;		/* its first line, from 1 */
	const char *problem;	/* why it cannot be taken, and what would be right; static text; NULL: it can */
	struct buf name, hash, home, options;	/* a home of CONVERT_VSFTPD is empty: it has none */
	struct buf raw;		/* of CONVERT_USERS: the whole line, and nothing else */
	char uid[16], gid[16];	/* "": none is named */
	bool is_plain;		/* hash is the password itself */
	bool lacks_shadow;	/* shadow(5) has no line of it, which is its problem */
};

void converted_init(struct converted *out);

/* Wipe and free. */
void converted_free(struct converted *out);

/* The next account of the text. out was converted_init(); its content is replaced. 1, or 0 at the end, or -ENOMEM. */
int convert_next(struct convert *convert, struct converted *out);

#endif
