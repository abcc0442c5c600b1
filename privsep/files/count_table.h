/* SPDX-License-Identifier: ISC */
/*
 * What a count has seen of each inode, so that it can put right what has changed since: with events of the ledger's
 * journal (accounts/ledger.h). Anonymous memory, 32 bytes an inode; above some fourteen million inodes only the sum is
 * kept, and a change meanwhile means that the count is repeated.
 */
#ifndef PRIVSEP_FILES_COUNT_TABLE_H
#define PRIVSEP_FILES_COUNT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accounts/ledger.h"

struct count_seen {
	uint64_t key;	/* 0: no entry */
	uint64_t bytes;	/* under all its names */
	uint32_t names;
	bool is_told;	/* by an event: what is seen of it does not count */
	bool is_awaited;	/* its writer is being killed: wait until nobody holds it */
	bool is_walked;	/* a directory whose reading has begun: only a failed count does not end it */
};

struct count_table {
	struct count_seen *entries;
	size_t size, used;	/* size: a power of two */
	uint64_t files;
	__extension__ unsigned __int128 bytes;
	bool is_whole;		/* it has every inode that was seen */
	bool is_wrong;		/* an event met an inode that it may have lost */
};

/* Empty. 0 or -ENOMEM. */
int count_table_init(struct count_table *table);

void count_table_free(struct count_table *table);

/* The entry of a key, or NULL. Valid until the next call that adds. */
struct count_seen *count_table_find(const struct count_table *table, uint64_t key);

/* A name was seen. Nothing happens where an event has told of its key. */
void count_table_see(struct count_table *table, uint64_t key, uint64_t bytes);

/* So many bytes under a single name, whatever was seen or is seen yet. */
void count_table_tell(struct count_table *table, const struct ledger_event *event);

/* Its size is final when nobody holds it any more. */
void count_table_await(struct count_table *table, uint64_t key);

/* The directory is about to be read. */
void count_table_walked(struct count_table *table, uint64_t key);

/* The sum. 0, or -EAGAIN where it is not right. */
int count_table_sum(const struct count_table *table, struct ledger_figure *figure);

#endif
