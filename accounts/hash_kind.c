/* SPDX-License-Identifier: ISC */
#include "accounts/hash_kind.h"

#include <stdint.h>
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

/* --- what a hash may cost --- */

#define ROUNDS_MAX 1000000 /* of methods that count them */
#define BCRYPT_COST_MAX 13
#define SALSA_BYTES_MAX (UINT64_C(128) << 20) /* of yescrypt and scrypt */
#define SALSA_BLOCK 128
#define N_LOG2_MAX 30

/* The value of a digit of crypt(5); 64 and more: it is none. */
static uint32_t
crypt_digit(char digit)
{
	const char *place = digit == '\0' ? NULL : strchr(DES_BYTES, digit);

	return place == NULL ? 64 : (uint32_t)(place - DES_BYTES);
}

/* So many digits, the lowest first. False: there are not so many. */
static bool
crypt_number(const char *text, size_t digits, uint32_t *number)
{
	*number = 0;
	for (size_t i = 0; i < digits; i++) {
		uint32_t digit = crypt_digit(text[i]);

		if (digit > 63)
			return false;
		*number |= digit << (6 * i);
	}
	return true;
}

/* Digits up to '$' or the end, at most high. */
static bool
is_count_within(const char *text, uint64_t high)
{
	uint64_t count = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9' && count <= high; text++)
		count = 10 * count + (uint64_t)(*text - '0');
	return count <= high && (*text == '$' || *text == '\0');
}

static bool
is_memory_bearable(uint32_t n_log2, uint32_t r, uint32_t p)
{
	if (n_log2 > N_LOG2_MAX || r == 0 || p == 0)
		return false;
	return ((uint64_t)r * p) <= SALSA_BYTES_MAX / SALSA_BLOCK >> n_log2;
}

/* yescrypt's own numbers: one digit below 48; nobody needs more here. */
static bool
is_yescrypt_bearable(const char *text)
{
	uint32_t n_log2 = crypt_digit(text[0] == '\0' ? '\0' : text[1]);
	uint32_t r = n_log2 > 47 ? 64 : crypt_digit(text[2]);

	/* "FLAGS N R$": further parameters make it slower, and crypt_gensalt(3) sets none */
	if (crypt_digit(text[0]) > 47 || n_log2 > 47 || r > 47 || text[3] != '$')
		return false;
	return is_memory_bearable(n_log2 + 1, r + 1, 1);
}

static bool
is_scrypt_bearable(const char *text)
{
	uint32_t n_log2 = crypt_digit(text[0]), r, p;

	return n_log2 < 64 && crypt_number(text + 1, 5, &r) && crypt_number(text + 6, 5, &p) &&
	    is_memory_bearable(n_log2, r, p);
}

static bool
is_rounds_bearable(const char *text)
{
	return strncmp(text, "rounds=", 7) != 0 || is_count_within(text + 7, ROUNDS_MAX);
}

static bool
is_sha1_bearable(const char *text)
{
	return is_count_within(text, ROUNDS_MAX);
}

/* Each round takes in a page of text. */
static bool
is_sunmd5_bearable(const char *text)
{
	return strncmp(text, ",rounds=", 8) != 0 || is_count_within(text + 8, ROUNDS_MAX / 10);
}

static bool
is_bcrypt_bearable(const char *text)
{
	return is_count_within(text, BCRYPT_COST_MAX);
}

static bool
is_bsdi_bearable(const char *text)
{
	uint32_t rounds;

	return crypt_number(text, 4, &rounds) && rounds <= ROUNDS_MAX;
}

bool
hash_kind_is_bearable(const char *hash)
{
	static const struct {
		const char *prefix;
		bool (*is_bearable)(const char *text);
	} bounds[] = {
	    {"$y$", is_yescrypt_bearable},
	    {"$gy$", is_yescrypt_bearable},
	    {"$7$", is_scrypt_bearable},
	    {"$2a$", is_bcrypt_bearable},
	    {"$2b$", is_bcrypt_bearable},
	    {"$2x$", is_bcrypt_bearable},
	    {"$2y$", is_bcrypt_bearable},
	    {"$6$", is_rounds_bearable},
	    {"$5$", is_rounds_bearable},
	    {"$sm3$", is_rounds_bearable},
	    {"$sha1$", is_sha1_bearable},
	    {"$md5", is_sunmd5_bearable},
	    {"_", is_bsdi_bearable},
	};

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		if (strncmp(hash, bounds[i].prefix, strlen(bounds[i].prefix)) == 0)
			return bounds[i].is_bearable(hash + strlen(bounds[i].prefix));
	return true;
}
