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
#define OWN_FRAME_BYTES 192 /* with the 128 that the ABI lets a function use below its frame */
#define WORDS_AT_ONCE 8
#define DEEP_STACK_BYTES (256 * 1024)	/* below the caller; a start uses less */

/*
 * What is zero already is only read: a write would copy a page that sessions share. An array of this size would be written
 * to by the compiler, in each page (-fstack-clash-protection); so this looks below its own frame.
 */
void __attribute__((noinline, no_sanitize_address))
wipe_stack(void)
{
	uint64_t *end = (uint64_t *)(((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)63) - OWN_FRAME_BYTES);

	__asm__ volatile("" ::: "memory"); /* what lies there is not ours to the compiler */
	for (uint64_t *words = end - STACK_BYTES / sizeof(*end); words < end; words += WORDS_AT_ONCE) {
		uint64_t used = 0;

		for (size_t i = 0; i < WORDS_AT_ONCE; i++)
			used |= words[i];
		for (size_t i = 0; used != 0 && i < WORDS_AT_ONCE; i++)
			((volatile uint64_t *)words)[i] = 0;
	}
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
