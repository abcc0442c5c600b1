/* SPDX-License-Identifier: ISC */
/* The descriptors of a session, on their way from the master to its monitor. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "config/servers.h"
#include "privsep/ipc/ipc.h"
#include "privsep/monitor/state.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/* Those that every session has, in their order; keys follow. */
static const size_t members[] = {
    offsetof(struct session, client_fd),
    offsetof(struct session, log_channel),
    offsetof(struct session, reserved_log_channel),
    offsetof(struct session, hook_channel),
    offsetof(struct session, empty_directory_fd),
};

enum { MEMBER_COUNT = sizeof(members) / sizeof(members[0]), BELONGINGS_MAX = MEMBER_COUNT + CONFIG_SERVERS_MAX + 1 };

static size_t
add_once(int *fds, size_t count, int fd)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i] == fd)
			return count;
	fds[count] = fd;
	return fd < 0 ? count : count + 1;
}

size_t
monitor_list_keys(const struct session *session, int fds[CONFIG_SERVERS_MAX + 1])
{
	size_t count = 0;

	if (session->credentials == NULL)
		return add_once(fds, 0, session->key_fd);
	for (size_t i = 0; i < session->config->server_count; i++)
		if (servers_eligible(session->config, i, &session->dialled))
			count = add_once(fds, count, session->credentials[i].key_fd);
	return count;
}

static size_t
list_belongings(const struct session *session, int fds[BELONGINGS_MAX])
{
	for (size_t i = 0; i < MEMBER_COUNT; i++)
		fds[i] = *(const int *)(const void *)((const char *)session + members[i]);
	return MEMBER_COUNT + monitor_list_keys(session, fds + MEMBER_COUNT);
}

int
belongings_send(int channel, const struct session *session, struct ipc_message *message)
{
	int fds[BELONGINGS_MAX];
	size_t count = list_belongings(session, fds);
	int r = 0;

	for (size_t sent = 0, n; r == 0 && sent < count; sent += n) {
		n = count - sent < IPC_FDS_MAX ? count - sent : IPC_FDS_MAX;
		ipc_begin_reply(message, IPC_start, 0);
		r = ipc_send_fds_now(channel, message, fds + sent, (unsigned)n);
	}
	return r;
}

/* One message after the other, until all are there. */
static int
receive_belongings(int channel, int *fds, size_t count, struct ipc_message *message)
{
	for (size_t got = 0; got < count;) {
		int r = ipc_receive_now(channel, IPC_MONITOR, IPC_STATE_LOGIN, message);

		if (r < 0)
			return r;
		if (message->kind != IPC_start || message->fd_count > count - got) {
			ipc_drop_fds(message);
			return -EPROTO;
		}
		for (unsigned left = message->fd_count; left > 0; left--)
			fds[got++] = ipc_take_fd(message);
	}
	return 0;
}

/* What the number of a key in the master is here; -1: the session does not have it. */
static int
number_here(int key_fd, const int *old, const int *new, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (old[i] == key_fd)
			return new[i];
	return -1;
}

int
belongings_take(struct session *session, struct ipc_message *message)
{
	/* the fork has copied the master's list for this process alone */
	struct credentials *credentials = (struct credentials *)(uintptr_t)session->credentials;
	int old[BELONGINGS_MAX], new[BELONGINGS_MAX];
	size_t count = list_belongings(session, old), keys = count - MEMBER_COUNT;
	int r = sandbox_close_all_but(&session->master_channel, 1);

	if (r == 0)
		r = receive_belongings(session->master_channel, new, count, message);
	if (r < 0)
		return r;
	for (size_t i = 0; i < MEMBER_COUNT; i++)
		*(int *)(void *)((char *)session + members[i]) = new[i];
	session->key_fd = number_here(session->key_fd, old + MEMBER_COUNT, new + MEMBER_COUNT, keys);
	for (size_t i = 0; credentials != NULL && i < session->config->server_count; i++)
		credentials[i].key_fd =
		    number_here(credentials[i].key_fd, old + MEMBER_COUNT, new + MEMBER_COUNT, keys);
	return 0;
}
