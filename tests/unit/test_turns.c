/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/master/turns.h"

#include "common/banned.h"

#define MANY 2000
#define NOW 1000

static struct turns *turns;
static struct turn all[MANY];

static int
begin(void **state)
{
	(void)state;
	memset(all, 0, sizeof(all));
	return turns_new(MANY, &turns);
}

static int
end(void **state)
{
	(void)state;
	turns_free(turns);
	return 0;
}

static struct address_key
key_of(uint32_t number)
{
	struct address_key key = {{0}};

	memcpy(key.bytes, &number, sizeof(number));
	return key;
}

static void
wait_from(uint32_t address, size_t first, size_t count)
{
	struct address_key key = key_of(address);

	for (size_t i = first; i < first + count; i++)
		turns_wait(turns, &all[i], &key);
}

/* Take the next turn, and return its session; -1: none. */
static int
take_next(void)
{
	struct turn *turn = turns_next(turns, NOW);

	if (turn == NULL)
		return -1;
	turns_take(turns, turn);
	return (int)(turn - all);
}

static void
test_alone_it_may_have_all(void **state)
{
	(void)state;
	turns_set_bounds(turns, 3, 3);
	wait_from(1, 0, 5);
	for (int i = 0; i < 3; i++)
		assert_int_equal(take_next(), i);	/* first come, first served */
	assert_int_equal(take_next(), -1);
	assert_int_equal(turns_running(turns), 3);
	assert_int_equal(turns_waiting(turns), 2);
	turns_leave(turns, &all[1]);
	assert_int_equal(take_next(), 3);
	assert_int_equal(take_next(), -1);
}

/* A session from another address has the next turn, however many waited before. */
static void
test_a_flood_does_not_hold_others_up(void **state)
{
	(void)state;
	turns_set_bounds(turns, 2, 2);
	wait_from(1, 0, 40);
	assert_int_equal(take_next(), 0);
	assert_int_equal(take_next(), 1);
	wait_from(2, 100, 1);
	turns_leave(turns, &all[0]);
	assert_int_equal(take_next(), 100);
	turns_leave(turns, &all[1]);
	assert_int_equal(take_next(), 2);	/* the address waits alone again */
}

static void
test_while_others_wait_an_address_has_one(void **state)
{
	(void)state;
	turns_set_bounds(turns, 8, 8);
	wait_from(1, 0, 10);
	wait_from(2, 100, 10);
	assert_int_equal(take_next(), 0);
	assert_int_equal(take_next(), 100);
	assert_int_equal(take_next(), -1);	/* six turns stay for addresses that have none */
	wait_from(3, 200, 2);
	assert_int_equal(take_next(), 200);
	assert_int_equal(take_next(), -1);
	turns_leave(turns, &all[100]);
	assert_int_equal(take_next(), 101);
}

/* Many addresses come in turn, over and over. */
static void
test_rounds(void **state)
{
	static const int order[] = {0, 100, 200, 1, 101, 201, 2, 102, 202};
	int last = -1;

	(void)state;
	turns_set_bounds(turns, 1, 1);
	wait_from(1, 0, 3);
	wait_from(2, 100, 3);
	wait_from(3, 200, 3);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (last >= 0)
			turns_leave(turns, &all[last]);
		last = take_next();
		assert_int_equal(last, order[i]);
	}
}

/* Other addresses can have a turn that was given back, but its own address tries no faster for it. */
static void
test_given_back_counts_for_the_address(void **state)
{
	struct turn kept;

	(void)state;
	turns_set_bounds(turns, 1, 1);
	wait_from(1, 0, 3);
	assert_int_equal(take_next(), 0);
	turns_give_back(turns, &all[0]);
	assert_int_equal(turns_running(turns), 0);
	assert_int_equal(take_next(), -1);
	wait_from(2, 100, 1);
	assert_int_equal(take_next(), 100);
	turns_leave(turns, &all[100]);
	kept = all[0];	/* the session is gone, the verification still runs */
	memset(&all[0], 0, sizeof(all[0]));
	assert_int_equal(take_next(), -1);
	turns_leave(turns, &kept);
	assert_int_equal(kept.state, TURN_NONE);
	assert_int_equal(take_next(), 1);
}

/* The bound for one address holds even when no other waits; the rest stays for newcomers. */
static void
test_bound_of_an_address(void **state)
{
	(void)state;
	turns_set_bounds(turns, 8, 2);
	wait_from(1, 0, 10);
	assert_int_equal(take_next(), 0);
	assert_int_equal(take_next(), 1);
	assert_int_equal(take_next(), -1);
	wait_from(2, 100, 1);
	assert_int_equal(take_next(), 100);
}

