/* SPDX-License-Identifier: ISC */
/* The command that resumes a stopped one, in the form in which the user types it. */
#ifndef CLIENT_UI_RESUME_H
#define CLIENT_UI_RESUME_H

#include <stdbool.h>
#include <stddef.h>

struct command;
struct options;
struct word;

/*
 * A command begins: keep its words, and add --continue if it takes that and lacks it. words are without the
 * command's name. is_shell: it was typed in the shell, whose commands have no program in front.
 */
void resume_set(const struct command *command, const struct word *words, size_t count, bool is_shell);

/* "" where there is none; quoted for sh(1), or for the shell of sallyport; valid until resume_set(). */
const char *resume_text(void);

#endif
