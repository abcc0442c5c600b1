/* SPDX-License-Identifier: ISC */
/* One file or directory of a listing. */
#ifndef CLIENT_ENGINE_ENTRY_H
#define CLIENT_ENGINE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ftp_kind { FTP_KIND_FILE, FTP_KIND_DIRECTORY, FTP_KIND_LINK, FTP_KIND_OTHER };

struct ftp_entry {
	char *name;	/* raw bytes as the server sent them; never empty, ".", "..", with a slash or NUL; may hold
			 * control characters, so pass it through escape_bytes() before printing; owned */
	char *target;	/* of a symbolic link where told, raw; NULL otherwise; owned */
	enum ftp_kind kind;
	int64_t size;	/* bytes; -1 unknown */
	/*
	 * seconds since 1970, UTC; -1 unknown. A time before 1970 is negative as well, and few callers need to tell
	 * it apart
	 */
	int64_t mtime;
	/* to the second and in UTC (MLSD, MDTM); LIST is of a minute or a day, in an unknown zone */
	bool mtime_is_exact;
	int32_t mode;	/* permission bits; -1 unknown */
	char owner[32], group[32];	/* escaped; "" unknown */
	char permissions[16];	/* the fact "perm" of MLSD, letters only; "" unknown */
	/* the fact "unique" of MLSD (RFC 3659, 7.5.2), escaped: the same for the same thing; "" unknown */
	char unique[40];
};

/* Why a listing may not be all that there is. Bits. */
enum ftp_doubt {
	FTP_DOUBT_UNREAD = 1,	/* it has lines that were not understood */
	FTP_DOUBT_CUT = 2,	/* the server says that it left names out, or the connection was cut */
	FTP_DOUBT_EMPTY = 4,	/* it is empty, and nothing shows that the server could read the directory */
	FTP_DOUBT_HIDDEN = 8	/* names that begin with a dot may be missing */
};

#define FTP_UNREAD_KEPT_MAX 1000

struct ftp_list {
	struct ftp_entry *entries;
	size_t count;
	size_t refused;	/* names left out because they would lead elsewhere ("../x", "a/b", "") */
	size_t unread_count;	/* lines that were not understood */
	char **unread;	/* the first FTP_UNREAD_KEPT_MAX of them, raw; owned */
	unsigned int doubts;	/* enum ftp_doubt */
};

/* The doubts, for a sentence that begins with the directory: "has 2 lines that ..."; "" for none. */
void ftp_doubt_text(const struct ftp_list *list, char *text, size_t size);

void ftp_list_free(struct ftp_list *list);
void ftp_entry_free(struct ftp_entry *entry);

/* Order by name, for qsort(3) and bsearch(3): of entries, and of pointers to entries. */
int ftp_entry_by_name(const void *a, const void *b);
int ftp_entry_pointer_by_name(const void *a, const void *b);

#endif
