/* SPDX-License-Identifier: ISC */
/* The record beside a part: a written record reads back, and no other file passes for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/engine/local.h"
#include "client/engine/part.h"
#include "client/engine/record.h"

#include "common/text.h"

#include "common/banned.h"

static const struct record sample = {
    .url = "ftp://al ice@h%st:21//dir/na\nme\377",
    .name = "dir/na me.0123abcd.part",
    .validator = "2g17",
    .size = 300000,
    .mtime = -1,
    .mtime_ns = 999999999,
    .whole = -1,
    .file = {UINT64_MAX, -5, 7},
    .pieces = {{0, 5, 100000}, {100000, 100000, 200000}, {200000, 300000, 300000}},
    .piece_count = 3,
};

static void
check_same(const struct record *record)
{
	assert_string_equal(record->url, sample.url);
	assert_string_equal(record->name, sample.name);
	assert_string_equal(record->validator, sample.validator);
	assert_int_equal(record->size, sample.size);
	assert_int_equal(record->mtime, sample.mtime);
	assert_int_equal(record->mtime_ns, sample.mtime_ns);
	assert_int_equal(record->whole, sample.whole);
	assert_true(file_is_same(&record->file, &sample.file));
	assert_int_equal(record->piece_count, sample.piece_count);
	assert_memory_equal(record->pieces, sample.pieces, sizeof(sample.pieces));
}

static void
test_round_trip(void **state)
{
	struct record record;
	struct buf text;

	(void)state;
	buf_init(&text, RECORD_BYTES_MAX);
	assert_int_equal(record_format(&text, &sample), 0);
	assert_int_equal(record_parse(text.data, text.len, &record), 0);
	check_same(&record);
	/* a truncated record is none */
	for (size_t len = 0; len < text.len; len++)
		assert_int_equal(record_parse(text.data, len, &record), -EINVAL);
	buf_free(&text);
}

/* Each row replaces one line of a good record. */
static void
test_bad_lines(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
	    {"sallyport part 1\n", "sallyport part 2\n"},
	    {"sallyport part 1\n", ""},
	    {"size 300000\n", ""},
	    {"size 300000\n", "size 300000\nsize 300000\n"},
	    {"size 300000\n", "size x\n"},
	    {"size 300000\n", "size 99999999999999999999\n"},
	    {"size 300000\n", "size\n"},
	    {"validator 2g17\n", "validator %2\n"},
	    {"validator 2g17\n", "validator %00\n"},
	    {"validator 2g17\n", "validator %zz\n"},
	    {"mtime-ns 999999999\n", "mtime-ns 1000000000\n"},
	    {"born-ns 7\n", "born-ns -1\n"},
	    {"pieces 0-5-100000;", "pieces 5-0-100000;"},
	    {"pieces 0-5-100000;", "pieces 0-100001-100000;"},
	    {"pieces 0-5-100000;", "pieces 0-5-99999;"},
	    {"pieces 0-5-100000;", "pieces 0-5-x;"},
	    {"pieces 0-5-100000;", "pieces 0-5"},
	    {"-300000;\n", "-300000\n"},
	    {"-300000;\n", "-99999999999999999999;\n"},
	    {"end\n", "end\nmore\n"},
	    {"end\n", "end"},
	};
	struct record record;
	struct buf text, bad;

	(void)state;
	buf_init(&text, RECORD_BYTES_MAX);
	buf_init(&bad, RECORD_BYTES_MAX);
	assert_int_equal(record_format(&text, &sample), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *at = strstr(text.data, rows[i].from);

		assert_non_null(at);
		buf_clear(&bad);
		(void)buf_add(&bad, text.data, (size_t)(at - text.data));
		(void)buf_add_text(&bad, rows[i].to);
		(void)buf_add_text(&bad, at + strlen(rows[i].from));
		if (record_parse(bad.data, bad.len, &record) != -EINVAL)
			fail_msg("row %zu is taken", i);
	}
	buf_clear(&bad);
	(void)buf_addf(&bad, "sallyport part 1\nurl ");
	for (int i = 0; i < RECORD_TEXT_SIZE; i++)
		(void)buf_add_text(&bad, "x");
	(void)buf_addf(&bad, "\n%s", strstr(text.data, "name "));
	assert_int_equal(record_parse(bad.data, bad.len, &record), -EINVAL);
	buf_free(&bad);
	buf_free(&text);
}

