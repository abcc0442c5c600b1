/* SPDX-License-Identifier: ISC */
#include "client/engine/proxy_talk.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "common/character.h"

#include "common/banned.h"

#define SOCKS_VERSION 5
#define SOCKS_LOGIN_VERSION 1
#define METHOD_NONE 0
#define METHOD_PASSWORD 2
#define METHOD_NO_ACCEPTABLE 0xff
#define CONNECT_COMMAND 1
#define TYPE_IPV4 1
#define TYPE_NAME 3
#define TYPE_IPV6 4
#define SOCKS_REPLY_START 5 /* bytes, up to the first of the address */

static int __attribute__((format(printf, 3, 4)))
talk_fail(struct proxy_talk *talk, int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(talk->why, sizeof(talk->why), format, args);
	va_end(args);
	return r;
}

static void
say_bytes(struct proxy_talk *talk, const void *bytes, size_t len)
{
	memcpy(talk->out + talk->out_len, bytes, len);
	talk->out_len += len;
}

static void
say_byte(struct proxy_talk *talk, unsigned int byte)
{
	talk->out[talk->out_len++] = (char)byte;
}

/* A length in one byte, then the bytes. All texts are 255 bytes at most: proxy_parse(), proxy_talk_begin(). */
static void
say_text(struct proxy_talk *talk, const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text);

	say_byte(talk, (unsigned int)len);
	if (len > 0)
		say_bytes(talk, text, len);
}

static void
expect(struct proxy_talk *talk, enum proxy_step step, size_t wanted)
{
	talk->step = step;
	talk->in_len = 0;
	talk->in_wanted = wanted;
}

/* --- SOCKS5 --- */

/* RFC 1928, 3. */
static void
say_methods(struct proxy_talk *talk)
{
	bool has_login = talk->proxy->user != NULL;

	say_byte(talk, SOCKS_VERSION);
	say_byte(talk, has_login ? 2 : 1);
	say_byte(talk, METHOD_NONE);
	if (has_login)
		say_byte(talk, METHOD_PASSWORD);
	expect(talk, PROXY_STEP_METHOD, 2);
}

/* RFC 1929, 2. */
static void
say_login(struct proxy_talk *talk)
{
	say_byte(talk, SOCKS_LOGIN_VERSION);
	say_text(talk, talk->proxy->user);
	say_text(talk, talk->proxy->password);
	expect(talk, PROXY_STEP_LOGIN, 2);
}

/* RFC 1928, 4. */
static void
say_connect(struct proxy_talk *talk)
{
	union address address;

	say_byte(talk, SOCKS_VERSION);
	say_byte(talk, CONNECT_COMMAND);
	say_byte(talk, 0);
	if (address_parse(talk->host, &address) < 0) {
		say_byte(talk, TYPE_NAME);
		say_text(talk, talk->host);
	} else if (address.family == AF_INET) {
		say_byte(talk, TYPE_IPV4);
		say_bytes(talk, &address.v4.sin_addr, sizeof(address.v4.sin_addr));
	} else {
		say_byte(talk, TYPE_IPV6);
		say_bytes(talk, &address.v6.sin6_addr, sizeof(address.v6.sin6_addr));
	}
	say_byte(talk, talk->port >> 8);
	say_byte(talk, talk->port & 255);
	expect(talk, PROXY_STEP_CONNECT, SOCKS_REPLY_START);
}

static int
take_method(struct proxy_talk *talk)
{
	bool has_login = talk->proxy->user != NULL;
	unsigned int method = talk->in[1];

	if (talk->in[0] != SOCKS_VERSION)
		return talk_fail(talk, -EPROTO, "it does not speak SOCKS5");
	if (method == METHOD_NO_ACCEPTABLE)
		return talk_fail(talk, -EACCES,
		    has_login ? "it accepts neither a login by password nor none" : "it wants a user and a password");
	if (method == METHOD_NONE)
		say_connect(talk);
	else if (method == METHOD_PASSWORD && has_login)
		say_login(talk);
	else
		return talk_fail(talk, -EPROTO, "it chose a login (method %u) that was not offered", method);
	return 0;
}

