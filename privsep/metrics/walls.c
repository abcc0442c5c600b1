/* SPDX-License-Identifier: ISC */
/* Take the metrics process behind its walls. */
#include <signal.h>
#include <unistd.h>

#include "common/title.h"
#include "privsep/metrics/metrics.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

void
metrics_enter_walls(const struct metrics *metrics)
{
	int keep[2 + METRICS_LISTENERS_MAX] = {metrics->master_channel, metrics->empty_directory_fd};

	title_name("sallyport-stats");
	title_set("metrics", NULL, NULL);
	for (size_t i = 0; i < metrics->listener_count; i++)
		keep[2 + i] = metrics->listeners[i].fd;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sandbox_report_to(metrics->master_channel);
	if (sandbox_close_all_but(keep, 2 + metrics->listener_count) < 0 ||
	    sandbox_chroot(metrics->empty_directory_fd) < 0)
		sandbox_give_up();
	close(metrics->empty_directory_fd);
	if (sandbox_drop_identity(metrics->uid, metrics->gid) < 0 || sandbox_landlock_nowhere(SANDBOX_METRICS) < 0 ||
	    sandbox_limit(SANDBOX_METRICS) < 0 || sandbox_enter(SANDBOX_METRICS, metrics->master_pid) < 0)
		sandbox_give_up();
}
