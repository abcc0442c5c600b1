/* SPDX-License-Identifier: ISC */
/* The parent's side of a count, with a child that says anything at any time, or nothing. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/counter/counter.h"
#include "privsep/counter/home_walls.h"
#include "privsep/files/count.h"

#include "common/banned.h"

/* As in counter.c. */
struct counter_word {
	int kind, result;
	uint64_t bytes, files;
};

#define EVENTS 100000	/* more than the channel holds */

enum { WORD_MET, WORD_WALKED, WORD_SUM };

static char directory[] = "/tmp/test-counter.XXXXXX";
static char path[sizeof(directory) + 16];
static struct ledger ledger;
static void (*child_walks)(int channel);	/* in the child, in place of a walk */

/* In place of walls and walk: the child keeps what the test has. */

int
home_walls_enter(const struct home_walls *walls)
{
	for (size_t i = 0; i < walls->kept_count; i++)
		if (walls->kept[i] == ledger.fd || (walls->kept[i] == ledger.slot_fd && ledger.slot_fd >= 0))
			return -EPERM;	/* a lock on it would hold up the account's sessions */
	return 0;
}

int
count_init(struct count *count, int home_fd)
{
	*count = (struct count){.home_fd = home_fd};
	return count_table_init(&count->table);
}

int
count_walk(struct count *count)
{
	child_walks(*(const int *)count->arg);
	return 0;
}

static int
setup_ledger(void)
{
	static const uint8_t boot[16] = {1};

	return ledger_open(&ledger, path, boot);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test-counter.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/alice", directory);
	return setup_ledger();
}

static int
teardown(void **state)
{
	(void)state;
	ledger_close(&ledger);
	unlink(path);
	return rmdir(directory);
}

/* With an alarm, should it wait without an end. */
static int
count_with(void (*walks)(int channel), struct ledger_figure *figure)
{
	static struct account account;
	const struct counter_order order = {.account = &account, .home_fd = -1, .ledger = &ledger};
	int r;

	child_walks = walks;
	alarm(20);
	r = counter_run(&order, figure);
	alarm(0);
	return r;
}

/* Nobody counts, and the lock is free. */
static void
assert_idle(void)
{
	static struct ledger_count count;

	assert_false(ledger.is_locked);
	assert_int_equal(ledger_count_begin(&ledger, &count), 0);
	assert_int_equal(ledger_count_end(&ledger, &count, NULL), 0);
}

static void
say(int channel, int kind, int result, uint64_t figure)
{
	const struct counter_word word = {kind, result, figure, figure};

	(void)!write(channel, &word, sizeof(word));
}

static void __attribute__((noreturn))
wait_to_be_killed(void)
{
	for (;;)
		pause();
}

static void
walks_as_it_should(int channel)
{
	(void)channel;
}

/* With the sum that the account's session reports meanwhile. */
static void
meets_a_session(int channel)
{
	static struct ledger_event events[EVENTS];
	const struct ledger_limits none = {LEDGER_NO_LIMIT, LEDGER_NO_LIMIT};
	static const uint8_t boot[16] = {1};
	struct ledger_figure figure;
	struct ledger session;
	bool is_told;

	for (uint64_t i = 0; i < EVENTS; i++)
		events[i] = (struct ledger_event){i + 1, 3, LEDGER_THERE};
	is_told = ledger_open(&session, path, boot) == 0 && ledger_begin(&session, &none, 0, 0, &figure) == 0;
	if (is_told)
		ledger_tell_count(&session, events, EVENTS);
	if (!is_told || ledger_end(&session, 3LL * EVENTS, EVENTS) < 0)
		say(channel, WORD_WALKED, -EPROTO, 0);
	ledger_close(&session);
}

static void
reads_no_journal(int channel)
{
	meets_a_session(channel);
	say(channel, WORD_WALKED, 0, 0);
	wait_to_be_killed();
}

/* A session changes the home while the sum is made; nobody holds the account's lock then. */
static void
sums_beside_a_change(int channel)
{
	const struct ledger_limits none = {LEDGER_NO_LIMIT, LEDGER_NO_LIMIT};
	static const uint8_t boot[16] = {1};
	struct ledger_figure figure;
	struct ledger session;
	char reply[64];

	say(channel, WORD_WALKED, 0, 0);
	(void)!read(channel, reply, sizeof(reply));
	if (ledger_open(&session, path, boot) < 0 || ledger_begin(&session, &none, 0, 1, &figure) < 0 ||
	    ledger_end(&session, 5, 1) < 0)
		_exit(1);
	say(channel, WORD_SUM, 0, 7);
	wait_to_be_killed();
}

static void
says_busy(int channel)
{
	say(channel, WORD_WALKED, -EBUSY, 0);
	wait_to_be_killed();
}

static void
sums_and_stays(int channel)
{
	say(channel, WORD_WALKED, 0, 0);
	say(channel, WORD_SUM, 0, 7);
	wait_to_be_killed();
}

