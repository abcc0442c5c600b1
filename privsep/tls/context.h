/* SPDX-License-Identifier: ISC */
/* What libssl needs of a certificate: made once in the master, and bound to a session in the protocol process. */
#ifndef PRIVSEP_TLS_CONTEXT_H
#define PRIVSEP_TLS_CONTEXT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/*
 * Why the kernel cannot encrypt what is sent (Linux, CONFIG_TLS), and what helps; NULL: it can. With CAP_NET_ADMIN the question
 * loads the module.
 */
const char *context_kernel_trouble(void);

/*
 * A server context with the chain of chain_fd (a memory file) and a key that another process holds (remote_key.h).
 * Call remote_key_init() before. NULL: error filled. SSL_CTX_free() frees it.
 *
 * uses_kernel  data connections may have the kernel encrypt (stream.c).
 */
SSL_CTX *context_new(int chain_fd, enum config_tls_version minimum, bool uses_kernel, char *error, size_t size);

/*
 * Make a context belong to one session: ticket keys of its own, so that only this session's
 * client can resume. In the protocol process. 0 or -errno.
 */
int context_confine(SSL_CTX *context);

/*
 * Which context shows its certificate to a client that names a server in its ClientHello (RFC 6066, 3). name: not
 * empty, any bytes but NUL. NULL: there is no such server.
 */
struct context_choice {
	SSL_CTX *(*choose)(void *arg, const char *name);
	void *arg;
};

/*
 * Control connections that begin with this context have choose asked before anything of it is used. Without a name, or
 * with one that is not known, it stays as it is. Keys of tickets stay those of this context. choice is borrowed.
 */
void context_choose_by_name(SSL_CTX *context, struct context_choice *choice);

/* Sessions that began with this number are resumed with it alone, whatever the keys of their tickets. 0 or -EINVAL. */
int context_set_number(SSL_CTX *context, uint8_t number);

/*
 * Only sessions that began on the control connection may be resumed. One that began on a data connection proves
 * nothing: anybody at the client's address may have come first.
 *
 * context_control_begin() before the handshake of the control connection, and before another context is set; _done()
 * after it.
 */
void context_control_begin(SSL *control);
void context_control_done(SSL *control);

/* After a handshake: does it resume a session that began on the control connection? */
bool context_resumes_control(const SSL *ssl);

#endif
