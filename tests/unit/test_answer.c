/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "client/engine/answer.h"

#include "common/banned.h"

static void
test_epsv(void **state)
{
	static const char *const bad[] = {
	    "",
	    "(",
	    "()",
	    "(|||)",
	    "(|||0|)",
	    "(|||65536|)",
	    "(|||99999999999|)",
	    "(|||6446)",
	    "(|||6446|",
	    "|||6446|",
	    "(||6446|)",
	    "(|1|127.0.0.1|6446|)",
	    "(|||-1|)",
	    "(||| 6446|)",
	    "(11164461)",
	};
	uint16_t port = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (answer_epsv(bad[i], &port) != -EINVAL || port != 7)
			fail_msg("'%s'", bad[i]);
	}
	assert_int_equal(answer_epsv("Entering Extended Passive Mode (|||6446|)", &port), 0);
	assert_int_equal(port, 6446);
	assert_int_equal(answer_epsv("(!!!65535!).", &port), 0);
	assert_int_equal(port, 65535);
}

static void
test_pasv(void **state)
{
	static const char *const bad[] = {
	    "",
	    "1,2,3,4,5",
	    "(1,2,3,4,5,256)",
	    "(1,2,3,4,5,)",
	    "1,2,3,4,,5",
	    "(1,2,3,4,0,0)",
	    "1,2,3,4,5,6,7",
	    "a,b,c,d,e,f",
	    "(99999999999999999999,2,3,4,5,6)",
	};
	uint32_t host = 7;
	uint16_t port = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (answer_pasv(bad[i], &host, &port) != -EINVAL)
			fail_msg("'%s'", bad[i]);
	}
	assert_int_equal(host, 7);
	assert_int_equal(answer_pasv("Entering Passive Mode (127,0,0,1,8,1).", &host, &port), 0);
	assert_int_equal(port, 2049);
	assert_memory_equal(&host, "\177\0\0\1", 4);
	assert_int_equal(answer_pasv("Port 3 is 10,0,0,255,255,254", &host, &port), 0);
	assert_int_equal(port, 65534);
	assert_int_equal(answer_pasv("Entering Passive Mode (127, 0, 0, 1, 8, 1)", &host, &port), 0);
	assert_int_equal(port, 2049);
}

static void
test_path(void **state)
{
	char path[8];

	(void)state;
	assert_int_equal(answer_path("", path, sizeof(path)), -EINVAL);
	assert_int_equal(answer_path("a is current", path, sizeof(path)), -EINVAL);
	assert_int_equal(answer_path("/1234567", path, sizeof(path)), -ENAMETOOLONG);
	assert_int_equal(answer_path("/x", path, sizeof(path)), 0);
	assert_string_equal(path, "/x");
	assert_int_equal(answer_path("/a b is current", path, sizeof(path)), 0);
	assert_string_equal(path, "/a b");
	assert_int_equal(answer_path("\"\"", path, sizeof(path)), -EINVAL);
	assert_int_equal(answer_path("\"/a", path, sizeof(path)), -EINVAL);
	assert_int_equal(answer_path("\"/a\"\"", path, sizeof(path)), -EINVAL);
	assert_int_equal(answer_path("\"/1234567\"", path, sizeof(path)), -ENAMETOOLONG);
	assert_int_equal(answer_path("\"/123456\" is", path, sizeof(path)), 0);
	assert_string_equal(path, "/123456");
	assert_int_equal(answer_path("\"/a\"\"b\" created", path, sizeof(path)), 0);
	assert_string_equal(path, "/a\"b");
}

