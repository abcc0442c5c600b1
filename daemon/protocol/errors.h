/* SPDX-License-Identifier: ISC */
/* The one place where a -errno becomes a reply. */
#ifndef DAEMON_PROTOCOL_ERRORS_H
#define DAEMON_PROTOCOL_ERRORS_H

struct protocol;

/* What the command was about; the replies that RFC 959, 5.4 lists for it differ. */
enum reply_class {
	REPLY_FILE,	/* RETR, DELE, RNFR, HASH: 450, 451, 550 */
	REPLY_PLACE,	/* CWD, MKD, RMD, SIZE, MDTM, MLST: only 550 */
	REPLY_CREATE,	/* STOR, APPE, STOU, RNTO: 450, 451, 452, 552, 553, 554 */
	REPLY_LIST,	/* LIST, NLST, STAT: 450, 451, 501, and 550 */
	REPLY_CLASS_COUNT
};

/* Reply with the code and words for error (a -errno); name is a path of the client. */
void reply_error(struct protocol *protocol, enum reply_class class, int error, const char *name);

/* Reply that a quota ends the room: what is used of it, and what was asked for: protocol->quota_asked bytes, or a file. */
void reply_over_quota(struct protocol *protocol, int code, const char *name);

/* A line before a refusal for lack of room: what the client could remove. Nothing where there are no partials. */
void reply_partials_note(struct protocol *protocol, int code);

/* Only the code; for tests. */
int reply_code_for_error(enum reply_class class, int error);

#endif
