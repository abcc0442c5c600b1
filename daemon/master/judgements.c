/* SPDX-License-Identifier: ISC */
#include "daemon/master/judgements.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include "common/io.h"
#include "daemon/master/bans.h"
#include "daemon/master/master.h"
#include "daemon/master/sessions.h"

#include "common/banned.h"

struct judgement {
	struct master *master;
	struct loop_timer due;
	struct address_key address;
	struct turn share;
	LIST_ENTRY(judgement) free;
};

struct judgements {
	struct judgement all[JUDGEMENTS_MAX];
	uint32_t used, waiting;
	LIST_HEAD(judgement_list, judgement) free;
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

static void
judgement_due(void *arg)
{
	struct judgement *judgement = arg;
	struct master *master = judgement->master;
	struct address_key address = judgement->address;

	master->judgements->waiting--;
	turns_leave(master->turns[TURN_HASH], &judgement->share);
	LIST_INSERT_HEAD(&master->judgements->free, judgement, free);
	bans_failed(master, &address);
	sessions_grant_soon(master);
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
	*judgement = (struct judgement){
	    .master = master, .due = {.due = judgement_due, .arg = judgement}, .address = *address, .share = *share};
	*share = (struct turn){.state = TURN_NONE};
	master->judgements->waiting++;
	timer_set(master->loop, &judgement->due, at_ms);
}

uint32_t
judgements_waiting(const struct judgements *judgements)
{
	return judgements->waiting;
}
