/* SPDX-License-Identifier: ISC */
/*
 * Reload: the configuration is read again beside the one in force, with its listeners, log files,
 * accounts and certificates; and replaces it when all of that is good, or nothing is changed.
 */
#ifndef DAEMON_MASTER_RELOAD_H
#define DAEMON_MASTER_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/config.h"
#include "daemon/master/accounts_loader.h"
#include "daemon/master/certificate_round.h"
#include "daemon/master/certificates.h"
#include "daemon/master/listeners.h"
#include "daemon/master/log_targets.h"

#define RELOAD_TEXT_MAX 4096

struct broker_worker;
struct control_socket;
struct hook_worker;
struct metrics_server;
struct proxied;
struct keep_errand;
struct quota_top;
struct resolver;
struct server;
struct sessions;
struct upgrade;

/* What a new configuration changes. All borrowed. */
struct reload_parts {
	struct server *server;
	struct listeners *listeners;
	struct proxied *proxied;
	struct log_targets *log;
	struct accounts_loader *accounts;
	struct certificates *certificates;
	struct resolver *resolver;
	struct hook_worker *hooks;
	struct broker_worker *broker;
	struct metrics_server *metrics;
	struct quota_top *quota_top;
	struct keep_errand *keep_errand;
	struct sessions *sessions;
	struct upgrade *upgrade;
	struct control_socket *control;
};

/* How a reload ended. */
struct reload_report {
	uint64_t ticket; /* counts from 1; 0: there was none yet */
	bool is_good; /* the new configuration is in force */
	char text[RELOAD_TEXT_MAX]; /* what is wrong, or worth knowing: printable lines, each ended by '\n' */
};

/* The reload that is under way, and the report of the last one. */
struct reload {
	struct reload_parts parts;
	struct config *config; /* under examination; NULL: no reload is under way */
	struct listener listeners[LISTENERS_MAX];
	size_t listener_count;
	struct log_files log_files;
	struct accounts_reload accounts;
	struct certificate_round certificates;
	bool is_bad;
	bool again; /* one more was asked for meanwhile */
	struct reload_report next, report;
};

/*
 * Begin a reload; the loader of accounts and the checker of certificates do their part without
 * the master waiting. While one is under way, another one follows it.
 *
 * Returns the ticket of the reload that takes what the files say now: reload_report() has it, or
 * a later one, when it has ended.
 */
uint64_t reload_start(struct reload *reload);

/* Give up the reload that is under way, if there is one: the server stops. */
void reload_cancel(struct reload *reload);

/* The last reload that has ended. */
const struct reload_report *reload_report(const struct reload *reload);

#endif
