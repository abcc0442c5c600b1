/* SPDX-License-Identifier: ISC */
#include "common/text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "common/buf.h"

#include "common/banned.h"

void
text_join(char *to, size_t size, ...)
{
	size_t done = 0;
	const char *text;
	va_list texts;

	va_start(texts, size);
	while ((text = va_arg(texts, const char *)) != NULL) {
		size_t len = strnlen(text, size - 1 - done);

		memcpy(to + done, text, len);
		done += len;
	}
	va_end(texts);
	to[done] = '\0';
}

int
parse_u64(const char *text, uint64_t max, uint64_t *value)
{
	uint64_t n = 0;

	if (*text == '\0')
		return -EINVAL;
	for (const char *p = text; *p != '\0'; p++)
		if (*p < '0' || *p > '9')
			return -EINVAL;
	for (const char *p = text; *p != '\0'; p++)
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) || __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -ERANGE;
	if (n > max)
		return -ERANGE;
	*value = n;
	return 0;
}

struct unit {
	char letter;
	uint64_t factor;
};

static int
parse_with_unit(const char *text, const struct unit *units, size_t count, uint64_t max, uint64_t *value)
{
	char digits[24];
	size_t len = strlen(text);
	uint64_t factor = 1, n;
	int r;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (text[len - 1] == units[i].letter) {
			factor = units[i].factor;
			len--;
			break;
		}
	}
	if (strspn(text, "0123456789") != len)
		return -EINVAL;
	if (len >= sizeof(digits))
		return -ERANGE;
	memcpy(digits, text, len);
	digits[len] = '\0';
	r = parse_u64(digits, UINT64_MAX, &n);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(n, factor, &n) || n > max)
		return -ERANGE;
	*value = n;
	return 0;
}

int
parse_size(const char *text, uint64_t max, uint64_t *bytes)
{
	static const struct unit units[] = {
	    {'K', 1ULL << 10},
	    {'M', 1ULL << 20},
	    {'G', 1ULL << 30},
	    {'T', 1ULL << 40},
	};

	return parse_with_unit(text, units, sizeof(units) / sizeof(units[0]), max, bytes);
}

int
parse_duration(const char *text, uint64_t max_s, uint64_t *seconds)
{
	static const struct unit units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

	return parse_with_unit(text, units, sizeof(units) / sizeof(units[0]), max_s, seconds);
}

int
parse_mode(const char *text, uint32_t *mode)
{
	size_t len = strlen(text);
	uint32_t n = 0;

	if (len < 3 || len > 4 || strspn(text, "01234567") != len)
		return -EINVAL;
	for (const char *p = text; *p != '\0'; p++)
		n = n * 8 + (uint32_t)(*p - '0');
	*mode = n;
	return 0;
}

size_t
utf8_sequence(const unsigned char *bytes, size_t len)
{
	static const struct {
		unsigned char first_low, first_high, second_low, second_high;
		size_t length;
	} forms[] = {
	    {0x00, 0x7f, 0x80, 0xbf, 1},
	    {0xc2, 0xdf, 0x80, 0xbf, 2},
	    {0xe0, 0xe0, 0xa0, 0xbf, 3},
	    {0xe1, 0xec, 0x80, 0xbf, 3},
	    {0xed, 0xed, 0x80, 0x9f, 3},
	    {0xee, 0xef, 0x80, 0xbf, 3},
	    {0xf0, 0xf0, 0x90, 0xbf, 4},
	    {0xf1, 0xf3, 0x80, 0xbf, 4},
	    {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	if (len == 0)
		return 0;
	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		size_t i;

		if (bytes[0] < forms[f].first_low || bytes[0] > forms[f].first_high)
			continue;
		if (forms[f].length > len)
			return 0;
		if (forms[f].length > 1 && (bytes[1] < forms[f].second_low || bytes[1] > forms[f].second_high))
			return 0;
		for (i = 2; i < forms[f].length; i++)
			if ((bytes[i] & 0xc0) != 0x80)
				return 0;
		return forms[f].length;
	}
	return 0;
}

bool
utf8_valid(const void *bytes, size_t len)
{
	const unsigned char *next = bytes;

	while (len > 0) {
		size_t n = utf8_sequence(next, len);

		if (n == 0)
			return false;
		next += n;
		len -= n;
	}
	return true;
}

uint32_t
utf8_code(const unsigned char *bytes, size_t n)
{
	uint32_t code = n == 1 ? bytes[0] : bytes[0] & (0x7fU >> n);

	for (size_t i = 1; i < n; i++)
		code = code << 6 | (bytes[i] & 0x3f);
	return code;
}

bool
utf8_deceives(uint32_t code)
{
	return code == 0x061c || (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	    (code >= 0x2060 && code <= 0x2069) || code == 0xfeff;
}

static bool
is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

bool
has_control(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++)
		if (is_control(p[i]))
			return true;
	return false;
}

/* U+0080 to U+009F, the C1 controls, as UTF-8: terminals obey them too. */
static bool
is_c1(const unsigned char *p, size_t n)
{
	return n == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

/* For one line of a reply. Names are bytes (RFC 2640): what is not UTF-8 goes out as it is. */
static bool
is_plain_in_reply(const unsigned char *p, size_t n)
{
	return !is_control(*p) && !is_c1(p, n);
}

static bool
is_plain_on_terminal(const unsigned char *p, size_t n)
{
	return n > 0 && !is_control(*p) && !is_c1(p, n) && (n == 1 || !utf8_deceives(utf8_code(p, n)));
}

int
escape_bytes(struct buf *out, enum escape_style style, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	while (len > 0) {
		size_t n = utf8_sequence(p, len);
		bool plain = style == ESCAPE_REPLY ? is_plain_in_reply(p, n) : is_plain_on_terminal(p, n);

		if (style == ESCAPE_LOG && (*p == '"' || *p == '\\'))
			plain = false;
		n = n == 0 ? 1 : n;
		if (plain)
			buf_add(out, p, n);
		else if (style == ESCAPE_REPLY)
			buf_add(out, "?", 1);
		for (size_t i = 0; !plain && style != ESCAPE_REPLY && i < n; i++)
			buf_addf(out, "\\x%02x", p[i]);
		p += n;
		len -= n;
	}
	return out->error;
}

int
escape_lines(struct buf *out, const char *text, size_t len)
{
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t taken = newline == NULL ? len : (size_t)(newline - text) + 1;
		size_t shown = newline == NULL ? taken : taken - 1;

		if (newline != NULL && shown > 0 && text[shown - 1] == '\r')
			shown--;
		escape_bytes(out, ESCAPE_REPLY, text, shown);
		if (newline != NULL)
			buf_add(out, "\n", 1);
		text += taken;
		len -= taken;
	}
	return out->error;
}
