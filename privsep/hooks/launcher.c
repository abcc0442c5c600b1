/* SPDX-License-Identifier: ISC */
#include "privsep/hooks/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "common/libc.h"
#include "common/title.h"
#include "privsep/ipc/ipc.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define PATH_OF_PROGRAMS "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static struct ipc_message message;

/* The last bytes that a program printed. */
struct output {
	char bytes[LAUNCHER_OUTPUT_MAX];
	size_t len;
};

struct ending {
	enum launcher_outcome outcome;
	uint32_t value;
	struct output output;
};

static void __attribute__((format(printf, 2, 3)))
add_variable(struct launcher_environment *environment, const char *format, ...)
{
	size_t room = sizeof(environment->text) - environment->used;
	char *text = environment->text + environment->used;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, room, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room || environment->count == LAUNCHER_VARIABLES_MAX) {
		environment->used = sizeof(environment->text); /* nothing fits any more */
		return;
	}
	environment->variables[environment->count++] = text;
	environment->variables[environment->count] = NULL;
	environment->used += (size_t)len + 1;
}

int
launcher_environment_make(struct launcher_environment *environment, const struct hook_event *event, uint32_t attempt)
{
	time_t seconds = (time_t)(event->time_ns / 1000000000);
	bool is_root_home = strcmp(event->home, "/") == 0;
	char time_text[32];
	struct tm utc;

	environment->used = 0;
	environment->count = 0;
	gmtime_r(&seconds, &utc);
	strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	add_variable(environment, PATH_OF_PROGRAMS);
	add_variable(environment, "SALLYPORT_EVENT=%s", event->kind == HOOK_BRAKE ? "brake" : "upload");
	add_variable(environment, "SALLYPORT_PATH=%s%s", is_root_home ? "" : event->home, hook_event_below(event));
	add_variable(environment, "SALLYPORT_HOME=%s", event->home);
	add_variable(environment, "SALLYPORT_CLIENT_PATH=%s", event->path);
	add_variable(environment, "SALLYPORT_USER=%s", event->user);
	add_variable(environment, "SALLYPORT_SIZE=%llu", (unsigned long long)event->size);
	add_variable(environment, "SALLYPORT_HASH=%s", event->hash);
	add_variable(environment, "SALLYPORT_ADDRESS=%s", event->address);
	add_variable(environment, "SALLYPORT_SESSION=%s", event->session);
	add_variable(environment, "SALLYPORT_TIME=%s", time_text);
	add_variable(environment, "SALLYPORT_ATTEMPT=%u", attempt);
	return environment->used == sizeof(environment->text) ? -E2BIG : 0;
}

/* runs in the child that becomes the program: never returns. Its errno goes through the pipe that execve closes. */
static void
become_program(const struct launcher *launcher, char **variables, int output_fd, int error_fd, pid_t parent)
{
	char *arguments[] = {(char *)(uintptr_t)launcher->program, NULL};
	struct sigaction by_default = {.sa_handler = SIG_DFL};
	int error;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);	/* the server's own choice */
	/* the program must not inherit ignored signals and the handler of SIGSYS */
	for (int number = 1; number < NSIG; number++)
		(void)!sigaction(number, &by_default, NULL);
	dup2(output_fd, STDOUT_FILENO);
	dup2(output_fd, STDERR_FILENO);
	execve(launcher->program, arguments, variables);
	error = errno;
	(void)!write(error_fd, &error, sizeof(error));
	_exit(127);
}

static void
keep_output(struct output *output, const char *bytes, size_t len)
{
	size_t over;

	if (len > sizeof(output->bytes)) {
		bytes += len - sizeof(output->bytes);
		len = sizeof(output->bytes);
	}
	over = output->len + len > sizeof(output->bytes) ? output->len + len - sizeof(output->bytes) : 0;
	memmove(output->bytes, output->bytes + over, output->len - over);
	output->len -= over;
	memcpy(output->bytes + output->len, bytes, len);
	output->len += len;
}

