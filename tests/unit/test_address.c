/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "common/address.h"

#include "common/banned.h"

static union address
address(const char *text)
{
	union address parsed;

	if (address_parse(text, &parsed) < 0)
		fail_msg("'%s' is no address", text);
	return parsed;
}

static void
test_bad_addresses(void **state)
{
	static const char *const bad[] = {"", "1", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1.2.3.4 ", "[::1]", "::1%lo",
	    ":::", "12345::", "host", "1.2.3.4:21", "01.2.3.4"};
	union address parsed;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (address_parse(bad[i], &parsed) != -EINVAL)
			fail_msg("accepted '%s'", bad[i]);
}

static void
test_bad_blocks(void **state)
{
	static const char *const bad[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8",
	    "10.0.0.1/8", "10.0.0.0/ 8", "2001:db8::/129", "2001:db8::1/32", "0.0.0.1/0", "host/8",
	    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd/64"};
	struct address_block block;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (address_block_parse(bad[i], &block) != -EINVAL)
			fail_msg("accepted '%s'", bad[i]);
}

static void
test_in_block(void **state)
{
	static const struct {
		const char *block, *address;
		int is_inside;
	} rows[] = {
	    {"10.0.0.0/8", "11.0.0.1", 0},
	    {"10.0.0.0/9", "10.128.0.0", 0},
	    {"10.0.0.1", "10.0.0.2", 0},
	    {"::/0", "10.0.0.1", 0},
	    {"0.0.0.0/0", "::1", 0},
	    {"2001:db8::/33", "2001:db8:8000::", 0},
	    {"10.0.0.0/8", "10.255.255.255", 1},
	    {"10.0.0.0/9", "10.127.0.0", 1},
	    {"0.0.0.0/0", "1.2.3.4", 1},
	    {"10.0.0.1", "10.0.0.1", 1},
	    {"10.0.0.0/8", "::ffff:10.1.2.3", 1},
	    {"::/0", "2001:db8::1", 1},
	    {"2001:db8::/32", "2001:db8:ffff::1", 1},
	    {"::1", "::1", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address_block block;
		union address member = address(rows[i].address);

		assert_int_equal(address_block_parse(rows[i].block, &block), 0);
		if (address_in_block(&member, &block) != rows[i].is_inside)
			fail_msg("%s in %s", rows[i].address, rows[i].block);
	}
}

/* A block written as IPv4 in IPv6 would never match, because addresses are compared unmapped. */
static void
test_mapped_block(void **state)
{
	union address member = address("10.1.2.3");
	struct address_block block;

	(void)state;
	assert_int_equal(address_block_parse("::ffff:10.0.0.0/104", &block), 0);
	assert_true(address_in_block(&member, &block));
	assert_int_equal(address_block_parse("::ffff:10.1.2.3", &block), 0);
	assert_true(address_in_block(&member, &block));
	assert_int_equal(block.bits, 32);
}

static void
test_text(void **state)
{
	static const char *const rows[][2] = {
	    {"::ffff:192.0.2.1", "192.0.2.1"},
	    {"192.0.2.1", "192.0.2.1"},
	    {"2001:DB8:0::1", "2001:db8::1"},
	};
	char text[ADDRESS_TEXT_MAX];
	union address none = {.family = AF_UNSPEC};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union address parsed = address(rows[i][0]);

		address_text(&parsed, text);
		assert_string_equal(text, rows[i][1]);
	}
	address_text(&none, text);
	assert_string_equal(text, "unknown");
}

static void
test_same_host(void **state)
{
	union address v4 = address("192.0.2.1"), mapped = address("::ffff:192.0.2.1"), other = address("192.0.2.2");
	union address none = {.family = AF_UNSPEC}, v6 = address("2001:db8::1");

	(void)state;
	assert_false(address_same_host(&v4, &other));
	assert_false(address_same_host(&v4, &v6));
	assert_false(address_same_host(&none, &none));
	address_set_port(&mapped, 21);
	assert_true(address_same_host(&v4, &mapped));
	address_unmap(&mapped);
	assert_int_equal(mapped.family, AF_INET);
	assert_int_equal(address_port(&mapped), 21);
	assert_int_equal(address_len(&mapped), sizeof(struct sockaddr_in));
	assert_int_equal(address_len(&v6), sizeof(struct sockaddr_in6));
}

static void
test_key(void **state)
{
	static const struct {
		const char *a, *b;
		int is_same;
	} rows[] = {
	    {"192.0.2.1", "192.0.2.2", 0},
	    {"2001:db8:0:1::1", "2001:db8:0:2::1", 0},
	    {"0.0.0.0", "::", 0},
	    {"192.0.2.1", "::ffff:192.0.2.1", 1},
	    {"2001:db8::1", "2001:db8::ffff:0:0:1", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union address a = address(rows[i].a), b = address(rows[i].b);
		struct address_key x, y;

		address_make_key(&a, &x);
		address_make_key(&b, &y);
		if ((memcmp(&x, &y, sizeof(x)) == 0) != rows[i].is_same)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_addresses),
	    cmocka_unit_test(test_bad_blocks),
	    cmocka_unit_test(test_in_block),
	    cmocka_unit_test(test_mapped_block),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_same_host),
	    cmocka_unit_test(test_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
