/* SPDX-License-Identifier: ISC */
#include "daemon/master/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/libc.h"
#include "common/title.h"
#include "common/written.h"
#include "daemon/master/activation.h"
#include "daemon/master/certificates.h"
#include "daemon/master/listeners.h"
#include "daemon/master/notify.h"
#include "daemon/master/server.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define ENVIRONMENT_MAX 10
#define NAMES_MAX (LISTENERS_MAX * ACTIVATION_NAME_MAX)
#define TEXT_MAX (64 + (CERTIFICATES_GOOD_MAX > NAMES_MAX ? CERTIFICATES_GOOD_MAX : NAMES_MAX))

static const char *const sanitizer_variables[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS"};
static char *sanitizer_values[2];

static bool
is_this_program(const char *path)
{
	struct stat it, this;

	return stat(path, &it) == 0 && stat("/proc/self/exe", &this) == 0 && it.st_dev == this.st_dev &&
	    it.st_ino == this.st_ino;
}

const char *
program_path(const char *argv0)
{
	char path[PATH_MAX], directory[PATH_MAX];
	ssize_t len;

	if (sandbox_is_widened())
		for (size_t i = 0; i < 2; i++)
			if (getenv(sanitizer_variables[i]) != NULL)
				sanitizer_values[i] = strdup(getenv(sanitizer_variables[i]));
	if (argv0[0] == '/')
		snprintf(path, sizeof(path), "%s", argv0);
	else if (getcwd(directory, sizeof(directory)) == NULL ||
	    snprintf(path, sizeof(path), "%s/%s", directory, argv0) >= (int)sizeof(path))
		path[0] = '\0';
	if (!is_this_program(path)) {
		len = readlink("/proc/self/exe", path, sizeof(path) - 1);
		path[len < 0 ? 0 : len] = '\0';
	}
	return strdup(path);
}

static int
move_up(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, INHERITED_FIRST + LISTENERS_MAX + INHERITED_EXTRAS);
}

/* runs in the child: the descriptors where activation_take() looks for them. Their number, or -1. */
static int
place_descriptors(const struct program_start *start)
{
	int fds[LISTENERS_MAX + INHERITED_EXTRAS];
	int count = (int)start->listeners->count;

	for (int i = 0; i < count; i++)
		fds[i] = move_up(start->listeners->all[i].fd);
	fds[count + INHERITED_CHANNEL] = move_up(start->channel);
	fds[count + INHERITED_STDERR] = move_up(STDERR_FILENO);
	fds[count + INHERITED_UPLOADS] = move_up(start->server->offer.hook_channel);
	fds[count + INHERITED_UPLOADS_READ] = move_up(start->uploads_read);
	if (dup2(start->errors_fd, STDERR_FILENO) < 0)
		return -1;
	for (int i = 0; i < count + INHERITED_EXTRAS; i++)
		if (fds[i] < 0 || dup2(fds[i], INHERITED_FIRST + i) < 0)
			return -1;
	return count;
}

/* runs in the child: keep of the old environment only descriptors, the service manager and the zone */
static void
make_environment(const struct program_start *start, int count, char *variables[ENVIRONMENT_MAX + 1])
{
	static char texts[ENVIRONMENT_MAX][TEXT_MAX] SELDOM_WRITTEN;
	char names[NAMES_MAX] = "";
	struct stat st;
	size_t n = 0;

	for (int i = 0; i < count; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i == 0 ? "" : ":",
		    activation_name(&start->listeners->all[i]));
	snprintf(texts[n++], sizeof(texts[0]), "LISTEN_FDS=%d", count);
	snprintf(texts[n++], sizeof(texts[0]), "LISTEN_PID=%ld", (long)getpid());
	snprintf(texts[n++], sizeof(texts[0]), "LISTEN_FDNAMES=%s", names);
	snprintf(texts[n++], sizeof(texts[0]), INHERITED_ENVIRONMENT "=1");
	if (start->good_certificates[0] != '\0')
		snprintf(texts[n++], sizeof(texts[0]), INHERITED_GOOD_CERTIFICATES "=%s", start->good_certificates);
	if (notify_socket()[0] != '\0')
		snprintf(texts[n++], sizeof(texts[0]), "NOTIFY_SOCKET=%s", notify_socket());
	if (start->server->is_stderr_journal && fstat(INHERITED_FIRST + count + INHERITED_STDERR, &st) == 0)
		snprintf(texts[n++], sizeof(texts[0]), "JOURNAL_STREAM=%llu:%llu", (unsigned long long)st.st_dev,
		    (unsigned long long)st.st_ino);
	if (getenv("TZ") != NULL)
		snprintf(texts[n++], sizeof(texts[0]), "TZ=%s", getenv("TZ"));
	for (size_t i = 0; i < 2; i++)
		if (sanitizer_values[i] != NULL)
			snprintf(texts[n++], sizeof(texts[0]), "%s=%s", sanitizer_variables[i], sanitizer_values[i]);
	for (size_t i = 0; i < n; i++)
		variables[i] = texts[i];
	variables[n] = NULL;
}

static void __attribute__((noreturn)) run_program(const struct program_start *start)
{
	char *variables[ENVIRONMENT_MAX + 1];
	const char *program = start->path;
	sigset_t none;
	int count;

	count = place_descriptors(start);
	if (count < 0) {
		dprintf(start->errors_fd, "the descriptors cannot be handed over: %s\n", strerror(errno));
		_exit(EXIT_FAILURE);
	}
	make_environment(start, count, variables);
	if (!start->server->is_foreground)
		setsid();
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execle(
	    program, program, start->server->is_foreground ? "-fc" : "-c", start->server->config_path, NULL, variables);
	dprintf(STDERR_FILENO, "cannot execute '%s': %s\n", program, strerror(errno));
	_exit(EXIT_FAILURE);
}

/*
 * runs in the child: the parent of the new program until that is ready, since a parent learns how a program ended.
 * It ends as the program did. It has no descriptor, so that it keeps no channel open.
 */
static void __attribute__((noreturn)) hold_program(const struct program_start *start, int pid_fd)
{
	siginfo_t gone = {.si_pid = 0};
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != start->server->pid)
		_exit(EXIT_FAILURE);
	pid = fork();
	if (pid == 0)
		run_program(start);
	if (pid < 0)
		dprintf(start->errors_fd, "no process can be started: %s\n", strerror(errno));
	else
		(void)!write(pid_fd, &pid, sizeof(pid));
	close_range(0, ~0U, 0);
	if (pid < 0)
		_exit(EXIT_FAILURE);
	title_set("upgrade", NULL, NULL);
	/* not reaped: its number stays its own while this process lives */
	while (waitid(P_PID, (id_t)pid, &gone, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	if (gone.si_code == CLD_EXITED)
		_exit(gone.si_status);
	signal(gone.si_status, SIG_DFL);
	raise(gone.si_status);
	_exit(EXIT_FAILURE);
}

pid_t
program_start(const struct program_start *start, pid_t *pid_out, int *fd_out)
{
	int pids[2];
	pid_t parent;
	int r;

	*pid_out = 0;
	*fd_out = -1;
	if (pipe2(pids, O_CLOEXEC) < 0)
		return -errno;
	parent = fork();
	if (parent == 0)
		hold_program(start, pids[1]);
	r = parent < 0 ? -errno : 0;
	close(pids[1]);
	if (r == 0 && io_read_all(pids[0], pid_out, sizeof(*pid_out)) == (ssize_t)sizeof(*pid_out))
		*fd_out = pidfd_open(*pid_out, 0);
	else
		*pid_out = 0;
	close(pids[0]);
	return r < 0 ? r : parent;
}
