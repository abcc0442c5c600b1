/* SPDX-License-Identifier: ISC */
/* Listeners that rotate: the order, the number of uses, the time, and that no descriptor is lost. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "daemon/protocol/listeners.h"

#include "common/banned.h"

#define NOW 1000

static int
new_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Ports 1, 2, 3 and so on; their descriptors. */
static void
fill(struct listeners *set, unsigned count, int *fds)
{
	*set = (struct listeners){.count = 0};
	for (unsigned i = 0; i < count; i++) {
		fds[i] = new_fd();
		assert_true(listeners_add(set, fds[i], (uint16_t)(i + 1)));
	}
}

static unsigned
use_next(struct listeners *set, uint64_t now)
{
	struct listener listener = {.fd = -1};

	if (!listeners_take(set, now, &listener)) {
		assert_int_equal(listener.uses, 0);
		return 0;
	}
	listeners_give_back(set, now, &listener);
	assert_int_equal(listener.fd, -1);
	return listener.port;
}

static void
each_takes_its_turn(void **state)
{
	struct listeners set;
	int fds[3];

	(void)state;
	fill(&set, 3, fds);
	for (unsigned turn = 0; turn < 9; turn++)
		assert_int_equal(use_next(&set, NOW), turn % 3 + 1);
	listeners_close(&set);
	for (unsigned i = 0; i < 3; i++)
		assert_false(is_open(fds[i]));
	assert_int_equal(use_next(&set, NOW), 0);
}

static void
one_in_use_is_not_announced(void **state)
{
	struct listeners set;
	struct listener listener;
	int fd;

	(void)state;
	fill(&set, 1, &fd);
	assert_true(listeners_take(&set, NOW, &listener));
	assert_int_equal(use_next(&set, NOW), 0);
	assert_true(is_open(fd)); /* the caller's */
	listeners_close(&set);
	assert_true(is_open(fd));
	close_fd(&listener.fd);
}

static void
uses_are_bounded(void **state)
{
	struct listeners set;
	int fds[2];

	(void)state;
	fill(&set, 2, fds);
	for (unsigned turn = 0; turn < 2 * LISTENER_USES_MAX; turn++)
		assert_int_not_equal(use_next(&set, NOW), 0);
	assert_int_equal(use_next(&set, NOW), 0);
	assert_false(is_open(fds[0]));
	assert_false(is_open(fds[1]));
}

/* The time begins with the first announcement. It is over for a second one, whether the listener rests or is in use. */
static void
time_is_bounded(void **state)
{
	struct listeners set;
	struct listener listener;
	int fds[2];

	(void)state;
	fill(&set, 2, fds);
	assert_int_equal(use_next(&set, NOW), 1);
	assert_int_equal(use_next(&set, NOW + 10 * LISTENER_MS), 2); /* was not announced until now */
	assert_int_equal(use_next(&set, NOW + 10 * LISTENER_MS), 2);
	assert_false(is_open(fds[0]));
	assert_true(listeners_take(&set, NOW + 11 * LISTENER_MS - 1, &listener));
	listeners_give_back(&set, NOW + 11 * LISTENER_MS, &listener);
	assert_false(is_open(fds[1]));
	assert_int_equal(use_next(&set, NOW), 0);
}

static void
a_full_set_takes_no_more(void **state)
{
	struct listener listener;
	struct listeners set;
	int fds[IPC_FDS_MAX], fd = new_fd();

	(void)state;
	fill(&set, IPC_FDS_MAX, fds);
	assert_false(listeners_add(&set, fd, 99));
	assert_true(is_open(fd));
	/* while one is in use, another one took its place */
	assert_true(listeners_take(&set, NOW, &listener));
	assert_true(listeners_add(&set, fd, 99));
	listeners_give_back(&set, NOW, &listener);
	assert_false(is_open(fds[0]));
	listeners_close(&set);
	assert_false(is_open(fd));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_takes_its_turn),
	    cmocka_unit_test(one_in_use_is_not_announced),
	    cmocka_unit_test(uses_are_bounded),
	    cmocka_unit_test(time_is_bounded),
	    cmocka_unit_test(a_full_set_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
