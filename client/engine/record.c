/* SPDX-License-Identifier: ISC */
#include "client/engine/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define FIRST_LINE "sallyport part 1"
#define LAST_LINE "end"

/*
 * Each line is a key, a blank and a value. A record has each key once, in any order, but for "pieces", which most have not;
 * unknown keys are passed over.
 */
enum key {
	KEY_URL,
	KEY_NAME,
	KEY_VALIDATOR,
	KEY_SIZE,
	KEY_MTIME,
	KEY_MTIME_NS,
	KEY_WHOLE,
	KEY_INODE,
	KEY_BORN,
	KEY_BORN_NS,
	KEY_PIECES,
	KEY_COUNT
};

static const char *const keys[KEY_COUNT] = {
    [KEY_URL] = "url",
    [KEY_NAME] = "name",
    [KEY_VALIDATOR] = "validator",
    [KEY_SIZE] = "size",
    [KEY_MTIME] = "mtime",
    [KEY_MTIME_NS] = "mtime-ns",
    [KEY_WHOLE] = "whole",
    [KEY_INODE] = "inode",
    [KEY_BORN] = "born",
    [KEY_BORN_NS] = "born-ns",
    [KEY_PIECES] = "pieces",
};

/* --- values --- */

static int
hex_value(char c)
{
	const char *digits = "0123456789abcdef", *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* Undo add_text(). */
static int
take_text(const char *value, char *text, size_t size)
{
	size_t used = 0;

	for (; *value != '\0'; value++) {
		int c = (unsigned char)*value;

		if (c == '%') {
			int high = hex_value(value[1]), low = high < 0 ? -1 : hex_value(value[2]);

			if (low < 0 || (high == 0 && low == 0))
				return -EINVAL;
			c = high << 4 | low;
			value += 2;
		}
		if (used + 1 >= size)
			return -EINVAL;
		text[used++] = (char)c;
	}
	text[used] = '\0';
	return 0;
}

static int
parse_record_number(const char *value, int64_t *number)
{
	bool is_negative = value[0] == '-';
	uint64_t parsed;

	if (parse_u64(value + is_negative, INT64_MAX, &parsed) < 0)
		return -EINVAL;
	*number = is_negative ? -(int64_t)parsed : (int64_t)parsed;
	return 0;
}

/* The number before the character `end`; *text moves to what follows it. */
static int
take_number(char **text, char end, uint64_t *number)
{
	char *next = strchr(*text, end);

	if (next == NULL)
		return -EINVAL;
	*next = '\0';
	if (parse_u64(*text, INT64_MAX, number) < 0)
		return -EINVAL;
	*text = next + 1;
	return 0;
}

/* "BEGIN-AT-END;BEGIN-AT-END;": each begins where the one before it ends. */
static int
parse_pieces(const char *value, struct record *record)
{
	char text[RECORD_PIECES_MAX * 64], *next = text;

	if (snprintf(text, sizeof(text), "%s", value) >= (int)sizeof(text))
		return -EINVAL;
	while (*next != '\0') {
		struct record_piece *piece = &record->pieces[record->piece_count];

		if (record->piece_count == RECORD_PIECES_MAX || take_number(&next, '-', &piece->begin) < 0 ||
		    take_number(&next, '-', &piece->at) < 0 || take_number(&next, ';', &piece->end) < 0 ||
		    piece->begin > piece->at || piece->at > piece->end ||
		    (record->piece_count > 0 && piece->begin != piece[-1].end))
			return -EINVAL;
		record->piece_count++;
	}
	return 0;
}

static int
set_record_value(struct record *record, enum key key, const char *value)
{
	int64_t number;

	switch (key) {
	case KEY_URL:
		return take_text(value, record->url, sizeof(record->url));
	case KEY_NAME:
		return take_text(value, record->name, sizeof(record->name));
	case KEY_VALIDATOR:
		return take_text(value, record->validator, sizeof(record->validator));
	case KEY_INODE:
		return parse_u64(value, UINT64_MAX, &record->file.inode);
	case KEY_SIZE:
		return parse_record_number(value, &record->size);
	case KEY_MTIME:
		return parse_record_number(value, &record->mtime);
	case KEY_WHOLE:
		return parse_record_number(value, &record->whole);
	case KEY_BORN:
		return parse_record_number(value, &record->file.born_s);
	case KEY_MTIME_NS:
	case KEY_BORN_NS:
		if (parse_record_number(value, &number) < 0 || number < 0 || number > 999999999)
			return -EINVAL;
		*(key == KEY_MTIME_NS ? &record->mtime_ns : &record->file.born_ns) = (uint32_t)number;
		return 0;
	case KEY_PIECES:
		return parse_pieces(value, record);
	case KEY_COUNT:
		break;
	}
	return -EINVAL;
}

/* --- the text --- */

/* One line, NUL-terminated. */
static int
parse_record_line(struct record *record, char *line, unsigned int *seen)
{
	char *value = strchr(line, ' ');

	if (value == NULL)
		return -EINVAL;
	*value++ = '\0';
	for (int key = 0; key < KEY_COUNT; key++) {
		if (strcmp(keys[key], line) != 0)
			continue;
		if ((*seen & 1U << key) != 0)
			return -EINVAL;
		*seen |= 1U << key;
		return set_record_value(record, (enum key)key, value);
	}
	return 0;
}

int
record_parse(const char *text, size_t len, struct record *record)
{
	unsigned int seen = 0;
	bool is_first = true, is_last = false;
	char line[3 * RECORD_TEXT_SIZE];

	memset(record, 0, sizeof(*record));
	while (len > 0 && !is_last) {
		const char *end = memchr(text, '\n', len);
		size_t used = end == NULL ? len : (size_t)(end - text);

		if (end == NULL || used >= sizeof(line) || memchr(text, '\0', used) != NULL)
			return -EINVAL;
		memcpy(line, text, used);
		line[used] = '\0';
		is_last = strcmp(line, LAST_LINE) == 0;
		if (is_first ? strcmp(line, FIRST_LINE) != 0 : !is_last && parse_record_line(record, line, &seen) < 0)
			return -EINVAL;
		is_first = false;
		text += used + 1;
		len -= used + 1;
	}
	return is_last && len == 0 && (seen | 1U << KEY_PIECES) == (1U << KEY_COUNT) - 1 ? 0 : -EINVAL;
}

/* Texts are bytes: control characters, blanks and '%' become %XX. */
static void
add_text(struct buf *out, enum key key, const char *text)
{
	(void)buf_addf(out, "%s ", keys[key]);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c <= ' ' || c == '%' || c == 0x7f)
			(void)buf_addf(out, "%%%02x", c);
		else
			(void)buf_add(out, text, 1);
	}
	(void)buf_add(out, "\n", 1);
}

