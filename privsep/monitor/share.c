/* SPDX-License-Identifier: ISC */
/*
 * The share of a quota that several servers have together: asked for at login and whenever a change does not fit, given
 * back on request, closed with the last session. The answer to files is held meanwhile; nothing else waits. The broker
 * reads the network, so whatever it says may be somebody else's word: the ledger does not believe more than was asked for.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "common/io.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

#define ANSWER_MS 3000 /* the broker answers sooner, whatever the database does */
#define WAIT_MS 1000 /* for room that others give back */
#define AGAIN_MS 100
#define NEED_MS 10000 /* the longest time of one question of files, whoever else asks */
#define LOCK_LOOK_MS 5 /* does another session of the account ask yet? */
#define TELL_LESS_MS 50 /* others would be refused for what is not used any more */
#define CONFIRM_MS 200 /* before a refusal: others may just have told that they use less */
#define TELL_MORE_MS 10000 /* so that they can show it */
#define RECALL_MS 50 /* between two that are answered */
#define LEAVE_MS 1500 /* for the last words of a session */
#define JOINS_MAX 4 /* of shares that sessions that end close meanwhile */
#define COUNT_MS 60000 /* one that was asked for is looked for so long */
#define REFUSAL_MS 1000 /* the upload that it is for comes at once */
#define PIECE (64 * 1024ULL) /* bytes that an upload of unknown size wants at least, if they are there */

/* --- what is under way --- */

/* One question at a time: the next one follows its answer, however late. */
static bool
is_asking(const struct monitor *monitor)
{
	return monitor->share.asked != ASKED_NOTHING;
}

static bool
has_need(const struct ledger_need *need)
{
	return need->bytes > 0 || need->files > 0;
}

bool
share_wants_account(const struct account *account)
{
	return account->max_sessions != 0 || account->quota_bytes != ACCOUNT_NO_QUOTA ||
	    account->quota_files != ACCOUNT_NO_QUOTA || account->rate_down != 0 || account->rate_up != 0;
}

bool
share_is_used(const struct monitor *monitor)
{
	return monitor->share.is_joined;
}

int
share_channel(const struct monitor *monitor)
{
	return monitor->share.is_joined && monitor->store.channel > 0 ? monitor->store.channel : -1;
}

static void
put_ledger_use(struct ipc_message *message, const struct ledger_use *use)
{
	ipc_put_u64(message, (uint64_t)use->bytes);
	ipc_put_u64(message, (uint64_t)use->files);
}

static struct ledger_use
get_ledger_use(struct ipc_message *message)
{
	int64_t bytes = (int64_t)ipc_get_u64(message);

	return (struct ledger_use){bytes, (int64_t)ipc_get_u64(message)};
}

static struct ipc_message word; /* the question of files is in hand */

static int
send_to_broker(struct monitor *monitor, int asked)
{
	int r = monitor->store.channel <= 0 ? -EPIPE : ipc_send_now(monitor->store.channel, &word, -1);

	if (r < 0)
		return r;
	monitor->share.asked = asked;
	monitor->share.due_ms = monotonic_ms() + ANSWER_MS;
	return 0;
}

static int
send_credit(struct monitor *monitor, const struct ledger_need *need)
{
	struct ledger_credit *credit = &monitor->share.credit;
	int r = ledger_credit_begin(&monitor->quota.book, need, credit);

	if (r < 0)
		return r;
	ipc_begin(&word, IPC_credit);
	ipc_put_u64(&word, credit->share);
	ipc_put_u64(&word, credit->seq);
	put_ledger_use(&word, &credit->net);
	put_ledger_use(&word, &credit->keep);
	put_ledger_use(&word, &credit->want);
	put_ledger_use(&word, &credit->spare);
	return send_to_broker(monitor, ASKED_CREDIT);
}

static int
send_close(struct monitor *monitor)
{
	struct ledger_credit *credit = &monitor->share.credit;
	int r = ledger_share_close_begin(&monitor->quota.book, credit);

	if (r < 0)
		return r;
	ipc_begin(&word, IPC_share_close);
	ipc_put_u64(&word, credit->share);
	ipc_put_u64(&word, credit->seq);
	put_ledger_use(&word, &credit->net);
	return send_to_broker(monitor, ASKED_CLOSE);
}

