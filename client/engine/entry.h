/* What a listing tells of one file or directory. */
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
	int64_t mtime;	/* seconds since 1970, UTC; -1 unknown */
	bool mtime_is_exact;	/* to the second and in UTC (MLSD, MDTM); LIST is of a minute or a day, in an unknown zone */
	int32_t mode;	/* permission bits; -1 unknown */
	char owner[32], group[32];	/* escaped; "" unknown */
	char permissions[16];	/* the fact "perm" of MLSD, letters only; "" unknown */
};

struct ftp_list {
	struct ftp_entry *entries;
	size_t count;
	size_t refused;	/* names left out because they would lead elsewhere ("../x", "a/b", "") */
};

void ftp_list_free(struct ftp_list *list);
void ftp_entry_free(struct ftp_entry *entry);

#endif
