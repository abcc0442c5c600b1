/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/account.h"
#include "accounts/password.h"
#include "common/home_path.h"
#include "common/proxy_header.h"
#include "common/io.h"
#include "privsep/ipc/ipc.h"
#include "privsep/tls/sign_scheme.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define KIND_SIZE 2
#define RESULT_SIZE 4

struct row {
	const char *name;
	unsigned from, to, states;
	size_t request_min, request_max, reply_min, reply_max;
	enum ipc_fd fd;
};

static const struct row rows[IPC_KIND_COUNT] = {
#define X(name, from, to, states, request, reply, fd) \
	[IPC_##name] = {#name, (from), (to), (states), SHAPE_MIN(request), SHAPE_MAX(request), SHAPE_MIN(reply), \
	    SHAPE_MAX(reply), (fd)},
    IPC_MESSAGES(X)
#undef X
};

static const enum ipc_process processes[] = {IPC_MASTER, IPC_MONITOR, IPC_PROTOCOL, IPC_FILES, IPC_LOGGER, IPC_HOOKS,
    IPC_LAUNCHER, IPC_PAM, IPC_METRICS, IPC_PORTER, IPC_BROKER};
static const enum ipc_state states[] = {IPC_STATE_LOGIN, IPC_STATE_READY};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct ipc_message message;

static bool
is_notice(const struct row *row)
{
	return row->reply_min == IPC_NOTICE;
}

/* Make a message as bytes: kind, for a reply the result, and size bytes of fields. The caller frees it. */
static uint8_t *
make_wire(unsigned kind, bool is_reply, int32_t result, size_t size, size_t *len)
{
	uint32_t bits = (uint32_t)result;
	uint8_t *wire;

	*len = KIND_SIZE + (is_reply ? RESULT_SIZE : 0) + size;
	wire = calloc(1, *len);
	assert_non_null(wire);
	wire[0] = (uint8_t)kind;
	wire[1] = (uint8_t)(kind >> 8 | (is_reply ? 0x80 : 0));
	for (size_t i = 0; is_reply && i < RESULT_SIZE; i++)
		wire[KIND_SIZE + i] = (uint8_t)(bits >> (8 * i));
	return wire;
}

/* True when a reply to the row may carry this many descriptors. */
static bool
is_fd_count_of_reply(const struct row *row, unsigned fd_count)
{
	if (row->fd == IPC_FD_REPLIES)
		return fd_count >= 1 && fd_count <= IPC_FDS_MAX;
	return fd_count == (row->fd == IPC_FD_REPLY);
}

static unsigned
fds_of_reply(const struct row *row)
{
	return row->fd == IPC_FD_REPLIES ? IPC_FDS_MAX : row->fd == IPC_FD_REPLY;
}

static int
decode_request(unsigned kind, size_t size, unsigned fd_count, enum ipc_process me, enum ipc_state state)
{
	size_t len;
	uint8_t *wire = make_wire(kind, false, 0, size, &len);
	int r = ipc_decode(wire, len, fd_count, me, state, &message);

	free(wire);
	return r;
}

static int
decode_reply(unsigned kind, int32_t result, size_t size, unsigned fd_count, enum ipc_process me, enum ipc_state state)
{
	size_t len;
	uint8_t *wire = make_wire(kind, true, result, size, &len);
	int r = ipc_decode(wire, len, fd_count, me, state, &message);

	free(wire);
	return r;
}

/* One process or state of those that the row is for. */
static enum ipc_process
first_of(unsigned set)
{
	return (enum ipc_process)(set & -set);
}