/* -ENOENT: there is no result. */
static int
send_counted(struct monitor *monitor)
{
	struct ledger_counted counted;
	int r = ledger_counted_begin(&monitor->quota.book, &counted);

	if (r < 0)
		return r;
	monitor->share.credit.seq = counted.seq;
	ipc_begin(&word, IPC_counted);
	ipc_put_u64(&word, counted.share);
	ipc_put_u64(&word, counted.seq);
	put_ledger_use(&word, &counted.net);
	put_ledger_use(&word, &counted.counted);
	ipc_put_u64(&word, counted.count);
	return send_to_broker(monitor, ASKED_COUNTED);
}

/* --- the end of a session that has no share any more --- */

/* As soon as nothing else is in hand. */
static void
want_end(struct monitor *monitor, enum ipc_end_reason reason)
{
	monitor->share.wants_end = monitor->state == IPC_STATE_READY && !monitor->share.is_leaving;
	monitor->share.end_reason = reason;
}

bool
share_wants_end(struct monitor *monitor, enum ipc_end_reason *reason)
{
	bool wants_end = monitor->share.wants_end;

	monitor->share.wants_end = false;
	*reason = monitor->share.end_reason;
	return wants_end;
}

/* All sessions of the account end, wherever they are in this server; this one in any case. */
static void
leave_for_gone(struct monitor *monitor)
{
	ipc_begin(&word, IPC_share_gone);
	(void)!ipc_send_now(monitor->session->master_channel, &word, -1);
	want_end(monitor, END_SHARE_GONE);
}

static void
lose_broker(struct monitor *monitor)
{
	monitor_close_store(monitor);
	if (is_asking(monitor))
		ledger_credit_unlock(&monitor->quota.book);
	monitor->share.asked = ASKED_NOTHING;
	want_end(monitor, END_BROKER_GONE);
}

/* --- needs --- */

/* What the need comes to: 0, files' question may be asked again; else its answer. */
static void
end_need(struct monitor *monitor, int r)
{
	monitor->share.need = (struct ledger_need){.bytes = 0};
	monitor->share.pause_ms = NEVER;
	if (monitor->share.end_of_need != NULL && !monitor->share.is_leaving)
		monitor->share.end_of_need(monitor, r);
}

/* The next question of files asks the master for it, and reads r until then. */
static void
wait_for_count(struct monitor *monitor, int r)
{
	monitor->share.count_until_ms = monotonic_ms() + COUNT_MS;
	monitor->share.counting = r;
}

/* From the first refusal on: what the account's other sessions ask before is no time of this one. */
bool
share_has_time(struct monitor *monitor)
{
	uint64_t now = monotonic_ms();

	if (monitor->share.refused_ms == 0)
		monitor->share.refused_ms = now;
	return now + AGAIN_MS <= monitor->share.refused_ms + WAIT_MS && now <= monitor->share.since_ms + NEED_MS;
}

/* Again in a moment, as long as there is time; then r. */
static void
try_again(struct monitor *monitor, int r)
{
	if (share_has_time(monitor))
		monitor->share.pause_ms = monotonic_ms() + AGAIN_MS;
	else
		end_need(monitor, r);
}

/* Of a need that takes less, too: what nobody uses, as far as that is known. Where others hold it, the first byte will do. */
static bool
needs_less(struct monitor *monitor, enum credit_outcome outcome, const struct ledger_grant *grant)
{
	struct ledger_need *need = &monitor->share.need;
	uint64_t limit = monitor->quota.limits.bytes;
	uint64_t used = grant->used.bytes < 0 ? 0 : (uint64_t)grant->used.bytes;
	uint64_t left = used < limit ? limit - used : 0;
	bool is_held = outcome == CREDIT_OTHERS_CALLED || outcome == CREDIT_NOT_NOW || outcome == CREDIT_COUNT_FIRST;

	if (!monitor->share.is_flexible || need->bytes <= 1 || (left == 0 && !is_held))
		return false;
	need->bytes = left > 0 && left < need->bytes && !is_held ? left : 1;
	return true;
}

/* What dead sessions have left may be less than it seems. */
static bool
would_count_help(struct monitor *monitor, const struct ledger_grant *grant)
{
	struct ledger_share_view view;

	return grant->count != LEDGER_NO_COUNT && ledger_share_look(&monitor->quota.book, &view) == 0 &&
	    (view.left.bytes > 0 || view.left.files > 0);
}

