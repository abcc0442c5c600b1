/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include <cmocka.h>

#include "common/io.h"
#include "common/text.h"
#include "privsep/logger/log_format.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT_MAX (8 * IPC_MESSAGE_MAX)
#define SOME_DAY 1704067199ULL /* 2023-12-31T23:59:59Z, a Sunday */
#define XFERLOG_FIELDS 18

static struct ipc_message message;
static struct log_entry entry;
static struct buf out;
static int channels[2];

static int
open_all(void **state)
{
	(void)state;
	buf_init(&out, TEXT_MAX);
	return ipc_pair(channels, 0);
}

static int
close_all(void **state)
{
	(void)state;
	log_set_channel(-1, LEVEL_INFO);
	buf_free(&out);
	close_fd(&channels[0]);
	close_fd(&channels[1]);
	return 0;
}

/* Texts that a client may put into a record. */
static const struct {
	const char *bytes;
	size_t len;
} nasty[] = {
#define NASTY(literal) \
	{ \
		(literal), sizeof(literal) - 1 \
	}
    NASTY(""),
    NASTY(" "),
    NASTY("\n"),
    NASTY("\r\n2024-01-01T00:00:00.000Z sallyportd[1]: critical alarm"),
    NASTY("x\" result=\"ok"),
    NASTY("x\",\"result\":\"ok"),
    NASTY("\\\""),
    NASTY("\\"),
    NASTY("a\0b"),
    NASTY("\033[2J\033]0;title\a"),
    NASTY("\x7f\b\t"),
    NASTY("\302\23331m"),
    NASTY("\23331m"),
    NASTY("\xff\xfe"),
    NASTY("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\xaa"),
    NASTY("\xed\xa0\x80"),
    NASTY("\xc0\x8a"),
    NASTY("\xe2\x80\xa8"),
    NASTY("%s%n%d"),
    NASTY("address=192.0.2.99 session=0"),
};

/* Send a record as master and monitor do, and take it in as the logger does. */
static void
begin_record(enum log_level level, const char *event, const char *user)
{
	log_set_channel(channels[0], LEVEL_DEBUG);
	log_set_context("monitor", "00000000000000ff", "192.0.2.1", user);
	log_begin(level, event);
}

static void
take_record(void)
{
	log_end();
	assert_int_equal(ipc_receive_now(channels[1], IPC_LOGGER, IPC_STATE_ANY, &message), 0);
	assert_int_equal(log_entry_read(&message, &entry), 0);
}

static void
add_transfer(const char *direction, const char *type, const char *result, const void *path, size_t len)
{
	log_field_text("direction", direction);
	log_field_u64("bytes", 5368709120);
	log_field_u64("milliseconds", 1001);
	log_field_text("result", result);
	log_field_text("type", type);
	log_field_bytes("path", path, len);
}

/* The line is exactly one, and its characters are safe for a terminal and for readers of lines. */
static void
check_line(const struct buf *line, size_t row)
{
	assert_int_equal(line->error, 0);
	assert_uint_in_range(line->len, 1, TEXT_MAX);
	if (line->data[line->len - 1] != '\n' || memchr(line->data, '\n', line->len) != line->data + line->len - 1)
		fail_msg("row %zu is not one line: '%s'", row, line->data);
	if (!utf8_valid(line->data, line->len))
		fail_msg("row %zu is not UTF-8", row);
	for (size_t i = 0; i + 1 < line->len; i++) {
		unsigned char c = (unsigned char)line->data[i];

		if (c < ' ' || (c == 0xc2 && (unsigned char)line->data[i + 1] < 0xa0))
			fail_msg("row %zu has a control character: '%s'", row, line->data);
	}
}

/* Reading. */

static void
put_head(const char *event, const char *process, const char *session, const char *address, const char *user)
{
	ipc_begin(&message, IPC_log);
	ipc_put_u8(&message, LEVEL_INFO);
	ipc_put_u64(&message, SOME_DAY * 1000000000);
	ipc_put_u32(&message, 77);
	ipc_put_text(&message, event);
	ipc_put_text(&message, process);
	ipc_put_text(&message, session);
	ipc_put_text(&message, address);
	ipc_put_text(&message, user);
}

