/* SPDX-License-Identifier: ISC */
#include "admin/walled.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "common/io.h"
#include "privsep/counter/home_walls.h"
#include "privsep/files/partial_name.h"
#include "privsep/sandbox/sandbox.h"
#include "trusted/place.h"

#include "common/banned.h"

static void
tell_missing(void *arg, const char *line)
{
	(void)arg;
	ctl_error("%s", line);
}

/* The story of the child: go behind the walls of files, do the work, report. */
static void __attribute__((noreturn))
work_behind_walls(const struct account *account, const struct walled_work *work,
    int home_fd, int out_fd, void *result, size_t size, pid_t parent)
{
	const int kept[] = {home_fd, out_fd};
	const struct home_walls walls = {.home_fd = home_fd,
	    .uid = account->uid,
	    .gid = account->gid,
	    .is_read_only = work->is_read_only,
	    .kept = kept,
	    .kept_count = 2,
	    .parent = parent};
	int r = home_walls_enter(&walls);

	if (r == 0)
		r = work->job(home_fd, work->arg, result);
	_exit(io_write_all(out_fd, &r, sizeof(r)) == 0 && io_write_all(out_fd, result, size) == 0 ? 0 : 1);
}

static int
read_exactly(int fd, void *bytes, size_t size)
{
	ssize_t n = io_read_all(fd, bytes, size);

	return n == (ssize_t)size ? 0 : -ECHILD;
}

static int
fork_and_wait(const struct account *account, const struct walled_work *work, int home_fd, void *result, size_t size)
{
	pid_t parent = getpid(), child;
	int ends[2];
	int told = -ECHILD, r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		work_behind_walls(account, work, home_fd, ends[1], result, size, parent);
	r = child < 0 ? -errno : 0;
	close_fd(&ends[1]);
	if (r == 0)
		r = read_exactly(ends[0], &told, sizeof(told));
	if (r == 0)
		r = read_exactly(ends[0], result, size);
	close_fd(&ends[0]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? r : told;
}

void
walled_report(const struct account *account, const char *verb, int error)
{
	if (error == -ECHILD)
		ctl_error("the process that was to %s '%s' died", verb, ctl_quote(account->home));
	else
		ctl_error("cannot %s '%s': %s", verb, ctl_quote(account->home), strerror(-error));
}

int
walled_open_home(const struct account *account, const char *verb)
{
	static bool is_ready;
	struct trust_problem problem;
	char why[TRUST_TEXT_MAX];
	int home_fd;

	if (!is_ready && (sandbox_init(tell_missing, NULL) < 0 || partial_name_init() < 0))
		return -ENOSYS;
	is_ready = true;
	home_fd = trusted_home_open(account->home, &(const struct trust){account->uid, account->gid}, &problem);
	if (home_fd < 0) {
		trust_explain(&problem, why, sizeof(why));
		ctl_error("cannot %s '%s': %s", verb, ctl_quote(account->home), ctl_quote(why));
	}
	return home_fd;
}

int
walled_run(const struct account *account, const struct walled_work *work, void *result, size_t size)
{
	int home_fd = walled_open_home(account, work->verb);
	int r;

	if (home_fd < 0)
		return home_fd;
	r = fork_and_wait(account, work, home_fd, result, size);
	if (r < 0)
		walled_report(account, work->verb, r);
	close_fd(&home_fd);
	return r;
}
