/* SPDX-License-Identifier: ISC */
/* The monitor's side of PAM: the process that asks it, the question, the end of both. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/monitor/state.h"
#include "privsep/pam/pam.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define PAM_DIED "the process that asks PAM has died"
#define REAP_MS 1000
#define PAM_ANSWER_MS 30000	/* no module gets longer; the login deadline may be sooner */

void
monitor_fork_pam(struct monitor *monitor)
{
	int channels[2] = {-1, -1};

	if (ipc_pair(channels, 0) < 0)
		return;
	monitor->pam.pid = sandbox_fork_whole();
	if (monitor->pam.pid == 0) {
		scoreboard_leave(monitor->session->claims);
		pam_run(&(struct pam_session){
		    .monitor_channel = channels[1],
		    .config = monitor->session->config,
		    .services = monitor->session->pam_services,
		    .service_uid = monitor->session->service_uid,
		});
	}
	close_fd(&channels[1]);
	if (monitor->pam.pid < 0) {
		monitor->pam.pid = 0;
		close_fd(&channels[0]);
	}
	monitor->pam.channel = channels[0];
}

void
monitor_end_pam(struct monitor *monitor)
{
	uint64_t deadline = monotonic_ms() + REAP_MS;

	close_fd(&monitor->pam.channel);
	if (monitor->pam.pid == 0)
		return;
	/* whatever a module is doing: its result is no longer needed */
	kill(monitor->pam.pid, SIGKILL);
	while (waitpid(monitor->pam.pid, NULL, WNOHANG) == 0 && monotonic_ms() < deadline)
		poll(NULL, 0, 1);
	monitor->pam.pid = 0;	/* one that the disk holds is left to the master's reaper */
}

static void
fill_system_account(struct account *account, const char *name, uint32_t uid, uint32_t gid, const char *home)
{
	memset(account, 0, sizeof(*account));
	account->uid = uid;
	account->gid = gid;
	account->rights = MAY_ALL;
	account->quota_bytes = account->quota_files = ACCOUNT_NO_QUOTA;
	memcpy(account->name, name, strlen(name) + 1);
	memcpy(account->home, home, strlen(home) + 1);
}

/* The reply's fields, checked again: what a module did to that process is not known. */
static int
read_pam_reply(struct monitor *monitor, struct account *account, char reason[PAM_REASON_MAX + 1])
{
	char name[ACCOUNT_NAME_MAX + 1], home[PATH_MAX];
	const char *problem;
	uint32_t outcome, uid, gid;

	if (monitor->message.kind != IPC_authenticate || !monitor->message.is_reply ||
	    ipc_get_result(&monitor->message) < 0)
		return -EPROTO;
	outcome = ipc_get_u32(&monitor->message);
	uid = ipc_get_u32(&monitor->message);
	gid = ipc_get_u32(&monitor->message);
	ipc_get_text(&monitor->message, name, sizeof(name));
	ipc_get_text(&monitor->message, home, sizeof(home));
	ipc_get_text(&monitor->message, reason, PAM_REASON_MAX + 1);
	if (!ipc_end(&monitor->message) || outcome >= PAM_OUTCOME_COUNT)
		return -EPROTO;
	switch ((enum pam_outcome)outcome) {
	case PAM_YES:
		if (monitor->login.service != NULL)
			return 0; /* ids, home and settings are the account's own */
		if (home[0] != '/' || !account_name_valid(name, strlen(name), &problem))
			return -EPROTO;
		fill_system_account(account, name, uid, gid, home);
		return 0;
	case PAM_WRONG:
		return -EACCES;
	case PAM_REFUSED:
		return -EPERM;
	case PAM_FAILED:
	case PAM_OUTCOME_COUNT:
		break;
	}
	return -EIO;
}

/* Nothing is known of what it does now, or it is gone. */
static int
give_pam_up(struct monitor *monitor, const char *why, const char **reason)
{
	monitor_end_pam(monitor);
	*reason = why;
	return -EIO;
}

int
monitor_ask_pam(struct monitor *monitor, const char **reason)
{
	uint64_t due = monotonic_ms() + PAM_ANSWER_MS;
	int r = -EPIPE;

	if (monitor->pam.channel >= 0) {
		ipc_begin(&monitor->message, IPC_authenticate);
		ipc_put_text(&monitor->message,
		    monitor->login.service != NULL ? monitor->login.service : monitor->session->config->pam_service);
		ipc_put_u8(&monitor->message, monitor->login.service != NULL);
		ipc_put_text(&monitor->message, monitor->login.name);
		ipc_put_text(&monitor->message, monitor->login.password);
		ipc_put_text(&monitor->message, monitor->session->peer_text);
		r = ipc_send_now(monitor->pam.channel, &monitor->message, -1);
		explicit_bzero(monitor->message.bytes, monitor->message.length);
	}
	if (r < 0)
		return give_pam_up(monitor, PAM_DIED, reason);
	monitor->login.due_ms = due < monitor->login_deadline_ms ? due : monitor->login_deadline_ms;
	return 0;
}

int
monitor_take_pam_answer(struct monitor *monitor, struct account *account, const char **reason)
{
	static char told[PAM_REASON_MAX + 1];
	int r = ipc_receive_now(monitor->pam.channel, IPC_MONITOR, IPC_STATE_LOGIN, &monitor->message);

	if (r == -EAGAIN)
		return give_pam_up(monitor, "PAM did not answer in time", reason);
	if (r < 0 && r != -EPROTO)
		return give_pam_up(monitor, PAM_DIED, reason);
	if (r == 0 && monitor->message.kind == IPC_no_walls && monitor_take_no_walls(monitor, &monitor->pam))
		return give_pam_up(monitor, "the walls of the process that asks PAM cannot be built", reason);
	if (r == 0)
		r = read_pam_reply(monitor, account, told);
	if (r == -EPROTO)
		return give_pam_up(monitor, "the process that asks PAM sent what it must not send", reason);
	*reason = told;
	return r;
}
