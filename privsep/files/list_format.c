/* SPDX-License-Identifier: ISC */
#include "privsep/files/list_format.h"

#include <string.h>

#include "accounts/rights.h"
#include "common/buf.h"
#include "common/text.h"
#include "common/utc.h"
#include "privsep/ipc/messages.h"

#include "common/banned.h"

#define DAY_S 86400
#define RECENT_S (180 * (int64_t)DAY_S)	/* with the time of day; older: with the year, as ls does */

/* The hot loop writes 100,000 lines and more: numbers are put by hand, into room that was counted before. */

static char *
put_bytes(char *out, const void *bytes, size_t len)
{
	memcpy(out, bytes, len);
	return out + len;
}

#define put_literal(out, text) put_bytes(out, text, sizeof(text) - 1)

/* Digits of n in base 8, 10 or 16, filled on the left up to width. */
static char *
put_digits(char *out, uint64_t n, unsigned base, int width, char fill)
{
	char digits[24];
	int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n > 0);
	for (; width > count; width--)
		*out++ = fill;
	while (count > 0)
		*out++ = digits[--count];
	return out;
}

/* Is there a byte below 0x20 or above 0x7e among the eight? */
static uint64_t
has_odd(uint64_t bytes)
{
	const uint64_t each = 0x0101010101010101, high = 0x80 * each;

	return ((bytes - 0x20 * each) | (bytes + each) | bytes) & high;
}

static char *
put_escaped_name(char *out, const char *bytes, size_t len)
{
	/* borrowed memory with room for all: the reply style never makes text longer */
	struct buf to = {.data = out, .size = len + 1, .max = len};
	uint64_t odd = 0, eight = 0;
	size_t i = 0;

	for (; len - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, bytes + i, sizeof(eight));
		memcpy(out + i, &eight, sizeof(eight));
		odd |= has_odd(eight);
	}
	for (; i < len; i++) {
		out[i] = bytes[i];
		odd |= bytes[i] < 0x20 || bytes[i] > 0x7e;
	}
	if (odd == 0)	/* plain ASCII, as most names are */
		return out + len;
	escape_bytes(&to, ESCAPE_REPLY, bytes, len);
	return out + to.len;
}

static char *
put_shown(char *out, const struct list_shown *shown)
{
	out = put_escaped_name(out, shown->prefix, shown->prefix_len);
	return put_escaped_name(out, shown->name, shown->name_len);
}

static size_t
finish_line(const char *line, char *out)
{
	out = put_literal(out, "\r\n");
	return (size_t)(out - line);
}

static char
type_letter(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	default:
		return '-';
	}
}

static char *
put_mode(char *out, mode_t mode)
{
	static const char letters[] = "rwxrwxrwx";

	*out++ = type_letter(mode);
	for (int i = 0; i < 9; i++)
		out[i] = mode & (0400U >> i) ? letters[i] : '-';
	if (mode & S_ISUID)
		out[2] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		out[5] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		out[8] = mode & S_IXOTH ? 't' : 'T';
	return out + 9;
}

/* "Nov 21 01:02", or "Nov 21  2019" for what is not of the last half year. */
static char *
put_date(char *out, int64_t seconds, int64_t now)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct utc utc = utc_from_seconds(seconds);

	out = put_bytes(out, months + 3 * (utc.month - 1), 3);
	*out++ = ' ';
	out = put_digits(out, utc.day, 10, 2, ' ');
	*out++ = ' ';
	if (seconds > now + DAY_S || seconds < now - RECENT_S)
		return put_digits(out, utc.year, 10, 5, ' ');
	out = put_digits(out, utc.hour, 10, 2, '0');
	*out++ = ':';
	return put_digits(out, utc.minute, 10, 2, '0');
}

static char *
put_class(char *out, mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return put_literal(out, "/");
	case S_IFLNK:
		return put_literal(out, "@");
	case S_IFIFO:
		return put_literal(out, "|");
	case S_IFSOCK:
		return put_literal(out, "=");
	case S_IFREG:
		return mode & 0111 ? put_literal(out, "*") : out;
	default:
		return out;
	}
}

size_t
list_format_long(char line[LIST_LINE_MAX], const struct list_shown *shown, const struct stat *st,
    const char *link_target, int64_t now, bool is_classified)
{
	char *out = put_mode(line, st->st_mode);

	*out++ = ' ';
	out = put_digits(out, st->st_nlink, 10, 3, ' ');
	out = put_literal(out, " ftp      ftp      ");
	out = put_digits(out, (uint64_t)st->st_size, 10, 8, ' ');
	*out++ = ' ';
	out = put_date(out, st->st_mtim.tv_sec, now);
	*out++ = ' ';
	out = put_shown(out, shown);
	if (S_ISLNK(st->st_mode) && link_target != NULL) {
		out = put_literal(out, " -> ");
		out = put_escaped_name(out, link_target, strnlen(link_target, PATH_MAX));
	} else if (is_classified) {
		out = put_class(out, st->st_mode);
	}
	return finish_line(line, out);
}

