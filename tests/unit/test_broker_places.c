/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "privsep/broker/places.h"

#include "common/banned.h"

static void
begin(struct places *places, const char *connect)
{
	struct buf problem;

	buf_init(&problem, 1000);
	assert_int_equal(places_init(places, connect, &problem), 0);
	buf_free(&problem);
	places_begin(places);
}

static struct conninfo_found
found_of(const char *a, const char *b)
{
	struct conninfo_found found = {.count = b == NULL ? 1 : 2};

	assert_int_equal(address_parse(a, &found.addresses[0]), 0);
	assert_true(b == NULL || address_parse(b, &found.addresses[1]) == 0);
	return found;
}

/* The composed string begins so. */
static void
composes(const struct places *places, const char *wanted)
{
	struct buf out;

	buf_init(&out, CONNINFO_TEXT_MAX);
	assert_int_equal(places_compose(places, &out), 0);
	assert_true(strncmp(out.data, wanted, strlen(wanted)) == 0);
	buf_free(&out);
}

static void
names_are_looked_up_one_after_the_other(void **state)
{
	const struct conninfo_found none = {.count = 0};
	struct conninfo_found found = found_of("192.0.2.1", NULL);
	struct places places;
	struct buf out;

	(void)state;
	begin(&places, "host=db1,/run/postgresql,192.0.2.9,db2 dbname=d user=u");
	assert_string_equal(places_name(&places), "db1");
	places_found(&places, &found);
	assert_string_equal(places_name(&places), "db2");
	places_found(&places, &none);
	assert_null(places_name(&places));
	composes(&places, "host='db1,/run/postgresql,192.0.2.9' hostaddr='192.0.2.1,,192.0.2.9'");
	/* the next round: what is not found keeps its former address */
	places_begin(&places);
	assert_string_equal(places_name(&places), "db1");
	places_found(&places, &none);
	found = found_of("192.0.2.2", NULL);
	places_found(&places, &found);
	composes(&places, "host='db1,/run/postgresql,192.0.2.9,db2' hostaddr='192.0.2.1,,192.0.2.9,192.0.2.2'");
	places_free(&places);

	begin(&places, "host=db1 dbname=d user=u");
	buf_init(&out, CONNINFO_TEXT_MAX);
	places_found(&places, &none);
	assert_int_equal(places_compose(&places, &out), -ENOENT);
	buf_free(&out);
	places_free(&places);
}

static void
a_silent_place_is_tried_last(void **state)
{
	const struct conninfo_found found = found_of("192.0.2.1", "192.0.2.2");
	struct places places;

	(void)state;
	begin(&places, "host=db1,192.0.2.9,192.0.2.9 port=5432,5433,5434 dbname=d user=u");
	places_found(&places, &found);
	composes(&places, "host='db1,db1,192.0.2.9,192.0.2.9' hostaddr='192.0.2.1,192.0.2.2,192.0.2.9,192.0.2.9'");
	places_blame(&places, "192.0.2.1", "5432");
	composes(&places, "host='db1,db1,192.0.2.9,192.0.2.9' hostaddr='192.0.2.2,192.0.2.1,192.0.2.9,192.0.2.9'");
	places_blame(&places, "192.0.2.2", "5432");
	composes(&places, "host='192.0.2.9,192.0.2.9,db1,db1'");
	places_blame(&places, "192.0.2.9", "5434");
	composes(&places, "host='db1,db1,192.0.2.9,192.0.2.9' hostaddr='192.0.2.1");
	places_blame(&places, "192.0.2.9", "5433");
	composes(&places, "host='192.0.2.9,db1,db1,192.0.2.9'");
	places_blame(&places, "203.0.113.1", "5432"); /* nobody that is known */
	composes(&places, "host='192.0.2.9,db1,db1,192.0.2.9'");
	places_free(&places);
}

static void
ports_are_those_of_tcp(void **state)
{
	uint16_t ports[CONNINFO_PLACES_MAX];
	struct places places;

	(void)state;
	begin(&places, "host=db1,/run/postgresql,192.0.2.9 port=,6000,6001 dbname=d user=u");
	assert_int_equal(places_ports(&places, ports), 2);
	assert_int_equal(ports[0], 5432);
	assert_int_equal(ports[1], 6001);
	places_free(&places);
	begin(&places, "host=/run/postgresql dbname=d user=u");
	assert_int_equal(places_ports(&places, ports), 0);
	places_free(&places);
}

static void
what_the_walls_keep_out_is_refused(void **state)
{
	static const char *const connects[] = {
	    "host=a dbname=d user=u requirepeer=postgres",
	    "host=a dbname=d user=u krbsrvname=x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(connects) / sizeof(connects[0]); i++) {
		struct places places;
		struct buf problem;

		buf_init(&problem, 1000);
		assert_int_equal(places_init(&places, connects[i], &problem), -EINVAL);
		assert_non_null(strstr(problem.data, "leave it out"));
		buf_free(&problem);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_looked_up_one_after_the_other),
	    cmocka_unit_test(a_silent_place_is_tried_last),
	    cmocka_unit_test(ports_are_those_of_tcp),
	    cmocka_unit_test(what_the_walls_keep_out_is_refused),
	};

	return cmocka_run_group_tests_name("broker_places", tests, NULL, NULL);
}
