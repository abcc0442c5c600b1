/* SPDX-License-Identifier: ISC */
#include "daemon/master/fleet.h"

#include <errno.h>
#include <string.h>

#include "common/io.h"
#include "common/text.h"
#include "daemon/master/bans.h"
#include "daemon/master/broker_worker.h"
#include "daemon/master/server.h"
#include "daemon/master/sessions.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define TELLING_MAX 32 /* as many as the broker has room for, NEWS_AT_ONCE in privsep/broker/news.h, but for kicks */
#define REFUSED_MS 60000 /* until the database is asked again */
#define AGAIN_MS 1000 /* until the broker has room again */
#define COMPLAINT_MS 60000

/* All that a database keeps may come twice in a row; what is new comes at the pace of administrators and failures. */
static const struct budget_size heard_size = {.burst = 6000, .per_s = 200};
static const struct budget_size logged_size = {.burst = 100, .per_s = 5};
static struct ipc_message message;

/* --- what the others are told --- */

static bool
send_ban(struct fleet *fleet, const struct ban_news *news)
{
	int r;

	ipc_begin(&message, IPC_ban_made);
	ipc_put_bytes(&message, news->address.bytes, sizeof(news->address.bytes));
	ipc_put_u8(&message, (uint8_t)news->ban);
	ipc_put_u64(&message, news->left_s);
	r = broker_worker_send(fleet->broker, &message);
	ipc_wipe(&message);
	return r == 0;
}

static bool
may_tell(const struct fleet *fleet, uint64_t now_ms)
{
	return fleet->is_current && fleet->bans->is_open && fleet->telling < TELLING_MAX - FLEET_KICKS_MAX &&
	    fleet->tell_ms <= now_ms;
}

static void
tell_later(struct fleet *fleet, uint64_t ms)
{
	fleet->tell_ms = monotonic_ms() + ms;
	timer_set(fleet->server->loop, &fleet->due, fleet->tell_ms);
}

static void
fleet_tell(void *arg)
{
	struct fleet *fleet = arg;
	uint64_t now_ms = monotonic_ms();
	struct ban_news news;

	while (may_tell(fleet, now_ms) && bans_next_untold(fleet->bans, &news)) {
		if (!send_ban(fleet, &news)) {
			bans_note_told(fleet->bans, &news.address, news.ban == NEWS_BAN_LIFTED, false);
			tell_later(fleet, AGAIN_MS);
			break;
		}
		fleet->telling++;
	}
	explicit_bzero(&news, sizeof(news));
}

/* An administrator does not wait for the end of a refusal. */
static void
fleet_bans_changed(void *arg)
{
	struct fleet *fleet = arg;

	if (fleet->bans->lift_count > 0)
		fleet->tell_ms = 0;
	fleet_tell(fleet);
}

static void
complain_of_refusal(struct fleet *fleet)
{
	if (!fleet->was_told_full)
		log_message(LEVEL_WARNING, "ban-local",
		    "the database takes no more bans of this node; they are in force here alone until it does");
	fleet->was_told_full = true;
}

static bool
take_ban_answer(struct fleet *fleet, struct ipc_message *word)
{
	struct address_key address = {{0}};
	size_t len = 0;
	const void *bytes = ipc_get_bytes(word, sizeof(address.bytes), &len);
	bool is_lifted;
	uint8_t outcome;

	memcpy(address.bytes, bytes, len);
	is_lifted = ipc_get_u8(word) != 0;
	outcome = ipc_get_u8(word);
	if (!ipc_end(word) || outcome >= NEWS_OUTCOME_COUNT || fleet->telling == 0)
		return false;
	fleet->telling--;
	bans_note_told(fleet->bans, &address, is_lifted, outcome == NEWS_TAKEN);
	if (outcome == NEWS_REFUSED)
		complain_of_refusal(fleet);
	else if (outcome == NEWS_TAKEN)
		fleet->was_told_full = false;
	if (outcome != NEWS_TAKEN)
		tell_later(fleet, REFUSED_MS);
	fleet_tell(fleet);
	return true;
}

/* --- what they have told --- */

