/* SPDX-License-Identifier: ISC */
#include "privsep/logger/watchers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io.h"

#include "common/banned.h"

static struct {
	int fd_plus_one; /* 0: free */
	uint64_t missed;
} watchers[WATCHERS_MAX];

/* The events of a session's life, and others that a watching administrator wants to see. */
static const char *const watched[] = {
    "connect",
    "login",
    "login-failed",
    "transfer",
    "disconnect",
    "refused",
    "alarm",
    "ban",
    "unban",
    "reload",
    "stop",
};

void
watchers_add(int fd)
{
	for (size_t i = 0; i < WATCHERS_MAX && fd >= 0; i++) {
		if (watchers[i].fd_plus_one == 0) {
			watchers[i].fd_plus_one = fd + 1;
			watchers[i].missed = 0;
			return;
		}
	}
	close_fd(&fd);
}

static void
close_watcher(size_t i)
{
	int fd = watchers[i].fd_plus_one - 1;

	close_fd(&fd);
	watchers[i].fd_plus_one = 0;
}

/* False: it is gone, or must go. */
static bool
send_to_watcher(size_t i, const char *line, size_t len)
{
	ssize_t n = send(watchers[i].fd_plus_one - 1, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		watchers[i].missed++;
		return true;
	}
	return n == (ssize_t)len;
}

static bool
tell_missed(size_t i)
{
	uint64_t missed = watchers[i].missed;
	char line[64];
	int len;

	if (missed == 0)
		return true;
	watchers[i].missed = 0;
	len = snprintf(line, sizeof(line), "{\"event\":\"missed\",\"lines\":%llu}\n", (unsigned long long)missed);
	if (!send_to_watcher(i, line, (size_t)len))
		return false;
	if (watchers[i].missed > 0)
		watchers[i].missed = missed; /* still no room */
	return true;
}

static bool
is_watched(const char *event)
{
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		if (strcmp(watched[i], event) == 0)
			return true;
	return false;
}

size_t
watchers_tell(const struct log_entry *entry, struct buf *line)
{
	size_t closed = 0;
	bool has_line = false;

	for (size_t i = 0; i < WATCHERS_MAX; i++) {
		if (watchers[i].fd_plus_one == 0 || !is_watched(entry->event))
			continue;
		if (!has_line) {
			buf_clear(line);
			if (log_format_json(entry, line) < 0)
				return closed;
			has_line = true;
		}
		if (!tell_missed(i) || !send_to_watcher(i, line->data, line->len)) {
			close_watcher(i);
			closed++;
		}
	}
	return closed;
}

void
watchers_poll(struct pollfd *waits)
{
	for (size_t i = 0; i < WATCHERS_MAX; i++)
		waits[i] = (struct pollfd){.fd = watchers[i].fd_plus_one - 1, .events = POLLRDHUP};
}

size_t
watchers_check(const struct pollfd *waits)
{
	size_t closed = 0;

	for (size_t i = 0; i < WATCHERS_MAX; i++) {
		if (waits[i].fd >= 0 && waits[i].revents != 0 && watchers[i].fd_plus_one == waits[i].fd + 1) {
			close_watcher(i);
			closed++;
		}
	}
	return closed;
}
