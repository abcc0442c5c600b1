/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "client/engine/url.h"

#include "common/banned.h"

static void
test_bad(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"", "no host"},
	    {"ftp://", "no host"},
	    {"ftp:///path", "no host"},
	    {"ftp://@host/", "no user name"},
	    {"ftp://:secret@host/", "no user name"},
	    {"ftp://user@/", "no host"},
	    {"http://host/", "only ftp://"},
	    {"sftp://host/", "only ftp://"},
	    {"ftp://host:/", "port"},
	    {"ftp://host:0/", "port"},
	    {"ftp://host:65536/", "port"},
	    {"ftp://host:-1/", "port"},
	    {"ftp://host:21x/", "port"},
	    {"ftp://host:000000021/", "port"},
	    {"ftp://2001:db8::1/", "brackets"},
	    {"ftp://[2001:db8::1/", "']'"},
	    {"ftp://[2001:db8::1]x/", "']'"},
	    {"ftp://[host]/", "IPv6"},
	    {"ftp://[]/", "IPv6"},
	    {"ftp://ho st/", "host name"},
	    {"ftp://ho\033st/", "host name"},
	    {"ftp://host/a%", "hexadecimal"},
	    {"ftp://host/a%4", "hexadecimal"},
	    {"ftp://host/a%4g", "hexadecimal"},
	    {"ftp://us%zzer@host/", "hexadecimal"},
	    {"ftp://host/a%0d%0aDELE%20b", "line break"},
	    {"ftp://host/a%00b", "NUL"},
	    {"ftp://host/a\r\nDELE b", "line break"},
	    {"ftp://user%0a@host/", "line break"},
	    {"ftp://user:pass%0aword@host/", "line break"},
	    {"ftp://host%0a/", "line break"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ftp_url url, empty;
		const char *why = NULL;

		memset(&empty, 0, sizeof(empty));
		if (ftp_url_parse(rows[i].text, &url, &why) != -EINVAL || strstr(why, rows[i].why) == NULL)
			fail_msg("'%s': %s", rows[i].text, why);
		assert_memory_equal(&url, &empty, sizeof(url));
	}
}

static void
same_text(const char *text, const char *a, const char *b)
{
	if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0))
		fail_msg("%s: '%s', not '%s'", text, a != NULL ? a : "(none)", b != NULL ? b : "(none)");
}

static void
test_good(void **state)
{
	static const struct {
		const char *text;
		enum ftp_tls tls;
		const char *user, *password, *host;
		uint16_t port;
		const char *path;
	} rows[] = {
	    {"host", FTP_TLS_AUTO, NULL, NULL, "host", 21, ""},
	    {"alice@host:2121/dir/a", FTP_TLS_AUTO, "alice", NULL, "host", 2121, "dir/a"},
	    {"ftp://host", FTP_TLS_AUTO, NULL, NULL, "host", 21, ""},
	    {"FTP://host/", FTP_TLS_AUTO, NULL, NULL, "host", 21, ""},
	    {"ftpes://host/a", FTP_TLS_REQUIRED, NULL, NULL, "host", 21, "a"},
	    {"ftps://host/a", FTP_TLS_IMPLICIT, NULL, NULL, "host", 990, "a"},
	    {"ftps://host:21/a", FTP_TLS_IMPLICIT, NULL, NULL, "host", 21, "a"},
	    {"ftp://host//etc/motd", FTP_TLS_AUTO, NULL, NULL, "host", 21, "/etc/motd"},
	    {"ftp://host/%2Fetc/motd", FTP_TLS_AUTO, NULL, NULL, "host", 21, "/etc/motd"},
	    {"ftp://host/a%20b%25%C3%BC", FTP_TLS_AUTO, NULL, NULL, "host", 21, "a b%\303\274"},
	    {"ftp://host/a@b:c", FTP_TLS_AUTO, NULL, NULL, "host", 21, "a@b:c"},
	    {"ftp://host/a?b#c", FTP_TLS_AUTO, NULL, NULL, "host", 21, "a?b#c"},
	    {"ftp://[2001:db8::1]:2121/a", FTP_TLS_AUTO, NULL, NULL, "2001:db8::1", 2121, "a"},
	    {"ftp://[fe80::1%25eth0]/", FTP_TLS_AUTO, NULL, NULL, "fe80::1%eth0", 21, ""},
	    {"ftp://al%40ice:se%3Acr%2Fet@host/", FTP_TLS_AUTO, "al@ice", "se:cr/et", "host", 21, ""},
	    {"ftp://a@b.org@host/", FTP_TLS_AUTO, "a@b.org", NULL, "host", 21, ""},
	    {"ftp://alice:@host/", FTP_TLS_AUTO, "alice", "", "host", 21, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ftp_url url;
		const char *why = "";

		if (ftp_url_parse(rows[i].text, &url, &why) != 0)
			fail_msg("'%s': %s", rows[i].text, why);
		assert_int_equal(url.tls, rows[i].tls);
		assert_int_equal(url.port, rows[i].port);
		same_text(rows[i].text, url.user, rows[i].user);
		same_text(rows[i].text, url.password, rows[i].password);
		same_text(rows[i].text, url.host, rows[i].host);
		same_text(rows[i].text, url.path, rows[i].path);
		ftp_url_free(&url);
		assert_null(url.host);
	}
}

static void
test_is_url(void **state)
{
	(void)state;
	assert_true(ftp_is_url("ftp://host"));
	assert_true(ftp_is_url("FTPS://host"));
	assert_false(ftp_is_url("host/a"));
	assert_false(ftp_is_url("ftp:/host"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_is_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