static void
judge_refusal(struct monitor *monitor, enum credit_outcome outcome, const struct ledger_grant *grant)
{
	if (outcome != CREDIT_TOO_MANY_SESSIONS && outcome != CREDIT_OLD_NUMBER &&
	    needs_less(monitor, outcome, grant)) {
		monitor->share.pause_ms = monotonic_ms();
		return;
	}
	switch (outcome) {
	case CREDIT_OVER_QUOTA:
		if (monitor->share.nodes > 1 && !monitor->share.is_confirmed) {
			monitor->share.is_confirmed = true;
			monitor->share.pause_ms = monotonic_ms() + CONFIRM_MS;
			return;
		}
		if (!would_count_help(monitor, grant)) {
			end_need(monitor, -EDQUOT);
			return;
		}
		wait_for_count(monitor, -EINPROGRESS);
		end_need(monitor, -EINPROGRESS);
		return;
	case CREDIT_COUNT_FIRST:
		wait_for_count(monitor, -EUCLEAN);
		end_need(monitor, -EUCLEAN);
		return;
	case CREDIT_OTHERS_CALLED:
		try_again(monitor, -EREMOTE);
		return;
	case CREDIT_NOT_NOW:
		end_need(monitor, -EREMOTE);
		return;
	case CREDIT_GRANTED:
	case CREDIT_GONE:
	case CREDIT_TOO_MANY_SESSIONS:
	case CREDIT_OLD_NUMBER:
	case CREDIT_OUTCOME_COUNT:
		break;
	}
	try_again(monitor, -EHOSTUNREACH);
}

/* --- answers --- */

struct credit_reply {
	enum credit_outcome outcome;
	struct ledger_grant grant;
	uint32_t nodes;
};

/* Of the message in hand. False: the broker breaks the table, or says what no database says. */
static bool
read_credit_reply(struct credit_reply *reply)
{
	uint8_t outcome = ipc_get_u8(&word);

	*reply = (struct credit_reply){.outcome = (enum credit_outcome)outcome};
	reply->grant.share = ipc_get_u64(&word);
	reply->grant.allow = get_ledger_use(&word);
	reply->grant.used = get_ledger_use(&word);
	reply->grant.count = ipc_get_u64(&word);
	reply->nodes = ipc_get_u32(&word);
	reply->grant.is_granted = outcome == CREDIT_GRANTED;
	reply->grant.is_uncounted = outcome == CREDIT_COUNT_FIRST;
	return ipc_end(&word) && outcome < CREDIT_OUTCOME_COUNT && reply->nodes >= 1 &&
	    (reply->grant.share != 0 || outcome == CREDIT_GONE || outcome == CREDIT_TOO_MANY_SESSIONS);
}

/* The share has what the answer says. 0; -ESTALE: it is gone; or -errno. */
static int
enter_credit(struct monitor *monitor, const struct credit_reply *reply)
{
	struct ledger *book = &monitor->quota.book;
	int r;

	monitor->share.nodes = reply->nodes;
	/* an old number that is our last one: somebody has used up the numbers of the share, and it is of no use any more */
	if (reply->outcome == CREDIT_GONE || reply->outcome == CREDIT_OLD_NUMBER) {
		r = ledger_share_gone(book, monitor->share.credit.seq);
		return r == -EALREADY ? 0 : -ESTALE;
	}
	if (reply->grant.share == 0)
		return 0;
	r = ledger_credit_end(book, &monitor->share.credit, &monitor->quota.limits, &reply->grant);
	return r == -EALREADY ? 0 : r;
}

static void
take_credit_reply(struct monitor *monitor, int result)
{
	struct credit_reply reply;
	int r;

	if (result < 0) { /* the broker counts the session as soon as the database knows of it */
		share_note_change(monitor, false);
		if (has_need(&monitor->share.need))
			try_again(monitor, -EHOSTUNREACH);
		return;
	}
	if (!read_credit_reply(&reply)) {
		lose_broker(monitor);
		if (has_need(&monitor->share.need))
			end_need(monitor, -EHOSTUNREACH);
		return;
	}
	r = enter_credit(monitor, &reply);
	if (r == -ESTALE)
		leave_for_gone(monitor);
	monitor->share.outcome = reply.outcome;
	if (!has_need(&monitor->share.need))
		return;
	if (r < 0)
		end_need(monitor, -EHOSTUNREACH);
	else if (reply.outcome == CREDIT_GRANTED)
		end_need(monitor, 0);
	else
		judge_refusal(monitor, reply.outcome, &reply.grant);
}

