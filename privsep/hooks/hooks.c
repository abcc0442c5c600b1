/* SPDX-License-Identifier: ISC */
#include "privsep/hooks/hooks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/io.h"
#include "common/title.h"
#include "privsep/hooks/event.h"
#include "privsep/hooks/launcher.h"
#include "privsep/hooks/queue.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#ifdef SALLYPORT_TAKEOVER
#include "tests/takeover/takeover.h"
#endif

#include "common/banned.h"

#define RECEIVE_AT_ONCE 4 /* then the launcher gets its turn */

static struct {
	struct queue queue;
	int launcher; /* the channel to it */
	bool is_running; /* the launcher has the entry numbered running */
	uint64_t running;
	uint64_t started_ms;
	struct hook_event event; /* the one in hand */
} state;

static struct ipc_message message;

/* The log. */

static void
begin_event_log(enum log_level level, const char *name, const struct hook_event *event)
{
	log_set_context(NULL, event->session, event->address, event->user);
	log_begin(level, name);
	log_field_text("path", event->path);
}

static void
end_event_log(void)
{
	log_end();
	log_set_context(NULL, "", "", "");
}

static void
log_dropped(const struct hook_event *event, const char *reason)
{
	begin_event_log(LEVEL_WARNING, "hook-dropped", event);
	log_field_text("reason", reason);
	end_event_log();
}

/* Uploads come in. */

static int
take_upload(const struct hooks *hooks)
{
	static struct hook_event event;
	int r = ipc_receive_now(hooks->uploads, IPC_HOOKS, IPC_STATE_ANY, &message);

	if (r == -EPROTO)
		return 0; /* a bad one is not worth the good ones */
	if (r < 0)
		return r;
	if (message.kind != IPC_uploaded || hook_event_get(&message, &event) < 0)
		return 0;
#ifdef SALLYPORT_TAKEOVER
	if (takeover_hooks(event.path))
		return 0;
#endif
	r = queue_add(&state.queue, &event);
	if (r < 0)
		log_dropped(&event, r == -ENOSPC ? "the queue is full (hook-queue)" : strerror(-r));
	return 0;
}

static void
take_uploads(const struct hooks *hooks)
{
	for (int i = 0; i < RECEIVE_AT_ONCE && take_upload(hooks) == 0; i++)
		;
}

/* Programs are run. */

static struct queue_entry *
find_queue_entry(uint64_t number)
{
	for (size_t i = 0; i < state.queue.count; i++)
		if (state.queue.entries[i].number == number)
			return &state.queue.entries[i];
	return NULL;
}

/* Make the launcher run the program for entry. -errno: the launcher is gone. */
static int
launch_hook(struct queue_entry *entry)
{
	ipc_begin(&message, IPC_run_hook);
	ipc_put_u32(&message, entry->tries + 1);
	hook_event_put(&message, &state.event);
	state.is_running = true;
	state.running = entry->number;
	state.started_ms = monotonic_ms();
	return ipc_send_now(state.launcher, &message, -1);
}

/* Start what is due, unless a program runs. Returns the ms until something is; -1: nothing. */
static int
start_due(void)
{
	struct queue_entry *entry;
	uint64_t next = UINT64_MAX;

	while (!state.is_running && (entry = queue_due(&state.queue, monotonic_ms(), &next)) != NULL) {
		int r = queue_read(&state.queue, entry, &state.event);

		if (r == 0) {
			if (launch_hook(entry) < 0)
				_exit(1);
			return -1;
		}
		log_begin(LEVEL_ERROR, "hook-dropped");
		log_field_u64("number", entry->number);
		log_field_text("reason", r == -EPROTO ? "its file in the queue is damaged" : strerror(-r));
		log_end();
		queue_remove(&state.queue, entry);
	}
	if (state.is_running || next == UINT64_MAX)
		return -1;
	return deadline_left_ms(next, monotonic_ms());
}

static void
log_outcome_fields(enum launcher_outcome outcome, uint32_t value, uint32_t attempt)
{
	log_field_u64("attempt", attempt);
	log_field_u64("milliseconds", monotonic_ms() - state.started_ms);
	switch (outcome) {
	case LAUNCHER_EXITED:
		log_field_u64("status", value);
		break;
	case LAUNCHER_SIGNALLED:
		log_field_u64("signal", value);
		break;
	case LAUNCHER_TIMED_OUT:
		log_field_text("reason", "killed after hook-timeout");
		break;
	case LAUNCHER_NOT_STARTED:
		log_field_text("reason", strerror((int)value));
		break;
	case LAUNCHER_OUTCOME_COUNT:
		break;
	}
}

