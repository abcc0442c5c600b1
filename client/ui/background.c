/* SPDX-License-Identifier: ISC */
#include "client/ui/background.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/ui/connections.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "common/io.h"
#include "common/libc.h"

#include "common/banned.h"

#define WAIT_TICK_MS 100
#define LAST_WORDS_MAX 512
#define FIRST_OPEN_FD 3

struct background {
	unsigned int number;
	pid_t pid;
	char *line;	/* owned */
	int output_fd;	/* what it prints */
	off_t shown;	/* so much of it has been printed */
	unsigned int after;	/* queued: the number of the job before it; 0: none */
	bool has_ended;
	enum exit_status status;
	struct background *next;
};

static struct background *jobs_first;
static unsigned int last_job, last_queued;
static int queue_fd = -1;	/* readable to its end when the last queued job has ended */

static struct background *
background_find(unsigned int number)
{
	struct background *job = jobs_first;

	while (job != NULL && job->number != number)
		job = job->next;
	return job;
}

static void
background_free(struct background *job)
{
	close_fd(&job->output_fd);
	free(job->line);
	free(job);
}

/* --- the child --- */

static void
wait_in_queue(int fd)
{
	char byte;

	while (fd >= 0 && !signals_have_aborted() && read(fd, &byte, 1) != 0)
		continue;
}

/* Close all descriptors but the standard ones and these, which are -1 or in any order. */
static void
close_shell_descriptors(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;
	unsigned int from = FIRST_OPEN_FD;

	for (int i = 0; i < 2; i++) {
		int kept = i == 0 ? low : high;

		if (kept < (int)from)
			continue;
		if (kept > (int)from)
			(void)close_range(from, (unsigned int)kept - 1, 0);
		from = (unsigned int)kept + 1;
	}
	(void)close_range(from, ~0u, 0);
}

/* Its own connection: that of the shell is the shell's. No terminal: nothing asks, and Ctrl-C is not for it. */
static enum exit_status
leave_shell(int output_fd, int turn_fd, int end_fd)
{
	struct connection *connection = connections_current();
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)setsid();
	/* with the shell its jobs end */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
	    dup2(output_fd, STDERR_FILENO) < 0)
		return EXIT_LOCAL;
	close_shell_descriptors(turn_fd, end_fd);
	if (connection == NULL)
		return EXIT_DONE;
	connection->session.ftp = ftp_clone(connection->session.ftp);
	return connection->session.ftp == NULL ? EXIT_LOCAL : EXIT_DONE;
}

static _Noreturn void
run_in_background(const char *line, int output_fd, int turn_fd, int end_fd, background_run run)
{
	enum exit_status status = leave_shell(output_fd, turn_fd, end_fd);

	wait_in_queue(turn_fd);
	if (status == EXIT_DONE && signals_have_aborted())
		status = EXIT_INTERRUPTED;
	if (status == EXIT_DONE)
		status = run(line);
	if (fflush(stdout) != 0 && status == EXIT_DONE)
		status = EXIT_LOCAL;
	if (connections_current() != NULL)
		ftp_free(connections_current()->session.ftp);
	_exit((int)status);
}

/* --- the shell's side --- */

static int
fork_job(struct background *job, int turn_fd, int end_fd, background_run run)
{
	fflush(NULL);
	job->pid = fork();
	if (job->pid == 0)
		run_in_background(job->line, job->output_fd, turn_fd, end_fd, run);
	return job->pid < 0 ? -errno : 0;
}

/* The next queued job waits until the writing end of a pipe is closed, which this one alone has. */
static int
fork_queued(struct background *job, background_run run)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = fork_job(job, queue_fd, ends[1], run);
	close_fd(&ends[1]);
	if (r < 0) {
		close_fd(&ends[0]);
		return r;
	}
	close_fd(&queue_fd);
	queue_fd = ends[0];
	job->after = last_queued;
	last_queued = job->number;
	return 0;
}

static void
background_keep(struct background *job)
{
	struct background **end = &jobs_first;

	while (*end != NULL)
		end = &(*end)->next;
	*end = job;
	last_job = job->number;
}

enum exit_status
background_start(const char *line, bool is_queued, background_run run)
{
	struct background *job = calloc(1, sizeof(*job));
	int r = -ENOMEM;

	if (job == NULL)
		return report_no_memory();
	job->output_fd = memfd_create("sallyport-job", MFD_CLOEXEC);
	job->line = strdup(line);
	job->number = last_job + 1;
	if (job->output_fd < 0)
		r = -errno;
	else if (job->line != NULL)
		r = is_queued ? fork_queued(job, run) : fork_job(job, -1, -1, run);
	if (r < 0) {
		background_free(job);
		return report_local("cannot begin", line, r);
	}
	background_keep(job);
	if (report_is_json())
		report_json(json_pack("{s:s, s:i, s:s, s:o}", "event", "job", "number", (int)job->number, "state",
		    is_queued ? "queued" : "running", "command", report_json_text(line)));
	else
		report_note("[%u] %s", job->number, report_quote(line));
	return EXIT_DONE;
}