size_t
list_format_name(char line[LIST_LINE_MAX], const struct list_shown *shown, const struct stat *st, bool is_classified)
{
	char *out = put_shown(line, shown);

	if (is_classified)
		out = put_class(out, st->st_mode);
	return finish_line(line, out);
}

enum mode_bit { BIT_EXECUTE = 1, BIT_WRITE = 2, BIT_READ = 4 };

/* The rights that the mode bits give the viewer, as the kernel decides without further groups. */
static unsigned
bits_of(const struct stat *st, const struct list_viewer *viewer)
{
	if (st->st_uid == viewer->uid)
		return st->st_mode >> 6 & 7;
	if (st->st_gid == viewer->gid)
		return st->st_mode >> 3 & 7;
	return st->st_mode & 7;
}

static bool
has_bits(const struct stat *st, const struct list_viewer *viewer, unsigned bits)
{
	return (bits_of(st, viewer) & bits) == bits;
}

/* Do the modes let the viewer take st out of parent? With the sticky bit only what is theirs. */
static bool
is_removable(const struct stat *st, const struct stat *parent, const struct list_viewer *viewer)
{
	if (!has_bits(parent, viewer, BIT_WRITE | BIT_EXECUTE))
		return false;
	return (parent->st_mode & S_ISVTX) == 0 || st->st_uid == viewer->uid || parent->st_uid == viewer->uid;
}

/* A letter of perm, where the rights include the one for it and the modes allow it. */
static char *
put_letter(char *out, char letter, unsigned rights, unsigned right, bool is_possible)
{
	if (is_possible && (rights & right) == right)
		*out++ = letter;
	return out;
}

/* The rights in a directory, or over the file that a link leads to. */
static unsigned
rights_inside(const struct list_looked *looked, const struct list_viewer *viewer)
{
	return looked->has_own_rights ? looked->own_rights : viewer->rights;
}

static bool
is_link(const struct list_looked *looked)
{
	return S_ISLNK(looked->own.st_mode);
}

/*
 * RFC 3659, 7.5.5: c create, d delete, e enter, f rename, l list, m make directories, p purge. A link is deleted by DELE,
 * and is never purged: what is in the directory would go, and the link would stay.
 */
static char *
put_directory_perm(
    char *out, const struct list_looked *looked, const struct stat *parent, const struct list_viewer *viewer)
{
	bool may_enter = has_bits(looked->st, viewer, BIT_EXECUTE);
	bool may_change = has_bits(looked->st, viewer, BIT_WRITE | BIT_EXECUTE);
	bool may_remove = is_removable(&looked->own, parent, viewer) && !looked->is_fixed;
	unsigned inside = rights_inside(looked, viewer), outside = viewer->rights;

	out = put_letter(out, 'c', inside, MAY_CREATE, may_change);
	out = put_letter(out, 'd', outside, is_link(looked) ? MAY_DELETE : MAY_RMDIR, may_remove);
	out = put_letter(out, 'e', inside, 0, may_enter);
	out = put_letter(out, 'f', outside, MAY_RENAME, may_remove);
	out = put_letter(out, 'l', inside, MAY_LIST, may_enter && has_bits(looked->st, viewer, BIT_READ));
	out = put_letter(out, 'm', inside, MAY_MKDIR, may_change);
	return put_letter(out, 'p', inside, MAY_DELETE, may_change && !is_link(looked));
}

/* What is no directory: d delete, f rename. */
static char *
put_name_perm(char *out, const struct list_looked *looked, const struct stat *parent, const struct list_viewer *viewer)
{
	bool may_remove = is_removable(&looked->own, parent, viewer);

	out = put_letter(out, 'd', viewer->rights, MAY_DELETE, may_remove);
	return put_letter(out, 'f', viewer->rights, MAY_RENAME, may_remove);
}

/*
 * A rename needs what an unlink needs. The directory of a link's target is not examined: there only the mode of the
 * file decides.
 */
static bool
is_replaceable(const struct list_looked *looked, const struct stat *parent, const struct list_viewer *viewer)
{
	return !viewer->is_atomic || is_link(looked) || is_removable(&looked->own, parent, viewer);
}

/* And of files: a append, r retrieve, w store. */
static char *
put_file_perm(char *out, const struct list_looked *looked, const struct stat *parent, const struct list_viewer *viewer)
{
	bool may_write = has_bits(looked->st, viewer, BIT_WRITE);
	unsigned inside = rights_inside(looked, viewer);

	out = put_letter(out, 'a', inside, MAY_OVERWRITE, may_write);
	out = put_name_perm(out, looked, parent, viewer);
	out = put_letter(out, 'r', inside, MAY_READ, has_bits(looked->st, viewer, BIT_READ));
	return put_letter(out, 'w', inside, MAY_OVERWRITE, may_write && is_replaceable(looked, parent, viewer));
}

