/* SPDX-License-Identifier: ISC */
/*
 * A transfer rate that all sessions of an account share. A file holds, per direction, the moment at which the next
 * byte may move. Each session takes a span after it for its own bytes.
 */
#ifndef ACCOUNTS_RATE_H
#define ACCOUNTS_RATE_H

#include <stdint.h>

enum rate_direction { RATE_DOWN, RATE_UP, RATE_DIRECTION_COUNT };

/*
 * What one server takes of a rate that nodes servers have together; at least a byte a second. 0: no limit. nodes 0: how many
 * there are is not known, and the server takes all.
 */
uint64_t rate_part(uint64_t bytes_per_s, uint32_t nodes);

/* Open the file of an account; makes a missing one. Returns the descriptor, or -errno. */
int rate_open(const char *path);

/*
 * Take the time that bytes need at bytes_per_s.
 * Returns how long to wait before they move, in microseconds; 0 also when the file fails.
 */
uint64_t rate_take(int fd, enum rate_direction direction, uint64_t bytes_per_s, uint64_t bytes);

#endif
