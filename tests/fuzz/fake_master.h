/* SPDX-License-Identifier: ISC */
/* A master without sockets, children and files: its table of sessions, under a small configuration. */
#ifndef TESTS_FUZZ_FAKE_MASTER_H
#define TESTS_FUZZ_FAKE_MASTER_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>

#include "daemon/master/failures.h"
#include "daemon/master/judgements.h"
#include "daemon/master/master.h"
#include "daemon/master/tally.h"

#define FAKE_SESSIONS_PER_USER 2
#define FAKE_HASHES 2

static inline void
fake_master_init(struct master *master, struct config *config)
{
	static char empty[] = "", nowhere[] = "/nonexistent/sallyport";

	*config = (struct config){
	    .accounts = nowhere,
	    .state_directory = nowhere,
	    .runtime_directory = nowhere,
	    .on_upload = empty,
	    .timeouts = {.login_s = 60},
	    .limits = {.sessions_per_user = FAKE_SESSIONS_PER_USER,
		.concurrent_hashes = FAKE_HASHES,
		.concurrent_pam = 1,
		.concurrent_work = 2,
		.work_per_user = 1,
		.login_failures = 1000,
		.ban_time_s = 60},
	};
	if (master_init(master, "sallyportd") < 0)
		abort();
	master->server.config = config;
	if (loop_new(SESSIONS_MAX + JUDGEMENTS_MAX, &master->server.loop) < 0 ||
	    bans_init(&master->bans, &master->server) < 0 ||
	    sessions_init(&master->sessions, &master->server, &master->bans, &master->accounts) < 0)
		abort();
	master->accounts.server = &master->server;
	master->accounts.books[0].fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	master->accounts.not_before_ms = UINT64_MAX; /* no loader */
	master->accounts.books[0].refusal_step_ms = 1;
	if (master->accounts.books[0].fd < 0)
		abort();
}

#endif
