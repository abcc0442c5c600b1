/* SPDX-License-Identifier: ISC */
/* The brake of the account: opened at login, asked by files before a file is replaced or removed. */
#include <errno.h>
#include <stdio.h>

#include "common/home_path.h"
#include "privsep/hooks/event.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/login.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

int
monitor_open_brake(struct monitor *monitor, const struct account *account, const char **reason)
{
	char path[PATH_MAX];
	int r;

	if (account->keep.brake_changes == 0)
		return 0;
	snprintf(path, sizeof(path), "%s/brakes/%s", monitor->session->config->state_directory, account->name);
	r = brake_open(&monitor->brake, path, &account->keep, monitor->session->boot_id);
	if (r < 0)
		*reason = reason_in_directory(
		    "the brake cannot be kept", monitor->session->config->state_directory, "brakes", r);
	return r;
}

bool
monitor_is_braked(const struct monitor *monitor)
{
	return monitor->brake.fd >= 0 && brake_look(&monitor->brake) < 0;
}

static void
log_fall(const struct monitor *monitor, const struct home_path *path)
{
	log_begin(LEVEL_WARNING, "brake");
	log_field_text("path", path->text);
	log_field_u64("changes", monitor->brake.changes);
	log_field_u64("seconds", monitor->brake.seconds);
	log_field_text("message",
	    "more files were to be replaced or removed in that time: the account is read-only until 'sallyportctl user "
	    "unbrake'");
	log_end();
}

/* The hook of uploads hears of it, too. */
static void
tell_hooks_fall(struct monitor *monitor, const struct home_path *path)
{
	static struct hook_event event;

	if (monitor->session->config->on_upload[0] == '\0')
		return;
	monitor_begin_hook_event(monitor, HOOK_BRAKE, path, &event);
	ipc_begin(&monitor->message, IPC_uploaded);
	hook_event_put(&monitor->message, &event);
	if (ipc_send_now(monitor->session->hook_channel, &monitor->message, -1) < 0)
		log_message(
		    LEVEL_WARNING, "hook-dropped", "too many uploads at once: the hook does not hear of the brake");
}

static int
count_removal(struct monitor *monitor, const struct home_path *path)
{
	char address[ADDRESS_TEXT_MAX];
	bool falls;
	int r;

	address_text(&monitor->session->peer, address);
	r = brake_count(&monitor->brake, monitor->session->id, address, &falls);
	if (!falls)
		return r;
	monitor->session->claims->work.brakes++;
	log_fall(monitor, path);
	tell_hooks_fall(monitor, path);
	return r;
}

bool
monitor_answer_brake(struct monitor *monitor)
{
	bool counts = ipc_has_more(&monitor->message);
	struct home_path path;
	size_t len;
	const char *text = counts ? ipc_get_bytes(&monitor->message, HOME_PATH_MAX, &len) : NULL;
	int r;

	if (!ipc_end(&monitor->message) || monitor->brake.fd < 0 || (counts && home_path_check(text, len, &path) < 0))
		return false;
	r = counts ? count_removal(monitor, &path) : brake_look(&monitor->brake);
	ipc_begin_reply(&monitor->message, IPC_brake, r);
	r = ipc_send_now(monitor->files.channel, &monitor->message, -1);
	return r == 0 || r == -EPIPE; /* it may have died meanwhile, which is reported where it is reaped */
}
