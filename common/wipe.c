/* SPDX-License-Identifier: ISC */
#include "common/wipe.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"

#define STACK_BYTES 16384

void __attribute__((noinline))
wipe_stack(void)
{
	char below[STACK_BYTES];

	explicit_bzero(below, sizeof(below));
}

void
free_wiped(void *memory)
{
	if (memory != NULL)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}