static void
test_not_in_table(void **state)
{
	static const unsigned kinds[] = {IPC_KIND_COUNT, IPC_KIND_COUNT + 1, 0xff, 0x100, 0x7fff};
	static const uint8_t one[1] = {0}, no_result[KIND_SIZE + 3] = {IPC_listen, 0x80};

	(void)state;
	for (size_t p = 0; p < COUNT(processes); p++) {
		for (size_t i = 0; i < COUNT(kinds); i++) {
			assert_int_equal(decode_request(kinds[i], 0, 0, processes[p], IPC_STATE_ANY), -EPROTO);
			assert_int_equal(decode_reply(kinds[i], 0, 0, 0, processes[p], IPC_STATE_ANY), -EPROTO);
		}
		assert_int_equal(ipc_decode(one, 0, 0, processes[p], IPC_STATE_ANY, &message), -EPROTO);
		assert_int_equal(ipc_decode(one, 1, 0, processes[p], IPC_STATE_ANY, &message), -EPROTO);
		for (size_t len = KIND_SIZE; len <= sizeof(no_result); len++)
			assert_int_equal(ipc_decode(no_result, len, 1, processes[p], IPC_STATE_ANY, &message), -EPROTO);
	}
	for (unsigned kind = 0; kind < IPC_KIND_COUNT; kind++)
		assert_int_equal(
		    decode_request(kind, IPC_MESSAGE_MAX - KIND_SIZE + 1, 0, first_of(rows[kind].to), IPC_STATE_ANY),
		    -EPROTO);
}

static void
test_request_sizes(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < IPC_KIND_COUNT; kind++) {
		const struct row *row = &rows[kind];
		enum ipc_process me = first_of(row->to);
		enum ipc_state when = (enum ipc_state)first_of(row->states);
		unsigned fd_count = row->fd == IPC_FD_REQUEST;

		if (row->request_min > 0 && decode_request(kind, row->request_min - 1, fd_count, me, when) != -EPROTO)
			fail_msg("%s: too short was taken", row->name);
		if (decode_request(kind, row->request_max + 1, fd_count, me, when) != -EPROTO)
			fail_msg("%s: too long was taken", row->name);
		if (decode_request(kind, row->request_min, fd_count, me, when) != 0)
			fail_msg("%s: the shortest was refused", row->name);
		if (decode_request(kind, row->request_max, fd_count, me, when) != 0)
			fail_msg("%s: the longest was refused", row->name);
		assert_int_equal(message.kind, kind);
		assert_false(message.is_reply);
		assert_int_equal(message.length - message.cursor, row->request_max);
	}
}

static void
test_reply_sizes(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < IPC_KIND_COUNT; kind++) {
		const struct row *row = &rows[kind];
		enum ipc_process me = first_of(row->from);
		enum ipc_state when = (enum ipc_state)first_of(row->states);
		unsigned fd_count = fds_of_reply(row);

		if (is_notice(row)) {
			for (size_t size = 0; size < IPC_MESSAGE_MAX - KIND_SIZE - RESULT_SIZE; size++)
				if (decode_reply(kind, 0, size, 0, me, when) != -EPROTO)
					fail_msg("%s: a notice has no reply", row->name);
			continue;
		}
		if (row->reply_min > 0 && decode_reply(kind, 0, row->reply_min - 1, fd_count, me, when) != -EPROTO)
			fail_msg("%s: too short was taken", row->name);
		if (decode_reply(kind, 0, row->reply_max + 1, fd_count, me, when) != -EPROTO)
			fail_msg("%s: too long was taken", row->name);
		if (decode_reply(kind, 0, row->reply_min, fd_count, me, when) != 0)
			fail_msg("%s: the shortest was refused", row->name);
		if (decode_reply(kind, 0, row->reply_max, fd_count, me, when) != 0)
			fail_msg("%s: the longest was refused", row->name);
		assert_int_equal(message.kind, kind);
		assert_true(message.is_reply);
		assert_int_equal(ipc_get_result(&message), 0);
	}
}

static void
test_failed_replies(void **state)
{
	static const int32_t results[] = {1, 2, INT32_MAX, -4096, INT32_MIN};

	(void)state;
	for (unsigned kind = 0; kind < IPC_KIND_COUNT; kind++) {
		const struct row *row = &rows[kind];
		enum ipc_process me = first_of(row->from);
		enum ipc_state when = (enum ipc_state)first_of(row->states);

		for (size_t i = 0; i < COUNT(results); i++)
			assert_int_equal(
			    decode_reply(kind, results[i], row->reply_min % IPC_NOTICE, fds_of_reply(row), me, when),
			    -EPROTO);
		/* a failed reply has neither fields nor a descriptor */
		assert_int_equal(decode_reply(kind, -EIO, 1, 0, me, when), -EPROTO);
		assert_int_equal(decode_reply(kind, -EIO, 0, 1, me, when), -EPROTO);
		if (!is_notice(row)) {
			assert_int_equal(decode_reply(kind, -EIO, 0, 0, me, when), 0);
			assert_int_equal(ipc_get_result(&message), -EIO);
			assert_true(ipc_end(&message));
			assert_int_equal(decode_reply(kind, -4095, 0, 0, me, when), 0);
		}
	}
}

