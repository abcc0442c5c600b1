/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/convert.h"

#define HASH "$6$salt$digest"

static const char *
or_empty(const struct buf *buf)
{
	return buf->data == NULL ? "" : buf->data;
}

/* What comes of a text: "NAME:HASH:UID:GID:HOME:OPTIONS" or "LINE: PROBLEM" for each account, ended by newlines. */
static void
convert_text(enum convert_format format, const char *text, const char *shadow, char *out, size_t size)
{
	struct convert convert = {.format = format,
	    .text = text,
	    .end = text + strlen(text),
	    .shadow = shadow,
	    .shadow_len = shadow == NULL ? 0 : strlen(shadow)};
	struct converted entry;
	size_t len = 0;
	int r;

	converted_init(&entry);
	out[0] = '\0';
	while ((r = convert_next(&convert, &entry)) > 0)
		len += (size_t)(entry.problem != NULL
			? snprintf(out + len, size - len, "%zu: %s\n", entry.line, entry.problem)
			: snprintf(out + len, size - len, "%s%s%s:%s:%s:%s:%s:%s\n", or_empty(&entry.raw),
			      entry.is_plain ? "plain " : "", or_empty(&entry.name), or_empty(&entry.hash), entry.uid,
			      entry.gid, or_empty(&entry.home), or_empty(&entry.options)));
	assert_int_equal(r, 0);
	converted_free(&entry);
}

static void
test_taken(void **state)
{
	static const struct {
		enum convert_format format;
		const char *text, *out;
	} rows[] = {
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1001:1002:Joe:/srv/joe/./::::::::::::\n",
		"joe:" HASH ":1001:1002:/srv/joe:\n"},
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1001:1002::/srv//joe\r\n\n# a comment\n",
		"joe:" HASH ":1001:1002:/srv/joe:\n"},
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1:1::/srv/joe:20480:10240:::3:1000:1048576:::192.0.2.0/24,192.0.2.9::",
		"joe:" HASH ":1:1:/srv/joe:max-sessions=3 quota-files=1000 quota=1048576 rate-down=10240 rate-up=20480 "
		"allow-from=192.0.2.0/24,192.0.2.9\n"},
	    {CONVERT_PURE_FTPD,
		"joe:" HASH ":1:1::/srv/joe:0:0:0:0:0:0:0::::::", "joe:" HASH ":1:1:/srv/joe:quota-files=0 quota=0\n"},
	    {CONVERT_PROFTPD, "joe:!" HASH ":1001:1002:Joe:/srv/joe/:/bin/false",
		"joe:!" HASH ":1001:1002:/srv/joe:\n"},
	    {CONVERT_PROFTPD, "joe:abcdefghijklm:1:1::/srv/joe:", "joe:abcdefghijklm:1:1:/srv/joe:\n"},
	    {CONVERT_VSFTPD, "joe\nsecret\n\nann\nan other: secret\r\n",
		"plain joe:secret::::\nplain ann:an other: secret::::\n"},
	    {CONVERT_VSFTPD, "joe\n" HASH "\nann\nabcdefghijklm", "joe:" HASH "::::\nplain ann:abcdefghijklm::::\n"},
	    {CONVERT_VSFTPD, "joe\n" HASH ":1:1:/h:x=\n", "plain joe:" HASH ":1:1:/h:x=::::\n"},
	    {CONVERT_USERS, "# ours\njoe:!:1:1:/h:a=b  c\n\n  \nnonsense", "joe:!:1:1:/h:a=b  c:::::\nnonsense:::::\n"},
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		convert_text(rows[i].format, rows[i].text, NULL, out, sizeof(out));
		assert_string_equal(out, rows[i].out);
	}
}

