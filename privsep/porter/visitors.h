/* SPDX-License-Identifier: ISC */
/* The connections of the porter: from the introduction to the verdict. */
#ifndef PRIVSEP_PORTER_VISITORS_H
#define PRIVSEP_PORTER_VISITORS_H

#include <stdbool.h>
#include <stdint.h>

struct ipc_message;

/* No connection yet. Room for at most most of them, at least one; epoll_fd and channel (to the master) are borrowed. */
void visitors_init(int epoll_fd, int channel, uint32_t most);

/*
 * A received introduce: wait for the header of the connection that came with it. The oldest one makes room. False: the
 * message is malformed.
 */
bool visitors_introduce(struct ipc_message *message, uint64_t now_ms);

/* The connection with this number of epoll_event.data can be read, or has ended. */
void visitors_ready(uint32_t number);

/* Give up those whose time is over. Returns the ms until the next one's is, -1 for none. */
int visitors_expire(uint64_t now_ms);

#endif
