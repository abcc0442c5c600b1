/* SPDX-License-Identifier: ISC */
/* Digests of content, by algorithm: bytes in, hexadecimal text out. */
#ifndef PRIVSEP_FILES_DIGEST_H
#define PRIVSEP_FILES_DIGEST_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "privsep/ipc/messages.h"

#define DIGEST_TEXT_SIZE 129	/* SHA-512 in hex, with NUL */

struct digest {
	enum ipc_hash algorithm;
	EVP_MD_CTX *context;	/* owned by the module; not for CRC-32 */
	bool has_own_context;	/* owned by the digest */
	uint32_t crc;
};

/* Fetch the algorithms. Once, before the walls: later nothing may be loaded or opened. 0 or -errno. */
int digest_init(void);

/* "sha256"; also the last part of the cache's attribute. */
const char *digest_name(enum ipc_hash algorithm);

/* Digits of its text. */
size_t digest_text_len(enum ipc_hash algorithm);

/* Begin, feed, end: text is lower-case hex with a NUL. One digest at a time. 0 or -errno. */
int digest_begin(struct digest *digest, enum ipc_hash algorithm);
int digest_add(struct digest *digest, const void *bytes, size_t len);
int digest_end(struct digest *digest, char text[DIGEST_TEXT_SIZE]);

/* The text of what was fed until now; the digest goes on. 0 or -errno. */
int digest_so_far(const struct digest *digest, char text[DIGEST_TEXT_SIZE]);

/* Another digest in the same state, with a context of its own; digest_drop() releases it. 0 or -errno. */
int digest_copy(struct digest *copy, const struct digest *digest);

/* As digest_begin(), for one that goes on beside others; digest_drop() releases it, ended or not. */
int digest_begin_own(struct digest *digest, enum ipc_hash algorithm);
void digest_drop(struct digest *digest);

#endif
