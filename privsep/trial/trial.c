/* SPDX-License-Identifier: ISC */
#include "privsep/trial/trial.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/death.h"
#include "common/io.h"
#include "common/title.h"
#include "daemon/protocol/protocol.h"
#include "privsep/files/files.h"
#include "privsep/hooks/hooks.h"
#include "privsep/hooks/launcher.h"
#include "privsep/ipc/ipc.h"
#include "privsep/logger/logger.h"
#include "privsep/metrics/metrics.h"
#include "privsep/monitor/monitor.h"
#include "privsep/pam/pam.h"
#include "privsep/porter/porter.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define TRY_SECONDS 10 /* until one that hangs is ended */
#define NAMES_MAX 128
#define LINE_MAX_BYTES (SANDBOX_TEXT_MAX + NAMES_MAX + 256)

/* Descriptors that a process keeps but does not use here: any serves. */
static int
any_fd(const struct trial *trial)
{
	return trial->empty_directory_fd;
}

/* --- the processes: each function runs in a child, and returns behind its walls --- */

static void
try_logger(const struct trial *trial, int channel)
{
	logger_enter_walls(&(struct logger){
	    .records = any_fd(trial),
	    .reserved = any_fd(trial),
	    .master_channel = channel,
	    .empty_directory_fd = trial->empty_directory_fd,
	    .uid = trial->service_uid,
	    .gid = trial->service_gid,
	});
}

static void
try_metrics(const struct trial *trial, int channel)
{
	metrics_enter_walls(&(struct metrics){
	    .master_channel = channel,
	    .empty_directory_fd = trial->empty_directory_fd,
	    .uid = trial->service_uid,
	    .gid = trial->service_gid,
	    .master_pid = getppid(),
	});
}

static void
try_porter(const struct trial *trial, int channel)
{
	porter_enter_walls(&(struct porter_process){
	    .master_channel = channel,
	    .epoll_fd = any_fd(trial),
	    .empty_directory_fd = trial->empty_directory_fd,
	    .uid = trial->service_uid,
	    .gid = trial->service_gid,
	    .master_pid = getppid(),
	});
}

/* Its walls are those of privsep/broker/, whose program is another one: identity, Landlock, limits and filter. */
static void
try_broker(const struct trial *trial, int channel)
{
	sandbox_report_to(channel);
	if (sandbox_drop_identity(trial->broker_uid, trial->broker_gid) < 0 ||
	    sandbox_landlock_outward(&trial->empty_directory_fd, 1, NULL, 0) < 0 || sandbox_limit(SANDBOX_BROKER) < 0 ||
	    sandbox_enter(SANDBOX_BROKER, getppid()) < 0)
		sandbox_give_up();
}

static void
try_hooks(const struct trial *trial, int channel)
{
	hooks_enter_walls(
	    &(struct hooks){
		.uploads = any_fd(trial),
		.master_channel = channel,
		.log_channel = any_fd(trial),
		.queue_fd = trial->empty_directory_fd,
		.uid = trial->hook_uid,
		.gid = trial->hook_gid,
	    },
	    channel);
	hooks_enter_filter();
}

static void
try_launcher(const struct trial *trial, int channel)
{
	launcher_enter_walls(&(struct launcher){
	    .channel = channel,
	    .uid = trial->hook_uid,
	    .gid = trial->hook_gid,
	});
}

static void
try_pam(const struct trial *trial, int channel)
{
	(void)trial;
	pam_enter_walls(&(struct pam_session){.monitor_channel = channel}, getppid());
}

static void
try_protocol(const struct trial *trial, int channel)
{
	protocol_enter_walls(&(struct protocol_session){
	    .client_fd = any_fd(trial),
	    .is_tls = true, /* there is no client that could read it */
	    .monitor_channel = channel,
	    .empty_directory_fd = trial->empty_directory_fd,
	    .monitor_pid = getppid(),
	    .service_uid = trial->service_uid,
	    .service_gid = trial->service_gid,
	});
}

static struct session
session_of(const struct trial *trial, int channel)
{
	return (struct session){
	    .master_channel = channel,
	    .empty_directory_fd = trial->empty_directory_fd,
	    .master_pid = getppid(),
	    .service_uid = trial->service_uid,
	    .service_gid = trial->service_gid,
	    .config = trial->config,
	};
}

