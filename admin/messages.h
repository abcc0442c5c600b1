/* SPDX-License-Identifier: ISC */
/* The messages of sallyportctl on stderr, and text from elsewhere in them. */
#ifndef ADMIN_MESSAGES_H
#define ADMIN_MESSAGES_H

/* "sallyportctl: ..." on stderr, one line. Bytes of a user go through ctl_quote() first. */
void ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ctl_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* text with everything that could hurt a terminal escaped; a static ring of 8 results. */
const char *ctl_quote(const char *text);

/* The same for text of the server, which has escaped quotes and backslashes already; from the same ring. */
const char *ctl_shown(const char *text);

#endif
