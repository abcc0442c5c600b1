#include "daemon/master/accounts_loader.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accounts/snapshot.h"
#include "common/io.h"
#include "daemon/master/master.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define LOADER_SECONDS_MAX 60

static void
tell_stderr(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "sallyportd: %s\n", line);
}

static void
tell_log(void *arg, const char *line)
{
	(void)arg;
	log_message(LEVEL_ERROR, "accounts-refused", "%s", line);
}

/* The stamp of the users file now; all zero when there is none. */
static void
current_stamp(const struct master *master, struct accounts_stamp *stamp)
{
	struct stat st;

	memset(stamp, 0, sizeof(*stamp));
	if (stat(master->config->accounts, &st) == 0)
		accounts_stamp_from_stat(&st, stamp);
}

/* Fork the loader. Returns 0 or -errno. */
static int
start_loader(struct master *master, void (*error)(void *arg, const char *line))
{
	int fd = memfd_create("accounts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	pid_t pid;

	if (fd < 0)
		return -errno;
	current_stamp(master, &master->accounts.loading);
	pid = fork();
	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		board_leave(&master->board);
		log_set_context("accounts", NULL, NULL, NULL);
		alarm(LOADER_SECONDS_MAX);
		_exit(snapshot_build(master->config->accounts, fd, error, NULL) == 0 ? 0 : 1);
	}
	if (pid < 0) {
		int r = -errno;

		close_fd(&fd);
		return r;
	}
	master->accounts.loader = pid;
	master->accounts.loading_fd = fd;
	return 0;
}

/* Take the loader's result over. 0, or -EINVAL: the old snapshot stays. */
static int
finish_loader(struct master *master, int status)
{
	uint64_t count = 0;
	struct accounts_stamp stamp;

	master->accounts.loader = 0;
	master->accounts.tried = master->accounts.loading;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
	    snapshot_stamp(master->accounts.loading_fd, &stamp, &count) < 0) {
		close_fd(&master->accounts.loading_fd);
		return -EINVAL;
	}
	close_fd(&master->accounts.fd);
	master->accounts.fd = master->accounts.loading_fd;
	master->accounts.loading_fd = -1;
	master->accounts.tried = stamp;
	log_message(LEVEL_INFO, "accounts-loaded", "%llu accounts", (unsigned long long)count);
	return 0;
}

int
accounts_load_first(struct master *master)
{
	int status = 0;
	int r;

	master->accounts.fd = -1;
	r = start_loader(master, tell_stderr);
	if (r < 0)
		return r;
	while (waitpid(master->accounts.loader, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return finish_loader(master, status);
}

bool
accounts_are_fresh(struct master *master)
{
	struct accounts_stamp now;

	if (master->accounts.loader != 0)
		return false;
	current_stamp(master, &now);
	if (accounts_stamp_equal(&now, &master->accounts.tried))
		return true;
	accounts_reload(master);
	return master->accounts.loader == 0;
}

void
accounts_reload(struct master *master)
{
	int r;

	if (master->accounts.loader != 0)
		return;
	r = start_loader(master, tell_log);
	if (r < 0)
		log_message(LEVEL_ERROR, "accounts-refused", "loader cannot be started: %s", strerror(-r));
}

bool
accounts_reaped(struct master *master, pid_t pid, int status)
{
	if (pid != master->accounts.loader)
		return false;
	if (finish_loader(master, status) < 0)
		log_message(LEVEL_ERROR, "accounts-refused", "'%s' is not used; the accounts in force stay",
		    master->config->accounts);
	return true;
}