/* At most one line a minute about what was left out. */
static void
complain_of_flood(struct fleet *fleet, uint64_t now_ms)
{
	if (now_ms < fleet->complaint_ms || (fleet->unheard == 0 && fleet->unlogged == 0))
		return;
	fleet->complaint_ms = now_ms + COMPLAINT_MS;
	log_begin(LEVEL_WARNING, "news-flood");
	log_field_text(
	    "message", "the database tells more bans and kicks of other nodes than are taken, or logged one by one");
	log_field_u64("dropped", fleet->unheard);
	log_field_u64("unlogged", fleet->unlogged);
	log_end();
	fleet->unheard = fleet->unlogged = 0;
}

/* What an old server is told is for the one that has taken over. */
static bool
is_heard(struct fleet *fleet, uint64_t now_ms)
{
	if (!fleet->bans->is_open)
		return false;
	if (budget_take(&fleet->heard, &heard_size, now_ms))
		return true;
	fleet->unheard++;
	complain_of_flood(fleet, now_ms);
	return false;
}

/* The name of a node is what the database says. */
static bool
get_node(struct ipc_message *word, char node[BROKER_NODE_MAX + 1])
{
	ipc_get_text(word, node, BROKER_NODE_MAX + 1);
	return ipc_end(word) && utf8_valid(node, strlen(node));
}

static bool
take_ban_told(struct fleet *fleet, struct ipc_message *word)
{
	uint64_t now_ms = monotonic_ms();
	struct ban_news news = {.left_s = 0};
	char node[BROKER_NODE_MAX + 1];
	size_t len = 0;
	const void *bytes = ipc_get_bytes(word, sizeof(news.address.bytes), &len);
	uint8_t ban;
	int r;

	memcpy(news.address.bytes, bytes, len);
	ban = ipc_get_u8(word);
	news.left_s = ipc_get_u64(word);
	news.age_ms = ipc_get_u64(word);
	if (!get_node(word, node) || ban >= NEWS_BAN_COUNT || news.left_s == 0 || news.left_s > BAN_SECONDS_MAX)
		return false;
	if (!is_heard(fleet, now_ms))
		return true;
	news.ban = (enum news_ban)ban;
	news.node = node;
	r = bans_hear(fleet->bans, &news);
	if (r > 0 && budget_take(&fleet->logged, &logged_size, now_ms))
		bans_log_heard(&news);
	else if (r > 0)
		fleet->unlogged++;
	if (r == 1)
		sessions_end_unwelcome(fleet->sessions, &news.address);
	if (r == -ENOSPC)
		fleet->unheard++;
	complain_of_flood(fleet, now_ms);
	explicit_bzero(&news, sizeof(news));
	return true;
}

static void
log_kick_told(const char *value, const char *node, size_t count)
{
	log_begin(LEVEL_INFO, "kick");
	log_field_text("of", value);
	log_field_text("node", node);
	log_field_u64("sessions", count);
	log_end();
}

static bool
take_kick_told(struct fleet *fleet, struct ipc_message *word)
{
	uint64_t now_ms = monotonic_ms(), age_ms;
	char value[NEWS_VALUE_MAX + 1], node[BROKER_NODE_MAX + 1];
	struct session_kick kick = {.value = value};
	uint8_t target = ipc_get_u8(word);
	size_t count;

	ipc_get_text(word, value, sizeof(value));
	age_ms = ipc_get_u64(word);
	if (!get_node(word, node) || target >= NEWS_TARGET_COUNT || !utf8_valid(value, strlen(value)) ||
	    (target == NEWS_ADDRESS && address_parse(value, &kick.address) < 0))
		return false;
	if (!is_heard(fleet, now_ms))
		return true;
	kick.target = (enum news_target)target;
	kick.before_ms = now_ms > age_ms ? now_ms - age_ms : 0;
	address_unmap(&kick.address);
	count = sessions_kick_told(fleet->sessions, &kick);
	if (count > 0 && budget_take(&fleet->logged, &logged_size, now_ms))
		log_kick_told(value, node, count);
	else if (count > 0)
		fleet->unlogged++;
	complain_of_flood(fleet, now_ms);
	return true;
}

static bool
take_news_told(struct fleet *fleet, struct ipc_message *word)
{
	if (!ipc_end(word))
		return false;
	fleet->is_current = true;
	fleet->tell_ms = 0;
	fleet_tell(fleet);
	return true;
}

/* --- kicks of this node --- */

