/* SPDX-License-Identifier: ISC */
/*
 * The accounts that use most of their quotas, in shared memory: written by an errand of the master,
 * read by the metrics process, unmapped in all others.
 */
#ifndef PRIVSEP_IPC_QUOTA_BOARD_H
#define PRIVSEP_IPC_QUOTA_BOARD_H

#include <stddef.h>
#include <stdint.h>

#include "accounts/account.h"

#define QUOTA_BOARD_MAX 100

struct quota_row {
	char user[ACCOUNT_NAME_MAX + 1];	/* or "+NAME" of a shared folder */
	uint64_t bytes, files;
};

struct quota_board {
	uint32_t sequence; /* odd while it is written */
	uint32_t count;
	struct quota_row rows[QUOTA_BOARD_MAX]; /* the largest first */
};

/* Map an empty board, which children inherit only after quota_board_share(). NULL: errno. */
struct quota_board *quota_board_new(void);

/* From here on children inherit it, or do not. */
void quota_board_share(struct quota_board *board, int is_shared);

/* In the reader: make it read-only. 0 or -errno. */
int quota_board_make_read_only(struct quota_board *board);

/* Keep row among the at most max largest in rows, which has count of them. Returns the new count. Pure. */
size_t quota_board_insert(struct quota_row *rows, size_t count, size_t max, const struct quota_row *row);

/* The one writer: replace all rows. */
void quota_board_write(struct quota_board *board, const struct quota_row *rows, size_t count);

/* Copy the rows to rows (room for QUOTA_BOARD_MAX). Returns their number; 0 while they are written. */
size_t quota_board_read(const struct quota_board *board, struct quota_row *rows);

#endif
