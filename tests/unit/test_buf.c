/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

static void
test_ceiling(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 4);
	assert_int_equal(buf_add(&buf, "12345", 5), -ENOBUFS);
	assert_int_equal(buf_add(&buf, "1", 1), -ENOBUFS);	/* the error sticks */
	assert_int_equal(buf_addf(&buf, "1"), -ENOBUFS);
	assert_null(buf_room(&buf, 0));
	assert_int_equal(buf.len, 0);
	buf_clear(&buf);
	assert_int_equal(buf_add(&buf, "1234", 4), 0);
	assert_string_equal(buf.data, "1234");
	assert_int_equal(buf_add(&buf, "", 0), 0);
	assert_int_equal(buf_add_text(&buf, "5"), -ENOBUFS);
	assert_string_equal(buf.data, "1234");
	assert_int_equal(buf.error, -ENOBUFS);
	buf_free(&buf);
}

static void
test_huge(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 16);
	assert_int_equal(buf_add_text(&buf, "x"), 0);
	assert_null(buf_room(&buf, SIZE_MAX));
	assert_int_equal(buf.error, -ENOBUFS);
	buf_clear(&buf);
	assert_null(buf_room(&buf, 17));
	buf_clear(&buf);
	assert_non_null(buf_room(&buf, 16));
	buf_free(&buf);
}

static void
test_format_ceiling(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 8);
	assert_int_equal(buf_addf(&buf, "%d-%s", 1234567, "x"), -ENOBUFS);
	assert_int_equal(buf.len, 0);
	buf_clear(&buf);
	assert_int_equal(buf_addf(&buf, "%d-%s", 123456, "x"), 0);
	assert_string_equal(buf.data, "123456-x");
	buf_free(&buf);
}

static void
test_empty(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	assert_null(buf.data);	/* an empty buffer allocates nothing */
	buf_clear(&buf);
	buf_consume(&buf, 0);
	assert_int_equal(buf_add(&buf, NULL, 0), 0);
	assert_string_equal(buf.data, "");
	assert_int_equal(buf_add(&buf, "x", 1), -ENOBUFS);
	buf_free(&buf);
	buf_free(&buf);
}

static void
test_growth(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 10000);
	for (size_t i = 0; i < 10000; i++) {
		char c = (char)('a' + i % 26);

		assert_int_equal(buf_add(&buf, &c, 1), 0);
		assert_int_equal(buf.len, i + 1);
		assert_int_equal(buf.data[buf.len], '\0');
		assert_uint_in_range(buf.size, buf.len + 1, buf.max + 1);
	}
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	assert_int_equal(buf_add(&buf, "x", 1), -ENOBUFS);
	buf_free(&buf);
	assert_null(buf.data);
	assert_int_equal(buf_add(&buf, "again", 5), 0);	/* the buffer is usable again */
	buf_free(&buf);
}

static void
test_consume(void **state)
{
	struct buf buf;
	char *room;

	(void)state;
	buf_init(&buf, 64);
	buf_add(&buf, "a\0bcdef", 7);
	buf_consume(&buf, 0);
	assert_int_equal(buf.len, 7);
	buf_consume(&buf, 2);
	assert_string_equal(buf.data, "bcdef");
	room = buf_room(&buf, 3);
	memcpy(room, "ghi", 3);
	buf.len += 3;
	buf_consume(&buf, 4);
	assert_memory_equal(buf.data, "fghi", 4);
	buf_consume(&buf, 4);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf.data, "");
	buf_free(&buf);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ceiling),
	    cmocka_unit_test(test_huge),
	    cmocka_unit_test(test_format_ceiling),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_growth),
	    cmocka_unit_test(test_consume),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
