/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's memory. What it frees is wiped: its decoders leave pieces of a key there, which a process that is forked
 * later would get. In a session its memory comes from the session's own pages. The first byte that is written to a
 * page inherited from the master copies it, and an allocator that fills holes writes everywhere.
 */
#ifndef PRIVSEP_TLS_MEMORY_H
#define PRIVSEP_TLS_MEMORY_H

/* Once, in the master, before anything else of OpenSSL is used. 0, or -EALREADY when that came too late. */
int memory_init(void);

/*
 * Once, in the monitor, before it forks: from here on no inherited memory is used, and inherited memory stays as it
 * is when it is freed.
 */
void memory_begin_session(void);

/* Pages of large freed blocks go back to the kernel. */
void memory_trim(void);

#endif
