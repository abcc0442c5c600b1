/* SPDX-License-Identifier: ISC */
#include "daemon/master/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/title.h"
#include "daemon/master/oom.h"
#include "privsep/ipc/board.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define EXIT_AGAIN 2 /* memory, descriptors or the like were short: nothing was found out */
#define LINES_MAX (16 * 1024) /* bytes of all lines that are read */

/* In the child. */
static int
close_others(const struct errand *errand)
{
	int keep[ERRAND_KEPT_MAX + 1 + LOG_CHANNELS];
	size_t count = errand->kept_count;

	memcpy(keep, errand->kept, count * sizeof(keep[0]));
	keep[count++] = errand->lines_fd;
	log_get_channels(keep + count);
	return sandbox_close_all_but(keep, count + LOG_CHANNELS);
}

pid_t
errand_start(struct errand *errand, struct loop *loop, struct board *board, const char *process, unsigned seconds)
{
	int ends[2];
	sigset_t none;
	pid_t pid;

	errand->pid = 0;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	pid = sandbox_fork_whole();
	if (pid < 0) {
		int r = -errno;

		close(ends[0]);
		close(ends[1]);
		return r;
	}
	if (pid == 0) {
		errand->lines_fd = ends[1];
		if (close_others(errand) < 0)
			_exit(1);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		board_leave(board);
		oom_leave_protection();
		log_set_context(process, NULL, NULL, NULL);
		title_name("sallyport-task");
		title_set(process, NULL, NULL);
		alarm(seconds);
		return 0;
	}
	close(ends[1]);
	errand->pid = pid;
	errand->lines_fd = ends[0];
	if (loop != NULL)
		child_add(loop, &errand->child, pid);
	return pid;
}

void
errand_drop(struct errand *errand, struct loop *loop)
{
	if (errand->pid == 0)
		return;
	kill(errand->pid, SIGKILL);
	if (loop != NULL)
		child_drop(loop, &errand->child);
	close_fd(&errand->lines_fd);
	errand->pid = 0;
}

void
errand_say(void *errand, const char *line)
{
	dprintf(((struct errand *)errand)->lines_fd, "%s\n", line);
}

static void
tell_lines(int fd, void (*tell)(void *arg, const char *line), void *arg)
{
	static char text[LINES_MAX + 1];
	ssize_t got = io_read_all(fd, text, LINES_MAX);
	char *line, *end;

	if (got <= 0)
		return;
	text[got] = '\0';
	for (line = text; *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		if (*end != '\0')
			*end++ = '\0';
		if (*line != '\0')
			tell(arg, line);
	}
}

static bool
is_passing(int r)
{
	return r == -ENOMEM || r == -EAGAIN || r == -EMFILE || r == -ENFILE || r == -ENOSPC;
}

void
errand_exit(int r)
{
	if (r == 0)
		_exit(0);
	_exit(is_passing(r) ? EXIT_AGAIN : 1);
}

int
errand_end(struct errand *errand, int status, void (*tell)(void *arg, const char *line), void *arg)
{
	char line[128];

	errand->pid = 0;
	tell_lines(errand->lines_fd, tell, arg);
	close_fd(&errand->lines_fd);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_AGAIN)
		return -EINTR;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == 0 ? 0 : -EINVAL;
	if (WTERMSIG(status) == SIGALRM)
		snprintf(line, sizeof(line), "the process that examines it took too long");
	else
		snprintf(line, sizeof(line), "the process that examines it was ended by signal %d", WTERMSIG(status));
	tell(arg, line);
	return WTERMSIG(status) == SIGKILL ? -EINTR : -EINVAL;
}
