/* SPDX-License-Identifier: ISC */
#include "accounts/ledger_share.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "accounts/ledger_file.h"
#include "common/io.h"

#include "common/banned.h"

#define FIGURE_MAX (1LL << 60) /* as figure_max() of the database */

/* --- figures --- */

static int64_t
within_figures(int64_t figure)
{
	return figure > FIGURE_MAX ? FIGURE_MAX : figure < -FIGURE_MAX ? -FIGURE_MAX : figure;
}

/* Both are figures, so the sum does not overflow. */
static int64_t
plus(int64_t figure, int64_t more)
{
	return within_figures(within_figures(figure) + within_figures(more));
}

static int64_t
figure_of(uint64_t amount)
{
	return amount > (uint64_t)FIGURE_MAX ? FIGURE_MAX : (int64_t)amount;
}

static struct ledger_use
use_minus(struct ledger_use use, struct ledger_use less)
{
	return (struct ledger_use){
	    plus(use.bytes, -within_figures(less.bytes)), plus(use.files, -within_figures(less.files))};
}

static struct ledger_use
use_plus(struct ledger_use use, struct ledger_use more)
{
	return (struct ledger_use){plus(use.bytes, more.bytes), plus(use.files, more.files)};
}

static struct ledger_use
use_least(struct ledger_use one, struct ledger_use other)
{
	return (struct ledger_use){
	    one.bytes < other.bytes ? one.bytes : other.bytes, one.files < other.files ? one.files : other.files};
}

/* --- slots --- */

struct net {
	struct ledger_use net, left;
};

static int
add_to_net(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	struct net *net = arg;
	const struct ledger_use reserved = {(int64_t)slot->reserved_bytes, (int64_t)slot->reserved_files};

	if (!ledger_is_good_slot(slot))
		return -EUCLEAN;
	net->net = use_plus(net->net, (struct ledger_use){slot->bytes, slot->files});
	if (ledger_is_left_unsettled(ledger, number, slot))
		net->left = use_plus(net->left, reserved);
	else
		net->net = use_plus(net->net, reserved);
	return 0;
}

struct users {
	uint32_t epoch;
	bool are_there;
};

/* A slot that nobody holds is that of a session that has ended. */
static int
find_user(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	struct users *users = arg;

	if (number != ledger->slot && ledger_is_good_slot(slot) && slot->epoch == users->epoch &&
	    ledger_is_held(ledger, number))
		users->are_there = true;
	return 0;
}

/* Does another session use the share? With the table locked, nobody begins to. 1, 0, or -errno. */
static int
has_users(struct ledger *ledger, const struct ledger_head *head)
{
	struct users users = {head->share.epoch, false};
	int r = head->share.epoch == 0 ? 0 : ledger_each_slot(ledger, head->header.slots, find_user, &users);

	return r < 0 ? r : users.are_there;
}

static int
mark_own_slot(struct ledger *ledger, uint32_t epoch)
{
	struct ledger_slot slot;
	int r = ledger_read_own_slot(ledger, &slot);

	slot.epoch = epoch;
	ledger->epoch = epoch;
	return r < 0 ? r : ledger_write_slot(ledger, ledger->slot, &slot);
}

/* --- the beginning and the end of a share --- */

/* What ended sessions have left is none of a new share. Others may hold slots without using one: what they settled before, too. */
static int
clear_slot(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	static const struct ledger_slot zeros;
	struct ledger_header *header = arg;

	if (number != ledger->slot && ledger_is_good_slot(slot) && ledger_is_held(ledger, number)) {
		header->base_bytes -= slot->bytes;
		header->base_files -= slot->files;
		return 0;
	}
	*slot = zeros;
	return ledger_write_slot(ledger, number, slot);
}

/* One that no session has seen before: the time since the machine was started, in milliseconds. */
static uint32_t
new_epoch(uint32_t last)
{
	uint32_t epoch = (uint32_t)monotonic_ms();

	return epoch == 0 || epoch == last ? last + 1 + (last == UINT32_MAX) : epoch;
}

