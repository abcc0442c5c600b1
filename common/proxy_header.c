/* SPDX-License-Identifier: ISC */
#include "common/proxy_header.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "common/text.h"

#include "common/banned.h"

#define LINE_MAX_BYTES 107 /* of version 1, with CRLF */
#define LINE_FIELDS 5 /* "TCP4", two addresses, two ports */

/* Version 2. */
#define SIGNATURE_SIZE 12
#define FIXED_SIZE 16 /* signature, version and command, family and transport, length */
#define TLV_HEAD 3 /* type, length */
#define TLV_CRC32C 0x03
#define TLV_UNIQUE_ID 0x05
#define CRC_SIZE 4

static const uint8_t signature[SIGNATURE_SIZE] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 'Q', 'U', 'I', 'T', 0x0a};
static const char line_start[] = {'P', 'R', 'O', 'X', 'Y', ' '};

/* The families of version 2, by their number: bytes of both addresses and ports together. */
enum family { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILY_COUNT };
static const size_t address_sizes[FAMILY_COUNT] = {0, 12, 36, 216};

static int
set_header_fault(struct proxy_header *header, enum proxy_fault fault)
{
	header->fault = fault;
	return -EBADMSG;
}

/* Do bytes begin as want does, as far as they reach? */
static bool
begins_as(const uint8_t *bytes, size_t len, const void *want, size_t want_len)
{
	return memcmp(bytes, want, len < want_len ? len : want_len) == 0;
}

/* --- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 56324 21" --- */

/* Cut a line at its single blanks. Returns how many fields there are, LINE_FIELDS + 1 for too many. */
static size_t
split_line(char *line, char *fields[LINE_FIELDS + 1])
{
	size_t count = 0;
	char *blank;

	for (;;) {
		fields[count++] = line;
		blank = strchr(line, ' ');
		if (blank == NULL || count > LINE_FIELDS)
			return count;
		*blank = '\0';
		line = blank + 1;
	}
}

/* No leading zero, which some read as octal. */
static bool
take_told_port(const char *text, union address *address)
{
	uint64_t port;

	if ((text[0] == '0' && text[1] != '\0') || parse_u64(text, UINT16_MAX, &port) < 0)
		return false;
	address_set_port(address, (uint16_t)port);
	return true;
}

static bool
take_told_end(const char *host, const char *port, sa_family_t family, union address *address)
{
	return address_parse(host, address) == 0 && address->family == family && take_told_port(port, address);
}

/* line: without CRLF; changed. */
static int
take_line(char *line, struct proxy_header *header)
{
	char *fields[LINE_FIELDS + 1];
	size_t count = split_line(line + sizeof(line_start), fields);
	sa_family_t family = strcmp(fields[0], "TCP4") == 0 ? AF_INET : AF_INET6;

	header->told = PROXY_TOLD_NOTHING;
	if (strcmp(fields[0], "UNKNOWN") == 0)
		return 0; /* and whatever stands behind it */
	if (count != LINE_FIELDS || (family == AF_INET6 && strcmp(fields[0], "TCP6") != 0) ||
	    !take_told_end(fields[1], fields[3], family, &header->source) ||
	    !take_told_end(fields[2], fields[4], family, &header->destination))
		return set_header_fault(header, PROXY_FAULT_LINE);
	header->told = PROXY_TOLD_CLIENT;
	return 0;
}

static int
parse_line_header(const uint8_t *bytes, size_t len, struct proxy_header *header)
{
	size_t most = len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES;
	const uint8_t *end = memchr(bytes, '\n', most);
	char line[LINE_MAX_BYTES];
	size_t line_len;

	if (end == NULL && memchr(bytes, '\0', most) != NULL)
		return set_header_fault(header, PROXY_FAULT_LINE);
	if (end == NULL)
		return len < LINE_MAX_BYTES ? -EAGAIN : set_header_fault(header, PROXY_FAULT_LINE_LONG);
	line_len = (size_t)(end - bytes);
	if (line_len <= sizeof(line_start) || end[-1] != '\r' || memchr(bytes, '\0', line_len) != NULL)
		return set_header_fault(header, PROXY_FAULT_LINE);
	memcpy(line, bytes, line_len - 1);
	line[line_len - 1] = '\0';
	header->length = line_len + 1;
	return take_line(line, header);
}

/* --- version 2 --- */

static size_t
get_u16(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

/* The checksum of RFC 3720, B.4 over a header whose own checksum counts as zero. */
static uint32_t
crc32c_of(const uint8_t *bytes, size_t len, size_t zeros_at)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= i >= zeros_at && i < zeros_at + CRC_SIZE ? 0 : bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0x82f63b78 & (0U - (crc & 1)));
	}
	return ~crc;
}

static int
check_crc(const uint8_t *bytes, size_t at, size_t len, struct proxy_header *header)
{
	const uint8_t *told = bytes + at;

	if (len != CRC_SIZE)
		return set_header_fault(header, PROXY_FAULT_EXTENSION);
	if (crc32c_of(bytes, header->length, at) !=
	    ((uint32_t)told[0] << 24 | (uint32_t)told[1] << 16 | (uint32_t)told[2] << 8 | told[3]))
		return set_header_fault(header, PROXY_FAULT_CHECKSUM);
	return 0;
}

static int
take_unique_id(const uint8_t *value, size_t len, struct proxy_header *header)
{
	if (len > PROXY_UNIQUE_ID_MAX)
		return set_header_fault(header, PROXY_FAULT_EXTENSION);
	memcpy(header->unique_id, value, len);
	header->unique_id_len = len;
	return 0;
}

