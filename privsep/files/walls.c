/* SPDX-License-Identifier: ISC */
/* The way of the files process behind its walls: from root, with everything that the monitor had, to the user, locked in the home. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#include "privsep/files/files.h"
#include "privsep/files/zone.h"
#include "privsep/sandbox/failure.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/*
 * The session ends when the channel does: nobody's Ctrl-C or drain may cut a running transfer
 * short, and a pipe whose reader is gone is an error of write. Blocked instead of ignored:
 * the filter that is inherited from the monitor knows no sigaction.
 */
static int
signals_settle(void)
{
	static const int blocked[] = {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		sigaddset(&set, blocked[i]);
	return sandbox_step(SANDBOX_STEP_SIGNALS, sigprocmask(SIG_SETMASK, &set, NULL) < 0 ? -errno : 0);
}

void
files_enter_walls(const struct files_session *session, pid_t parent)
{
	const int kept[] = {
	    session->home_fd, session->protocol_channel, session->monitor_channel, session->quota_slot_fd};
	int r;

	sandbox_report_to(session->monitor_channel);
	r = sandbox_close_all_but(kept, sizeof(kept) / sizeof(kept[0]));
	if (r == 0)
		r = sandbox_limit(SANDBOX_FILES);
	if (r == 0)
		r = sandbox_chroot_home(session->home_fd, session->uid, session->gid);
	if (r == 0)
		r = sandbox_drop_identity(session->uid, session->gid);
	if (r == 0)
		r = sandbox_landlock(session->home_fd, (zone_rights_somewhere(session) & MAY_CHANGE) == 0);
	if (r == 0)
		r = signals_settle();
	umask(0);	/* modes are results, not wishes */
	if (r == 0)
		r = sandbox_enter(SANDBOX_FILES, parent);
	if (r < 0)
		sandbox_give_up();
}
