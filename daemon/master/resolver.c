/* SPDX-License-Identifier: ISC */
#include "daemon/master/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/title.h"
#include "daemon/master/master.h"
#include "daemon/master/oom.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define LOOK_EVERY_MS (5 * 60 * 1000)
#define LOOKUP_SECONDS_MAX 30

static bool
is_name(const struct master *master)
{
	union address address;

	return !master->config->passive_address_auto && address_parse(master->config->passive_address, &address) < 0;
}

/* runs in the lookup process: the first IPv4 address of the name, into the pipe */
static void __attribute__((noreturn))
look_up(const struct master *master, int pipe_fd)
{
	static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	const int keep[] = {pipe_fd};
	struct addrinfo *found = NULL;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(LOOKUP_SECONDS_MAX);
	if (sandbox_close_all_but(keep, 1) < 0 || sandbox_drop_identity(master->service_uid, master->service_gid) < 0)
		_exit(1);
	if (getaddrinfo(master->config->passive_address, NULL, &hints, &found) != 0 || found == NULL)
		_exit(1);
	_exit(io_write_all(pipe_fd, &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, 4) == 0 ? 0 : 1);
}

static void
start_lookup(struct master *master)
{
	int ends[2];
	pid_t pid;

	if (master->passive.resolver != 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	pid = sandbox_fork_whole();
	if (pid == 0) {
		board_leave(&master->board);
		oom_leave_protection();
		title_name("sallyport-task");
		title_set("resolver", NULL, NULL);
		look_up(master, ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return;
	}
	master->passive.resolver = pid;
	master->passive.pipe_fd = ends[0];
}

void
resolver_configure(struct master *master)
{
	union address address;

	master->passive.look_at_ms = 0;
	if (is_name(master))
		return;	/* resolver_watch() starts the lookup; the last answer serves until then */
	memset(&master->passive.told, 0, sizeof(master->passive.told));
	if (!master->config->passive_address_auto &&
	    address_parse(master->config->passive_address, &address) == 0)
		master->passive.told = address;
}

int
resolver_watch(struct master *master)
{
	uint64_t now;

	if (!is_name(master))
		return -1;
	now = monotonic_ms();
	if (now >= master->passive.look_at_ms) {
		master->passive.look_at_ms = now + LOOK_EVERY_MS;
		start_lookup(master);
	}
	return deadline_left_ms(master->passive.look_at_ms, now);
}

bool
resolver_reaped(struct master *master, pid_t pid, int status)
{
	union address address = {.v4 = {.sin_family = AF_INET}};
	bool is_good;

	if (master->passive.resolver == 0 || pid != master->passive.resolver)
		return false;
	is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	    read(master->passive.pipe_fd, &address.v4.sin_addr, 4) == 4;
	if (is_good && is_name(master))
		master->passive.told = address;
	else if (!is_good)
		log_message(LEVEL_WARNING, "passive-address", "'%s' cannot be looked up; the last address stays",
		    master->config->passive_address);
	close_fd(&master->passive.pipe_fd);
	master->passive.resolver = 0;
	return true;
}
