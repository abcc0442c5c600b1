/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/text.h"
#include "store/tool/modes.h"

#include "common/banned.h"

void
answer_line(enum dialog_answer answer, const char *argument, size_t len)
{
	fputs(dialog_answers[answer], stdout);
	if (len > 0) {
		putchar(' ');
		fwrite(argument, 1, len, stdout);
	}
	putchar('\n');
}

void
answer_text(enum dialog_answer answer, const char *format, ...)
{
	struct buf text, clean;
	va_list args;

	buf_init(&text, ACCOUNT_LINE_MAX / 2);
	buf_init(&clean, ACCOUNT_LINE_MAX);
	va_start(args, format);
	buf_addv(&text, format, args);
	va_end(args);
	escape_bytes(&clean, ESCAPE_REPLY, text.data == NULL ? "" : text.data, text.len);
	if (clean.len > 0 && !dialog_may_carry(clean.data, clean.len)) {	/* bytes that are not UTF-8 */
		for (size_t i = 0; i < clean.len; i++)
			if ((unsigned char)clean.data[i] > '~')
				clean.data[i] = '?';
	}
	answer_line(answer, clean.data == NULL ? "no memory" : clean.data, clean.data == NULL ? 9 : clean.len);
	buf_free(&text);
	buf_free(&clean);
	fflush(stdout);
}
