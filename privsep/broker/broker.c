/* SPDX-License-Identifier: ISC */
/* The story of the broker: wait for a question, an answer or the master, until the master is gone. */
#include "privsep/broker/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "common/title.h"
#include "privsep/broker/askers.h"
#include "privsep/broker/cache.h"
#include "privsep/broker/database.h"
#include "privsep/broker/news.h"
#include "privsep/broker/shares.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "store/store_conf.h"

#include "common/banned.h"

#define EVENTS_AT_ONCE 64
#define MESSAGES_AT_ONCE 64 /* of the master; then the others get their turn */
#define KEPT_TOLD_MS 5000 /* how often the master hears how many accounts are kept */

/* In epoll_event.data: below the first are channels of askers. */
#define TAG_CONNECTION (UINT64_C(1) << 32)
#define TAG_MASTER (UINT64_C(2) << 32)

static struct {
	struct database database;
	struct cache cache;
	size_t kept_told;
	uint64_t kept_told_ms;
} broker;

static struct ipc_message message;

/* --- what the master is told --- */

/* The master is gone when it cannot be told. */
static void
send_to_master(void)
{
	if (ipc_send(BROKER_CHANNEL, &message, -1) < 0)
		_exit(0);
}

static void
tell_state(void)
{
	ipc_begin(&message, IPC_broker_state);
	ipc_put_u8(&message, (uint8_t)broker.database.state);
	ipc_put_u32(&message, (uint32_t)broker.cache.count);
	send_to_master();
	broker.kept_told = broker.cache.count;
	broker.kept_told_ms = monotonic_ms();
}

static void
tell_kept(uint64_t now_ms)
{
	if (broker.cache.count != broker.kept_told && broker.kept_told_ms + KEPT_TOLD_MS <= now_ms)
		tell_state();
}

static const struct {
	const char *event, *title;
	enum log_level level;
} states[BROKER_STATE_COUNT] = {
    [BROKER_DOWN] = {"store-down", "down", LEVEL_WARNING},
    [BROKER_UP] = {"store-up", "up", LEVEL_INFO},
    [BROKER_STRANGE] = {"store-strange", "strange", LEVEL_WARNING},
};

static void
log_complaint(const char *problem)
{
	log_begin(
	    LEVEL_WARNING, states[broker.database.state == BROKER_UP ? BROKER_STRANGE : broker.database.state].event);
	log_field_text("message", problem);
	log_end();
}

static void
state_changed(enum broker_state state, const char *problem)
{
	log_begin(states[state].level, states[state].event);
	log_field_text("message", state == BROKER_UP ? "accounts are looked up in the database" : problem);
	log_end();
	title_doing(states[state].title, NULL, 0);
	tell_state();
}

static void
tell_node(enum node_standing standing)
{
	ipc_begin(&message, IPC_broker_node);
	ipc_put_u8(&message, (uint8_t)standing);
	ipc_put_u32(&message, shares_count());
	ipc_put_u32(&message, shares_sessions());
	ipc_put_text(&message, broker.database.node);
	send_to_master();
}

/* The master hears each beat. */
static void
node_heard(enum node_standing standing)
{
	tell_node(standing);
	shares_tell_again(monotonic_ms());
	if (standing == NODE_REFUSED)
		shares_disown(monotonic_ms());
}

static bool
ask_for_addresses(const char *name)
{
	ipc_begin(&message, IPC_broker_lookup);
	ipc_put_text(&message, name);
	send_to_master();
	return true;
}

/* --- what nodes tell each other --- */

static void
pass_heard(const struct news_line *line)
{
	ipc_begin(&message, line->is_kick ? IPC_kick_told : IPC_ban_told);
	if (line->is_kick) {
		ipc_put_u8(&message, (uint8_t)line->target);
		ipc_put_text(&message, line->value);
	} else {
		ipc_put_bytes(&message, line->address.bytes, sizeof(line->address.bytes));
		ipc_put_u8(&message, (uint8_t)line->ban);
		ipc_put_u64(&message, line->left_s);
	}
	ipc_put_u64(&message, line->age_ms);
	ipc_put_text(&message, line->node);
	send_to_master();
}

