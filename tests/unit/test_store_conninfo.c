/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "store/conninfo.h"

#define TAIL " sslmode='verify-full' gssencmode='disable' connect_timeout='5' client_encoding='UTF8'"

static void
test_bad_strings(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	    {"", "no dbname"},
	    {"dbname=a", "no user"},
	    {"dbname=a user=b colour=red password=sesame", "not a connection string"},
	    {"dbname=a user=b password='sesame", "not a connection string"},
	    {"postgresql://b:sesame@[::1/a", "not a connection URI"},
	    {"dbname=a user=b service=x", "service:"},
	    {"dbname=a user=b client_encoding=LATIN1", "client_encoding:"},
	    {"dbname=a user=b host=c,d hostaddr=127.0.0.1", "host and hostaddr differ"},
	    {"dbname=a user=b host=c,d,e port=1,2", "port and host differ"},
	    {"dbname=a user=b host=1,2,3,4,5,6,7,8,9", "too many hosts"},
	    {"dbname=a user=b host=c port=123456789", "bad port"},
	};
	struct conninfo info;
	struct buf problem;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&problem, 1024);
		assert_int_equal(conninfo_parse(rows[i].text, &info, &problem), -EINVAL);
		if (problem.data == NULL || strstr(problem.data, rows[i].says) == NULL)
			fail_msg("'%s' says '%s'", rows[i].text, problem.data);
		assert_null(strstr(problem.data, "sesame"));
		buf_free(&problem);
	}
}

/* What libpq is given when the name "db1" has two addresses, and "db2" none. */
static void
test_composed(void **state)
{
	static const struct {
		const char *text, *composed;
	} rows[] = {
	    {"dbname=a user=b", "host='' port='' user='b' dbname='a'" TAIL},
	    {"dbname=a user=b host=/run/pg", "host='/run/pg' port='' user='b' dbname='a'" TAIL},
	    {"dbname=a user=b host=10.0.0.1,::1 port=7",
		"host='10.0.0.1,::1' hostaddr='10.0.0.1,::1' port='7,7' user='b' dbname='a'" TAIL},
	    {"dbname=a user=b host=db1,/run/pg port=7,8",
		"host='db1,db1,/run/pg' hostaddr='192.0.2.1,2001:db8::1,' port='7,7,8' user='b' dbname='a'" TAIL},
	    {"dbname=a user=b host=db2,db1",
		"host='db1,db1' hostaddr='192.0.2.1,2001:db8::1' port=',' user='b' dbname='a'" TAIL},
	    {"dbname=a user=b host=db3 hostaddr=192.0.2.9",
		"host='db3' hostaddr='192.0.2.9' port='' user='b' dbname='a'" TAIL},
	    {"postgresql://b:it%27s%5c@db1:7/a?sslmode=disable",
		"host='db1,db1' hostaddr='192.0.2.1,2001:db8::1' port='7,7' user='b' password='it\\'s\\\\' dbname='a' "
		"sslmode='disable' gssencmode='disable' connect_timeout='5' client_encoding='UTF8'"},
	};
	struct conninfo info;
	struct buf problem, out;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conninfo_found found[CONNINFO_PLACES_MAX] = {{.count = 0}};

		buf_init(&problem, 1024);
		buf_init(&out, CONNINFO_TEXT_MAX);
		assert_int_equal(conninfo_parse(rows[i].text, &info, &problem), 0);
		for (size_t place = 0; place < info.place_count; place++) {
			if (strcmp(info.places[place].host, "db1") != 0)
				continue;
			assert_int_equal(info.places[place].kind, CONNINFO_NAME);
			assert_int_equal(address_parse("192.0.2.1", &found[place].addresses[0]), 0);
			assert_int_equal(address_parse("2001:db8::1", &found[place].addresses[1]), 0);
			found[place].count = 2;
		}
		assert_int_equal(conninfo_compose(&info, found, &out), 0);
		assert_string_equal(out.data, rows[i].composed);
		conninfo_free(&info);
		buf_free(&out);
		buf_free(&problem);
	}
}

static void
test_nothing_left(void **state)
{
	struct conninfo_found found[CONNINFO_PLACES_MAX] = {{.count = 0}};
	struct conninfo info;
	struct buf problem, out;

	(void)state;
	buf_init(&problem, 1024);
	buf_init(&out, CONNINFO_TEXT_MAX);
	assert_int_equal(conninfo_parse("dbname=a user=b host=db1", &info, &problem), 0);
	assert_int_equal(conninfo_compose(&info, found, &out), -ENOENT);
	assert_int_equal(conninfo_compose(&info, NULL, &out), 0);
	assert_string_equal(out.data, "host='db1' port='' user='b' dbname='a'" TAIL);
	conninfo_free(&info);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_strings),
	    cmocka_unit_test(test_composed),
	    cmocka_unit_test(test_nothing_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