static int
begin_share(struct ledger *ledger, struct ledger_head *head)
{
	int r;

	head->share = (struct ledger_share){
	    .epoch = new_epoch(head->share.epoch),
	    .count = LEDGER_NO_COUNT,
	};
	head->header.base_bytes = head->header.base_files = 0;
	head->header.flags &=
	    ~(uint32_t)HEADER_COUNTED; /* as a ledger of this node alone it is worth nothing any more */
	r = ledger_write_header(ledger, &head->header);
	if (r == 0)
		r = ledger_each_slot(ledger, head->header.slots, clear_slot, &head->header);
	return r < 0 ? r : ledger_write_header(ledger, &head->header);
}

static int
find_damage(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	(void)ledger;
	(void)number;
	(void)arg;
	return ledger_is_good_slot(slot) ? 0 : -EUCLEAN;
}

/* Where a slot is damaged, nobody knows net: as if the share were gone. */
static int
read_to_join(struct ledger *ledger, struct ledger_head *head)
{
	int r = ledger_read_head(ledger, head);

	if (r < 0)
		return r;
	r = ledger_each_slot(ledger, head->header.slots, find_damage, NULL);
	if (r == -EUCLEAN) {
		head->share.flags |= SHARE_GONE;
		r = 0;
	}
	return r;
}

static int
join_locked(struct ledger *ledger, bool has_quota)
{
	struct ledger_head head;
	int r = read_to_join(ledger, &head);
	int users = r < 0 ? r : has_users(ledger, &head);
	bool is_gone = (head.share.flags & SHARE_GONE) != 0;

	if (users < 0)
		return users;
	if (is_gone && users > 0)
		return -EBUSY;
	if (head.share.epoch == 0 || is_gone || (head.share.id == 0 && users == 0))
		r = begin_share(ledger, &head);
	head.share.flags |= has_quota ? SHARE_HAS_QUOTA : 0;
	if (r == 0)
		r = ledger_write_share(ledger, &head.share);
	return r < 0 ? r : mark_own_slot(ledger, head.share.epoch);
}

/* Most sessions find all as they need it, and wait for no other one. */
static int
join_as_it_is(struct ledger *ledger, bool has_quota)
{
	struct ledger_head head;
	int r = read_to_join(ledger, &head);

	if (r < 0)
		return r;
	if (head.share.id == 0 || (head.share.flags & SHARE_GONE) != 0 ||
	    (has_quota && (head.share.flags & SHARE_HAS_QUOTA) == 0))
		return -ENOENT;
	return mark_own_slot(ledger, head.share.epoch);
}

static int
with_table(struct ledger *ledger, int (*act)(struct ledger *ledger, bool has_quota), bool has_quota)
{
	int r = ledger_lock_table(ledger);

	if (r < 0)
		return r;
	r = act(ledger, has_quota);
	ledger_unlock_table(ledger);
	return r;
}

int
ledger_share_join(struct ledger *ledger, bool has_quota)
{
	int r = with_table(ledger, join_as_it_is, has_quota);

	if (r != -ENOENT)
		return r;
	r = ledger_lock_account(ledger);
	if (r < 0)
		return r;
	r = with_table(ledger, join_locked, has_quota);
	ledger_unlock_account(ledger);
	return r;
}

int
ledger_share_leave(struct ledger *ledger)
{
	uint32_t epoch = ledger->epoch;
	struct ledger_head head;
	int r = ledger_lock_table(ledger);

	if (r < 0)
		return r;
	r = ledger_read_head(ledger, &head);
	if (r == 0)
		r = mark_own_slot(ledger, 0);
	ledger->epoch = epoch; /* its word about the share may be the last one */
	if (r == 0)
		r = has_users(ledger, &head);
	ledger_unlock_table(ledger);
	return r < 0 ? r : r == 0;
}

static int
end_share_locked(struct ledger *ledger)
{
	struct ledger_head head;
	int r = ledger_read_head(ledger, &head);
	int users = r < 0 ? r : has_users(ledger, &head);

	if (users < 0 || head.share.epoch == 0)
		return users;
	if (users > 0)
		return -EBUSY;
	head.share = (struct ledger_share){.epoch = 0};
	head.header.flags &= ~(uint32_t)HEADER_COUNTED;
	r = ledger_write_header(ledger, &head.header);
	return r < 0 ? r : ledger_write_share(ledger, &head.share);
}

int
ledger_share_end(struct ledger *ledger)
{
	int r = ledger_lock_table(ledger);

	if (r < 0)
		return r;
	r = end_share_locked(ledger);
	ledger_unlock_table(ledger);
	return r;
}

