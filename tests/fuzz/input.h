/* SPDX-License-Identifier: ISC */
/*
 * The bytes of a fuzzer as a source of decisions, such as the next request and its numbers. They are zeros when
 * used up.
 */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *bytes;
	size_t left;
};

static inline uint8_t
input_byte(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->bytes++;
}

/* Below count, which is at most 256. */
static inline unsigned
input_below(struct input *input, unsigned count)
{
	return input_byte(input) % count;
}

/* Mostly a number at which sums and comparisons turn over; otherwise any. */
static inline uint64_t
input_number(struct input *input)
{
	static const uint64_t edges[] = {0, 1, 2, 5, 64, 100, 4096, 1 << 20, UINT32_MAX, (uint64_t)1 << 62, INT64_MAX,
	    (uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX};
	uint8_t choice = input_byte(input);
	uint64_t number = 0;

	if (choice < 210)
		return edges[choice % (sizeof(edges) / sizeof(edges[0]))];
	for (int i = 0; i < 8; i++)
		number = number << 8 | input_byte(input);
	return number;
}

/* At most max bytes, copied. */
static inline size_t
input_bytes(struct input *input, void *bytes, size_t max)
{
	size_t len = input_byte(input) % (max + 1);

	for (size_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = input_byte(input);
	return len;
}

#endif
