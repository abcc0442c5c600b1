/* SPDX-License-Identifier: ISC */
#include "daemon/master/judgements.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include "common/io.h"
#include "daemon/master/bans.h"
#include "daemon/master/master.h"

#include "common/banned.h"

struct judgement {
	struct deadline due;
	struct address_key address;
	struct turn share;
	LIST_ENTRY(judgement) free;
};

struct judgements {
	struct deadlines due;
	struct deadline *room[JUDGEMENTS_MAX];
	struct judgement all[JUDGEMENTS_MAX];
	uint32_t used;
	LIST_HEAD(, judgement) free;
};

int
judgements_new(struct judgements **judgements_out)
{
	struct judgements *judgements =
	    mmap(NULL, sizeof(*judgements), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (judgements == MAP_FAILED)
		return -errno;
	if (madvise(judgements, sizeof(*judgements), MADV_DONTFORK) < 0) {
		int r = -errno;

		munmap(judgements, sizeof(*judgements));
		return r;
	}
	deadlines_init(&judgements->due, judgements->room, JUDGEMENTS_MAX);
	*judgements_out = judgements;
	return 0;
}

static struct judgement *
take_judgement(struct judgements *judgements)
{
	struct judgement *judgement = LIST_FIRST(&judgements->free);

	if (judgement != NULL)
		LIST_REMOVE(judgement, free);
	else if (judgements->used < JUDGEMENTS_MAX)
		judgement = &judgements->all[judgements->used++];
	return judgement;
}

void
judgements_add(struct master *master, const struct address_key *address, struct turn *share, uint64_t at_ms)
{
	struct judgement *judgement = take_judgement(master->judgements);

	if (share->state == TURN_HELD)
		turns_give_back(master->turns[TURN_HASH], share);
	if (judgement == NULL) {
		turns_leave(master->turns[TURN_HASH], share);
		bans_failed(master, address);
		return;
	}
	*judgement = (struct judgement){.address = *address, .share = *share};
	*share = (struct turn){.state = TURN_NONE};
	deadlines_set(&master->judgements->due, &judgement->due, at_ms);
}

static void
judge(struct master *master, struct judgement *judgement)
{
	struct address_key address = judgement->address;

	deadlines_drop(&master->judgements->due, &judgement->due);
	turns_leave(master->turns[TURN_HASH], &judgement->share);
	LIST_INSERT_HEAD(&master->judgements->free, judgement, free);
	bans_failed(master, &address);
}

int
judgements_watch(struct master *master)
{
	struct deadline *first;
	uint64_t now;

	while ((first = deadlines_first(&master->judgements->due)) != NULL) {
		now = monotonic_ms();
		if (first->at_ms > now)
			return deadline_left_ms(first->at_ms, now);
		judge(master, (struct judgement *)(void *)((char *)first - offsetof(struct judgement, due)));
	}
	return -1;
}
