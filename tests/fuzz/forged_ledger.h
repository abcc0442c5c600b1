/* SPDX-License-Identifier: ISC */
/*
 * A ledger's file with any figures. It has the layout and the checks of accounts/ledger.c, so that the ledger
 * believes it.
 */
#ifndef TESTS_FUZZ_FORGED_LEDGER_H
#define TESTS_FUZZ_FORGED_LEDGER_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "tests/fuzz/input.h"

#define FORGED_SLOTS 5
#define FORGED_SLOTS_AT 4096

struct forged_header {
	uint64_t magic;
	uint32_t flags, slots;
	int64_t base_bytes, base_files;
	uint8_t boot_id[16];
	uint64_t check;
};

struct forged_slot {
	int64_t bytes, files;
	uint64_t reserved_bytes, reserved_files, key, start_size;
	uint32_t flags, unused;
	uint64_t check;
};

static inline uint64_t
forged_check(uint64_t check, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		check = (check ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ULL;
	return check;
}

static inline void
forge_header(int fd, const char *name, struct input *input)
{
	struct forged_header header = {.magic = 0x32524744454c5053ULL};

	header.flags = input_byte(input) & 3;
	header.slots = input_byte(input) < 250 ? input_below(input, FORGED_SLOTS + 1) : (uint32_t)input_number(input);
	header.base_bytes = (int64_t)input_number(input);
	header.base_files = (int64_t)input_number(input);
	memset(header.boot_id, input_byte(input) & 1, sizeof(header.boot_id));
	header.check = forged_check(
	    forged_check(0xcbf29ce484222325ULL, name, strlen(name)), &header, offsetof(struct forged_header, check));
	if (pwrite(fd, &header, sizeof(header), 0) != sizeof(header))
		abort();
}

static inline void
forge_slot(int fd, unsigned number, struct input *input)
{
	struct forged_slot slot = {.bytes = (int64_t)input_number(input)};

	slot.files = (int64_t)input_number(input);
	slot.reserved_bytes = input_number(input);
	slot.reserved_files = input_number(input);
	slot.key = input_number(input);
	slot.start_size = input_number(input);
	slot.flags = input_byte(input) & 3;
	slot.check = input_byte(input) < 230
	    ? forged_check(0xcbf29ce484222325ULL, &slot, offsetof(struct forged_slot, check))
	    : 1;
	if (pwrite(fd, &slot, sizeof(slot), FORGED_SLOTS_AT + (off_t)(number * sizeof(slot))) != sizeof(slot))
		abort();
}

/* Make the file at path, whose last component is the account. */
static inline void
forge_ledger(const char *path, struct input *input)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		abort();
	forge_header(fd, strrchr(path, '/') + 1, input);
	for (unsigned number = 0; number < FORGED_SLOTS; number++) {
		if (input_byte(input) >= 100)
			forge_slot(fd, number, input);
	}
	close_fd(&fd);
}

#endif
