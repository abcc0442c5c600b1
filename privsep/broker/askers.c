/* SPDX-License-Identifier: ISC */
#include "privsep/broker/askers.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "accounts/account.h"
#include "common/budget.h"
#include "common/io.h"
#include "common/text.h"
#include "privsep/broker/answer.h"
#include "privsep/broker/cache.h"
#include "privsep/broker/database.h"
#include "privsep/broker/decoys.h"
#include "privsep/broker/shares.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"

#ifdef SALLYPORT_TAKEOVER
#include "tests/takeover/takeover.h"
#endif

#include "common/banned.h"

#define OWN_DESCRIPTORS 64 /* connections, files that libpq reads, and a few more */

/* One that waits for room asks ten times a second, and one that removes files says so twenty times. */
static const struct budget_size calls_size = {.burst = 200, .per_s = 100};

struct asker {
	int channel; /* -1: it has ended, and its question is not answered yet */
	bool is_asking, has_asked; /* for its account */
	struct question question;
	struct share_user user;
	struct budget calls;
};

static struct {
	int epoll_fd;
	struct database *database;
	struct cache *cache;
	uint64_t grace_ms;
	struct decoys decoys;
	struct asker **by_channel; /* indexed by descriptors */
	size_t size;
	int channel_max; /* above are the broker's own */
} askers;

static struct ipc_message message;

static const struct shares_owner shares_owner;

void
askers_init(int epoll_fd, struct database *database, struct cache *cache, uint64_t grace_ms)
{
	struct rlimit limit;

	decoys_init(&askers.decoys, &cache->key);
	askers.epoll_fd = epoll_fd;
	askers.database = database;
	askers.cache = cache;
	askers.grace_ms = grace_ms;
	shares_init(&shares_owner, database);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < SESSIONS_MAX + OWN_DESCRIPTORS)
		askers.channel_max = (int)limit.rlim_cur - OWN_DESCRIPTORS;
	else
		askers.channel_max = SESSIONS_MAX;
}

/* The place of a channel in the table, which grows; NULL: there is none. */
static struct asker **
place_of_channel(int channel)
{
	size_t size = askers.size == 0 ? 64 : askers.size;
	struct asker **grown;

	if (channel > askers.channel_max)
		return NULL;
	while (size <= (size_t)channel)
		size *= 2;
	if (size > askers.size) {
		grown = reallocarray(askers.by_channel, size, sizeof(struct asker *));
		if (grown == NULL)
			return NULL;
		memset(grown + askers.size, 0, (size - askers.size) * sizeof(struct asker *));
		askers.by_channel = grown;
		askers.size = size;
	}
	return &askers.by_channel[channel];
}

void
askers_add(int channel, uint64_t now_ms)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)channel};
	struct asker **place = place_of_channel(channel);
	struct asker *asker = place == NULL ? NULL : calloc(1, sizeof(*asker));

	if (asker == NULL || epoll_ctl(askers.epoll_fd, EPOLL_CTL_ADD, channel, &event) < 0) {
		free(asker);
		close(channel); /* the monitor reads that nobody knows */
		return;
	}
	asker->channel = channel;
	*place = asker;
	askers_ready(channel, now_ms); /* the first question may be there already */
}

/* The master may have the channel open as well for a moment: what is not deleted here would be waited for. */
static void
asker_leave(struct asker *asker)
{
	askers.by_channel[asker->channel] = NULL;
	(void)epoll_ctl(askers.epoll_fd, EPOLL_CTL_DEL, asker->channel, NULL);
	close_fd(&asker->channel);
	if (!shares_leave(&asker->user, monotonic_ms()) && !asker->is_asking)
		free(asker);
}

