/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/engine/pins.h"

#include "common/banned.h"

#define ONE "AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA"
#define TWO "BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB"
#define LOW "bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb"

static void
test_find(void **state)
{
	static const struct {
		const char *text, *fingerprint;
	} rows[] = {
	    {"", NULL},
	    {"\n\n", NULL},
	    {"host", NULL},
	    {"host 21", NULL},
	    {"host 21 AA:BB", NULL},
	    {"host 21 " ONE ":AA", NULL},
	    {"host 2121 " ONE, NULL},
	    {"hos 21 " ONE, NULL},
	    {"host.org 21 " ONE, NULL},
	    {"# host 21 " ONE, NULL},
	    {"host\n21\n" ONE, NULL},
	    {"host 21 " ONE, ONE},
	    {"HOST\t21\t" ONE "\r\n", ONE},
	    {"host 21 " LOW "\n", TWO},
	    {"other 21 " TWO "\nhost 21 " ONE " since 2026\n", ONE},
	    {"host 21 " ONE "\nhost 21 " TWO "\n", TWO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char fingerprint[PIN_FINGERPRINT_SIZE] = "";
		bool is_found = pins_find(rows[i].text, "host", 21, fingerprint);

		if (is_found != (rows[i].fingerprint != NULL) ||
		    (is_found && strcmp(fingerprint, rows[i].fingerprint) != 0))
			fail_msg("'%s': '%s'", rows[i].text, fingerprint);
	}
}

static void
test_file(void **state)
{
	char directory[] = "/tmp/sallyport-pins-XXXXXX", path[128], fingerprint[PIN_FINGERPRINT_SIZE];
	struct stat status;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/a/b/pins", directory);
	assert_int_equal(pins_look_up(path, "host", 21, fingerprint), 0);
	assert_int_equal(pins_add(path, "host", 21, ONE), 0);
	assert_int_equal(pins_add(path, "::1", 21, TWO), 0);
	assert_true(pins_add(path, "ho st", 21, TWO) < 0);
	assert_int_equal(pins_look_up(path, "host", 21, fingerprint), 1);
	assert_string_equal(fingerprint, ONE);
	assert_int_equal(pins_look_up(path, "::1", 21, fingerprint), 1);
	assert_string_equal(fingerprint, TWO);
	assert_int_equal(pins_look_up(path, "host", 22, fingerprint), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	unlink(path);
	/* a FIFO keeps no pins, and no file replaces it */
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(pins_add(path, "host", 21, ONE), -EINVAL);
	assert_int_equal(pins_look_up(path, "host", 21, fingerprint), -EINVAL);
	assert_int_equal(close(fd), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_true(S_ISFIFO(status.st_mode));
	unlink(path);
	snprintf(path, sizeof(path), "%s/a/b", directory);
	assert_true(pins_look_up(path, "host", 21, fingerprint) < 0);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/a", directory);
	rmdir(path);
	rmdir(directory);
}

static void
test_keys(void **state)
{
#define KEY_ONE "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_TWO "sha256//n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
	static const struct {
		const char *list;
		bool is_good, has_two;
	} rows[] = {
	    {"", false, false},
	    {";", false, false},
	    {"sha256//", false, false},
	    {KEY_ONE, true, false},
	    {KEY_TWO, true, true},
	    {KEY_ONE ";" KEY_TWO, true, true},
	    {KEY_TWO ";" KEY_ONE, true, true},
	    {KEY_ONE ";", false, false},
	    {";" KEY_ONE, false, false},
	    {KEY_ONE KEY_TWO, false, false},
	    {KEY_ONE ", " KEY_TWO, false, false},
	    {"SHA256//n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", false, false},
	    {"sha256//n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCggA", false, false},
	    {"sha256//n4bQgYhMfWWaL-qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", false, false},
	    {"sha256//n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCg==", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (pins_list_is_good(rows[i].list) != rows[i].is_good ||
		    pins_list_has(rows[i].list, KEY_TWO) != rows[i].has_two)
			fail_msg("'%s'", rows[i].list);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
