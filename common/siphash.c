/* SPDX-License-Identifier: ISC */
#include "common/siphash.h"

#include "common/banned.h"

#define ROTATE(word, bits) ((word) << (bits) | (word) >> (64 - (bits)))

struct state {
	uint64_t v0, v1, v2, v3;
};

static void
rounds(struct state *s, int count)
{
	while (count-- > 0) {
		s->v0 += s->v1;
		s->v1 = ROTATE(s->v1, 13) ^ s->v0;
		s->v0 = ROTATE(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = ROTATE(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = ROTATE(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = ROTATE(s->v1, 17) ^ s->v2;
		s->v2 = ROTATE(s->v2, 32);
	}
}

/* Up to eight bytes, the first one lowest. */
static uint64_t
load_word(const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	return word;
}

static void
mix_word(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	rounds(s, 2);
	s->v0 ^= word;
}

uint64_t
siphash(const struct siphash_key *key, const void *data, size_t len)
{
	struct state s = {
	    .v0 = UINT64_C(0x736f6d6570736575) ^ key->words[0],
	    .v1 = UINT64_C(0x646f72616e646f6d) ^ key->words[1],
	    .v2 = UINT64_C(0x6c7967656e657261) ^ key->words[0],
	    .v3 = UINT64_C(0x7465646279746573) ^ key->words[1],
	};
	const uint8_t *bytes = data;
	size_t at = 0;

	for (; len - at >= 8; at += 8)
		mix_word(&s, load_word(bytes + at, 8));
	mix_word(&s, (uint64_t)len << 56 | load_word(bytes + at, len - at));
	s.v2 ^= 0xff;
	rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