/* Every row at every process, in every state, with and without descriptors. */
static void
test_directions_states_descriptors(void **state)
{
	static const unsigned counts[] = {0, 1, 2, IPC_FDS_MAX, IPC_FDS_MAX + 1};

	(void)state;
	for (unsigned kind = 0; kind < IPC_KIND_COUNT; kind++) {
		const struct row *row = &rows[kind];

		for (unsigned i = 0; i < COUNT(processes) * COUNT(states) * COUNT(counts); i++) {
			enum ipc_process me = processes[i / (COUNT(states) * COUNT(counts))];
			enum ipc_state when = states[i / COUNT(counts) % COUNT(states)];
			unsigned fd_count = counts[i % COUNT(counts)];
			bool is_now = (row->states & when) != 0;
			bool is_request = is_now && (row->to & me) != 0 && fd_count == (row->fd == IPC_FD_REQUEST);
			bool is_reply =
			    is_now && (row->from & me) != 0 && is_fd_count_of_reply(row, fd_count) && !is_notice(row);

			if ((decode_request(kind, row->request_max, fd_count, me, when) == 0) != is_request)
				fail_msg("%s: request to %d in state %d, %u descriptors", row->name, (int)me, (int)when,
				    fd_count);
			if ((decode_reply(kind, 0, row->reply_max % IPC_NOTICE, fd_count, me, when) == 0) != is_reply)
				fail_msg("%s: reply to %d in state %d, %u descriptors", row->name, (int)me, (int)when,
				    fd_count);
		}
	}
}

static void
test_table(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < IPC_KIND_COUNT; kind++) {
		const struct row *row = &rows[kind];

		assert_string_equal(ipc_kind_name((enum ipc_kind)kind), row->name);
		assert_int_not_equal(row->from, 0);
		assert_int_not_equal(row->to, 0);
		assert_uint_in_range(row->states, 1, IPC_STATE_ANY);
		assert_uint_in_range(row->request_min, 0, row->request_max);
		assert_uint_in_range(row->request_max, 0, IPC_MESSAGE_MAX - KIND_SIZE);
		if (is_notice(row)) {
			assert_int_equal(row->reply_max, IPC_NOTICE);
			assert_uint_in_range(row->fd, IPC_FD_NONE, IPC_FD_REQUEST);
		} else {
			assert_uint_in_range(row->reply_min, 0, row->reply_max);
			assert_uint_in_range(row->reply_max, 0, IPC_MESSAGE_MAX - KIND_SIZE - RESULT_SIZE);
		}
		/* protocol, which the network reaches first, gets notices and never a question */
		assert_true((row->to & IPC_PROTOCOL) == 0 || is_notice(row));
	}
	assert_string_equal(ipc_kind_name(IPC_KIND_COUNT), "unknown");
}

/* The longest values that the parsers accept fit. */
static void
test_longest_fields(void **state)
{
	static char path[HOME_PATH_MAX + 1], password[PASSWORD_MAX + 1];

	(void)state;
	memset(path, 'a', HOME_PATH_MAX);
	memset(password, 'a', PASSWORD_MAX);
	ipc_begin(&message, IPC_login);
	ipc_put_u8(&message, 1);
	ipc_put_bytes(&message, password, ACCOUNT_NAME_MAX);
	ipc_put_text(&message, password);
	assert_uint_in_range(message.length - KIND_SIZE, 0, rows[IPC_login].request_max);
	ipc_begin(&message, IPC_stat);
	ipc_put_text(&message, path);
	assert_int_equal(message.length - KIND_SIZE, rows[IPC_stat].request_max);
	ipc_begin(&message, IPC_rename);
	ipc_put_text(&message, path);
	ipc_put_text(&message, path);
	assert_int_equal(message.length - KIND_SIZE, rows[IPC_rename].request_max);
	ipc_begin(&message, IPC_open_write);
	ipc_put_u8(&message, STORE_AT);
	ipc_put_u64(&message, 1);
	ipc_put_text(&message, path);
	assert_int_equal(message.length - KIND_SIZE, rows[IPC_open_write].request_max);
	assert_false(message.bad);
}

