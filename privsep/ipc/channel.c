/* SPDX-License-Identifier: ISC */
#include "privsep/ipc/ipc.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/ipc/decode.h"

#include "common/banned.h"

int
ipc_bound_waits(int channel, unsigned timeout_s)
{
	struct timeval bound = {.tv_sec = (time_t)timeout_s};

	if (setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound)) < 0 ||
	    setsockopt(channel, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound)) < 0)
		return -errno;
	return 0;
}

int
ipc_pair(int channels[2], unsigned timeout_s)
{
	int r = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channels) < 0)
		return -errno;
	for (int i = 0; timeout_s != 0 && r == 0 && i < 2; i++)
		r = ipc_bound_waits(channels[i], timeout_s);
	if (r < 0) {
		close_fd(&channels[0]);
		close_fd(&channels[1]);
	}
	return r;
}

/* One message with descriptors. */
static ssize_t
send_with_fds(int channel, const struct ipc_message *message, const int *fds, unsigned count, int flags)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))];
	} control;
	struct iovec part = {.iov_base = (void *)(uintptr_t)message->bytes, .iov_len = message->length};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	msg.msg_control = &control;
	msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
	return sendmsg(channel, &msg, flags);
}

/* sendmsg() only where descriptors travel: processes that pass none do not have this call. */
static ssize_t
send_message_once(int channel, const struct ipc_message *message, const int *fds, unsigned count, int flags)
{
	return count == 0 ? send(channel, message->bytes, message->length, flags)
			  : send_with_fds(channel, message, fds, count, flags);
}

static int
send_flags(int channel, const struct ipc_message *message, const int *fds, unsigned count, int flags)
{
	if (message->bad || count > IPC_FDS_MAX)
		return -EMSGSIZE;
	while (send_message_once(channel, message, fds, count, flags | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == ECONNRESET || errno == ENOTCONN)
			return -EPIPE;
		if (errno == EAGAIN && (flags & MSG_DONTWAIT) == 0)
			return -ETIMEDOUT;
		return -errno;
	}
	return 0;
}

int
ipc_send(int channel, const struct ipc_message *message, int fd)
{
	return send_flags(channel, message, &fd, fd >= 0, 0);
}

int
ipc_send_now(int channel, const struct ipc_message *message, int fd)
{
	return send_flags(channel, message, &fd, fd >= 0, MSG_DONTWAIT);
}

int
ipc_send_fds_now(int channel, const struct ipc_message *message, const int *fds, unsigned count)
{
	return send_flags(channel, message, fds, count, MSG_DONTWAIT);
}

int
ipc_unread(int channel)
{
	int bytes = 0;

	return ioctl(channel, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}

/* Keep the descriptors that the control data carries; one too many is cut off by its size. */
static void
take_control(struct ipc_message *message, struct msghdr *msg)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(msg);

	message->fd_count = message->fds_taken = 0;
	if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len < CMSG_LEN(0))
		return;
	message->fd_count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(message->fds, CMSG_DATA(header), message->fd_count * sizeof(int));
}

/* The sender of the message, from the kernel (unix(7), SO_PASSCRED). False: the kernel did not say. */
static bool
take_sender(struct msghdr *msg, struct ipc_sender *sender)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(msg);
	struct ucred ids;

	if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS ||
	    header->cmsg_len != CMSG_LEN(sizeof(ids)))
		return false;
	memcpy(&ids, CMSG_DATA(header), sizeof(ids));
	*sender = (struct ipc_sender){.pid = ids.pid, .uid = ids.uid};
	return true;
}

/* An empty message reads as the end of the channel does, but only the end hangs up. */
static bool
is_at_end(int channel)
{
	struct pollfd hang_up = {.fd = channel, .events = POLLRDHUP};

	return poll(&hang_up, 1, 0) != 0;
}

/* sender: NULL, or wanted; then there is no room for descriptors. */
static int
receive_flags(int channel, enum ipc_process me, enum ipc_state state, struct ipc_message *message,
    struct ipc_sender *sender, int flags)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))];
	} control;
	struct iovec part = {.iov_base = message->bytes, .iov_len = sizeof(message->bytes)};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	msg.msg_control = &control;
	msg.msg_controllen = CMSG_LEN(IPC_FDS_MAX * sizeof(int));	/* CMSG_SPACE may have room for one more */
	if (sender != NULL)
		msg.msg_controllen = CMSG_LEN(sizeof(struct ucred));
	message->fd_count = message->fds_taken = 0;
	/*
	 * A sender that has left what we sent unread resets the channel when it goes. The kernel reports that once, and before
	 * the sender's own last messages, which are still to be read.
	 */
	do
		n = recvmsg(channel, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0 && errno == EAGAIN)
		return (flags & MSG_DONTWAIT) != 0 ? -EAGAIN : -ETIMEDOUT;
	if (n < 0)
		return -errno;
	if (sender == NULL)
		take_control(message, &msg);
	else if (n > 0 && !take_sender(&msg, sender))
		return -EPROTO;
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		ipc_drop_fds(message);
		return -EPROTO;
	}
	if (n == 0) {
		ipc_drop_fds(message);
		return is_at_end(channel) ? -EPIPE : -EPROTO;
	}
	message->length = (size_t)n;
	return ipc_decode_received(message, me, state);
}

int
ipc_receive(int channel, enum ipc_process me, enum ipc_state state, struct ipc_message *message)
{
	return receive_flags(channel, me, state, message, NULL, 0);
}

int
ipc_receive_now(int channel, enum ipc_process me, enum ipc_state state, struct ipc_message *message)
{
	return receive_flags(channel, me, state, message, NULL, MSG_DONTWAIT);
}

int
ipc_name_senders(int channel)
{
	int on = 1;

	return setsockopt(channel, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ? -errno : 0;
}

int
ipc_receive_from_now(
    int channel, enum ipc_process me, enum ipc_state state, struct ipc_message *message, struct ipc_sender *sender)
{
	return receive_flags(channel, me, state, message, sender, MSG_DONTWAIT);
}