/* A slowed address sleeps with all its sessions, and does not count among those that wait. */
static void
test_put_off(void **state)
{
	struct turn *turn;

	(void)state;
	turns_set_bounds(turns, 2, 2);
	wait_from(1, 0, 2);
	wait_from(2, 100, 2);
	turn = turns_next(turns, NOW);
	assert_ptr_equal(turn, &all[0]);
	assert_int_equal(turns_due_ms(turns), UINT64_MAX);
	turns_put_off(turns, turn, NOW + 50);
	assert_int_equal(turns_due_ms(turns), NOW + 50);
	assert_int_equal(take_next(), 100);
	assert_int_equal(take_next(), 101);
	wait_from(1, 2, 1);	/* a session that comes meanwhile sleeps too */
	turns_leave(turns, &all[100]);
	assert_int_equal(take_next(), -1);
	assert_ptr_equal(turns_next(turns, NOW + 50), &all[0]);
	assert_int_equal(all[0].not_before_ms, NOW + 50);
	assert_int_equal(turns_due_ms(turns), UINT64_MAX);
}

static void
test_put_off_and_gone(void **state)
{
	(void)state;
	turns_set_bounds(turns, 1, 1);
	wait_from(1, 0, 2);
	turns_put_off(turns, turns_next(turns, NOW), NOW + 50);
	turns_leave(turns, &all[1]);	/* not the session that the address sleeps for */
	assert_int_equal(turns_due_ms(turns), NOW + 50);
	wait_from(1, 2, 1);
	turns_leave(turns, &all[0]);
	assert_int_equal(turns_due_ms(turns), UINT64_MAX);
	assert_int_equal(take_next(), 2);
	turns_leave(turns, &all[2]);
	turns_leave(turns, &all[2]);	/* once more does nothing */
	assert_int_equal(turns_waiting(turns) + turns_running(turns), 0);
}

/* Each session comes from an address of its own, again and again: the room is enough, and no turn is lost. */
static void
test_room(void **state)
{
	(void)state;
	turns_set_bounds(turns, 4, 4);
	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < MANY; i++)
			wait_from(round * MANY + i, i, 1);
		for (uint32_t i = 0; i < MANY / 2; i++)
			turns_leave(turns, &all[(i * 7) % MANY]);
		for (int taken; (taken = take_next()) >= 0;)
			turns_leave(turns, &all[taken]);
		assert_int_equal(turns_waiting(turns) + turns_running(turns), 0);
	}
}

/* Random events: never more turns run than may, and in the end no session is forgotten. */
static void
test_at_random(void **state)
{
	uint64_t now = NOW;

	(void)state;
	srandom(7);
	turns_set_bounds(turns, 5, 5);
	for (size_t i = 0; i < 200000; i++) {
		struct turn *turn = &all[(size_t)random() % 300];

		now += (uint64_t)random() % 2;
		if (turn->state == TURN_NONE)
			wait_from((uint32_t)random() % 20, (size_t)(turn - all), 1);
		else if (turn->state == TURN_HELD && random() % 2 == 0)
			turns_give_back(turns, turn);
		else if (random() % 2 == 0)
			turns_leave(turns, turn);
		turn = turns_next(turns, now);
		if (turn != NULL && random() % 4 == 0)
			turns_put_off(turns, turn, now + (uint64_t)random() % 100);
		else if (turn != NULL)
			turns_take(turns, turn);
		assert_true(turns_running(turns) <= 5);
	}
	for (size_t i = 0; i < 300; i++)
		if (all[i].state != TURN_WAITS)
			turns_leave(turns, &all[i]);
	for (struct turn *turn; (turn = turns_next(turns, now + 1000)) != NULL;) {
		turns_take(turns, turn);
		turns_leave(turns, turn);
	}
	assert_int_equal(turns_waiting(turns) + turns_running(turns), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_alone_it_may_have_all, begin, end),
	    cmocka_unit_test_setup_teardown(test_a_flood_does_not_hold_others_up, begin, end),
	    cmocka_unit_test_setup_teardown(test_while_others_wait_an_address_has_one, begin, end),
	    cmocka_unit_test_setup_teardown(test_rounds, begin, end),
	    cmocka_unit_test_setup_teardown(test_given_back_counts_for_the_address, begin, end),
	    cmocka_unit_test_setup_teardown(test_bound_of_an_address, begin, end),
	    cmocka_unit_test_setup_teardown(test_put_off, begin, end),
	    cmocka_unit_test_setup_teardown(test_put_off_and_gone, begin, end),
	    cmocka_unit_test_setup_teardown(test_room, begin, end),
	    cmocka_unit_test_setup_teardown(test_at_random, begin, end),
	};

	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