/* Fields. */

static void
begin_reading(void)
{
	message.cursor = KIND_SIZE;
}

static void
test_fields(void **state)
{
	char text[5];
	size_t len;

	(void)state;
	ipc_begin(&message, IPC_log);
	ipc_put_u8(&message, 0xfe);
	ipc_put_u32(&message, 0xfedcba98);
	ipc_put_u64(&message, 0xfedcba9876543210);
	ipc_put_text(&message, "four");
	ipc_put_bytes(&message, "a\0b", 3);
	ipc_put_text(&message, "");
	assert_false(message.bad);
	begin_reading();
	assert_int_equal(ipc_get_u8(&message), 0xfe);
	assert_int_equal(ipc_get_u32(&message), 0xfedcba98);
	assert_true(ipc_get_u64(&message) == 0xfedcba9876543210);
	ipc_get_text(&message, text, sizeof(text));
	assert_string_equal(text, "four");
	assert_memory_equal(ipc_get_bytes(&message, 3, &len), "a\0b", 3);
	assert_int_equal(len, 3);
	assert_false(ipc_end(&message)); /* the empty field is still unread */
	ipc_get_text(&message, text, sizeof(text));
	assert_string_equal(text, "");
	assert_true(ipc_end(&message));
}

/* After a missing or too long field, every further field is empty. */
static void
expect_bad(void)
{
	char text[8] = "before";
	size_t len = 7;

	assert_true(message.bad);
	assert_false(ipc_end(&message));
	assert_int_equal(ipc_get_u8(&message), 0);
	assert_int_equal(ipc_get_u32(&message), 0);
	assert_int_equal(ipc_get_u64(&message), 0);
	assert_non_null(ipc_get_bytes(&message, SIZE_MAX, &len));
	assert_int_equal(len, 0);
	ipc_get_text(&message, text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(ipc_get_result(&message), -EPROTO);
}

static void
test_truncated_fields(void **state)
{
	char text[16];
	size_t len;

	(void)state;
	ipc_begin(&message, IPC_log);
	begin_reading();
	ipc_get_u8(&message);
	expect_bad();
	for (size_t cut = 0; cut < 8; cut++) {
		ipc_begin(&message, IPC_log);
		ipc_put_u64(&message, UINT64_MAX);
		begin_reading();
		message.length = KIND_SIZE + cut;
		if (cut < 4)
			ipc_get_u32(&message);
		else
			ipc_get_u64(&message);
		expect_bad();
	}
	for (size_t cut = 0; cut < 2 + 4; cut++) {
		ipc_begin(&message, IPC_log);
		ipc_put_text(&message, "text");
		begin_reading();
		message.length = KIND_SIZE + cut;
		ipc_get_text(&message, text, sizeof(text));
		assert_string_equal(text, "");
		expect_bad();
		ipc_begin(&message, IPC_log);
		ipc_put_text(&message, "text");
		begin_reading();
		message.length = KIND_SIZE + cut;
		ipc_get_bytes(&message, SIZE_MAX, &len);
		assert_int_equal(len, 0);
		expect_bad();
	}
}

static void
test_bad_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {{"\0", 1}, {"a\0", 2}, {"\0a", 2}, {"a\0b", 3}, {"12345678", 8}, {"123456789", 9}};
	char text[8];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		memset(text, 'x', sizeof(text));
		ipc_begin(&message, IPC_log);
		ipc_put_bytes(&message, bad[i].bytes, bad[i].len);
		begin_reading();
		ipc_get_text(&message, text, sizeof(text));
		assert_string_equal(text, "");
		expect_bad();
	}
	ipc_begin(&message, IPC_log);
	ipc_put_text(&message, "four");
	begin_reading();
	ipc_get_bytes(&message, 3, &len);
	expect_bad();
}