static void
add_number(struct buf *out, enum key key, int64_t number)
{
	(void)buf_addf(out, "%s %lld\n", keys[key], (long long)number);
}

static void
add_pieces(struct buf *out, const struct record *record)
{
	if (record->piece_count == 0)
		return;
	(void)buf_addf(out, "%s ", keys[KEY_PIECES]);
	for (unsigned int i = 0; i < record->piece_count; i++)
		(void)buf_addf(out, "%llu-%llu-%llu;", (unsigned long long)record->pieces[i].begin,
		    (unsigned long long)record->pieces[i].at, (unsigned long long)record->pieces[i].end);
	(void)buf_add(out, "\n", 1);
}

int
record_format(struct buf *text, const struct record *record)
{
	(void)buf_add_text(text, FIRST_LINE "\n");
	add_text(text, KEY_URL, record->url);
	add_text(text, KEY_NAME, record->name);
	add_text(text, KEY_VALIDATOR, record->validator);
	add_number(text, KEY_SIZE, record->size);
	add_number(text, KEY_MTIME, record->mtime);
	add_number(text, KEY_MTIME_NS, record->mtime_ns);
	add_number(text, KEY_WHOLE, record->whole);
	(void)buf_addf(text, "%s %llu\n", keys[KEY_INODE], (unsigned long long)record->file.inode);
	add_number(text, KEY_BORN, record->file.born_s);
	add_number(text, KEY_BORN_NS, record->file.born_ns);
	add_pieces(text, record);
	(void)buf_add_text(text, LAST_LINE "\n");
	return text->error == -ENOBUFS ? -EINVAL : text->error;
}

/* --- files --- */

int
record_read(int dir_fd, const char *name, struct record *record)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;
	char text[RECORD_BYTES_MAX + 1];
	struct stat status;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		r = -errno;
	else if (!S_ISREG(status.st_mode))
		r = -EINVAL;
	else {
		n = io_read_all(fd, text, sizeof(text));
		r = n < 0 ? (int)n : n > RECORD_BYTES_MAX ? -EINVAL : record_parse(text, (size_t)n, record);
	}
	close_fd(&fd);
	return r;
}

int
record_write(int dir_fd, const char *name, const struct record *record)
{
	struct buf text;
	int fd = -1, r;

	buf_init(&text, RECORD_BYTES_MAX);
	r = record_format(&text, record);
	if (r < 0)
		goto out;
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT) {
		r = -errno;
		goto out;
	}
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = -errno;
		goto out;
	}
	r = io_write_all(fd, text.data, text.len);
	if (r < 0)
		(void)unlinkat(dir_fd, name, 0);
out:
	close_fd(&fd);
	buf_free(&text);
	return r;
}

int
file_identify(int fd, struct file_id *id)
{
	struct statx status;

	memset(id, 0, sizeof(*id));
	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) < 0)
		return -errno;
	id->inode = status.stx_ino;
	if ((status.stx_mask & STATX_BTIME) != 0) {
		id->born_s = status.stx_btime.tv_sec;
		id->born_ns = status.stx_btime.tv_nsec;
	}
	return 0;
}

bool
file_is_same(const struct file_id *left, const struct file_id *right)
{
	return left->inode == right->inode && left->born_s == right->born_s && left->born_ns == right->born_ns;
}