static int
read_back(void)
{
	message.cursor = 2;
	return log_entry_read(&message, &entry);
}

static void
test_read_bad(void **state)
{
	static const char long_word[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	size_t whole;

	(void)state;
	put_head("login", "monitor", "1f", "192.0.2.1", "bob");
	log_field_text("unused", "");	/* no record is open: adds nothing */
	whole = message.length;
	for (size_t len = 2; len < whole; len++) {
		message.length = len;
		message.bad = false;
		assert_int_equal(read_back(), -EPROTO);
	}
	message.length = whole;
	message.bad = false;
	assert_int_equal(read_back(), 0);
	put_head(long_word, "monitor", "1f", "192.0.2.1", "bob");
	assert_int_equal(read_back(), -EPROTO);
	put_head("login", long_word, "1f", "192.0.2.1", "bob");
	assert_int_equal(read_back(), -EPROTO);
	put_head("login", "monitor", long_word, "192.0.2.1", "bob");
	assert_int_equal(read_back(), -EPROTO);
	put_head("login", "monitor", "1f", long_word, "bob");
	assert_int_equal(read_back(), -EPROTO);
	put_head("login", "monitor", "1f", "192.0.2.1", long_word);
	assert_int_equal(read_back(), -EPROTO);
}

/* The server's own words stand unquoted. A record with another word is refused, whoever sent it. */
static void
test_read_bad_words(void **state)
{
	static const char *const bad[] = {
	    "a b",
	    "a\nb",
	    "a\tb",
	    "a=b",
	    "a\"b",
	    "a\\b",
	    "\x7f",
	    "\x1b[0m",
	    "\xc3\xa4",
	    "\xff",
	    " ",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		for (int where = 0; where < 5; where++) {
			put_head(where == 0 ? bad[i] : "login", where == 1 ? bad[i] : "monitor",
			    where == 2 ? bad[i] : "1f", where == 3 ? bad[i] : "192.0.2.1", "bob");
			ipc_put_u8(&message, 'u');
			ipc_put_text(&message, where == 4 ? bad[i] : "bytes");
			ipc_put_u64(&message, 1);
			if (read_back() != -EPROTO)
				fail_msg("'%s' was taken at %d", bad[i], where);
		}
	}
	put_head("", "monitor", "1f", "192.0.2.1", "bob");
	assert_int_equal(read_back(), -EPROTO);
	put_head("login", "", "", "", "");
	assert_int_equal(read_back(), 0);
	ipc_put_u8(&message, 't');
	ipc_put_text(&message, "");
	ipc_put_text(&message, "a field without a key");
	assert_int_equal(read_back(), -EPROTO);
}

static void
test_read_bad_fields(void **state)
{
	(void)state;
	for (int type = 0; type < 256; type++) {
		put_head("login", "monitor", "1f", "192.0.2.1", "bob");
		ipc_put_u8(&message, (uint8_t)type);
		ipc_put_text(&message, "key");
		ipc_put_u64(&message, 6);	/* as text: six bytes, all 0 */
		assert_int_equal(read_back(), type == 'u' || type == 't' ? 0 : -EPROTO);
	}
	for (int count = 0; count <= LOG_FIELDS_MAX + 1; count++) {
		put_head("login", "monitor", "1f", "192.0.2.1", "bob");
		for (int i = 0; i < count; i++) {
			ipc_put_u8(&message, 'u');
			ipc_put_text(&message, "key");
			ipc_put_u64(&message, 1);
		}
		assert_int_equal(read_back(), count <= LOG_FIELDS_MAX ? 0 : -EPROTO);
	}
	put_head("login", "monitor", "1f", "192.0.2.1", "bob");
	message.bytes[2] = 200;	/* an unknown level: better loud than lost */
	assert_int_equal(read_back(), 0);
	assert_int_equal(entry.level, LEVEL_CRITICAL);
}

static void
test_sending(void **state)
{
	uint64_t dropped = 0;

	(void)state;
	log_set_channel(channels[0], LEVEL_WARNING);
	log_message(LEVEL_INFO, "quiet", "below the level");
	assert_int_equal(ipc_receive_now(channels[1], IPC_LOGGER, IPC_STATE_ANY, &message), -EAGAIN);
	log_message(LEVEL_WARNING, "loud", "%d of %s", 7, "them");
	assert_int_equal(ipc_receive_now(channels[1], IPC_LOGGER, IPC_STATE_ANY, &message), 0);
	assert_int_equal(log_entry_read(&message, &entry), 0);
	assert_string_equal(entry.event, "loud");
	assert_int_equal(entry.pid, getpid());
	assert_int_equal(entry.field_count, 1);
	assert_memory_equal(entry.fields[0].bytes, "7 of them", 9);
	/* a full channel drops and counts */
	log_set_dropped_counter(&dropped);
	for (int i = 0; i < 10000 && dropped < 3; i++)
		log_message(LEVEL_WARNING, "loud", "again");
	assert_int_equal(dropped, 3);
	log_set_dropped_counter(NULL);
}

/* Text. */

static void
test_text(void **state)
{
	(void)state;
	begin_record(LEVEL_WARNING, "login-failed", "");
	log_field_text("name", "b\"ob\n");
	log_field_u64("bytes", UINT64_MAX);
	take_record();
	entry.time_ns = SOME_DAY * 1000000000 + 7999999;
	entry.pid = 77;
	assert_int_equal(log_format_text(&entry, &out), 0);
	assert_string_equal(out.data,
	    "2023-12-31T23:59:59.007Z sallyportd[77]: warning login-failed session=00000000000000ff address=192.0.2.1 "
	    "process=monitor name=\"b\\x22ob\\x0a\" bytes=18446744073709551615\n");
	buf_clear(&out);
	entry = (struct log_entry){.level = LEVEL_CRITICAL, .event = "alarm"};
	assert_int_equal(log_format_text(&entry, &out), 0);
	assert_string_equal(out.data, "1970-01-01T00:00:00.000Z sallyportd[0]: critical alarm\n");
}

/* Take a quoted value to its end, or fail. */
static const char *
skip_quoted(const char *p, size_t row)
{
	assert_int_equal(*p, '"');
	for (p++; *p != '"'; p++)
		if (*p == '\0' || (*p == '\\' && p[1] != 'x'))
			fail_msg("row %zu: a value does not end", row);
	return p + 1;
}

/* The line splits into exactly the fields that were sent, whatever their values contain. */
static void
test_text_cannot_be_forged(void **state)
{
	static const char head[] = " info noted session=00000000000000ff address=192.0.2.1 process=monitor ";

	(void)state;
	for (size_t i = 0; i < COUNT(nasty); i++) {
		const char *p;

		begin_record(LEVEL_INFO, "noted", "bob");
		log_field_bytes("detail", nasty[i].bytes, nasty[i].len);
		log_field_u64("bytes", 7);
		take_record();
		buf_clear(&out);
		assert_int_equal(log_format_text(&entry, &out), 0);
		check_line(&out, i);
		assert_int_equal(strlen(out.data), out.len);
		p = strstr(out.data, head);
		assert_non_null(p);
		p += sizeof(head) - 1;
		assert_memory_equal(p, "user=\"bob\" detail=", 18);
		assert_string_equal(skip_quoted(p + 18, i), " bytes=7\n");
	}
}

/* Syslog. */

static void
test_syslog(void **state)
{
	(void)state;
	setenv("TZ", "UTC0", 1);
	tzset();
	begin_record(LEVEL_CRITICAL, "alarm", "");
	log_field_text("died", "protocol");
	take_record();
	entry.time_ns = SOME_DAY * 1000000000;
	entry.pid = 77;
	assert_int_equal(log_format_syslog(&entry, false, &out), 0);
	/* ftp is facility 11, critical 2 */
	assert_string_equal(out.data,
	    "<90>Dec 31 23:59:59 sallyportd[77]: alarm session=00000000000000ff "
	    "address=192.0.2.1 process=monitor died=\"protocol\"");
	buf_clear(&out);
	assert_int_equal(log_format_syslog(&entry, true, &out), 0);
	assert_memory_equal(out.data, "<90>Dec 31 23:59:59 sallyportd[77]: {\"time\":", 44);
	assert_int_equal(out.data[out.len - 1], '}');
}

static void
test_syslog_priorities(void **state)
{
	static const char *const priorities[LEVEL_COUNT] = {"<95>", "<94>", "<92>", "<91>", "<90>"};

	(void)state;
	for (int level = 0; level < LEVEL_COUNT; level++) {
		entry = (struct log_entry){.level = (enum log_level)level, .event = "x"};
		buf_clear(&out);
		assert_int_equal(log_format_syslog(&entry, false, &out), 0);
		assert_memory_equal(out.data, priorities[level], 4);
	}
}

/* JSON. */

static json_t *
parse_line(size_t row)
{
	json_error_t error;
	json_t *object;

	check_line(&out, row);
	object = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (object == NULL)
		fail_msg("row %zu: %s in '%s'", row, error.text, out.data);
	return object;
}

static void
expect_text(const json_t *object, const char *key, const void *bytes, size_t len)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_string(value) || json_string_length(value) != len ||
	    memcmp(json_string_value(value), bytes, len) != 0)
		fail_msg("%s in '%s'", key, out.data);
}

