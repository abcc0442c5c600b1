/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/line.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/banned.h"

#define IAC 0xff
#define TELNET_FIRST 0xf0	/* SE, the lowest command */
#define TELNET_SE 0xf0	/* the end of a subnegotiation */
#define TELNET_SB 0xfa	/* its begin: everything up to IAC SE belongs to it */
#define TELNET_WILL 0xfb	/* WILL, WONT, DO, DONT take an option byte */
#define TELNET_WONT 0xfc
#define TELNET_DO 0xfd
#define TELNET_DONT 0xfe

enum { TELNET_TEXT, TELNET_COMMAND, TELNET_OPTION, TELNET_SUB, TELNET_SUB_COMMAND };

static void
add_byte(struct line_reader *reader, uint8_t byte)
{
	if (reader->len == COMMAND_LINE_MAX) {
		reader->is_too_long = true;
		return;
	}
	if (byte == '\0')
		reader->has_nul = true;
	reader->text[reader->len++] = (char)byte;
}

/* A byte of the line's text; the CR that waits in front of it was a bare one. */
static void
take_byte(struct line_reader *reader, uint8_t byte)
{
	if (reader->after_cr) {
		add_byte(reader, '\r');
		reader->after_cr = false;
		if (byte == '\0')
			return;
	}
	if (byte == '\r')
		reader->after_cr = true;
	else
		add_byte(reader, byte);
}

static void
refuse_option(struct line_reader *reader, uint8_t verb, uint8_t option)
{
	if (reader->refusals_len + 3 > sizeof(reader->refusals))
		return;
	reader->refusals[reader->refusals_len++] = IAC;
	reader->refusals[reader->refusals_len++] = verb;
	reader->refusals[reader->refusals_len++] = option;
}

/* True when byte was part of a telnet command. Adds to the line what the command leaves for it. */
static bool
strip_telnet(struct line_reader *reader, uint8_t byte)
{
	switch (reader->telnet) {
	case TELNET_COMMAND:
		reader->telnet = TELNET_TEXT;
		if (byte == IAC) {
			take_byte(reader, IAC);
			return true;
		}
		reader->telnet_verb = byte;
		if (byte >= TELNET_WILL)
			reader->telnet = TELNET_OPTION;
		else if (byte == TELNET_SB)
			reader->telnet = TELNET_SUB;
		if (byte >= TELNET_FIRST)
			return true;
		take_byte(reader, IAC);	/* no telnet: a name in an 8-bit character set */
		return false;
	case TELNET_SUB:
		if (byte == IAC)
			reader->telnet = TELNET_SUB_COMMAND;
		else if (byte == '\n')
			reader->telnet = TELNET_TEXT;	/* never ended: the line is */
		return byte != '\n';
	case TELNET_SUB_COMMAND:
		reader->telnet = byte == TELNET_SE ? TELNET_TEXT : TELNET_SUB;
		return true;
	case TELNET_OPTION:
		reader->telnet = TELNET_TEXT;
		if (reader->telnet_verb == TELNET_WILL || reader->telnet_verb == TELNET_DO)
			refuse_option(reader, reader->telnet_verb == TELNET_WILL ? TELNET_DONT : TELNET_WONT, byte);
		return true;
	default:
		if (byte == IAC)
			reader->telnet = TELNET_COMMAND;
		return byte == IAC;
	}
}

enum line_event
line_feed(struct line_reader *reader, const uint8_t *bytes, size_t len, size_t *used)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = bytes[i];

		if (strip_telnet(reader, byte))
			continue;
		if (byte == '\n') {
			reader->text[reader->len] = '\0';
			*used = i + 1;
			if (reader->is_too_long)
				return LINE_TOO_LONG;
			return reader->has_nul ? LINE_WITH_NUL : LINE_WHOLE;
		}
		take_byte(reader, byte);
	}
	*used = len;
	return LINE_MORE;
}

void
line_reset(struct line_reader *reader)
{
	uint8_t telnet = reader->telnet;

	explicit_bzero(reader->text, reader->len);	/* it may have been a password */
	reader->len = 0;
	reader->is_too_long = false;
	reader->has_nul = false;
	reader->after_cr = false;
	reader->telnet = telnet;
}

int
line_split(char *line, char verb[16], char **argument, size_t *argument_len)
{
	size_t len = 0;

	while (len == 0 ? isalpha((unsigned char)line[0]) : isalnum((unsigned char)line[len])) {
		if (len == 15)
			return -EINVAL;
		verb[len] = (char)toupper((unsigned char)line[len]);
		len++;
	}
	verb[len] = '\0';
	if (len == 0 || (line[len] != '\0' && line[len] != ' '))
		return -EINVAL;
	*argument = line[len] == ' ' ? line + len + 1 : NULL;
	*argument_len = *argument == NULL ? 0 : strlen(*argument);
	if (*argument_len == 0)
		*argument = NULL;
	return 0;
}
