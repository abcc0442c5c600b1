/* SPDX-License-Identifier: ISC */
#include "privsep/broker/shares.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "privsep/broker/database.h"

#include "common/banned.h"

#define TURN_MS 1000 /* to wait for a turn */
#define CALL_MS 200 /* to answer a recall; then the next session is called */
#define CALLS_MAX 4 /* who wants the room waits for a second */
#define SILENT_MAX 65536 /* accounts without a session, of which the database has not heard that yet */
#define SLOTS_FIRST 64

TAILQ_HEAD(share_users, share_user);
TAILQ_HEAD(share_accounts, share_account);

/* An account of sessions of this node. It goes with the last of them, when the database has heard of that. */
struct share_account {
	struct share_account *next; /* in its chain */
	uint64_t id;
	uint64_t share; /* 0: none is known */
	uint64_t seq; /* the largest number that was sent of it */
	uint32_t sessions; /* that are counted */
	uint32_t told; /* sessions that the database may count */
	bool is_asking; /* a question is at the database */
	bool has_turn; /* it stands in line */
	bool is_silent; /* no session is left */
	unsigned calls_left; /* 0: nobody is called */
	uint64_t call_due_ms;
	struct share_call call; /* of sessions that have ended */
	struct question question;
	struct share_users members, waiting;
	TAILQ_ENTRY(share_account) turn, recall;
};

static struct {
	const struct shares_owner *owner;
	struct database *database;
	struct share_account **slots; /* chains, by id; ids come from the database, which gains nothing by long ones */
	size_t slot_count; /* a power of two, or 0 */
	uint32_t count, silent, held, sessions;
	unsigned asking; /* questions at the database */
	struct share_accounts turns, recalls;
	struct share_users by_time; /* that wait, the oldest first */
} shares = {
    .turns = TAILQ_HEAD_INITIALIZER(shares.turns),
    .recalls = TAILQ_HEAD_INITIALIZER(shares.recalls),
    .by_time = TAILQ_HEAD_INITIALIZER(shares.by_time),
};

void
shares_init(const struct shares_owner *owner, struct database *database)
{
	shares.owner = owner;
	shares.database = database;
}

uint32_t
shares_count(void)
{
	return shares.held;
}

uint32_t
shares_sessions(void)
{
	return shares.sessions;
}

/* --- the table --- */