/* Of share_close and counted. */
static void
take_bool(struct monitor *monitor, int asked, int result)
{
	bool is_true = result == 0 && ipc_get_u8(&word) == 1;
	uint64_t seq = monitor->share.credit.seq;

	if (asked == ASKED_CLOSE && is_true) {
		(void)!ledger_share_close_end(&monitor->quota.book, seq);
	} else if (asked == ASKED_COUNTED && result == 0) {
		(void)!ledger_counted_end(&monitor->quota.book, seq, is_true);
		monitor->share.pause_ms = monotonic_ms();
	}
	if (asked == ASKED_COUNTED && result < 0 && has_need(&monitor->share.need))
		try_again(monitor, -EHOSTUNREACH);
}

static const enum ipc_kind kinds[] = {
    [ASKED_CREDIT] = IPC_credit, [ASKED_CLOSE] = IPC_share_close, [ASKED_COUNTED] = IPC_counted};

/* 0: a word of the broker was taken; -EAGAIN: there is none; -EPIPE: it is gone. */
static int
take_broker_word(struct monitor *monitor)
{
	int asked = monitor->share.asked;
	int r = monitor->store.channel <= 0
	    ? -EPIPE
	    : ipc_receive_now(monitor->store.channel, IPC_MONITOR, monitor->state, &word);

	if (r == -EAGAIN)
		return r;
	if (r == 0)
		ipc_drop_fds(&word);
	if (r == 0 && word.kind == IPC_recall && !word.is_reply) {
		monitor->share.is_recalled = true;
		return 0;
	}
	if (r < 0 || asked == ASKED_NOTHING || !word.is_reply || word.kind != kinds[asked]) {
		lose_broker(monitor);
		if (has_need(&monitor->share.need))
			end_need(monitor, -EHOSTUNREACH);
		return -EPIPE;
	}
	monitor->share.asked = ASKED_NOTHING;
	monitor->share.due_ms = NEVER;
	if (!monitor->share.is_late)
		ledger_credit_unlock(&monitor->quota.book);
	monitor->share.is_late = false;
	if (asked == ASKED_CREDIT)
		take_credit_reply(monitor, ipc_get_result(&word));
	else
		take_bool(monitor, asked, ipc_get_result(&word));
	return 0;
}

/* --- what is to be done next --- */

/* Others of the account may ask meanwhile; what this answer says counts only if none did. */
static void
note_late(struct monitor *monitor)
{
	monitor->share.due_ms = NEVER;
	monitor->share.is_late = true;
	ledger_credit_unlock(&monitor->quota.book);
	if (has_need(&monitor->share.need))
		end_need(monitor, -EHOSTUNREACH);
}

static bool
is_tell_due(const struct monitor *monitor, uint64_t now)
{
	return monitor->share.is_recalled ? now >= monitor->share.recall_at_ms : now >= monitor->share.tell_at_ms;
}

/* Something is to be asked, and the channel is free. */
static void
ask_next(struct monitor *monitor)
{
	const struct ledger_need nothing = {.gives_back = monitor->share.is_recalled};
	uint64_t now = monotonic_ms();
	int r = ledger_credit_lock(&monitor->quota.book);

	if (r < 0) { /* another session of the account asks: its answer may do */
		if (has_need(&monitor->share.need) && now >= monitor->share.since_ms + NEED_MS)
			end_need(monitor, -EHOSTUNREACH);
		else
			monitor->share.pause_ms = now + LOCK_LOOK_MS;
		return;
	}
	r = send_counted(monitor);
	if (r == -ENOENT && has_need(&monitor->share.need)) {
		r = send_credit(monitor, &monitor->share.need);
	} else if (r == -ENOENT) {
		monitor->share.is_recalled = false;
		monitor->share.recall_at_ms = now + RECALL_MS;
		monitor->share.tell_at_ms = NEVER;
		r = send_credit(monitor, &nothing);
	}
	monitor->share.pause_ms = NEVER;
	if (r == 0)
		return;
	ledger_credit_unlock(&monitor->quota.book);
	if (r == -ESTALE)
		leave_for_gone(monitor);
	else if (r == -EPIPE)
		lose_broker(monitor);
	else
		share_note_change(monitor, false);
	if (has_need(&monitor->share.need))
		end_need(monitor, -EHOSTUNREACH);
}

static bool
has_something_to_ask(const struct monitor *monitor, uint64_t now)
{
	if (monitor->share.pause_ms != NEVER)
		return now >= monitor->share.pause_ms;
	return is_tell_due(monitor, now);
}

void
share_keep_time(struct monitor *monitor)
{
	uint64_t now = monotonic_ms();

	if (!monitor->share.is_joined)
		return;
	if (is_asking(monitor) && now >= monitor->share.due_ms)
		note_late(monitor);
	if (!is_asking(monitor) && monitor->store.channel > 0 && has_something_to_ask(monitor, now))
		ask_next(monitor);
}

