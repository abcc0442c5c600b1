/* SPDX-License-Identifier: ISC */
/* The master's loop: descriptors, deadlines and children, in any order. Their handlers change what it watches. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "daemon/master/loop.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define PIPES 3

static struct loop *loop;
static int pipes[PIPES][2];
static struct loop_source sources[PIPES];
static struct loop_timer timers[PIPES];
static char trail[64];	/* the handlers that ran, in order */

static void
leave(char letter)
{
	size_t len = strlen(trail);

	assert_uint_in_range(len, 0, sizeof(trail) - 2);
	trail[len] = letter;
	trail[len + 1] = '\0';
}

static void
source_ready(void *arg)
{
	size_t i = (size_t)((struct loop_source *)arg - sources);
	char byte;

	assert_int_equal(read(pipes[i][0], &byte, 1), 1);
	leave((char)('a' + i));
}

static void
timer_due(void *arg)
{
	leave((char)('1' + ((struct loop_timer *)arg - timers)));
}

static int
setup(void **state)
{
	(void)state;
	trail[0] = '\0';
	if (loop_new(PIPES + 1, &loop) < 0)
		return -1;
	for (size_t i = 0; i < PIPES; i++) {
		if (pipe(pipes[i]) < 0)
			return -1;
		sources[i] = (struct loop_source){.ready = source_ready, .arg = &sources[i]};
		timers[i] = (struct loop_timer){.due = timer_due, .arg = &timers[i]};
		if (loop_watch(loop, &sources[i], pipes[i][0]) < 0)
			return -1;
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < PIPES; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	loop_free(loop);
	return 0;
}

static void
test_sources(void **state)
{
	(void)state;
	assert_int_equal(write(pipes[1][1], "x", 1), 1);
	loop_turn(loop);
	assert_string_equal(trail, "b");
	loop_unwatch(loop, &sources[1]);
	assert_int_equal(write(pipes[1][1], "x", 1), 1);
	assert_int_equal(write(pipes[2][1], "x", 1), 1);
	loop_turn(loop);
	assert_string_equal(trail, "bc");
	assert_int_equal(loop_watch(loop, &sources[1], -1), -EBADF);
	assert_false(sources[1].is_watched);
}

/* The handler of one ready descriptor removes the others, which are ready too. */
static void
unwatch_all(void *arg)
{
	(void)arg;
	leave('u');
	for (size_t i = 0; i < PIPES; i++)
		loop_unwatch(loop, &sources[i]);
}

static void
test_unwatched_in_the_same_turn(void **state)
{
	(void)state;
	for (size_t i = 0; i < PIPES; i++) {
		sources[i].ready = unwatch_all;
		assert_int_equal(write(pipes[i][1], "x", 1), 1);
	}
	loop_turn(loop);
	assert_string_equal(trail, "u");
}

static void
test_timers(void **state)
{
	uint64_t now = monotonic_ms();

	(void)state;
	timer_set(loop, &timers[0], now + 30);
	timer_set(loop, &timers[1], now + 10);
	timer_set(loop, &timers[2], now + 1000000);
	timer_hasten(loop, &timers[2], now + 20);
	timer_hasten(loop, &timers[1], now + 500000);
	while (strlen(trail) < 3)
		loop_turn(loop);
	assert_string_equal(trail, "231");
	assert_uint_in_range(monotonic_ms() - now, 30, 100000);
	timer_set(loop, &timers[0], 0);
	timer_stop(loop, &timers[0]);
	assert_false(timer_is_set(&timers[0]));
	assert_int_equal(write(pipes[0][1], "x", 1), 1);
	loop_turn(loop);
	assert_string_equal(trail, "231a");
}

static void
timer_again(void *arg)
{
	leave('t');
	timer_set(loop, arg, 0);
}

/* A deadline that is always due does not starve the others. */
static void
test_timer_that_sets_itself(void **state)
{
	(void)state;
	timers[0].due = timer_again;
	timer_set(loop, &timers[0], 0);
	assert_int_equal(write(pipes[0][1], "x", 1), 1);
	loop_turn(loop);
	assert_string_equal(trail, "at");
	loop_turn(loop);
	assert_string_equal(trail, "att");
}

static int status_seen;

static void
child_ended(void *arg)
{
	siginfo_t info = {.si_pid = 0};

	/* the child is still a zombie, so no other process has its pid */
	assert_int_equal(waitid(P_PID, *(pid_t *)arg, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	assert_int_equal(info.si_pid, *(pid_t *)arg);
	leave('e');
}

static void
child_gone(void *arg, int status)
{
	(void)arg;
	status_seen = status;
	leave('g');
}

static void
test_children(void **state)
{
	struct loop_child child = {.gone = child_gone, .ended = child_ended};
	siginfo_t info = {.si_pid = 0};
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(7);
	child.arg = &pid;
	child_add(loop, &child, pid);
	child_leaves(loop, &child);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_true(child_reap(loop, &child));
	assert_string_equal(trail, "eg");
	assert_int_equal(WEXITSTATUS(status_seen), 7);
	assert_int_equal(child.pid, 0);
	assert_false(child_reap(loop, &child));
	child_drop(loop, &child);	/* nothing happens */
}

/* Signals are blocked for the rest of this program. */
static void
take_signal(void *arg, int signo)
{
	(void)arg;
	leave(signo == SIGHUP ? 'H' : '?');
}

/* Many children end at once: their SIGCHLDs merge, and the loop reaps each one. */
static void
test_signals(void **state)
{
	struct loop_child children[PIPES * 4];
	pid_t pids[PIPES * 4];

	(void)state;
	assert_int_equal(loop_take_signals(loop, take_signal, NULL), 0);
	kill(getpid(), SIGHUP);
	loop_turn(loop);
	assert_string_equal(trail, "H");
	for (size_t i = 0; i < PIPES * 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(0);
		children[i] = (struct loop_child){.gone = child_gone, .arg = &pids[i]};
		child_add(loop, &children[i], pids[i]);
	}
	child_drop(loop, &children[0]);	/* no handler is left; the loop reaps it all the same */
	while (strlen(trail) < PIPES * 4)
		loop_turn(loop);
	assert_string_equal(trail, "Hggggggggggg");
	while (waitpid(pids[0], NULL, WNOHANG) == 0)
		loop_turn(loop);
	assert_int_equal(errno, ECHILD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sources, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_unwatched_in_the_same_turn, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_timers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_timer_that_sets_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_children, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
