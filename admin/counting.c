#include "admin/counting.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "common/io.h"
#include "privsep/files/sweep.h"
#include "privsep/sandbox/sandbox.h"
#include "trusted/place.h"

#include "common/banned.h"

#define NICE_LOWEST 19

/* What the child tells. */
struct counted {
	int result;
	struct counting counting;
};

static void
tell_missing(void *arg, const char *line)
{
	(void)arg;
	ctl_error("%s", line);
}

/* The story of the child: behind the walls of files, then sweep and count, then tell. */
static void __attribute__((noreturn)) count_behind_walls(const struct account *account, int home_fd, int out_fd,
    struct count_uploads *uploads, uint64_t keep_s, pid_t parent)
{
	const struct home home = {.fd = home_fd}; /* without a quota: who counts has the ledger's lock already */
	const int kept[] = {home_fd, out_fd};
	struct counted counted = {.result = 0};
	int r = sandbox_close_all_but(kept, 2);

	/* for processor and disk alike; not the lowest, since sessions of the account wait for the ledger's lock */
	(void)setpriority(PRIO_PROCESS, 0, NICE_LOWEST);
	if (r == 0)
		r = sandbox_limit(SANDBOX_FILES);
	if (r == 0)
		r = sandbox_chroot(home_fd);
	if (r == 0)
		r = sandbox_drop_identity(account->uid, account->gid);
	if (r == 0)
		r = sandbox_landlock(home_fd, keep_s == COUNTING_SWEEPS_NOTHING);
	if (r == 0)
		r = sandbox_enter(SANDBOX_FILES, parent);
	if (r == 0 && keep_s != COUNTING_SWEEPS_NOTHING)
		counted.counting.swept = sweep_home(&home, keep_s, UINT64_MAX);
	if (r == 0)
		r = count_home(home_fd, uploads, &counted.counting.figure);
	counted.result = r;
	_exit(io_write_all(out_fd, &counted, sizeof(counted)) == 0 ? 0 : 1);
}

static int
fork_and_wait(
    const struct account *account, int home_fd, struct count_uploads *uploads, uint64_t keep_s, struct counted *counted)
{
	pid_t parent = getpid(), child;
	int ends[2];
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		count_behind_walls(account, home_fd, ends[1], uploads, keep_s, parent);
	close_fd(&ends[1]);
	n = child < 0 ? -errno : io_read_all(ends[0], counted, sizeof(*counted));
	close_fd(&ends[0]);
	if (child < 0)
		return (int)n;
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return n == (ssize_t)sizeof(*counted) ? counted->result : -ECHILD;
}

static void
tell_home(const struct account *account, const struct trust_problem *problem)
{
	char why[TRUST_TEXT_MAX];

	trust_explain(problem, why, sizeof(why));
	ctl_error("cannot count '%s': %s", ctl_quote(account->home), ctl_quote(why));
}

int
counting_run(const struct account *account, struct count_uploads *uploads, uint64_t keep_s, struct counting *counting)
{
	static struct count_uploads none;
	static bool is_ready;
	struct trust_problem problem;
	struct counted counted;
	int home_fd, r;

	if (!is_ready && sandbox_init(tell_missing, NULL) < 0)
		return -ENOSYS;
	is_ready = true;
	home_fd = r = trusted_home_open(account->home, &(const struct trust){account->uid, account->gid}, &problem);
	if (home_fd < 0)
		tell_home(account, &problem);
	else
		r = fork_and_wait(account, home_fd, uploads == NULL ? &none : uploads, keep_s, &counted);
	if (r == 0)
		*counting = counted.counting;
	else if (home_fd >= 0 && r == -ECHILD)
		ctl_error("the process that counts '%s' died", ctl_quote(account->home));
	else if (home_fd >= 0)
		ctl_error("cannot count '%s': %s", ctl_quote(account->home), strerror(-r));
	close_fd(&home_fd);
	return r;
}
