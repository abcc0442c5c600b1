/* SPDX-License-Identifier: ISC */
#include "privsep/ipc/scoreboard.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/banned.h"

void *
scoreboard_place(void)
{
	void *place = mmap(NULL, SCOREBOARD_SLOT_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return place == MAP_FAILED ? NULL : place;
}

int
scoreboard_confine(void *scoreboard, size_t count, size_t slot, void *place, struct claims **claims)
{
	char *own = (char *)scoreboard + slot * SCOREBOARD_SLOT_SIZE;

	if (mremap(own, SCOREBOARD_SLOT_SIZE, SCOREBOARD_SLOT_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, place) ==
		MAP_FAILED ||
	    munmap(scoreboard, count * SCOREBOARD_SLOT_SIZE) < 0)
		return -errno;
	*claims = place;
	return 0;
}

void
scoreboard_leave(struct claims *claims)
{
	munmap(claims, SCOREBOARD_SLOT_SIZE);
}

void
claims_begin(struct claims *claims, uint64_t now_ms)
{
	__atomic_store_n(&claims->direction, (uint32_t)DIRECTION_COUNT, __ATOMIC_RELAXED);
	claim(claims, CLAIM_IDLE, now_ms);
}

static void
begin_texts(struct claims *claims)
{
	__atomic_store_n(&claims->sequence, claims->sequence | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void
end_texts(struct claims *claims)
{
	__atomic_store_n(&claims->sequence, (claims->sequence | 1) + 1, __ATOMIC_RELEASE);
}

static void
put_claim_text(char *to, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memcpy(to, text, len);
	to[len] = '\0';
}

void
claim_command(struct claims *claims, const char *verb, const char *path, size_t len)
{
	begin_texts(claims);
	put_claim_text(claims->verb, sizeof(claims->verb), verb);
	if (len >= sizeof(claims->path)) {
		size_t kept = sizeof(claims->path) - 4;

		memcpy(claims->path, "...", 3);
		memcpy(claims->path + 3, path + len - kept, kept);
		len = sizeof(claims->path) - 1;
	} else if (len > 0) {
		memcpy(claims->path, path, len);
	}
	claims->path[len] = '\0';
	end_texts(claims);
}

void
claim_tls(struct claims *claims, const char *version_and_cipher)
{
	begin_texts(claims);
	put_claim_text(claims->tls, sizeof(claims->tls), version_and_cipher);
	end_texts(claims);
}

void
claim_transfer(struct claims *claims, enum ipc_direction direction, uint64_t size, uint64_t now_ms)
{
	__atomic_store_n(&claims->bytes_done, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&claims->size, size, __ATOMIC_RELAXED);
	__atomic_store_n(&claims->began_ms, now_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&claims->direction, (uint32_t)direction, __ATOMIC_RELAXED);
	claim(claims, CLAIM_TRANSFER, now_ms);
}

void
claim_transfer_end(
    struct claims *claims, enum ipc_direction direction, uint64_t bytes, uint64_t ms, enum transfer_failure failure)
{
	struct work *work = &claims->work;

	__atomic_store_n(&claims->direction, (uint32_t)DIRECTION_COUNT, __ATOMIC_RELAXED);
	__atomic_store_n(&claims->bytes_done, 0, __ATOMIC_RELAXED);
	work->bytes[direction] += bytes;
	if (failure < TRANSFER_FAILURE_COUNT)
		work->failures[failure]++;
	else
		work->transfers[direction]++;
	histogram_add(&work->durations, transfer_bounds_ms, ms);
}
