/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>

#include <cmocka.h>

#include "client/ui/symbolic_mode.h"

#include "common/banned.h"

static void
test_modes(void **state)
{
	static const struct {
		const char *text;
		uint32_t before;
		bool is_directory;
		uint32_t after;
	} table[] = {
	    {"644", 0, false, 0644},
	    {"1755", 0, false, 01755},
	    {"u+x", 0644, false, 0744},
	    {"+x", 0644, false, 0755},
	    {"g-w,o=", 0664, false, 0640},
	    {"a=r", 0777, false, 0444},
	    {"ug=rw,o=r", 0, false, 0664},
	    {"a+X", 0644, false, 0644},
	    {"a+X", 0644, true, 0755},
	    {"a+X", 0744, false, 0755},
	    {"g=u", 0640, false, 0660},
	    {"go=u-w", 0750, false, 0755},
	    {"u=g,g=o", 0754, false, 0544},
	    {"u+s,g+s,+t", 0755, false, 07755},
	    {"u-s", 04755, false, 0755},
	    {"u+x-w", 0600, false, 0500},
	    {"=", 0777, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint32_t after;

		if (mode_apply(table[i].text, table[i].before, table[i].is_directory, &after) != 0 ||
		    after != table[i].after)
			fail_msg("%s: %o", table[i].text, (unsigned int)after);
	}
}

static void
test_bad_modes(void **state)
{
	static const char *const table[] = {"", "8", "64", "77777", "u", "x", "u+x,", ",u+x", "u+q", "u*x", "u+x g-w"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint32_t after;

		if (mode_apply(table[i], 0644, false, &after) != -EINVAL)
			fail_msg("%s", table[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_modes),
	    cmocka_unit_test(test_bad_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