static void
test_json(void **state)
{
	json_t *object;

	(void)state;
	begin_record(LEVEL_INFO, "transfer", "b\303\266b");
	add_transfer("down", "image", "ok", "/a \"b\"", 6);
	take_record();
	entry.time_ns = SOME_DAY * 1000000000;
	assert_int_equal(log_format_json(&entry, &out), 0);
	object = parse_line(0);
	assert_int_equal(json_object_size(object), 14);
	expect_text(object, "time", "2023-12-31T23:59:59.000Z", 24);
	expect_text(object, "level", "info", 4);
	expect_text(object, "event", "transfer", 8);
	assert_int_equal(json_integer_value(json_object_get(object, "pid")), getpid());
	expect_text(object, "session", "00000000000000ff", 16);
	expect_text(object, "address", "192.0.2.1", 9);
	expect_text(object, "process", "monitor", 7);
	expect_text(object, "user", "b\303\266b", 4);
	expect_text(object, "path", "/a \"b\"", 6);
	assert_int_equal(json_integer_value(json_object_get(object, "bytes")), 5368709120);
	json_decref(object);
}

static void
test_json_cannot_be_forged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(nasty); i++) {
		json_t *object;

		begin_record(LEVEL_INFO, "noted", "bob");
		log_field_bytes("detail", nasty[i].bytes, nasty[i].len);
		log_field_u64("bytes", 7);
		take_record();
		buf_clear(&out);
		assert_int_equal(log_format_json(&entry, &out), 0);
		object = parse_line(i);
		assert_int_equal(json_object_size(object), 10);
		expect_text(object, "event", "noted", 5);
		expect_text(object, "user", "bob", 3);
		if (utf8_valid(nasty[i].bytes, nasty[i].len))
			expect_text(object, "detail", nasty[i].bytes, nasty[i].len);
		else
			assert_non_null(strstr(json_string_value(json_object_get(object, "detail")), "\\x"));
		json_decref(object);
	}
}

