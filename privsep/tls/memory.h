/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's memory. What it frees is wiped: its decoders leave pieces of a key behind, and a process that is forked
 * later gets them. What it takes in a session comes from pages of the session's own: a page that is inherited
 * from the master is copied at the first byte that is written to it, and an allocator that fills holes writes everywhere.
 */
#ifndef PRIVSEP_TLS_MEMORY_H
#define PRIVSEP_TLS_MEMORY_H

/* Once, in the master, before anything else of OpenSSL is used. 0, or -EALREADY when that came too late. */
int memory_init(void);

/*
 * Once, in the monitor, before it forks: from here on nothing is taken from what was inherited, and what is
 * inherited stays as it is when it is freed.
 */
void memory_begin_session(void);

/* Pages of large freed blocks go back to the kernel. */
void memory_trim(void);

#endif
