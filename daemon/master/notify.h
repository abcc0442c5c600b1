/* SPDX-License-Identifier: ISC */
/* Tells whoever started the server how it is: systemd by one datagram (sd_notify(3)), a waiting parent by a byte. */
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

/* Another process is the server from now on; nothing is told any more by this one. */
void notify_main_process(pid_t pid);

#endif
