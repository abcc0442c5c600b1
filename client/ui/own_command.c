/* SPDX-License-Identifier: ISC */
#include "client/ui/own_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/ui/terminal.h"
#include "common/io.h"

#include "common/banned.h"

static _Noreturn void
become_command(const char *command, const char *host, const char *user, int out_fd)
{
	if (dup2(out_fd, STDOUT_FILENO) < 0 || setenv("SALLYPORT_HOST", host, 1) < 0 ||
	    setenv("SALLYPORT_USER", user, 1) < 0)
		_exit(126);
	/* what is ignored stays so in the new program */
	signal(SIGPIPE, SIG_DFL);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int
own_command_line(const char *command, const char *host, const char *user, char *line, size_t size)
{
	int ends[2], r, wait_status = 0;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		become_command(command, host, user, ends[1]);
	r = child < 0 ? -errno : 0;
	close_fd(&ends[1]);
	if (r == 0)
		r = terminal_read_line(ends[0], line, size);
	close_fd(&ends[0]);
	while (child > 0 && waitpid(child, &wait_status, 0) < 0 && errno == EINTR)
		continue;
	/* more lines than one end the command by SIGPIPE, which is no failure */
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) != 0)
		return -ECANCELED;
	return r;
}