/* --- questions --- */

int
ledger_credit_lock(struct ledger *ledger)
{
	int r = ledger_lock_byte(ledger->fd, LOCK_CREDIT, F_WRLCK);

	return r == -EACCES ? -EAGAIN : r;
}

void
ledger_credit_unlock(struct ledger *ledger)
{
	ledger_lock_byte(ledger->fd, LOCK_CREDIT, F_UNLCK);
}

/* The share, and net with what dead sessions have left. With the account locked. */
static int
read_share(struct ledger *ledger, struct ledger_head *head, struct net *net)
{
	int r = ledger_read_head(ledger, head);

	if (r == -EUCLEAN || (r == 0 && (head->share.epoch != ledger->epoch || (head->share.flags & SHARE_GONE) != 0)))
		return -ESTALE;
	if (r < 0)
		return r;
	*net = (struct net){.net = {head->header.base_bytes, head->header.base_files}, .left = head->share.left};
	r = ledger_each_slot(ledger, head->header.slots, add_to_net, net);
	return r == -EUCLEAN ? -ESTALE : r;
}

typedef int share_act(struct ledger *ledger, struct ledger_head *head, const struct net *net, void *arg);

/* Do something with the share, under the account's lock. */
static int
with_share(struct ledger *ledger, share_act *act, void *arg)
{
	bool was_locked = ledger->is_locked;
	struct ledger_head head;
	struct net net;
	int r = was_locked ? 0 : ledger_lock_account(ledger);

	if (r < 0)
		return r;
	r = read_share(ledger, &head, &net);
	if (r == 0)
		r = act(ledger, &head, &net, arg);
	if (!was_locked)
		ledger_unlock_account(ledger);
	return r;
}

/* The same, while nobody joins and no slot is taken. */
static int
with_share_and_table(struct ledger *ledger, share_act *act, void *arg)
{
	bool was_locked = ledger->is_locked;
	int r = was_locked ? 0 : ledger_lock_account(ledger);

	if (r < 0)
		return r;
	ledger->is_locked = true;
	r = ledger_lock_table(ledger);
	if (r == 0) {
		r = with_share(ledger, act, arg);
		ledger_unlock_table(ledger);
	}
	ledger->is_locked = was_locked;
	if (!was_locked)
		ledger_unlock_account(ledger);
	return r;
}

static int
view_share(struct ledger *ledger, struct ledger_head *head, const struct net *net, void *arg)
{
	(void)ledger;
	*(struct ledger_share_view *)arg = (struct ledger_share_view){
	    .id = head->share.id,
	    .net = net->net,
	    .left = net->left,
	    .allow = head->share.allow,
	    .told = head->share.told,
	    .has_result = (head->share.flags & SHARE_RESULT) != 0,
	    .is_uncounted = (head->share.flags & SHARE_UNCOUNTED) != 0,
	};
	return 0;
}

int
ledger_share_look(struct ledger *ledger, struct ledger_share_view *view)
{
	return with_share(ledger, view_share, view);
}

struct credit_order {
	const struct ledger_need *need;
	struct ledger_credit *credit;
};

/* What does not fit; 0: nothing does, or nothing is needed. */
static int64_t
lacking(uint64_t need, int64_t used, int64_t allow)
{
	int64_t lack = need == 0 ? 0 : plus(plus(used, figure_of(need)), -within_figures(allow));

	return lack < 0 ? 0 : lack;
}

static int64_t
next_span(int64_t last, uint64_t first, uint64_t most)
{
	uint64_t span = last <= 0 ? first : (uint64_t)last * 2;

	return (int64_t)(span > most ? most : span);
}

