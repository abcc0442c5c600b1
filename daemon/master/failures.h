/* SPDX-License-Identifier: ISC */
/*
 * Failed logins by address: each failure makes the next password check of that address wait
 * longer, over all its connections, and too many within a time ban it. Memory is bounded: the
 * least recent address gives way, one that is banned only when all are, the
 * administrator's bans never.
 */
#ifndef DAEMON_MASTER_FAILURES_H
#define DAEMON_MASTER_FAILURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/siphash.h"

#define FAILURES_MAX 4096
#define FAILURES_BUCKETS 4096
#define FAILURES_OF_OTHERS_MAX 2048
#define FAILURES_NODES_MAX 128 /* names of nodes that are kept */
#define FAILURES_NODE_SIZE 254
#define FAILURES_KEPT 16 /* times of the last failures of an address */

/* What the other nodes know of a ban. */
enum ban_standing {
	BAN_UNTOLD, /* nothing yet */
	BAN_ASKED, /* the broker has been asked to tell them */
	BAN_KNOWN /* all of it */
};

struct failure {
	struct address_key address;
	bool is_used;
	uint32_t count; /* one after the other, none later than the time to forget after the last */
	uint64_t last_ms;
	uint32_t unknown; /* attempts that nobody could judge, one after the other; they slow down, and ban nobody */
	uint64_t unknown_ms; /* the last of them */
	uint64_t next_ms; /* no check before */
	uint64_t times_ms[FAILURES_KEPT]; /* a ring; count says how much of it is filled */
	uint64_t banned_until_ms; /* 0: not banned */
	uint32_t refused; /* connections while the ban was in force */
	bool is_by_hand; /* the ban is an administrator's */
	bool is_of_others; /* the ban was made on another node */
	uint8_t node; /* whose word the ban is: 1 is the first of nodes; 0: this node's, or nobody knows */
	enum ban_standing standing;
	uint64_t banned_ms; /* when the ban was made; 0: in a former life of the server */
	uint32_t next; /* in its bucket, or in the list of free ones: the number of an entry, the first is 1; 0: none */
};

struct failures {
	struct failure entries[FAILURES_MAX];
	size_t used;
	size_t banned; /* entries with a ban, over or not */
	size_t of_others; /* of these, the ones that were made on other nodes */
	struct siphash_key secret; /* so that no one can choose addresses that meet in one bucket */
	uint32_t buckets[FAILURES_BUCKETS];
	char nodes[FAILURES_NODES_MAX][FAILURES_NODE_SIZE]; /* names; "": none yet */
	uint32_t free; /* the first of those below used that are not used */
};

/* Prepare the table, which is all zero. The rest of it stays untouched, because each fork would pay. 0 or -EIO. */
int failures_init(struct failures *failures);

/*
 * When the next check for address may start; reserves that time, so that connections side
 * by side wait one after the other. Failures older than forget_ms do not count.
 */
uint64_t failures_reserve(
    struct failures *failures, const struct address_key *address, uint64_t now_ms, uint64_t forget_ms);

/*
 * One more failed login (or a session process that was stopped) of address.
 * True when limit failures have come within the last forget_ms. Beyond FAILURES_KEPT, those count that
 * followed one another within forget_ms.
 */
bool failures_add(
    struct failures *failures, const struct address_key *address, uint64_t now_ms, uint64_t forget_ms, uint32_t limit);

/*
 * An attempt of address that nobody could judge: its next one waits as after a failure, so that an outage is no time
 * for guesses without end. It bans nobody.
 */
void failures_add_unknown(
    struct failures *failures, const struct address_key *address, uint64_t now_ms, uint64_t forget_ms);

/*
 * Ban address until until_ms (monotonic); its failures are forgotten. An existing ban is replaced. The ban is this node's
 * own, and no other one knows it. Returns 0 or -ENOSPC when all entries are bans of the administrator.
 */
int failures_ban(
    struct failures *failures, const struct address_key *address, uint64_t now_ms, uint64_t until_ms, bool is_by_hand);

/*
 * A ban that another node has made at made_ms; all nodes know it. At most FAILURES_OF_OTHERS_MAX of them are kept, so that
 * others cannot fill the table. node: its name, of less than FAILURES_NODE_SIZE bytes. Returns 0 or -ENOSPC.
 */
int failures_ban_told(struct failures *failures, const struct address_key *address, uint64_t made_ms, uint64_t until_ms,
    bool is_by_hand, const char *node);

/*
 * The ban of the entry is the word of this node. Where bans in force have FAILURES_NODES_MAX other names already, its name
 * is not kept.
 */
void failures_note_node(struct failures *failures, struct failure *entry, const char *node);

/* Whose word the ban is, valid until the table changes; "": this node's, or nobody knows. */
const char *failures_node(const struct failures *failures, const struct failure *entry);

/* The entry of a banned address, valid until the table changes; NULL: it is not banned. */
struct failure *failures_find_ban(struct failures *failures, const struct address_key *address);

/* Remove the ban of address. Returns its entry, valid until the table changes again; NULL: there is none. */
const struct failure *failures_unban(struct failures *failures, const struct address_key *address);

/* Is address banned now? Then this is counted: how often since the ban began; 0: it is not. */
uint32_t failures_refuse(struct failures *failures, const struct address_key *address, uint64_t now_ms);

/* The first entry from *next on whose ban is over by now_ms, taken away; or NULL when there is none. */
const struct failure *failures_expire(struct failures *failures, size_t *next, uint64_t now_ms);

#endif
