/* SPDX-License-Identifier: ISC */
#include "client/ui/diversion.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/ui/report.h"
#include "client/ui/shell_line.h"
#include "common/io.h"

#include "common/banned.h"

/* sh(1) runs what the user typed after "|". What came from a server is only in its standard input. */
static _Noreturn void
become_piped_program(const char *program, int in_fd)
{
	if (dup2(in_fd, STDIN_FILENO) < 0)
		_exit(126);
	/* what is ignored stays so in the new program */
	signal(SIGPIPE, SIG_DFL);
	execl("/bin/sh", "sh", "-c", program, (char *)NULL);
	_exit(127);
}

/* Returns the writing end of a pipe into the program, or -errno. */
static int
start_piped_program(struct diversion *diversion, const char *program)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	diversion->program = fork();
	if (diversion->program == 0)
		become_piped_program(program, ends[0]);
	r = diversion->program < 0 ? -errno : 0;
	close_fd(&ends[0]);
	if (r < 0) {
		diversion->program = 0;
		close_fd(&ends[1]);
		return r;
	}
	return ends[1];
}

enum exit_status
diversion_begin(struct diversion *diversion, const struct shell_line *line)
{
	const char *name = line->program != NULL ? line->program : line->file;
	int fd;

	*diversion = (struct diversion){.own_fd = -1};
	if (name == NULL)
		return EXIT_DONE;
	fflush(stdout);
	if (line->program != NULL) {
		fd = start_piped_program(diversion, line->program);
	} else {
		fd = open(
		    line->file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (line->appends ? O_APPEND : O_TRUNC), 0666);
		fd = fd < 0 ? -errno : fd;
	}
	if (fd < 0)
		return report_local(line->program != NULL ? "cannot start" : "cannot write to", name, fd);
	diversion->own_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (diversion->own_fd < 0 || dup2(fd, STDOUT_FILENO) < 0) {
		enum exit_status status = report_local("cannot write to", name, -errno);

		close_fd(&fd);
		(void)diversion_end(diversion);
		return status;
	}
	close_fd(&fd);
	return EXIT_DONE;
}

enum exit_status
diversion_end(struct diversion *diversion)
{
	enum exit_status status = EXIT_DONE;
	int wait_status = 0;

	if (diversion->own_fd >= 0) {
		/* a program may end before it has read all, as head(1) does */
		if (fflush(stdout) != 0 && errno != EPIPE)
			status = report_failure(FTP_LOCAL, "cannot write the output", strerror(errno), "");
		clearerr(stdout);
		(void)dup2(diversion->own_fd, STDOUT_FILENO);
		close_fd(&diversion->own_fd);
	}
	while (diversion->program > 0 && waitpid(diversion->program, &wait_status, 0) < 0 && errno == EINTR)
		continue;
	if (diversion->program > 0 && wait_status != 0)
		status = exit_status_worse(status, EXIT_LOCAL);
	*diversion = (struct diversion){.own_fd = -1};
	return status;
}