static int
take_login(struct proxy_talk *talk)
{
	/* real proxies send 5 here, too */
	if (talk->in[0] != SOCKS_LOGIN_VERSION && talk->in[0] != SOCKS_VERSION)
		return talk_fail(talk, -EPROTO, "it does not speak SOCKS5");
	if (talk->in[1] != 0)
		return talk_fail(talk, -EACCES, "it refuses this user and password");
	say_connect(talk);
	return 0;
}

/* RFC 1928, 6. */
static const struct {
	int error;
	const char *text;
} socks_replies[] = {
    [1] = {-EIO, "it failed"},
    [2] = {-EPERM, "its rules do not allow this connection"},
    [3] = {-ENETUNREACH, "network unreachable from there"},
    [4] = {-EHOSTUNREACH, "host unreachable from there"},
    [5] = {-ECONNREFUSED, "connection refused"},
    [6] = {-ETIMEDOUT, "no answer in time"},
    [7] = {-EPERM, "it does not know the command CONNECT"},
    [8] = {-EPERM, "it does not know this kind of address"},
};

/* The reply is 4 bytes, an address of its own length, a port; nobody needs the last two. */
static int
take_socks_reply(struct proxy_talk *talk)
{
	unsigned int code = talk->in[1];
	size_t address_len;

	if (talk->in[0] != SOCKS_VERSION)
		return talk_fail(talk, -EPROTO, "it does not speak SOCKS5");
	if (code >= sizeof(socks_replies) / sizeof(socks_replies[0]))
		return talk_fail(talk, -EIO, "it failed with the unknown code %u", code);
	if (code > 0)
		return talk_fail(talk, socks_replies[code].error, "%s", socks_replies[code].text);
	switch (talk->in[3]) {
	case TYPE_IPV4:
		address_len = 4;
		break;
	case TYPE_IPV6:
		address_len = 16;
		break;
	case TYPE_NAME:
		address_len = 1 + (size_t)talk->in[4];
		break;
	default:
		return talk_fail(talk, -EPROTO, "its reply has an address of the unknown kind %u", talk->in[3]);
	}
	talk->in_wanted = 4 + address_len + 2;
	if (talk->in_len < talk->in_wanted)
		return 0;
	talk->step = PROXY_STEP_DONE;
	return 1;
}

/* --- HTTP --- */

static void
say_basic_login(struct proxy_talk *talk)
{
	char plain[2 * PROXY_SECRET_MAX + 2];
	unsigned char encoded[2 * sizeof(plain)];
	int len = snprintf(plain, sizeof(plain), "%s:%s", talk->proxy->user,
	    talk->proxy->password == NULL ? "" : talk->proxy->password);

	EVP_EncodeBlock(encoded, (const unsigned char *)plain, len);
	talk->out_len += (size_t)snprintf(talk->out + talk->out_len, sizeof(talk->out) - talk->out_len,
	    "Proxy-Authorization: Basic %s\r\n", (const char *)encoded);
	explicit_bzero(plain, sizeof(plain));
	explicit_bzero(encoded, sizeof(encoded));
}

