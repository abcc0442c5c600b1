/* SPDX-License-Identifier: ISC */
/* The way of the porter behind its walls. */
#include <signal.h>
#include <unistd.h>

#include "common/title.h"
#include "privsep/porter/porter.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

void
porter_enter_walls(const struct porter_process *process)
{
	const int keep[] = {process->master_channel, process->epoll_fd, process->empty_directory_fd};

	title_name("sallyport-port");
	title_set("porter", NULL, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sandbox_report_to(process->master_channel);
	if (sandbox_close_all_but(keep, sizeof(keep) / sizeof(keep[0])) < 0 ||
	    sandbox_chroot(process->empty_directory_fd) < 0)
		sandbox_give_up();
	close(process->empty_directory_fd);
	if (sandbox_drop_identity(process->uid, process->gid) < 0 || sandbox_landlock_nowhere(SANDBOX_PORTER) < 0 ||
	    sandbox_limit(SANDBOX_PORTER) < 0 || sandbox_enter(SANDBOX_PORTER, process->master_pid) < 0)
		sandbox_give_up();
}
