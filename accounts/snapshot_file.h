/* SPDX-License-Identifier: ISC */
/* The memory file of a snapshot: how it is laid out, and reads of its parts. For the modules of snapshots alone. */
#ifndef ACCOUNTS_SNAPSHOT_FILE_H
#define ACCOUNTS_SNAPSHOT_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "accounts/account.h"
#include "accounts/hash_costs.h"
#include "common/file_stamp.h"
#include "common/siphash.h"

#define SNAPSHOT_MAGIC 0x74636341746f7053ull
#define SNAPSHOT_VERSION 6
#define SNAPSHOT_KINDS_MAX HASH_COSTS_MAX	/* more kinds of hashes than this count as the last one */

/* A kind of hash, as hash_kind.h distinguishes them, and its cost. */
struct snapshot_kind {
	uint64_t accounts; /* that have it as their first hash */
	uint64_t hash_number; /* account_hash() of the line that has it */
	uint64_t line_at; /* of one of them, in the text */
	uint64_t cost_us; /* 0: was not measured */
};

/* The offsets of lines within the text, sorted by what is before their first colon. */
struct snapshot_index {
	uint64_t at, count;
};

/*
 * The memory file: this header, the text of the users file (ended by a newline), the indexes of accounts and of
 * definitions, and the kinds of the accounts' hashes, sorted by their fronts. It never leaves the machine.
 */
struct snapshot_header {
	uint64_t magic, version;
	struct file_stamp stamp;
	uint64_t text_at, text_len;
	struct snapshot_index accounts, definitions;
	uint64_t kinds_at, kind_count;
	uint64_t hashes_max; /* of one account */
	uint64_t services_at; /* a struct pam_services */
	uint64_t keeping; /* accounts and groups that say keep */
	struct siphash_key names_key;
	char server[ACCOUNT_NAME_MAX + 1]; /* behind the '@' of its accounts' names in full; "": they have none */
};

/*
 * The snapshot is read, not mapped: each step of a search is on pages of its own, and a fault with its
 * mapping costs ten times a read of a few bytes.
 */
struct snapshot_view {
	int fd;
	struct snapshot_header header;
};

/* The header, if the file has all that it describes. Returns 0; -EINVAL for a damaged one; or another -errno. */
int snapshot_read_header(int memory_fd, struct snapshot_header *header);

/* Where line i of the index begins; past the end of the text when the snapshot is damaged. */
uint64_t snapshot_line_at(const struct snapshot_view *view, const struct snapshot_index *index, uint64_t i);

/* The line that begins at at. *got bytes of line are to be wiped. Returns its length, or -EINVAL. */
ssize_t snapshot_read_line(const struct snapshot_view *view, uint64_t at, char line[ACCOUNT_LINE_MAX + 1], size_t *got);

/* Compare name with that of the line at at. order: less than, equal to, greater than 0. Returns 0 or -EINVAL. */
int snapshot_compare_at(const struct snapshot_view *view, uint64_t at, const char *name, size_t name_len, int *order);

/* The account whose line begins at at, with its name in full; the caller wipes it. Returns 0 or -errno. */
int snapshot_read_account(const struct snapshot_view *view, uint64_t at, struct account *account);

/* Kind i of the hashes. Returns 0 or -EINVAL. */
int snapshot_read_kind(const struct snapshot_view *view, uint64_t i, struct snapshot_kind *kind);

#endif