static void
pass_heard_all(void)
{
	ipc_begin(&message, IPC_news_told);
	send_to_master();
}

static void
pass_told(const struct news_made *made, enum news_outcome outcome)
{
	ipc_begin_reply(&message, made->is_kick ? IPC_kick_made : IPC_ban_made, 0);
	if (made->is_kick) {
		ipc_put_u32(&message, made->number);
	} else {
		ipc_put_bytes(&message, made->address.bytes, sizeof(made->address.bytes));
		ipc_put_u8(&message, made->ban == NEWS_BAN_LIFTED);
	}
	ipc_put_u8(&message, (uint8_t)outcome);
	send_to_master();
}

static const struct news_owner news_owner = {
    .heard = pass_heard,
    .heard_all = pass_heard_all,
    .told = pass_told,
    .disbelieved = log_complaint,
};

/* Who hears a notification. */
static void (*const hearers[NOTIFICATION_CHANNEL_COUNT])(const char *payload) = {
    [NOTIFICATION_RECALL] = askers_recall,
    [NOTIFICATION_NEWS] = news_notified,
};

static void
hear_notification(enum notification_channel channel, const char *payload)
{
	hearers[channel](payload);
}

static void
take_answer(struct question *question, const struct row *row)
{
	switch (question->kind) {
	case QUESTION_NEWS:
	case QUESTION_TELL_BAN:
	case QUESTION_TELL_KICK:
		news_answered(question, row, monotonic_ms());
		break;
	default:
		askers_answered(question, row);
		break;
	}
}

static const struct database_owner owner = {
    .answered = take_answer,
    .look_up = ask_for_addresses,
    .changed = state_changed,
    .complained = log_complaint,
    .node_heard = node_heard,
    .notified = hear_notification,
    .listening = news_begin,
};

/* --- what the master says --- */

static void
take_one_address(union address *address)
{
	uint8_t family = ipc_get_u8(&message);
	size_t len = 0;
	const void *host = ipc_get_bytes(&message, 16, &len);

	if (len != 16 || (family != 4 && family != 6))
		_exit(1);
	*address = (union address){.family = family == 6 ? AF_INET6 : AF_INET};
	memcpy(
	    family == 6 ? (void *)&address->v6.sin6_addr : (void *)&address->v4.sin_addr, host, family == 6 ? 16 : 4);
}

static void
take_found(void)
{
	struct conninfo_found found = {.count = 0};
	int result = ipc_get_result(&message);

	while (result == 0 && ipc_has_more(&message) && found.count < CONNINFO_ADDRESSES_MAX)
		take_one_address(&found.addresses[found.count++]);
	database_found(&broker.database, &found, monotonic_ms());
}

/* What this node has done, for the others. The master asks no more of it at once than there is room for. */
static void
take_made(void)
{
	struct news_made made = {.is_kick = message.kind == IPC_kick_made};
	size_t len = 0;
	const void *bytes;

	if (made.is_kick) {
		made.number = ipc_get_u32(&message);
		made.target = (enum news_target)ipc_get_u8(&message);
		ipc_get_text(&message, made.value, sizeof(made.value));
	} else {
		bytes = ipc_get_bytes(&message, sizeof(made.address.bytes), &len);
		memcpy(made.address.bytes, bytes, len);
		made.ban = (enum news_ban)ipc_get_u8(&message);
		made.left_s = ipc_get_u64(&message);
	}
	if (!ipc_end(&message) || made.target >= NEWS_TARGET_COUNT || made.ban >= NEWS_BAN_COUNT ||
	    !news_tell(&made, monotonic_ms()))
		_exit(1);
}

static void
take_alone(void)
{
	uint8_t is_alone = ipc_get_u8(&message);

	if (!ipc_end(&message) || is_alone > 1)
		_exit(1);
	broker.database.is_alone = is_alone == 1;
}

static void
hear_master(void)
{
	for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
		int r = ipc_receive_now(BROKER_CHANNEL, IPC_BROKER, IPC_STATE_ANY, &message);

		if (r == -EAGAIN)
			return;
		if (r < 0)
			_exit(r == -EPIPE ? 0 : 1);
		if (message.kind == IPC_broker_session)
			askers_add(ipc_take_fd(&message), monotonic_ms());
		else if (message.kind == IPC_broker_alone)
			take_alone();
		else if (message.kind == IPC_ban_made || message.kind == IPC_kick_made)
			take_made();
		else if (message.kind == IPC_broker_lookup && broker.database.is_looking_up)
			take_found();
		else
			_exit(1);
	}
}

