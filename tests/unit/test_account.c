/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/account.h"
#include "accounts/users_file.h"

#include "common/banned.h"

#define LINE(text) (text), sizeof(text) - 1

/* Lines that are no account, and a part of the error for each. */
static const struct {
	const char *line;
	size_t len;
	const char *error;
} bad_lines[] = {
    {LINE(""), "too few fields"},
    {LINE("a"), "too few fields"},
    {LINE("a:$y$x:1000:1000:/srv/a"), "too few fields"},
    {LINE(":$y$x:1000:1000:/srv/a:"), "name is empty"},
    {LINE("a b:$y$x:1000:1000:/srv/a:"), "a blank"},
    {LINE("a/b:$y$x:1000:1000:/srv/a:"), "a slash"},
    {LINE("..:$y$x:1000:1000:/srv/a:"), "'.' or '..'"},
    {LINE("-a:$y$x:1000:1000:/srv/a:"), "begins with"},
    {LINE("\xff:$y$x:1000:1000:/srv/a:"), "UTF-8"},
    {LINE("\xc2\x9b:$y$x:1000:1000:/srv/a:"), "control"},
    {LINE("a\0b:$y$x:1000:1000:/srv/a:"), "control"},
    {LINE("a:$y$x:1000:1000:/srv/a:\r"), "control"},
    {LINE("a::1000:1000:/srv/a:"), "hash is empty"},
    {LINE("a:$y$ x:1000:1000:/srv/a:"), "hash is damaged"},
    {LINE("a:$y$\x80:1000:1000:/srv/a:"), "hash is damaged"},
    {LINE("a:$y$x::1000:/srv/a:"), "UID"},
    {LINE("a:$y$x:0:1000:/srv/a:"), "UID"},
    {LINE("a:$y$x:00:1000:/srv/a:"), "UID"},
    {LINE("a:$y$x:-1:1000:/srv/a:"), "UID"},
    {LINE("a:$y$x:+1:1000:/srv/a:"), "UID"},
    {LINE("a:$y$x: 1:1000:/srv/a:"), "UID"},
    {LINE("a:$y$x:4294967295:1000:/srv/a:"), "UID"},
    {LINE("a:$y$x:4294967296:1000:/srv/a:"), "UID"},
    {LINE("a:$y$x:18446744073709551617:1000:/srv/a:"), "UID"},
    {LINE("a:$y$x:1000:0:/srv/a:"), "GID"},
    {LINE("a:$y$x:1000:root:/srv/a:"), "GID"},
    {LINE("a:$y$x:1000:1000::"), "absolute"},
    {LINE("a:$y$x:1000:1000:srv/a:"), "absolute"},
    {LINE("a:$y$x:1000:1000:/:"), "the home is '/'"},
    {LINE("a:$y$x:1000:1000:/srv/../a:"), "'..'"},
    {LINE("a:$y$x:1000:1000:/srv/./a:"), "'.'"},
    {LINE("a:$y$x:1000:1000:/srv//a:"), "'//'"},
    {LINE("a:$y$x:1000:1000:/srv/a/:"), "at its end"},
    {LINE("a:$y$x:1000:1000:/srv/\ta:"), "control"},
    {LINE("a:$y$x:1000:1000:/srv/a:x:y"), "not an option"},
    {LINE("a:$y$x:1000:1000:/srv/a:=1"), "not an option"},
    {LINE("a:$y$x:1000:1000:/srv/a:Read-Only"), "not an option"},
    {LINE("a:$y$x:1000:1000:/srv/a:read-only=yes"), "no value"},
    {LINE("a:$y$x:1000:1000:/srv/a:read-only read-only"), "twice"},
    {LINE("a:$y$x:1000:1000:/srv/a:rights"), "bad rights"},
    {LINE("a:$y$x:1000:1000:/srv/a:rights="), "bad rights"},
    {LINE("a:$y$x:1000:1000:/srv/a:rights=list,write"), "bad rights"},
    {LINE("a:$y$x:1000:1000:/srv/a:rights=list rights=read"), "twice"},
    {LINE("a:$y$x:1000:1000:/srv/a:max-sessions"), "max-sessions"},
    {LINE("a:$y$x:1000:1000:/srv/a:max-sessions="), "max-sessions"},
    {LINE("a:$y$x:1000:1000:/srv/a:max-sessions=0"), "max-sessions"},
    {LINE("a:$y$x:1000:1000:/srv/a:max-sessions=1 max-sessions=2"), "twice"},
    {LINE("a:$y$x:1000:1000:/srv/a:file-mode"), "file-mode"},
    {LINE("a:$y$x:1000:1000:/srv/a:file-mode=0440"), "0600"},
    {LINE("a:$y$x:1000:1000:/srv/a:file-mode=2660"), "at most 0777"},
    {LINE("a:$y$x:1000:1000:/srv/a:file-mode=0660 file-mode=0660"), "twice"},
    {LINE("a:$y$x:1000:1000:/srv/a:directory-mode=0660"), "0700"},
    {LINE("a:$y$x:1000:1000:/srv/a:directory-mode=rwx"), "directory-mode"},
    {LINE("a:$y$x:1000:1000:/srv/a:expires=never"), "expires"},
    {LINE("a:$y$x:1000:1000:/srv/a:expires=2023-02-29"), "expires"},
    {LINE("a:$y$x:1000:1000:/srv/a:expires=1970-01-01"), "expires"},
    {LINE("a:$y$x:1000:1000:/srv/a:expires=2023-2-1"), "expires"},
    {LINE("a:$y$x:1000:1000:/srv/a:allow-from"), "allow-from"},
    {LINE("a:$y$x:1000:1000:/srv/a:allow-from=10.0.0.1/8"), "allow-from"},
    {LINE("a:$y$x:1000:1000:/srv/a:allow-from=10.0.0.0/8,"), "allow-from"},
    {LINE("a:$y$x:1000:1000:/srv/a:allow-from=10.0.0.0/33"), "allow-from"},
    {LINE("a:$y$x:1000:1000:/srv/a:allow-from=host"), "allow-from"},
    {LINE("a:$y$x:1000:1000:/srv/a:allow-from=10.0.0.0/8 allow-from=any"), "allow-from"},
    {LINE("a:$y$x:1000:1000:/srv/a:allow-from=any,10.0.0.0/8"), "allow-from"},
    {LINE("a:$y$x:1000:1000:/srv/a:read-only=none"), "no value but 'no'"},
    {LINE("a:$y$x:1000:1000:/srv/a:group"), "bad group"},
    {LINE("a:$y$x:1000:1000:/srv/a:group="), "bad group"},
    {LINE("a:$y$x:1000:1000:/srv/a:group=a/b"), "bad group"},
    {LINE("a:$y$x:1000:1000:/srv/a:group=a group=b"), "twice"},
    {LINE("a:$y$x:1000:1000:/srv/a:quota=nones"), "bad quota"},
    {LINE("a:$y$x:1000:1000:/srv/a:password"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=x"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=x,"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=x,,"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=,,$6$x"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=.x,,$6$x"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=a/b,,$6$x"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=main,,$6$x"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=x,never,$6$x"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=x,2030-02-30,$6$x"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=x,,*any"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=x,,!$6$x"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=x,,$6$\x80"), "bad password"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=x,,$6$a password=x,,$6$b"), "same label"},
    {LINE("a:$y$x:1000:1000:/srv/a:password=1,,h password=2,,h password=3,,h password=4,,h password=5,,h "
	  "password=6,,h password=7,,h password=8,,h password=9,,h"),
	"too many passwords"},
};

static void
test_bad_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
		struct account account;
		const char *error = NULL;

		if (account_parse(bad_lines[i].line, bad_lines[i].len, &account, &error) == 0)
			fail_msg("accepted: %s", bad_lines[i].line);
		if (error == NULL || strstr(error, bad_lines[i].error) == NULL)
			fail_msg("%s: said '%s'", bad_lines[i].line, error == NULL ? "nothing" : error);
	}
}

