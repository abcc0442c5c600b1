/* SPDX-License-Identifier: ISC */
/* Requests of HTTP: bad rows first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "privsep/metrics/http.h"

#include "common/banned.h"

static struct http_request request;

static enum http_status
parse(const char *text)
{
	return http_parse(text, strlen(text), &request);
}

static void
test_bad_requests(void **state)
{
	static const struct {
		const char *text;
		enum http_status status;
	} rows[] = {
	    {"\n", HTTP_BAD_REQUEST},
	    {"\r\n\r\n", HTTP_BAD_REQUEST},
	    {"GET\r\n", HTTP_BAD_REQUEST},
	    {"GET /\r\n", HTTP_BAD_REQUEST},
	    {"GET / HTTP/1.1 \r\n", HTTP_BAD_REQUEST},
	    {"GET  / HTTP/1.1\r\n", HTTP_BAD_REQUEST},
	    {" GET / HTTP/1.1\r\n", HTTP_BAD_REQUEST},
	    {"GET / http/1.1\r\n", HTTP_BAD_REQUEST},
	    {"GET / HTTP/11\r\n", HTTP_BAD_REQUEST},
	    {"GET / HTTP/2.0\r\n", HTTP_VERSION_UNKNOWN},
	    {"GET / HTTP/0.9\r\n", HTTP_VERSION_UNKNOWN},
	    {"G@T / HTTP/1.1\r\n", HTTP_BAD_REQUEST},
	    {"GET metrics HTTP/1.1\r\n", HTTP_BAD_REQUEST},
	    {"GET * HTTP/1.1\r\n", HTTP_BAD_REQUEST},
	    {"GET http://localhost/ HTTP/1.1\r\n", HTTP_BAD_REQUEST},
	    {"GET /\x7f HTTP/1.1\r\n", HTTP_BAD_REQUEST},
	    {"GET /\xc3\xa4 HTTP/1.1\r\n", HTTP_BAD_REQUEST},
	    {"HEAD / HTTP/1.1\r\n", HTTP_METHOD_NOT_ALLOWED},
	    {"POST /metrics HTTP/1.1\r\n", HTTP_METHOD_NOT_ALLOWED},
	    {"get / HTTP/1.1\r\n", HTTP_METHOD_NOT_ALLOWED},
	    {"GETS / HTTP/1.1\r\n", HTTP_METHOD_NOT_ALLOWED},
	    {"GET / HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST}, /* RFC 9112, 3.2: no Host */
	    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\nno colon\r\n", HTTP_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\n: value\r\n", HTTP_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\nname : value\r\n", HTTP_BAD_REQUEST}, /* RFC 9112, 5.1 */
	    {"GET / HTTP/1.1\r\na: b\r\n folded\r\n", HTTP_BAD_REQUEST}, /* RFC 9112, 5.2 */
	    {"GET / HTTP/1.1\r\na: b\001\r\n", HTTP_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\na: b\rc\r\n", HTTP_BAD_REQUEST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (parse(rows[i].text) != rows[i].status)
			fail_msg("%s: %d", rows[i].text, (int)parse(rows[i].text));
}

static void
test_good_requests(void **state)
{
	(void)state;
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), HTTP_OK);
	assert_string_equal(request.path, "/");
	assert_string_equal(request.host, "");
	assert_int_equal(
	    parse("GET /metrics?name=x HTTP/1.1\r\nAccept: */*\r\nhOST:\t localhost:9121 \r\n\r\nrest"), HTTP_OK);
	assert_string_equal(request.path, "/metrics");
	assert_string_equal(request.host, "localhost:9121");
	assert_int_equal(parse("GET / HTTP/1.1\nHost:\n\n"), HTTP_OK);
}

/* Every proper prefix of a good request is incomplete. */
static void
test_incomplete_requests(void **state)
{
	static const char text[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\n\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		assert_int_equal(http_parse(text, len, &request), HTTP_INCOMPLETE);
	assert_int_equal(http_parse(text, sizeof(text) - 1, &request), HTTP_OK);
}

static void
test_bounds(void **state)
{
	static char text[2 * HTTP_REQUEST_MAX];
	size_t len;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(http_parse(text, HTTP_REQUEST_MAX - 1, &request), HTTP_INCOMPLETE);
	assert_int_equal(http_parse(text, HTTP_REQUEST_MAX, &request), HTTP_HEADERS_TOO_LARGE);
	memcpy(text, "GET /", 5);
	memcpy(text + 5 + HTTP_TARGET_MAX, " HTTP/1.0\r\n\r\n", 14);
	assert_int_equal(parse(text), HTTP_TARGET_TOO_LONG);
	memcpy(text + 4 + HTTP_TARGET_MAX, " HTTP/1.0\r\n\r\n", 14);
	assert_int_equal(parse(text), HTTP_OK);
	assert_int_equal(strlen(request.path), HTTP_TARGET_MAX);
	len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.0\r\n");
	for (int i = 0; i <= HTTP_HEADERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "a: b\r\n");
	assert_int_equal(http_parse(text, len, &request), HTTP_HEADERS_TOO_LARGE);
}

static void
test_hosts(void **state)
{
	static const char *const local[] = {
	    "", "localhost", "LocalHost:9121", "127.0.0.1", "127.255.0.9:1", "[::1]", "[::1]:9121"};
	static const char *const other[] = {"example.org", "example.org:80", "localhost.example.org", "192.0.2.1",
	    "127.0.0.1.example", "::1", "[::2]", "[::1", "[127.0.0.1]", "localhost:x", "localhost:99999", "[::1]9",
	    "127.0.0.1:80:80", ":80"};

	(void)state;
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (!http_host_is_local(local[i]))
			fail_msg("%s", local[i]);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (http_host_is_local(other[i]))
			fail_msg("%s", other[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_requests),
	    cmocka_unit_test(test_good_requests),
	    cmocka_unit_test(test_incomplete_requests),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