/* --- beginning --- */

static void
read_machine_boot(char boot[DATABASE_BOOT_LEN + 1])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || io_read_all(fd, boot, DATABASE_BOOT_LEN) != DATABASE_BOOT_LEN)
		memcpy(boot, "00000000-0000-0000-0000-000000000000", DATABASE_BOOT_LEN);
	close_fd(&fd);
}

/* What the database is told of this node. */
static void
name_node(struct database *database, const char *node, const char *boot)
{
	if (boot[0] == '\0')
		read_machine_boot(database->boot);
	else
		memcpy(database->boot, boot, DATABASE_BOOT_LEN);
	if (node[0] != '\0')
		memcpy(database->node, node, strnlen(node, DATABASE_NODE_MAX));
	else if (gethostname(database->node, DATABASE_NODE_MAX) < 0)
		memcpy(database->node, "unknown", sizeof("unknown"));
}

static void
prepare_broker(struct broker_process *process)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = TAG_MASTER};
	struct siphash_key key;

	process->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (process->epoll_fd < 0 || epoll_ctl(process->epoll_fd, EPOLL_CTL_ADD, BROKER_CHANNEL, &event) < 0 ||
	    getrandom(&key, sizeof(key), 0) != sizeof(key) ||
	    cache_init(&broker.cache, &key, CACHE_ENTRIES_MAX, CACHE_BYTES_MAX) < 0)
		_exit(1);
	if (process->places == NULL) {
		database_init(&broker.database, &owner, NULL, 0, process->epoll_fd, TAG_CONNECTION);
	} else {
		database_init(&broker.database, &owner, process->places, process->conf->connections, process->epoll_fd,
		    TAG_CONNECTION);
		name_node(&broker.database, process->conf->node, process->boot);
		/* the next one of this master goes on with it */
		broker.database.broker = (uint32_t)process->master_pid;
	}
	news_init(&news_owner, &broker.database);
	askers_init(process->epoll_fd, &broker.database, &broker.cache,
	    process->conf == NULL ? 0 : process->conf->grace_s * 1000);
}

static int
next_wait_ms(void)
{
	uint64_t now_ms = monotonic_ms(), news_ms, shares_ms, due_ms;
	int wait_ms;

	news_ms = news_expire(now_ms);
	wait_ms = database_expire(&broker.database, now_ms);
	shares_ms = shares_expire(now_ms);
	due_ms = news_ms < shares_ms ? news_ms : shares_ms;
	if (due_ms != UINT64_MAX && (wait_ms < 0 || deadline_left_ms(due_ms, now_ms) < wait_ms))
		wait_ms = deadline_left_ms(due_ms, now_ms);
	if (broker.cache.count == broker.kept_told)
		return wait_ms;
	return wait_ms < 0 || wait_ms > KEPT_TOLD_MS ? KEPT_TOLD_MS : wait_ms;
}

void
broker_run(struct broker_process *process)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	prepare_broker(process);
	broker_enter_walls(process);
	if (process->places == NULL)
		tell_state();
	else
		tell_node(NODE_UNKNOWN); /* its name, whatever the database does */
	for (;;) {
		int count = epoll_wait(process->epoll_fd, events, EVENTS_AT_ONCE, next_wait_ms());
		uint64_t now_ms = monotonic_ms();
		bool has_master = false;

		for (int i = 0; i < count; i++) {
			uint64_t tag = events[i].data.u64;

			if (tag == TAG_MASTER)
				has_master = true;
			else if (tag >= TAG_CONNECTION)
				database_ready(
				    &broker.database, (unsigned)(tag - TAG_CONNECTION), events[i].events, now_ms);
			else
				askers_ready((int)tag, now_ms);
		}
		/* last: a new channel may get the number of one that an event is for */
		if (has_master)
			hear_master();
		tell_kept(now_ms);
	}
}
