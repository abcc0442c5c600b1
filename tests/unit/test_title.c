/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/title.h"

#include "common/banned.h"

static void
test_clean(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *expected;
	} rows[] = {
	    {"", 10, ""},
	    {"/a b", 10, "/a b"},
	    {"\033]0;x\007", 10, "?]0;x?"},
	    {"a\r\nb\tc\x7f", 10, "a??b?c?"},
	    {"\xc3\xbc", 10, "\xc3\xbc"},
	    {"\xc3\xbc", 1, ""}, /* no half of a character */
	    {"\xc3", 10, "?"},
	    {"\xff\xfe", 10, "??"},
	    {"\xc2\x9b"
	     "31m",
		10, "?31m"}, /* CSI in eight bits, as UTF-8 */
	    {"\xed\xa0\x80", 10, "???"}, /* a surrogate */
	    {"abcdef", 3, "abc"},
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = title_clean(text, rows[i].size, rows[i].text, strlen(rows[i].text));

		assert_true(len <= rows[i].size);
		text[len] = '\0';
		assert_string_equal(text, rows[i].expected);
	}
	assert_int_equal(title_clean(text, 4, "a\0b", 3), 3);
	assert_memory_equal(text, "a?b", 3);
}

/* The strings of a process lie one after the other; a string elsewhere is never written. */
static void
test_only_in_its_room(void **state)
{
	static char block[] = "prog\0-c\0file\0"
			      "A=1\0"
			      "B=22\0"
			      "after";
	static char elsewhere[] = "C=3";
	char *argv[] = {block, block + 5, block + 8, NULL};
	char *variables[] = {block + 13, block + 17, elsewhere, NULL};
	size_t room = 22;
	char **kept = environ;

	(void)state;
	environ = variables;
	title_init(3, argv);
	environ = kept;
	title_set("protocol", "alice", "192.0.2.1");
	assert_int_equal(block[room - 1], '\0');
	assert_memory_equal(block, "sallyportd: protocol ", room - 1);
	title_doing("RETR", "/x", 2);
	assert_int_equal(block[room - 1], '\0');
	assert_string_equal(block + room, "after");
	assert_string_equal(elsewhere, "C=3");
	title_set("m", NULL, NULL);
	title_doing("RETR", "/x/y/z", 6);
	assert_string_equal(block, "sallyportd: m RETR /x");
	title_doing("idle", "", 0);
	assert_memory_equal(block, "sallyportd: m idle\0\0\0", room);
}

static void
read_shown(char *text, size_t size)
{
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
}

/* The last test: the title of this process stays where it is then. */
static void
test_moved(void **state)
{
	static char block[] = "a program with its arguments";
	char *argv[] = {block, NULL};
	char shown[4096];

	(void)state;
	title_init(1, argv);
	title_move();
	title_set("files", "alice", "192.0.2.1");
	if (strncmp(block, "sallyportd", 10) == 0)
		skip(); /* this kernel leaves it where it is */
	read_shown(shown, sizeof(shown));
	assert_string_equal(shown, "sallyportd: files alice@192.0.2.1");
	title_doing("RETR", "/x", 2);
	read_shown(shown, sizeof(shown));
	assert_string_equal(shown, "sallyportd: files alice@192.0.2.1 RETR /x");
	assert_string_equal(block, "a program with its arguments");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean),
	    cmocka_unit_test(test_only_in_its_room),
	    cmocka_unit_test(test_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
