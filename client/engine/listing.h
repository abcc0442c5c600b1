/* Listings: MLSD (RFC 3659, 7), and LIST in the styles of Unix and DOS. Pure: bytes in, entries out. */
#ifndef CLIENT_ENGINE_LISTING_H
#define CLIENT_ENGINE_LISTING_H

#include <stddef.h>
#include <stdint.h>

#include "client/engine/entry.h"
#include "common/buf.h"

#define LISTING_LINE_MAX 16384	/* bytes of a line */
#define LISTING_TEXT_MAX (256 * 1024 * 1024)	/* bytes of a listing */
#define LISTING_ENTRIES_MAX 1000000

enum listing_style { LISTING_MLSD, LISTING_LIST };

struct listing {
	enum listing_style style;
	int64_t now;	/* seconds since 1970: LIST leaves out the year of what is young */
	struct ftp_list list;	/* what there is so far; the caller may take it over */
	size_t ignored;	/* lines that are no entry ("total 8", or nothing known) */
	size_t bytes;	/* seen so far */

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

/* The end: a last line without line end is taken. Errors as above. */
int listing_end(struct listing *listing);

/*
 * One line of MLSD, "type=file;size=3;modify=20200101000000; name". MLST has a path where MLSD has a name: with
 * is_path its last component is taken, so that "/" is refused.
 *
 * Returns 0 with entry filled (ftp_entry_free()); 1 for the directory itself and its parent; -EINVAL for what is
 * no such line; -EPERM for a name that would lead elsewhere ("", ".", "..", with a slash or NUL); -ENOMEM.
 */
int mlsd_parse(const char *line, size_t len, bool is_path, struct ftp_entry *entry);

/* One line of LIST. Results as above. */
int list_parse(const char *line, size_t len, int64_t now, struct ftp_entry *entry);

#endif