/* The journal. */

static const char *const journal_lines[] = {
    "\nPRIORITY=4\n",
    "\nSYSLOG_FACILITY=11\n",
    "\nSYSLOG_IDENTIFIER=sallyportd\n",
    "\nSYSLOG_PID=77\n",
    "\nSALLYPORT_EVENT=transfer\n",
    "\nSALLYPORT_SESSION=00000000000000ff\n",
    "\nSALLYPORT_ADDRESS=192.0.2.1\n",
    "\nSALLYPORT_PROCESS=monitor\n",
    "\nSALLYPORT_USER=bob\n",
    "\nSALLYPORT_DIRECTION=up\n",
    "\nSALLYPORT_BYTES=5368709120\n",
    "\nSALLYPORT_RESULT=EPIPE\n",
    "\nSALLYPORT_PATH=/a\\x0aMESSAGE=b=c\n",
};

static void
test_journal(void **state)
{
	(void)state;
	begin_record(LEVEL_WARNING, "transfer", "bob");
	add_transfer("up", "image", "EPIPE", "/a\nMESSAGE=b=c", 14);
	take_record();
	entry.pid = 77;
	assert_int_equal(log_format_journal(&entry, &out), 0);
	assert_memory_equal(out.data, "MESSAGE=transfer session=", 25);
	for (size_t i = 0; i < COUNT(journal_lines); i++)
		if (strstr(out.data, journal_lines[i]) == NULL)
			fail_msg("no '%s' in '%s'", journal_lines[i], out.data);
	assert_null(strstr(out.data, "\nMESSAGE="));
	assert_int_equal(out.data[out.len - 1], '\n');
}