static void
says_half_a_sum(int channel)
{
	const struct counter_word word = {WORD_SUM, 0, 7, 7};

	say(channel, WORD_WALKED, 0, 0);
	(void)!write(channel, &word, sizeof(word) / 2);
	wait_to_be_killed();
}

static void
says_nothing_more(int channel)
{
	say(channel, WORD_WALKED, 0, 0);
	wait_to_be_killed();
}

static void
dies_with_its_order_unread(int channel)
{
	struct pollfd end = {.fd = channel, .events = POLLIN};

	say(channel, WORD_WALKED, 0, 0);
	(void)poll(&end, 1, -1);
	kill(getpid(), SIGKILL);
}

static void
reports_progress_on_and_on(int channel)
{
	say(channel, WORD_WALKED, 0, 0);
	for (;;)
		say(channel, WORD_MET, 0, 1);
}

static void
sums_too_much(int channel)
{
	say(channel, WORD_WALKED, 0, 0);
	say(channel, WORD_SUM, 0, UINT64_MAX);
	wait_to_be_killed();
}

static void
says_what_is_no_word(int channel)
{
	say(channel, 77, 77, 77);
	wait_to_be_killed();
}

static void
test_counts(void **state)
{
	struct ledger_figure figure;

	(void)state;
	assert_int_equal(count_with(walks_as_it_should, &figure), 0);
	assert_int_equal(ledger_read(&ledger, &figure), 0);
	assert_int_equal(figure.bytes, 0);
	assert_int_equal(figure.state, LEDGER_EXACT);
	/* all is said: whether the child ends or not */
	assert_int_equal(count_with(sums_and_stays, &figure), 0);
	assert_int_equal(ledger_read(&ledger, &figure), 0);
	assert_int_equal(figure.bytes, 7);
	assert_idle();
}

static void
test_sum_holds_up_nobody(void **state)
{
	struct ledger_figure figure;

	(void)state;
	assert_int_equal(count_with(sums_beside_a_change, &figure), 0);
	assert_int_equal(figure.bytes, 7);
	assert_int_equal(ledger_read(&ledger, &figure), 0);
	assert_int_equal(figure.bytes, 7 + 5);
	assert_int_equal(figure.files, 7 + 1);
	assert_int_equal(figure.state, LEDGER_EXACT);
	assert_idle();
}

static void
test_journal(void **state)
{
	struct ledger_figure figure;

	(void)state;
	assert_int_equal(count_with(meets_a_session, &figure), 0);
	assert_int_equal(figure.bytes, 3 * EVENTS);
	assert_int_equal(figure.files, EVENTS);
	assert_int_equal(ledger_read(&ledger, &figure), 0);
	assert_int_equal(figure.bytes, 3 * EVENTS);
	assert_int_equal(figure.state, LEDGER_EXACT);
	assert_idle();
}

static void
test_hostile_words(void **state)
{
	struct ledger_figure figure;

	(void)state;
	/* -EBUSY would make the caller ask again without an end */
	assert_int_equal(count_with(says_busy, &figure), -EIO);
	assert_int_equal(count_with(says_half_a_sum, &figure), -ECHILD);
	assert_int_equal(count_with(sums_too_much, &figure), -EINVAL);
	assert_int_equal(count_with(says_what_is_no_word, &figure), -ECHILD);
	assert_int_equal(ledger_read(&ledger, &figure), -EUCLEAN);
	assert_idle();
}

/* Somebody killed it: the caller tries again soon, while a home that cannot be counted has to wait. */
static void
test_child_killed(void **state)
{
	struct ledger_figure figure;

	(void)state;
	assert_int_equal(count_with(dies_with_its_order_unread, &figure), -ECHILD);
	assert_idle();
}

/* Each in a process of its own, with a ledger of its own: their deadlines pass at the same time. */
static pid_t
count_in_vain(int number, void (*walks)(int channel))
{
	pid_t pid = fork();
	struct ledger_figure figure;

	if (pid != 0)
		return pid;
	snprintf(path, sizeof(path), "%s/%d", directory, number);
	ledger_close(&ledger);
	if (setup_ledger() < 0 || count_with(walks, &figure) != -ECHILD)
		_exit(1);
	unlink(path);
	_exit(0);
}

static void
test_sum_has_a_deadline(void **state)
{
	void (*const walks[])(int channel) = {says_nothing_more, reports_progress_on_and_on, reads_no_journal};
	pid_t pids[3];
	int status;

	(void)state;
	for (int i = 0; i < 3; i++)
		pids[i] = count_in_vain(i, walks[i]);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_idle();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_counts),
	    TEST(test_sum_holds_up_nobody),
	    TEST(test_journal),
	    TEST(test_hostile_words),
	    TEST(test_child_killed),
	    TEST(test_sum_has_a_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
