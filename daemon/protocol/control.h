/* SPDX-License-Identifier: ISC */
/* The control connection: lines in, replies out. */
#ifndef DAEMON_PROTOCOL_CONTROL_H
#define DAEMON_PROTOCOL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct protocol;

/*
 * Append a one-line reply, "CODE text" CRLF. Control characters in the text become '?', so
 * that a client's bytes in it cannot end the line.
 */
void reply(struct protocol *protocol, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * A reply of several lines (RFC 959, 4.2): "CODE-text", lines that begin with a blank, and
 * the last one by reply().
 */
void reply_begin(struct protocol *protocol, int code, const char *text);
void reply_line(struct protocol *protocol, const char *format, ...) __attribute__((format(printf, 2, 3)));
void reply_line_bytes(struct protocol *protocol, const char *bytes, size_t len);

/* The lines of a text, each as "CODE-line": in front of a reply() with the same code. */
void reply_text(struct protocol *protocol, int code, const char *text);

/*
 * Has a whole line come? Takes it out of the received bytes; does not wait. The line stays current until
 * control_done_line().
 */
bool control_has_line(struct protocol *protocol);
void control_done_line(struct protocol *protocol);

/* Read what has come from the client. Sets at_end when the client is gone. */
void control_read(struct protocol *protocol);

/*
 * Read what came over TLS and lies inside already, where it wakes no poll(2). True: there is
 * something new (or the end). When false, wait for the events of control.input_wants.
 */
bool control_read_pending(struct protocol *protocol);

/* Write the replies out; waits for a client that does not read, as long as the monitor allows. */
void control_flush(struct protocol *protocol);

/*
 * TLS on the control connection: the handshake, as long as the monitor allows. False: it failed (logged), and the
 * session must end.
 */
bool control_start_tls(struct protocol *protocol);

/* Leave: send the rest of the replies, and TLS's close_notify; does not wait. */
void control_close(struct protocol *protocol);

#endif
