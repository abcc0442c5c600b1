#include "privsep/ipc/scoreboard.h"

#include <errno.h>
#include <sys/mman.h>

#include "common/banned.h"

#define SLOT_SIZE 4096

void *
scoreboard_new(size_t count)
{
	void *map = mmap(NULL, count * SLOT_SIZE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

int
scoreboard_confine(void *scoreboard, size_t count, size_t slot, struct claims **claims)
{
	char *start = scoreboard;
	char *own = start + slot * SLOT_SIZE;
	size_t after = (count - slot - 1) * SLOT_SIZE;

	if (slot > 0 && munmap(start, slot * SLOT_SIZE) < 0)
		return -errno;
	if (after > 0 && munmap(own + SLOT_SIZE, after) < 0)
		return -errno;
	*claims = (struct claims *)(void *)own;
	return 0;
}

void
scoreboard_leave(struct claims *claims)
{
	munmap(claims, SLOT_SIZE);
}