static int
reply_to_asker(int channel, const struct answer *answer)
{
	int r;

	ipc_begin_reply(&message, IPC_find_account, 0);
	ipc_put_u8(&message, (uint8_t)answer->found);
	ipc_put_u8(&message, answer->is_kept);
	ipc_put_u64(&message, answer->id);
	ipc_put_bytes(&message, answer->text, answer->len);
	r = ipc_send_now(channel, &message, -1);
	ipc_wipe(&message);
	return r;
}

static void
askers_reply(struct asker *asker, const struct answer *answer)
{
	asker->is_asking = false;
	if (asker->channel < 0)
		free(asker);
	else if (reply_to_asker(asker->channel, answer) < 0)
		asker_leave(asker);
}

static void
reply_nobody(struct asker *asker)
{
	const struct answer nobody = {.found = FOUND_NOBODY, .text = ""};

	askers_reply(asker, &nobody);
}

static void
look_for_account(struct asker *asker, uint64_t now_ms)
{
	const char *error;

	/* one account a channel: a monitor that is taken over collects no hashes by guessing names. The name stays, as the
	 * answer to it may be on its way. */
	if (asker->has_asked) {
		asker_leave(asker);
		return;
	}
	ipc_get_text(&message, asker->question.name, sizeof(asker->question.name));
	if (!ipc_end(&message) || asker->question.name[0] == '\0') {
		asker_leave(asker);
		return;
	}
	asker->is_asking = asker->has_asked = true;
	if (account_name_valid(asker->question.name, strlen(asker->question.name), &error))
		database_ask(askers.database, &asker->question, now_ms);
	else
		reply_nobody(asker); /* without a question: a database answers bytes that are no text with an error */
}

/* --- shares --- */

static enum ipc_kind
kind_of_call(const struct share_call *call)
{
	return call->kind == QUESTION_CREDIT     ? IPC_credit
	    : call->kind == QUESTION_SHARE_CLOSE ? IPC_share_close
						 : IPC_counted;
}

static void
put_share_use(const struct share_use *use)
{
	ipc_put_u64(&message, (uint64_t)use->bytes);
	ipc_put_u64(&message, (uint64_t)use->files);
}

static void
put_share_answer(const struct share_call *call, const struct share_answer *answer)
{
	if (call->kind != QUESTION_CREDIT) {
		ipc_put_u8(&message, answer->is_true);
		return;
	}
	ipc_put_u8(&message, (uint8_t)answer->outcome);
	ipc_put_u64(&message, answer->share);
	put_share_use(&answer->allow);
	put_share_use(&answer->used);
	ipc_put_u64(&message, answer->count);
	ipc_put_u32(&message, answer->nodes);
}

/* answer NULL: r says why there is none. */
static void
reply_share(struct asker *asker, int r, const struct share_answer *answer)
{
	ipc_begin_reply(&message, kind_of_call(&asker->user.call), r);
	if (answer != NULL)
		put_share_answer(&asker->user.call, answer);
	if (ipc_send_now(asker->channel, &message, -1) < 0)
		asker_leave(asker);
}

static struct asker *
asker_of_user(struct share_user *user)
{
	return (struct asker *)(void *)((char *)user - offsetof(struct asker, user));
}

static void
share_answered(struct share_user *user, const struct share_answer *answer)
{
	struct asker *asker = asker_of_user(user);

	if (asker->channel < 0)
		free(asker);
	else
		reply_share(asker, answer == NULL ? -EAGAIN : 0, answer);
}

static bool
call_asker(struct share_user *user)
{
	ipc_begin(&message, IPC_recall);
	return ipc_send_now(asker_of_user(user)->channel, &message, -1) == 0;
}

static void
log_bad_share(uint64_t account, const char *problem)
{
	log_begin(LEVEL_WARNING, "share-refused");
	log_field_u64("account_id", account);
	log_field_text("message", problem);
	log_end();
}

static const struct shares_owner shares_owner = {
    .answered = share_answered,
    .called = call_asker,
    .disbelieved = log_bad_share,
};

