/* SPDX-License-Identifier: ISC */
/* ~/.netrc and bookmarks: which entries they find, and which passwords the client does not use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/ui/bookmarks.h"
#include "client/ui/netrc.h"
#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

static void
check(const char *text, const char *host, const char *user, int result, const char *login, const char *password)
{
	struct netrc_login found;
	size_t line;
	int r = netrc_find(text, strlen(text), host, user, &found, &line);

	if (r != result)
		fail_msg("%s for %s: %d", text, host, r);
	if (r == 0) {
		assert_string_equal(found.user == NULL ? "-" : found.user, login);
		assert_string_equal(found.password == NULL ? "-" : found.password, password);
	}
	netrc_login_free(&found);
}

static void
test_bad(void **state)
{
	static const char *const rows[] = {"machine", "machine h login", "machine h password", "machine h nonsense x",
	    "login a", "machine h login \"a", "machine h password \"a\nb\"", "garbage"};
	struct netrc_login login;
	size_t line = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(rows[i], "h", NULL, -EINVAL, NULL, NULL);
	assert_int_equal(netrc_find("machine a login b\n\nmachine h what x\n", 38, "h", NULL, &login, &line), -EINVAL);
	assert_int_equal(line, 3);
	check("machine h login a\0b", "x", NULL, -ENOENT, NULL, NULL);
}

/* The account is that of the entry that is found. */
static void
test_account(void **state)
{
	static const char text[] =
	    "machine a login x account other\nmachine h login alice password p account \"blue 7\"\n";
	struct netrc_login login;
	size_t line = 0;

	(void)state;
	assert_int_equal(netrc_find(text, strlen(text), "h", "alice", &login, &line), 0);
	assert_string_equal(login.account, "blue 7");
	netrc_login_free(&login);
	assert_null(login.account);
	assert_int_equal(netrc_find("machine h account", 17, "h", NULL, &login, &line), -EINVAL);
}

static void
test_find(void **state)
{
	static const char text[] = "# mine\n"
				   "machine files.example.org login alice password secret\n"
				   "machine files.example.org login bob password \"two words\\\"\"\n"
				   "machine\tOther\n\tlogin carol # works\n\taccount x\n\tpassword #hash\\x\n"
				   "macdef init\ncd /pub\nmachine files.example.org login evil\n\n"
				   "machine last password p\n"
				   "default login anonymous password me@\n"
				   "machine never login n\n";

	(void)state;
	check("", "h", NULL, -ENOENT, NULL, NULL);
	check(text, "files.example.org", NULL, 0, "alice", "secret");
	check(text, "FILES.example.ORG", "bob", 0, "bob", "two words\"");
	check(text, "other", NULL, 0, "carol", "#hashx");
	check(text, "other", "dave", -ENOENT, NULL, NULL);
	check(text, "last", "anybody", 0, "-", "p");
	check(text, "unheard", NULL, 0, "anonymous", "me@");
	check(text, "never", NULL, 0, "anonymous", "me@");
	check("machine h login a", "h", "a", 0, "a", "-");
}

static void
test_rights(void **state)
{
	static const char text[] = "machine h login a password secret\nmachine n login b\n";
	char path[] = "/tmp/sallyport-netrc.XXXXXX";
	struct netrc_login login;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(netrc_look_up(path, "h", NULL, &login, NULL), 0);
	assert_string_equal(login.password, "secret");
	netrc_login_free(&login);
	assert_int_equal(fchmod(fd, 0640), 0);
	assert_int_equal(netrc_look_up(path, "h", NULL, &login, NULL), -EPERM);
	assert_null(login.password);
	assert_int_equal(netrc_look_up(path, "n", NULL, &login, NULL), 0);	/* this entry has no secret */
	netrc_login_free(&login);
	assert_int_equal(fchmod(fd, 0604), 0);
	assert_int_equal(netrc_look_up(path, "h", NULL, &login, NULL), -EPERM);
	close_fd(&fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(netrc_look_up(path, "h", NULL, &login, NULL), -ENOENT);
	assert_int_equal(netrc_look_up("/tmp", "h", NULL, &login, NULL), -EINVAL);
}

static void
check_bookmark(const char *place, const char *expected)
{
	static const char text[] = "# places\n\nwork ftp://alice@work.example/\nhome\tftpes://h.example:2121/data \n"
				   "bad.name ftp://x/\nlonely\n";
	struct buf out;

	buf_init(&out, 256);
	assert_int_equal(bookmarks_expand(text, strlen(text), place, &out), expected != NULL);
	if (expected != NULL)
		assert_string_equal(out.data, expected);
	buf_free(&out);
}

static void
test_bookmarks(void **state)
{
	struct buf out;

	(void)state;
	check_bookmark("", NULL);
	check_bookmark("bad.name", NULL);
	check_bookmark("lonely", NULL);
	check_bookmark("ftp://work/", NULL);
	check_bookmark("Work", NULL);
	check_bookmark("work", "ftp://alice@work.example/");
	check_bookmark("work/a b", "ftp://alice@work.example/a b");
	check_bookmark("home/x/", "ftpes://h.example:2121/data/x/");

	buf_init(&out, 256);
	assert_int_equal(bookmarks_edit("#c\na x\nb y", 10, "a", "z", &out), 0);
	assert_string_equal(out.data, "#c\nb y\na z\n");
	buf_clear(&out);
	assert_int_equal(bookmarks_edit("a x\n", 4, "a", NULL, &out), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(bookmarks_edit("a x\n", 4, "b", NULL, &out), -ENOENT);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_account),
	    cmocka_unit_test(test_rights),
	    cmocka_unit_test(test_bookmarks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
