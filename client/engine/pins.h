/* SPDX-License-Identifier: ISC */
/* The file of certificates that the user trusts: one "host port fingerprint" a line. */
#ifndef CLIENT_ENGINE_PINS_H
#define CLIENT_ENGINE_PINS_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIN_FINGERPRINT_SIZE 96	/* SHA-256 as "AB:CD:...", with NUL */

/*
 * Look for host (any case) and port in the text of a pin file. '#' begins a comment line; lines that are none of
 * ours are passed over; the last line for a host counts. Pure.
 */
bool pins_find(const char *text, const char *host, uint16_t port, char fingerprint[PIN_FINGERPRINT_SIZE]);

#define PIN_KEY_SIZE 64	/* "sha256//", 44 characters, NUL */

/* The SHA-256 of a certificate's public key as curl writes it: "sha256//BASE64". Returns 0 or -EINVAL. */
int pins_key_text(const X509 *certificate, char text[PIN_KEY_SIZE]);

/* Whether list is "sha256//BASE64", or several of them with ';' between them. Pure. */
bool pins_list_is_good(const char *list);

/* Whether such a list has this key. Pure. */
bool pins_list_has(const char *list, const char *key);

/* The path of the pin file: wanted when it is not NULL, else below $XDG_CONFIG_HOME or ~/.config. -ENOENT: no home. */
int pins_path(const char *wanted, char *path, size_t size);

/* Look a host up in a file. Returns 1 found, 0 not (or no such file), -EINVAL for no regular file, or -errno. */
int pins_look_up(const char *path, const char *host, uint16_t port, char fingerprint[PIN_FINGERPRINT_SIZE]);

/* Add a line; the file and its directories are made as needed, for the user alone. As pins_look_up(), or 0. */
int pins_add(const char *path, const char *host, uint16_t port, const char *fingerprint);

#endif
