/* SPDX-License-Identifier: ISC */
/* Headers of the PROXY protocol: bad rows first. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/proxy_header.h"

#include "common/banned.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.1 port 56324 to 198.51.100.2 port 21 */
#define INET_ENDS "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x00\x15"
#define INET6_ENDS \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" \
	"\xdc\x04\x00\x15"
#define MAPPED_ENDS \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x02\xdc\x04\x00\x15"

struct bytes {
	const char *at;
	size_t len;
};

#define BYTES(text) \
	{ \
		text, sizeof(text) - 1 \
	}

static struct proxy_header header;

static int
parse_bytes(struct bytes bytes)
{
	return proxy_header_parse((const uint8_t *)bytes.at, bytes.len, &header);
}

static void
assert_end(const union address *address, const char *host, uint16_t port)
{
	char text[ADDRESS_TEXT_MAX];

	address_text(address, text);
	assert_string_equal(text, host);
	assert_int_equal(address_port(address), port);
}

static void
test_bad_headers(void **state)
{
	static const struct {
		struct bytes bytes;
		enum proxy_fault fault;
	} rows[] = {
	    {BYTES("x"), PROXY_FAULT_NO_HEADER},
	    {BYTES("USER alice\r\n"), PROXY_FAULT_NO_HEADER},
	    {BYTES("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_FAULT_NO_HEADER},
	    {BYTES("PROXY\t"), PROXY_FAULT_NO_HEADER},
	    {BYTES("\x16\x03\x01"), PROXY_FAULT_NO_HEADER},
	    {BYTES("\r\n\r\n\0\r\nQUIX"), PROXY_FAULT_NO_HEADER},
	    {BYTES("PROXY \n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY \r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY UNKNOWNS\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\0\r\n"), PROXY_FAULT_LINE},
	    {BYTES("PROXY TCP4 \0"), PROXY_FAULT_LINE},
	    {BYTES(
		 "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
		 "655350\r\n"),
		PROXY_FAULT_LINE_LONG},
	    {BYTES(SIGNATURE "\x11\x11\0\x0c" INET_ENDS), PROXY_FAULT_VERSION},
	    {BYTES(SIGNATURE "\x31\x11\0\x0c"), PROXY_FAULT_VERSION},
	    {BYTES(SIGNATURE "\x22\x11\0\x0c" INET_ENDS), PROXY_FAULT_COMMAND},
	    {BYTES(SIGNATURE "\x21\x41\0\x0c" INET_ENDS), PROXY_FAULT_FAMILY},
	    {BYTES(SIGNATURE "\x21\xf1\0\x0c" INET_ENDS), PROXY_FAULT_FAMILY},
	    {BYTES(SIGNATURE "\x21\x12\0\x0c" INET_ENDS), PROXY_FAULT_TRANSPORT},
	    {BYTES(SIGNATURE "\x21\x13\0\x0c" INET_ENDS), PROXY_FAULT_TRANSPORT},
	    {BYTES(SIGNATURE "\x21\x11\0\x24" INET6_ENDS), PROXY_FAULT_EXTENSION}, /* the family is a lie */
	    {BYTES(SIGNATURE "\x21\x10\0\x0c" INET_ENDS), PROXY_FAULT_TRANSPORT},
	    {BYTES(SIGNATURE "\x21\x11\x02\x09"), PROXY_FAULT_LONG},
	    {BYTES(SIGNATURE "\x20\x00\xff\xff"), PROXY_FAULT_LONG},
	    {BYTES(SIGNATURE "\x21\x11\0\x0b"), PROXY_FAULT_SHORT},
	    {BYTES(SIGNATURE "\x21\x11\0\0"), PROXY_FAULT_SHORT},
	    {BYTES(SIGNATURE "\x21\x21\0\x0c" INET_ENDS), PROXY_FAULT_SHORT},
	    {BYTES(SIGNATURE "\x21\x31\0\x0c" INET_ENDS), PROXY_FAULT_SHORT},
	    {BYTES(SIGNATURE "\x21\x11\0\x0d" INET_ENDS "\x04"), PROXY_FAULT_EXTENSION},
	    {BYTES(SIGNATURE "\x21\x11\0\x0e" INET_ENDS "\x04\0"), PROXY_FAULT_EXTENSION},
	    {BYTES(SIGNATURE "\x21\x11\0\x0f" INET_ENDS "\x04\0\x01"), PROXY_FAULT_EXTENSION},
	    {BYTES(SIGNATURE "\x21\x11\0\x0f" INET_ENDS "\x04\xff\xff"), PROXY_FAULT_EXTENSION},
	    {BYTES(SIGNATURE "\x21\x11\0\x11" INET_ENDS "\x03\0\x02\0\0"), PROXY_FAULT_EXTENSION},
	    {BYTES(SIGNATURE "\x21\x11\0\x13" INET_ENDS "\x03\0\x04\0\0\0\0"), PROXY_FAULT_CHECKSUM},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = parse_bytes(rows[i].bytes);

		if (r != -EBADMSG || header.fault != rows[i].fault)
			print_error("row %zu: %s\n", i, proxy_fault_text(header.fault));
		assert_int_equal(r, -EBADMSG);
		assert_int_equal(header.fault, rows[i].fault);
	}
}

/* Every header byte by byte: it is complete with its last byte and never before, and later bytes change nothing. */
static void
assert_whole(struct bytes bytes, size_t length)
{
	struct proxy_header whole;

	for (size_t len = 0; len < length; len++)
		assert_int_equal(parse_bytes((struct bytes){bytes.at, len}), -EAGAIN);
	assert_int_equal(parse_bytes((struct bytes){bytes.at, length}), 0);
	whole = header;
	assert_int_equal(parse_bytes(bytes), 0);
	assert_int_equal(header.length, length);
	assert_memory_equal(&header, &whole, sizeof(whole));
}

static void
test_lines(void **state)
{
	(void)state;
	assert_whole((struct bytes)BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 21\r\nUSER"), 44);
	assert_int_equal(header.told, PROXY_TOLD_CLIENT);
	assert_end(&header.source, "192.0.2.1", 56324);
	assert_end(&header.destination, "198.51.100.2", 21);
	assert_whole((struct bytes)BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"), 44);
	assert_end(&header.source, "2001:db8::1", 0);
	assert_end(&header.destination, "2001:db8::2", 65535);
	assert_whole((struct bytes)BYTES("PROXY UNKNOWN\r\n"), 15);
	assert_int_equal(header.told, PROXY_TOLD_NOTHING);
	assert_int_equal(header.source.family, AF_UNSPEC);
	assert_whole((struct bytes)BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
					 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	    107);
	assert_int_equal(header.told, PROXY_TOLD_NOTHING);
}

static void
test_binary(void **state)
{
	(void)state;
	assert_whole((struct bytes)BYTES(SIGNATURE "\x21\x11\0\x0c" INET_ENDS "USER"), 28);
	assert_int_equal(header.told, PROXY_TOLD_CLIENT);
	assert_end(&header.source, "192.0.2.1", 56324);
	assert_end(&header.destination, "198.51.100.2", 21);
	assert_whole((struct bytes)BYTES(SIGNATURE "\x21\x21\0\x24" INET6_ENDS), 52);
	assert_end(&header.source, "2001:db8::1", 56324);
	assert_end(&header.destination, "2001:db8::2", 21);
	assert_whole((struct bytes)BYTES(SIGNATURE "\x21\x21\0\x24" MAPPED_ENDS), 52);
	assert_int_equal(header.source.family, AF_INET);
	assert_end(&header.source, "192.0.2.1", 56324);
}

/* A health check, or a family that the server does not use, gives no client's address. */
static void
test_binary_without_client(void **state)
{
	static const struct {
		struct bytes bytes;
		enum proxy_told told;
	} rows[] = {
	    {BYTES(SIGNATURE "\x20\x00\0\0"), PROXY_TOLD_LOCAL},
	    {BYTES(SIGNATURE "\x20\x11\0\x0c" INET_ENDS), PROXY_TOLD_LOCAL},
	    {BYTES(SIGNATURE "\x20\x11\0\0"), PROXY_TOLD_LOCAL},
	    {BYTES(SIGNATURE "\x20\x00\0\x04zzzz"), PROXY_TOLD_LOCAL},
	    {BYTES(SIGNATURE "\x20\xf1\0\0"), PROXY_TOLD_LOCAL},
	    {BYTES(SIGNATURE "\x20\x12\0\0"), PROXY_TOLD_LOCAL},
	    {BYTES(SIGNATURE "\x20\x11\0\x0f" INET_ENDS "\x04\xff\xff"), PROXY_TOLD_LOCAL},
	    {BYTES(SIGNATURE "\x20\x11\0\x13" INET_ENDS "\x03\0\x04\0\0\0\0"), PROXY_TOLD_LOCAL},
	    {BYTES(SIGNATURE "\x21\x00\0\0"), PROXY_TOLD_NOTHING},
	    {BYTES(SIGNATURE "\x21\x00\0\x05zzzzz"), PROXY_TOLD_NOTHING},
	};
	uint8_t unix_header[16 + 216] = SIGNATURE "\x21\x31\0\xd8/run/proxy";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_whole(rows[i].bytes, rows[i].bytes.len);
		assert_int_equal(header.told, rows[i].told);
		assert_int_equal(header.source.family, AF_UNSPEC);
	}
	assert_whole((struct bytes){(const char *)unix_header, sizeof(unix_header)}, sizeof(unix_header));
	assert_int_equal(header.told, PROXY_TOLD_NOTHING);
}

static void
test_extensions(void **state)
{
	/* another program computed the checksum */
	static const char checked[] = SIGNATURE "\x21\x11\0\x13" INET_ENDS "\x03\0\x04\x1c\x8d\xcc\x05";
	char changed[sizeof(checked)];

	(void)state;
	assert_whole(
	    (struct bytes)BYTES(SIGNATURE "\x21\x11\0\x1c" INET_ENDS "\xea\0\x02vp\x05\0\x05id\0 7\x04\0\0"), 44);
	assert_int_equal(header.unique_id_len, 5);
	assert_memory_equal(header.unique_id, "id\0 7", 5);
	assert_whole((struct bytes){checked, sizeof(checked) - 1}, sizeof(checked) - 1);
	for (size_t i = 12; i < sizeof(checked) - 1; i++) {
		/* a health check, of which nothing more counts; another type, so there is no checksum any more */
		if (i == 12 || i == 28)
			continue;
		memcpy(changed, checked, sizeof(checked));
		changed[i] ^= 1;
		assert_int_not_equal(parse_bytes((struct bytes){changed, sizeof(checked) - 1}), 0);
	}
}

/* The longest header, and an identification of one byte too many. */
static void
test_bounds(void **state)
{
	uint8_t longest[PROXY_HEADER_MAX + 8] = SIGNATURE "\x21\x11\x02\x08" INET_ENDS "\x04\x01\xf9";
	uint8_t id[16 + 12 + 3 + 129] = SIGNATURE "\x21\x11\0\x90" INET_ENDS "\x05\0\x81";

	(void)state;
	assert_whole((struct bytes){(const char *)longest, sizeof(longest)}, PROXY_HEADER_MAX);
	assert_int_equal(parse_bytes((struct bytes){(const char *)id, sizeof(id)}), -EBADMSG);
	assert_int_equal(header.fault, PROXY_FAULT_EXTENSION);
	id[15]--;
	id[30]--;
	assert_whole((struct bytes){(const char *)id, sizeof(id)}, sizeof(id) - 1);
	assert_int_equal(header.unique_id_len, PROXY_UNIQUE_ID_MAX);
}

/* The bytes after the header stay in the socket, however many pieces they arrive in. */
static void
assert_read(struct bytes bytes, size_t piece)
{
	struct proxy_reader reader = {.len = 0};
	char rest[600];
	size_t sent = 0;
	int ends[2];
	ssize_t n;
	int r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(proxy_header_read(ends[0], &reader, &header), -EAGAIN);
	do {
		size_t len = bytes.len - sent < piece ? bytes.len - sent : piece;

		assert_int_equal(send(ends[1], bytes.at + sent, len, 0), len);
		sent += len;
		r = proxy_header_read(ends[0], &reader, &header);
	} while (r == -EAGAIN && sent < bytes.len);
	assert_int_equal(r, 0);
	n = recv(ends[0], rest, sizeof(rest), MSG_DONTWAIT);
	if (sent == header.length)
		assert_int_equal(n, -1);
	else
		assert_int_equal(n, sent - header.length);
	close(ends[0]);
	close(ends[1]);
}

static void
test_read(void **state)
{
	static const struct bytes rows[] = {
	    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 21\r\nUSER alice\r\n"),
	    BYTES(SIGNATURE "\x21\x11\0\x0c" INET_ENDS "\x16\x03\x01"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t piece = 1; piece <= rows[i].len; piece++)
			assert_read(rows[i], piece);
}

static void
test_read_ends(void **state)
{
	struct proxy_reader reader = {.len = 0};
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	close(ends[1]);
	assert_int_equal(proxy_header_read(ends[0], &reader, &header), -EPIPE);
	close(ends[0]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(send(ends[1], "PROXY T", 7, 0), 7);
	close(ends[1]);
	assert_int_equal(proxy_header_read(ends[0], &reader, &header), -EAGAIN);
	assert_int_equal(proxy_header_read(ends[0], &reader, &header), -EBADMSG);
	assert_int_equal(header.fault, PROXY_FAULT_CUT);
	close(ends[0]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_headers),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_binary),
	    cmocka_unit_test(test_binary_without_client),
	    cmocka_unit_test(test_extensions),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_read_ends),
	};

	return cmocka_run_group_tests_name("proxy_header", tests, NULL, NULL);
}