static void
test_refused(void **state)
{
	static const struct {
		enum convert_format format;
		const char *text, *says;
	} rows[] = {
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1:1::/srv/joe:::1:2:", "1: it has a download ratio"},
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1:1::/srv/joe::::::::192.0.2.1",
		"it is bound to addresses of the server"},
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1:1::/srv/joe:::::::::::192.0.2.1:", "it refuses addresses of clients"},
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1:1::/srv/joe::::::::::::0900-1700", "it is bound to times of the day"},
	    {CONVERT_PURE_FTPD,
		"joe:" HASH ":1:1::/srv/joe::::::::::host.example:", "an allowed client (-r) is no address"},
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1:1::/srv/joe:12:", "a limit that sallyport has not so low"},
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1:1::/srv/joe:many:", "a limit that is no number"},
	    {CONVERT_PURE_FTPD, "joe:$argon2id$v=19$m=65536,t=2,p=1$a$b:1:1::/srv/joe",
		"hashed in a way that crypt(3)"},
	    {CONVERT_PURE_FTPD, "\n\njoe:" HASH ":0:1::/srv/joe", "3: bad UID or GID"},
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1:-1::/srv/joe", "bad UID or GID"},
	    {CONVERT_PURE_FTPD, "joe:" HASH ":1", "too few fields"},
	    {CONVERT_PROFTPD, "joe:" HASH ":1:1::srv/joe:", "bad home"},
	    {CONVERT_PROFTPD, "joe:" HASH ":1:1::/./:", "bad home"},
	    {CONVERT_PROFTPD, "joe:" HASH ":4294967295:1::/srv/joe:", "bad UID or GID"},
	    {CONVERT_PROFTPD, "joe::1:1::/srv/joe:", "it has no password"},
	    {CONVERT_PROFTPD, "joe:*:1:1::/srv/joe:", "it has no password that fits"},
	    {CONVERT_PROFTPD, "joe:!!:1:1::/srv/joe:", "it has no password, and is locked"},
	    {CONVERT_VSFTPD, "joe\nsecret\nann", "3: a name without a password"},
	    {CONVERT_VSFTPD, "joe\n\nann\nsecret", "1: an empty password"},
	    {CONVERT_VSFTPD, "joe:*any:1:1:/h:x=\nsecret\n", "1: a colon in its name"},
	    {CONVERT_PASSWD, "joe:x:1:1::/srv/joe:", "its password is in shadow(5)"},
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		convert_text(rows[i].format, rows[i].text, NULL, out, sizeof(out));
		if (strstr(out, rows[i].says) == NULL)
			fail_msg("'%s' gives '%s'", rows[i].text, out);
	}
}

static void
test_passwd(void **state)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
				     "joe:x:1000:1000:Joe,,,:/home/joe:/bin/bash\n"
				     "ann:x:1001:1001::/home/ann:/bin/bash\n"
				     "old:" HASH ":1002:1002::/home/old:/bin/sh\n"
				     "bin:x:2:2::/bin:/usr/sbin/nologin\n"
				     "joel:x:1003:1003::/home/joel:/bin/sh\n";
	static const char shadow[] = "root:*:19000:0:99999:7:::\n"
				     "ann:!$y$j9T$abc$def:19000:0:99999:7::19723:\n"
				     "bin:*:19000:0:99999:7:::\n"
				     "joe:" HASH ":19000:0:99999:7:::\n";
	char out[4096];

	(void)state;
	convert_text(CONVERT_PASSWD, passwd, shadow, out, sizeof(out));
	assert_string_equal(out,
	    "1: bad UID or GID; an account needs numbers from 1 to 4294967294 (root cannot log in)\n"
	    "joe:" HASH ":1000:1000:/home/joe:\n"
	    "ann:!$y$j9T$abc$def:1001:1001:/home/ann:expires=2024-01-01\n"
	    "old:" HASH ":1002:1002:/home/old:\n"
	    "5: it has no password that fits ('*'); give it one, or leave it to the system\n"
	    "6: its password is in shadow(5), which has no line of it; put that file beside this one\n");
}

/* What is behind a NUL would be lost without a word. */
static void
a_nul_is_refused(void **state)
{
	static const char passwd[] = "joe\0x:" HASH ":1001:1002::/srv/joe\n", login[] = "joe\npass\0word\n",
			  name[] = "jo\0e\nsecret\n";
	const struct convert rows[] = {
	    {.format = CONVERT_PURE_FTPD, .text = passwd, .end = passwd + sizeof(passwd) - 1},
	    {.format = CONVERT_PROFTPD, .text = passwd, .end = passwd + sizeof(passwd) - 1},
	    {.format = CONVERT_PASSWD, .text = passwd, .end = passwd + sizeof(passwd) - 1},
	    {.format = CONVERT_VSFTPD, .text = login, .end = login + sizeof(login) - 1},
	    {.format = CONVERT_VSFTPD, .text = name, .end = name + sizeof(name) - 1},
	};
	struct converted entry;

	(void)state;
	converted_init(&entry);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct convert convert = rows[i];

		assert_int_equal(convert_next(&convert, &entry), 1);
		assert_non_null(entry.problem);
		assert_non_null(strstr(entry.problem, "a NUL"));
	}
	converted_free(&entry);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_taken),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_passwd),
	    cmocka_unit_test(a_nul_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
