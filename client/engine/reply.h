/* SPDX-License-Identifier: ISC */
/* Replies of a server: lines with a code, one or many (RFC 959, 4.2). Pure: bytes in, reply out. */
#ifndef CLIENT_ENGINE_REPLY_H
#define CLIENT_ENGINE_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

#define REPLY_LINE_MAX 8192	/* bytes of a line, without its end */
#define REPLY_STRAYS_MAX 32
#define REPLY_TEXT_MAX (1024 * 1024)	/* bytes of a reply */

struct reply {
	int code;	/* 100 to 599; 0 as long as it is not complete */
	unsigned int strays;	/* lines before it that belong to no reply, and were passed over */
	struct buf text;	/* its lines with their codes, each but the last ended by '\n'; NUL became '?' */

	/* the parser's own */
	struct buf line;
	bool is_multiline;
	bool is_complete;
};

void reply_init(struct reply *reply);
void reply_free(struct reply *reply);

/*
 * Take bytes until the reply is complete; *used tells how many were taken. A complete reply is forgotten when
 * the next bytes come. Lines end with LF, a CR before it is dropped. Between replies, empty lines and up to REPLY_STRAYS_MAX
 * lines without a code are passed over. A letter may follow the code at once ("125Data").
 *
 * Returns 1 when the reply is complete, 0 when more bytes are wanted. Errors: -EBADMSG for another protocol
 * than FTP (too many lines without a code, or its greeting), -EMSGSIZE for a line or a reply that is too
 * long, -ENOMEM. After an error the connection is of no use.
 */
int reply_feed(struct reply *reply, const char *bytes, size_t len, size_t *used);

/* What follows code and blank in the last line; "" when the reply is not complete. Points into the reply. */
const char *reply_message(const struct reply *reply);

#endif
