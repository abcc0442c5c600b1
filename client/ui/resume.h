/* SPDX-License-Identifier: ISC */
/* The command that goes on where this one was stopped, as it is to be typed. */
#ifndef CLIENT_UI_RESUME_H
#define CLIENT_UI_RESUME_H

#include <stdbool.h>
#include <stddef.h>

struct command;
struct options;
struct word;

/*
 * A command begins: keep its words, with --continue where it takes it and has it not. words are without the command's name.
 * is_shell: it was typed in the shell, whose commands have no program in front.
 */
void resume_set(const struct command *command, const struct word *words, size_t count, bool is_shell);

/* "" where there is none; quoted for sh(1), or for the shell of sallyport; valid until resume_set(). */
const char *resume_text(void);

#endif
