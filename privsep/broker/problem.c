/* SPDX-License-Identifier: ISC */
#include "privsep/broker/problem.h"

#include <string.h>

#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

#define HIDDEN "***"
#define PROBLEM_READ_MAX 4096 /* bytes of what a server says that are looked at */

static bool
begins_word(const char *text, size_t len, const char *word, size_t word_len)
{
	return word_len > 0 && len >= word_len && memcmp(text, word, word_len) == 0;
}

/* The end of a line; what follows on the next one is a sentence of its own, and libpq indents some. */
static size_t
skip_line_end(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (text[n] == '\n' || text[n] == '\r' || text[n] == '\t' || (n > 0 && text[n] == ' ')))
		n++;
	return n;
}

static void
clean_into(struct buf *out, const char *text, size_t len, const char *secret, size_t secret_len)
{
	while (len > 0 && out->error == 0) {
		size_t n = skip_line_end(text, len);

		if (n > 0) {
			buf_add_text(out, n < len ? "; " : "");
		} else if (begins_word(text, len, secret, secret_len)) {
			n = secret_len;
			buf_add_text(out, HIDDEN);
		} else {
			n = utf8_sequence((const unsigned char *)text, len);
			n = n == 0 ? 1 : n;
			escape_bytes(out, ESCAPE_TERMINAL, text, n);
		}
		text += n;
		len -= n;
	}
}

/* Advice of libpq that comes last, and is to verify less. */
static size_t
len_without_advice(const char *text)
{
	static const char advice[] = "\nEither provide the file";
	size_t len = strnlen(text, PROBLEM_READ_MAX);
	const char *found = memmem(text, len, advice, sizeof(advice) - 1);

	return found == NULL ? len : (size_t)(found - text);
}

void
problem_clean(const char *text, const char *secret, char *line, size_t size)
{
	struct buf out;
	size_t secret_len = secret == NULL ? 0 : strlen(secret);

	buf_init(&out, size - 1); /* what does not fit is left out */
	clean_into(&out, text, len_without_advice(text), secret, secret_len);
	memcpy(line, out.len == 0 ? "" : out.data, out.len);
	line[out.len] = '\0';
	buf_free(&out);
}

/* SQLSTATE: its class is its first two characters (PostgreSQL, appendix A). */
static const char refusing_classes[][3] = {
    "0A", /* feature not supported */
    "22", /* data exception */
    "3D", /* invalid catalog name */
    "3F", /* invalid schema name */
    "42", /* no such function, no right to it */
};

bool
problem_is_refusal(const char *sqlstate)
{
	for (size_t i = 0; sqlstate != NULL && i < sizeof(refusing_classes) / sizeof(refusing_classes[0]); i++)
		if (strncmp(sqlstate, refusing_classes[i], 2) == 0)
			return true;
	return false;
}

static const struct {
	const char *sqlstate, *cure;
} cures[] = {
    {"3F000", "; run 'sallyportctl store init'"},
    {"42883", "; run 'sallyportctl store upgrade'"},
    {"42501", "; the user of 'connect' is to be sallyport_node, or a member of it"},
};

const char *
problem_cure(const char *sqlstate)
{
	for (size_t i = 0; sqlstate != NULL && i < sizeof(cures) / sizeof(cures[0]); i++)
		if (strcmp(sqlstate, cures[i].sqlstate) == 0)
			return cures[i].cure;
	return "";
}