static char *
put_type(char *out, const struct list_looked *looked)
{
	if (S_ISREG(looked->st->st_mode))
		return put_literal(out, "type=file;");
	if (is_link(looked))
		return put_literal(out, "type=OS.unix=symlink;");
	switch (looked->st->st_mode & S_IFMT) {
	case S_IFDIR:
		return put_literal(out, "type=dir;");
	case S_IFIFO:
		return put_literal(out, "type=OS.unix=pipe;");
	case S_IFSOCK:
		return put_literal(out, "type=OS.unix=socket;");
	default:
		return put_literal(out, "type=OS.unix=device;");
	}
}

/* YYYYMMDDHHMMSS (RFC 3659, 2.3). */
static char *
put_time(char *out, int64_t seconds)
{
	struct utc utc = utc_from_seconds(seconds);

	out = put_digits(out, utc.year, 10, 4, '0');
	out = put_digits(out, utc.month, 10, 2, '0');
	out = put_digits(out, utc.day, 10, 2, '0');
	out = put_digits(out, utc.hour, 10, 2, '0');
	out = put_digits(out, utc.minute, 10, 2, '0');
	return put_digits(out, utc.second, 10, 2, '0');
}

static char *
put_perm(char *out, const struct list_looked *looked, const struct stat *parent, const struct list_viewer *viewer)
{
	out = put_literal(out, "perm=");
	if (S_ISDIR(looked->st->st_mode))
		out = put_directory_perm(out, looked, parent, viewer);
	else if (S_ISREG(looked->st->st_mode))
		out = put_file_perm(out, looked, parent, viewer);
	else
		out = put_name_perm(out, looked, parent, viewer);
	return put_literal(out, ";");
}

/* The device relative to the home's: unique below the home, and reveals nothing about the host. */
static char *
put_unique(char *out, const struct stat *st, const struct list_viewer *viewer)
{
	out = put_literal(out, "unique=");
	out = put_digits(out, st->st_dev ^ viewer->home_device, 16, 0, '0');
	*out++ = 'U';
	out = put_digits(out, st->st_ino, 16, 0, '0');
	return put_literal(out, ";");
}

static char *
put_unix_mode(char *out, mode_t mode)
{
	out = put_literal(out, "UNIX.mode=");
	out = put_digits(out, mode & 07777, 8, 4, '0');
	return put_literal(out, ";");
}

static char *
put_size(char *out, uint64_t size)
{
	out = put_literal(out, "size=");
	out = put_digits(out, size, 10, 0, ' ');
	return put_literal(out, ";");
}

static char *
put_modify(char *out, int64_t seconds)
{
	out = put_literal(out, "modify=");
	out = put_time(out, seconds);
	return put_literal(out, ";");
}

size_t
list_format_facts(char facts[LIST_FACTS_MAX], const struct list_looked *looked, const struct stat *parent,
    const struct list_viewer *viewer)
{
	const struct stat *st = looked->st;
	char *out = facts;

	if (viewer->facts & FACT_TYPE)
		out = put_type(out, looked);
	if ((viewer->facts & FACT_SIZE) && S_ISREG(st->st_mode))
		out = put_size(out, (uint64_t)st->st_size);
	if (viewer->facts & FACT_MODIFY)
		out = put_modify(out, st->st_mtim.tv_sec);
	if (viewer->facts & FACT_PERM)
		out = put_perm(out, looked, parent, viewer);
	if (viewer->facts & FACT_UNIQUE)
		out = put_unique(out, st, viewer);
	if (viewer->facts & FACT_UNIX_MODE)
		out = put_unix_mode(out, st->st_mode);
	if (viewer->facts & FACT_UNIX_OWNER)
		out = put_literal(out, "UNIX.owner=ftp;");
	if (viewer->facts & FACT_UNIX_GROUP)
		out = put_literal(out, "UNIX.group=ftp;");
	*out++ = ' ';
	return (size_t)(out - facts);
}

size_t
list_format_entry(char line[LIST_LINE_MAX], const struct list_shown *shown, const struct list_looked *looked,
    const struct stat *parent, const struct list_viewer *viewer)
{
	char *out = line + list_format_facts(line, looked, parent, viewer);

	return finish_line(line, put_shown(out, shown));
}

size_t
list_format_header(char line[LIST_LINE_MAX], const char *directory, bool is_first)
{
	char *out = line;

	if (!is_first)
		out = put_literal(out, "\r\n");
	out = put_escaped_name(out, directory, strlen(directory));
	*out++ = ':';
	return finish_line(line, out);
}