static void
test_left_over(void **state)
{
	(void)state;
	assert_int_equal(decode_request(IPC_noted, 4, 0, IPC_MONITOR, IPC_STATE_LOGIN), 0);
	ipc_get_u8(&message);
	assert_false(ipc_end(&message));
	ipc_get_u8(&message);
	ipc_get_u8(&message);
	assert_false(ipc_end(&message));
	ipc_get_u8(&message);
	assert_true(ipc_end(&message));
}

static void
test_full_writer(void **state)
{
	static char bytes[UINT16_MAX + 1];
	int channels[2];

	(void)state;
	assert_int_equal(ipc_pair(channels, 0), 0);
	for (int i = 0; i < 4; i++) {
		ipc_begin(&message, IPC_log);
		ipc_put_bytes(&message, bytes, IPC_MESSAGE_MAX - KIND_SIZE - 2);
		assert_false(message.bad);
		assert_int_equal(message.length, IPC_MESSAGE_MAX);
		if (i == 0)
			ipc_put_u8(&message, 1);
		else if (i == 1)
			ipc_put_u64(&message, 1);
		else if (i == 2)
			ipc_put_text(&message, "");
		else
			ipc_put_bytes(&message, bytes, sizeof(bytes));
		assert_true(message.bad);
		assert_int_equal(message.length, IPC_MESSAGE_MAX);
		assert_int_equal(ipc_send(channels[0], &message, -1), -EMSGSIZE);
	}
	ipc_begin(&message, IPC_log);
	ipc_put_bytes(&message, bytes, IPC_MESSAGE_MAX);
	ipc_put_u8(&message, 1); /* this would fit, but the field before it did not */
	assert_true(message.bad);
	assert_int_equal(ipc_receive_now(channels[1], IPC_LOGGER, IPC_STATE_ANY, &message), -EAGAIN);
	close_fd(&channels[0]);
	close_fd(&channels[1]);
}

/* Real channels. */

static size_t
count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* Send raw bytes with some copies of standard input. */
static void
send_raw(int channel, const void *bytes, size_t len, size_t fd_count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE((IPC_FDS_MAX + 2) * sizeof(int))];
	} control;
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	assert_uint_in_range(fd_count, 0, IPC_FDS_MAX + 2);
	memset(&control, 0, sizeof(control));
	if (fd_count > 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(fd_count * sizeof(int)); /* each is 0 */
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
	}
	assert_int_equal(sendmsg(channel, &msg, MSG_NOSIGNAL), (ssize_t)len);
}

struct channel_test {
	int channels[2];
	size_t descriptors;
};

static int
open_channel(void **state)
{
	static struct channel_test test;

	if (ipc_pair(test.channels, 0) < 0)
		return -1;
	test.descriptors = count_descriptors();
	*state = &test;
	return 0;
}

/* No sent descriptor stays open. */
static int
close_channel(void **state)
{
	struct channel_test *test = *state;
	size_t descriptors = count_descriptors();

	close_fd(&test->channels[0]);
	close_fd(&test->channels[1]);
	return descriptors == test->descriptors || test->descriptors == 0 ? 0 : -1;
}

static void
expect_received(struct channel_test *test, enum ipc_process me, enum ipc_state when, int result, const char *what)
{
	int r = ipc_receive(test->channels[1], me, when, &message);
	unsigned count = 0;

	if (r != result)
		fail_msg("%s: %d", what, r);
	for (int fd; (fd = ipc_take_fd(&message)) >= 0; count++) {
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		close_fd(&fd);
	}
	assert_int_equal(count, r < 0 ? 0 : message.fd_count);
}