/* Take note of an end, without waiting for one. */
static bool
background_look(struct background *job)
{
	int wait_status;

	if (job->has_ended || waitpid(job->pid, &wait_status, WNOHANG) != job->pid)
		return job->has_ended;
	job->has_ended = true;
	connections_forget_listings();
	job->status = WIFEXITED(wait_status) ? (enum exit_status)WEXITSTATUS(wait_status) : EXIT_INTERRUPTED;
	return true;
}

static bool
is_waiting_for_turn(const struct background *job)
{
	struct background *before = job->after == 0 ? NULL : background_find(job->after);

	return before != NULL && !background_look(before);
}

static const char *
background_state_name(struct background *job)
{
	if (!background_look(job))
		return is_waiting_for_turn(job) ? "queued" : "running";
	return job->status == EXIT_DONE ? "done" : job->status == EXIT_INTERRUPTED ? "stopped" : "failed";
}

/* The last line that a job has printed, without its end. */
static void
last_words(const struct background *job, char text[LAST_WORDS_MAX])
{
	off_t size = lseek(job->output_fd, 0, SEEK_END);
	off_t from = size > LAST_WORDS_MAX - 1 ? size - (LAST_WORDS_MAX - 1) : 0;
	ssize_t n = size <= 0 ? 0 : pread(job->output_fd, text, (size_t)(size - from), from);
	char *start;

	if (n < 0)
		n = 0;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	start = strrchr(text, '\n');
	if (start != NULL)
		memmove(text, start + 1, strlen(start + 1) + 1);
}

static void
print_job(struct background *job)
{
	char words[LAST_WORDS_MAX];
	const char *state = background_state_name(job);

	last_words(job, words);
	if (report_is_json())
		report_json(json_pack("{s:s, s:i, s:s, s:o, s:o}", "event", "job", "number", (int)job->number, "state",
		    state, "command", report_json_text(job->line), "text", report_json_text(words)));
	else
		report_line("[%u] %-8s %s%s%s", job->number, state, report_quote(job->line),
		    words[0] == '\0' ? "" : "  # ", report_quote(words));
}

void
background_list(void)
{
	for (struct background *job = jobs_first; job != NULL; job = job->next)
		print_job(job);
}

static void
forget_ended(unsigned int number)
{
	for (struct background **at = &jobs_first; *at != NULL;) {
		struct background *job = *at;

		if (!job->has_ended || (number != 0 && job->number != number)) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		background_free(job);
	}
}

void
background_notice(void)
{
	for (struct background *job = jobs_first; job != NULL; job = job->next)
		if (background_look(job))
			print_job(job);
	forget_ended(0);
}

size_t
background_count(void)
{
	size_t count = 0;

	for (struct background *job = jobs_first; job != NULL; job = job->next)
		count += !background_look(job);
	return count;
}

unsigned int
background_last(void)
{
	unsigned int number = 0;

	for (struct background *job = jobs_first; job != NULL; job = job->next)
		number = job->number;
	return number;
}

/* Print what has come since the last time. It was made fit for a terminal when the job printed it. */
static void
show_output(struct background *job)
{
	char bytes[4096];
	ssize_t n;

	while ((n = pread(job->output_fd, bytes, sizeof(bytes), job->shown)) > 0) {
		(void)io_write_all(STDOUT_FILENO, bytes, (size_t)n);
		job->shown += n;
	}
}

static void
wait_tick(void)
{
	struct timespec tick = {.tv_nsec = WAIT_TICK_MS * 1000000L};

	(void)nanosleep(&tick, NULL);
}

static enum exit_status
wait_for_job(struct background *job, bool ends_job)
{
	bool was_ended = false;

	fflush(stdout);
	for (;;) {
		bool has_ended = background_look(job);

		show_output(job);
		if (has_ended)
			return job->status;
		if (signals_have_aborted() && !ends_job)
			return EXIT_INTERRUPTED;
		if (signals_have_aborted() && !was_ended)
			was_ended = kill(job->pid, SIGTERM) == 0;
		wait_tick();
	}
}

static enum exit_status
report_no_job(unsigned int number)
{
	return report_usage("there is no job %u; jobs lists them", number);
}

enum exit_status
background_wait(unsigned int number, bool ends_job)
{
	enum exit_status status = EXIT_DONE;

	if (number != 0 && background_find(number) == NULL)
		return report_no_job(number);
	for (struct background *job = jobs_first; job != NULL && !signals_have_aborted(); job = job->next)
		if (number == 0 || job->number == number)
			status = exit_status_worse(status, wait_for_job(job, ends_job));
	if (signals_have_aborted() && !ends_job)
		return EXIT_INTERRUPTED;
	forget_ended(number);
	return status;
}

enum exit_status
background_kill(unsigned int number)
{
	struct background *job = background_find(number);

	if (job == NULL)
		return report_no_job(number);
	if (!background_look(job) && kill(job->pid, SIGTERM) < 0)
		return report_local("cannot stop", job->line, -errno);
	return EXIT_DONE;
}

void
background_end(void)
{
	for (struct background *job = jobs_first; job != NULL; job = job->next)
		if (!background_look(job))
			(void)kill(job->pid, SIGTERM);
	for (struct background *job = jobs_first; job != NULL; job = job->next)
		while (!background_look(job))
			wait_tick();
	forget_ended(0);
	close_fd(&queue_fd);
}
