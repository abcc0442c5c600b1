/* SPDX-License-Identifier: ISC */
#include "privsep/broker/news.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/budget.h"
#include "common/text.h"
#include "privsep/broker/database.h"

#include "common/banned.h"

#define LOOK_MS 10000 /* between looks without a notification */
#define LATER_MS 200 /* for the next look, when there were too many */
#define TEXT_MAX 65536 /* of an answer, which has a hundred lines */
#define NUMBER_SIZE 24
#define COMPLAINT_MS 60000

/* All that a database keeps is read at once; a flood of news is read more slowly. */
static const struct budget_size looks_size = {.burst = 64, .per_s = 10};

struct telling {
	uint64_t order; /* 0: unused */
	struct question question;
	struct news_made made;
};

static struct {
	const struct news_owner *owner;
	struct database *database;
	struct question look;
	bool is_looking;
	bool has_news; /* somebody has notified since the last look began */
	bool is_first; /* of the looks since this node listens */
	bool begins; /* anew, with the next look */
	uint64_t after; /* the last number that is known */
	uint64_t look_ms; /* the next look */
	struct budget looks;
	uint64_t complaint_ms; /* no complaint before */
	struct telling tellings[NEWS_AT_ONCE];
	uint64_t last_order;
	bool is_telling;
} news;

void
news_init(const struct news_owner *owner, struct database *database)
{
	news.owner = owner;
	news.database = database;
	news.look_ms = UINT64_MAX; /* until it listens */
}

void
news_notified(const char *payload)
{
	(void)payload; /* says nothing that is not in the tables */
	news.has_news = true;
}

void
news_begin(void)
{
	news.begins = true;
	news.has_news = true;
}

static void
disbelieve(const char *problem, uint64_t now_ms)
{
	if (now_ms < news.complaint_ms)
		return;
	news.complaint_ms = now_ms + COMPLAINT_MS;
	news.owner->disbelieved(problem);
}

/* --- what is told to this node --- */

static void
look_for_news(uint64_t now_ms)
{
	char after[NUMBER_SIZE];
	const char *const params[] = {after};

	if (news.begins) {
		news.after = 0;
		news.is_first = true;
	}
	news.begins = news.has_news = false;
	news.is_looking = true;
	news.look_ms = now_ms + LOOK_MS;
	snprintf(after, sizeof(after), "%" PRIu64, news.after);
	database_ask_once(news.database, &news.look, QUESTION_NEWS, params, now_ms);
}

static void
hear_lines(const char *text, size_t len, uint64_t now_ms)
{
	struct news_line line;
	int r;

	while ((r = news_line_next(&text, &len, &line)) != 0) {
		if (r < 0)
			disbelieve("the database tells of a ban or a kick that is none; it is left out", now_ms);
		else
			news.owner->heard(&line);
	}
}

static void
take_news(const struct row *row, uint64_t now_ms)
{
	uint64_t last;

	news.is_looking = false;
	if (row == NULL || news.begins) /* it is asked anew at the next look, or from the beginning at once */
		return;
	if (row->fields[0] == NULL) {
		if (news.is_first)
			news.owner->heard_all();
		news.is_first = false;
		return;
	}
	if (parse_u64(row->fields[0], INT64_MAX, &last) < 0 || last <= news.after || row->fields[1] == NULL ||
	    row->lens[1] > TEXT_MAX) {
		disbelieve(
		    "the bans and kicks that the database tells are too many at once, or numbered backwards; they "
		    "are left out",
		    now_ms);
		return;
	}
	news.after = last;
	news.has_news = true; /* until there is no more */
	hear_lines(row->fields[1], row->lens[1], now_ms);
}

uint64_t
news_expire(uint64_t now_ms)
{
	bool is_due = !news.is_looking && (news.has_news || news.look_ms <= now_ms);

	if (is_due && !budget_take(&news.looks, &looks_size, now_ms))
		return now_ms + LATER_MS;
	if (is_due)
		look_for_news(now_ms);
	return news.is_looking ? UINT64_MAX : news.look_ms;
}

/* --- what this node tells --- */

static struct telling *
telling_of_question(struct question *question)
{
	return (struct telling *)(void *)((char *)question - offsetof(struct telling, question));
}

static void
end_telling(struct telling *telling, enum news_outcome outcome)
{
	telling->order = 0;
	news.is_telling = false;
	news.owner->told(&telling->made, outcome);
}

static void
ask_to_tell(struct telling *telling, uint64_t now_ms)
{
	const struct news_made *made = &telling->made;
	char node[NUMBER_SIZE], left[NUMBER_SIZE], address[ADDRESS_TEXT_MAX];
	const char *const ban[] = {node, news.database->boot, address, news_ban_word(made->ban), left};
	const char *const kick[] = {node, news.database->boot, news_target_word(made->target), made->value};

	news.is_telling = true;
	snprintf(node, sizeof(node), "%" PRIu32, news.database->node_id);
	snprintf(left, sizeof(left), "%" PRIu64, made->left_s);
	address_key_text(&made->address, address);
	database_ask_once(news.database, &telling->question, made->is_kick ? QUESTION_TELL_KICK : QUESTION_TELL_BAN,
	    made->is_kick ? kick : ban, now_ms);
}

/*
 * One at a time, in their order: each may wait half a second for a lock that another node holds, and look-ups of logins
 * wait behind it.
 */
static void
tell_next(uint64_t now_ms)
{
	struct telling *first = NULL;

	for (size_t i = 0; i < NEWS_AT_ONCE; i++) {
		struct telling *telling = &news.tellings[i];

		if (telling->order != 0 && (first == NULL || telling->order < first->order))
			first = telling;
	}
	if (first != NULL && !news.is_telling)
		ask_to_tell(first, now_ms);
}

bool
news_tell(const struct news_made *made, uint64_t now_ms)
{
	struct telling *telling = NULL;

	for (size_t i = 0; i < NEWS_AT_ONCE && telling == NULL; i++)
		if (news.tellings[i].order == 0)
			telling = &news.tellings[i];
	if (telling == NULL)
		return false;
	telling->order = ++news.last_order;
	telling->made = *made;
	tell_next(now_ms);
	return true;
}

void
news_answered(struct question *question, const struct row *row, uint64_t now_ms)
{
	bool is_taken = row != NULL && row->fields[0] != NULL && strcmp(row->fields[0], "t") == 0;

	if (question == &news.look) {
		take_news(row, now_ms);
		return;
	}
	end_telling(telling_of_question(question), is_taken ? NEWS_TAKEN : row == NULL ? NEWS_NOT_NOW : NEWS_REFUSED);
	tell_next(now_ms);
}
