/* SPDX-License-Identifier: ISC */
#include "daemon/master/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/death.h"
#include "common/io.h"
#include "common/wipe.h"
#include "daemon/master/oom.h"
#include "privsep/ipc/board.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define RESTART_MS 1000 /* at least between two starts */
#define RECEIVE_AT_ONCE 256 /* then other events get their turn */

static struct ipc_message message;

static void worker_ready(void *arg);
static void worker_due(void *arg);
static void worker_gone(void *arg, int status);

void
worker_init(struct worker *worker, const struct worker_kind *kind, struct loop *loop, struct board *board, void *arg)
{
	*worker = (struct worker){
	    .kind = kind,
	    .arg = arg,
	    .loop = loop,
	    .board = board,
	    .channel = -1,
	    .source = {.ready = worker_ready, .arg = worker},
	    .child = {.gone = worker_gone, .arg = worker},
	    .restart = {.due = worker_due, .arg = worker},
	};
}

/* In the child. */
static void
become_worker(const struct worker *worker, int channel)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	oom_leave_protection();
	if (!worker->kind->sees_board)
		board_leave(worker->board);
	if (!sandbox_is_widened()) /* a sanitizer reports to standard error */
		dup2(STDIN_FILENO, STDERR_FILENO);
	worker->kind->run(worker->arg, channel);
	_exit(1);
}

static int
fork_worker(struct worker *worker, int channel, char *error, size_t size)
{
	pid_t pid = sandbox_fork_whole();
	int r;

	if (pid == 0)
		become_worker(worker, channel);
	if (pid < 0) {
		r = -errno;
		snprintf(error, size, "cannot fork the %s process: %s", worker->kind->name, strerror(-r));
		return r;
	}
	child_add(worker->loop, &worker->child, pid);
	r = loop_watch(worker->loop, &worker->source, worker->channel);
	if (r < 0)
		snprintf(error, size, "the %s process cannot be watched: %s", worker->kind->name, strerror(-r));
	return r;
}

static int
start_worker(struct worker *worker, char *error, size_t size)
{
	int channels[2] = {-1, -1};
	int r;

	worker->started_ms = monotonic_ms();
	r = ipc_pair(channels, 0);
	if (r < 0) {
		snprintf(error, size, "cannot make a channel to the %s process: %s", worker->kind->name, strerror(-r));
		return r;
	}
	worker->channel = channels[0];
	if (worker->kind->prepare != NULL)
		r = worker->kind->prepare(worker->arg, worker->channel, error, size);
	if (r == 0)
		r = fork_worker(worker, channels[1], error, size);
	if (worker->kind->release != NULL)
		worker->kind->release(worker->arg);
	close_fd(&channels[1]);
	if (r < 0)
		loop_close(worker->loop, &worker->source, &worker->channel);
	return r;
}

int
worker_start(struct worker *worker, char *error, size_t size)
{
	int r;

	worker->is_wanted = true;
	timer_stop(worker->loop, &worker->restart);
	if (worker->child.pid != 0)
		return 0;
	r = start_worker(worker, error, size);
	if (r < 0)
		timer_set(worker->loop, &worker->restart, monotonic_ms() + worker->kind->retry_ms);
	return r;
}

static void
worker_due(void *arg)
{
	struct worker *worker = arg;
	char error[512] = "";

	if (worker_start(worker, error, sizeof(error)) < 0 && worker->kind->failed != NULL)
		worker->kind->failed(worker->arg, error);
}

void
worker_restart(struct worker *worker)
{
	worker->is_wanted = true;
	if (worker->child.pid == 0)
		timer_set(worker->loop, &worker->restart, 0);
	else
		loop_close(worker->loop, &worker->source, &worker->channel);
}

void
worker_stop(struct worker *worker)
{
	worker->is_wanted = false;
	timer_stop(worker->loop, &worker->restart);
	loop_close(worker->loop, &worker->source, &worker->channel);
}

static void
log_alarm(struct worker *worker)
{
	const char *call = sandbox_syscall_name(ipc_get_u32(&message));

	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("died", worker->kind->name);
	log_field_text("stopped_at", call);
	log_end();
	snprintf(worker->last_words, sizeof(worker->last_words), ": its filter stopped it at %s", call);
}

static void
log_no_walls(struct worker *worker)
{
	struct sandbox_failure failure;
	char why[SANDBOX_TEXT_MAX];

	(void)sandbox_get_failure(&message, &failure);
	sandbox_log_failure(worker->kind->name, &failure);
	sandbox_explain(&failure, why, sizeof(why));
	snprintf(worker->last_words, sizeof(worker->last_words), ": its walls cannot be built: %s", why);
}

static void
tell_death(struct worker *worker, int status)
{
	char cause[DEATH_TEXT_MAX], line[WORKER_TEXT_MAX + DEATH_TEXT_MAX + 64];

	death_text(status, cause);
	snprintf(line, sizeof(line), "%s died (%s)%s%s", worker->kind->name, cause, worker->last_words,
	    worker->is_wanted ? "; another one is started" : "");
	log_message(LEVEL_CRITICAL, "alarm", "%s", line);
	if (worker->kind->died != NULL)
		worker->kind->died(worker->arg, line);
}

/* False: there is nothing more to read now. */
static bool
receive_one(struct worker *worker)
{
	int r = ipc_receive_now(worker->channel, IPC_MASTER, IPC_STATE_ANY, &message);
	bool is_known = r == 0;

	if (r == -EAGAIN)
		return false;
	if (r == 0 && message.kind == IPC_alarm)
		log_alarm(worker);
	else if (r == 0 && message.kind == IPC_no_walls)
		log_no_walls(worker);
	else if (r == 0)
		is_known = worker->kind->receive != NULL && worker->kind->receive(worker->arg, &message);
	if (is_known)
		return true;
	if (r != -EPIPE && worker->child.pid != 0)
		kill(worker->child.pid, SIGKILL); /* none of our processes sends that; start another one */
	loop_close(worker->loop, &worker->source, &worker->channel);
	return false;
}

void
worker_receive(struct worker *worker)
{
	for (int left = RECEIVE_AT_ONCE; left > 0 && worker->channel >= 0; left--) {
		if (!receive_one(worker) || worker->kind->expects_more == NULL ||
		    !worker->kind->expects_more(worker->arg))
			return;
		wipe_stack(); /* as between two events: the next message may fork a session */
	}
}

static void
worker_ready(void *arg)
{
	worker_receive(arg);
}

static void
worker_gone(void *arg, int status)
{
	struct worker *worker = arg;
	bool was_told = worker->channel < 0;

	while (worker->channel >= 0 && receive_one(worker))
		;
	loop_close(worker->loop, &worker->source, &worker->channel);
	if (worker->kind->down != NULL)
		worker->kind->down(worker->arg);
	if (!was_told || status != 0)
		tell_death(worker, status);
	worker->last_words[0] = '\0';
	if (worker->is_wanted)
		timer_set(
		    worker->loop, &worker->restart, was_told && status == 0 ? 0 : worker->started_ms + RESTART_MS);
}
