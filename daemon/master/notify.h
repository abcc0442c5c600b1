/* SPDX-License-Identifier: ISC */
/*
 * Reports the state of the server to its starter: to systemd by one datagram (sd_notify(3)), to a waiting parent by a
 * byte.
 */
#ifndef DAEMON_MASTER_NOTIFY_H
#define DAEMON_MASTER_NOTIFY_H

#include <sys/types.h>

/* Remember NOTIFY_SOCKET; before the environment is cleared. ready_fd: a pipe to a waiting parent, or -1. */
void notify_init(int ready_fd);

/* The socket's name, as NOTIFY_SOCKET had it; "": none. */
const char *notify_socket(void);

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

/* Another process is the server from now on; this one sends no more notifications. */
void notify_main_process(pid_t pid);

#endif
