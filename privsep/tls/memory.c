#include "privsep/tls/memory.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"

static void *
take(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(size);
}

static void
wipe(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	if (memory != NULL)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

/* Never in place, and never by realloc(3), which leaves the old bytes where they were when it moves. */
static void *
move(void *memory, size_t size, const char *file, int line)
{
	size_t old_size = memory == NULL ? 0 : malloc_usable_size(memory);
	void *moved = malloc(size);

	if (moved == NULL)
		return NULL;
	if (memory != NULL)
		memcpy(moved, memory, old_size < size ? old_size : size);
	wipe(memory, file, line);
	return moved;
}

int
memory_wipe_freed(void)
{
	return CRYPTO_set_mem_functions(take, move, wipe) == 1 ? 0 : -EALREADY;
}
