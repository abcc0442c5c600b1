/* SPDX-License-Identifier: ISC */
/* TYPE A: line ends between the file (LF) and the network (CRLF; RFC 959, 3.1.1.1). Pure. */
#ifndef DAEMON_PROTOCOL_ASCII_H
#define DAEMON_PROTOCOL_ASCII_H

#include <stdbool.h>
#include <stddef.h>

/*
 * File to network: every LF becomes CRLF. A CR before it is a byte like any other, so that the way back gives the
 * same file. out has room for 2 * len. Returns the bytes written to out.
 */
size_t ascii_encode(const char *in, size_t len, char *out);

/*
 * Network to file: CRLF becomes LF, other bytes stay. A CR at the end of a piece waits in
 * *held for the next one; after the last piece call ascii_decode_end().
 * out has room for len + 1. Returns the bytes written to out.
 */
size_t ascii_decode(const char *in, size_t len, bool *held, char *out);

/* The CR that still waits, if any: 0 or 1 byte to out. */
size_t ascii_decode_end(bool *held, char *out);

#endif
