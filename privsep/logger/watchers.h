/* SPDX-License-Identifier: ISC */
/* Watchers of events as they happen: sockets of sallyportctl, handed over by the master. */
#ifndef PRIVSEP_LOGGER_WATCHERS_H
#define PRIVSEP_LOGGER_WATCHERS_H

#include <poll.h>
#include <stddef.h>

#include "common/buf.h"
#include "privsep/logger/log_format.h"

#define WATCHERS_MAX 8

/* Take fd over; with WATCHERS_MAX already, or fd -1, it is closed. */
void watchers_add(int fd);

/*
 * Send an event to all, as a line of JSON made in line. Nothing waits: lines that a watcher does not take are left
 * out, and their number ("missed") comes before its next line. Half a line ends the watcher. Returns how many were
 * closed.
 */
size_t watchers_tell(const struct log_entry *entry, struct buf *line);

/* Fill in what to poll for, WATCHERS_MAX entries: only their end. */
void watchers_poll(struct pollfd *waits);

/* Close those whose end was seen. Returns how many were closed. */
size_t watchers_check(const struct pollfd *waits);

#endif