/* A message that opens a share says nothing of net: the share is as new as the database's, and nothing of it is used. */
static int
number_credit(struct ledger *ledger, struct ledger_head *head, const struct net *net, void *arg)
{
	const struct credit_order *order = arg;
	struct ledger_share *share = &head->share;
	struct ledger_use used = share->id == 0 ? (struct ledger_use){0, 0} : use_plus(net->net, net->left);
	struct ledger_credit *credit = order->credit;

	if (order->need->gives_back)
		share->allow = use_least(share->allow, used);
	*credit = (struct ledger_credit){
	    .share = share->id,
	    .seq = ++share->seq,
	    .keep = share->allow,
	    .want = {lacking(order->need->bytes, used.bytes, share->allow.bytes),
		lacking(order->need->files, used.files, share->allow.files)},
	};
	if (share->id != 0)
		credit->net =
		    (share->flags & SHARE_DISTRUSTED) != 0 ? (struct ledger_use){FIGURE_MAX, FIGURE_MAX} : net->net;
	if (credit->want.bytes > 0)
		credit->spare.bytes = next_span(share->span.bytes, LEDGER_SPAN_FIRST, LEDGER_SPAN_MOST);
	if (credit->want.files > 0)
		credit->spare.files = next_span(share->span.files, LEDGER_SPAN_FIRST_FILES, LEDGER_SPAN_MOST_FILES);
	share->told = credit->net;
	return ledger_write_share(ledger, share);
}

int
ledger_credit_begin(struct ledger *ledger, const struct ledger_need *need, struct ledger_credit *credit)
{
	return with_share(ledger, number_credit, &(struct credit_order){need, credit});
}

/* --- answers --- */

struct grant_order {
	const struct ledger_credit *credit;
	const struct ledger_limits *limits;
	const struct ledger_grant *grant;
};

/*
 * No honest answer says more: the database adds to keep at most what was asked for. And whatever is used in the home is at
 * least 0, so that what net may yet grow by is at most the quota.
 */
static int64_t
allow_believed(int64_t said, int64_t keep, int64_t want, int64_t spare, int64_t net, uint64_t limit)
{
	int64_t most = plus(plus(keep, want), spare);
	int64_t most_of_quota = plus(net, figure_of(limit));

	said = within_figures(said);
	most = most < net ? net : most; /* the database never lowers allow below net */
	if (limit != LEDGER_NO_LIMIT && most_of_quota < most)
		most = most_of_quota;
	return said > most ? most : said;
}

static int64_t
removed(int64_t net, uint64_t limit)
{
	return limit != LEDGER_NO_LIMIT && net < 0 ? -within_figures(net) : 0;
}

static int
take_credit_answer(struct ledger *ledger, struct ledger_head *head, const struct net *net, void *arg)
{
	const struct grant_order *order = arg;
	const struct ledger_credit *credit = order->credit;
	const struct ledger_grant *grant = order->grant;
	struct ledger_share *share = &head->share;

	if (share->seq != credit->seq || share->id != credit->share)
		return -EALREADY;
	if (share->id == 0)
		/* what was removed before makes no room until a count says that it does */
		share->left = (struct ledger_use){
		    removed(net->net.bytes, order->limits->bytes), removed(net->net.files, order->limits->files)};
	share->id = grant->share;
	share->allow = (struct ledger_use){
	    allow_believed(grant->allow.bytes, credit->keep.bytes, credit->want.bytes, credit->spare.bytes,
		net->net.bytes, order->limits->bytes),
	    allow_believed(grant->allow.files, credit->keep.files, credit->want.files, credit->spare.files,
		net->net.files, order->limits->files),
	};
	share->others = use_minus(grant->used, credit->net);
	if (grant->is_granted && credit->want.bytes > 0)
		share->span.bytes = credit->spare.bytes;
	if (grant->is_granted && credit->want.files > 0)
		share->span.files = credit->spare.files;
	share->flags &= ~(uint32_t)(SHARE_UNCOUNTED | SHARE_LAST_WORD);
	share->flags |= grant->is_uncounted ? SHARE_UNCOUNTED : 0;
	if (share->count != grant->count) /* a count that began before is of no use */
		share->flags &= ~(uint32_t)SHARE_RESULT;
	share->count = grant->count;
	return ledger_write_share(ledger, share);
}

int
ledger_credit_end(struct ledger *ledger, const struct ledger_credit *credit, const struct ledger_limits *limits,
    const struct ledger_grant *grant)
{
	return with_share(ledger, take_credit_answer, &(struct grant_order){credit, limits, grant});
}

static int
mark_gone(struct ledger *ledger, struct ledger_head *head, const struct net *net, void *arg)
{
	(void)net;
	if (head->share.seq != *(const uint64_t *)arg)
		return -EALREADY;
	head->share.flags |= SHARE_GONE;
	return ledger_write_share(ledger, &head->share);
}

