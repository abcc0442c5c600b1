/* SPDX-License-Identifier: ISC */
#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "common/banned.h"

int
address_parse(const char *text, union address *address)
{
	union address parsed;

	memset(&parsed, 0, sizeof(parsed));
	if (inet_pton(AF_INET, text, &parsed.v4.sin_addr) == 1)
		parsed.v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &parsed.v6.sin6_addr) == 1)
		parsed.v6.sin6_family = AF_INET6;
	else
		return -EINVAL;
	*address = parsed;
	return 0;
}

static const uint8_t *
host_bytes(const union address *address, size_t *len)
{
	switch (address->family) {
	case AF_INET:
		*len = 4;
		return (const uint8_t *)&address->v4.sin_addr;
	case AF_INET6:
		*len = 16;
		return (const uint8_t *)&address->v6.sin6_addr;
	default:
		*len = 0;
		return NULL;
	}
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8)) == 0;
}

int
address_block_parse(const char *text, struct address_block *block)
{
	char host[ADDRESS_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
	struct address_block parsed;
	const uint8_t *bytes;
	uint64_t bits;
	size_t width;

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (address_parse(host, &parsed.network) < 0)
		return -EINVAL;
	bytes = host_bytes(&parsed.network, &width);
	bits = width * 8;
	if (slash != NULL && parse_u64(slash + 1, width * 8, &bits) < 0)
		return -EINVAL;
	for (size_t bit = bits; bit < width * 8; bit++)
		if (bytes[bit / 8] & (0x80 >> (bit % 8)))
			return -EINVAL;
	/* addresses are compared unmapped, so a block of mapped ones has to be one of IPv4 */
	if (width == 16 && bits >= 96 && IN6_IS_ADDR_V4MAPPED(&parsed.network.v6.sin6_addr)) {
		address_unmap(&parsed.network);
		bits -= 96;
	}
	parsed.bits = (uint8_t)bits;
	*block = parsed;
	return 0;
}

bool
address_in_block(const union address *address, const struct address_block *block)
{
	union address plain = *address;
	const uint8_t *a, *b;
	size_t a_len, b_len;

	address_unmap(&plain);
	a = host_bytes(&plain, &a_len);
	b = host_bytes(&block->network, &b_len);
	return a_len != 0 && a_len == b_len && same_bits(a, b, block->bits);
}

void
address_text(const union address *address, char text[ADDRESS_TEXT_MAX])
{
	union address plain = *address;
	size_t len;
	const uint8_t *bytes;

	address_unmap(&plain);
	bytes = host_bytes(&plain, &len);
	if (bytes == NULL || inet_ntop(plain.family, bytes, text, ADDRESS_TEXT_MAX) == NULL)
		snprintf(text, ADDRESS_TEXT_MAX, "unknown");
}

bool
address_same_host(const union address *a, const union address *b)
{
	union address x = *a, y = *b;
	const uint8_t *x_bytes, *y_bytes;
	size_t x_len, y_len;

	address_unmap(&x);
	address_unmap(&y);
	x_bytes = host_bytes(&x, &x_len);
	y_bytes = host_bytes(&y, &y_len);
	return x_len != 0 && x_len == y_len && memcmp(x_bytes, y_bytes, x_len) == 0;
}

void
address_unmap(union address *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};

	if (address->family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
		return;
	v4.sin_port = address->v6.sin6_port;
	memcpy(&v4.sin_addr, address->v6.sin6_addr.s6_addr + 12, 4);
	memset(address, 0, sizeof(*address));
	address->v4 = v4;
}

uint16_t
address_port(const union address *address)
{
	return ntohs(address->family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void
address_set_port(union address *address, uint16_t port)
{
	if (address->family == AF_INET6)
		address->v6.sin6_port = htons(port);
	else
		address->v4.sin_port = htons(port);
}

socklen_t
address_len(const union address *address)
{
	return address->family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

void
address_make_key(const union address *address, struct address_key *key)
{
	union address plain = *address;
	const uint8_t *bytes;
	size_t len;

	memset(key, 0, sizeof(*key));
	address_unmap(&plain);
	bytes = host_bytes(&plain, &len);
	if (len == 4) {
		key->bytes[0] = 4;
		memcpy(key->bytes + 1, bytes, 4);
	} else if (len == 16) {
		key->bytes[0] = 6;
		memcpy(key->bytes + 1, bytes, 8);
	}
}

void
address_key_network(const struct address_key *key, union address *network)
{
	memset(network, 0, sizeof(*network));
	network->family = key->bytes[0] == 6 ? AF_INET6 : AF_INET;
	if (network->family == AF_INET6)
		memcpy(&network->v6.sin6_addr, key->bytes + 1, 8);
	else
		memcpy(&network->v4.sin_addr, key->bytes + 1, 4);
}

void
address_key_text(const struct address_key *key, char text[ADDRESS_TEXT_MAX])
{
	union address network;
	size_t len;

	address_key_network(key, &network);
	address_text(&network, text);
	len = strlen(text);
	if (network.family == AF_INET6)
		snprintf(text + len, ADDRESS_TEXT_MAX - len, "/64");
}

int
address_key_parse(const char *text, struct address_key *key)
{
	struct address_block block;

	if (address_block_parse(text, &block) < 0)
		return -EINVAL;
	if (block.bits != (block.network.family == AF_INET6 ? 64 : 32) &&
	    !(block.network.family == AF_INET6 && block.bits == 128))
		return -EINVAL;
	address_make_key(&block.network, key);
	return 0;
}

bool
address_is_loopback(const union address *address)
{
	if (address->family == AF_INET)
		return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

bool
address_is_wildcard(const union address *address)
{
	return address->family == AF_INET ? address->v4.sin_addr.s_addr == htonl(INADDR_ANY)
					  : IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
}
