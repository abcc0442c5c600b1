/* SPDX-License-Identifier: ISC */
/*
 * The header of the PROXY protocol, versions 1 and 2 (haproxy, doc/proxy-protocol.txt). A proxy begins each connection
 * with it, and says for which client it connects.
 */
#ifndef COMMON_PROXY_HEADER_H
#define COMMON_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

#define PROXY_HEADER_MAX 536 /* bytes of one header; what fits into any TCP segment */
#define PROXY_HEADER_MS 5000 /* for a whole header, which comes with the connection */
#define PROXY_UNIQUE_ID_MAX 128 /* bytes */

/* What is wrong with a header, for the log. */
#define PROXY_FAULTS(X) \
	X(NONE, "nothing") \
	X(NO_HEADER, "no PROXY header") \
	X(LINE, "a malformed line of version 1") \
	X(LINE_LONG, "a line of version 1 of more than 107 bytes") \
	X(VERSION, "a version that is not 2") \
	X(COMMAND, "a command that is neither LOCAL nor PROXY") \
	X(FAMILY, "an unknown family of addresses") \
	X(TRANSPORT, "a transport that is not a stream") \
	X(LONG, "a header of more than 536 bytes") \
	X(SHORT, "a length without room for the addresses") \
	X(EXTENSION, "a malformed extension (TLV)") \
	X(CHECKSUM, "a wrong checksum (CRC32C)") \
	X(CUT, "a header that is cut off")

#define X(name, text) PROXY_FAULT_##name,
enum proxy_fault { PROXY_FAULTS(X) PROXY_FAULT_COUNT };
#undef X

enum proxy_told {
	PROXY_TOLD_CLIENT, /* source and destination are the client's and the address that it dialled */
	PROXY_TOLD_NOTHING, /* a family without use here: the addresses of the connection itself count */
	PROXY_TOLD_LOCAL /* the proxy speaks for itself: a health check */
};

struct proxy_header {
	size_t length; /* of the whole header */
	enum proxy_told told;
	union address source, destination; /* unmapped; AF_UNSPEC unless told is PROXY_TOLD_CLIENT */
	uint8_t unique_id[PROXY_UNIQUE_ID_MAX]; /* of the proxy for this connection (version 2); any bytes */
	size_t unique_id_len; /* 0: none */
	enum proxy_fault fault; /* what is wrong */
};

/*
 * Parse the header at the front of what has come so far. Pure.
 *
 * Returns 0; -EAGAIN when all len bytes belong to a header whose rest is missing; -EBADMSG with header->fault. More
 * bytes never change 0 or -EBADMSG.
 */
int proxy_header_parse(const uint8_t *bytes, size_t len, struct proxy_header *header);

/* "a wrong checksum (CRC32C)". Static text. */
const char *proxy_fault_text(enum proxy_fault fault);

/* What has come of a header, without a byte of what follows it. */
struct proxy_reader {
	size_t len;
	uint8_t bytes[PROXY_HEADER_MAX];
};

/*
 * Take the next bytes of the header from a socket that does not block. What follows the header stays in the socket: this
 * function peeks first, and then takes what belongs to the header.
 *
 * Returns 0 when header is whole; -EAGAIN: call again when more can be read; -EBADMSG with header->fault.
 * -EPIPE: the connection ended before its first byte. Another -errno is one of recv(2).
 */
int proxy_header_read(int fd, struct proxy_reader *reader, struct proxy_header *header);

#endif
