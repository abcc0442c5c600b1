/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/master/bans.h"
#include "daemon/master/failures.h"

#include "common/banned.h"

#define START 1000000
#define FORGET 600000
#define LIMIT 5

static struct failures failures;

static int
forget_all(void **state)
{
	(void)state;
	memset(&failures, 0, sizeof(failures));
	return failures_init(&failures);
}

static struct address_key
key_of(uint32_t number)
{
	struct address_key key = {{0}};

	memcpy(key.bytes, &number, sizeof(number));
	return key;
}

static uint64_t
wait_of(uint32_t address, uint64_t now)
{
	struct address_key key = key_of(address);

	return failures_reserve(&failures, &key, now, FORGET) - now;
}

static bool
fail_at(uint32_t address, uint64_t now)
{
	struct address_key key = key_of(address);

	return failures_add(&failures, &key, now, FORGET, LIMIT);
}

static int
ban(uint32_t address, uint64_t now, uint64_t until, bool is_by_hand)
{
	struct address_key key = key_of(address);

	return failures_ban(&failures, &key, now, until, is_by_hand);
}

static void
test_no_failure_no_wait(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(wait_of(1, START), 0);
	assert_int_equal(failures.used, 0);
}

/* An attempt that nobody could judge slows the next one down as a failure does, and bans nobody. */
static void
test_unknown_attempts(void **state)
{
	struct address_key key = key_of(1);

	(void)state;
	for (int i = 0; i < 100; i++)
		failures_add_unknown(&failures, &key, START + i, FORGET);
	assert_int_equal(wait_of(1, START + 100), 4000 - 1);
	assert_int_equal(wait_of(1, START + FORGET + 200), 0);
	for (int i = 1; i < LIMIT; i++)
		assert_false(fail_at(1, START + FORGET + 300));
	/* what came between does not count */
	failures_add_unknown(&failures, &key, START + FORGET + 400, FORGET);
	assert_true(fail_at(1, START + FORGET + 500));
	assert_int_equal(failures.used, 1);
	/* nor does it keep failures alive */
	failures_add_unknown(&failures, &key, START + 2 * FORGET + 400, FORGET);
	assert_false(fail_at(1, START + 2 * FORGET + 600));
}

/* Each failure doubles the wait, up to a bound. */
static void
test_delays(void **state)
{
	static const uint64_t waits[] = {250, 500, 1000, 2000, 4000, 4000, 4000};
	uint64_t now = START;

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		fail_at(1, now);
		assert_int_equal(wait_of(1, now), waits[i]);
		assert_int_equal(wait_of(2, now), 0);	/* other addresses do not wait */
		now += 20000;
	}
}

/* A client that comes after its wait is over does not wait again. */
static void
test_wait_runs(void **state)
{
	(void)state;
	fail_at(1, START);
	assert_int_equal(wait_of(1, START + 100), 150);
	forget_all(state);
	fail_at(1, START);
	assert_int_equal(wait_of(1, START + 250), 0);
	forget_all(state);
	fail_at(1, START);
	assert_int_equal(wait_of(1, START + 5000), 0);
}

/* Connections side by side get no more tries than one connection. */
static void
test_parallel_attempts_queue(void **state)
{
	(void)state;
	fail_at(1, START);
	fail_at(1, START);
	for (uint64_t i = 1; i <= 50; i++)
		assert_int_equal(wait_of(1, START), i * 500);
	/* a failure meanwhile does not shorten the reserved waits */
	fail_at(1, START);
	assert_true(wait_of(1, START) >= 50 * 500);
}

static void
test_forgetting(void **state)
{
	(void)state;
	fail_at(1, START);
	fail_at(1, START);
	fail_at(1, START);
	assert_int_equal(wait_of(1, START + FORGET), 0);
	assert_int_equal(wait_of(1, START + FORGET), 0);	/* the table holds no reservation any more */
	fail_at(1, START + FORGET);
	assert_int_equal(wait_of(1, START + FORGET), 250);	/* the address counts from the beginning again */
}

static void
test_last_failure_counts(void **state)
{
	(void)state;
	fail_at(1, START);
	fail_at(1, START + FORGET - 1);
	assert_int_equal(wait_of(1, START + FORGET - 1), 500);
	assert_int_equal(wait_of(1, START + FORGET + 10), 989);	/* after the wait of the attempt before */
}

