/* SPDX-License-Identifier: ISC */
#include "config/values.h"

#include <string.h>

#include "common/address.h"
#include "common/text.h"
#include "config/config.h"

#include "common/banned.h"

#define HOST_MAX 253 /* bytes of a host name (RFC 1035, 2.3.4, as text) */

static bool
has_dot_component(const char *path)
{
	for (const char *p = strchr(path, '/'); p != NULL; p = strchr(p + 1, '/')) {
		size_t len = strcspn(p + 1, "/");

		if ((len == 1 && p[1] == '.') || (len == 2 && p[1] == '.' && p[2] == '.'))
			return true;
	}
	return false;
}

const char *
value_path_refusal(const char *text, uint64_t max)
{
	if (text[0] != '/')
		return "not an absolute path:";
	if (has_dot_component(text))
		return "a path with '.' or '..':";
	if (strlen(text) > max)
		return "too long a path:";
	return NULL;
}

bool
value_is_plain_name(const char *text, const char *also)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (text[0] == '-' || text[0] == '.' || text[0] == '\0')
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if (strchr(plain, *p) == NULL && strchr(also, *p) == NULL)
			return false;
	return true;
}

bool
value_is_host_name(const char *text)
{
	const char *last = strrchr(text, '.');

	last = last == NULL ? text : last + 1;
	return value_is_plain_name(text, ".") && strstr(text, "..") == NULL && *last != '\0' &&
	    strspn(last, "0123456789") != strlen(last);
}

bool
value_is_host(const char *text, size_t len)
{
	char host[HOST_MAX + 1];
	union address address;

	if (len > HOST_MAX)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return address_parse(host, &address) == 0 || value_is_host_name(host);
}

static const char *
parse_port_value(const char *text, uint16_t *port)
{
	uint64_t value;

	if (parse_u64(text, 65535, &value) < 0)
		return "no port from 0 to 65535 in";
	*port = (uint16_t)value;
	return NULL;
}

const char *
value_parse_listen(const char *text, struct config_listen *listen)
{
	const char *colon = strrchr(text, ':');
	char host[ADDRESS_TEXT_MAX];
	const char *from = text;
	const char *wrong;
	size_t len;

	memset(listen, 0, sizeof(*listen));
	if (colon == NULL)
		return "no port in";
	wrong = parse_port_value(colon + 1, &listen->port);
	if (wrong != NULL)
		return wrong;
	len = (size_t)(colon - text);
	if (len == 1 && text[0] == '*') {
		listen->any_family = true;
		return NULL;
	}
	if (len > 2 && text[0] == '[' && colon[-1] == ']') {
		from++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return "an IPv6 address without brackets:";
	}
	if (len >= sizeof(host))
		return "not an address:";
	memcpy(host, from, len);
	host[len] = '\0';
	if (address_parse(host, &listen->address) < 0)
		return "not a numeric address:";
	if ((listen->address.family == AF_INET6) != (from != text))
		return "brackets around an IPv4 address:";
	address_set_port(&listen->address, listen->port);
	return NULL;
}
