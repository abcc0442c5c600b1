/* SPDX-License-Identifier: ISC */
/* Rights of directories: their words, and the paths in them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/account.h"
#include "accounts/rights.h"
#include "accounts/zones.h"
#include "common/buf.h"
#include "common/percent.h"

#include "common/banned.h"

#define LINE_BEGIN "a:$y$x:1:1:/srv/a:"

static void
test_bad_rules(void **state)
{
	static const char *const rows[] = {"/", "/in", "/in=", "/in=list,", "/in=fly", "/in=none,list", "/in=inherit",
	    "/in/=list", "//in=list", "/in//a=list", "/../in=list", "/in/..=list", "/./in=list", "/in%=list",
	    "/in%2=list", "/in%2g=list", "/in%00=list", "/in%0a=list", "/in%2f..=list", "/in%ff=list",
	    "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q=list"};
	struct zones zones = {.count = 0};
	unsigned base = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *error = NULL;

		if (zones_add(&zones, rows[i], strlen(rows[i]), &base, &error) != -EINVAL || error == NULL)
			fail_msg("accepted: '%s'", rows[i]);
	}
	assert_int_equal(base, 0);
}

static void
test_good_rules(void **state)
{
	static const struct {
		const char *text, *path;
		unsigned rights;
		const char *again;
	} rows[] = {
	    {"/in=create,list", "/in", MAY_CREATE | MAY_LIST, "/in=list,create"},
	    {"/in/sub=none", "/in/sub", 0, "/in/sub=none"},
	    {"/a,b;c=all", "/a,b;c", MAY_ALL, "/a,b;c=all"},
	    {"/a%20b%3Dc%25=read", "/a b=c%", MAY_READ, "/a%20b%3Dc%25=read"},
	    {"/%69n2=read", "/in2", MAY_READ, "/in2=read"},
	    {"/gr\xc3\xbc\xc3\x9f"
	     "e=read",
		"/gr\xc3\xbc\xc3\x9f"
		"e",
		MAY_READ,
		"/gr\xc3\xbc\xc3\x9f"
		"e=read"},
	};
	struct zones zones = {.count = 0};
	const char *error = NULL;
	unsigned base = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf text;

		assert_int_equal(zones_add(&zones, rows[i].text, strlen(rows[i].text), &base, &error), 0);
		assert_string_equal(zone_path(&zones, i), rows[i].path);
		assert_int_equal(zones.rule[i].rights, rows[i].rights);
		assert_int_equal(zones_find(&zones, rows[i].path), i);
		buf_init(&text, 200);
		zone_text(&zones, i, &text);
		assert_int_equal(text.len, strlen(rows[i].again));
		assert_memory_equal(text.data, rows[i].again, text.len);
		buf_free(&text);
	}
	assert_int_equal(zones_rights_of_any(&zones), MAY_ALL);
	assert_int_equal(zones_rights_of_any(NULL), 0);
	assert_int_equal(base, 77);
	assert_int_equal(zones_add(&zones, "/=list", 6, &base, &error), 1);
	assert_int_equal(base, MAY_LIST);
	assert_int_equal(zones.count, sizeof(rows) / sizeof(rows[0]));
	/* the same directory in other words */
	assert_int_equal(zones_add(&zones, "/i%6e=read", 10, &base, &error), -EINVAL);
	assert_non_null(strstr(error, "twice"));
}

static void
test_rule_limits(void **state)
{
	struct zones zones = {.count = 0};
	const char *error = NULL;
	char text[1100];
	unsigned base = 0;

	(void)state;
	for (size_t i = 0; i <= ZONES_MAX; i++) {
		int len = snprintf(text, sizeof(text), "/d%zu=read", i);

		assert_int_equal(zones_add(&zones, text, (size_t)len, &base, &error), i < ZONES_MAX ? 0 : -EINVAL);
	}
	zones = (struct zones){.count = 0};
	for (size_t i = 0; i < 30; i++) {
		int len = snprintf(text, sizeof(text), "/%0200zu/%0200zu=read", i, i);
		size_t fit = ZONES_TEXT_MAX / 403;

		assert_int_equal(zones_add(&zones, text, (size_t)len, &base, &error), i < fit ? 0 : -EINVAL);
	}
}