/* journald takes the name of every line, and no value makes a line of its own. */
static void
test_journal_cannot_be_forged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(nasty); i++) {
		size_t lines = 0;

		begin_record(LEVEL_INFO, "transfer", "bob");
		add_transfer("up", "image", "ok", nasty[i].bytes, nasty[i].len);
		take_record();
		buf_clear(&out);
		assert_int_equal(log_format_journal(&entry, &out), 0);
		for (const char *p = out.data, *end = out.data + out.len; p < end; lines++) {
			size_t name = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

			assert_int_equal(p[name], '=');
			assert_true(name > 0 && p[0] != '_');
			p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
		}
		/* an empty value has no line */
		assert_int_equal(lines, nasty[i].len == 0 ? 15 : 16);
	}
}

/* xferlog. */

static size_t
count_fields(const char *line)
{
	size_t count = 0;

	for (const char *p = line; *p != '\0' && *p != '\n'; count++) {
		p += strcspn(p, " \t\n");
		p += strspn(p, " \t");
	}
	return count;
}

/* The zone of the server counts: xferlog(5) has local time. */
static void
test_xferlog_zone(void **state)
{
	static const char line[] = "Mon Jan  1 00:59:59 2024 2 192.0.2.1 ";

	(void)state;
	setenv("TZ", "XXX-1", 1);
	tzset();
	begin_record(LEVEL_INFO, "transfer", "bob");
	add_transfer("down", "image", "ok", "/a", 2);
	take_record();
	entry.time_ns = SOME_DAY * 1000000000;
	assert_int_equal(log_format_xferlog(&entry, &out), 0);
	setenv("TZ", "UTC0", 1);
	tzset();
	assert_memory_equal(out.data, line, sizeof(line) - 1);
}

static void
test_xferlog(void **state)
{
	static const struct {
		const char *direction, *type, *result, *line;
	} rows[] = {
	    {"down", "image", "ok", "Sun Dec 31 23:59:59 2023 2 192.0.2.1 5368709120 /a_b b _ o r bob ftp 0 * c\n"},
	    {"up", "ascii", "ok", "Sun Dec 31 23:59:59 2023 2 192.0.2.1 5368709120 /a_b a _ i r bob ftp 0 * c\n"},
	    {"up", "image", "EPIPE", "Sun Dec 31 23:59:59 2023 2 192.0.2.1 5368709120 /a_b b _ i r bob ftp 0 * i\n"},
	    {"list", "ascii", "ok", ""},
	    {"", "image", "ok", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin_record(LEVEL_INFO, "transfer", "bob");
		add_transfer(rows[i].direction, rows[i].type, rows[i].result, "/a b", 4);
		take_record();
		entry.time_ns = SOME_DAY * 1000000000;
		buf_clear(&out);
		buf_add_text(&out, "");
		assert_int_equal(log_format_xferlog(&entry, &out), 0);
		assert_string_equal(out.data, rows[i].line);
	}
	begin_record(LEVEL_INFO, "login", "bob");
	add_transfer("down", "image", "ok", "/a", 2);
	take_record();
	buf_clear(&out);
	assert_int_equal(log_format_xferlog(&entry, &out), 0);
	assert_int_equal(out.len, 0);
}

static void
test_xferlog_cannot_be_forged(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(nasty); i++) {
		bool in_path = i < COUNT(nasty);
		size_t n = i % COUNT(nasty);

		if (!in_path && memchr(nasty[n].bytes, '\0', nasty[n].len) != NULL)
			continue;	/* a name of an account is text */
		begin_record(LEVEL_INFO, "transfer", in_path ? "bob" : nasty[n].bytes);
		add_transfer("up", "image", "ok", in_path ? nasty[n].bytes : "/a", in_path ? nasty[n].len : 2);
		take_record();
		buf_clear(&out);
		assert_int_equal(log_format_xferlog(&entry, &out), 0);
		check_line(&out, i);
		assert_int_equal(strlen(out.data), out.len);
		if (count_fields(out.data) != XFERLOG_FIELDS)
			fail_msg("row %zu: '%s'", i, out.data);
	}
}

