/* SPDX-License-Identifier: ISC */
#include "privsep/files/list_sort.h"

#include <stdbool.h>
#include <string.h>

#include "common/banned.h"

#define FEW 32	/* sorted by insertion */
#define DIGITS sizeof(uint64_t)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "word_at() has the first byte lowest");
_Static_assert(LIST_SORT_SLACK >= sizeof(uint64_t), "word_at() reads behind the end of a name");

/* By key. */

static void
sort_few(struct list_name *names, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct list_name moved = names[i];
		size_t j = i;

		for (; j > 0 && names[j - 1].key > moved.key; j--)
			names[j] = names[j - 1];
		names[j] = moved;
	}
}

static bool
is_ascending(const struct list_name *names, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (names[i - 1].key > names[i].key)
			return false;
	return true;
}

static bool
is_descending(const struct list_name *names, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (names[i - 1].key < names[i].key)
			return false;
	return true;
}

static void
reverse(struct list_name *names, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct list_name swap = names[i];

		names[i] = names[count - 1 - i];
		names[count - 1 - i] = swap;
	}
}

static unsigned
digit_of(const struct list_name *name, unsigned digit)
{
	return name->key >> (8 * digit) & 0xff;
}

/* One pass of a radix sort: places in begins[] are where the next name with that digit goes. */
static void
deal(const struct list_name *from, struct list_name *to, size_t count, unsigned digit, uint32_t begins[256])
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 256; i++) {
		uint32_t here = begins[i];

		begins[i] = sum;
		sum += here;
	}
	for (size_t i = 0; i < count; i++)
		to[begins[digit_of(&from[i], digit)]++] = from[i];
}

/* From the lowest digit to the highest, but for those that are the same in all keys. */
static void
sort_many(struct list_name *names, struct list_name *spare, size_t count)
{
	uint32_t counts[DIGITS][256] = {0};
	struct list_name *from = names, *to = spare, *swap;

	for (size_t i = 0; i < count; i++)
		for (unsigned digit = 0; digit < DIGITS; digit++)
			counts[digit][digit_of(&names[i], digit)]++;
	for (unsigned digit = 0; digit < DIGITS; digit++) {
		if (counts[digit][digit_of(&from[0], digit)] == count)
			continue;
		deal(from, to, count, digit, counts[digit]);
		swap = from;
		from = to;
		to = swap;
	}
	if (from == spare)
		memcpy(names, spare, count * sizeof(*names));
}

static void
sort_by_key(struct list_name *names, struct list_name *spare, size_t count)
{
	if (count <= FEW)
		sort_few(names, count);
	else if (is_ascending(names, count))
		return;
	else if (is_descending(names, count))
		reverse(names, count);
	else
		sort_many(names, spare, count);
}

/* By name. */

static uint64_t
word_at(const char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* How many of the first max bytes are the same? */
static size_t
count_shared(const char *a, const char *b, size_t max)
{
	for (size_t i = 0; i < max; i += sizeof(uint64_t)) {
		uint64_t differs = word_at(a + i) ^ word_at(b + i);
		size_t shared = i + (size_t)(differs == 0 ? 64 : __builtin_ctzll(differs)) / 8;

		if (differs != 0)
			return shared < max ? shared : max;
	}
	return max;
}

/* Eight bytes of a name from skip on as one number, zeros after its end. */
static uint64_t
key_behind(const char *text, const struct list_name *name, size_t skip)
{
	uint64_t key = __builtin_bswap64(word_at(text + name->at + skip));
	size_t left = name->len - skip;

	if (left >= sizeof(key))
		return key;
	return left == 0 ? 0 : key & ~0ULL << (64 - 8 * left);
}

/*
 * Names that share their first *skip bytes get keys of the first bytes that are not the same in all of them; then
 * *skip is where those begin. False: all names are the same.
 */
static bool
make_keys(struct list_name *names, size_t count, const char *text, size_t *skip)
{
	size_t shared = names[0].len;
	bool differs = false;

	for (size_t i = 1; i < count; i++) {
		size_t max = (names[i].len < shared ? names[i].len : shared) - *skip;

		shared = *skip + count_shared(text + names[0].at + *skip, text + names[i].at + *skip, max);
		differs |= names[i].len != names[0].len;
	}
	if (shared == names[0].len && !differs)
		return false;
	for (size_t i = 0; i < count; i++)
		names[i].key = key_behind(text, &names[i], shared);
	*skip = shared;
	return true;
}

static size_t
run_of_key(const struct list_name *names, size_t count)
{
	size_t run = 1;

	while (run < count && names[run].key == names[0].key)
		run++;
	return run;
}

/* The names share their first skip bytes. Each round of keys separates some of them. */
static void
sort_behind(struct list_name *names, struct list_name *spare, size_t count, const char *text, size_t skip)
{
	sort_by_key(names, spare, count);
	for (size_t run; count > 0; names += run, count -= run) {
		size_t shared = skip;

		run = run_of_key(names, count);
		if (run > 1 && make_keys(names, run, text, &shared))
			sort_behind(names, spare, run, text, shared);
	}
}

void
list_sort(struct list_name *names, struct list_name *spare, size_t count, const char *text)
{
	sort_behind(names, spare, count, text, 0);
}