static void
test_account_with_rules(void **state)
{
	static const char line[] =
	    LINE_BEGIN "read-only rights=/in=create,list rights=/pub=read rights=list,read,delete";
	static struct account account;
	const char *error = NULL;

	(void)state;
	assert_int_equal(account_parse(line, sizeof(line) - 1, &account, &error), 0);
	assert_true(account.has_zones);
	assert_int_equal(account.zones.count, 2);
	assert_int_equal(account_rights(&account), MAY_LIST | MAY_READ);
	assert_int_equal(account_rights_somewhere(&account), MAY_LIST | MAY_READ);
	account.is_read_only = false;
	assert_int_equal(account_rights_somewhere(&account), MAY_LIST | MAY_READ | MAY_DELETE | MAY_CREATE);
	/* nothing of it is left in the next one, or after a wipe */
	account_wipe(&account);
	for (size_t i = 0; i < sizeof(account); i++)
		assert_int_equal(((const unsigned char *)&account)[i], 0);
	assert_int_equal(account_parse(LINE_BEGIN, sizeof(LINE_BEGIN) - 1, &account, &error), 0);
	assert_false(account.has_zones);
	assert_int_equal(account.rights, MAY_ALL);
}

static void
test_account_contradicts(void **state)
{
	static const char *const rows[] = {"rights=list rights=read", "rights=/=list rights=read",
	    "rights=list rights=/=read", "rights=/in=list rights=/in=list", "rights=/in=list rights=/in=none"};
	static struct account account;
	char line[300];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *error = NULL;
		int len = snprintf(line, sizeof(line), LINE_BEGIN "%s", rows[i]);

		if (account_parse(line, (size_t)len, &account, &error) != -EINVAL || strstr(error, "twice") == NULL)
			fail_msg("%s: %s", rows[i], error);
	}
}

/* A group's rights hold where the account says nothing: for the whole home, and for each directory. */
static void
test_group_rules(void **state)
{
	static const char line[] = LINE_BEGIN "group=g rights=/in=create rights=/own=read";
	static const char words[] = "rights=list,read rights=/in=all rights=/pub=list";
	static struct account account;
	const char *error = NULL;

	(void)state;
	assert_int_equal(account_group_check(words, sizeof(words) - 1, &error), 0);
	assert_int_equal(account_group_check("rights=/a=list rights=/a=list", 29, &error), -EINVAL);
	assert_int_equal(account_parse(line, sizeof(line) - 1, &account, &error), 0);
	assert_int_equal(account_take_group(&account, words, sizeof(words) - 1, &error), 0);
	assert_int_equal(account.rights, MAY_LIST | MAY_READ);
	assert_int_equal(account.zones.count, 3);
	assert_int_equal(account.zones.rule[zones_find(&account.zones, "/in")].rights, MAY_CREATE);
	assert_int_equal(account.zones.rule[zones_find(&account.zones, "/own")].rights, MAY_READ);
	assert_int_equal(account.zones.rule[zones_find(&account.zones, "/pub")].rights, MAY_LIST);
}

static void
test_percent(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(percent_decode("a%42c", 5, out, sizeof(out)), 3);
	assert_string_equal(out, "aBc");
	assert_int_equal(percent_decode("abcd", 4, out, sizeof(out)), -ENAMETOOLONG);
	assert_int_equal(percent_decode("", 0, out, sizeof(out)), 0);
	assert_int_equal(percent_decode("%4", 2, out, sizeof(out)), -EINVAL);
	assert_int_equal(percent_decode("%", 1, out, sizeof(out)), -EINVAL);
	assert_int_equal(percent_decode("%00", 3, out, sizeof(out)), -EINVAL);
	assert_int_equal(percent_decode("a\0b", 3, out, sizeof(out)), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_rules),
	    cmocka_unit_test(test_good_rules),
	    cmocka_unit_test(test_rule_limits),
	    cmocka_unit_test(test_account_with_rules),
	    cmocka_unit_test(test_account_contradicts),
	    cmocka_unit_test(test_group_rules),
	    cmocka_unit_test(test_percent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
