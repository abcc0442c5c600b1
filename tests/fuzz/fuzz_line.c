/* SPDX-License-Identifier: ISC */
/* The bytes of a control connection, in pieces, as lines; each line split into verb and argument. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/protocol/line.h"

#include "common/banned.h"

#define LINES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct line {
	enum line_event event;
	size_t len;
	uint32_t sum;
};

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static void
split(struct line_reader *reader)
{
	char *line = malloc(reader->len + 1), verb[16] = "", *argument = NULL;
	size_t len = 0;

	must(line != NULL);
	memcpy(line, reader->text, reader->len + 1);
	if (line_split(line, verb, &argument, &len) == 0) {
		must(strlen(verb) > 0 && strlen(verb) <= 15 && verb[0] >= 'A' && verb[0] <= 'Z');
		must((argument == NULL) == (len == 0));
		must(argument == NULL || (strlen(argument) == len && argument == line + strlen(verb) + 1));
		must(argument == NULL || argument + len == line + reader->len);
	}
	free(line);
}

static struct line
take_line(struct line_reader *reader, enum line_event event)
{
	struct line line = {.event = event, .len = reader->len};
	size_t nul = strlen(reader->text);

	must(reader->len <= COMMAND_LINE_MAX && reader->text[reader->len] == '\0');
	must(event == LINE_TOO_LONG || (nul == reader->len) == (event == LINE_WHOLE));
	must(event != LINE_TOO_LONG || reader->len == COMMAND_LINE_MAX);
	must(memchr(reader->text, '\n', reader->len) == NULL);
	for (size_t i = 0; i < reader->len; i++)
		line.sum = line.sum * 31 + (uint8_t)reader->text[i];
	if (event == LINE_WHOLE)
		split(reader);
	line_reset(reader);
	return line;
}

/* All lines of the bytes, fed in pieces of at most piece (0: the bytes choose the sizes). */
static size_t
read_lines(const uint8_t *bytes, size_t len, size_t piece, struct line lines[LINES_MAX])
{
	static struct line_reader reader;
	size_t count = 0, next = 0;

	memset(&reader, 0, sizeof(reader));
	while (next < len && count < LINES_MAX) {
		size_t n = piece == 0 ? bytes[next] % 7U + 1U : piece, used = 0;
		enum line_event event;
		uint8_t *copy;

		n = n < len - next ? n : len - next;
		copy = malloc(n);	/* a copy of exact size, so that reading past its end is seen */
		must(copy != NULL);
		memcpy(copy, bytes + next, n);
		event = line_feed(&reader, copy, n, &used);
		free(copy);
		must(event == LINE_MORE ? used == n : used > 0 && used <= n);
		next += used;
		if (event != LINE_MORE)
			lines[count++] = take_line(&reader, event);
	}
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = {0, 1, 4096};
	struct line lines[LINES_MAX], others[LINES_MAX];
	size_t count = read_lines(data, size, SIZE_MAX, lines);

	/* any pieces give the same lines */
	for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
		must(read_lines(data, size, pieces[p], others) == count);
		for (size_t i = 0; i < count; i++)
			must(lines[i].event == others[i].event && lines[i].len == others[i].len &&
			    lines[i].sum == others[i].sum);
	}
	return 0;
}
