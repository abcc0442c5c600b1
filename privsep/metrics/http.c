/* SPDX-License-Identifier: ISC */
#include "privsep/metrics/http.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "common/address.h"
#include "common/text.h"

#include "common/banned.h"

/* What is left to parse. */
struct cursor {
	const char *next, *end;
};

/* token (RFC 9110, 5.6.2) */
static bool
is_token(const char *bytes, size_t len)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];
		bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (!is_alnum && (c == '\0' || strchr(marks, c) == NULL))
			return false;
	}
	return len > 0;
}

static bool
is_visible_text(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] <= ' ' || bytes[i] >= 0x7f)
			return false;
	return true;
}

/* The next line, without its end; a bare LF ends one too (RFC 9112, 2.2). False: it has not come whole. */
static bool
next_http_line(struct cursor *cursor, const char **line, size_t *len)
{
	const char *newline = memchr(cursor->next, '\n', (size_t)(cursor->end - cursor->next));

	if (newline == NULL)
		return false;
	*line = cursor->next;
	*len = (size_t)(newline - cursor->next);
	if (*len > 0 && newline[-1] == '\r')
		(*len)--;
	cursor->next = newline + 1;
	return true;
}

/* "HTTP/1.1" */
static enum http_status
check_version(const char *text, size_t len)
{
	if (len != 8 || memcmp(text, "HTTP/", 5) != 0 || text[6] != '.' || text[5] < '0' || text[5] > '9' ||
	    text[7] < '0' || text[7] > '9')
		return HTTP_BAD_REQUEST;
	return text[5] == '1' ? HTTP_OK : HTTP_VERSION_UNKNOWN;
}

static enum http_status
parse_request_line(const char *line, size_t len, struct http_request *request, bool *needs_host)
{
	const char *end = line + len;
	const char *target = memchr(line, ' ', len);
	const char *version = target == NULL ? NULL : memchr(target + 1, ' ', (size_t)(end - target - 1));
	enum http_status status;
	size_t path_len;

	if (version == NULL || !is_token(line, (size_t)(target - line)))
		return HTTP_BAD_REQUEST;
	target++;
	status = check_version(version + 1, (size_t)(end - version - 1));
	if (status != HTTP_OK)
		return status;
	*needs_host = version[8] != '0';
	if (target - line != 4 || memcmp(line, "GET", 3) != 0)
		return HTTP_METHOD_NOT_ALLOWED;
	path_len = (size_t)(version - target);
	if (path_len > HTTP_TARGET_MAX)
		return HTTP_TARGET_TOO_LONG;
	if (path_len == 0 || target[0] != '/' || !is_visible_text(target, path_len))
		return HTTP_BAD_REQUEST;
	if (memchr(target, '?', path_len) != NULL)
		path_len = (size_t)((const char *)memchr(target, '?', path_len) - target);
	memcpy(request->path, target, path_len);
	request->path[path_len] = '\0';
	return HTTP_OK;
}

/* "Name: value"; Host is kept, only the form of the others is checked. */
static enum http_status
parse_header(const char *line, size_t len, struct http_request *request, bool *has_host)
{
	const char *colon = memchr(line, ':', len);
	const char *value, *end = line + len;

	if (colon == NULL || !is_token(line, (size_t)(colon - line)))
		return HTTP_BAD_REQUEST;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	for (const char *p = value; p < end; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return HTTP_BAD_REQUEST;
	if (colon - line != 4 || strncasecmp(line, "Host", 4) != 0)
		return HTTP_OK;
	if (*has_host || end - value > HTTP_HOST_MAX || !is_visible_text(value, (size_t)(end - value)))
		return HTTP_BAD_REQUEST;
	*has_host = true;
	memcpy(request->host, value, (size_t)(end - value));
	request->host[end - value] = '\0';
	return HTTP_OK;
}

enum http_status
http_parse(const char *bytes, size_t len, struct http_request *request)
{
	struct cursor cursor = {bytes, bytes + (len < HTTP_REQUEST_MAX ? len : HTTP_REQUEST_MAX)};
	enum http_status unfinished = len < HTTP_REQUEST_MAX ? HTTP_INCOMPLETE : HTTP_HEADERS_TOO_LARGE;
	bool has_host = false, needs_host = false;
	enum http_status status;
	const char *line;
	size_t line_len;

	memset(request, 0, sizeof(*request));
	if (!next_http_line(&cursor, &line, &line_len))
		return unfinished;
	status = parse_request_line(line, line_len, request, &needs_host);
	for (int count = 0; status == HTTP_OK; count++) {
		if (!next_http_line(&cursor, &line, &line_len))
			return unfinished;
		if (line_len == 0)
			return needs_host && !has_host ? HTTP_BAD_REQUEST : HTTP_OK;
		status = count < HTTP_HEADERS_MAX ? parse_header(line, line_len, request, &has_host)
						  : HTTP_HEADERS_TOO_LARGE;
	}
	return status;
}

const char *
http_reason(enum http_status status)
{
	switch (status) {
	case HTTP_OK:
		return "OK";
	case HTTP_BAD_REQUEST:
		return "Bad Request";
	case HTTP_NOT_FOUND:
		return "Not Found";
	case HTTP_METHOD_NOT_ALLOWED:
		return "Method Not Allowed";
	case HTTP_TARGET_TOO_LONG:
		return "URI Too Long";
	case HTTP_MISDIRECTED:
		return "Misdirected Request";
	case HTTP_HEADERS_TOO_LARGE:
		return "Request Header Fields Too Large";
	case HTTP_UNAVAILABLE:
		return "Service Unavailable";
	case HTTP_VERSION_UNKNOWN:
		return "HTTP Version Not Supported";
	case HTTP_INCOMPLETE:
		break;
	}
	return "Incomplete";
}

bool
http_host_is_local(const char *host)
{
	char name[HTTP_HOST_MAX + 1];
	size_t len = strlen(host);
	bool is_bracketed = host[0] == '[';
	const char *end = is_bracketed ? strchr(host, ']') : strchr(host, ':');
	union address address;
	uint64_t port;

	if (len == 0)
		return true;
	if (len > HTTP_HOST_MAX || (is_bracketed && end == NULL))
		return false;
	if (end != NULL && is_bracketed)
		len = (size_t)(end++ - host);
	else if (end != NULL)
		len = (size_t)(end - host);
	if (end != NULL && *end != '\0' && (*end != ':' || parse_u64(end + 1, 65535, &port) < 0))
		return false;
	memcpy(name, host + is_bracketed, len - is_bracketed);
	name[len - is_bracketed] = '\0';
	if (!is_bracketed && strcasecmp(name, "localhost") == 0)
		return true;
	return address_parse(name, &address) == 0 && is_bracketed == (address.family == AF_INET6) &&
	    address_is_loopback(&address);
}
