/* The listening sockets: opened at start, changed at reload without a gap. */
#ifndef DAEMON_MASTER_LISTENERS_H
#define DAEMON_MASTER_LISTENERS_H

#include <stddef.h>

#include "config/config.h"

struct master;
struct listener;

/*
 * Open what config asks for into listeners (room for LISTENERS_MAX); sockets of old that fit
 * are taken over by number. "*" opens IPv4 and, where the kernel has it, IPv6.
 *
 * error  on failure: which address and why; size bytes.
 *
 * Returns the number of listeners, or -errno with nothing new left open.
 */
int listeners_open(const struct config *config, const struct listener *old, size_t old_count,
    struct listener *listeners, char *error, size_t size);

/* Close those of old that are not in kept. */
void listeners_close_others(const struct listener *old, size_t old_count, const struct listener *kept, size_t count);

#endif
