/* SPDX-License-Identifier: ISC */
/*
 * Names in the character set of an old server, and in that of this machine's locale. Pure.
 *
 * Each name of the server has one name here, and no two share one. Bytes that have no character here, or that do not come back as
 * they were, are written \xHH. So is a backslash that would begin such a text.
 */
#ifndef CLIENT_ENGINE_CHARSET_H
#define CLIENT_ENGINE_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct charset;

/*
 * wire and local are names that iconv(3) knows. NULL with *r: -EINVAL (iconv does not know one of them), -EDOM (wire does not have
 * all of ASCII at its place, as UTF-16 and EBCDIC), -ENOMEM. A charset belongs to one thread at a time.
 */
struct charset *charset_new(const char *wire, const char *local, int *r);
void charset_free(struct charset *charset);

bool charset_is_utf8(const char *name);

/* Append text of the server to out as it is written here; line ends stay. Returns 0 or the buffer's error. */
int charset_to_local(struct charset *charset, const char *bytes, size_t len, struct buf *out);

/*
 * Append a text of this machine to out as the server wants it. Returns 0, -EILSEQ (a character that the server's set does not
 * have, or a text that would come back as another one: two names here would be one there), the buffer's error.
 */
int charset_to_wire(struct charset *charset, const char *text, size_t len, struct buf *out);

#endif
