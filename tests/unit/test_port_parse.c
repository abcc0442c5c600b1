/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/protocol/port_parse.h"

#include "common/banned.h"

struct bad_row {
	const char *arg;
	int result;
};

static void
check_bad(const struct bad_row *rows, size_t count, int (*parse)(const char *, union address *))
{
	for (size_t i = 0; i < count; i++) {
		union address peer, untouched;
		int r;

		memset(&untouched, 0x5a, sizeof(untouched));
		peer = untouched;
		r = parse(rows[i].arg, &peer);
		if (r != rows[i].result)
			fail_msg("'%s': %d, not %d", rows[i].arg, r, rows[i].result);
		assert_memory_equal(&peer, &untouched, sizeof(peer));
	}
}

static void
test_port_bad(void **state)
{
	static const struct bad_row rows[] = {
	    {"", -EINVAL},
	    {",", -EINVAL},
	    {",,,,,", -EINVAL},
	    {"1,2,3,4,5", -EINVAL},
	    {"1,2,3,4,5,", -EINVAL},
	    {"1,2,3,4,5,6,", -EINVAL},
	    {"1,2,3,4,5,6,7", -EINVAL},
	    {",2,3,4,5,6", -EINVAL},
	    {"1,,3,4,5,6", -EINVAL},
	    {" 1,2,3,4,5,6", -EINVAL},
	    {"1,2,3,4,5,6 ", -EINVAL},
	    {"1, 2,3,4,5,6", -EINVAL},
	    {"+1,2,3,4,5,6", -EINVAL},
	    {"-1,2,3,4,5,6", -EINVAL},
	    {"0x1,2,3,4,5,6", -EINVAL},
	    {"1.2.3.4.5.6", -EINVAL},
	    {"1;2;3;4;5;6", -EINVAL},
	    {"a,b,c,d,e,f", -EINVAL},
	    {"1,2,3,4,5,6\r", -EINVAL},
	    {"(1,2,3,4,5,6)", -EINVAL},
	    {"999999999999,2,3,4,5", -EINVAL},
	    {"256,2,3,4,5,x", -EINVAL},
	    {"99999999,2,3,4,5,6,7", -EINVAL},
	    {"\xd9\xa1,2,3,4,5,6", -EINVAL},
	    {"256,2,3,4,5,6", -ERANGE},
	    {"1,256,3,4,5,6", -ERANGE},
	    {"1,2,3,4,256,6", -ERANGE},
	    {"1,2,3,4,5,256", -ERANGE},
	    {"1,2,3,4,5,65536", -ERANGE},
	    {"1,2,3,4,5,99999999999999999999", -ERANGE},
	    {"99999999999999999999,2,3,4,5,6", -ERANGE},
	    {"4294967297,2,3,4,5,6", -ERANGE},
	    {"1,2,3,18446744073709551617,5,6", -ERANGE},
	};

	(void)state;
	check_bad(rows, sizeof(rows) / sizeof(rows[0]), port_parse);
}

static void
test_eprt_bad(void **state)
{
	static const struct bad_row rows[] = {
	    {"", -EINVAL},
	    {"|", -EINVAL},
	    {"||||", -EINVAL},
	    {"|1|", -EINVAL},
	    {"|1|192.0.2.1", -EINVAL},
	    {"|1|192.0.2.1|", -EINVAL},
	    {"|1|192.0.2.1|21", -EINVAL},
	    {"|1|192.0.2.1||", -EINVAL},
	    {"|1||21|", -EINVAL},
	    {"||192.0.2.1|21|", -EINVAL},
	    {"|1|192.0.2.1|21|x", -EINVAL},
	    {"|1|192.0.2.1|21||", -EINVAL},
	    {" |1|192.0.2.1|21|", -EINVAL},
	    {"|1|192.0.2.1|21| ", -EINVAL},
	    {"| 1|192.0.2.1|21|", -EINVAL},
	    {"|1| 192.0.2.1|21|", -EINVAL},
	    {"|1|192.0.2.1| 21|", -EINVAL},
	    {"|+1|192.0.2.1|21|", -EINVAL},
	    {"|1|192.0.2.1|-21|", -EINVAL},
	    {"|1|192.0.2.1|0x21|", -EINVAL},
	    {"|1|192.0.2|21|", -EINVAL},
	    {"|1|192.0.2.256|21|", -EINVAL},
	    {"|1|192.0.2.01x|21|", -EINVAL},
	    {"|1|0300.0.2.1|21|", -EINVAL},
	    {"|1|2001:db8::1|21|", -EINVAL},
	    {"|2|192.0.2.1|21|", -EINVAL},
	    {"|2|[2001:db8::1]|21|", -EINVAL},
	    {"|2|2001:db8::1%lo|21|", -EINVAL},
	    {"|2|2001:db8:::1|21|", -EINVAL},
	    {"|1|localhost|21|", -EINVAL},
	    {"1|1|192.0.2.1|21|", -EINVAL},
	    {"11192.0.2.11211", -EINVAL},
	    {":2:2001:db8::1:21:", -EINVAL},
	    {".1.192.0.2.1.21.", -EINVAL},
	    {"!1|192.0.2.1!21!", -EINVAL},
	    {"\1771\177192.0.2.1\17721\x7f", -EINVAL},
	    {"\3771\377192.0.2.1\37721\xff", -EINVAL},
	    {"\t1\t192.0.2.1\t21\t", -EINVAL},
	    {"|1|1111111111111111111111111111111111111111111111111111111111111111111111111|21|", -EINVAL},
	    {"|0|192.0.2.1|21|", -EPROTONOSUPPORT},
	    {"|3|192.0.2.1|21|", -EPROTONOSUPPORT},
	    {"|65536|192.0.2.1|21|", -EPROTONOSUPPORT},
	    {"|99999999999|192.0.2.1|21|", -EPROTONOSUPPORT},
	    {"|1|192.0.2.1|0|", -ERANGE},
	    {"|1|192.0.2.1|65536|", -ERANGE},
	    {"|1|192.0.2.1|99999999999999999999|", -ERANGE},
	};

	(void)state;
	check_bad(rows, sizeof(rows) / sizeof(rows[0]), eprt_parse);
}

