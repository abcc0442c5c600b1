/* SPDX-License-Identifier: ISC */
/* All pairs of certificate and key of one configuration on their way into force, one after the other. */
#ifndef DAEMON_MASTER_CERTIFICATE_ROUND_H
#define DAEMON_MASTER_CERTIFICATE_ROUND_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "daemon/master/certificate_check.h"

struct server;

struct certificate_round {
	struct server *server;
	const struct config *config;
	size_t at; /* the server whose pair is under way */
	bool is_under_way;
	void (*tell)(void *arg, size_t server, const char *line);
	void (*gone)(void *arg); /* the last process has ended */
	void *arg;
	bool is_bad; /* a pair was refused; told */
	struct certificate_check checks[CONFIG_SERVERS_MAX + 1]; /* of the servers that have a pair of their own */
};

/*
 * The server, from this one on, that has a pair of its own: files that no server before it names. server_count: none.
 */
size_t certificate_pair_from(const struct config *config, size_t server);

/* The first server with the same files, which may be itself. */
size_t certificate_pair_of(const struct config *config, size_t server);

/*
 * Check all pairs of config; all are borrowed until the end. What is wrong goes to tell; gone is called later, unless
 * no pair could be begun.
 */
void certificate_round_start(struct certificate_round *round, struct server *server, const struct config *config,
    void (*tell)(void *arg, size_t server, const char *line), void (*gone)(void *arg), void *arg);

/* Give all of it up, under way or done, but for what certificates_use() has taken. */
void certificate_round_drop(struct certificate_round *round);

#endif