static void
test_bounded_memory(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 3 * FAILURES_MAX; i++)
		fail_at(i, START + i);
	assert_int_equal(failures.used, FAILURES_MAX);
	/* the least recent address has lost its row */
	assert_int_equal(wait_of(1, START + 3 * FAILURES_MAX), 0);
	assert_int_equal(wait_of(2 * FAILURES_MAX, START + 3 * FAILURES_MAX), 0);
	assert_int_equal(wait_of(3 * FAILURES_MAX, START + 3 * FAILURES_MAX), 250);
}

/* A new address takes the row of an ended ban, and no other address loses its own. */
static void
test_room_of_an_ended_ban(void **state)
{
	struct address_key key = key_of(7);

	(void)state;
	for (uint32_t i = 1; i <= FAILURES_MAX; i++)
		if (i == 7)
			assert_int_equal(ban(i, START, START + 5000, false), 0);
		else
			fail_at(i, START);
	assert_non_null(failures_unban(&failures, &key));
	fail_at(FAILURES_MAX + 1, START);
	assert_int_equal(failures.used, FAILURES_MAX);
	for (uint32_t i = 1; i <= FAILURES_MAX + 1; i++)
		assert_int_equal(wait_of(i, START), i == 7 ? 0 : 250);
}

/* Many addresses that fail once do not displace an address that fails all the time. */
static void
test_frequent_stays(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 3 * FAILURES_MAX; i++) {
		fail_at(i + 1, START + i);
		if (i % 100 == 0)
			fail_at(1, START + i);
	}
	assert_true(wait_of(1, START + 3 * FAILURES_MAX) >= 4000 - 100);
}

static void
test_forgotten_entry_is_reused(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= FAILURES_MAX; i++)
		fail_at(i, START + (i == 7 ? 0 : FORGET));
	fail_at(FAILURES_MAX + 1, START + FORGET);
	assert_int_equal(wait_of(7, START + FORGET), 0);
	assert_int_equal(wait_of(1, START + FORGET), 250);
	assert_int_equal(wait_of(FAILURES_MAX + 1, START + FORGET), 250);
}

static bool
is_banned(uint32_t address, uint64_t now)
{
	struct address_key key = key_of(address);

	return failures_refuse(&failures, &key, now) > 0;
}

/* LIMIT failures within FORGET are too many, wherever that time begins; LIMIT in a longer time are not. */
static void
test_too_many_within_the_time(void **state)
{
	(void)state;
	for (int i = 0; i < LIMIT - 1; i++)
		assert_false(fail_at(1, START + (uint64_t)i));
	assert_true(fail_at(1, START + FORGET - 1));
	forget_all(state);
	for (uint64_t i = 0; i < 20; i++)
		assert_false(fail_at(1, START + i * FORGET / (LIMIT - 1)));
	forget_all(state);
	assert_false(fail_at(1, START));
	for (uint64_t i = 0; i < LIMIT - 2; i++)
		assert_false(fail_at(1, START + FORGET - 10 + i));
	assert_false(fail_at(1, START + FORGET));	/* the first one is too long ago */
	assert_true(fail_at(1, START + FORGET + 1));
}

static void
test_ban_and_its_end(void **state)
{
	struct address_key key = key_of(1);
	const struct failure *over;
	size_t next = 0;

	(void)state;
	assert_false(is_banned(1, START));
	assert_int_equal(ban(1, START, START + 1000, false), 0);
	assert_int_equal(ban(2, START, START + 5000, true), 0);
	assert_true(is_banned(1, START + 999));
	assert_false(is_banned(1, START + 1000));
	assert_false(is_banned(3, START));
	over = failures_expire(&failures, &next, START + 1000);
	assert_non_null(over);
	assert_memory_equal(&over->address, &key, sizeof(key));
	assert_null(failures_expire(&failures, &next, START + 1000));
	assert_int_equal(failures.banned, 1);
	key = key_of(2);
	assert_int_equal(failures_refuse(&failures, &key, START), 1);
	assert_int_equal(failures_refuse(&failures, &key, START), 2);
	over = failures_unban(&failures, &key);
	assert_non_null(over);
	assert_int_equal(over->refused, 2);
	assert_null(failures_unban(&failures, &key));
	assert_false(is_banned(2, START));
	assert_int_equal(failures.banned, 0);
}

