/* SPDX-License-Identifier: ISC */
/* The type ASCII: lines end with CRLF on the way (RFC 959, 3.1.1.1), and with LF here. Pure. */
#ifndef CLIENT_ENGINE_TEXT_WIRE_H
#define CLIENT_ENGINE_TEXT_WIRE_H

#include <stdbool.h>
#include <stddef.h>

/* Of one data connection; zeroed at its begin. */
struct text_wire {
	bool is_on;
	bool has_held;	/* the last byte that came was CR, and what follows is not known yet */
	bool was_cr;	/* the last byte that went was CR */
	bool has_next;	/* a byte that came, and had no room */
	char next;
};

/*
 * Turn CRLF into LF in len bytes that came; a CR at the end is held back, and comes with the next bytes: bytes needs room for one
 * more. Returns the new length.
 */
size_t text_wire_receive(struct text_wire *text, char *bytes, size_t len);

/* Turn LF into CRLF, but for one that has its CR. out has room for 2 * len. Returns the length. */
size_t text_wire_send(struct text_wire *text, const char *bytes, size_t len, char *out);

#endif
