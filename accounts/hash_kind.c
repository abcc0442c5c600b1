/* SPDX-License-Identifier: ISC */
#include "accounts/hash_kind.h"

#include <string.h>

#include "common/banned.h"

/* The part after the prefix of a method that belongs to its cost. */
enum cost_form {
	COST_NONE,
	COST_FIELD,	/* up to the next '$' */
	COST_ROUNDS,	/* "rounds=N$", or nothing */
	COST_BYTES	/* so many bytes */
};

struct method {
	const char *prefix;
	enum cost_form form;
	size_t bytes;
};

/* Longer prefixes before those that they begin with. */
static const struct method methods[] = {
    {"$gy$", COST_FIELD, 0},	/* gost-yescrypt */
    /* clang-format off */
    {"$y$", COST_FIELD, 0},	/* yescrypt */
    {"$7$", COST_BYTES, 11},	/* scrypt: N, r and p */
    {"$2a$", COST_FIELD, 0},	/* bcrypt */
    {"$2b$", COST_FIELD, 0},
    {"$2x$", COST_FIELD, 0},
    {"$2y$", COST_FIELD, 0},
    {"$6$", COST_ROUNDS, 0},	/* sha512crypt */
    {"$5$", COST_ROUNDS, 0},	/* sha256crypt */
    {"$sm3$", COST_ROUNDS, 0},
    {"$sha1$", COST_FIELD, 0},
    {"$md5", COST_FIELD, 0},	/* SunMD5: "$md5,rounds=N$" */
    {"$1$", COST_NONE, 0},
    {"$3$", COST_NONE, 0},
    {"_", COST_BYTES, 4},	/* BSDi extended DES */
    /* clang-format on */
};

static size_t
cost_len(const struct method *method, const char *text)
{
	size_t field = strcspn(text, "$");

	switch (method->form) {
	case COST_FIELD:
		return field + (text[field] == '$');
	case COST_ROUNDS:
		return strncmp(text, "rounds=", 7) == 0 ? field + (text[field] == '$') : 0;
	case COST_BYTES:
		return strnlen(text, method->bytes);
	case COST_NONE:
		break;
	}
	return 0;
}

size_t
hash_kind_len(const char *hash)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t prefix = strlen(methods[i].prefix), len;

		if (strncmp(hash, methods[i].prefix, prefix) != 0)
			continue;
		len = prefix + cost_len(&methods[i], hash + prefix);
		return len < HASH_KIND_MAX ? len : HASH_KIND_MAX;
	}
	return 0;
}

#define DES_LEN 13	/* two bytes of salt, eleven of the hash */
#define DES_BYTES "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define BSDI_LEN 20

bool
hash_kind_is_known(const char *hash)
{
	size_t len = strlen(hash);

	if (hash[0] == '_')
		return len == BSDI_LEN && strspn(hash + 1, DES_BYTES) == len - 1;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strncmp(hash, methods[i].prefix, strlen(methods[i].prefix)) == 0)
			return true;
	return len == DES_LEN && strspn(hash, DES_BYTES) == len;
}