static void
ask_about_share(struct asker *asker, uint64_t now_ms)
{
	bool is_bounded;

	if (asker->is_asking || asker->user.state != SHARE_IDLE ||
	    !share_call_take(&message, &asker->user.call, &is_bounded))
		asker_leave(asker);
	else if (!is_bounded)
		reply_share(asker, -EINVAL, NULL);
	else if (asker->user.account == NULL || !budget_take(&asker->calls, &calls_size, now_ms))
		reply_share(asker, -EAGAIN, NULL);
	else
		shares_ask(&asker->user, now_ms);
}

void
askers_recall(const char *id)
{
	uint64_t account;

	if (parse_u64(id, INT64_MAX, &account) == 0)
		shares_recall(account, monotonic_ms());
}

void
askers_ready(int channel, uint64_t now_ms)
{
	struct asker *asker = (size_t)channel < askers.size ? askers.by_channel[channel] : NULL;
	int r;

	if (asker == NULL) /* ended by an event before this one */
		return;
	r = ipc_receive_now(channel, IPC_BROKER, IPC_STATE_ANY, &message);
	if (r == -EAGAIN)
		return;
	if (r < 0)
		asker_leave(asker);
	else if (message.kind == IPC_find_account && !message.is_reply)
		look_for_account(asker, now_ms);
	else
		ask_about_share(asker, now_ms);
}

/* --- answers --- */

static void
log_bad_line(const char *name, const char *problem)
{
	log_begin(LEVEL_WARNING, "store-refused");
	log_field_text("account", name);
	log_field_text("message", problem);
	log_end();
}

/* What the database said last, unless that was too long ago. */
static void
answer_kept(const char *name, uint64_t now_ms, struct answer *answer)
{
	struct kept_answer kept;

	*answer = (struct answer){.found = FOUND_NOT_NOW, .text = decoys_draw(&askers.decoys, name)};
	answer->len = strlen(answer->text);
	if (askers.grace_ms == 0)
		return;
	cache_drop_older(askers.cache, now_ms > askers.grace_ms ? now_ms - askers.grace_ms : 0);
	if (!cache_find(askers.cache, name, &kept))
		return;
	*answer =
	    (struct answer){.found = FOUND_ACCOUNT, .is_kept = true, .id = kept.id, .text = kept.line, .len = kept.len};
}

static void
keep_answer(const char *name, uint64_t now_ms, const struct answer *answer)
{
	const struct kept_answer kept = {.id = answer->id, .line = answer->text, .len = answer->len};

	if (answer->found != FOUND_ACCOUNT)
		cache_forget(askers.cache, name);
	else if (askers.grace_ms > 0)
		cache_keep(askers.cache, name, &kept, now_ms);
}

static void
judge_row(const char *name, const struct row *row, struct answer *answer)
{
	uint64_t now_ms = monotonic_ms();
	const char *problem;

	if (row == NULL) {
		answer_kept(name, now_ms, answer);
		return;
	}
	problem = answer_of_row(row, answer);
#ifdef SALLYPORT_TAKEOVER
	if (answer->found == FOUND_NOBODY)
		takeover_broker(&answer->text, &answer->len);
#endif
	if (problem != NULL)
		log_bad_line(name, problem);
	if (answer->found == FOUND_NOBODY)
		decoys_keep(&askers.decoys, name, answer->text, answer->len);
	keep_answer(name, now_ms, answer);
}

void
askers_answered(struct question *question, const struct row *row)
{
	struct asker *asker;
	struct answer answer;

	if (question->kind != QUESTION_ACCOUNT) {
		shares_answered(question, row, monotonic_ms());
		return;
	}
	asker = (struct asker *)(void *)((char *)question - offsetof(struct asker, question));
	judge_row(question->name, row, &answer);
	if (answer.found == FOUND_ACCOUNT && answer.id > 0 && asker->channel >= 0)
		(void)shares_join(&asker->user, answer.id); /* without memory it gets no share */
	askers_reply(asker, &answer);
}