/* The extensions from at on; unknown ones are passed over. */
static int
take_extensions(const uint8_t *bytes, size_t at, struct proxy_header *header)
{
	int r = 0;

	while (r == 0 && at < header->length) {
		size_t left = header->length - at;
		size_t len = left < TLV_HEAD ? 0 : get_u16(bytes + at + 1);

		if (left < TLV_HEAD || len > left - TLV_HEAD)
			return set_header_fault(header, PROXY_FAULT_EXTENSION);
		if (bytes[at] == TLV_CRC32C)
			r = check_crc(bytes, at + TLV_HEAD, len, header);
		else if (bytes[at] == TLV_UNIQUE_ID)
			r = take_unique_id(bytes + at + TLV_HEAD, len, header);
		at += TLV_HEAD + len;
	}
	return r;
}

static void
take_addresses(const uint8_t *at, enum family family, struct proxy_header *header)
{
	bool is_v6 = family == FAMILY_INET6;
	size_t width = is_v6 ? 16 : 4;
	union address *ends[] = {&header->source, &header->destination};

	for (size_t i = 0; i < 2; i++) {
		ends[i]->family = is_v6 ? AF_INET6 : AF_INET;
		memcpy(is_v6 ? (void *)&ends[i]->v6.sin6_addr : (void *)&ends[i]->v4.sin_addr, at + i * width, width);
		address_set_port(ends[i], (uint16_t)get_u16(at + 2 * width + 2 * i));
	}
}

static bool
is_local_command(const uint8_t *bytes)
{
	return (bytes[12] & 0x0f) == 0;
}

/* Of LOCAL, nothing that follows the command counts, the family included (2.2). */
static enum proxy_fault
fixed_part_fault(const uint8_t *bytes)
{
	unsigned family = bytes[13] >> 4, transport = bytes[13] & 0x0f;
	size_t length = get_u16(bytes + 14);

	if (bytes[12] >> 4 != 2)
		return PROXY_FAULT_VERSION;
	if ((bytes[12] & 0x0f) > 1)
		return PROXY_FAULT_COMMAND;
	if (length > PROXY_HEADER_MAX - FIXED_SIZE)
		return PROXY_FAULT_LONG;
	if (is_local_command(bytes))
		return PROXY_FAULT_NONE;
	if (family >= FAMILY_COUNT)
		return PROXY_FAULT_FAMILY;
	if (transport > 1 || (transport == 0 && family != FAMILY_UNSPEC))
		return PROXY_FAULT_TRANSPORT;
	return length < address_sizes[family] ? PROXY_FAULT_SHORT : PROXY_FAULT_NONE;
}

static int
parse_binary(const uint8_t *bytes, size_t len, struct proxy_header *header)
{
	enum family family;

	if (len < FIXED_SIZE)
		return -EAGAIN;
	header->fault = fixed_part_fault(bytes);
	if (header->fault != PROXY_FAULT_NONE)
		return -EBADMSG;
	header->length = FIXED_SIZE + get_u16(bytes + 14);
	if (len < header->length)
		return -EAGAIN;
	if (is_local_command(bytes)) {
		header->told = PROXY_TOLD_LOCAL;
		return 0;
	}
	family = (enum family)(bytes[13] >> 4);
	header->told = family == FAMILY_INET || family == FAMILY_INET6 ? PROXY_TOLD_CLIENT : PROXY_TOLD_NOTHING;
	if (header->told == PROXY_TOLD_CLIENT)
		take_addresses(bytes + FIXED_SIZE, family, header);
	/* without a family nobody can say where extensions begin: all of it is passed over (2.2) */
	return family == FAMILY_UNSPEC ? 0 : take_extensions(bytes, FIXED_SIZE + address_sizes[family], header);
}

int
proxy_header_parse(const uint8_t *bytes, size_t len, struct proxy_header *header)
{
	int r;

	memset(header, 0, sizeof(*header));
	if (len == 0)
		return -EAGAIN;
	if (begins_as(bytes, len, signature, SIGNATURE_SIZE))
		r = parse_binary(bytes, len, header);
	else if (begins_as(bytes, len, line_start, sizeof(line_start)))
		r = parse_line_header(bytes, len, header);
	else
		r = set_header_fault(header, PROXY_FAULT_NO_HEADER);
	address_unmap(&header->source);
	address_unmap(&header->destination);
	return r;
}

const char *
proxy_fault_text(enum proxy_fault fault)
{
#define X(name, text) text,
	static const char *const texts[PROXY_FAULT_COUNT] = {PROXY_FAULTS(X)};
#undef X

	return (unsigned)fault < PROXY_FAULT_COUNT ? texts[fault] : "unknown";
}

/* --- from a socket --- */

/* Take what was peeked at and belongs to the header. 0 or -errno. */
static int
take_peeked(int fd, struct proxy_reader *reader, size_t count)
{
	ssize_t n = recv(fd, reader->bytes + reader->len, count, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	reader->len += (size_t)n;
	return (size_t)n == count ? 0 : -EIO; /* it was there a moment ago */
}

int
proxy_header_read(int fd, struct proxy_reader *reader, struct proxy_header *header)
{
	size_t before = reader->len;
	ssize_t n = recv(fd, reader->bytes + before, sizeof(reader->bytes) - before, MSG_PEEK | MSG_DONTWAIT);
	int r, taken;

	memset(header, 0, sizeof(*header));
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return before == 0 ? -EPIPE : set_header_fault(header, PROXY_FAULT_CUT);
	r = proxy_header_parse(reader->bytes, before + (size_t)n, header);
	if (r == -EBADMSG)
		return r;
	taken = take_peeked(fd, reader, r == 0 ? header->length - before : (size_t)n);
	return taken < 0 ? taken : r;
}
