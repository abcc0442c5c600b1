/* SPDX-License-Identifier: ISC */
#include "daemon/master/log_switches.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

static struct ipc_message message;

/*
 * Children do not inherit the master's own mapping, and the memory file allows no other for writing: a taken-over
 * session cannot silence the others.
 */
int
log_switches_new(enum log_level level, struct log_switches **switches_out)
{
	size_t size = sizeof(struct log_switches);
	int fd = memfd_create("sallyport-log", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *own, *shared;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0) {
		r = -errno;
		goto out;
	}
	own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (own == MAP_FAILED || madvise(own, size, MADV_DONTFORK) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		r = -errno;
		goto out;
	}
	shared = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED) {
		r = -errno;
		goto out;
	}
	*switches_out = own;
	log_switches_set_level(own, level);
	log_set_switches(shared);
out:
	close_fd(&fd);
	return r;
}

void
log_switches_set_level(struct log_switches *switches, enum log_level level)
{
	__atomic_store_n(&switches->level, (uint32_t)level, __ATOMIC_RELAXED);
}

static void
set_watchers(struct log_switches *switches, uint32_t count)
{
	__atomic_store_n(&switches->watchers, count, __ATOMIC_RELAXED);
}

int
log_switches_add_watcher(struct log_switches *switches, int logger_channel, int fd)
{
	uint32_t count = switches->watchers;
	int r;

	if (count >= WATCHERS_MAX)
		return -EBUSY;
	ipc_begin(&message, IPC_log_watch);
	r = ipc_send_now(logger_channel, &message, fd);
	if (r == 0)
		set_watchers(switches, count + 1);
	return r;
}

void
log_switches_watcher_left(struct log_switches *switches)
{
	if (switches->watchers > 0)
		set_watchers(switches, switches->watchers - 1);
}

void
log_switches_logger_died(struct log_switches *switches)
{
	set_watchers(switches, 0);
}