/* No address, no user, no path: '_' holds the place. */
static void
test_xferlog_missing(void **state)
{
	(void)state;
	entry = (struct log_entry){.event = "transfer", .field_count = 1};
	entry.fields[0] = (struct log_field){.key = "direction", .bytes = "up", .len = 2};
	assert_int_equal(log_format_xferlog(&entry, &out), 0);
	assert_int_equal(count_fields(out.data), XFERLOG_FIELDS);
}

/* A process of another user sends a record; the kernel names the sender, whatever the record says. */
static void
test_sender_is_the_kernels_word(void **state)
{
	struct ipc_sender sender = {0};
	pid_t child;
	int status;

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(ipc_name_senders(channels[1]), 0);
	begin_record(LEVEL_INFO, "login", "");
	child = fork();
	if (child == 0) {
		if (setuid(65534) < 0)
			_exit(1);
		log_end();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(ipc_receive_from_now(channels[1], IPC_LOGGER, IPC_STATE_ANY, &message, &sender), 0);
	assert_int_equal(sender.pid, child);
	assert_int_equal(sender.uid, 65534);
	assert_int_equal(log_entry_read(&message, &entry), 0);
	assert_int_equal(entry.pid, getpid());	/* the record's own claim */
	/* a record with a descriptor is refused */
	ipc_begin(&message, IPC_log);
	ipc_put_u64(&message, 0);
	assert_int_equal(ipc_send_now(channels[0], &message, channels[0]), 0);
	assert_int_equal(ipc_receive_from_now(channels[1], IPC_LOGGER, IPC_STATE_ANY, &message, &sender), -EPROTO);
	assert_int_equal(message.fd_count, 0);
	assert_int_equal(ipc_receive_from_now(channels[1], IPC_LOGGER, IPC_STATE_ANY, &message, &sender), -EAGAIN);
}

static void
test_who_may_write_what(void **state)
{
	static const struct {
		const char *process, *event;
		bool may;	/* without root */
	} rows[] = {
	    {"monitor", "login-failed", false},
	    {"monitor", "connect", false},
	    {"monitor", "ban", false},
	    {"monitor", "refused", false},
	    {"monitor", "hook", false},
	    {"master", "alarm", false},
	    {"master", "transfer", false},
	    {"logger", "log-dropped", false},
	    {"hooks", "alarm", false},
	    {"hooks", "transfer", false},
	    {"", "transfer", false},
	    {"monitor", "transfer", true},
	    {"monitor", "disconnect", true},
	    {"monitor", "alarm", true},
	    {"hooks", "hook-failed", true},
	    {"broker", "store-down", true},
	    {"broker", "store-refused", true},
	    {"broker", "login-failed", false},
	    {"monitor", "store-down", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(entry.process, sizeof(entry.process), "%s", rows[i].process);
		snprintf(entry.event, sizeof(entry.event), "%s", rows[i].event);
		assert_int_equal(log_entry_may_be_from(&entry, 65534), rows[i].may);
		assert_true(log_entry_may_be_from(&entry, 0));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_read_bad, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_read_bad_words, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_read_bad_fields, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_sending, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_text, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_text_cannot_be_forged, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_syslog, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_syslog_priorities, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_json, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_json_cannot_be_forged, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_journal, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_journal_cannot_be_forged, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_xferlog_zone, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_xferlog, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_xferlog_cannot_be_forged, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_xferlog_missing, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_sender_is_the_kernels_word, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_who_may_write_what, open_all, close_all),
	};

	return cmocka_run_group_tests_name("log_format", tests, NULL, NULL);
}
