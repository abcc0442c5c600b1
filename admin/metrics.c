/* SPDX-License-Identifier: ISC */
/* sallyportctl metrics: ask the metrics process, by its socket for root. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "admin/control.h"
#include "admin/ctl.h"
#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define SOCKET_NAME "metrics.sock"
#define ANSWER_MAX ((size_t)16 << 20)
#define WAIT_MS 10000
#define READ_SIZE 65536

/* All that comes until the server closes. 0 or -errno. */
static int
receive_all(int fd, struct buf *answer)
{
	uint64_t deadline = monotonic_ms() + WAIT_MS;
	int r;

	while ((r = io_wait(fd, POLLIN, deadline)) > 0) {
		char *room = buf_room(answer, READ_SIZE);
		ssize_t n = room == NULL ? -1 : recv(fd, room, READ_SIZE, 0);

		if (room == NULL)
			return answer->error;
		if (n <= 0)
			return n == 0 ? 0 : -errno;
		answer->len += (size_t)n;
	}
	return r == 0 ? -ETIMEDOUT : r;
}

/* Where the body begins; NULL: the answer is not what was asked for. */
static const char *
body_of(const struct buf *answer)
{
	static const char good[] = "HTTP/1.1 200 ";
	const char *end;

	if (answer->len < sizeof(good) || memcmp(answer->data, good, sizeof(good) - 1) != 0)
		return NULL;
	end = memmem(answer->data, answer->len, "\r\n\r\n", 4);
	return end == NULL ? NULL : end + 4;
}

/* Escape the answer like everything that comes from the server, so that no terminal obeys it. */
static enum ctl_exit
print_metrics_text(const char *body, size_t len)
{
	struct buf text;
	enum ctl_exit status = CTL_DONE;

	buf_init(&text, 4 * ANSWER_MAX);
	while (len > 0) {
		const char *newline = memchr(body, '\n', len);
		size_t taken = newline == NULL ? len : (size_t)(newline - body) + 1;

		escape_bytes(&text, ESCAPE_TERMINAL, body, newline == NULL ? taken : taken - 1);
		if (newline != NULL)
			buf_add(&text, "\n", 1);
		body += taken;
		len -= taken;
	}
	if (text.error != 0 || (text.len > 0 && fwrite(text.data, 1, text.len, stdout) == 0))
		status = CTL_FAILED;
	buf_free(&text);
	return status;
}

static enum ctl_exit
print_metrics_json(const char *body, size_t len)
{
	json_t *sessions = json_loadb(body, len, 0, NULL);

	if (sessions == NULL) {
		ctl_error("the metrics process gives no JSON");
		return CTL_FAILED;
	}
	return ctl_print_json(sessions);
}

enum ctl_exit
metrics_print(struct ctl *ctl)
{
	const char *request = ctl->is_json ? "GET /sessions.json HTTP/1.0\r\n\r\n" : "GET /metrics HTTP/1.0\r\n\r\n";
	enum ctl_exit status = CTL_FAILED;
	const char *body = NULL;
	struct buf answer;
	int fd = control_connect(ctl, SOCKET_NAME);
	int r;

	if (fd < 0)
		return CTL_FAILED;
	buf_init(&answer, ANSWER_MAX);
	r = send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ? -errno : receive_all(fd, &answer);
	if (r == 0)
		body = body_of(&answer);
	if (r < 0)
		ctl_error("the metrics process does not answer: %s", strerror(-r));
	else if (body == NULL)
		ctl_error("the metrics process gives no metrics");
	else if (ctl->is_json)
		status = print_metrics_json(body, answer.len - (size_t)(body - answer.data));
	else
		status = print_metrics_text(body, answer.len - (size_t)(body - answer.data));
	buf_free(&answer);
	close_fd(&fd);
	return status;
}