uint64_t
share_due_ms(const struct monitor *monitor)
{
	uint64_t due;

	if (!monitor->share.is_joined || monitor->store.channel <= 0)
		return NEVER;
	if (is_asking(monitor))
		return monitor->share.due_ms;
	due = monitor->share.is_recalled ? monitor->share.recall_at_ms : monitor->share.tell_at_ms;
	return monitor->share.pause_ms < due ? monitor->share.pause_ms : due;
}

void
share_take_word(struct monitor *monitor)
{
	(void)take_broker_word(monitor);
	share_keep_time(monitor);
}

void
share_need(struct monitor *monitor, const struct ledger_need *need, bool is_flexible)
{
	monitor->share.need = *need;
	monitor->share.is_flexible = is_flexible;
	monitor->share.is_confirmed = false;
	monitor->share.pause_ms = monotonic_ms();
	if (is_flexible)
		monitor->share.need.bytes = PIECE;
	if (monitor->store.channel <= 0 || (is_asking(monitor) && monitor->share.is_late))
		end_need(monitor, -EHOSTUNREACH);
	else
		share_keep_time(monitor);
}

bool
share_waits_for_count(struct monitor *monitor)
{
	struct ledger_share_view view;

	if (monotonic_ms() < monitor->share.count_until_ms && ledger_share_look(&monitor->quota.book, &view) == 0 &&
	    !view.has_result && (view.is_uncounted || view.left.bytes > 0 || view.left.files > 0))
		return true;
	monitor->share.count_until_ms = 0;
	return false;
}

void
share_note_change(struct monitor *monitor, bool is_less)
{
	bool is_urgent = is_less && monitor->share.nodes > 1;
	uint64_t at = monotonic_ms() + (is_urgent ? TELL_LESS_MS : TELL_MORE_MS);

	if (monitor->share.is_joined && at < monitor->share.tell_at_ms)
		monitor->share.tell_at_ms = at;
}

void
share_note_doubt(struct monitor *monitor)
{
	if (monitor->share.is_joined)
		monitor->share.tell_at_ms = monotonic_ms();
}

void
share_ends(struct monitor *monitor)
{
	leave_for_gone(monitor);
}

/* --- without anything else to do: at login, and at the end --- */

/* Until the question that is under way has its answer. 0, -ETIMEDOUT, or -EPIPE: there is nobody to ask. */
static int
await_answer(struct monitor *monitor, uint64_t deadline_ms)
{
	int r = 0;

	while (r == 0 && is_asking(monitor)) {
		r = io_wait(monitor->store.channel, POLLIN, deadline_ms);
		if (r == 0)
			return -ETIMEDOUT;
		r = take_broker_word(monitor);
		if (r == -EAGAIN)
			r = 0;
	}
	return r;
}

static int
await_credit_lock(struct monitor *monitor, uint64_t deadline_ms)
{
	int r;

	while ((r = ledger_credit_lock(&monitor->quota.book)) == -EAGAIN && monotonic_ms() < deadline_ms)
		poll(NULL, 0, LOCK_LOOK_MS);
	return r;
}

static int
join_until(struct monitor *monitor, bool has_quota, uint64_t deadline_ms)
{
	int r;

	while ((r = ledger_share_join(&monitor->quota.book, has_quota)) == -EBUSY && monotonic_ms() < deadline_ms)
		poll(NULL, 0, LOCK_LOOK_MS);
	return r;
}

/* One question and its answer. outcome: CREDIT_OUTCOME_COUNT where nobody has answered. */
static int
ask_once(struct monitor *monitor, const struct ledger_need *need, uint64_t deadline_ms)
{
	int r = await_credit_lock(monitor, deadline_ms);

	monitor->share.outcome = CREDIT_OUTCOME_COUNT;
	if (r < 0)
		return r;
	r = send_credit(monitor, need);
	if (r < 0) {
		ledger_credit_unlock(&monitor->quota.book);
		return r;
	}
	r = await_answer(monitor, deadline_ms);
	if (r == -ETIMEDOUT) {
		monitor->share.due_ms = monotonic_ms();
		note_late(monitor);
	}
	return r;
}

/* What it may write to at once; nothing where that is nothing. */
static struct ledger_need
first_need(const struct monitor *monitor, bool may_grow)
{
	return (struct ledger_need){.bytes = may_grow && monitor->quota.limits.bytes != LEDGER_NO_LIMIT,
	    .files = may_grow && monitor->quota.limits.files != LEDGER_NO_LIMIT};
}