static void
test_limits(void **state)
{
	static char line[ACCOUNT_LINE_MAX + 64];
	struct account account;
	const char *error;
	int len;

	(void)state;
	/* a name of 64 bytes, and one of 65 */
	len = snprintf(line, sizeof(line), "%064d:$y$x:1:1:/srv/a:", 0);
	assert_int_equal(account_parse(line, (size_t)len, &account, &error), 0);
	len = snprintf(line, sizeof(line), "%065d:$y$x:1:1:/srv/a:", 0);
	assert_true(account_parse(line, (size_t)len, &account, &error) < 0);
	/* a hash of 383 bytes, and one of 384; the lock mark does not count */
	len = snprintf(line, sizeof(line), "a:!%0383d:1:1:/srv/a:", 0);
	assert_int_equal(account_parse(line, (size_t)len, &account, &error), 0);
	len = snprintf(line, sizeof(line), "a:%0384d:1:1:/srv/a:", 0);
	assert_true(account_parse(line, (size_t)len, &account, &error) < 0);
	/* 32 networks, and 33 */
	for (size_t count = ACCOUNT_ALLOW_MAX; count <= ACCOUNT_ALLOW_MAX + 1; count++) {
		len = snprintf(line, sizeof(line), "a:$y$x:1:1:/srv/a:");
		for (size_t i = 0; i < count; i++)
			len += snprintf(line + len, sizeof(line) - (size_t)len, "allow-from=10.0.0.%zu ", i);
		assert_int_equal(
		    account_parse(line, (size_t)len, &account, &error), count == ACCOUNT_ALLOW_MAX ? 0 : -22);
	}
	memset(line, 'a', sizeof(line));
	assert_true(account_parse(line, ACCOUNT_LINE_MAX + 1, &account, &error) < 0);
}

