/* SPDX-License-Identifier: ISC */
/*
 * What nodes tell each other: bans, and sessions that an administrator ends. The database numbers each change. The broker
 * asks for those after the last one that it knows: when it is notified, every ten seconds, and from the beginning when it
 * listens anew. What this node tells is asked once; the master tells it again where that failed.
 */
#ifndef PRIVSEP_BROKER_NEWS_H
#define PRIVSEP_BROKER_NEWS_H

#include <stdbool.h>
#include <stdint.h>

#include "privsep/broker/connection.h"
#include "privsep/broker/news_line.h"

struct database;

#define NEWS_AT_ONCE 32 /* told by this node, whose answers are out; the master keeps to it */

/* What this node tells; the fields are those of ban_made and kick_made. */
struct news_made {
	bool is_kick;
	struct address_key address;
	enum news_ban ban;
	uint64_t left_s;
	uint32_t number;
	enum news_target target;
	char value[NEWS_VALUE_MAX + 1];
};

struct news_owner {
	/* Another node, or this one, has told that. */
	void (*heard)(const struct news_line *line);
	/* All that was told before this node listened has been heard. */
	void (*heard_all)(void);
	/* What became of what this node told. */
	void (*told)(const struct news_made *made, enum news_outcome outcome);
	/* The database says something that is no news. At most once a minute. */
	void (*disbelieved)(const char *problem);
};

/* Both are borrowed. */
void news_init(const struct news_owner *owner, struct database *database);

/* There may be news. */
void news_notified(const char *payload);

/* Notifications come from now on: look at everything anew. */
void news_begin(void);

/* Tell the others; owner->told() has what came of it, and may be called at once. False: too many are out. */
bool news_tell(const struct news_made *made, uint64_t now_ms);

/* The database has answered a question of this module; row NULL: it cannot say. */
void news_answered(struct question *question, const struct row *row, uint64_t now_ms);

/* Ask what is due. Returns when the next question is due (monotonic, ms). */
uint64_t news_expire(uint64_t now_ms);

#endif
