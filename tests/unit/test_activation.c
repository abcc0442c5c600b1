/* SPDX-License-Identifier: ISC */
/* Variables that describe inherited sockets. */
#include "daemon/master/activation.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define SELF 42

static struct inherited inherited;

static void
bad_variables(void **state)
{
	static const struct {
		const char *fds, *pid;
		int result;
	} rows[] = {
	    {"x", "42", -EINVAL},
	    {"", "42", -EINVAL},
	    {"-1", "42", -EINVAL},
	    {"1", "", -EINVAL},
	    {"1", "self", -EINVAL},
	    {"65", "42", -E2BIG},
	    {"2147483648", "42", -EINVAL},
	    {"99999999999999999999", "42", -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
		    activation_parse(rows[i].fds, rows[i].pid, NULL, NULL, SELF, &inherited), rows[i].result);
}

/* The names of a listener for a proxy, written and parsed. */
static void
names_for_a_proxy(void **state)
{
	const struct listener plain = {.is_activated = true, .kind = LISTENER_PROXIED};
	const struct listener tls = {.is_activated = true, .kind = LISTENER_PROXIED_TLS};

	(void)state;
	assert_int_equal(activation_parse("2", "42", "ftp-proxied:ftps-proxied", NULL, SELF, &inherited), 0);
	assert_int_equal(inherited.listeners[0].kind, LISTENER_PROXIED);
	assert_int_equal(inherited.listeners[1].kind, LISTENER_PROXIED_TLS);
	assert_string_equal(activation_name(&plain), "activated-ftp-proxied");
	assert_string_equal(activation_name(&tls), "activated-ftps-proxied");
	assert_int_equal(
	    activation_parse("2", "42", "activated-ftp-proxied:activated-ftps-proxied", "1", SELF, &inherited), 0);
	assert_int_equal(inherited.listeners[0].kind, LISTENER_PROXIED);
	assert_int_equal(inherited.listeners[1].kind, LISTENER_PROXIED_TLS);
}

static void
for_another_process(void **state)
{
	(void)state;
	assert_int_equal(activation_parse("3", "41", NULL, "1", SELF, &inherited), 0);
	assert_int_equal(inherited.count, 0);
	assert_false(inherited.is_upgrade);
	assert_int_equal(activation_parse(NULL, "42", NULL, NULL, SELF, &inherited), 0);
	assert_int_equal(inherited.count, 0);
}

static void
names_of_a_service_manager(void **state)
{
	(void)state;
	/* "own" is a word of former servers alone; names may be fewer than sockets */
	assert_int_equal(activation_parse("5", "42", "ftps:own:ftp:", NULL, SELF, &inherited), 0);
	assert_int_equal(inherited.count, 5);
	assert_int_equal(inherited.listeners[0].kind, LISTENER_TLS);
	assert_int_equal(inherited.listeners[1].kind, LISTENER_BY_PORT);
	assert_int_equal(inherited.listeners[2].kind, LISTENER_PLAIN);
	assert_int_equal(inherited.listeners[4].kind, LISTENER_BY_PORT);
	for (int i = 0; i < 5; i++) {
		assert_true(inherited.listeners[i].is_activated);
		assert_int_equal(inherited.listeners[i].fd, 3 + i);
	}
}

static void
names_of_a_former_server(void **state)
{
	static const struct listener listeners[] = {
	    {.is_activated = true, .kind = LISTENER_TLS},
	    {.is_activated = true, .kind = LISTENER_BY_PORT},
	    {.address = {.v4 = {.sin_family = AF_INET, .sin_port = 21}}},
	    {.address = {.v4 = {.sin_family = AF_INET}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(listeners) / sizeof(listeners[0]); i++) {
		assert_int_equal(activation_parse("1", "42", activation_name(&listeners[i]), "1", SELF, &inherited), 0);
		assert_true(inherited.is_upgrade);
		assert_int_equal(inherited.listeners[0].is_activated, listeners[i].is_activated);
		assert_int_equal(inherited.listeners[0].kind, listeners[i].kind);
		assert_int_equal(inherited.listeners[0].address.family != AF_UNSPEC, i == 3);
	}
}

/* The variable has room for this many names of a former server. */
static void
names_are_short(void **state)
{
	(void)state;
	for (int kind = 0; kind <= LISTENER_PROXIED_TLS; kind++)
		for (int is_activated = 0; is_activated < 2; is_activated++) {
			struct listener listener = {
			    .is_activated = is_activated != 0, .kind = (enum listener_kind)kind};
			size_t len = strlen(activation_name(&listener));

			assert_in_range(len, is_activated ? 1 : 0, ACTIVATION_NAME_MAX - 1);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_variables),
	    cmocka_unit_test(names_for_a_proxy),
	    cmocka_unit_test(for_another_process),
	    cmocka_unit_test(names_of_a_service_manager),
	    cmocka_unit_test(names_of_a_former_server),
	    cmocka_unit_test(names_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
