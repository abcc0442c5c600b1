/* SPDX-License-Identifier: ISC */
/*
 * The channels of monitors. Each asks for one account, once, and reads what the database says; or, while that says
 * nothing, what it said last. Then it may ask about its node's share of that account's quota, and of no other one's.
 */
#ifndef PRIVSEP_BROKER_ASKERS_H
#define PRIVSEP_BROKER_ASKERS_H

#include <stdbool.h>
#include <stdint.h>

struct cache;
struct database;
struct question;
struct row;

/* No channel yet. All are borrowed. grace_ms: how old an answer of the cache may be; 0: none is kept. */
void askers_init(int epoll_fd, struct database *database, struct cache *cache, uint64_t grace_ms);

/* A new channel, which is now ours; its events have its number as their tag. It is closed where there is no room for it. */
void askers_add(int channel, uint64_t now_ms);

/* The channel has a question, or has ended. */
void askers_ready(int channel, uint64_t now_ms);

/* The database has answered; row NULL: it cannot say. */
void askers_answered(struct question *question, const struct row *row);

/* A notification: the account whose id the text is, and of which other nodes need room. */
void askers_recall(const char *id);

#endif
