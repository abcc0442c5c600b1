/* SPDX-License-Identifier: ISC */
/* A master without sockets, children and files: its table of sessions, under a small configuration. */
#ifndef TESTS_FUZZ_FAKE_MASTER_H
#define TESTS_FUZZ_FAKE_MASTER_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>

#include "daemon/master/master.h"
#include "daemon/master/sessions.h"

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
	master->config = config;
	if (loop_new(SESSIONS_MAX + JUDGEMENTS_MAX, &master->loop) < 0)
		abort();
	master->accounts.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	master->accounts.not_before_ms = UINT64_MAX; /* no loader */
	master->accounts.refusal_step_ms = 1;
	master->upgrade = (struct upgrade){
	    .successor = -1,
	    .errors_fd = -1,
	    .predecessor = -1,
	    .predecessor_source = {.ready = upgrade_predecessor_ready, .arg = master},
	};
	TAILQ_INIT(&master->upgrade.foreign);
	if (sessions_init(master) < 0 || master->accounts.fd < 0)
		abort();
}

#endif