static void
test_good_line(void **state)
{
	static const char line[] =
	    "j\xc3\xb6rg:!$y$j9T$salt$hash:200000:200001:/srv/my home:read-only  "
	    "rights=create,list max-sessions=3\texpires=2030-01-02 allow-from=10.0.0.0/8,2001:db8::/32 "
	    "allow-from=::1 quota=5G rate-up=1M file-mode=660 directory-mode=0770 future-option=x:y";
	struct account account;
	const char *error = "";

	(void)state;
	assert_int_equal(account_parse(LINE(line), &account, &error), 0);
	assert_string_equal(account.name, "j\xc3\xb6rg");
	assert_string_equal(account.hash, "$y$j9T$salt$hash");
	assert_true(account.is_locked);
	assert_int_equal(account.uid, 200000);
	assert_int_equal(account.gid, 200001);
	assert_string_equal(account.home, "/srv/my home");
	assert_true(account.is_read_only);
	assert_int_equal(account.rights, MAY_LIST | MAY_CREATE);
	assert_int_equal(account.max_sessions, 3);
	assert_int_equal(account.expires, 1893542400);
	assert_int_equal(account.allow_from_count, 3);
	assert_int_equal(account.allow_from[1].bits, 32);
	assert_int_equal(account.allow_from[2].bits, 128);
	assert_int_equal(account.file_mode, 0660);
	assert_int_equal(account.directory_mode, 0770);
	/* nothing of the line before stays */
	assert_int_equal(account_parse(LINE("b:$y$x:1:1:/b:"), &account, &error), 0);
	assert_string_equal(account.name, "b");
	assert_false(account.is_locked);
	assert_false(account.is_read_only);
	assert_int_equal(account.rights, MAY_ALL);
	assert_int_equal(account.max_sessions, 0);
	assert_int_equal(account.expires, 0);
	assert_int_equal(account.allow_from_count, 0);
	assert_int_equal(account.rate_up, 0);
	assert_int_equal(account.file_mode, 0);
	assert_int_equal(account.directory_mode, 0);
	/* locked without a password */
	assert_int_equal(account_parse(LINE("b:!:1:1:/b:"), &account, &error), 0);
	assert_true(account.is_locked);
	assert_string_equal(account.hash, "");
}

static void
test_blank_lines(void **state)
{
	(void)state;
	assert_true(account_line_is_blank("", 0));
	assert_true(account_line_is_blank(LINE(" \t")));
	assert_true(account_line_is_blank(LINE("# a:b")));
	assert_false(account_line_is_blank(LINE(" # a")));
	assert_false(account_line_is_blank(LINE("a:b")));
}

static void
test_option_words(void **state)
{
	const char *text = "  quota=1G\tx ";
	size_t len = strlen(text);
	const char *word;

	(void)state;
	assert_int_equal(account_option_next(&text, &len, &word), 8);
	assert_true(account_option_known(word, 8));
	assert_int_equal(account_option_next(&text, &len, &word), 1);
	assert_false(account_option_known(word, 1));
	assert_int_equal(account_option_next(&text, &len, &word), 0);
}

