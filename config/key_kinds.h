/* SPDX-License-Identifier: ISC */
/* The kinds of configuration keys: how a value is described, printed and set. A new kind is one row. */
#ifndef CONFIG_KEY_KINDS_H
#define CONFIG_KEY_KINDS_H

#include <stdbool.h>

#include "config/keys.h"

struct key_kind {
	void (*describe)(const struct config_key *key, struct buf *out);	/* what a value may be; NULL: see words */
	const char *words;
	void (*print)(const struct config_key *key, const void *values, struct buf *out);
	/* NULL, or an error as a phrase before the value; key_no_memory: not the value's fault */
	const char *(*set)(const struct config_key *key, const char *text, void *values);
	bool is_text;	/* its values are in quotes */
	bool is_list;
};

extern const char key_no_memory[];

const struct key_kind *key_kind(enum key_type type);

#endif