static bool
is_gone(int r, const struct monitor *monitor)
{
	return r == -ESTALE || monitor->share.outcome == CREDIT_GONE || monitor->share.outcome == CREDIT_OLD_NUMBER;
}

/* *is_over: the share was just closed, or is gone. Then it is not joined any longer. */
static int
join_and_ask(
    struct monitor *monitor, const struct ledger_need *need, bool has_quota, uint64_t deadline_ms, bool *is_over)
{
	int r = join_until(monitor, has_quota, deadline_ms);

	if (r < 0)
		return r;
	monitor->share.is_joined = true;
	*is_over = is_gone(ask_once(monitor, need, deadline_ms), monitor);
	/* others that have just joined it wait for its users to end: they must not wait for one another */
	if (*is_over)
		(void)!ledger_share_leave(&monitor->quota.book);
	return 0;
}

int
share_begin(struct monitor *monitor, bool may_grow)
{
	const struct ledger_need need = first_need(monitor, may_grow);
	bool has_quota =
	    monitor->quota.limits.bytes != LEDGER_NO_LIMIT || monitor->quota.limits.files != LEDGER_NO_LIMIT;
	uint64_t deadline_ms = monotonic_ms() + ANSWER_MS;
	bool is_over = true;
	int r = 0;

	monitor->share.due_ms = monitor->share.pause_ms = monitor->share.tell_at_ms = NEVER;
	/* one of before: whoever used it ends, and it begins anew */
	for (int i = 0; i < JOINS_MAX && is_over && r == 0; i++)
		r = join_and_ask(monitor, &need, has_quota, deadline_ms, &is_over);
	if (r < 0)
		return r;
	if (is_over)
		return -EBUSY;
	if (monitor->share.outcome == CREDIT_TOO_MANY_SESSIONS)
		return -EUSERS;
	if (monitor->share.outcome == CREDIT_COUNT_FIRST) { /* which files asks for at once */
		monitor->share.count_until_ms = monotonic_ms() + COUNT_MS;
		monitor->share.counting = -EUCLEAN;
	}
	return 0;
}

/* What dead sessions have left becomes slack in the database, which a count finds: their share ends without a word of it. */
static int
end_with_left(struct monitor *monitor, uint64_t deadline_ms)
{
	const struct ledger_need all = {.gives_back = true}, nothing = {.gives_back = false};
	struct ledger_share_view view;
	int r = ledger_share_look(&monitor->quota.book, &view);

	if (r < 0 || (view.left.bytes == 0 && view.left.files == 0) || view.id == 0)
		return r;
	r = ask_once(monitor, &all, deadline_ms);
	if (r == 0 && monitor->share.outcome == CREDIT_GRANTED)
		r = ledger_share_close_end(&monitor->quota.book, monitor->share.credit.seq);
	if (r == 0)
		r = ledger_share_join(&monitor->quota.book, true);
	if (r == 0)
		r = ask_once(monitor, &nothing, deadline_ms);
	return r < 0 ? r : ledger_share_leave(&monitor->quota.book) == 1 ? 0 : -EBUSY;
}

static void
say_last_word(struct monitor *monitor, uint64_t deadline_ms)
{
	const struct ledger_need nothing = {.gives_back = false};

	if (monitor->has_alarm) { /* the database is to distrust the figures */
		(void)!ask_once(monitor, &nothing, deadline_ms);
		return;
	}
	if (ledger_share_leave(&monitor->quota.book) != 1 || end_with_left(monitor, deadline_ms) < 0 ||
	    await_credit_lock(monitor, deadline_ms) < 0)
		return;
	if (send_close(monitor) == 0)
		(void)!await_answer(monitor, deadline_ms);
	ledger_credit_unlock(&monitor->quota.book);
}

void
share_stop(struct monitor *monitor)
{
	if (monitor->share.is_joined)
		end_need(monitor, -EHOSTUNREACH);
	monitor->share.is_leaving = true;
}

void
share_leave(struct monitor *monitor)
{
	uint64_t deadline_ms = monotonic_ms() + LEAVE_MS;

	if (!monitor->share.is_joined || monitor->store.channel <= 0)
		return;
	if (await_answer(monitor, deadline_ms) == 0)
		say_last_word(monitor, deadline_ms);
	monitor->share.is_joined = false;
	monitor_close_store(monitor);
}
