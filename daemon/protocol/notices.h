/* SPDX-License-Identifier: ISC */
/* Notices of the administrator that wait for a reply to stand in front of. */
#ifndef DAEMON_PROTOCOL_NOTICES_H
#define DAEMON_PROTOCOL_NOTICES_H

struct protocol;

/*
 * A notice of the administrator: one more line, "CODE-text", in front of the next reply, but
 * not of a preliminary one, nor of one that programs read a number from. What has no room any more is left out.
 */
void notices_add(struct protocol *protocol, const char *text);

#endif
