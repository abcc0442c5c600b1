/* SPDX-License-Identifier: ISC */
/*
 * Messages between servers, of which one has taken over from the other: lines of text over a SOCK_SEQPACKET channel. Each
 * ignores the lines that it does not know, for the two may be of different versions. upgrade.h has the words.
 */
#ifndef DAEMON_MASTER_SERVER_TEXT_H
#define DAEMON_MASTER_SERVER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

#define SERVER_TEXT_MAX 8192 /* bytes of one message */
#define SERVER_TEXT_WAIT_MS 2000 /* for room, where a message must not be lost */

struct buf;

/* Send len bytes, with fd unless that is -1; wait for room at most wait_ms. False: they were not sent. */
bool server_text_send(int channel, const char *text, size_t len, int fd, uint64_t wait_ms);

/* Send lines that are NUL-terminated, and wait. */
void server_text_say(int channel, const char *text);

/*
 * The next message, NUL-terminated. fd_out: the descriptor that came along, the caller's, or -1; NULL: none is taken.
 * 1, 0: none now; -EPIPE: the other end is gone.
 */
int server_text_receive(int channel, char text[SERVER_TEXT_MAX + 1], int *fd_out);

/* The next line of text, without its line break, or NULL; *text moves past it. */
char *server_text_line(char **text);

/* Add "session ID KEY USER" to lines, which are sent first, and cleared, when there is no room. */
void server_text_add_session(
    int channel, struct buf *lines, const char *id, const struct address_key *address, const char *user);

#endif
