/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>

#include <cmocka.h>

#include "client/engine/zone.h"

#include "common/banned.h"

static void
test_parse(void **state)
{
	static const struct {
		const char *text;
		int result, minutes;
	} rows[] = {
	    {"UTC", 0, 0},
	    {"utc", 0, 0},
	    {"+0", 0, 0},
	    {"+2", 0, 120},
	    {"+02", 0, 120},
	    {"-5", 0, -300},
	    {"+0530", 0, 330},
	    {"+05:45", 0, 345},
	    {"-03:30", 0, -210},
	    {"+14", 0, 840},
	    {"-12", 0, -720},
	    {"", -EINVAL, 0},
	    {"2", -EINVAL, 0},
	    {"+", -EINVAL, 0},
	    {"+14:01", -EINVAL, 0},
	    {"-12:01", -EINVAL, 0},
	    {"+15", -EINVAL, 0},
	    {"+05:60", -EINVAL, 0},
	    {"+05:6", -EINVAL, 0},
	    {"+053", -EINVAL, 0},
	    {"+05:300", -EINVAL, 0},
	    {"+053000", -EINVAL, 0},
	    {"++5", -EINVAL, 0},
	    {"+5 ", -EINVAL, 0},
	    {"Europe/Berlin", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int zone_s = 0;

		if (zone_parse(rows[i].text, &zone_s) != rows[i].result || zone_s != rows[i].minutes * 60)
			fail_msg("'%s': %d", rows[i].text, zone_s);
	}
}

static void
test_find(void **state)
{
	static const struct {
		int64_t listed, exact;
		bool is_found;
		int minutes;
	} rows[] = {
	    {1700000040, 1700000040, true, 0},
	    /* the listing has no seconds */
	    {1700000040, 1700000099, true, 0},
	    {1700000040 + 7200, 1700000040, true, 120},
	    {1700000040 + 7200, 1700000099, true, 120},
	    {1700000040 - 18000, 1700000099, true, -300},
	    {1700000040 + 20700, 1700000041, true, 345},
	    {1700000040 + 14 * 3600, 1700000040, true, 840},
	    {1700000040 - 12 * 3600, 1700000040, true, -720},
	    {1700000040 + 15 * 3600, 1700000040, false, 0},
	    {1700000040 + 400, 1700000040, false, 0},
	    {1700000040 - 86400, 1700000040, false, 0},
	    {INT64_MAX, INT64_MIN, false, 0},
	    {INT64_MIN, INT64_MAX, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int zone_s = 0;

		if (zone_find(rows[i].listed, rows[i].exact, &zone_s) != rows[i].is_found ||
		    zone_s != rows[i].minutes * 60)
			fail_msg("row %zu: %d", i, zone_s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