static void
test_a_ban_counts_anew(void **state)
{
	(void)state;
	for (int i = 0; i < LIMIT; i++)
		fail_at(1, START);
	assert_int_equal(ban(1, START, START + 1000, false), 0);
	assert_false(fail_at(1, START + 2000));
}

/* A flood of addresses displaces no ban while another row can go, and never one that an administrator set. */
static void
test_bans_stay_in_a_flood(void **state)
{
	(void)state;
	assert_int_equal(ban(1, START, START + 1000000, true), 0);
	assert_int_equal(ban(2, START, START + 1000000, false), 0);
	for (uint32_t i = 10; i <= 3 * FAILURES_MAX; i++)
		fail_at(i, START + i);
	assert_true(is_banned(1, START + 10));
	assert_true(is_banned(2, START + 10));
	for (uint32_t i = 10; i <= 2 * FAILURES_MAX; i++)
		assert_int_equal(ban(i, START, START + 2000000, false), 0);
	assert_int_equal(failures.used, FAILURES_MAX);
	assert_int_equal(failures.banned, FAILURES_MAX);
	assert_true(is_banned(1, START + 10));
	assert_false(is_banned(2, START + 10));	/* the ban that ends first has lost its row */
	for (uint32_t i = 1; i <= FAILURES_MAX; i++)
		assert_int_equal(ban(i, START, START + 10, true), 0);
	assert_int_equal(ban(FAILURES_MAX + 1, START, START + 10, true), -ENOSPC);
	assert_false(fail_at(FAILURES_MAX + 1, START));
}

static int
ban_told(uint32_t address, bool is_by_hand)
{
	struct address_key key = key_of(address);

	return failures_ban_told(&failures, &key, START, START + 1000000, is_by_hand, "other");
}

/* Others fill half of the table at most, by hand or not; an own ban stays one's own, and counts for none of it. */
static void
test_bans_of_others_leave_room(void **state)
{
	struct address_key own = key_of(1);

	(void)state;
	assert_int_equal(ban(1, START, START + 1000000, false), 0);
	assert_int_equal(failures_find_ban(&failures, &own)->standing, BAN_UNTOLD);
	assert_int_equal(ban_told(1, true), 0);
	assert_int_equal(failures.of_others, 0);
	assert_int_equal(failures_find_ban(&failures, &own)->standing, BAN_KNOWN);
	for (uint32_t i = 2; i < 2 + FAILURES_OF_OTHERS_MAX; i++)
		assert_int_equal(ban_told(i, i % 2 == 0), 0);
	assert_int_equal(failures.of_others, FAILURES_OF_OTHERS_MAX);
	assert_int_equal(ban_told(9999, true), -ENOSPC);
	assert_int_equal(ban_told(2, false), 0); /* known already */
	for (uint32_t i = 10000; i < 10000 + FAILURES_MAX - FAILURES_OF_OTHERS_MAX - 1; i++)
		assert_int_equal(ban(i, START, START + 2000000, true), 0);
	assert_true(is_banned(2, START + 10));
	/* what an administrator here takes over, lifts, or needs the place of, counts no more */
	assert_int_equal(ban(3, START, START + 1000000, true), 0);
	assert_int_equal(failures.of_others, FAILURES_OF_OTHERS_MAX - 1);
	own = key_of(2);
	assert_non_null(failures_unban(&failures, &own));
	assert_int_equal(failures.of_others, FAILURES_OF_OTHERS_MAX - 2);
	assert_int_equal(ban(50000, START, START + 10, true), 0);
	assert_int_equal(ban(50001, START, START + 10, true), 0);
	assert_int_equal(failures.of_others, FAILURES_OF_OTHERS_MAX - 3);
}

static const char *
node_of(uint32_t address)
{
	struct address_key key = key_of(address);

	return failures_node(&failures, failures_find_ban(&failures, &key));
}

static int
ban_told_by(uint32_t address, const char *node)
{
	struct address_key key = key_of(address);

	return failures_ban_told(&failures, &key, START, START + 1000000, false, node);
}

static int
ban_told_by_nth(uint32_t address, uint32_t nth)
{
	char node[FAILURES_NODE_SIZE];

	snprintf(node, sizeof(node), "node-%u", nth);
	return ban_told_by(address, node);
}

