/* SPDX-License-Identifier: ISC */
/* The progress bar: one line that fits every width, and claims nothing unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/ui/bar.h"
#include "client/ui/speed.h"
#include "client/ui/term_text.h"
#include "common/buf.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define MIB 1048576

static const char wide_name[] =
    "\xe6\x96\x87\xe4\xbb\xb6\xe6\x96\x87\xe4\xbb\xb6\xe6\x96\x87\xe4\xbb\xb6\xe6\x96\x87\xe4\xbb\xb6"
    "\xe6\x96\x87\xe4\xbb\xb6\xe6\x96\x87\xe4\xbb\xb6\xe6\x96\x87\xe4\xbb\xb6\xe6\x96\x87\xe4\xbb\xb6.txt";

static void
check(const struct bar *bar, size_t columns, const char *expected)
{
	struct buf out;

	buf_init(&out, 4096);
	bar_format(&out, bar, columns);
	assert_string_equal(out.data, expected);
	buf_free(&out);
}

static void
test_layout(void **state)
{
	struct bar bar = {.name = "big.iso", .done = 12 * MIB, .total = 24 * MIB, .bytes_per_s = 3 * MIB};

	(void)state;
	check(&bar, 80, "big.iso          50% [=======>      ]  12.0 MiB/24.0 MiB   3.0 MiB/s  ETA  0:04");
	check(&bar, 60, "big.iso       50% [====>   ]  12.0 MiB/24.0 MiB   3.0 MiB/s");
	check(&bar, 30, "big.iso       50% [====>    ]");
	check(&bar, 20, "big.iso         50%");
	bar.total = -1;
	check(&bar, 60, "big.iso                12.0 MiB of ?   3.0 MiB/s  0:00 gone");
}

static void
test_widths(void **state)
{
	static const struct bar bars[] = {
	    {.name = "a", .done = 0, .total = 0, .bytes_per_s = -1},
	    {.name = "report.pdf", .done = 5, .total = 100, .bytes_per_s = 1},
	    {.name = wide_name, .done = 123456789, .total = 987654321, .bytes_per_s = 54321},
	    {.name = wide_name, .done = 123456789, .total = -1, .bytes_per_s = 54321, .elapsed_s = 1000},
	    {.name = "lies", .done = 200, .total = 100, .bytes_per_s = 5},
	    {.name = "x\033[31m\nred",
		.phase = "verifying",
		.done = UINT64_MAX,
		.total = INT64_MAX,
		.bytes_per_s = INT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
		for (size_t columns = 0; columns <= 300; columns++) {
			struct buf out;
			size_t width;

			buf_init(&out, 4096);
			(void)buf_add(&out, "", 0);
			bar_format(&out, &bars[i], columns);
			width = out.len == 0 ? 0 : term_width(out.data, out.len);
			if (width > 0 && width > columns - 1)
				fail_msg("%zu columns, %zu taken: %s", columns, width, out.data);
			if (out.len > 0) {
				assert_null(memchr(out.data, '\033', out.len));
				assert_null(memchr(out.data, '\n', out.len));
			}
			buf_free(&out);
		}
	}
}

static bool
shows(const struct bar *bar, size_t columns, const char *text)
{
	struct buf out;
	bool is_shown;

	buf_init(&out, 4096);
	bar_format(&out, bar, columns);
	is_shown = strstr(out.data, text) != NULL;
	buf_free(&out);
	return is_shown;
}

static void
test_shrinks(void **state)
{
	struct bar bar = {.name = "big.iso", .done = 12 * MIB, .total = 24 * MIB, .bytes_per_s = 3 * MIB};

	(void)state;
	assert_true(shows(&bar, 80, "ETA"));
	assert_true(shows(&bar, 120, "[="));
	assert_false(shows(&bar, 60, "ETA"));
	assert_true(shows(&bar, 60, "MiB/s"));
	assert_false(shows(&bar, 50, "MiB/s"));
	assert_true(shows(&bar, 50, "12.0 MiB/24.0 MiB"));
	assert_true(shows(&bar, 20, "big.iso"));
	assert_true(shows(&bar, 20, "50%"));
	assert_false(shows(&bar, 20, "MiB"));
}

static void
test_honest(void **state)
{
	struct bar unknown = {.name = "pipe", .done = 3 * MIB, .total = -1, .bytes_per_s = MIB, .elapsed_s = 3};
	struct bar almost = {.name = "f", .done = 999999, .total = 1000000, .bytes_per_s = 1};
	struct bar more = {.name = "f", .done = 11, .total = 10, .bytes_per_s = 1};
	struct bar stalled = {.name = "f", .done = 1, .total = 10, .bytes_per_s = 0};

	(void)state;
	assert_true(shows(&unknown, 120, "3.0 MiB of ?"));
	assert_true(shows(&unknown, 120, "0:03 gone"));
	assert_false(shows(&unknown, 120, "%"));
	assert_false(shows(&unknown, 120, "["));
	assert_true(shows(&almost, 120, " 99%"));
	assert_false(shows(&almost, 120, "100%"));
	assert_false(shows(&more, 120, "%"));
	assert_true(shows(&stalled, 120, "ETA  -:--"));
}

static void
test_speed(void **state)
{
	struct speed speed = {0};

	(void)state;
	assert_int_equal(speed_get(&speed), -1);
	speed_add(&speed, 1000, 0);
	assert_int_equal(speed_get(&speed), -1);
	for (unsigned int i = 1; i <= 20; i++)
		speed_add(&speed, 1000 + i * 100, i * 100000);
	assert_uint_in_range(speed_get(&speed), 999000, 1001000);	/* no slow start */
	for (unsigned int i = 1; i <= 10; i++)
		speed_add(&speed, 3000 + i * 100, 2000000);
	assert_uint_in_range(speed_get(&speed), 300000, 700000);	/* a second of silence lowers it, not at once */
	for (unsigned int i = 1; i <= 200; i++)
		speed_add(&speed, 4000 + i * 100, 2000000);
	assert_uint_in_range(speed_get(&speed), 0, 5000);
	speed_add(&speed, 30000, 5);	/* starts over */
	assert_int_equal(speed_get(&speed), -1);

	assert_int_equal(speed_eta(-1, 0, 10), -1);
	assert_int_equal(speed_eta(0, 0, 10), -1);
	assert_int_equal(speed_eta(5, 0, -1), -1);
	assert_int_equal(speed_eta(5, 10, 10), 0);
	assert_int_equal(speed_eta(3, 0, 10), 4);
	assert_int_equal(speed_eta(1, 0, INT64_MAX), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_layout),
	    cmocka_unit_test(test_widths),
	    cmocka_unit_test(test_shrinks),
	    cmocka_unit_test(test_honest),
	    cmocka_unit_test(test_speed),
	};

	term_locale();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
