/* SPDX-License-Identifier: ISC */
/* Take the logger behind its walls. */
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "common/title.h"
#include "privsep/logger/logger.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

void
logger_enter_walls(const struct logger *logger)
{
	const int keep[] = {logger->records, logger->reserved, logger->master_channel, logger->empty_directory_fd};

	title_name("sallyport-log");
	title_set("logger", NULL, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	tzset();	/* syslog wants local time; the zone file is out of reach afterwards */
	sandbox_report_to(logger->master_channel);
	if (sandbox_close_all_but(keep, sizeof(keep) / sizeof(keep[0])) < 0 ||
	    sandbox_chroot(logger->empty_directory_fd) < 0)
		sandbox_give_up();
	close(logger->empty_directory_fd);
	if (sandbox_drop_identity(logger->uid, logger->gid) < 0 || sandbox_landlock_nowhere(SANDBOX_LOGGER) < 0 ||
	    sandbox_limit(SANDBOX_LOGGER) < 0 || sandbox_enter(SANDBOX_LOGGER, 0) < 0)
		sandbox_give_up();
}
