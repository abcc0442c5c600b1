/* SPDX-License-Identifier: ISC */
/*
 * A connection string of libpq (its section "Connection Strings"), taken apart and put together again. libpq parses it;
 * what sallyport insists on or takes by default is here. Pure: no name is looked up, and no environment is read.
 */
#ifndef STORE_CONNINFO_H
#define STORE_CONNINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/address.h"

#define CONNINFO_PLACES_MAX 8
#define CONNINFO_HOST_MAX 253	/* bytes of a host's name, or of a directory of sockets */
#define CONNINFO_ADDRESSES_MAX 8	/* of one name */
#define CONNINFO_TEXT_MAX 32768	/* bytes of what conninfo_compose() writes */

struct buf;

enum conninfo_kind {
	CONNINFO_SOCKET,	/* a directory of sockets, or libpq's own ("") */
	CONNINFO_LITERAL,	/* a numeric address */
	CONNINFO_NAME,		/* to be looked up */
};

/* One of the servers that libpq tries in order. */
struct conninfo_place {
	enum conninfo_kind kind;
	char host[CONNINFO_HOST_MAX + 1];	/* as written; the name that TLS verifies; "": libpq's directory of sockets */
	char port[8];		/* "": the default, 5432 */
	char hostaddr[ADDRESS_TEXT_MAX];	/* as written; "": none */
};

struct conninfo {
	void *options;	/* of PQconninfoParse(); owned */
	struct conninfo_place places[CONNINFO_PLACES_MAX];
	size_t place_count;	/* at least 1 */
};

/* The addresses that were found for a name. */
struct conninfo_found {
	union address addresses[CONNINFO_ADDRESSES_MAX];
	size_t count;
};

/*
 * Parse a connection string, "KEY=VALUE ..." or "postgresql://...".
 *
 * problem  on -EINVAL: what is wrong and what would be right, one line without '\n'; never the string itself.
 *
 * Returns 0, and the caller frees info with conninfo_free(); -EINVAL or -ENOMEM.
 */
int conninfo_parse(const char *text, struct conninfo *info, struct buf *problem);

/*
 * Write the string for libpq, with the addresses of names, so that libpq looks up nothing itself. Added where it is
 * not set: sslmode=verify-full, gssencmode=disable, connect_timeout. client_encoding is UTF8.
 *
 * found  by index of info->places; only those of CONNINFO_NAME are read. A name without an address is left out. NULL:
 *        libpq looks names up.
 *
 * Returns 0, -ENOENT when no place is left, or the buffer's error. The text has the password; the caller wipes it.
 */
int conninfo_compose(const struct conninfo *info, const struct conninfo_found *found, struct buf *out);

/*
 * Whether the certificates and keys that the string names can be read, by this process and by the group readers. libpq's
 * own words for one that cannot have bytes in them that mean nothing. A file that is missing is left to libpq.
 *
 * Returns 0, or -errno with problem filled: which file, why not, what would be right.
 */
int conninfo_check_files(const struct conninfo *info, gid_t readers, struct buf *problem);

#define CONNINFO_READER_SELF ((gid_t)0)	/* as STORE_READERS_ROOT: no other group is to read them */

/* The value of a key of libpq; NULL: not set. Borrowed. */
const char *conninfo_value(const struct conninfo *info, const char *key);

void conninfo_free(struct conninfo *info);

#endif
