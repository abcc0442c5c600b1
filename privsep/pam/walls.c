/* SPDX-License-Identifier: ISC */
/* Take the pam process behind its walls. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/title.h"
#include "privsep/pam/pam.h"
#include "privsep/sandbox/failure.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define MODULE_DESCRIPTORS 1024

static int
pam_limit(void)
{
	struct rlimit no_core = {0, 0}, descriptors = {MODULE_DESCRIPTORS, MODULE_DESCRIPTORS};

	return setrlimit(RLIMIT_CORE, &no_core) < 0 || setrlimit(RLIMIT_NOFILE, &descriptors) < 0 ? -errno : 0;
}

static int
die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() != parent ? -ECANCELED : 0;
}

/*
 * No allow-list, because we cannot know what a module calls. The filter refuses what no module has any business with,
 * and the channel is the only descriptor.
 */
void
pam_enter_walls(const struct pam_session *session, pid_t parent)
{
	sigset_t none;

	title_name("sallyport-pam");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	sandbox_report_to(session->monitor_channel);
	if (sandbox_close_all_but(&session->monitor_channel, 1) < 0 ||
	    sandbox_step(SANDBOX_STEP_LIMITS, pam_limit()) < 0 ||
	    sandbox_step(SANDBOX_STEP_PARENT, die_with(parent)) < 0 || sandbox_refuse() < 0)
		sandbox_give_up();
}
