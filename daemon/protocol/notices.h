/* SPDX-License-Identifier: ISC */
/* Notices of the administrator that wait for the next reply. */
#ifndef DAEMON_PROTOCOL_NOTICES_H
#define DAEMON_PROTOCOL_NOTICES_H

struct protocol;

/*
 * A notice of the administrator: one more line, "CODE-text", before the next reply. Preliminary replies, and those
 * from which programs read a number, are skipped. A notice without room is dropped.
 */
void notices_add(struct protocol *protocol, const char *text);

#endif
