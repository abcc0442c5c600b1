/* SPDX-License-Identifier: ISC */
#include "client/ui/resume.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/ui/command.h"
#include "client/ui/words.h"
#include "common/buf.h"

#include "common/banned.h"

#define TEXT_MAX 16384

/* One command at a time is run by the main thread. */
static char kept_command[TEXT_MAX];

/* A word for sh(1): bare where all of its characters are harmless, else in single quotes. */
static void
add_word(struct buf *out, const char *text)
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_";

	(void)buf_add_text(out, " ");
	if (*text != '\0' && text[strspn(text, harmless)] == '\0') {
		(void)buf_add_text(out, text);
		return;
	}
	(void)buf_add_text(out, "'");
	for (; *text != '\0'; text++)
		(void)buf_add(out, *text == '\'' ? "'\\''" : text, *text == '\'' ? 4 : 1);
	(void)buf_add_text(out, "'");
}

static bool
has_continue(const struct word *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *text = words[i].text;

		if (strcmp(text, "--continue") == 0 || (text[0] == '-' && text[1] == 'c'))
			return true;
	}
	return false;
}

void
resume_set(const struct command *command, const struct word *words, size_t count, bool is_shell)
{
	struct buf text;

	buf_init(&text, TEXT_MAX - 1);
	if (!is_shell)
		(void)buf_addf(&text, "%s ", program_invocation_name);
	(void)buf_add_text(&text, command->name);
	if ((command->options & OPTION_BIT(OPTION_CONTINUE)) != 0 && !has_continue(words, count) &&
	    strncmp(command->name, "re", 2) != 0)
		(void)buf_add_text(&text, " --continue");
	for (size_t i = 0; i < count; i++) {
		/* in the shell of sallyport a wildcard is one only outside of quotes */
		if (is_shell && words[i].pattern != NULL && strchr(words[i].pattern, '\'') == NULL)
			(void)buf_addf(&text, " %s", words[i].pattern);
		else
			add_word(&text, words[i].text);
	}
	snprintf(kept_command, sizeof(kept_command), "%s", text.error < 0 ? "" : text.data);
	buf_free(&text);
}

const char *
resume_text(void)
{
	return kept_command;
}
