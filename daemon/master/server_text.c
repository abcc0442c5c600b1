/* SPDX-License-Identifier: ISC */
#include "daemon/master/server_text.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

#define SESSION_LINE_MAX 256

/* Room for one descriptor. */
union passed {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

bool
server_text_send(int channel, const char *text, size_t len, int fd, uint64_t wait_ms)
{
	uint64_t deadline = monotonic_ms() + wait_ms;
	struct iovec piece = {.iov_base = (char *)(uintptr_t)text, .iov_len = len};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	union passed passed = {
	    .header = {.cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};

	if (channel < 0)
		return false;
	if (fd >= 0) {
		memcpy(CMSG_DATA(&passed.header), &fd, sizeof(fd));
		message.msg_control = &passed;
		message.msg_controllen = sizeof(passed);
	}
	while (sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		if (errno != EINTR && (errno != EAGAIN || io_wait(channel, POLLOUT, deadline) <= 0))
			return false;
	return true;
}

void
server_text_say(int channel, const char *text)
{
	(void)server_text_send(channel, text, strlen(text), -1, SERVER_TEXT_WAIT_MS);
}

/* Without room for it, the kernel closes the descriptor of a message. */
int
server_text_receive(int channel, char text[SERVER_TEXT_MAX + 1], int *fd_out)
{
	struct iovec piece = {.iov_base = text, .iov_len = SERVER_TEXT_MAX};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	const struct cmsghdr *header;
	union passed passed;
	ssize_t got;

	if (fd_out != NULL) {
		*fd_out = -1;
		message.msg_control = &passed;
		message.msg_controllen = sizeof(passed);
	}
	got = recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	header = CMSG_FIRSTHDR(&message);
	if (fd_out != NULL && header != NULL && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(*fd_out)))
		memcpy(fd_out, CMSG_DATA(header), sizeof(*fd_out));
	text[got] = '\0';
	return got == 0 ? -EPIPE : 1;
}

char *
server_text_line(char **text)
{
	char *line = *text;
	size_t len = strcspn(line, "\n");

	if (*line == '\0')
		return NULL;
	*text += len + (line[len] != '\0');
	line[len] = '\0';
	return line;
}

void
server_text_add_session(
    int channel, struct buf *lines, const char *id, const struct address_key *address, const char *user)
{
	if (lines->len + SESSION_LINE_MAX > SERVER_TEXT_MAX) {
		(void)server_text_send(channel, lines->data, lines->len, -1, SERVER_TEXT_WAIT_MS);
		buf_clear(lines);
	}
	buf_addf(lines, "session %s ", id);
	for (size_t i = 0; i < sizeof(address->bytes); i++)
		buf_addf(lines, "%02x", address->bytes[i]);
	buf_addf(lines, " %s\n", user);
}
