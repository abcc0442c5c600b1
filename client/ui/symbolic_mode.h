/* SPDX-License-Identifier: ISC */
/* Modes as chmod(1) takes them: "644", "u+x,g-w", "a=rX". Pure. */
#ifndef CLIENT_UI_SYMBOLIC_MODE_H
#define CLIENT_UI_SYMBOLIC_MODE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the text changes a mode that there is, so that this must be known; an octal one does not. */
bool mode_is_symbolic(const char *text);

/*
 * The mode that text makes of another one (POSIX, chmod: the umask does not matter, as it is not the server's).
 * Letters: who "ugoa", what "+-=", permissions "rwxXst" or one of "ugo", whose rights are copied.
 *
 * Returns 0 or -EINVAL.
 */
int mode_apply(const char *text, uint32_t before, bool is_directory, uint32_t *after);

#endif
