/* SPDX-License-Identifier: ISC */
#include "admin/walled.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "common/io.h"
#include "privsep/files/partial_name.h"
#include "privsep/sandbox/sandbox.h"
#include "trusted/place.h"

#include "common/banned.h"

#define NICE_LOWEST 19

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
	int r = sandbox_close_all_but(kept, 2);

	/* for processor and disk alike; not the lowest, since sessions of the account wait for the ledger's lock */
	(void)setpriority(PRIO_PROCESS, 0, NICE_LOWEST);
	if (r == 0)
		r = sandbox_limit(SANDBOX_FILES);
	if (r == 0)
		r = sandbox_chroot_home(home_fd, account->uid, account->gid);
	if (r == 0)
		r = sandbox_drop_identity(account->uid, account->gid);
	if (r == 0)
		r = sandbox_landlock(home_fd, work->is_read_only);
	if (r == 0)
		r = sandbox_enter(SANDBOX_FILES, parent);
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

static void
report_walled_failure(const struct account *account, const char *verb, int error)
{
	if (error == -ECHILD)
		ctl_error("the process that was to %s '%s' died", verb, ctl_quote(account->home));
	else
		ctl_error("cannot %s '%s': %s", verb, ctl_quote(account->home), strerror(-error));
}

int
walled_run(const struct account *account, const struct walled_work *work, void *result, size_t size)
{
	static bool is_ready;
	struct trust_problem problem;
	char why[TRUST_TEXT_MAX];
	int home_fd, r;

	if (!is_ready && (sandbox_init(tell_missing, NULL) < 0 || partial_name_init() < 0))
		return -ENOSYS;
	is_ready = true;
	home_fd = trusted_home_open(account->home, &(const struct trust){account->uid, account->gid}, &problem);
	if (home_fd < 0) {
		trust_explain(&problem, why, sizeof(why));
		ctl_error("cannot %s '%s': %s", work->verb, ctl_quote(account->home), ctl_quote(why));
		return home_fd;
	}
	r = fork_and_wait(account, work, home_fd, result, size);
	if (r < 0)
		report_walled_failure(account, work->verb, r);
	close_fd(&home_fd);
	return r;
}