uint32_t
fleet_kick(struct fleet *fleet, enum news_target target, const char *value)
{
	struct fleet_kick *kick = NULL;
	int r;

	for (size_t i = 0; i < FLEET_KICKS_MAX && kick == NULL; i++)
		if (fleet->kicks[i].number == 0 || fleet->kicks[i].is_over) /* whose client has gone */
			kick = &fleet->kicks[i];
	if (kick == NULL || !fleet->is_current || strlen(value) > NEWS_VALUE_MAX)
		return 0;
	if (++fleet->last_kick == 0)
		fleet->last_kick = 1;
	ipc_begin(&message, IPC_kick_made);
	ipc_put_u32(&message, fleet->last_kick);
	ipc_put_u8(&message, (uint8_t)target);
	ipc_put_text(&message, value);
	r = broker_worker_send(fleet->broker, &message);
	ipc_wipe(&message);
	if (r < 0)
		return 0;
	*kick = (struct fleet_kick){.number = fleet->last_kick};
	return kick->number;
}

static struct fleet_kick *
find_kick(struct fleet *fleet, uint32_t number)
{
	for (size_t i = 0; i < FLEET_KICKS_MAX && number != 0; i++)
		if (fleet->kicks[i].number == number)
			return &fleet->kicks[i];
	return NULL;
}

bool
fleet_kick_outcome(struct fleet *fleet, uint32_t number, enum news_outcome *outcome)
{
	struct fleet_kick *kick = find_kick(fleet, number);

	*outcome = NEWS_NOT_NOW;
	if (kick != NULL && !kick->is_over)
		return false;
	if (kick != NULL) {
		*outcome = kick->outcome;
		kick->number = 0;
	}
	return true;
}

static bool
take_kick_answer(struct fleet *fleet, struct ipc_message *word)
{
	struct fleet_kick *kick = find_kick(fleet, ipc_get_u32(word));
	uint8_t outcome = ipc_get_u8(word);

	if (!ipc_end(word) || outcome >= NEWS_OUTCOME_COUNT || kick == NULL || kick->is_over)
		return false;
	kick->is_over = true;
	kick->outcome = (enum news_outcome)outcome;
	fleet->kicked(fleet->kicked_arg);
	return true;
}

/* --- the broker --- */

static bool
fleet_heard(void *arg, struct ipc_message *word)
{
	struct fleet *fleet = arg;

	switch (word->kind) {
	case IPC_ban_made:
		return word->is_reply && ipc_get_result(word) == 0 && take_ban_answer(fleet, word);
	case IPC_kick_made:
		return word->is_reply && ipc_get_result(word) == 0 && take_kick_answer(fleet, word);
	case IPC_ban_told:
		return take_ban_told(fleet, word);
	case IPC_kick_told:
		return take_kick_told(fleet, word);
	case IPC_news_told:
		return take_news_told(fleet, word);
	default:
		return false;
	}
}

static void
end_kicks(struct fleet *fleet)
{
	for (size_t i = 0; i < FLEET_KICKS_MAX; i++) {
		if (fleet->kicks[i].number == 0 || fleet->kicks[i].is_over)
			continue;
		fleet->kicks[i].is_over = true;
		fleet->kicks[i].outcome = NEWS_NOT_NOW;
	}
	fleet->kicked(fleet->kicked_arg);
}

/* Until it listens again, the broker may miss what others tell, and they what this node tells. */
static void
fleet_broker_changed(void *arg)
{
	struct fleet *fleet = arg;
	bool has_ended = fleet->broker->worker.channel < 0;

	if (!has_ended && fleet->server->board.head->store_state == BROKER_UP)
		return;
	fleet->is_current = false;
	if (!has_ended)
		return;
	fleet->telling = 0;
	bans_tell_anew(fleet->bans);
	end_kicks(fleet);
}

void
fleet_init(struct fleet *fleet, struct server *server, struct bans *bans, struct sessions *sessions,
    struct broker_worker *broker)
{
	*fleet = (struct fleet){.server = server,
	    .bans = bans,
	    .sessions = sessions,
	    .broker = broker,
	    .due = {.due = fleet_tell, .arg = fleet}};
	bans->changed = fleet_bans_changed;
	bans->changed_arg = fleet;
	broker->listener =
	    (struct broker_listener){.heard = fleet_heard, .changed = fleet_broker_changed, .arg = fleet};
}
