/* SPDX-License-Identifier: ISC */
/* Questions on the terminal: a line, and a secret without echo. */
#ifndef CLIENT_UI_TERMINAL_H
#define CLIENT_UI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether there is a terminal to ask on (/dev/tty), whatever standard input is. */
bool terminal_is_there(void);

/*
 * Ask on /dev/tty and read one line into answer (NUL-terminated, without its end). is_secret: nothing is
 * echoed; the caller wipes answer. prompt is printed as it is: only escaped text.
 *
 * Returns 0, -ENOTTY where there is no terminal, -EINTR at Ctrl-C, -ENODATA at the end of input, -ENOBUFS for a line that is too long.
 */
int terminal_ask(const char *prompt, bool is_secret, char *answer, size_t size);

/* Read one line from a descriptor, byte by byte, so that nothing after it is read. Errors as terminal_ask(). */
int terminal_read_line(int fd, char *line, size_t size);

#endif