static void
handle_failure(const struct hooks *hooks, struct queue_entry *entry, enum launcher_outcome outcome, uint32_t value,
    const void *output, size_t len)
{
	uint32_t attempt = entry->tries + 1;
	bool is_last = attempt >= hooks->tries_max;

	begin_event_log(is_last ? LEVEL_ERROR : LEVEL_WARNING, is_last ? "hook-given-up" : "hook-failed", &state.event);
	log_outcome_fields(outcome, value, attempt);
	while (len > 0 && ((const char *)output)[len - 1] == '\n')
		len--;
	log_field_bytes("output", output, len);
	if (is_last)
		queue_remove(&state.queue, entry);
	else
		log_field_u64("retry_milliseconds", queue_postpone(&state.queue, entry, monotonic_ms()));
	end_event_log();
}

/* The launcher reports how a program ended. */
static int
handle_ending(const struct hooks *hooks)
{
	int r = ipc_receive_now(state.launcher, IPC_HOOKS, IPC_STATE_ANY, &message);
	struct sandbox_failure failure;
	struct queue_entry *entry;
	const void *output;
	uint32_t value;
	uint8_t outcome;
	size_t len;

	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	if (message.kind == IPC_no_walls) {
		(void)sandbox_get_failure(&message, &failure);
		sandbox_log_failure("launcher", &failure);
		return -EPROTO;
	}
	r = ipc_get_result(&message);
	outcome = ipc_get_u8(&message);
	value = ipc_get_u32(&message);
	output = ipc_get_bytes(&message, LAUNCHER_OUTPUT_MAX, &len);
	if (r < 0 || !message.is_reply || message.kind != IPC_run_hook || !ipc_end(&message) || !state.is_running ||
	    outcome >= LAUNCHER_OUTCOME_COUNT)
		return -EPROTO;
	state.is_running = false;
	entry = find_queue_entry(state.running);
	if (entry == NULL)
		return -EPROTO;
	if (outcome == LAUNCHER_EXITED && value == 0) {
		begin_event_log(LEVEL_INFO, "hook", &state.event);
		log_outcome_fields(LAUNCHER_EXITED, 0, entry->tries + 1);
		end_event_log();
		queue_remove(&state.queue, entry);
	} else {
		handle_failure(hooks, entry, (enum launcher_outcome)outcome, value, output, len);
	}
	return 0;
}

/* Start. */

static void
fork_launcher(const struct hooks *hooks)
{
	int channels[2];
	pid_t pid;

	if (ipc_pair(channels, 0) < 0)
		_exit(1);
	pid = fork();
	if (pid < 0)
		_exit(1);
	if (pid == 0)
		launcher_run(&(struct launcher){
		    .channel = channels[1],
		    .uid = hooks->uid,
		    .gid = hooks->gid,
		    .program = hooks->program,
		    .timeout_s = hooks->timeout_s,
		});
	close_fd(&channels[1]);
	state.launcher = channels[0];
}

/* Behind the walls but for the filter, which does not know these calls. */
static void
open_own_queue(const struct hooks *hooks)
{
	/* a predecessor that is ending may still write its last uploads to the disk */
	while (flock(hooks->queue_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			_exit(1);
	if (queue_open(&state.queue, hooks->queue_fd, hooks->queue_max) < 0) {
		log_message(LEVEL_ERROR, "hook-dropped", "the queue of hooks cannot be read: %s", strerror(errno));
		_exit(1);
	}
}

void
hooks_run(const struct hooks *hooks)
{
	enum { MASTER, LAUNCHER, UPLOADS, WAITS };
	struct pollfd waits[WAITS];

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	log_set_reserved_channel(-1);
	log_set_context("hooks", "", "", "");
	title_name("sallyport-hooks");
	title_set("hooks", NULL, NULL);
	fork_launcher(hooks);
	hooks_enter_walls(hooks, state.launcher);
	open_own_queue(hooks);
	hooks_enter_filter();
	waits[MASTER] = (struct pollfd){.fd = hooks->master_channel, .events = POLLIN};
	waits[LAUNCHER] = (struct pollfd){.fd = state.launcher, .events = POLLIN};
	waits[UPLOADS] = (struct pollfd){.fd = hooks->uploads, .events = POLLIN};
	for (;;) {
		if (poll(waits, WAITS, start_due()) < 0)
			continue;
		if (waits[UPLOADS].revents != 0)
			take_uploads(hooks);
		if (waits[LAUNCHER].revents != 0 && handle_ending(hooks) < 0)
			_exit(1);
		if (waits[MASTER].revents != 0) {
			while (take_upload(hooks) == 0)
				;
			_exit(0);
		}
	}
}