struct good_row {
	const char *arg, *host;
	uint16_t port;
};

static void
check_good(const struct good_row *rows, size_t count, int (*parse)(const char *, union address *))
{
	for (size_t i = 0; i < count; i++) {
		union address peer, host;
		char text[ADDRESS_TEXT_MAX];

		if (parse(rows[i].arg, &peer) != 0)
			fail_msg("refused '%s'", rows[i].arg);
		assert_int_equal(address_parse(rows[i].host, &host), 0);
		address_text(&peer, text);
		if (!address_same_host(&peer, &host) || address_port(&peer) != rows[i].port)
			fail_msg("'%s': %s port %u", rows[i].arg, text, address_port(&peer));
	}
}

static void
test_port(void **state)
{
	static const struct good_row rows[] = {
	    {"192,0,2,1,19,137", "192.0.2.1", 5001},
	    {"0,0,0,0,0,0", "0.0.0.0", 0},
	    {"255,255,255,255,255,255", "255.255.255.255", 65535},
	    {"010,00,000,0000001,001,0", "10.0.0.1", 256},
	    {"127,0,0,1,0,1", "127.0.0.1", 1},
	};

	(void)state;
	check_good(rows, sizeof(rows) / sizeof(rows[0]), port_parse);
}

static void
test_eprt(void **state)
{
	static const struct good_row rows[] = {
	    {"|1|192.0.2.1|5282|", "192.0.2.1", 5282},
	    {"|2|2001:db8::1|65535|", "2001:db8::1", 65535},
	    {"|2|::1|1|", "::1", 1},
	    {"!1!192.0.2.1!21!", "192.0.2.1", 21},
	    {"~1~192.0.2.1~21~", "192.0.2.1", 21},
	    {"|01|192.0.2.1|0021|", "192.0.2.1", 21},
	    {"a1a192.0.2.1a21a", "192.0.2.1", 21},
	    {"|2|::ffff:192.0.2.1|21|", "192.0.2.1", 21},
	    {"|2|1111:2222:3333:4444:5555:6666:7777:8888|21|", "1111:2222:3333:4444:5555:6666:7777:8888", 21},
	};

	(void)state;
	check_good(rows, sizeof(rows) / sizeof(rows[0]), eprt_parse);
}

/* PORT accepts what 227 announces. */
static void
test_format(void **state)
{
	static const struct good_row rows[] = {
	    {"192,0,2,1,19,137", "(192,0,2,1,19,137)", 5001},
	    {"0,0,0,0,0,0", "(0,0,0,0,0,0)", 0},
	    {"255,255,255,255,255,255", "(255,255,255,255,255,255)", 65535},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union address address;
		char text[40];

		assert_int_equal(port_parse(rows[i].arg, &address), 0);
		port_format(&address, text, sizeof(text));
		assert_string_equal(text, rows[i].host);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_port_bad),
	    cmocka_unit_test(test_eprt_bad),
	    cmocka_unit_test(test_port),
	    cmocka_unit_test(test_eprt),
	    cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests_name("port_parse", tests, NULL, NULL);
}
