/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/protocol/host_parse.h"

#include "common/banned.h"

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxy"

static void
test_bad(void **state)
{
	static const char *const rows[] = {"", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "a.b-", "a_b", "a b", " a",
	    "a ", "a/b", "a@b", "a:21", "192.0.2.1:2112", "[2001:db8::c000:201]:2112", "[", "]", "[]", "[::1", "::1]",
	    "::1", "[[::1]]", "[::1]]", "[::g]", "[192.0.2.1]", "[a]", "a]", "\xc3\xa4.example", "a\r", "a\n",
	    LABEL_63 "z", "a." LABEL_63 "z",
	    "[1111111111111111111111111111111111111111111111111111111111111111111111::1]"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union address literal, untouched;

		memset(&untouched, 0x5a, sizeof(untouched));
		literal = untouched;
		if (host_parse(rows[i], &literal) != -EINVAL)
			fail_msg("'%s' is taken", rows[i]);
		assert_memory_equal(&literal, &untouched, sizeof(literal));
	}
}

static void
test_length(void **state)
{
	char name[256];
	union address literal;

	(void)state;
	memset(name, 'a', sizeof(name));
	for (size_t i = 50; i < sizeof(name); i += 51)
		name[i] = '.';
	name[253] = '\0';
	assert_int_equal(host_parse(name, &literal), 0);
	name[253] = 'a';
	name[254] = '\0';
	assert_int_equal(host_parse(name, &literal), -EINVAL);
}

static void
test_good(void **state)
{
	static const struct {
		const char *argument;
		sa_family_t family;
		const char *address;
	} rows[] = {
	    {"a", AF_UNSPEC, ""},
	    {"localhost", AF_UNSPEC, ""},
	    {"ftp.example.com", AF_UNSPEC, ""},
	    {"FTP.Example.COM", AF_UNSPEC, ""},
	    {"xn--e1afmkfd.com", AF_UNSPEC, ""},
	    {"3com.example", AF_UNSPEC, ""},
	    {"a--b", AF_UNSPEC, ""},
	    {LABEL_63, AF_UNSPEC, ""},
	    /* RFC 7151, 3.1 */
	    {"192.0.2.1", AF_INET, "192.0.2.1"},
	    {"[2001:db8::c000:201]", AF_INET6, "2001:db8::c000:201"},
	    {"[::1]", AF_INET6, "::1"},
	    /* numbers that are no address are a name, which no server has */
	    {"192.0.2.300", AF_UNSPEC, ""},
	    {"192.0.2", AF_UNSPEC, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union address literal;
		char text[ADDRESS_TEXT_MAX] = "";

		memset(&literal, 0x5a, sizeof(literal));
		if (host_parse(rows[i].argument, &literal) != 0)
			fail_msg("'%s' is refused", rows[i].argument);
		assert_int_equal(literal.family, rows[i].family);
		if (literal.family != AF_UNSPEC)
			address_text(&literal, text);
		assert_string_equal(text, rows[i].address);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_length),
	    cmocka_unit_test(test_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
