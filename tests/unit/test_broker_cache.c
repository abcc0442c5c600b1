/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "privsep/broker/cache.h"
#include "privsep/broker/decoys.h"

#include "common/banned.h"

static const struct siphash_key key = {{1, 2}};

static void
keep(struct cache *cache, const char *name, const char *line, uint64_t now_ms)
{
	const struct kept_answer answer = {.id = strlen(name), .line = line, .len = strlen(line)};

	cache_keep(cache, name, &answer, now_ms);
}

static bool
has(const struct cache *cache, const char *name, const char *line)
{
	struct kept_answer answer;

	return cache_find(cache, name, &answer) && answer.id == strlen(name) && answer.len == strlen(line) &&
	    memcmp(answer.line, line, answer.len) == 0;
}

static bool
lacks(const struct cache *cache, const char *name)
{
	struct kept_answer answer;

	return !cache_find(cache, name, &answer);
}

static void
keeps_the_last_answer_about_a_name(void **state)
{
	struct cache cache;

	(void)state;
	assert_int_equal(cache_init(&cache, &key, 100, 10000), 0);
	assert_true(lacks(&cache, "alice"));
	keep(&cache, "alice", "first", 1);
	keep(&cache, "bob", "another", 2);
	assert_true(has(&cache, "alice", "first"));
	keep(&cache, "alice", "a second one", 3);
	assert_true(has(&cache, "alice", "a second one"));
	assert_true(has(&cache, "bob", "another"));
	assert_true(lacks(&cache, "alic") && lacks(&cache, "alicee") && lacks(&cache, ""));
	assert_int_equal(cache.count, 2);
	cache_forget(&cache, "alice");
	cache_forget(&cache, "nobody");
	assert_true(lacks(&cache, "alice"));
	assert_true(has(&cache, "bob", "another"));
	cache_free(&cache);
}

/* Every name of the newest is there, and none before them; so they are in many chains that stay whole. */
static void
drops_the_oldest_beyond_a_number(void **state)
{
	struct cache cache;
	char name[16];

	(void)state;
	assert_int_equal(cache_init(&cache, &key, 1000, SIZE_MAX), 0);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		keep(&cache, name, name, i);
		if (i >= 1000)
			keep(&cache, "user0", "asked again", i); /* which makes it a new one */
	}
	assert_int_equal(cache.count, 1000);
	for (unsigned i = 1; i < 5000; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		assert_true(i <= 4000 ? lacks(&cache, name) : has(&cache, name, name));
	}
	assert_true(has(&cache, "user0", "asked again"));
	cache_free(&cache);
	assert_int_equal(cache.count, 0);
	assert_int_equal(cache.bytes, 0);
}

static void
drops_the_oldest_beyond_bytes(void **state)
{
	static char line[8192];
	struct cache cache;
	char name[16];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	assert_int_equal(cache_init(&cache, &key, CACHE_ENTRIES_MAX, 100000), 0);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		keep(&cache, name, line, i);
		assert_true(cache.bytes <= 100000);
	}
	assert_in_range(cache.count, 11, 12);
	assert_true(has(&cache, "user99", line));
	assert_true(lacks(&cache, "user80"));
	keep(&cache, "small", "s", 200);
	assert_true(has(&cache, "small", "s"));
	cache_free(&cache);

	assert_int_equal(cache_init(&cache, &key, 10, 1000), 0);
	keep(&cache, "alice", "short", 1);
	keep(&cache, "alice", line, 2); /* has no room at all: then nothing is known of her */
	assert_true(lacks(&cache, "alice"));
	assert_int_equal(cache.count, 0);
	cache_free(&cache);
}

static void
drops_what_is_too_old(void **state)
{
	struct cache cache;

	(void)state;
	assert_int_equal(cache_init(&cache, &key, 100, 10000), 0);
	keep(&cache, "alice", "a", 1000);
	keep(&cache, "bob", "b", 2000);
	keep(&cache, "carol", "c", 3000);
	keep(&cache, "alice", "again", 4000);
	cache_drop_older(&cache, 2000);
	assert_int_equal(cache.count, 3);
	cache_drop_older(&cache, 2001);
	assert_true(lacks(&cache, "bob") && has(&cache, "carol", "c") && has(&cache, "alice", "again"));
	cache_drop_older(&cache, UINT64_MAX);
	assert_int_equal(cache.count, 0);
	cache_free(&cache);
}

static void
a_cache_for_nothing_keeps_nothing(void **state)
{
	struct cache cache;

	(void)state;
	assert_int_equal(cache_init(&cache, &key, 0, 10000), 0);
	keep(&cache, "alice", "a", 1);
	assert_true(lacks(&cache, "alice"));
	cache_free(&cache);
}

static void
decoys_are_those_that_were_kept(void **state)
{
	static struct decoys decoys;
	char name[16], decoy[32];
	unsigned others = 0;

	(void)state;
	decoys_init(&decoys, &key);
	assert_string_equal(decoys_draw(&decoys, "alice"), "");
	decoys_keep(&decoys, "x", "", 0);
	assert_string_equal(decoys_draw(&decoys, "alice"), "");
	decoys_keep(&decoys, "x", "$6$....", 7);
	assert_string_equal(decoys_draw(&decoys, "alice"), "$6$....");
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		snprintf(decoy, sizeof(decoy), "$6$%u", i);
		decoys_keep(&decoys, name, decoy, strlen(decoy));
	}
	assert_int_equal(decoys.count, DECOYS_MAX);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "other%u", i);
		snprintf(decoy, sizeof(decoy), "%s", decoys_draw(&decoys, name));
		assert_string_equal(decoys_draw(&decoys, name), decoy); /* the same again */
		others += strcmp(decoy, decoys_draw(&decoys, "other0")) != 0;
	}
	assert_in_range(others, 80, 99);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_the_last_answer_about_a_name),
	    cmocka_unit_test(drops_the_oldest_beyond_a_number),
	    cmocka_unit_test(drops_the_oldest_beyond_bytes),
	    cmocka_unit_test(drops_what_is_too_old),
	    cmocka_unit_test(a_cache_for_nothing_keeps_nothing),
	    cmocka_unit_test(decoys_are_those_that_were_kept),
	};

	return cmocka_run_group_tests_name("broker_cache", tests, NULL, NULL);
}
