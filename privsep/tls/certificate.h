/* Certificate and key files: read, checked, and what the protocol process needs of them made ready. */
#ifndef PRIVSEP_TLS_CERTIFICATE_H
#define PRIVSEP_TLS_CERTIFICATE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

#define PEM_FILE_MAX (256 * 1024)	/* bytes */

/* What a certificate and key are checked for, in one go. */
struct certificate_report {
	char error[512];	/* what is wrong and what would be right; "" when all is well */
	int64_t not_after;	/* seconds since the epoch; the leaf's end */
};

/*
 * Open a PEM file. is_key: the file must give nothing to users other than root and its
 * group, and the group no right to write.
 *
 * Returns a descriptor, or -errno with error filled.
 */
int certificate_open(const char *path, bool is_key, char *error, size_t size);

/*
 * Copy a file into a new sealed memory file, without looking at what it holds.
 * Returns a descriptor, or -errno (-EFBIG above PEM_FILE_MAX).
 */
int certificate_seal(int file_fd);

/*
 * Check that the chain and the key belong together, are of a type that is supported, and
 * that the leaf is in date. Parses the private key: runs in a process of its own, or in
 * sallyportctl; never in the master.
 *
 * Returns 0 or -EINVAL with report->error filled.
 */
int certificate_check(int chain_fd, int key_fd, const char *chain_path, const char *key_path,
    struct certificate_report *report);

/*
 * A server context with the chain of chain_fd and a key that is elsewhere (remote_key.h).
 * remote_key_init() came before. NULL: error filled. SSL_CTX_free() frees it.
 */
SSL_CTX *certificate_context(int chain_fd, enum config_tls_version minimum, char *error, size_t size);

/*
 * Make a context belong to one session: ticket keys of its own, so that only this session's
 * client can resume. In the protocol process. 0 or -errno.
 */
int certificate_context_confine(SSL_CTX *context);

#endif