/* RFC 9110, 9.3.6. */
static void
say_http_connect(struct proxy_talk *talk)
{
	bool is_bracketed = strchr(talk->host, ':') != NULL;
	char place[300];

	snprintf(place, sizeof(place), "%s%s%s:%u", is_bracketed ? "[" : "", talk->host, is_bracketed ? "]" : "",
	    talk->port);
	talk->out_len =
	    (size_t)snprintf(talk->out, sizeof(talk->out), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", place, place);
	if (talk->proxy->user != NULL)
		say_basic_login(talk);
	say_bytes(talk, "\r\n", 2);
	expect(talk, PROXY_STEP_HTTP, 0);
}

static int
error_of_status(int status)
{
	switch (status) {
	case 407:
		return -EACCES;
	case 502:
	case 503:
		return -EHOSTUNREACH;
	case 504:
		return -ETIMEDOUT;
	default:
		return -EPERM;
	}
}

/* "HTTP/1.1 200 Connection established": the whole head is there. */
static int
take_head(struct proxy_talk *talk)
{
	const char *head = (const char *)talk->in;
	size_t line_len = strcspn(head, "\r\n");
	int status;

	/* a head with NUL ends there for strcspn(), and is no status line, or one with less text */
	if (line_len < 12 || strncmp(head, "HTTP/1.", 7) != 0 || head[8] != ' ' || !is_digit(head[9]) ||
	    !is_digit(head[10]) || !is_digit(head[11]) || (line_len > 12 && head[12] != ' '))
		return talk_fail(talk, -EPROTO, "it does not speak HTTP");
	status = (head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0');
	if (status / 100 == 2) {
		talk->step = PROXY_STEP_DONE;
		return 1;
	}
	if (status == 407)
		return talk_fail(talk, -EACCES, "it %s: '%.*s'",
		    talk->proxy->user == NULL ? "wants a user and a password" : "refuses this user and password",
		    (int)(line_len < 200 ? line_len : 200), head);
	return talk_fail(
	    talk, error_of_status(status), "it answers '%.*s'", (int)(line_len < 200 ? line_len : 200), head);
}

/* --- both --- */

int
proxy_talk_begin(struct proxy_talk *talk, const struct proxy *proxy, const char *host, uint16_t port)
{
	memset(talk, 0, sizeof(*talk));
	talk->proxy = proxy;
	talk->host = host;
	talk->port = port;
	if (strlen(host) > UINT8_MAX)
		return talk_fail(talk, -EINVAL, "the server's name is longer than 255 bytes");
	if (proxy->kind == PROXY_HTTP)
		say_http_connect(talk);
	else
		say_methods(talk);
	return 0;
}

/* The reply that was expected is complete, as far as its length is known. */
static int
take_reply(struct proxy_talk *talk)
{
	switch (talk->step) {
	case PROXY_STEP_METHOD:
		return take_method(talk);
	case PROXY_STEP_LOGIN:
		return take_login(talk);
	case PROXY_STEP_CONNECT:
		return take_socks_reply(talk);
	case PROXY_STEP_HTTP:
		return take_head(talk);
	case PROXY_STEP_DONE:
		break;
	}
	return 1;
}

static bool
is_head_whole(const struct proxy_talk *talk)
{
	const unsigned char *end = talk->in + talk->in_len;

	return (talk->in_len >= 2 && end[-1] == '\n' && end[-2] == '\n') ||
	    (talk->in_len >= 3 && end[-1] == '\n' && end[-2] == '\r' && end[-3] == '\n');
}

int
proxy_talk_feed(struct proxy_talk *talk, const void *bytes, size_t len, size_t *used)
{
	const unsigned char *next = bytes;
	int r = talk->step == PROXY_STEP_DONE ? 1 : 0;

	*used = 0;
	while (r == 0 && *used < len) {
		/* one byte stays for NUL */
		if (talk->in_len + 1 == sizeof(talk->in))
			return talk_fail(talk, -EPROTO, "its reply is longer than %d bytes", PROXY_HEAD_MAX);
		talk->in[talk->in_len++] = next[(*used)++];
		talk->in[talk->in_len] = '\0';
		if (talk->in_wanted > 0 ? talk->in_len == talk->in_wanted : is_head_whole(talk))
			r = take_reply(talk);
	}
	return r;
}

void
proxy_talk_end(struct proxy_talk *talk)
{
	explicit_bzero(talk->out, sizeof(talk->out));
}
