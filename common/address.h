/* SPDX-License-Identifier: ISC */
/* Network addresses: parse, print, compare, blocks (CIDR). */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 socket address, or nothing yet (family AF_UNSPEC). */
union address {
	sa_family_t family;
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

#define ADDRESS_TEXT_MAX 64	/* with scope and NUL */

/* A block of addresses: network and prefix length. */
struct address_block {
	union address network;
	uint8_t bits;	/* 0 to 32 or 128 */
};

/* What limits and bans count as one client: the IPv4 address, or the IPv6 /64. */
struct address_key {
	uint8_t bytes[16];
};

/* Parse a numeric address without brackets. Returns 0 or -EINVAL; the port is 0. */
int address_parse(const char *text, union address *address);

/* Parse "192.0.2.0/24", "2001:db8::/32" or one address. Returns 0 or -EINVAL; host bits must be zero. */
int address_block_parse(const char *text, struct address_block *block);

bool address_in_block(const union address *address, const struct address_block *block);

/* The numeric address without the port. Always NUL-terminated. */
void address_text(const union address *address, char text[ADDRESS_TEXT_MAX]);

/* Same family and host; ports are not compared. ::ffff:a.b.c.d equals a.b.c.d. */
bool address_same_host(const union address *a, const union address *b);

/* Turn ::ffff:a.b.c.d into a.b.c.d; others stay. */
void address_unmap(union address *address);

/* 127.0.0.0/8 or ::1. */
bool address_is_loopback(const union address *address);

/* 0.0.0.0 or ::, which stands for all addresses of its family. */
bool address_is_wildcard(const union address *address);

uint16_t address_port(const union address *address);	/* host byte order */
void address_set_port(union address *address, uint16_t port);
socklen_t address_len(const union address *address);
void address_make_key(const union address *address, struct address_key *key);

/* "192.0.2.1" or "2001:db8::/64". Always NUL-terminated. */
void address_key_text(const struct address_key *key, char text[ADDRESS_TEXT_MAX]);

/* The network that a key stands for, without its length. */
void address_key_network(const struct address_key *key, union address *network);

/* What address_key_text() wrote, or a single address. Returns 0 or -EINVAL. */
int address_key_parse(const char *text, struct address_key *key);

#endif
