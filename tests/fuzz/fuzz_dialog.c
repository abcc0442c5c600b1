/* SPDX-License-Identifier: ISC */
/* Every line of the input as one between sallyportctl and sallyport-store, both ways. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/store_dialog.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken has a word of the table, an argument within the line, and nothing that ends a line or moves a cursor. */
static void
check_line(const char *line, size_t len, int word, const char *const words[], const char *argument, size_t argument_len)
{
	if (word < 0)
		return;
	if (len != strlen(words[word]) + (argument_len > 0) + argument_len ||
	    memcmp(line, words[word], strlen(words[word])) != 0)
		abort();
	if (argument_len > ACCOUNT_LINE_MAX || !dialog_may_carry(argument, argument_len))
		abort();
	for (size_t i = 0; i < argument_len; i++)
		if ((unsigned char)argument[i] < ' ' && argument[i] != '\t')
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)), *argument;
		size_t len = (size_t)((newline == NULL ? end : newline) - text), argument_len;
		char *line = malloc(len + 1);	/* a copy of exact size, so that reading past its end is seen */
		int word;

		if (line == NULL)
			return 0;
		memcpy(line, text, len);
		word = dialog_parse_answer(line, len, &argument, &argument_len);
		check_line(line, len, word, dialog_answers, argument, argument_len);
		word = dialog_parse_request(line, len, &argument, &argument_len);
		check_line(line, len, word, dialog_requests, argument, argument_len);
		free(line);
		text += len + 1;
	}
	return 0;
}