static void
test_time(void **state)
{
	static const char *const bad[] = {
	    "",
	    "2020",
	    "2020010100000",
	    "202001010000000",
	    "20201301000000",
	    "20200100000000",
	    "20200101240000",
	    "20200101006000",
	    "x0200101000000",
	    "19691231235959", /* -1, which stands for no time */
	    "16001231235959",
	    "20200101000000x",
	    "20200101000000.x",
	};
	int64_t seconds = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (answer_time(bad[i], strlen(bad[i]), &seconds) != -EINVAL)
			fail_msg("'%s'", bad[i]);
	}
	assert_int_equal(seconds, 7);
	assert_int_equal(answer_time("20200229123456", 14, &seconds), 0);
	assert_int_equal(seconds, 1582979696);
	assert_int_equal(answer_time("19040101000000", 14, &seconds), 0);
	assert_int_equal(seconds, -2082844800);
	assert_int_equal(answer_time("20200229123456.789", 18, &seconds), 0);
	assert_int_equal(seconds, 1582979696);
}

static void
test_hash(void **state)
{
	static const struct {
		const char *message;
		size_t digits;
		const char *hex;
	} rows[] = {
	    {"", 8, NULL},
	    {"0x", 8, NULL},
	    {"1234567", 8, NULL},
	    {"123456789", 8, NULL},
	    {"1234567g", 8, NULL},
	    {"CRC32 0-49 DEADBEEF a name", 8, "deadbeef"},
	    {"deadbeef", 8, "deadbeef"},
	    {"0xDEADBEEF", 8, "deadbeef"},
	    {"\"a name\" 0BADCAFE", 8, "0badcafe"},
	    {"MD5 0-49 d41d8cd98f00b204e9800998ecf8427e deadbeef", 32, "d41d8cd98f00b204e9800998ecf8427e"},
	};
	char hex[129];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = answer_hash(rows[i].message, rows[i].digits, hex);

		if (r != (rows[i].hex == NULL ? -EINVAL : 0) || (r == 0 && strcmp(hex, rows[i].hex) != 0))
			fail_msg("'%s': %d", rows[i].message, r);
	}
}

static void
test_hash_range(void **state)
{
	static const struct {
		const char *message;
		int result;
		uint64_t first, last;
	} rows[] = {
	    {"", -EINVAL, 0, 0},
	    {"SHA-256", -EINVAL, 0, 0},
	    {"SHA-256 ", -EINVAL, 0, 0},
	    {"SHA-256 1-2", -EINVAL, 0, 0},
	    {"SHA-256 -2 d41d", -EINVAL, 0, 0},
	    {"SHA-256 1- d41d", -EINVAL, 0, 0},
	    {"SHA-256 1-2x d41d", -EINVAL, 0, 0},
	    {"SHA-256 1-18446744073709551616 d41d", -EINVAL, 0, 0},
	    {"SHA-256 1-1844674407370955161600000 d41d", -EINVAL, 0, 0},
	    {"SHA-256 0-49 d41d name", 0, 0, 49},
	    {"SHA-256  5-5 d41d", 0, 5, 5},
	};
	uint64_t first, last;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = answer_hash_range(rows[i].message, &first, &last);

		if (r != rows[i].result || (r == 0 && (first != rows[i].first || last != rows[i].last)))
			fail_msg("'%s': %d", rows[i].message, r);
	}
}

static void
test_feature(void **state)
{
	static const char text[] =
	    "211-Features:\n MLST size*;modify*;\n rest stream\n UTF8\n211-HASH SHA-256*;MD5\n211 End";

	(void)state;
	assert_null(answer_feature("", "UTF8"));
	assert_null(answer_feature(text, "MLS"));
	assert_null(answer_feature(text, "MLSTS"));
	assert_null(answer_feature(text, "EPSV"));
	assert_non_null(answer_feature(text, "utf8"));
	assert_non_null(answer_feature(text, "REST STREAM"));
	assert_memory_equal(answer_feature(text, "MLST"), "size*;modify*;\n", 15);
	assert_memory_equal(answer_feature(text, "HASH"), "SHA-256*;MD5\n", 13);
	assert_memory_equal(answer_feature(text, "REST"), "stream\n", 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_epsv),
	    cmocka_unit_test(test_pasv),
	    cmocka_unit_test(test_path),
	    cmocka_unit_test(test_time),
	    cmocka_unit_test(test_hash),
	    cmocka_unit_test(test_hash_range),
	    cmocka_unit_test(test_feature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
