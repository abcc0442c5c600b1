/* SPDX-License-Identifier: ISC */
/* Kinds of texts in the configuration: paths, names, hosts, addresses to listen at. Pure. */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_listen;

/* Why text is no absolute path of at most max bytes, as a phrase before the value; NULL: it is one. */
const char *value_path_refusal(const char *text, uint64_t max);

/* Letters, digits, '-' and '_', and those in also; not "", nor with '-' or '.' in front. */
bool value_is_plain_name(const char *text, const char *also);

/* A host name that is not an address mistyped: a name's last label is not all digits (RFC 3696, 2). */
bool value_is_host_name(const char *text);

/* A host name, or an address, of len bytes. */
bool value_is_host(const char *text, size_t len);

/* "*:21", "192.0.2.1:21", "[2001:db8::1]:21". NULL, or what is wrong, as a phrase before the value. */
const char *value_parse_listen(const char *text, struct config_listen *listen);

#endif
