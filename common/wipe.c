/* SPDX-License-Identifier: ISC */
#include "common/wipe.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/libc.h"

#include "common/banned.h"

#define STACK_BYTES 16384
#define DEEP_STACK_BYTES (256 * 1024)	/* below the caller; a start uses less */

void __attribute__((noinline))
wipe_stack(void)
{
	char below[STACK_BYTES];

	explicit_bzero(below, sizeof(below));
}

void __attribute__((noinline))
give_memory_back(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t end = ((uintptr_t)__builtin_frame_address(0) & ~(page - 1)) - page;	/* not this function's own */

	malloc_trim(0);
	/* -ENOMEM, since the stack does not reach so far, comes after the pages that are there were given back */
	(void)!madvise((void *)(end - DEEP_STACK_BYTES), DEEP_STACK_BYTES, MADV_DONTNEED);
}

void
free_wiped(void *memory)
{
	if (memory != NULL)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}
