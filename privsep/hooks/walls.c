/* SPDX-License-Identifier: ISC */
/* Take the hooks process and its launcher behind their walls. */
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/title.h"
#include "privsep/hooks/hooks.h"
#include "privsep/hooks/launcher.h"
#include "privsep/sandbox/failure.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define PROGRAM_DESCRIPTORS 1024

void
hooks_enter_walls(const struct hooks *hooks, int launcher)
{
	const int keep[] = {hooks->uploads, hooks->master_channel, hooks->log_channel, hooks->queue_fd, launcher};

	sandbox_report_to(hooks->master_channel);
	if (sandbox_close_all_but(keep, sizeof(keep) / sizeof(keep[0])) < 0 ||
	    sandbox_chroot_home(hooks->queue_fd, hooks->uid, hooks->gid) < 0 ||
	    sandbox_drop_identity(hooks->uid, hooks->gid) < 0 || sandbox_landlock(hooks->queue_fd, false) < 0 ||
	    sandbox_limit(SANDBOX_HOOKS) < 0)
		sandbox_give_up();
}

void
hooks_enter_filter(void)
{
	if (sandbox_enter(SANDBOX_HOOKS, 0) < 0)
		sandbox_give_up();
}

static int
limit_launcher(void)
{
	struct rlimit none = {0, 0}, descriptors = {PROGRAM_DESCRIPTORS, PROGRAM_DESCRIPTORS};

	return setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NOFILE, &descriptors) < 0 ? -errno : 0;
}

void
launcher_enter_walls(const struct launcher *launcher)
{
	const int keep[] = {launcher->channel};

	title_name("sallyport-run");
	title_set("launcher", NULL, NULL);
	sandbox_report_to(launcher->channel);
	if (sandbox_close_all_but(keep, 1) < 0 || sandbox_drop_identity(launcher->uid, launcher->gid) < 0 ||
	    sandbox_step(SANDBOX_STEP_LIMITS, limit_launcher()) < 0 || chdir("/") < 0 || sandbox_refuse() < 0)
		sandbox_give_up();
}
