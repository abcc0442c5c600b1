/* SPDX-License-Identifier: ISC */
/* Take the monitor behind its walls: the first filter as root, and out of root after the login. */
#include <linux/capability.h>

#include "privsep/monitor/monitor.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

int
monitor_enter_login_walls(const struct session *session, pid_t protocol, pid_t pam)
{
	const pid_t children[SANDBOX_CHILD_COUNT] = {[SANDBOX_CHILD_PROTOCOL] = protocol, [SANDBOX_CHILD_PAM] = pam};
	int r;

	sandbox_report_to(session->master_channel);
	r = sandbox_limit(SANDBOX_MONITOR);
	return r < 0 ? r : sandbox_enter_with(SANDBOX_MONITOR_LOGIN, session->master_pid, children);
}

int
monitor_leave_root(const struct session *session, pid_t protocol)
{
	const struct config *config = session->config;
	/* a port below 1024 for active mode needs a right; no other keeps anything */
	int kept = config->active_mode && config->active_port > 0 && config->active_port < 1024 ? CAP_NET_BIND_SERVICE
												: SANDBOX_NO_CAPABILITY;
	const pid_t children[SANDBOX_CHILD_COUNT] = {[SANDBOX_CHILD_PROTOCOL] = protocol};
	int r = sandbox_chroot(session->empty_directory_fd);

	if (r == 0)
		r = sandbox_drop_identity_but(session->service_uid, session->service_gid, kept);
	if (r == 0)
		r = sandbox_landlock_nowhere(SANDBOX_MONITOR);
	return r < 0 ? r : sandbox_enter_with(SANDBOX_MONITOR, session->master_pid, children);
}