static void
test_channel_rows(void **state)
{
	struct channel_test *test = *state;

	for (unsigned kind = 0; kind < IPC_KIND_COUNT; kind++) {
		const struct row *row = &rows[kind];
		enum ipc_state when = (enum ipc_state)first_of(row->states);

		for (unsigned fds = 0; fds <= IPC_FDS_MAX + 2; fds++) {
			size_t wanted = row->fd == IPC_FD_REQUEST ? 1 : 0, len;
			uint8_t *wire = make_wire(kind, false, 0, row->request_min, &len);

			send_raw(test->channels[0], wire, len, fds);
			expect_received(test, first_of(row->to), when, fds == wanted ? 0 : -EPROTO, row->name);
			free(wire);
			if (is_notice(row))
				continue;
			wire = make_wire(kind, true, 0, row->reply_max, &len);
			send_raw(test->channels[0], wire, len, fds);
			expect_received(
			    test, first_of(row->from), when, is_fd_count_of_reply(row, fds) ? 0 : -EPROTO, row->name);
			free(wire);
		}
	}
}

static void
test_channel_oversized(void **state)
{
	struct channel_test *test = *state;
	size_t len;
	uint8_t *wire = make_wire(IPC_log, false, 0, 3 * IPC_MESSAGE_MAX, &len);

	for (size_t fds = 0; fds <= 2; fds++) {
		send_raw(test->channels[0], wire, IPC_MESSAGE_MAX, fds);
		expect_received(test, IPC_LOGGER, IPC_STATE_LOGIN, -EPROTO, "above the row");
		send_raw(test->channels[0], wire, IPC_MESSAGE_MAX + 1, fds);
		expect_received(test, IPC_LOGGER, IPC_STATE_LOGIN, -EPROTO, "above any message");
		send_raw(test->channels[0], wire, len, fds);
		expect_received(test, IPC_LOGGER, IPC_STATE_LOGIN, -EPROTO, "far above");
	}
	/* the rest of a truncated message does not come as the next one */
	send_raw(test->channels[0], wire, 1000, 0);
	expect_received(test, IPC_LOGGER, IPC_STATE_LOGIN, 0, "the next");
	free(wire);
}

/* An empty message is too short, but not the end of the channel: the next message arrives. */
static void
test_channel_empty(void **state)
{
	struct channel_test *test = *state;
	size_t len;
	uint8_t *wire = make_wire(IPC_log, false, 0, 1000, &len);

	for (size_t fds = 0; fds <= 2; fds++) {
		send_raw(test->channels[0], "", 0, fds);
		expect_received(test, IPC_LOGGER, IPC_STATE_LOGIN, -EPROTO, "empty");
	}
	send_raw(test->channels[0], wire, len, 0);
	expect_received(test, IPC_LOGGER, IPC_STATE_LOGIN, 0, "the next");
	free(wire);
}

static void
test_channel_end(void **state)
{
	struct channel_test *test = *state;

	assert_int_equal(ipc_receive_now(test->channels[1], IPC_LOGGER, IPC_STATE_ANY, &message), -EAGAIN);
	ipc_begin(&message, IPC_log_reconnect);
	assert_int_equal(ipc_send(test->channels[0], &message, -1), 0);
	close_fd(&test->channels[0]);
	/* messages sent before the end still arrive */
	assert_int_equal(ipc_receive(test->channels[1], IPC_MASTER, IPC_STATE_ANY, &message), 0);
	assert_int_equal(ipc_receive(test->channels[1], IPC_MASTER, IPC_STATE_ANY, &message), -EPIPE);
	assert_int_equal(ipc_receive_now(test->channels[1], IPC_MASTER, IPC_STATE_ANY, &message), -EPIPE);
	ipc_begin(&message, IPC_log_reconnect);
	assert_int_equal(ipc_send(test->channels[1], &message, -1), -EPIPE); /* and no SIGPIPE */
	assert_int_equal(ipc_send_now(test->channels[1], &message, -1), -EPIPE);
	test->descriptors = 0;
}

/* The other side ends while something of ours lies unread there: the kernel resets the channel, and keeps its messages. */
static void
test_channel_end_with_unread(void **state)
{
	struct channel_test *test = *state;

	ipc_begin(&message, IPC_log_reconnect);
	assert_int_equal(ipc_send(test->channels[1], &message, -1), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ipc_send(test->channels[0], &message, -1), 0);
	close_fd(&test->channels[0]);
	assert_int_equal(ipc_receive_now(test->channels[1], IPC_MASTER, IPC_STATE_ANY, &message), 0);
	assert_int_equal(ipc_receive(test->channels[1], IPC_MASTER, IPC_STATE_ANY, &message), 0);
	assert_int_equal(ipc_receive(test->channels[1], IPC_MASTER, IPC_STATE_ANY, &message), -EPIPE);
	assert_int_equal(ipc_receive_now(test->channels[1], IPC_MASTER, IPC_STATE_ANY, &message), -EPIPE);
	test->descriptors = 0;
}