/* Records of one connection, and of earlier versions, have no pieces. There is room for a number of them. */
static void
test_pieces(void **state)
{
	struct record record, many = sample;
	struct buf text;

	(void)state;
	buf_init(&text, RECORD_BYTES_MAX);
	many.piece_count = 0;
	memset(many.pieces, 0, sizeof(many.pieces));
	assert_int_equal(record_format(&text, &many), 0);
	assert_null(strstr(text.data, "pieces"));
	assert_int_equal(record_parse(text.data, text.len, &record), 0);
	assert_int_equal(record.piece_count, 0);

	buf_clear(&text);
	many.piece_count = RECORD_PIECES_MAX;
	for (uint64_t i = 0; i < RECORD_PIECES_MAX; i++)
		many.pieces[i] = (struct record_piece){INT64_MAX - 16 + i, INT64_MAX - 16 + i, INT64_MAX - 15 + i};
	assert_int_equal(record_format(&text, &many), 0);
	assert_int_equal(record_parse(text.data, text.len, &record), 0);
	assert_memory_equal(record.pieces, many.pieces, sizeof(many.pieces));
	text.len -= strlen("\nend\n");
	(void)buf_add_text(&text, "9223372036854775807-9223372036854775807-9223372036854775807;\nend\n");
	assert_int_equal(record_parse(text.data, text.len, &record), -EINVAL);
	buf_free(&text);
}

/* An unknown key is of a later version. */
static void
test_unknown_key(void **state)
{
	struct record record;
	struct buf text;

	(void)state;
	buf_init(&text, RECORD_BYTES_MAX);
	assert_int_equal(record_format(&text, &sample), 0);
	text.len -= strlen("end\n");
	(void)buf_add_text(&text, "colour blue\nend\n");
	assert_int_equal(record_parse(text.data, text.len, &record), 0);
	check_same(&record);
	buf_free(&text);
}

/* --- files --- */

static int
make_directory(char *path)
{
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY);
}

static void
write_file(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void
test_part_is_ours_by_its_record(void **state)
{
	char path[] = "/tmp/sallyport-test-record.XXXXXX";
	int dir_fd = make_directory(path);
	struct part part, other;
	char command[64];

	(void)state;
	assert_int_equal(part_open(&part, dir_fd, "f"), 0);
	assert_string_equal(part.name, "f.part");
	assert_int_equal(write(part.fd, "abc", 3), 3);
	assert_false(part_is_own(dir_fd, "f.part"));
	assert_int_equal(part_record(&part, &sample), 0);
	assert_true(part_is_own(dir_fd, "f.part"));
	assert_true(part_is_own(dir_fd, "f.part.sallyport"));
	assert_int_equal(part_open(&other, dir_fd, "f"), -EBUSY);
	part_close(&other);
	part_close(&part);
	assert_int_equal(part_open(&part, dir_fd, "f"), 0);
	assert_true(part.has_record);
	assert_int_equal(part.length, 3);
	part_close(&part);

	/* the user's own file has the part's name, with the client's record beside it */
	assert_int_equal(unlinkat(dir_fd, "f.part", 0), 0);
	write_file(dir_fd, "g", "");
	write_file(dir_fd, "f.part", "mine");
	assert_false(part_is_own(dir_fd, "f.part"));
	assert_int_equal(part_open(&part, dir_fd, "f"), 0);
	assert_string_equal(part.name, "f.sallyport.part");
	assert_true(part.is_beside_other);
	assert_int_equal(part.length, 0);
	part_remove(&part);
	part_close(&part);

	/* another transfer renamed its own over the part */
	assert_int_equal(part_open(&part, dir_fd, "h"), 0);
	assert_int_equal(renameat(dir_fd, "g", dir_fd, "h.part"), 0);
	assert_int_equal(part_rename(&part, "h"), -ESTALE);
	part_remove(&part);
	part_close(&part);
	assert_int_equal(faccessat(dir_fd, "h.part", F_OK, 0), 0);
	close(dir_fd);
	snprintf(command, sizeof(command), "rm -r %s", path);
	assert_int_equal(system(command), 0);
}

static void
test_long_names(void **state)
{
	char left[256], right[256], a[LOCAL_NAME_SIZE], b[LOCAL_NAME_SIZE];

	(void)state;
	memset(left, 'x', 255);
	memset(right, 'x', 255);
	left[255] = right[255] = '\0';
	left[254] = 'y';
	local_beside(left, ".part", a);
	local_beside(right, ".part", b);
	assert_int_equal(strlen(a), 255);
	assert_string_not_equal(a, b);
	for (int i = 0; i < 254; i += 2) {
		left[i] = (char)0xc3;
		left[i + 1] = (char)0xa4;
	}
	left[254] = '\0';
	local_beside(left, ".part", a);
	assert_true(strlen(a) <= 255);
	assert_true(utf8_valid(a, strlen(a)));
	local_beside("short", ".part", a);
	assert_string_equal(a, "short.part");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_bad_lines),
	    cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_unknown_key),
	    cmocka_unit_test(test_part_is_ours_by_its_record),
	    cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
