/* SPDX-License-Identifier: ISC */
/* Sorted names, however much their beginnings share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "privsep/files/list_sort.h"

#include "common/banned.h"

#define COUNT 3000

static char text[COUNT * 300 + LIST_SORT_SLACK];
static struct list_name names[COUNT], spare[COUNT];
static size_t text_len, count;
static uint64_t key_at[sizeof(text)];	/* of the name that begins there */

static void
begin(void)
{
	/* the bytes after a name must not matter */
	memset(text, 0xff, sizeof(text));
	text_len = count = 0;
}

static void
add(uint64_t key, const char *name)
{
	size_t len = strlen(name);

	memcpy(text + text_len, name, len + 1);
	key_at[text_len] = key;
	names[count] = (struct list_name){
	    .key = key, .at = (uint32_t)text_len, .len = (uint16_t)len, .type = (unsigned char)(count & 1)};
	count++;
	text_len += len + 1;
}

static const char *
name_at(size_t i)
{
	return text + names[i].at;
}

static void
check_order(void)
{
	size_t places = 0;

	for (size_t i = 0; i < count; i++)
		places += names[i].at;
	list_sort(names, spare, count, text);
	for (size_t i = 0; i < count; i++) {
		places -= names[i].at;
		assert_int_equal(names[i].len, strlen(name_at(i)));
	}
	assert_int_equal(places, 0);
	for (size_t i = 1; i < count; i++) {
		uint64_t before = key_at[names[i - 1].at], here = key_at[names[i].at];

		assert_true(before < here || (before == here && strcmp(name_at(i - 1), name_at(i)) <= 0));
	}
}

static void
test_few(void **state)
{
	static const char *const given[] = {"b", "a", "ab", "aa", "\xc3\xa4", "~", "a b", "B", "abcdefgh", "abcdefghi",
	    "abcdefg", "abcdefgi", "abcdefgh\x01"};
	static const char *const wanted[] = {"B", "a", "a b", "aa", "ab", "abcdefg", "abcdefgh", "abcdefgh\x01",
	    "abcdefghi", "abcdefgi", "b", "~", "\xc3\xa4"};

	(void)state;
	begin();
	check_order();
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++)
		add(0, given[i]);
	check_order();
	for (size_t i = 0; i < count; i++)
		assert_string_equal(name_at(i), wanted[i]);
}

static void
test_key_first(void **state)
{
	static const char *const wanted[] = {"z", "y", "aa", "ab", "b", "a"};

	(void)state;
	begin();
	add(7, "b");
	add(7, "ab");
	add(1, "z");
	add(UINT64_MAX, "a");
	add(7, "aa");
	add(2, "y");
	check_order();
	for (size_t i = 0; i < count; i++)
		assert_string_equal(name_at(i), wanted[i]);
}

static void
test_orders(void **state)
{
	char name[64];

	(void)state;
	/* step 1 adds them in order; no other step has a common factor with COUNT */
	for (unsigned step = 1; step < COUNT; step += 600) {
		begin();
		for (unsigned i = 0; i < COUNT; i++) {
			snprintf(name, sizeof(name), "picture of a holiday %06u.jpeg", i * step % COUNT);
			add(0, name);
		}
		check_order();
	}
	begin();
	for (unsigned i = COUNT; i > 0; i--) {
		snprintf(name, sizeof(name), "file-%06u.dat", i);
		add(0, name);
	}
	check_order();
}

/* Many names with equal keys: each one begins with the name before it. */
static void
test_beginnings(void **state)
{
	char name[256];

	(void)state;
	begin();
	for (unsigned i = 255; i > 0; i--) {
		memset(name, 'x', i);
		name[i] = '\0';
		add(0, name);
		name[i - 1] = 'y';
		add(0, name);
	}
	check_order();
}

static void
test_same(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 0; i < 100; i++)
		add(i / 50, i % 3 == 0 ? "the same name" : i % 3 == 1 ? "the same name, but longer" : "");
	check_order();
}

/* Names of few letters, with few different keys, in every length. */
static void
test_random(void **state)
{
	char name[256];

	(void)state;
	srandom(1);
	for (unsigned round = 0; round < 20; round++) {
		begin();
		for (unsigned i = 0; i < COUNT; i++) {
			size_t len = (size_t)random() % (round < 10 ? 20 : 255) + 1;

			for (size_t k = 0; k < len; k++)
				name[k] = random() % 50 != 0 ? 'a' : (char)(1 + random() % 255);
			name[len] = '\0';
			add((uint64_t)random() % (round + 1) << (round * 3), name);
		}
		check_order();
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_few),
	    cmocka_unit_test(test_key_first),
	    cmocka_unit_test(test_orders),
	    cmocka_unit_test(test_beginnings),
	    cmocka_unit_test(test_same),
	    cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
