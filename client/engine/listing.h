/* SPDX-License-Identifier: ISC */
/*
 * Listings: MLSD (RFC 3659, 7), and LIST in the styles of all systems that are known. Pure: bytes in, entries out. Each
 * family of systems has its parser (listing_unix.c, listing_dos.c, ...), and listing.c has the table of them.
 */
#ifndef CLIENT_ENGINE_LISTING_H
#define CLIENT_ENGINE_LISTING_H

#include <stddef.h>
#include <stdint.h>

#include "client/engine/entry.h"
#include "client/engine/listing_line.h"
#include "common/buf.h"

#define LISTING_LINE_MAX 16384	/* bytes of a line */
#define LISTING_TEXT_MAX (256 * 1024 * 1024)	/* bytes of a listing */
#define LISTING_ENTRIES_MAX 1000000

struct charset;

enum listing_style { LISTING_MLSD, LISTING_LIST };

struct listing {
	enum listing_style style;
	struct ftp_list list;	/* what there is so far; the caller may take it over */
	struct list_state state;	/* has_proof says whether an empty list is known to be empty */
	size_t bytes;	/* seen so far */
	struct charset *charset;	/* of the names; NULL: they are bytes; borrowed */

	/* the parser's own */
	size_t size;
	struct buf line;
};

void listing_init(struct listing *listing, enum listing_style style, int64_t now);
void listing_free(struct listing *listing);

/*
 * Take the next bytes; a line ends with LF, a CR before it is dropped.
 * Returns 0, -EMSGSIZE (a line is too long), -E2BIG (too many entries, or too much text), -ENOMEM.
 */
int listing_feed(struct listing *listing, const char *bytes, size_t len);

/* The end: a last line without line end is taken. A line that was not understood is in list.unread. Errors as above. */
int listing_end(struct listing *listing);

/*
 * One line of MLSD, "type=file;size=3;modify=20200101000000; name". Blanks between facts and a missing last semicolon
 * are forgiven. MLST has a path where MLSD has a name: with
 * is_path its last component is taken, so that "/" is refused.
 *
 * Returns 0 with entry filled (ftp_entry_free()); 1 for the directory itself and its parent; -EINVAL for what is
 * no such line; -EPERM for a name that would lead elsewhere ("", ".", "..", with a slash or NUL); -ENOMEM.
 */
int mlsd_parse(const char *line, size_t len, bool is_path, struct ftp_entry *entry);

/* One line of LIST. state is zeroed but for now before the first line. Results as above, and LIST_NO_ENTRY for headings. */
int list_parse(const char *line, size_t len, struct list_state *state, struct ftp_entry *entry);

#endif