/* Take what has been printed. False at its end. */
static bool
read_output(int fd, struct output *output)
{
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n > 0)
		keep_output(output, bytes, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/*
 * Wait until the program has ended, its time is over, or nobody waits for it any more. A child of the program may
 * live on and hold the pipe, so wait for the program itself.
 */
static void
watch_program(const struct launcher *launcher, pid_t pid, int output_fd, struct ending *ending)
{
	enum { ENDED, OUTPUT, CHANNEL, WAITS };
	uint64_t deadline = monotonic_ms() + 1000ULL * launcher->timeout_s;
	int pid_fd = pidfd_open(pid, 0);
	struct pollfd waits[WAITS] = {
	    [ENDED] = {.fd = pid_fd, .events = POLLIN},
	    [OUTPUT] = {.fd = output_fd, .events = POLLIN},
	    [CHANNEL] = {.fd = launcher->channel}, /* POLLHUP alone */
	};
	bool is_over = pid_fd < 0;

	while (!is_over) {
		uint64_t now = monotonic_ms();
		int n = poll(waits, WAITS, deadline_left_ms(deadline, now));

		if (n < 0)
			continue;
		if (waits[OUTPUT].revents != 0 && !read_output(output_fd, &ending->output))
			waits[OUTPUT].fd = -1;
		if (waits[ENDED].revents == 0 && monotonic_ms() >= deadline)
			ending->outcome = LAUNCHER_TIMED_OUT;
		is_over =
		    waits[ENDED].revents != 0 || waits[CHANNEL].revents != 0 || ending->outcome == LAUNCHER_TIMED_OUT;
	}
	close_fd(&pid_fd);
	while (waits[OUTPUT].fd >= 0 && poll(&waits[OUTPUT], 1, 0) > 0 && read_output(output_fd, &ending->output))
		;
}

/* Kill the rest of the program's process group; returns how the program ended. */
static void
reap_hook(pid_t pid, struct ending *ending)
{
	int status = 0;

	kill(-pid, SIGKILL);
	kill(pid, SIGKILL); /* should it not have come to its own group yet */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ending->outcome == LAUNCHER_TIMED_OUT)
		return;
	ending->outcome = WIFSIGNALED(status) ? LAUNCHER_SIGNALLED : LAUNCHER_EXITED;
	ending->value = (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int
start_hook_program(const struct launcher *launcher, struct launcher_environment *environment, int output_fd, pid_t *pid)
{
	int errors[2] = {-1, -1}, error = 0;
	pid_t parent = getpid();
	int r = 0;

	if (pipe2(errors, O_CLOEXEC) < 0)
		return -errno;
	*pid = fork();
	if (*pid == 0)
		become_program(launcher, environment->variables, output_fd, errors[1], parent);
	if (*pid < 0)
		r = -errno;
	close_fd(&errors[1]);
	if (r == 0 && io_read_all(errors[0], &error, sizeof(error)) == sizeof(error)) {
		waitpid(*pid, NULL, 0);
		r = -error;
	}
	close_fd(&errors[0]);
	return r;
}

static void
run_hook_program(
    const struct launcher *launcher, const struct hook_event *event, uint32_t attempt, struct ending *ending)
{
	static struct launcher_environment environment;
	int output[2] = {-1, -1};
	pid_t pid = 0;
	int r;

	*ending = (struct ending){.outcome = LAUNCHER_EXITED};
	r = launcher_environment_make(&environment, event, attempt);
	if (r == 0 && pipe2(output, O_CLOEXEC) < 0)
		r = -errno;
	if (r == 0 && fcntl(output[0], F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0)
		r = start_hook_program(launcher, &environment, output[1], &pid);
	close_fd(&output[1]);
	if (r < 0) {
		ending->outcome = LAUNCHER_NOT_STARTED;
		ending->value = (uint32_t)-r;
	} else {
		watch_program(launcher, pid, output[0], ending);
		reap_hook(pid, ending);
	}
	close_fd(&output[0]);
}

static void
serve_hooks(const struct launcher *launcher)
{
	static struct hook_event event;
	struct ending ending;
	uint32_t attempt;
	int r;

	for (;;) {
		r = ipc_receive(launcher->channel, IPC_LAUNCHER, IPC_STATE_ANY, &message);
		if (r == -EINTR)
			continue;
		attempt = ipc_get_u32(&message);
		if (r < 0 || message.kind != IPC_run_hook || hook_event_get(&message, &event) < 0)
			_exit(r == -EPIPE ? 0 : 1);
		run_hook_program(launcher, &event, attempt, &ending);
		ipc_begin_reply(&message, IPC_run_hook, 0);
		ipc_put_u8(&message, (uint8_t)ending.outcome);
		ipc_put_u32(&message, ending.value);
		ipc_put_bytes(&message, ending.output.bytes, ending.output.len);
		if (ipc_send_now(launcher->channel, &message, -1) < 0)
			_exit(0);
	}
}

void
launcher_run(const struct launcher *launcher)
{
	launcher_enter_walls(launcher);
	serve_hooks(launcher);
	_exit(0);
}
