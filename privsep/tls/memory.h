/* Whatever OpenSSL frees is wiped: its decoders leave pieces of a key behind, and a process that is forked later gets them. */
#ifndef PRIVSEP_TLS_MEMORY_H
#define PRIVSEP_TLS_MEMORY_H

/* Once, before anything else of OpenSSL is used. 0, or -EALREADY when that came too late. */
int memory_wipe_freed(void);

#endif