/* Names that no ban has any more give way; beyond FAILURES_NODES_MAX at once, the ban counts without its name. */
static void
test_bans_have_names_of_nodes(void **state)
{
	struct address_key key;

	(void)state;
	for (uint32_t i = 1; i <= FAILURES_NODES_MAX; i++)
		assert_int_equal(ban_told_by_nth(i, i), 0);
	assert_string_equal(node_of(1), "node-1");
	assert_string_equal(node_of(FAILURES_NODES_MAX), "node-128");
	assert_int_equal(ban_told_by(500, "one-more"), 0);
	assert_string_equal(node_of(500), "");
	key = key_of(7);
	assert_non_null(failures_unban(&failures, &key));
	assert_int_equal(ban_told_by(501, "one-more"), 0);
	assert_string_equal(node_of(501), "one-more");
	assert_int_equal(ban_told_by(8, "node-9"), 0); /* another word about the same address */
	assert_string_equal(node_of(8), "node-9");
	assert_int_equal(ban(9, START, START + 1000000, true), 0); /* by hand, here */
	assert_string_equal(node_of(9), "");
	assert_int_equal(ban_told_by(502, ""), 0); /* of a file */
	assert_string_equal(node_of(502), "");
	key = key_of(502);
	failures_note_node(&failures, failures_find_ban(&failures, &key), "node-10");
	assert_string_equal(node_of(502), "node-10");
}

static void
test_lines_of_the_file(void **state)
{
	static const char *const bad[] = {"", " ", "192.0.2.1", "192.0.2.1 5", "192.0.2.1 x auto", "192.0.2.1 5 other",
	    "192.0.2.1 -5 auto", "192.0.2.1  5 auto", "example.org 5 auto", "192.0.2.0/24 5 auto",
	    "2001:db8::/32 5 auto", "192.0.2.1 99999999999999999999 auto", "192.0.2.1 5 auto x"};
	char text[ADDRESS_TEXT_MAX];
	struct ban_line line;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ban_line_parse(bad[i], &line) == 0)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(ban_line_parse("192.0.2.1 1700000000 auto", &line), 0);
	assert_int_equal(line.until_s, 1700000000);
	assert_false(line.is_by_hand);
	address_key_text(&line.address, text);
	assert_string_equal(text, "192.0.2.1");
	assert_int_equal(ban_line_parse("2001:db8:0:7::/64 5 manual", &line), 0);
	assert_true(line.is_by_hand);
	address_key_text(&line.address, text);
	assert_string_equal(text, "2001:db8:0:7::/64");
	assert_false(line.is_of_others);
	assert_int_equal(ban_line_parse("192.0.2.1 5 told-manual", &line), 0);
	assert_true(line.is_by_hand && line.is_of_others && !line.is_lifted);
	assert_int_equal(ban_line_parse("192.0.2.1 5 told-auto", &line), 0);
	assert_true(!line.is_by_hand && line.is_of_others);
	assert_int_equal(ban_line_parse("192.0.2.1 5 lifted", &line), 0);
	assert_true(line.is_lifted && !line.is_of_others);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_no_failure_no_wait, forget_all),
	    cmocka_unit_test_setup(test_unknown_attempts, forget_all),
	    cmocka_unit_test_setup(test_delays, forget_all),
	    cmocka_unit_test_setup(test_wait_runs, forget_all),
	    cmocka_unit_test_setup(test_parallel_attempts_queue, forget_all),
	    cmocka_unit_test_setup(test_forgetting, forget_all),
	    cmocka_unit_test_setup(test_last_failure_counts, forget_all),
	    cmocka_unit_test_setup(test_bounded_memory, forget_all),
	    cmocka_unit_test_setup(test_room_of_an_ended_ban, forget_all),
	    cmocka_unit_test_setup(test_frequent_stays, forget_all),
	    cmocka_unit_test_setup(test_forgotten_entry_is_reused, forget_all),
	    cmocka_unit_test_setup(test_too_many_within_the_time, forget_all),
	    cmocka_unit_test_setup(test_ban_and_its_end, forget_all),
	    cmocka_unit_test_setup(test_a_ban_counts_anew, forget_all),
	    cmocka_unit_test_setup(test_bans_stay_in_a_flood, forget_all),
	    cmocka_unit_test_setup(test_bans_of_others_leave_room, forget_all),
	    cmocka_unit_test_setup(test_bans_have_names_of_nodes, forget_all),
	    cmocka_unit_test(test_lines_of_the_file),
	};

	return cmocka_run_group_tests_name("failures", tests, NULL, NULL);
}
