/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "privsep/logger/watchers.h"

#include "common/banned.h"

static struct buf line;

/* A watcher with little room; returns the other end. */
static int
add_watcher(void)
{
	int ends[2], bytes = 1;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	watchers_add(ends[0]);
	return ends[1];
}

static size_t
tell(const char *event)
{
	struct log_entry entry = {.level = LEVEL_INFO, .process = "monitor", .session = "0123456789abcdef"};

	snprintf(entry.event, sizeof(entry.event), "%s", event);
	return watchers_tell(&entry, &line);
}

static size_t
lines_in(int fd, const char *word)
{
	static char text[1 << 20];
	ssize_t n, len = 0;
	size_t count = 0;

	while ((n = read(fd, text + len, sizeof(text) - 1 - (size_t)len)) > 0)
		len += n;
	text[len] = '\0';
	for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
		count++;
	return count;
}

/* Drop all watchers that are left. */
static int
end(void **state)
{
	struct pollfd waits[WATCHERS_MAX];

	(void)state;
	watchers_poll(waits);
	for (size_t i = 0; i < WATCHERS_MAX; i++)
		waits[i].revents = POLLHUP;
	watchers_check(waits);
	buf_free(&line);
	return 0;
}

static int
begin(void **state)
{
	(void)state;
	buf_init(&line, 65536);
	return 0;
}

static void
test_events_of_sessions_only(void **state)
{
	int fd = add_watcher();

	(void)state;
	assert_int_equal(tell("login"), 0);
	assert_int_equal(tell("quit"), 0);
	assert_int_equal(tell("walls"), 0);
	assert_int_equal(tell("ban"), 0);
	assert_int_equal(lines_in(fd, "\"event\":"), 2);
	close(fd);
}

/* The logger does not wait for a watcher that does not read, and reports how many lines it left out. */
static void
test_slow_watcher(void **state)
{
	int fd = add_watcher(), other = add_watcher();
	size_t told, seen = 0;

	(void)state;
	for (int i = 0; i < 500; i++) {
		assert_int_equal(tell("transfer"), 0);
		seen += lines_in(other, "\"event\":\"transfer\"");
	}
	assert_int_equal(seen, 500);
	told = lines_in(fd, "\"event\":\"transfer\"");
	assert_true(told > 0 && told < 500);
	assert_int_equal(tell("login"), 0);
	assert_int_equal(lines_in(fd, "\"event\":\"missed\""), 1);
	close(fd);
	close(other);
}

static void
test_a_watcher_that_left_is_closed(void **state)
{
	struct pollfd waits[WATCHERS_MAX];
	int fd = add_watcher();

	(void)state;
	watchers_poll(waits);
	assert_int_equal(poll(waits, WATCHERS_MAX, 0), 0);
	close(fd);
	assert_int_equal(poll(waits, WATCHERS_MAX, 0), 1);
	assert_int_equal(watchers_check(waits), 1);
	assert_int_equal(watchers_check(waits), 0);
	fd = add_watcher();
	close(fd);
	assert_int_equal(tell("login"), 1);	/* a write finds out */
	assert_int_equal(tell("login"), 0);
}

static void
test_bounded_number(void **state)
{
	int ends[WATCHERS_MAX + 1];
	char byte;

	(void)state;
	for (size_t i = 0; i <= WATCHERS_MAX; i++)
		ends[i] = add_watcher();
	assert_int_equal(read(ends[WATCHERS_MAX], &byte, 1), 0);	/* one watcher too many, which is closed */
	assert_int_equal(read(ends[0], &byte, 1), -1);
	watchers_add(-1);
	for (size_t i = 0; i <= WATCHERS_MAX; i++)
		close(ends[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_events_of_sessions_only, begin, end),
	    cmocka_unit_test_setup_teardown(test_slow_watcher, begin, end),
	    cmocka_unit_test_setup_teardown(test_a_watcher_that_left_is_closed, begin, end),
	    cmocka_unit_test_setup_teardown(test_bounded_number, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