/* A wiped account is as if nothing had been parsed into it. */
static void
test_wipe(void **state)
{
	static const char line[] =
	    "alice:$y$secret:1000:1001:/srv/ftp/alice:read-only max-sessions=3 quota=5 expires=2030-01-01 allow-from=::1";
	static const struct account nothing;
	static struct account account;
	const char *error;

	(void)state;
	assert_int_equal(account_parse(line, sizeof(line) - 1, &account, &error), 0);
	assert_string_equal(account.home, "/srv/ftp/alice");
	account_wipe(&account);
	assert_memory_equal(&account, &nothing, sizeof(account));
}

static void
test_passwords(void **state)
{
	struct account account;
	const char *error;

	(void)state;
	assert_int_equal(account_parse(LINE("a:$y$x:1000:1000:/srv/a:password=new,2030-01-01,$6$a password=x.1,,"
					    "$md5,rounds=5$b$c quota=5"),
			     &account, &error),
	    0);
	assert_int_equal(account.password_count, 2);
	assert_string_equal(account.passwords[0].label, "new");
	assert_int_equal(account.passwords[0].expires, 1893456000);
	assert_string_equal(account_hash(&account, 0), "$y$x");
	assert_string_equal(account_hash(&account, 1), "$6$a");
	assert_string_equal(account.passwords[1].label, "x.1");
	assert_int_equal(account.passwords[1].expires, 0);
	assert_string_equal(account_hash(&account, 2), "$md5,rounds=5$b$c");
	account_wipe(&account);
	assert_string_equal(account.passwords[1].hash, "");
	assert_int_equal(account_group_check(LINE("password=x,,$6$x"), &error), -22);
	assert_int_equal(account_parse(LINE("b:$y$x:1000:1000:/srv/b:"), &account, &error), 0);
	assert_int_equal(account.password_count, 0);
}

static void
test_pam_hash(void **state)
{
	static const struct {
		const char *line, *service;
		bool is_locked;
	} rows[] = {
	    {"a:*pam:sallyport:1000:1001:/srv/a:quota=5", "sallyport", false},
	    {"a:!*pam:a.b-c_9:1000:1001:/srv/a:quota=5", "a.b-c_9", true},
	    {"a:*pam:5:1000:1001:/srv/a:quota=5", "5", false},
	    {"a:*pam2:1000:1001:/srv/a:quota=5", NULL, false},
	    {"a:*:1000:1001:/srv/a:quota=5", NULL, false},
	    {"a:!:1000:1001:/srv/a:quota=5", NULL, true},
	};
	static const char *const bad[] = {"a:*pam:1000:1001:/srv/a:", "a:*pam::1000:1001:/srv/a:",
	    "a:*pam:../x:1000:1001:/srv/a:", "a:*pam:x", "a:*pam:", "a:*pam", "a:!*pam:x:y:1000:1001:/srv/a:"};
	struct account account;
	const char *error;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *service, *field;
		size_t len;

		assert_int_equal(account_parse(rows[i].line, strlen(rows[i].line), &account, &error), 0);
		service = account_pam_service(&account);
		assert_true(rows[i].service == NULL ? service == NULL : strcmp(service, rows[i].service) == 0);
		assert_int_equal(account.is_locked, rows[i].is_locked);
		assert_true(account.uid == 1000 && account.gid == 1001 && account.quota_bytes == 5);
		assert_int_equal(users_line_field(rows[i].line, strlen(rows[i].line), 2, &field, &len), 0);
		assert_memory_equal(field, "1000:", 5);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (account_parse(bad[i], strlen(bad[i]), &account, &error) == 0)
			fail_msg("accepted: %s", bad[i]);
}

#define GROUP_WORDS \
	"quota=1G quota-files=10 rate-down=2K rate-up=3K rights=list max-sessions=4 expires=2030-01-01 " \
	"allow-from=10.0.0.0/8 read-only file-mode=0640"

static void
join(const char *line, struct account *account)
{
	const char *error = NULL;

	assert_int_equal(account_parse(line, strlen(line), account, &error), 0);
	assert_int_equal(account_take_group(account, LINE(GROUP_WORDS), &error), 0);
}

