/* SPDX-License-Identifier: ISC */
/*
 * The process title: what ps shows as the command line. Written in place: plain stores, no system call. The place is over
 * the arguments and the environment that the program was started with, where as much is shown as there is room, or after
 * title_move() a buffer of this program.
 */
#ifndef COMMON_TITLE_H
#define COMMON_TITLE_H

#include <stddef.h>

/* In main(), before anything is forked: find the room. */
void title_init(int argc, char **argv);

/*
 * After title_init(), with one thread: move the title onto a page that each process writes to anyway. Otherwise it costs
 * each of them a page fault and a page. Where the kernel will not (PR_SET_MM_MAP, /proc), the title stays where it is.
 */
void title_move(void);

/*
 * Say what the process is: "protocol", "protocol 192.0.2.1", "protocol alice@192.0.2.1" (user and address NULL:
 * none); after it comes what it does. From here on the strings of argv and of the first environment are overwritten.
 * Control characters become '?'.
 */
void title_set(const char *role, const char *user, const char *address);

/*
 * Say what it does: "RETR", with len bytes that a client chose, such as a path (0: none). Bytes that could hurt a
 * terminal become '?'.
 */
void title_doing(const char *what, const char *client_text, size_t len);

/*
 * Give the process its short name, for pgrep -x, pidof, top, ss -p and the kernel's messages (PR_SET_NAME): at most
 * TITLE_NAME_MAX bytes. Children inherit it. Only the master has TITLE_NAME_MASTER, so that a tool that ends
 * processes by their name (start-stop-daemon --name) ends no session.
 */
void title_name(const char *name);

#define TITLE_NAME_MAX 15	/* the kernel's TASK_COMM_LEN without its NUL */
#define TITLE_NAME_MASTER "sallyportd"

/* Copy text so that it cannot hurt a terminal, at most size bytes, without a NUL. Returns how many. Pure. */
size_t title_clean(char *to, size_t size, const char *text, size_t len);

#endif