static struct share_account **
slot_of(uint64_t id)
{
	return &shares.slots[(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (shares.slot_count - 1)];
}

static struct share_account *
find_share_account(uint64_t id)
{
	struct share_account *account = shares.slot_count == 0 ? NULL : *slot_of(id);

	while (account != NULL && account->id != id)
		account = account->next;
	return account;
}

static int
grow_slots(void)
{
	size_t old_count = shares.slot_count, count = old_count == 0 ? SLOTS_FIRST : 2 * old_count;
	struct share_account **old = shares.slots, **grown = calloc(count, sizeof(struct share_account *));

	if (grown == NULL)
		return old_count == 0 ? -ENOMEM : 0; /* longer chains */
	shares.slots = grown;
	shares.slot_count = count;
	for (size_t i = 0; i < old_count; i++)
		for (struct share_account *account = old[i], *next; account != NULL; account = next) {
			next = account->next;
			account->next = *slot_of(account->id);
			*slot_of(account->id) = account;
		}
	free(old);
	return 0;
}

static struct share_account *
add_share_account(uint64_t id)
{
	struct share_account *account;

	if (shares.count >= shares.slot_count && grow_slots() < 0)
		return NULL;
	account = calloc(1, sizeof(*account));
	if (account == NULL)
		return NULL;
	account->id = id;
	TAILQ_INIT(&account->members);
	TAILQ_INIT(&account->waiting);
	account->next = *slot_of(id);
	*slot_of(id) = account;
	shares.count++;
	return account;
}

static void
note_share(struct share_account *account, uint64_t share)
{
	shares.held += (share != 0) - (account->share != 0);
	if (account->share != share)
		account->seq = 0;
	account->share = share;
	if (share == 0)
		account->told = 0;
}

static bool
must_tell(const struct share_account *account)
{
	return account->share != 0 && account->sessions < account->told;
}

/* Remove it, unless somebody or something still needs it. */
static void
drop_unused(struct share_account *account)
{
	struct share_account **link;
	bool is_empty = TAILQ_EMPTY(&account->members) && !account->is_asking;

	if (account->is_silent && (!is_empty || !must_tell(account))) {
		account->is_silent = false;
		shares.silent--;
	}
	if (!is_empty || account->is_silent)
		return;
	if (must_tell(account) && shares.silent < SILENT_MAX) {
		account->is_silent = true;
		shares.silent++;
		return;
	}
	for (link = slot_of(account->id); *link != account; link = &(*link)->next)
		;
	*link = account->next;
	if (account->has_turn)
		TAILQ_REMOVE(&shares.turns, account, turn);
	if (account->calls_left > 0)
		TAILQ_REMOVE(&shares.recalls, account, recall);
	note_share(account, 0);
	shares.count--;
	free(account);
}

/* --- turns --- */

static void
end_recall(struct share_account *account)
{
	account->calls_left = 0;
	TAILQ_REMOVE(&shares.recalls, account, recall);
}

static void
stand_in_line(struct share_account *account)
{
	if (account->has_turn || account->is_asking || (TAILQ_EMPTY(&account->waiting) && !must_tell(account)))
		return;
	account->has_turn = true;
	TAILQ_INSERT_TAIL(&shares.turns, account, turn);
}

static void
stop_waiting(struct share_user *user)
{
	TAILQ_REMOVE(&user->account->waiting, user, turn);
	TAILQ_REMOVE(&shares.by_time, user, time);
	user->state = SHARE_IDLE;
}

static void
refuse_now(struct share_user *user)
{
	stop_waiting(user);
	shares.owner->answered(user, NULL);
}

static void
send_call(struct share_account *account, struct question *question, const struct share_call *call, uint64_t now_ms)
{
	account->is_asking = true;
	shares.asking++;
	if (call->seq > account->seq)
		account->seq = call->seq;
	question->kind = call->kind;
	database_ask_share(shares.database, question, call, account->id, now_ms);
}

/* The number of sessions is what the broker sees, whatever the monitor is. */
static void
ask_for_user(struct share_user *user, uint64_t now_ms)
{
	struct share_account *account = user->account;

	stop_waiting(user);
	user->state = SHARE_ASKS;
	user->call.sessions = account->sessions + (user->is_counted ? 0 : 1);
	if (user->call.sessions > SHARE_SESSIONS_MAX)
		user->call.sessions = SHARE_SESSIONS_MAX;
	send_call(account, &user->question, &user->call, now_ms);
}

static void
tell_sessions_left(struct share_account *account, uint64_t now_ms)
{
	account->call = (struct share_call){
	    .kind = QUESTION_SESSIONS, .share = account->share, .seq = account->seq, .sessions = account->sessions};
	send_call(account, &account->question, &account->call, now_ms);
}

static void
take_share_turn(struct share_account *account, uint64_t now_ms)
{
	TAILQ_REMOVE(&shares.turns, account, turn);
	account->has_turn = false;
	if (!TAILQ_EMPTY(&account->waiting))
		ask_for_user(TAILQ_FIRST(&account->waiting), now_ms);
	else if (must_tell(account))
		tell_sessions_left(account, now_ms);
}

/* Another server has taken the name of this node: its shares are gone, and it gets no new ones. */
static void
refuse_for_good(struct share_user *user)
{
	const struct share_answer gone = {.outcome = CREDIT_GONE, .nodes = 1, .count = SHARE_NO_COUNT};

	stop_waiting(user);
	shares.owner->answered(user, &gone);
}

void
shares_go_on(uint64_t now_ms)
{
	/* each of these may be answered at once, because a connection has ended, and that changes what is true here */
	while (!TAILQ_EMPTY(&shares.by_time) && database_lending(shares.database) == LENDING_REFUSED)
		refuse_for_good(TAILQ_FIRST(&shares.by_time));
	while (!TAILQ_EMPTY(&shares.by_time) && database_lending(shares.database) == LENDING_DOWN)
		refuse_now(TAILQ_FIRST(&shares.by_time));
	while (!TAILQ_EMPTY(&shares.turns) && database_lending(shares.database) == LENDING_NOW &&
	    shares.asking < database_lending_places(shares.database))
		take_share_turn(TAILQ_FIRST(&shares.turns), now_ms);
}

/* --- sessions --- */

int
shares_join(struct share_user *user, uint64_t id)
{
	struct share_account *account = find_share_account(id);

	if (account == NULL)
		account = add_share_account(id);
	if (account == NULL)
		return -ENOMEM;
	user->account = account;
	TAILQ_INSERT_TAIL(&account->members, user, member);
	drop_unused(account); /* it is not silent any more */
	return 0;
}

static void
count_session(struct share_user *user, bool is_counted)
{
	int change = (int)is_counted - (int)user->is_counted;

	user->is_counted = is_counted;
	user->account->sessions += (uint32_t)change;
	shares.sessions += (uint32_t)change;
}

bool
shares_leave(struct share_user *user, uint64_t now_ms)
{
	struct share_account *account = user->account;

	if (account == NULL)
		return false;
	TAILQ_REMOVE(&account->members, user, member);
	count_session(user, false);
	if (user->state == SHARE_WAITS)
		stop_waiting(user);
	stand_in_line(account);
	user->has_left = true;
	if (user->state == SHARE_ASKS)
		return true;
	user->account = NULL;
	drop_unused(account);
	shares_go_on(now_ms);
	return false;
}

void
shares_ask(struct share_user *user, uint64_t now_ms)
{
	struct share_account *account = user->account;

	user->state = SHARE_WAITS;
	user->due_ms = now_ms + TURN_MS;
	TAILQ_INSERT_TAIL(&account->waiting, user, turn);
	TAILQ_INSERT_TAIL(&shares.by_time, user, time);
	if (account->calls_left > 0) /* it was called, and says what it holds */
		end_recall(account);
	stand_in_line(account);
	shares_go_on(now_ms);
}

/* --- answers --- */

static struct share_user *
user_of_question(struct question *question)
{
	return (struct share_user *)(void *)((char *)question - offsetof(struct share_user, question));
}

static struct share_account *
account_of_question(struct question *question)
{
	return (struct share_account *)(void *)((char *)question - offsetof(struct share_account, question));
}

static void
note_credit(struct share_user *user, const struct share_answer *answer)
{
	struct share_account *account = user->account;

	switch (answer->outcome) {
	case CREDIT_GONE:
		if (user->call.share == 0 || user->call.share == account->share)
			note_share(account, 0);
		return;
	case CREDIT_TOO_MANY_SESSIONS:
		if (answer->share != 0)
			note_share(account, answer->share);
		return;
	default:
		break;
	}
	note_share(account, answer->share);
	if (user->call.seq > account->seq)
		account->seq = user->call.seq;
	if (answer->outcome != CREDIT_OLD_NUMBER || account->told < user->call.sessions)
		account->told = user->call.sessions;
	if (!user->has_left)
		count_session(user, true);
}

/* The database may have done what it was asked for, and the answer is lost: it may count the sessions. */
static void
take_no_answer(struct share_account *account, const struct share_call *call)
{
	if (call->kind == QUESTION_CREDIT && account->told < call->sessions)
		account->told = call->sessions;
}

static void
take_share_answer(struct share_user *user, const struct share_answer *answer)
{
	struct share_account *account = user->account;

	if (answer == NULL) {
		take_no_answer(account, &user->call);
	} else if (user->call.kind == QUESTION_CREDIT) {
		note_credit(user, answer);
	} else if (user->call.kind == QUESTION_SHARE_CLOSE) {
		if (user->call.share == account->share)
			note_share(account, 0);
		if (!user->has_left)
			count_session(user, false);
	}
}

static const struct share_answer *
read_answer(const struct share_account *account, const struct row *row, const struct share_call *call,
    struct share_answer *answer)
{
	const char *problem = row == NULL ? NULL : share_answer_of_row(row, call, answer);

	if (problem != NULL)
		shares.owner->disbelieved(account->id, problem);
	return row == NULL || problem != NULL ? NULL : answer;
}

/* false: the share is gone, or a later message has said it. No answer: shares_tell_again(). */
static bool
take_sessions_told(struct share_account *account, const struct share_answer *answer)
{
	if (answer == NULL)
		return false;
	account->told = account->call.sessions;
	return true;
}

void
shares_answered(struct question *question, const struct row *row, uint64_t now_ms)
{
	bool is_own = question->kind == QUESTION_SESSIONS, is_done = true;
	struct share_user *user = is_own ? NULL : user_of_question(question);
	struct share_account *account = is_own ? account_of_question(question) : user->account;
	const struct share_answer *answer;
	struct share_answer room;

	shares.asking--;
	answer = read_answer(account, row, is_own ? &account->call : &user->call, &room);
	if (is_own) {
		is_done = take_sessions_told(account, answer);
	} else {
		user->state = SHARE_IDLE;
		take_share_answer(user, answer);
		if (user->has_left)
			user->account = NULL;
		shares.owner->answered(
		    user, answer); /* the user may be gone now; the account waits for the next line */
	}
	account->is_asking = false;
	if (is_done)
		stand_in_line(account);
	drop_unused(account);
	shares_go_on(now_ms);
}

void
shares_tell_again(uint64_t now_ms)
{
	for (size_t i = 0; i < shares.slot_count; i++)
		for (struct share_account *account = shares.slots[i]; account != NULL; account = account->next)
			stand_in_line(account);
	shares_go_on(now_ms);
}

/* --- recalls --- */

/* The next session goes to the end of the members, so that the next call is for another one. */
static bool
call_next(struct share_account *account)
{
	struct share_user *user, *next;
	unsigned count = account->calls_left;

	for (user = TAILQ_FIRST(&account->members); user != NULL && count > 0; user = next) {
		next = TAILQ_NEXT(user, member);
		if (!user->is_counted)
			continue;
		TAILQ_REMOVE(&account->members, user, member);
		TAILQ_INSERT_TAIL(&account->members, user, member);
		if (shares.owner->called(user))
			return true;
		count--;
	}
	return false;
}

static void
call_somebody(struct share_account *account, uint64_t now_ms)
{
	if (account->calls_left == 0)
		return;
	TAILQ_REMOVE(&shares.recalls, account, recall);
	if (!call_next(account) || --account->calls_left == 0) {
		account->calls_left = 0;
		return;
	}
	account->call_due_ms = now_ms + CALL_MS;
	TAILQ_INSERT_TAIL(&shares.recalls, account, recall);
}

static void
recall_account(struct share_account *account, uint64_t now_ms)
{
	if (account->calls_left > 0 || account->sessions == 0)
		return;
	account->calls_left = CALLS_MAX;
	TAILQ_INSERT_TAIL(&shares.recalls, account, recall);
	call_somebody(account, now_ms);
}

void
shares_recall(uint64_t id, uint64_t now_ms)
{
	struct share_account *account = find_share_account(id);

	if (account != NULL)
		recall_account(account, now_ms);
}

void
shares_disown(uint64_t now_ms)
{
	for (size_t i = 0; i < shares.slot_count; i++)
		for (struct share_account *account = shares.slots[i]; account != NULL; account = account->next)
			recall_account(account, now_ms);
}

/* --- time --- */

uint64_t
shares_expire(uint64_t now_ms)
{
	uint64_t due = UINT64_MAX;

	shares_go_on(now_ms);
	while (!TAILQ_EMPTY(&shares.by_time) && TAILQ_FIRST(&shares.by_time)->due_ms <= now_ms)
		refuse_now(TAILQ_FIRST(&shares.by_time));
	while (!TAILQ_EMPTY(&shares.recalls) && TAILQ_FIRST(&shares.recalls)->call_due_ms <= now_ms)
		call_somebody(TAILQ_FIRST(&shares.recalls), now_ms);
	if (!TAILQ_EMPTY(&shares.by_time))
		due = TAILQ_FIRST(&shares.by_time)->due_ms;
	if (!TAILQ_EMPTY(&shares.recalls) && TAILQ_FIRST(&shares.recalls)->call_due_ms < due)
		due = TAILQ_FIRST(&shares.recalls)->call_due_ms;
	return due;
}
