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

#define KEPT_MAX (4 + 2 * FILES_FOLDERS_MAX)

static int
keep_descriptors(const struct files_session *session)
{
	int kept[KEPT_MAX] = {
	    session->home_fd, session->protocol_channel, session->monitor_channel, session->quota_slot_fd};
	size_t count = 4;

	for (size_t i = 0; i < session->folder_count; i++) {
		kept[count++] = session->folders[i].fd;
		kept[count++] = session->folders[i].quota_slot_fd;
	}
	return sandbox_close_all_but(kept, count);
}

static int
drop_identity(const struct files_session *session)
{
	gid_t groups[FILES_FOLDERS_MAX];

	for (size_t i = 0; i < session->folder_count; i++)
		groups[i] = session->folders[i].gid;
	return sandbox_drop_identity_with(session->uid, session->gid, groups, session->folder_count);
}

/* The folders are outside the root directory: only this keeps what is around them away. */
static int
confine(const struct files_session *session)
{
	struct sandbox_tree trees[1 + FILES_FOLDERS_MAX] = {
	    {session->home_fd, (zone_rights_somewhere(session) & MAY_CHANGE) == 0}};

	for (size_t i = 0; i < session->folder_count; i++)
		trees[i + 1] =
		    (struct sandbox_tree){session->folders[i].fd, (session->folders[i].rights & MAY_CHANGE) == 0};
	return sandbox_landlock_trees(trees, 1 + session->folder_count);
}

void
files_enter_walls(const struct files_session *session, pid_t parent)
{
	int r;

	sandbox_report_to(session->monitor_channel);
	r = session->folder_count <= FILES_FOLDERS_MAX ? keep_descriptors(session) : -E2BIG;
	if (r == 0)
		r = sandbox_limit(SANDBOX_FILES);
	if (r == 0)
		r = sandbox_chroot_home(session->home_fd, session->uid, session->gid);
	if (r == 0)
		r = drop_identity(session);
	if (r == 0)
		r = confine(session);
	if (r == 0)
		r = signals_settle();
	umask(0);	/* modes are results, not wishes */
	if (r == 0)
		r = sandbox_enter(SANDBOX_FILES, parent);
	if (r < 0)
		sandbox_give_up();
}
