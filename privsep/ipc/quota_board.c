/* SPDX-License-Identifier: ISC */
#include "privsep/ipc/quota_board.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/banned.h"

#define READ_TRIES 8

struct quota_board *
quota_board_new(void)
{
	struct quota_board *board =
	    mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (board == MAP_FAILED)
		return NULL;
	quota_board_share(board, 0);
	return board;
}

void
quota_board_share(struct quota_board *board, int is_shared)
{
	(void)!madvise(board, sizeof(*board), is_shared ? MADV_DOFORK : MADV_DONTFORK);
}

int
quota_board_make_read_only(struct quota_board *board)
{
	return mprotect(board, sizeof(*board), PROT_READ) < 0 ? -errno : 0;
}

size_t
quota_board_insert(struct quota_row *rows, size_t count, size_t max, const struct quota_row *row)
{
	size_t at = count;

	while (at > 0 && rows[at - 1].bytes < row->bytes)
		at--;
	if (at == max)
		return count;
	if (count < max)
		count++;
	memmove(&rows[at + 1], &rows[at], (count - at - 1) * sizeof(*rows));
	rows[at] = *row;
	return count;
}

void
quota_board_write(struct quota_board *board, const struct quota_row *rows, size_t count)
{
	uint32_t sequence = board->sequence | 1; /* a writer that was killed has left it odd */

	__atomic_store_n(&board->sequence, sequence, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (count > 0)
		memcpy(board->rows, rows, count * sizeof(*rows));
	board->count = (uint32_t)count;
	__atomic_store_n(&board->sequence, sequence + 1, __ATOMIC_RELEASE);
}

size_t
quota_board_read(const struct quota_board *board, struct quota_row *rows)
{
	for (int i = 0; i < READ_TRIES; i++) {
		uint32_t before = __atomic_load_n(&board->sequence, __ATOMIC_ACQUIRE);
		size_t count = board->count;

		if (count > QUOTA_BOARD_MAX)
			return 0;
		memcpy(rows, board->rows, count * sizeof(*rows));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if ((before & 1) != 0 || __atomic_load_n(&board->sequence, __ATOMIC_RELAXED) != before)
			continue;
		for (size_t row = 0; row < count; row++)
			rows[row].user[ACCOUNT_NAME_MAX] = '\0';
		return count;
	}
	return 0;
}
