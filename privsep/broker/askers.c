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
#include "common/io.h"
#include "privsep/broker/answer.h"
#include "privsep/broker/cache.h"
#include "privsep/broker/database.h"
#include "privsep/broker/decoys.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"

#ifdef SALLYPORT_TAKEOVER
#include "tests/takeover/takeover.h"
#endif

#include "common/banned.h"

#define OWN_DESCRIPTORS 64 /* connections, files that libpq reads, and a few more */

struct asker {
	int channel; /* -1: it has ended, and its question is not answered yet */
	bool is_asking, has_asked;
	struct question question;
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

void
askers_init(int epoll_fd, struct database *database, struct cache *cache, uint64_t grace_ms)
{
	struct rlimit limit;

	decoys_init(&askers.decoys, &cache->key);
	askers.epoll_fd = epoll_fd;
	askers.database = database;
	askers.cache = cache;
	askers.grace_ms = grace_ms;
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
	if (!asker->is_asking)
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

void
askers_ready(int channel, uint64_t now_ms)
{
	struct asker *asker = (size_t)channel < askers.size ? askers.by_channel[channel] : NULL;
	const char *error;
	int r;

	if (asker == NULL) /* ended by an event before this one */
		return;
	r = ipc_receive_now(channel, IPC_BROKER, IPC_STATE_LOGIN, &message);
	if (r == -EAGAIN)
		return;
	/* one account a channel: a monitor that is taken over collects no hashes by guessing names */
	if (r < 0 || message.kind != IPC_find_account || asker->has_asked) {
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
	struct asker *asker = (struct asker *)(void *)((char *)question - offsetof(struct asker, question));
	struct answer answer;

	judge_row(question->name, row, &answer);
	askers_reply(asker, &answer);
}
