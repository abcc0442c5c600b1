/* SPDX-License-Identifier: ISC */
/*
 * The share of a quota that several nodes have together: what this node has borrowed from the database, in the ledger of
 * its account. While there is a share, the ledger counts net, which is what the node's sessions have changed since the
 * share was opened, and nothing grows past allow. Without one, all of this is of no effect.
 *
 * The rules are those of store/schema_1.sql: messages are numbered, an answer counts only for the last number, allow
 * is lowered before that is told and raised after the answer, and a share begins anew only after all that used it has ended.
 *
 * What a session that died had reserved is left in the slots, and what was removed before the share was open is left in
 * the share. Both are used until a count of the home says otherwise: net as it is told is without them, and allow is never
 * lowered below the sum.
 */
#ifndef ACCOUNTS_LEDGER_SHARE_H
#define ACCOUNTS_LEDGER_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "accounts/ledger.h"

#define LEDGER_SPAN_FIRST (64ULL << 20)	/* bytes that are borrowed beyond what is needed at first; */
#define LEDGER_SPAN_MOST (1ULL << 30)	/* then twice the last ones, at most so many */
#define LEDGER_SPAN_FIRST_FILES 64ULL
#define LEDGER_SPAN_MOST_FILES (16ULL << 10)

/* A question to the database: see credit() in store/schema_1.sql. */
struct ledger_credit {
	uint64_t share, seq;
	struct ledger_use net, keep, want, spare;
};

/* What a change adds; gives_back: all that is not used goes back. */
struct ledger_need {
	uint64_t bytes, files;
	bool gives_back;
};

/* The database's answer to a ledger_credit that it granted or refused, but not CREDIT_GONE. */
struct ledger_grant {
	uint64_t share;
	struct ledger_use allow, used;
	uint64_t count; /* LEDGER_NO_COUNT: none */
	bool is_granted, is_uncounted;
};

/* A count of the home that the database asked for. */
struct ledger_counted {
	uint64_t share, seq, count;
	struct ledger_use net, counted;
};

struct ledger_share_view {
	uint64_t id; /* 0: it is not open yet */
	struct ledger_use net, left, allow, told;
	bool has_result, is_uncounted;
};

/*
 * The session uses the account's share from here on; one that nobody uses and that is not open begins anew. 0; -EBUSY while
 * sessions use one that is gone; or -errno.
 */
int ledger_share_join(struct ledger *ledger, bool has_quota);

/* The session uses it no longer. 1: nobody else does on this node; 0: somebody does; or -errno. */
int ledger_share_leave(struct ledger *ledger);

/*
 * For an account without shares: end one that nobody uses, after which the home is to be counted. 0; -EBUSY: sessions use
 * it yet; or -errno.
 */
int ledger_share_end(struct ledger *ledger);

/* Only one session at a time asks. 0, -EAGAIN: another one does; or -errno. */
int ledger_credit_lock(struct ledger *ledger);
void ledger_credit_unlock(struct ledger *ledger);

/* How it is now. 0; -ESTALE: it is gone, and the session must end; or -errno. */
int ledger_share_look(struct ledger *ledger, struct ledger_share_view *view);

/* Make and number the next question, as need says. 0; -ESTALE as above; or -errno. */
int ledger_credit_begin(struct ledger *ledger, const struct ledger_need *need, struct ledger_credit *credit);

/*
 * Take the answer to credit. The database is not believed more than was asked for, nor room for more than a whole quota.
 * 0; -ESTALE: the share is gone; -EALREADY: another question has followed, and nothing was done; or -errno.
 */
int ledger_credit_end(struct ledger *ledger, const struct ledger_credit *credit, const struct ledger_limits *limits,
    const struct ledger_grant *grant);

/* The database has the share no longer, as it said to question seq. */
int ledger_share_gone(struct ledger *ledger, uint64_t seq);

/* Number the last word about a share that nobody uses. 0; -EBUSY: somebody does; -ENOENT: none is open; or -errno. */
int ledger_share_close_begin(struct ledger *ledger, struct ledger_credit *credit);

/* The database has closed it. */
int ledger_share_close_end(struct ledger *ledger, uint64_t seq);

/* The result of a count that the database does not know yet. 0; -ENOENT: there is none; -ESTALE; or -errno. */
int ledger_counted_begin(struct ledger *ledger, struct ledger_counted *counted);

/* It knows it now. is_believed: what ended sessions had left is in it. As ledger_credit_end(). */
int ledger_counted_end(struct ledger *ledger, uint64_t seq, bool is_believed);

#endif
