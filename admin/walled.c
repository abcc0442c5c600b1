/* SPDX-License-Identifier: ISC */
#include "admin/walled.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

#define ROWS_SIZE (64 * 1024)

/* What the child tells, in pieces: a length, and bytes. The length 0 ends the rows. */
static struct {
	int fd;
	size_t len;
	char bytes[ROWS_SIZE];
} told_rows;

static int
flush_rows(void)
{
	int r = io_write_all(told_rows.fd, told_rows.bytes, told_rows.len);

	told_rows.len = 0;
	return r;
}

int
walled_put_row(const void *row, size_t len)
{
	uint32_t length = (uint32_t)len;
	int r = 0;

	if (len > WALLED_ROW_MAX)
		return -EMSGSIZE;
	if (told_rows.len + sizeof(length) + len > sizeof(told_rows.bytes))
		r = flush_rows();
	memcpy(told_rows.bytes + told_rows.len, &length, sizeof(length));
	memcpy(told_rows.bytes + told_rows.len + sizeof(length), row, len);
	told_rows.len += sizeof(length) + len;
	return r;
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
	int r;

	umask(0); /* modes are results, not wishes */
	r = home_walls_enter(&walls);
	told_rows.fd = out_fd;
	if (r == 0)
		r = work->job(home_fd, work->arg, result);
	if (work->take != NULL && (walled_put_row("", 0) < 0 || flush_rows() < 0))
		_exit(1);
	_exit(io_write_all(out_fd, &r, sizeof(r)) == 0 && io_write_all(out_fd, result, size) == 0 ? 0 : 1);
}

static int
read_exactly(FILE *from, void *bytes, size_t size)
{
	return fread(bytes, 1, size, from) == size ? 0 : -ECHILD;
}

static int
read_rows(FILE *from, const struct walled_work *work)
{
	static char row[WALLED_ROW_MAX] __attribute__((aligned(16)));
	uint32_t length;
	int r;

	for (;;) {
		r = read_exactly(from, &length, sizeof(length));
		if (r < 0 || length == 0)
			return r;
		r = length > sizeof(row) ? -ECHILD : read_exactly(from, row, length);
		if (r < 0)
			return r;
		work->take(work->take_arg, row, length);
	}
}

/* runs as root: believes nothing but the sizes */
static int
read_report(int fd, const struct walled_work *work, int *told, void *result, size_t size)
{
	FILE *from = fdopen(fd, "r");
	int r = 0;

	if (from == NULL) {
		r = -errno;
		close(fd);
		return r;
	}
	if (work->take != NULL)
		r = read_rows(from, work);
	if (r == 0)
		r = read_exactly(from, told, sizeof(*told));
	if (r == 0)
		r = read_exactly(from, result, size);
	fclose(from);
	return r;
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
		r = read_report(ends[0], work, &told, result, size);
	else
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

/* A shared folder (its name begins with '+') belongs to its group, and nobody but root may lead to it. */
static int
open_walled(const struct account *account, struct trust_problem *problem)
{
	if (account->name[0] == '+')
		return trusted_folder_open(account->home, (gid_t)account->gid, problem);
	return trusted_home_open(account->home, &(const struct trust){account->uid, account->gid}, problem);
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
	home_fd = open_walled(account, &problem);
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
