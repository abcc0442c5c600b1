/* SPDX-License-Identifier: ISC */
/* Lists of rights. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/account.h"
#include "accounts/rights.h"

#include "common/banned.h"

static void
test_bad(void **state)
{
	static const char *const rows[] = {"", ",", "list,", ",list", "list,,read", "list read", "List", "lis", "listt",
	    "write", "none", "all,", "list\n"};
	unsigned rights;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rights_parse(rows[i], strlen(rows[i]), &rights) != -EINVAL)
			fail_msg("accepted: '%s'", rows[i]);
	assert_int_equal(rights_parse("list\0", 5, &rights), -EINVAL);
	assert_int_equal(rights_parse("listing", 3, &rights), -EINVAL);
}

static void
test_good(void **state)
{
	static const struct {
		const char *text;
		unsigned rights;
		const char *again;
	} rows[] = {
	    {"list", MAY_LIST, "list"},
	    {"chmod,list", MAY_LIST | MAY_CHMOD, "list,chmod"},
	    {"read,read", MAY_READ, "read"},
	    {"all", MAY_ALL, "all"},
	    {"all,list", MAY_ALL, "all"},
	    {"list,read,create,overwrite,delete,rename,mkdir,rmdir,chmod", MAY_ALL, "all"},
	    {"read,create,overwrite,delete,rename,mkdir,rmdir,chmod", MAY_ALL & ~MAY_LIST,
		"read,create,overwrite,delete,rename,mkdir,rmdir,chmod"},
	};
	char text[RIGHTS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned rights;

		assert_int_equal(rights_parse(rows[i].text, strlen(rows[i].text), &rights), 0);
		assert_int_equal(rights, rows[i].rights);
		rights_text(rights, text);
		assert_string_equal(text, rows[i].again);
	}
	rights_text(0, text);
	assert_string_equal(text, "");
}

static void
test_read_only(void **state)
{
	struct account account = {.rights = MAY_READ | MAY_CREATE};

	(void)state;
	assert_int_equal(account_rights(&account), MAY_READ | MAY_CREATE);
	account.is_read_only = true;
	assert_int_equal(account_rights(&account), MAY_READ);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_read_only),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
