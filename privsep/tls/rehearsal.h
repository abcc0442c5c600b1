/* SPDX-License-Identifier: ISC */
/* Runs in the master, before the first client comes. */
#ifndef PRIVSEP_TLS_REHEARSAL_H
#define PRIVSEP_TLS_REHEARSAL_H

/*
 * Run one whole handshake with a throw-away certificate. What libssl and libcrypto prepare and keep at the first
 * handshake is made here, once, for all sessions. 0, or -EIO: sessions will prepare it themselves.
 */
int tls_rehearse(void);

#endif