/* Each option comes from the group, unless the account has a word of its own: then only that counts. */
static void
test_group(void **state)
{
	struct account account;

	(void)state;
	join("a:$y$x:1000:1000:/srv/a:group=staff", &account);
	assert_string_equal(account.group, "staff");
	assert_int_equal(account.quota_bytes, 1 << 30);
	assert_int_equal(account.quota_files, 10);
	assert_int_equal(account.rate_down, 2048);
	assert_int_equal(account.rate_up, 3072);
	assert_int_equal(account.rights, MAY_LIST);
	assert_int_equal(account.max_sessions, 4);
	assert_int_equal(account.expires, 1893456000);
	assert_int_equal(account.allow_from_count, 1);
	assert_int_equal(account.file_mode, 0640);
	assert_true(account.is_read_only);
	assert_int_equal(account_option_said_by(&account, "quota"), OPTION_BY_GROUP);
	assert_int_equal(account_option_said_by(&account, "group"), OPTION_BY_ACCOUNT);

	join("a:$y$x:1000:1000:/srv/a:group=staff quota=1K quota-files=1 rate-down=1K rate-up=1K rights=read "
	     "max-sessions=1 expires=2031-01-01 allow-from=192.0.2.1 allow-from=192.0.2.2 read-only=no",
	    &account);
	assert_int_equal(account.quota_bytes, 1024);
	assert_int_equal(account.quota_files, 1);
	assert_int_equal(account.rate_down, 1024);
	assert_int_equal(account.rate_up, 1024);
	assert_int_equal(account.rights, MAY_READ);
	assert_int_equal(account.max_sessions, 1);
	assert_int_equal(account.expires, 1924992000);
	assert_int_equal(account.allow_from_count, 2);
	assert_false(account.is_read_only);
	assert_int_equal(account_option_said_by(&account, "quota"), OPTION_BY_ACCOUNT);

	join("a:$y$x:1000:1000:/srv/a:quota=none quota-files=none rate-down=none rate-up=none rights=all "
	     "max-sessions=none expires=none allow-from=any read-only=no group=staff file-mode=none",
	    &account);
	assert_true(account.quota_bytes == ACCOUNT_NO_QUOTA && account.quota_files == ACCOUNT_NO_QUOTA);
	assert_true(account.rate_down == 0 && account.rate_up == 0 && account.max_sessions == 0);
	assert_int_equal(account.file_mode, 0);
	assert_true(account.expires == 0 && account.allow_from_count == 0 && account.rights == MAY_ALL);
	assert_false(account.is_read_only);
}

/* An account parsed where another one was has nothing of it, and a group that is missing is noted. */
static void
test_group_is_missing(void **state)
{
	struct account account;
	const char *error = NULL, *key;

	(void)state;
	join("a:$y$x:1000:1000:/srv/a:group=staff", &account);
	assert_int_equal(account_parse(LINE("b:$y$x:1000:1000:/srv/b:"), &account, &error), 0);
	assert_string_equal(account.group, "");
	assert_true(account.rate_down == 0 && account.rate_up == 0 && account.quota_bytes == ACCOUNT_NO_QUOTA);
	assert_int_equal(account_option_said_by(&account, "quota"), OPTION_BY_NOBODY);
	assert_int_equal(account_option_source(&account, 64, &key), OPTION_BY_NOBODY);
	assert_null(key);
	assert_int_equal(account_parse(LINE("b:$y$x:1000:1000:/srv/b:group=gone"), &account, &error), 0);
	assert_int_equal(account_take_group(&account, NULL, 0, &error), 0);
	assert_true(account.lacks_group);
	/* no group has what an account alone can have */
	assert_int_equal(account_group_check(LINE("group=other"), &error), -22);
	assert_non_null(strstr(error, "only an account"));
	assert_int_equal(account_group_check(LINE("quota=1 quota=2"), &error), -22);
	assert_int_equal(account_group_check(LINE(GROUP_WORDS " later=1"), &error), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_passwords),
	    cmocka_unit_test(test_pam_hash),
	    cmocka_unit_test(test_group),
	    cmocka_unit_test(test_group_is_missing),
	    cmocka_unit_test(test_bad_lines),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_good_line),
	    cmocka_unit_test(test_wipe),
	    cmocka_unit_test(test_blank_lines),
	    cmocka_unit_test(test_option_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
