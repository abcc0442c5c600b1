/* SPDX-License-Identifier: ISC */
#include "client/engine/url.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/character.h"
#include "common/text.h"

#include "common/banned.h"

static const struct {
	const char *prefix;
	enum ftp_tls tls;
	uint16_t port;
} schemes[] = {
    {"ftp://", FTP_TLS_AUTO, FTP_PORT},
    {"ftpes://", FTP_TLS_REQUIRED, FTP_PORT},
    {"ftps://", FTP_TLS_IMPLICIT, FTP_IMPLICIT_PORT},
};

#define SCHEME_COUNT (sizeof(schemes) / sizeof(schemes[0]))

/* The index in schemes, or SCHEME_COUNT. */
static size_t
find_scheme(const char *text)
{
	size_t i;

	for (i = 0; i < SCHEME_COUNT; i++) {
		if (strncasecmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
			break;
	}
	return i;
}

bool
ftp_is_url(const char *text)
{
	return find_scheme(text) < SCHEME_COUNT;
}

/* Decode %XX. CR, LF and NUL would end a command early, and are refused however they are written. */
static int
decode_percent(const char *text, size_t len, char **out, const char **why)
{
	char *decoded = malloc(len + 1);
	size_t used = 0;

	if (decoded == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			int high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
			int low = len - i > 2 ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0) {
				*why = "'%' must come before two hexadecimal digits; write '%' itself as %25";
				goto bad;
			}
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0' || c == '\r' || c == '\n') {
			*why = "a line break or NUL (%0D, %0A, %00) cannot be sent in a name over FTP";
			goto bad;
		}
		decoded[used++] = c;
	}
	decoded[used] = '\0';
	*out = decoded;
	return 0;
bad:
	explicit_bzero(decoded, used);
	free(decoded);
	return -EINVAL;
}

static int
parse_login(const char *text, size_t len, struct ftp_url *url, const char **why)
{
	const char *colon = memchr(text, ':', len);
	size_t user_len = colon == NULL ? len : (size_t)(colon - text);
	int r;

	if (user_len == 0) {
		*why = "there is no user name before '@'";
		return -EINVAL;
	}
	r = decode_percent(text, user_len, &url->user, why);
	if (r < 0 || colon == NULL)
		return r;
	return decode_percent(colon + 1, len - user_len - 1, &url->password, why);
}

static int
parse_url_port(const char *text, size_t len, struct ftp_url *url, const char **why)
{
	char digits[6];
	uint64_t port = 0;

	*why = "the port after ':' is a number from 1 to 65535";
	if (len == 0 || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (parse_u64(digits, UINT16_MAX, &port) < 0 || port == 0)
		return -EINVAL;
	url->port = (uint16_t)port;
	return 0;
}

/* Host and port: "name", "name:port", "[2001:db8::1]:port". */
static int
parse_url_place(const char *text, size_t len, struct ftp_url *url, const char **why)
{
	const char *end = text + len, *host = text, *rest;
	size_t host_len;
	int r;

	if (len > 0 && *text == '[') {
		const char *close = memchr(text, ']', len);

		if (close == NULL) {
			*why = "'[' before an IPv6 address needs a ']' after it";
			return -EINVAL;
		}
		host = text + 1;
		host_len = (size_t)(close - host);
		rest = close + 1;
		if (rest < end && *rest != ':') {
			*why = "only ':' and a port may follow ']'";
			return -EINVAL;
		}
		if (memchr(host, ':', host_len) == NULL) {
			*why = "brackets are for IPv6 addresses, as in ftp://[2001:db8::1]/";
			return -EINVAL;
		}
	} else {
		rest = memchr(text, ':', len);
		if (rest == NULL)
			rest = end;
		host_len = (size_t)(rest - host);
		if (rest < end && memchr(rest + 1, ':', (size_t)(end - rest - 1)) != NULL) {
			*why = "an IPv6 address is written in brackets, as in ftp://[2001:db8::1]/";
			return -EINVAL;
		}
	}
	if (host_len == 0) {
		*why = "there is no host name";
		return -EINVAL;
	}
	if (rest < end) {
		r = parse_url_port(rest + 1, (size_t)(end - rest - 1), url, why);
		if (r < 0)
			return r;
	}
	r = decode_percent(host, host_len, &url->host, why);
	if (r < 0)
		return r;
	if (has_control(url->host, strlen(url->host)) || strpbrk(url->host, " /@\\\"'<>#?") != NULL) {
		*why = "a host name has letters, digits, '-' and '.' only";
		return -EINVAL;
	}
	return 0;
}

int
url_parse_server(const char *text, size_t len, struct ftp_url *url, const char **why)
{
	/* the last one: people write the '@' of a mail address in a user name as it is */
	const char *at = memrchr(text, '@', len);
	int r = at == NULL ? 0 : parse_login(text, (size_t)(at - text), url, why);

	if (r == 0 && at != NULL) {
		len -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	return r < 0 ? r : parse_url_place(text, len, url, why);
}

int
ftp_url_parse(const char *text, struct ftp_url *url, const char **why)
{
	size_t scheme = find_scheme(text);
	const char *slash;
	size_t len;
	int r;

	memset(url, 0, sizeof(*url));
	*why = "";
	if (scheme < SCHEME_COUNT) {
		text += strlen(schemes[scheme].prefix);
	} else if (strstr(text, "://") != NULL) {
		*why = "only ftp://, ftpes:// and ftps:// are known here";
		return -EINVAL;
	} else {
		scheme = 0;
	}
	url->tls = schemes[scheme].tls;
	url->port = schemes[scheme].port;
	slash = strchr(text, '/');
	len = slash == NULL ? strlen(text) : (size_t)(slash - text);
	r = url_parse_server(text, len, url, why);
	if (r == 0)
		r = decode_percent(
		    slash == NULL ? "" : slash + 1, slash == NULL ? 0 : strlen(slash + 1), &url->path, why);
	if (r < 0)
		ftp_url_free(url);
	return r;
}

void
ftp_url_free(struct ftp_url *url)
{
	if (url->password != NULL)
		explicit_bzero(url->password, strlen(url->password));
	free(url->user);
	free(url->password);
	free(url->host);
	free(url->path);
	memset(url, 0, sizeof(*url));
}
