/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "client/engine/proxy.h"
#include "client/engine/proxy_talk.h"

#include "common/banned.h"

/* --- names of proxies --- */

static void
test_parse_bad(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"", "no host name"},
	    {"proxy", "the port is missing"},
	    {"http://proxy", "the port is missing"},
	    {"https://proxy:443", "the scheme of a proxy"},
	    {"socks4://proxy", "the scheme of a proxy"},
	    {"ftp://proxy:21", "the scheme of a proxy"},
	    {"socks5://", "no host name"},
	    {"socks5://proxy:0", "the port after ':'"},
	    {"socks5://proxy:65536", "the port after ':'"},
	    {"socks5://proxy:1080/path", "no path"},
	    {"socks5://@proxy", "no user name"},
	    {"socks5://pro xy", "a host name has"},
	    {"socks5://pro%0axy", "a line break"},
	    {"socks5://2001:db8::1", "in brackets"},
	    {"http://a%3Ab:c@proxy:1", "':' in the name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proxy proxy;
		const char *why;

		if (proxy_parse(rows[i].text, &proxy, &why) != -EINVAL || strstr(why, rows[i].why) == NULL)
			fail_msg("'%s': %s", rows[i].text, why);
		assert_null(proxy.host);
	}
}

static void
test_parse_good(void **state)
{
	static const struct {
		const char *text;
		enum proxy_kind kind;
		const char *host;
		unsigned int port;
		const char *user, *password, *shown;
	} rows[] = {
	    {"socks5://proxy", PROXY_SOCKS5, "proxy", 1080, NULL, NULL, "socks5://proxy:1080"},
	    {"SOCKS5H://proxy:9050/", PROXY_SOCKS5H, "proxy", 9050, NULL, NULL, "socks5h://proxy:9050"},
	    {"proxy:3128", PROXY_HTTP, "proxy", 3128, NULL, NULL, "http://proxy:3128"},
	    {"http://bob:a%40b@10.0.0.1:8080", PROXY_HTTP, "10.0.0.1", 8080, "bob", "a@b", "http://10.0.0.1:8080"},
	    {"socks5://bob@[2001:db8::1]", PROXY_SOCKS5, "2001:db8::1", 1080, "bob", NULL,
		"socks5://[2001:db8::1]:1080"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[PROXY_TEXT_SIZE];
		struct proxy proxy;
		const char *why;

		assert_int_equal(proxy_parse(rows[i].text, &proxy, &why), 0);
		assert_int_equal(proxy.kind, rows[i].kind);
		assert_string_equal(proxy.host, rows[i].host);
		assert_int_equal(proxy.port, rows[i].port);
		assert_string_equal(proxy.user == NULL ? "" : proxy.user, rows[i].user == NULL ? "" : rows[i].user);
		assert_string_equal(
		    proxy.password == NULL ? "" : proxy.password, rows[i].password == NULL ? "" : rows[i].password);
		proxy_text(&proxy, text, sizeof(text));
		assert_string_equal(text, rows[i].shown);
		proxy_free(&proxy);
		proxy_free(&proxy);
	}
}

static void
test_bypassed(void **state)
{
	static const struct {
		const char *list, *host;
		bool is_bypassed;
	} rows[] = {
	    {"", "host", false},
	    {"*", "host", true},
	    {"host", "host", true},
	    {"HOST", "host", true},
	    {"other, host", "host", true},
	    {"other host", "host", true},
	    {"ost", "host", false},
	    {"example.org", "ftp.example.org", true},
	    {".example.org", "ftp.example.org", true},
	    {".example.org", "example.org", true},
	    {"example.org", "ftpexample.org", false},
	    {"example.org", "example.org.evil", false},
	    {".", "host", false},
	    {"host:21", "host", true},
	    {"host:22", "host", false},
	    {"host:x", "host", false},
	    {"10.1.2.3", "10.1.2.3", true},
	    {"10.1.2.3", "10.1.2.30", false},
	    {"10.0.0.0/8", "10.1.2.3", true},
	    {"10.0.0.0/8", "11.1.2.3", false},
	    {"10.0.0.0/8", "host", false},
	    {"2001:db8::1", "2001:db8::1", true},
	    {"[2001:db8::1]", "2001:0db8::1", true},
	    {"[2001:db8::1]:21", "2001:db8::1", true},
	    {"[2001:db8::1]:990", "2001:db8::1", false},
	    {"2001:db8::/32", "2001:db8::1", true},
	    {",, ,", "host", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (proxy_is_bypassed(rows[i].list, rows[i].host, 21) != rows[i].is_bypassed)
			fail_msg("'%s' and '%s'", rows[i].list, rows[i].host);
	}
}

/* --- dialogues --- */

#define BYTES(text) text, sizeof(text) - 1

struct turn {
	const char *said; /* by the client */
	size_t said_len;
	const char *heard;
	size_t heard_len;
};

/* Play the turns, with the proxy's bytes one by one or all at once. Returns the last result. */
static int
play(struct proxy_talk *talk, const struct proxy *proxy, const char *host, const struct turn *turns, size_t count,
    size_t piece)
{
	int r = proxy_talk_begin(talk, proxy, host, 0x1234);

	for (size_t i = 0; i < count && r == 0; i++) {
		size_t at = 0;

		assert_int_equal(talk->out_len, turns[i].said_len);
		assert_memory_equal(talk->out, turns[i].said, turns[i].said_len);
		talk->out_len = 0;
		while (at < turns[i].heard_len && r == 0) {
			size_t left = turns[i].heard_len - at, used = 0;

			r = proxy_talk_feed(talk, turns[i].heard + at, left < piece ? left : piece, &used);
			at += used;
		}
		/* what comes after the end is the server's */
		if (r == 1)
			assert_int_equal(at + strlen("220 hello"), turns[i].heard_len);
	}
	return r;
}

static void
test_socks(void **state)
{
	struct proxy plain = {PROXY_SOCKS5, NULL, 1080, NULL, NULL};
	char user[] = "bob", password[] = "hush";
	struct proxy login = {PROXY_SOCKS5H, NULL, 1080, user, password};
	static const struct turn named[] = {
	    {BYTES("\5\2\0\2"), BYTES("\5\2")},
	    {BYTES("\1\3bob\4hush"), BYTES("\1\0")},
	    {BYTES("\5\1\0\3\4host\x12\x34"),
		BYTES("\5\0\0\3\5where\x12\x34"
		      "220 hello")},
	};
	static const struct turn v4[] = {
	    {BYTES("\5\1\0"), BYTES("\5\0")},
	    {BYTES("\5\1\0\1\xc0\0\2\1\x12\x34"),
		BYTES("\5\0\0\1\1\2\3\4\x12\x34"
		      "220 hello")},
	};
	static const struct turn v6[] = {
	    {BYTES("\5\1\0"), BYTES("\5\0")},
	    {BYTES("\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x12\x34"),
		BYTES("\5\0\0\4"
		      "0123456789abcdef"
		      "\x12\x34"
		      "220 hello")},
	};
	struct proxy_talk talk;

	(void)state;
	for (size_t piece = 1; piece < 100; piece += 33) {
		assert_int_equal(play(&talk, &login, "host", named, 3, piece), 1);
		assert_int_equal(play(&talk, &plain, "192.0.2.1", v4, 2, piece), 1);
		assert_int_equal(play(&talk, &plain, "2001:db8::1", v6, 2, piece), 1);
	}
}

static void
test_socks_bad(void **state)
{
	struct proxy plain = {PROXY_SOCKS5, NULL, 1080, NULL, NULL};
	static const struct {
		const char *heard;
		size_t heard_len;
		int result;
		const char *why;
	} rows[] = {
	    {BYTES("\4\0"), -EPROTO, "does not speak SOCKS5"},
	    {BYTES("HT"), -EPROTO, "does not speak SOCKS5"},
	    {BYTES("\5\xff"), -EACCES, "wants a user"},
	    {BYTES("\5\2"), -EPROTO, "not offered"},
	    {BYTES("\5\1"), -EPROTO, "not offered"},
	    {BYTES("\5\0\5\1\0\1\1"), -EIO, "failed"},
	    {BYTES("\5\0\5\2\0\1\1"), -EPERM, "rules"},
	    {BYTES("\5\0\5\5\0\1\1"), -ECONNREFUSED, "refused"},
	    {BYTES("\5\0\5\x99\0\1\1"), -EIO, "unknown code 153"},
	    {BYTES("\5\0\5\0\0\2\1"), -EPROTO, "unknown kind 2"},
	    {BYTES("\5\0\4\0\0\1\1"), -EPROTO, "does not speak SOCKS5"},
	};
	static const char long_name[] = "0123456789012345678901234567890123456789012345678901234567890123456789"
					"0123456789012345678901234567890123456789012345678901234567890123456789"
					"0123456789012345678901234567890123456789012345678901234567890123456789"
					"0123456789012345678901234567890123456789012345678901234567890123456789";
	struct proxy_talk talk;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(proxy_talk_begin(&talk, &plain, "host", 21), 0);
		if (proxy_talk_feed(&talk, rows[i].heard, rows[i].heard_len, &used) != rows[i].result ||
		    strstr(talk.why, rows[i].why) == NULL)
			fail_msg("row %zu: %s", i, talk.why);
	}
	assert_int_equal(proxy_talk_begin(&talk, &plain, long_name, 21), -EINVAL);
}

static void
test_http(void **state)
{
	char user[] = "bob", password[] = "hush";
	struct proxy plain = {PROXY_HTTP, NULL, 3128, NULL, NULL}, login = {PROXY_HTTP, NULL, 3128, user, password};
	static const struct turn named[] = {
	    {BYTES("CONNECT host:4660 HTTP/1.1\r\nHost: host:4660\r\n\r\n"),
		BYTES("HTTP/1.0 200 Connection established\r\nA: b\r\n\r\n220 hello")},
	};
	static const struct turn v6[] = {
	    {BYTES("CONNECT [::1]:4660 HTTP/1.1\r\nHost: [::1]:4660\r\nProxy-Authorization: Basic "
		   "Ym9iOmh1c2g=\r\n\r\n"),
		BYTES("HTTP/1.1 204\n\n220 hello")},
	};
	struct proxy_talk talk;

	(void)state;
	for (size_t piece = 1; piece < 200; piece += 66) {
		assert_int_equal(play(&talk, &plain, "host", named, 1, piece), 1);
		assert_int_equal(play(&talk, &login, "::1", v6, 1, piece), 1);
	}
}

static void
test_http_bad(void **state)
{
	struct proxy plain = {PROXY_HTTP, NULL, 3128, NULL, NULL};
	static const struct {
		const char *head;
		int result;
		const char *why;
	} rows[] = {
	    {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", -EACCES, "wants a user"},
	    {"HTTP/1.1 403 Forbidden\r\n\r\n", -EPERM, "'HTTP/1.1 403 Forbidden'"},
	    {"HTTP/1.1 502 Bad Gateway\r\n\r\n", -EHOSTUNREACH, "502"},
	    {"HTTP/1.1 504 Gateway Timeout\r\n\r\n", -ETIMEDOUT, "504"},
	    {"HTTP/1.1 100 Continue\r\n\r\n", -EPERM, "100"},
	    {"HTTP/1.1 2000 Odd\r\n\r\n", -EPROTO, "does not speak HTTP"},
	    {"HTTP/1.1 20\r\n\r\n", -EPROTO, "does not speak HTTP"},
	    {"HTTP/2 200 OK\r\n\r\n", -EPROTO, "does not speak HTTP"},
	    {"\n\n", -EPROTO, "does not speak HTTP"},
	    {"220 ftp server\r\n\r\n", -EPROTO, "does not speak HTTP"},
	};
	char zeros[PROXY_HEAD_MAX + 10] = {0};
	struct proxy_talk talk;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(proxy_talk_begin(&talk, &plain, "host", 21), 0);
		if (proxy_talk_feed(&talk, rows[i].head, strlen(rows[i].head), &used) != rows[i].result ||
		    strstr(talk.why, rows[i].why) == NULL)
			fail_msg("row %zu: %s", i, talk.why);
	}
	assert_int_equal(proxy_talk_begin(&talk, &plain, "host", 21), 0);
	assert_int_equal(proxy_talk_feed(&talk, zeros, sizeof(zeros), &used), -EPROTO);
	assert_non_null(strstr(talk.why, "longer than 8192"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse_bad),
	    cmocka_unit_test(test_parse_good),
	    cmocka_unit_test(test_bypassed),
	    cmocka_unit_test(test_socks),
	    cmocka_unit_test(test_socks_bad),
	    cmocka_unit_test(test_http),
	    cmocka_unit_test(test_http_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
