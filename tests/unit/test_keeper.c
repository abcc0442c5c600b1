/* SPDX-License-Identifier: ISC */
/* The parent's side of tending a keep, with a child that says anything, or nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/counter/home_walls.h"
#include "privsep/counter/keeper.h"

#include "common/banned.h"

#define WAIT_MS 300
#define LIMIT_S 20 /* of a test */
#define NO_DEADLINE_MS (1000 * LIMIT_S)

/* As in keeper.c. */
struct keeper_word {
	int result;
	struct keep_tended tended;
};

static int child_fd; /* in the child: where its word goes */
static int (*child_tends)(struct keep_tended *tended); /* in the place of the work */

/* In place of walls and work. */

int
home_walls_enter(const struct home_walls *walls)
{
	child_fd = walls->kept[walls->kept_count - 1];
	return 0;
}

int
tended_home_init(struct tended_home *tended, int home_fd, const struct account *account, const struct config *config)
{
	(void)tended;
	(void)home_fd;
	(void)account;
	(void)config;
	return 0;
}

int
keep_tend(const struct home *home, const struct keep_order *order, struct keep_tended *tended)
{
	(void)home;
	(void)order;
	*tended = (struct keep_tended){.is_there = true, .files = 2, .bytes = 7};
	return child_tends(tended);
}

/* With an alarm, should it wait without an end. */
static int
tend_with(int (*tends)(struct keep_tended *tended), uint64_t wait_ms, struct keep_tended *tended)
{
	static const struct keep_order order;
	static struct account account;
	int r;

	child_tends = tends;
	alarm(LIMIT_S);
	r = keeper_run(&account, -1, NULL, &order, wait_ms, tended);
	alarm(0);
	return r;
}

static int
as_it_should(struct keep_tended *tended)
{
	(void)tended;
	return 0;
}

static int
is_damaged(struct keep_tended *tended)
{
	(void)tended;
	return -ENOLINK;
}

static int __attribute__((noreturn))
stays(struct keep_tended *tended)
{
	(void)tended;
	for (;;)
		pause();
}

static int
says_half_a_word_and_stays(struct keep_tended *tended)
{
	const struct keeper_word word = {0};

	(void)!write(child_fd, &word, sizeof(word) / 2);
	return stays(tended);
}

static int
says_a_word_and_stays(struct keep_tended *tended)
{
	struct keeper_word word = {0};

	word.tended = *tended;
	(void)!write(child_fd, &word, sizeof(word));
	return stays(tended);
}

static int
dies(struct keep_tended *tended)
{
	(void)tended;
	_exit(0);
}

static int
succeeds_too_much(struct keep_tended *tended)
{
	(void)tended;
	return 1;
}

static int
has_no_such_error(struct keep_tended *tended)
{
	(void)tended;
	return -1000000;
}

static int
boasts(struct keep_tended *tended)
{
	memset(tended, 0xff, sizeof(*tended));
	tended->is_there = tended->is_cut = true;
	return 0;
}

static void
test_tended(void **state)
{
	struct keep_tended tended;

	(void)state;
	assert_int_equal(tend_with(as_it_should, NO_DEADLINE_MS, &tended), 0);
	assert_true(tended.is_there);
	assert_int_equal(tended.files, 2);
	assert_int_equal(tended.bytes, 7);
	assert_int_equal(tend_with(is_damaged, NO_DEADLINE_MS, &tended), -ENOLINK);
	assert_false(tended.is_there);
	/* all is said: whether the child ends or not */
	assert_int_equal(tend_with(says_a_word_and_stays, NO_DEADLINE_MS, &tended), 0);
	assert_int_equal(tended.bytes, 7);
}

/* It is killed: the next account is due. */
static void
test_silent_child(void **state)
{
	struct keep_tended tended;

	(void)state;
	assert_int_equal(tend_with(stays, WAIT_MS, &tended), -ETIMEDOUT);
	assert_int_equal(tend_with(says_half_a_word_and_stays, WAIT_MS, &tended), -ECHILD);
}

static void
test_nonsense(void **state)
{
	struct keep_tended tended;

	(void)state;
	assert_int_equal(tend_with(dies, NO_DEADLINE_MS, &tended), -ECHILD);
	assert_int_equal(tend_with(succeeds_too_much, NO_DEADLINE_MS, &tended), -ECHILD);
	assert_int_equal(tend_with(has_no_such_error, NO_DEADLINE_MS, &tended), -ECHILD);
	assert_false(tended.is_there);
}

/* The sums of many accounts do not overflow. */
static void
test_bounded_figures(void **state)
{
	const uint64_t most = UINT64_C(1) << 56;
	struct keep_tended tended;

	(void)state;
	assert_int_equal(tend_with(boasts, NO_DEADLINE_MS, &tended), 0);
	assert_true(tended.files <= most && tended.bytes <= most && tended.held_s <= most);
	assert_true(tended.purged.files <= most && tended.purged.bytes <= most && tended.purged.strange <= most);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tended),
	    cmocka_unit_test(test_silent_child),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_bounded_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