int
ledger_share_gone(struct ledger *ledger, uint64_t seq)
{
	return with_share(ledger, mark_gone, &seq);
}

/* --- the last word --- */

static int
number_close(struct ledger *ledger, struct ledger_head *head, const struct net *net, void *arg)
{
	int users = has_users(ledger, head);

	if (users != 0)
		return users < 0 ? users : -EBUSY;
	if (head->share.id == 0)
		return -ENOENT;
	head->share.allow = use_least(head->share.allow, use_plus(net->net, net->left));
	head->share.told = net->net;
	head->share.flags |= SHARE_LAST_WORD;
	*(struct ledger_credit *)arg =
	    (struct ledger_credit){.share = head->share.id, .seq = ++head->share.seq, .net = net->net};
	return ledger_write_share(ledger, &head->share);
}

int
ledger_share_close_begin(struct ledger *ledger, struct ledger_credit *credit)
{
	return with_share_and_table(ledger, number_close, credit);
}

/* It is not open any more: whoever joins begins it anew. */
static int
forget_share(struct ledger *ledger, struct ledger_head *head, const struct net *net, void *arg)
{
	(void)net;
	if (head->share.seq != *(const uint64_t *)arg)
		return -EALREADY;
	head->share.id = 0;
	head->share.flags |= SHARE_GONE;
	return ledger_write_share(ledger, &head->share);
}

int
ledger_share_close_end(struct ledger *ledger, uint64_t seq)
{
	return with_share(ledger, forget_share, &seq);
}

/* --- counts --- */

static int
number_counted(struct ledger *ledger, struct ledger_head *head, const struct net *net, void *arg)
{
	struct ledger_share *share = &head->share;

	(void)net;
	if ((share->flags & SHARE_RESULT) == 0 || share->id == 0)
		return -ENOENT;
	*(struct ledger_counted *)arg = (struct ledger_counted){
	    .share = share->id,
	    .seq = ++share->seq,
	    .count = share->count,
	    .net = share->counted_net,
	    .counted = share->counted,
	};
	share->told = share->counted_net;
	return ledger_write_share(ledger, share);
}

int
ledger_counted_begin(struct ledger *ledger, struct ledger_counted *counted)
{
	return with_share(ledger, number_counted, counted);
}

/* The database has counted what was left as used by this node: now it is, and whatever came of it is in the base. */
static int
drop_seen(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	static const struct ledger_slot zeros;
	struct ledger_header *header = arg;

	if (!ledger_is_good_slot(slot) || (slot->flags & SLOT_SEEN) == 0 || ledger_is_held(ledger, number))
		return 0;
	header->base_bytes += slot->bytes + (int64_t)slot->reserved_bytes;
	header->base_files += slot->files + (int64_t)slot->reserved_files;
	*slot = zeros;
	return ledger_write_slot(ledger, number, slot);
}

struct counted_order {
	uint64_t seq;
	bool is_believed;
};

static int
end_counted(struct ledger *ledger, struct ledger_head *head, const struct net *net, void *arg)
{
	const struct counted_order *order = arg;
	struct ledger_share *share = &head->share;
	int r = 0;

	(void)net;
	if (share->seq != order->seq)
		return -EALREADY;
	share->flags &= ~(uint32_t)SHARE_RESULT;
	share->count = LEDGER_NO_COUNT;
	if (order->is_believed) {
		share->others = use_minus(share->counted, share->counted_net);
		head->header.base_bytes += share->left.bytes;
		head->header.base_files += share->left.files;
		share->left = (struct ledger_use){0, 0};
		share->flags = (share->flags & ~(uint32_t)SHARE_UNCOUNTED) | SHARE_GONE; /* should we die on the way */
		r = ledger_write_share(ledger, share);
		if (r == 0)
			r = ledger_each_slot(ledger, head->header.slots, drop_seen, &head->header);
		if (r == 0)
			r = ledger_write_header(ledger, &head->header);
		share->flags &= ~(uint32_t)SHARE_GONE;
	}
	return r < 0 ? r : ledger_write_share(ledger, share);
}

int
ledger_counted_end(struct ledger *ledger, uint64_t seq, bool is_believed)
{
	return with_share_and_table(ledger, end_counted, &(struct counted_order){seq, is_believed});
}
