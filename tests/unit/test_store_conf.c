/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "store/store_conf.h"

static int
parse_conf(const char *text, struct store_conf *conf, struct buf *problem)
{
	char copy[8192];

	buf_init(problem, 8192);
	snprintf(copy, sizeof(copy), "%s", text);
	return store_conf_parse("store.conf", copy, strlen(copy), conf, problem);
}

static void
test_bad_files(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	    {"", "store.conf: connect: not set"},
	    {"connections = 4\n", "connect: not set"},
	    {"connect = \"\"\n", "store.conf:1: connect: not usable"},
	    {"connect = \"user=a\"\nconnections = 0\n",
		"store.conf:2: connections: bad value '0'; write a number from 1 to 16"},
	    {"connect = \"user=a\"\nconnections = 17\n", "bad value '17'"},
	    {"connect = \"user=a\"\nconnections = -1\n", "bad value '-1'"},
	    {"connect = \"user=a\"\ngrace = \"31d\"\n", "store.conf:2: grace: bad value '31d'"},
	    {"connect = \"user=a\"\ngrace = \"soon\"\n", "bad value 'soon'"},
	    {"connect = \"user=a\"\nnode = \"a b\"\n", "node: bad value 'a b'"},
	    {"connect = \"user=a\"\nconnect = \"user=b\"\n", "store.conf:2: connect: set twice, first in line 1"},
	    {"connect = \"user=a\"\nquery = \"SELECT 1\"\n", "store.conf:2: unknown key; the keys are"},
	    {"connect = \"user=a\n", "store.conf:1: the string is never closed"},
	    {"connect = \"password=sesame\" \"again\"\n", "store.conf:1:"},
	    {"connect \"password=sesame\"\n", "store.conf:1: bad syntax"},
	};
	struct store_conf conf;
	struct buf problem;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse_conf(rows[i].text, &conf, &problem), -EINVAL);
		assert_non_null(problem.data);
		if (strstr(problem.data, rows[i].says) == NULL)
			fail_msg("'%s' says '%s'", rows[i].text, problem.data);
		assert_null(strstr(problem.data, "sesame"));
		assert_null(conf.connect);
		buf_free(&problem);
	}
}

static void
test_good_files(void **state)
{
	struct store_conf conf;
	struct buf problem;

	(void)state;
	assert_int_equal(
	    parse_conf("# of a node\nconnect = \"dbname=sallyport user=sallyport_node\"\n", &conf, &problem), 0);
	assert_string_equal(conf.connect, "dbname=sallyport user=sallyport_node");
	assert_int_equal(conf.connections, 4);
	assert_int_equal(conf.grace_s, 3600);
	assert_string_equal(conf.node, "");
	store_conf_free(&conf);
	assert_int_equal(parse_conf("connect = 'password=\"it\\'s\"'\nconnections = 16\ngrace = \"0\"\nnode = \"n1\"",
			     &conf, &problem),
	    0);
	assert_string_equal(conf.connect, "password=\"it's\"");
	assert_int_equal(conf.connections, 16);
	assert_int_equal(conf.grace_s, 0);
	assert_string_equal(conf.node, "n1");
	store_conf_free(&conf);
	buf_free(&problem);
}

/* Who else could read or write the file. */
static void
test_modes(void **state)
{
	static const struct {
		mode_t mode;
		gid_t readers;
		int r;
	} rows[] = {
	    {0600, STORE_READERS_ROOT, 0},
	    {0640, STORE_READERS_ROOT, -EPERM},
	    {0604, STORE_READERS_ROOT, -EPERM},
	    {0620, 12345, -EPERM},
	    {0644, 12345, -EPERM},
	};
	char path[] = "/tmp/sallyport-store-conf.XXXXXX";
	int fd = mkstemp(path);
	struct store_conf conf;
	struct buf problem;

	(void)state;
	assert_true(fd >= 0);
	assert_true(write(fd, "connect = \"user=a\"", 18) == 18);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(fchmod(fd, rows[i].mode), 0);
		buf_init(&problem, 8192);
		assert_int_equal(store_conf_load(path, rows[i].readers, &conf, &problem), rows[i].r);
		assert_true(rows[i].r == 0 || strstr(problem.data, "chmod it to 06") != NULL);
		store_conf_free(&conf);
		buf_free(&problem);
	}
	if (geteuid() == 0) {
		assert_int_equal(fchmod(fd, 0640), 0);
		assert_int_equal(fchown(fd, 0, 12346), 0);
		buf_init(&problem, 8192);
		assert_int_equal(store_conf_load(path, 12345, &conf, &problem), -EPERM);
		assert_int_equal(store_conf_load(path, 12346, &conf, &problem), 0);
		store_conf_free(&conf);
		assert_int_equal(fchown(fd, 12345, 12345), 0);
		assert_int_equal(store_conf_load(path, 12345, &conf, &problem), -EPERM);
		buf_free(&problem);
	}
	close(fd);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_files),
	    cmocka_unit_test(test_good_files),
	    cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
