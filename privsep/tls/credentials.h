/* SPDX-License-Identifier: ISC */
/* What TLS needs of one server of several in one (sallyport.conf(5), "server"). */
#ifndef PRIVSEP_TLS_CREDENTIALS_H
#define PRIVSEP_TLS_CREDENTIALS_H

#include <openssl/ssl.h>

/* Made by the master, and inherited by its sessions. Servers with the same files have the same values. */
struct credentials {
	SSL_CTX *context;	/* without its key; NULL: no certificate */
	int key_fd;	/* the key's numbers in sealed memory (key_parts.h); -1: no certificate */
};

#endif
