/* SPDX-License-Identifier: ISC */
#include "client/engine/answer.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/character.h"
#include "common/text.h"

#include "common/banned.h"

/* Digits at *text, at most max in value; *text moves past them. Returns 0 or -EINVAL. */
static int
read_decimal(const char **text, unsigned int max, unsigned int *value)
{
	const char *next = *text;

	if (!is_digit(*next))
		return -EINVAL;
	for (*value = 0; is_digit(*next); next++) {
		*value = *value * 10 + (unsigned int)(*next - '0');
		if (*value > max)
			return -EINVAL;
	}
	*text = next;
	return 0;
}

int
answer_epsv(const char *message, uint16_t *port)
{
	const char *next = strchr(message, '(');
	unsigned int number;
	char bar;

	if (next == NULL || next[1] == '\0')
		return -EINVAL;
	bar = next[1];
	if (is_digit(bar) || next[2] != bar || next[3] != bar)
		return -EINVAL;
	next += 4;
	if (read_decimal(&next, UINT16_MAX, &number) < 0 || number == 0 || next[0] != bar || next[1] != ')')
		return -EINVAL;
	*port = (uint16_t)number;
	return 0;
}

static int
read_pasv_address(const char *next, uint32_t *host, uint16_t *port)
{
	unsigned int numbers[6];

	for (int i = 0; i < 6; i++) {
		if (i > 0 && *next++ != ',')
			return -EINVAL;
		/* not in the grammar, and seen in the wild: "(127, 0, 0, 1, 8, 9)" */
		while (i > 0 && *next == ' ')
			next++;
		if (read_decimal(&next, 255, &numbers[i]) < 0)
			return -EINVAL;
	}
	if (*next == ',' || (numbers[4] == 0 && numbers[5] == 0))
		return -EINVAL;
	*host = htonl(numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3]);
	*port = (uint16_t)(numbers[4] << 8 | numbers[5]);
	return 0;
}

int
answer_pasv(const char *message, uint32_t *host, uint16_t *port)
{
	for (const char *next = message; *next != '\0'; next++) {
		if (is_digit(*next) && (next == message || (!is_digit(next[-1]) && next[-1] != ',')) &&
		    read_pasv_address(next, host, port) == 0)
			return 0;
	}
	return -EINVAL;
}

/* "257 /x", "257 /x is the current directory": without quotes only an absolute path differs from a word. */
static int
bare_path(const char *message, char *path, size_t size)
{
	const char *end;
	size_t len;

	message += strspn(message, " ");
	end = strstr(message, " is ");
	len = end == NULL ? strlen(message) : (size_t)(end - message);
	while (len > 1 && message[len - 1] == ' ')
		len--;
	if (len == 0 || message[0] != '/')
		return -EINVAL;
	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(path, message, len);
	path[len] = '\0';
	return 0;
}

int
answer_path(const char *message, char *path, size_t size)
{
	const char *next = strchr(message, '"');
	size_t len = 0;

	if (next == NULL)
		return bare_path(message, path, size);
	for (next++; next[0] != '"' || next[1] == '"'; next++) {
		if (next[0] == '\0')
			return -EINVAL;
		if (len + 1 >= size)
			return -ENAMETOOLONG;
		path[len++] = *next;
		if (next[0] == '"')
			next++;
	}
	path[len] = '\0';
	return len == 0 ? -EINVAL : 0;
}

int
answer_time(const char *text, size_t len, int64_t *seconds)
{
	int fields[7];
	struct tm utc;
	time_t time;

	if (len < 14 || (len > 14 && text[14] != '.'))
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (i != 14 && !is_digit(text[i]))
			return -EINVAL;
	}
	for (size_t i = 0; i < 7; i++)
		fields[i] = (text[2 * i] - '0') * 10 + text[2 * i + 1] - '0';
	utc = (struct tm){
	    .tm_year = fields[0] * 100 + fields[1] - 1900,
	    .tm_mon = fields[2] - 1,
	    .tm_mday = fields[3],
	    .tm_hour = fields[4],
	    .tm_min = fields[5],
	    .tm_sec = fields[6],
	};
	if (utc.tm_year < 1601 - 1900 || utc.tm_mon < 0 || utc.tm_mon > 11 || utc.tm_mday < 1 || utc.tm_mday > 31 ||
	    utc.tm_hour > 23 || utc.tm_min > 59 || utc.tm_sec > 60)
		return -EINVAL;
	time = timegm(&utc);
	/* ftp uses the second before 1970 as the sign for no time */
	if (time == -1)
		return -EINVAL;
	*seconds = time;
	return 0;
}

static bool
is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int
answer_hash(const char *message, size_t digits, char *hex)
{
	const char *next = message;

	while (*next != '\0') {
		size_t len = 0;

		if (next[0] == '0' && (next[1] == 'x' || next[1] == 'X'))
			next += 2;
		while (is_alphanumeric(next[len]))
			len++;
		if (len == digits) {
			size_t i = 0;

			while (i < len && hex_digit(next[i]) >= 0) {
				hex[i] = "0123456789abcdef"[hex_digit(next[i])];
				i++;
			}
			hex[i] = '\0';
			if (i == len)
				return 0;
		}
		next += len > 0 ? len : *next != '\0';
	}
	return -EINVAL;
}

int
answer_hash_range(const char *message, uint64_t *first, uint64_t *last)
{
	char numbers[2][24];
	size_t at = strcspn(message, " "), len[2];

	at += strspn(message + at, " ");
	len[0] = strspn(message + at, "0123456789");
	if (message[at + len[0]] != '-')
		return -EINVAL;
	len[1] = strspn(message + at + len[0] + 1, "0123456789");
	if (message[at + len[0] + 1 + len[1]] != ' ' || len[0] >= sizeof(numbers[0]) || len[1] >= sizeof(numbers[1]))
		return -EINVAL;
	memcpy(numbers[0], message + at, len[0]);
	memcpy(numbers[1], message + at + len[0] + 1, len[1]);
	numbers[0][len[0]] = numbers[1][len[1]] = '\0';
	return parse_u64(numbers[0], UINT64_MAX - 1, first) == 0 && parse_u64(numbers[1], UINT64_MAX - 1, last) == 0
	    ? 0
	    : -EINVAL;
}

const char *
answer_feature(const char *text, const char *feature)
{
	size_t len = strlen(feature);

	/* features are in lines that begin with a blank; some servers put the code there */
	while (text != NULL && *text != '\0') {
		const char *line = text;

		if (strspn(line, "0123456789") == 3 && (line[3] == '-' || line[3] == ' '))
			line += 4;
		line += strspn(line, " ");
		if (strncasecmp(line, feature, len) == 0 && (line[len] == '\0' || line[len] == '\n'))
			return line + len;
		if (strncasecmp(line, feature, len) == 0 && line[len] == ' ')
			return line + len + 1;
		text = strchr(text, '\n');
		if (text != NULL)
			text++;
	}
	return NULL;
}
