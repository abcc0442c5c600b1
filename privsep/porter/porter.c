/* SPDX-License-Identifier: ISC */
/* The story of the porter: wait for a connection or its header, judge it, until the master is gone. */
#include "privsep/porter/porter.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/ipc/ipc.h"
#include "privsep/porter/visitors.h"

#include "common/banned.h"

#define EVENTS_AT_ONCE 64
#define INTRODUCTIONS_AT_ONCE 64 /* then headers get their turn */
#define OWN_DESCRIPTORS 16 /* and those that are not connections */
#define MASTER_NUMBER UINT32_MAX /* in epoll_event.data: the channel */

static struct ipc_message introduction;

/* As many connections as descriptors allow, which a container may keep low. */
static uint32_t
room_for_connections(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= PORTER_CONNECTIONS_MAX + OWN_DESCRIPTORS)
		return PORTER_CONNECTIONS_MAX;
	return limit.rlim_cur > 2 * OWN_DESCRIPTORS ? (uint32_t)limit.rlim_cur - OWN_DESCRIPTORS : OWN_DESCRIPTORS;
}

static void
receive_introductions(int channel)
{
	for (int i = 0; i < INTRODUCTIONS_AT_ONCE; i++) {
		int r = ipc_receive_now(channel, IPC_PORTER, IPC_STATE_ANY, &introduction);

		if (r == -EAGAIN)
			return;
		if (r < 0)
			_exit(r == -EPIPE ? 0 : 1);
		if (introduction.kind != IPC_introduce || !visitors_introduce(&introduction, monotonic_ms()))
			_exit(1);
	}
}

static void
prepare_porter(struct porter_process *process)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = MASTER_NUMBER};

	process->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (process->epoll_fd < 0 || epoll_ctl(process->epoll_fd, EPOLL_CTL_ADD, process->master_channel, &event) < 0)
		_exit(1);
	visitors_init(process->epoll_fd, process->master_channel, room_for_connections());
}

void
porter_run(struct porter_process *process)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	prepare_porter(process);
	porter_enter_walls(process);
	for (;;) {
		int count = epoll_wait(process->epoll_fd, events, EVENTS_AT_ONCE, visitors_expire(monotonic_ms()));
		bool has_introductions = false;

		for (int i = 0; i < count; i++)
			if (events[i].data.u32 == MASTER_NUMBER)
				has_introductions = true;
			else
				visitors_ready(events[i].data.u32);
		/* last: an introduction may take the place of a connection that an event is for */
		if (has_introductions)
			receive_introductions(process->master_channel);
	}
}