static void
try_monitor(const struct trial *trial, int channel)
{
	const struct session session = session_of(trial, channel);

	if (monitor_enter_login_walls(&session, 0, 0) < 0 || monitor_leave_root(&session, 0) < 0)
		sandbox_give_up();
}

/* Forked by a monitor that has its first filter, as later; the empty directory is the home. */
static void
try_files(const struct trial *trial, int channel)
{
	const struct session session = session_of(trial, channel);
	pid_t parent = getpid(), pid;
	int status = 0;

	if (monitor_enter_login_walls(&session, 0, 0) < 0)
		sandbox_give_up();
	pid = sandbox_fork();
	if (pid == 0) {
		files_enter_walls(
		    &(struct files_session){
			.home_fd = trial->empty_directory_fd,
			.protocol_channel = channel,
			.monitor_channel = channel,
			.quota_slot_fd = -1,
			.uid = trial->service_uid,
			.gid = trial->service_gid,
			.rights = MAY_ALL,
		    },
		    parent);
		return;
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		_exit(1);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static bool
is_always_needed(const struct config *config)
{
	(void)config;
	return true;
}

static bool
with_hooks(const struct config *config)
{
	return config->on_upload[0] != '\0';
}

static bool
with_pam(const struct config *config)
{
	return config_has_pam(config);
}

static bool
with_proxy(const struct config *config)
{
	return config->proxy_from_count > 0; /* a socket that is activated may be for a proxy */
}

static const struct part {
	const char *name;
	void (*run)(const struct trial *trial, int channel);
	bool (*is_wanted)(const struct config *config);
} parts[] = {
    {"logger", try_logger, is_always_needed},
    {"metrics", try_metrics, is_always_needed},
    {"monitor", try_monitor, is_always_needed},
    {"protocol", try_protocol, is_always_needed},
    {"files", try_files, is_always_needed},
    {"porter", try_porter, with_proxy},
    {"broker", try_broker, config_has_store},
    {"pam", try_pam, with_pam},
    {"hooks", try_hooks, with_hooks},
    {"launcher", try_launcher, with_hooks},
};

#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

/* --- one after the other --- */

/* The result of a part: status as of waitpid(2), and its message. */
struct result {
	bool is_good;
	bool has_said;
	struct sandbox_failure failure;
	bool was_stopped;
	uint32_t stopped_at; /* the call that its filter refused */
	int status;
	int fork_error;
};

static void
take_result_words(int channel, struct result *result)
{
	static struct ipc_message message;

	while (ipc_receive_now(channel, IPC_MONITOR, IPC_STATE_LOGIN, &message) == 0 ||
	    ipc_receive_now(channel, IPC_MASTER, IPC_STATE_ANY, &message) == 0) {
		if (message.kind == IPC_no_walls && !result->has_said)
			result->has_said = sandbox_get_failure(&message, &result->failure);
		if (message.kind == IPC_alarm) {
			result->was_stopped = true;
			result->stopped_at = ipc_get_u32(&message);
		}
		ipc_drop_fds(&message);
	}
}

static void
run_part(const struct trial *trial, const struct part *part, struct result *result)
{
	int channels[2] = {-1, -1};
	pid_t pid;
	int r = ipc_pair(channels, 0);

	*result = (struct result){.failure = {.step = SANDBOX_STEP_COUNT}};
	pid = r < 0 ? r : sandbox_fork_whole();
	if (pid == 0) {
		alarm(TRY_SECONDS);
		part->run(trial, channels[1]);
		_exit(0);
	}
	if (pid < 0) {
		result->fork_error = r < 0 ? -r : errno;
	} else {
		while (waitpid(pid, &result->status, 0) < 0 && errno == EINTR)
			;
		take_result_words(channels[0], result);
		result->is_good = WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0;
	}
	close_fd(&channels[0]);
	close_fd(&channels[1]);
}

static bool
is_same_result(const struct result *a, const struct result *b)
{
	return a->failure.lacks_capability == b->failure.lacks_capability && a->was_stopped == b->was_stopped &&
	    a->stopped_at == b->stopped_at && a->failure.step == b->failure.step &&
	    a->failure.error == b->failure.error && a->status == b->status && a->fork_error == b->fork_error;
}

static void
explain_result(const struct result *result, char *text, size_t size)
{
	char cause[DEATH_TEXT_MAX];

	death_text(result->status, cause);
	if (result->fork_error != 0)
		snprintf(text, size, "they cannot be forked: %s", strerror(result->fork_error));
	else if (result->has_said)
		sandbox_explain(&result->failure, text, size);
	else if (result->was_stopped)
		snprintf(text, size, "their filter stopped them at %s", sandbox_syscall_name(result->stopped_at));
	else
		snprintf(text, size, "they ended by %s", cause);
}

/* Name all processes that failed as the first of them did, and mark them as reported. */
static void
tell_alike(struct result results[PART_COUNT], size_t first, void (*tell)(void *arg, const char *line), void *arg)
{
	const struct result one = results[first];
	char names[NAMES_MAX] = "", why[SANDBOX_TEXT_MAX], line[LINE_MAX_BYTES];
	size_t len = 0;

	for (size_t i = first; i < PART_COUNT; i++) {
		if (results[i].is_good || !is_same_result(&results[i], &one))
			continue;
		results[i].is_good = true;
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len == 0 ? "" : ", ", parts[i].name);
	}
	explain_result(&one, why, sizeof(why));
	snprintf(line, sizeof(line), "the walls of %s cannot be built: %s", names, why);
	tell(arg, line);
}

/* --- capabilities --- */

static bool
with_low_active_port(const struct config *config)
{
	return config->active_mode && config->active_port > 0 && config->active_port < 1024;
}

static const struct need {
	int capability;
	const char *what_for;
	bool (*is_needed)(const struct config *config);
} needs[] = {
    {CAP_SYS_CHROOT, "roots of processes", is_always_needed},
    {CAP_SETUID, "identities of processes", is_always_needed},
    {CAP_SETGID, "identities of processes", is_always_needed},
    {CAP_SETPCAP, "processes without rights", is_always_needed},
    {CAP_KILL, "ends of sessions that overstay", is_always_needed},
    {CAP_NET_BIND_SERVICE, "active-port below 1024", with_low_active_port},
};

#define NEED_COUNT (sizeof(needs) / sizeof(needs[0]))

/* All that are missing in one line, with the words that give them. */
static int
tell_capabilities(const struct trial *trial, void (*tell)(void *arg, const char *line), void *arg)
{
	char list[256] = "", options[256] = "", line[LINE_MAX_BYTES];
	size_t list_len = 0, options_len = 0;

	for (size_t i = 0; i < NEED_COUNT; i++) {
		const char *name = sandbox_capability_name(needs[i].capability);

		if (!needs[i].is_needed(trial->config) || sandbox_has_capability(needs[i].capability))
			continue;
		list_len += (size_t)snprintf(list + list_len, sizeof(list) - list_len, "%sCAP_%s (%s)",
		    list_len == 0 ? "" : ", ", name, needs[i].what_for);
		options_len +=
		    (size_t)snprintf(options + options_len, sizeof(options) - options_len, " --cap-add %s", name);
	}
	if (list_len == 0)
		return 0;
	snprintf(line, sizeof(line),
	    "capabilities are missing: %s; add them: docker and podman run%s; systemd CapabilityBoundingSet=", list,
	    options);
	tell(arg, line);
	return -EPERM;
}

static int
tell_proc(void (*tell)(void *arg, const char *line), void *arg)
{
	if (access("/proc/self/status", F_OK) == 0)
		return 0;
	tell(arg, "'/proc' is not mounted, and the server needs it: mount -t proc proc /proc");
	return -ENOENT;
}

int
trial_run(const struct trial *trial, void (*tell)(void *arg, const char *line), void *arg)
{
	struct result results[PART_COUNT];
	int r = tell_proc(tell, arg);

	if (tell_capabilities(trial, tell, arg) < 0)
		r = -EPERM;
	if (r < 0)
		return r; /* nothing would fail but for that */
	for (size_t i = 0; i < PART_COUNT; i++) {
		results[i] = (struct result){.is_good = true};
		if (parts[i].is_wanted(trial->config))
			run_part(trial, &parts[i], &results[i]);
	}
	for (size_t i = 0; i < PART_COUNT; i++) {
		if (results[i].is_good)
			continue;
		tell_alike(results, i, tell, arg);
		r = -EPERM;
	}
	return r;
}