static void
test_channel_full(void **state)
{
	struct channel_test *test = *state;
	int sent = 0, r;

	ipc_begin(&message, IPC_end);
	ipc_put_u8(&message, END_DRAIN);
	while ((r = ipc_send_now(test->channels[0], &message, -1)) == 0 && sent < 100000)
		sent++;
	assert_int_equal(r, -EAGAIN);
	for (int i = 0; i < sent; i++) {
		assert_int_equal(ipc_receive_now(test->channels[1], IPC_PROTOCOL, IPC_STATE_LOGIN, &message), 0);
		assert_int_equal(ipc_get_u8(&message), END_DRAIN);
		assert_true(ipc_end(&message));
	}
	assert_int_equal(ipc_receive_now(test->channels[1], IPC_PROTOCOL, IPC_STATE_LOGIN, &message), -EAGAIN);
}

static void
test_channel_bound(void **state)
{
	int channels[2];
	int r;

	(void)state;
	assert_int_equal(ipc_pair(channels, 1), 0);
	assert_int_equal(fcntl(channels[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(channels[1], F_GETFD), FD_CLOEXEC);
	assert_int_equal(ipc_receive(channels[1], IPC_PROTOCOL, IPC_STATE_LOGIN, &message), -ETIMEDOUT);
	ipc_begin(&message, IPC_end);
	ipc_put_u8(&message, END_DRAIN);
	while ((r = ipc_send(channels[0], &message, -1)) == 0)
		;
	assert_int_equal(r, -ETIMEDOUT);
	close_fd(&channels[0]);
	close_fd(&channels[1]);
}

static void
test_channel_unread(void **state)
{
	struct channel_test *test = *state;
	int fd;

	assert_int_equal(ipc_unread(test->channels[0]), 0);
	for (int i = 0; i < 2; i++) {
		ipc_begin_reply(&message, IPC_connect, 0);
		assert_int_equal(ipc_send_now(test->channels[0], &message, STDIN_FILENO), 0);
	}
	for (int i = 0; i < 2; i++) {
		assert_true(ipc_unread(test->channels[0]) > 0);
		assert_int_equal(ipc_unread(test->channels[1]), 0);
		assert_int_equal(ipc_receive_now(test->channels[1], IPC_PROTOCOL, IPC_STATE_READY, &message), 0);
		fd = ipc_take_fd(&message);
		close_fd(&fd);
	}
	assert_int_equal(ipc_unread(test->channels[0]), 0);
	assert_int_equal(ipc_unread(-1), -EBADF);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_not_in_table),
	    cmocka_unit_test(test_request_sizes),
	    cmocka_unit_test(test_reply_sizes),
	    cmocka_unit_test(test_failed_replies),
	    cmocka_unit_test(test_directions_states_descriptors),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_longest_fields),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_truncated_fields),
	    cmocka_unit_test(test_bad_text),
	    cmocka_unit_test(test_left_over),
	    cmocka_unit_test(test_full_writer),
	    cmocka_unit_test_setup_teardown(test_channel_rows, open_channel, close_channel),
	    cmocka_unit_test_setup_teardown(test_channel_oversized, open_channel, close_channel),
	    cmocka_unit_test_setup_teardown(test_channel_empty, open_channel, close_channel),
	    cmocka_unit_test_setup_teardown(test_channel_end, open_channel, close_channel),
	    cmocka_unit_test_setup_teardown(test_channel_end_with_unread, open_channel, close_channel),
	    cmocka_unit_test_setup_teardown(test_channel_full, open_channel, close_channel),
	    cmocka_unit_test_setup_teardown(test_channel_unread, open_channel, close_channel),
	    cmocka_unit_test(test_channel_bound),
	};

	return cmocka_run_group_tests_name("ipc", tests, NULL, NULL);
}
