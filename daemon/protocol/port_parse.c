/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/port_parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "common/banned.h"

/* One decimal field up to end; -ERANGE above max. Advances *next past the end character. */
static int
parse_port_field(const char **next, char end, uint64_t max, uint64_t *value)
{
	size_t len = strspn(*next, "0123456789");
	char digits[8];

	if (len == 0 || (*next)[len] != end)
		return -EINVAL;
	if (len < sizeof(digits))
		memcpy(digits, *next, len);
	*next += len + (end != '\0');
	if (len >= sizeof(digits))
		return -ERANGE;
	digits[len] = '\0';
	return parse_u64(digits, max, value);
}

int
port_parse(const char *arg, union address *peer)
{
	uint8_t host[4];
	uint64_t field[6];
	int range = 0;

	for (int i = 0; i < 6; i++) {
		int r = parse_port_field(&arg, i == 5 ? '\0' : ',', 255, &field[i]);

		if (r == -EINVAL)
			return r;
		if (r < 0)
			range = r;
	}
	if (range < 0)
		return range;
	for (int i = 0; i < 4; i++)
		host[i] = (uint8_t)field[i];
	memset(peer, 0, sizeof(*peer));
	peer->v4.sin_family = AF_INET;
	memcpy(&peer->v4.sin_addr, host, sizeof(host));
	address_set_port(peer, (uint16_t)(field[4] * 256 + field[5]));
	return 0;
}

int
eprt_parse(const char *arg, union address *peer)
{
	char delimiter = arg[0];
	char host[ADDRESS_TEXT_MAX];
	union address parsed;
	uint64_t family, port;
	const char *end;
	int r;

	if (delimiter < 33 || delimiter > 126)
		return -EINVAL;
	arg++;
	r = parse_port_field(&arg, delimiter, UINT16_MAX, &family);
	if (r < 0)
		return r == -ERANGE ? -EPROTONOSUPPORT : r;
	if (family != 1 && family != 2)
		return -EPROTONOSUPPORT;
	end = strchr(arg, delimiter);
	if (end == NULL || (size_t)(end - arg) >= sizeof(host))
		return -EINVAL;
	memcpy(host, arg, (size_t)(end - arg));
	host[end - arg] = '\0';
	arg = end + 1;
	if (address_parse(host, &parsed) < 0 || parsed.family != (family == 1 ? AF_INET : AF_INET6))
		return -EINVAL;
	r = parse_port_field(&arg, delimiter, UINT16_MAX, &port);
	if (r < 0)
		return r;
	if (*arg != '\0')
		return -EINVAL;
	if (port == 0)
		return -ERANGE;
	address_set_port(&parsed, (uint16_t)port);
	*peer = parsed;
	return 0;
}

void
port_format(const union address *address, char *text, size_t size)
{
	uint8_t h[4];
	unsigned port = address_port(address);

	memcpy(h, &address->v4.sin_addr, sizeof(h));
	snprintf(text, size, "(%u,%u,%u,%u,%u,%u)", h[0], h[1], h[2], h[3], port >> 8, port & 255);
}
